package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// Kinds of load.
const (
	loadFixed  = "fixed"  // the same call again and again
	loadCreate = "create" // a new record each
	loadUpdate = "update" // records created before in the same pool, in turns
	loadMixed  = "mixed"  // nine creates, then an update of one of them
)

// job is one piece of work of the load generator.
type job struct {
	Kind string
	Addr string
	// Method and Path are those of a fixed load; with Body it carries one KB.
	Method, Path string
	Body         bool
	Size         int // of a created record, in bytes
	// Pool names the records that a create leaves to later updates.
	Pool    string
	Conns   int
	Seconds float64
	Max     int64 // calls at most; 0: no bound
	// Rate in calls a second makes an open load: calls begin when they are due, whether or not earlier ones have been answered.
	// 0 is a closed load: every connection sends its next call when the last one is answered.
	Rate float64
	// Times asks for the moment of each answer.
	Times bool
}

// outcome is what came of a job.
type outcome struct {
	Calls, Failed int64
	Seconds       float64
	// P50, P99 are of the time from when a call was due until its answer was there, in microseconds.
	P50, P99 float64
	// Late counts calls of an open load that began late because every connection was busy.
	Late    int64
	Fault   string          // the first failure
	Answers map[int64]int64 // by number of the write, in Unix nanoseconds
	Error   string          // the job could not be run at all
}

// perSecond returns successful calls a second.
func (o outcome) perSecond() float64 { return float64(o.Calls-o.Failed) / o.Seconds }

// generator is the role "load": jobs come in as JSON, outcomes go out.
type generator struct {
	numbers atomic.Int64 // of writes; never the same twice
	pools   map[string][]known
}

// known is a record that a client has created.
type known struct {
	key, id string
}

func runLoad(in io.Reader, out io.Writer) error {
	g := &generator{pools: map[string][]known{}}
	jobs, outcomes := json.NewDecoder(in), json.NewEncoder(out)
	for {
		var j job
		if err := jobs.Decode(&j); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		o, err := g.run(j)
		if err != nil {
			o.Error = err.Error()
		}
		if err := outcomes.Encode(o); err != nil {
			return err
		}
	}
}

// run does a job with one goroutine and one connection per client.
func (g *generator) run(j job) (outcome, error) {
	if j.Conns <= 0 || j.Seconds <= 0 {
		return outcome{}, fmt.Errorf("a job needs connections and seconds, got %d and %v", j.Conns, j.Seconds)
	}
	known := g.pools[j.Pool]
	if j.Kind == loadUpdate && len(known) < j.Conns {
		return outcome{}, fmt.Errorf("%d records for %d clients that update", len(known), j.Conns)
	}
	start := time.Now()
	clients := make([]*client, j.Conns)
	pace := &pace{start: start, end: start.Add(time.Duration(j.Seconds * float64(time.Second))), max: j.Max}
	if j.Rate > 0 {
		pace.every = time.Duration(float64(time.Second) / j.Rate)
	}
	var wg sync.WaitGroup
	for i := range clients {
		c := &client{job: j, numbers: &g.numbers, pace: pace, wire: wire{addr: j.Addr, until: pace.end.Add(30 * time.Second)}}
		if j.Kind == loadUpdate { // each client has records of its own, as people do
			share := len(known) / j.Conns
			c.records = known[i*share : (i+1)*share]
		}
		clients[i] = c
		wg.Go(c.run)
	}
	wg.Wait()
	return g.gather(j, clients, time.Since(start)), nil
}

