package tests

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// crowd is many clients of several sites that write the same requests through all gateways of their site, and what they were told.
// Each client writes with a field of its own, its pen, to which it gives higher and higher numbers; what it gets no clear answer for
// it repeats under the same Idempotency-Key at another gateway.
type crowd struct {
	t     *testing.T
	n     *harness.Cluster
	doors map[string][]*harness.Gateway // by site
	sites []string
	// calm makes an answer other than success a fault of the test, but for a connection that was refused.
	calm bool

	stop chan struct{}
	all  sync.WaitGroup

	mu       sync.Mutex
	requests []*crowded
	answers  map[string]int
	slowest  time.Duration
	acked    int
}

// crowded is one request of a crowd.
type crowded struct {
	subject, path, ref string

	mu       sync.Mutex
	versions map[string]string // version to pen and number
	acked    map[string]int    // the highest acknowledged number by pen
	tried    map[string]int    // the highest that was sent
	deleted  bool
	deleting bool
}

func newCrowd(t *testing.T, n *harness.Cluster, doors map[string][]*harness.Gateway) *crowd {
	c := &crowd{t: t, n: n, doors: doors, stop: make(chan struct{}), answers: make(map[string]int)}
	for s := range doors {
		c.sites = append(c.sites, s)
	}
	slices.Sort(c.sites)
	return c
}

// send sends a call to the gateways of a site, one after the other, until one gives a clear answer; ok is false when none did in time.
func (c *crowd) send(site string, call harness.Call, within time.Duration) (a harness.Answer, ok bool) {
	doors := c.doors[site]
	at := rand.IntN(len(doors))
	for end := time.Now().Add(within); ; at++ {
		began := time.Now()
		a = doors[at%len(doors)].Do(call)
		kind := fmt.Sprint(a.Status)
		if a.Err != nil {
			kind = "cut"
			if strings.Contains(a.Err.Error(), "refused") {
				kind = "refused"
			}
		} else if p := problemType(a); p != "" {
			kind += " " + p
		}
		c.mu.Lock()
		c.answers[kind]++
		c.slowest = max(c.slowest, time.Since(began))
		c.mu.Unlock()
		switch {
		case a.Err == nil && (a.OK() || a.Status == 202 || a.Status == 404 || a.Status == 410 || a.Status == 422):
			return a, true
		case c.calm && kind != "refused" && kind != "cut":
			// A gateway that ends closes connections that are idle, and a call may just be on its way on one: HTTP/1.1 has no word for
			// that. The call is repeated with its key.
			c.t.Errorf("%s %s at %s: %s %.300s", call.Method, call.Path, site, kind, a.Body)
		}
		if time.Now().After(end) {
			return a, false
		}
		harness.Pause(time.Duration(10+rand.IntN(40)) * time.Millisecond)
	}
}

// problemType is the last part of the type of a problem.
func problemType(a harness.Answer) string {
	var p struct {
		Type string `json:"type"`
	}
	if json.Unmarshal(a.Body, &p) != nil || p.Type == "" {
		return ""
	}
	return p.Type[strings.LastIndex(p.Type, "/")+1:]
}

// start lets clients write until End: some make requests, all update what there is, some delete.
func (c *crowd) start(clients int) {
	for i := range clients {
		c.all.Go(func() { c.client(fmt.Sprintf("pen%d", i), c.sites[i%len(c.sites)]) })
	}
}

// end lets the clients finish what they are at.
func (c *crowd) end() {
	close(c.stop)
	c.all.Wait()
}

func (c *crowd) client(pen, site string) {
	for k := 0; ; k++ {
		select {
		case <-c.stop:
			return
		default:
		}
		x := c.any()
		switch n := rand.IntN(20); {
		case x == nil || n == 0:
			c.create(site)
		case n == 1:
			c.remove(x, site)
		case n == 2:
			c.send(site, harness.Call{Method: "GET", Path: x.path}, time.Second)
		default:
			c.update(x, site, pen)
		}
	}
}

// any is one of the newest requests: so many clients write the same ones.
func (c *crowd) any() *crowded {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.requests) == 0 {
		return nil
	}
	return c.requests[max(0, len(c.requests)-1-rand.IntN(4))]
}

func (c *crowd) create(site string) {
	x := &crowded{subject: subject("crowd of " + c.t.Name()), versions: make(map[string]string), acked: make(map[string]int), tried: make(map[string]int)}
	a, ok := c.send(site, harness.Call{Method: "POST", Path: "/tickets", Body: ticket(x.subject, ""), Key: key(x.subject)}, 20*time.Second)
	if !ok || a.Status/100 != 2 {
		c.t.Errorf("a create at %s had no clear end: %d %v %.300s", site, a.Status, a.Err, a.Body)
		return
	}
	x.path, x.ref = "/tickets/"+site+":"+a.ID(), a.Request()
	x.versions[a.Header.Get("Meridian-Version")] = "create"
	c.mu.Lock()
	defer c.mu.Unlock()
	c.acked++
	c.requests = append(c.requests, x)
}

func (c *crowd) update(x *crowded, site, pen string) {
	x.mu.Lock()
	x.tried[pen]++
	n := x.tried[pen]
	x.mu.Unlock()
	a, ok := c.send(site, harness.Call{Method: "PATCH", Path: x.path, Body: fmt.Sprintf(`{%q:%d}`, pen, n), Key: key(fmt.Sprintf("%s %s %d", x.subject, pen, n))}, 20*time.Second)
	if !ok || a.Status/100 != 2 {
		x.mu.Lock()
		defer x.mu.Unlock()
		if !x.deleting || a.Status != 410 && a.Status != 404 {
			c.t.Errorf("%s=%d of %s at %s had no clear end: %d %v %.300s", pen, n, x.subject, site, a.Status, a.Err, a.Body)
		}
		return
	}
	v := a.Header.Get("Meridian-Version")
	x.mu.Lock()
	defer x.mu.Unlock()
	what := fmt.Sprintf("%s=%d", pen, n)
	if other, twice := x.versions[v]; twice && v != "" {
		c.t.Errorf("%s: version %s was given to %s and to %s", x.subject, v, other, what)
	}
	x.versions[v], x.acked[pen] = what, n
	c.mu.Lock()
	defer c.mu.Unlock()
	c.acked++
}

func (c *crowd) remove(x *crowded, site string) {
	x.mu.Lock()
	twice := x.deleting
	x.deleting = true
	x.mu.Unlock()
	if twice {
		return
	}
	a, ok := c.send(site, harness.Call{Method: "DELETE", Path: x.path}, 20*time.Second)
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.deleted = ok && a.Status != 422 && a.Status != 404; !x.deleted {
		c.t.Errorf("the deletion of %s had no clear end: %d %v %.300s", x.subject, a.Status, a.Err, a.Body)
	}
}

// check waits until nothing is owed and compares what the clients were told with what there is: at every site one record of each
// request with the highest acknowledged number of every pen, none of what was deleted, and nothing made or written twice.
func (c *crowd) check(within time.Duration) {
	c.t.Helper()
	c.n.Settled(within)
	c.t.Logf("%d writes acknowledged of %d requests, the slowest answer after %v, answers %v", c.acked, len(c.requests), c.slowest.Round(time.Millisecond), c.answers)
	for _, x := range c.requests {
		if x.deleted {
			for _, s := range c.n.Sites() {
				c.n.At(s).WantNone(x.subject, within)
			}
			continue
		}
		rec := c.n.WantSame(x.subject, within, c.n.Sites()...)
		for pen, n := range x.acked {
			if got := fmt.Sprint(rec[pen]); got != fmt.Sprint(n) {
				c.t.Errorf("%s: %s is %s, %d was acknowledged last", x.subject, pen, got, n)
			}
		}
		c.n.WantOwner(x.ref, "", within)
	}
	c.once()
}

// once looks through what the request APIs did: no record was made twice, no number written twice at the owner's, and the gateways of a
// site never had two writes of one record under way at once.
func (c *crowd) once() {
	c.t.Helper()
	for _, s := range c.n.Sites() {
		made, last := make(map[string]int), make(map[string]harness.Entry)
		for _, e := range c.n.At(s).Fake().Log() {
			if e.Method == "GET" || e.ID == "" {
				continue
			}
			if before, ok := last[e.ID]; ok && e.At.Before(before.Done) && e.Method != "POST" {
				c.t.Errorf("%s: two writes of record %s at once: %s %s and %s %s", s, e.ID, before.Method, before.Body, e.Method, e.Body)
			}
			last[e.ID] = e
			if e.Method == "POST" && e.Committed {
				var rec struct{ Subject string }
				_ = json.Unmarshal(e.Body, &rec)
				made[rec.Subject]++
			}
		}
		for name, n := range made {
			if n > 1 {
				c.t.Errorf("%s: %d records of %q were made", s, n, name)
			}
		}
	}
}