func (g *generator) gather(j job, clients []*client, took time.Duration) outcome {
	o := outcome{Seconds: took.Seconds()}
	if j.Times {
		o.Answers = map[int64]int64{}
	}
	var waits []float64
	for _, c := range clients {
		o.Calls += int64(len(c.waits)) + c.failed
		o.Failed += c.failed
		o.Late += c.late
		waits = append(waits, c.waits...)
		if o.Fault == "" {
			o.Fault = c.fault
		}
		for n, at := range c.answers {
			o.Answers[n] = at
		}
		if j.Kind == loadCreate || j.Kind == loadMixed {
			g.pools[j.Pool] = append(g.pools[j.Pool], c.records...)
		}
	}
	slices.Sort(waits)
	if len(waits) > 0 {
		o.P50, o.P99 = sortedQuantile(waits, 0.5), sortedQuantile(waits, 0.99)
	}
	return o
}

// pace hands out turns: when each call is due, until the time or the number is over.
type pace struct {
	start, end time.Time
	every      time.Duration
	max        int64
	turns      atomic.Int64
}

// next returns when the next call is due. It is the zero time in a closed load.
func (p *pace) next() (due time.Time, ok bool) {
	turn := p.turns.Add(1) - 1
	if p.max > 0 && turn >= p.max {
		return time.Time{}, false
	}
	if p.every == 0 {
		return time.Time{}, time.Now().Before(p.end)
	}
	due = p.start.Add(time.Duration(turn) * p.every)
	return due, due.Before(p.end)
}

// client is one connection with one call at a time.
type client struct {
	job     job
	numbers *atomic.Int64
	pace    *pace
	wire    wire
	records []known // to update, or created
	turn    int

	waits        []float64 // microseconds
	failed, late int64
	fault        string
	answers      map[int64]int64
}

func (c *client) run() {
	defer c.wire.close()
	if c.job.Times {
		c.answers = map[int64]int64{}
	}
	var fixed []byte
	if c.job.Kind == loadFixed {
		var body []byte
		if c.job.Body {
			body = page
		}
		fixed = layOut(c.job.Method, c.job.Path, c.job.Addr, body)
	}
	for {
		due, ok := c.pace.next()
		if !ok {
			return
		}
		begin := c.begin(due)
		n, call := int64(0), fixed
		var record known
		if fixed == nil {
			n = c.numbers.Add(1)
			record, call = c.write(n)
		}
		status, body, err := c.wire.do(call)
		done := time.Now()
		if err != nil || status >= 300 {
			c.fail(status, body, err)
			continue
		}
		c.waits = append(c.waits, float64(done.Sub(begin).Nanoseconds())/1000)
		if c.answers != nil {
			c.answers[n] = done.UnixNano()
		}
		if fixed == nil && record.id == "" {
			c.records = append(c.records, known{record.key, idOf(body)})
		}
	}
}

// begin waits until the call is due. What a client waits is counted from then, so that a system that stalls is charged for the
// calls that could not begin meanwhile; but a timer that fires late is the generator's fault and not counted.
func (c *client) begin(due time.Time) time.Time {
	now := time.Now()
	if due.IsZero() {
		return now
	}
	if wait := due.Sub(now); wait > 0 {
		time.Sleep(wait)
		return time.Now()
	}
	if now.Sub(due) > time.Millisecond {
		c.late++
	}
	return due
}

// write lays out the next write of the client: the record it is for, without an id when it is a create, and the call.
func (c *client) write(n int64) (known, []byte) {
	c.turn++
	update := c.job.Kind == loadUpdate || c.job.Kind == loadMixed && c.turn%10 == 0 && len(c.records) > 0
	if !update {
		return known{key: recordKey(n)}, layOut("POST", "/tickets", c.job.Addr, creation(n, c.job.Size))
	}
	r := c.records[c.turn%len(c.records)]
	return r, layOut("PATCH", "/tickets/"+r.id, c.job.Addr, alteration(r.key, n))
}

func (c *client) fail(status int, body []byte, err error) {
	c.failed++
	if c.fault == "" {
		c.fault = "status " + strconv.Itoa(status) + ": " + string(body[:min(len(body), 300)])
		if err != nil {
			c.fault = err.Error()
		}
	}
	if c.failed%100 == 0 { // a system that is gone would be asked a million times a second
		time.Sleep(10 * time.Millisecond)
	}
}
