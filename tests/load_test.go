package tests

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// load is a set of clients that create and update requests at all sites of a network while it is maltreated, and remember what was
// acknowledged to them.
type load struct {
	n      *harness.Cluster
	prefix string
	stop   chan struct{}
	all    sync.WaitGroup

	mu    sync.Mutex
	names []string       // subjects of acknowledged creates
	maybe map[string]int // creates without an answer: how often they were sent
	acked map[string]int // subject and field to the last acknowledged value
	sent  map[string]int // the last value sent
	ids   map[string]entryPoint
	count int
	wrong []string
}

type entryPoint struct {
	site, id string
}

// startLoad lets clients loose at every site.
func startLoad(n *harness.Cluster, clients int) *load {
	l := &load{n: n, prefix: subject("load"), stop: make(chan struct{}), maybe: make(map[string]int), acked: make(map[string]int),
		sent: make(map[string]int), ids: make(map[string]entryPoint)}
	for c := range clients {
		site := n.Sites()[c%len(n.Sites())]
		l.all.Go(func() { l.client(c, site) })
	}
	return l
}

func (l *load) client(c int, site string) {
	g := l.n.At(site)
	field := fmt.Sprintf("c%d", c)
	for i := 0; ; i++ {
		select {
		case <-l.stop:
			return
		default:
		}
		if i%4 == 0 {
			l.create(g, fmt.Sprintf("%s/%d/%d", l.prefix, c, i))
		} else {
			l.update(g, field, i)
		}
	}
}

func (l *load) create(g *harness.Gateway, name string) {
	category := []string{"chair", "desk"}[rand.IntN(2)]
	a := g.Create("/tickets", ticket(name, fmt.Sprintf(`"category":%q`, category)))
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case a.Err == nil && (a.Status == 201 || a.Status == 202):
		l.count++
		l.names = append(l.names, name)
		if rec, err := harness.ParseRecord(a.Body); err == nil && rec["id"] != nil {
			l.ids[name] = entryPoint{g.Name, rec.ID()}
		}
	default:
		l.maybe[name]++
		l.doubt(a)
	}
}

// update writes the client's own field of a request that somebody made, by its id at the site where it was entered.
func (l *load) update(g *harness.Gateway, field string, value int) {
	l.mu.Lock()
	if len(l.ids) == 0 {
		l.mu.Unlock()
		harness.Pause(20 * time.Millisecond)
		return
	}
	name := l.names[rand.IntN(len(l.names))]
	at, ok := l.ids[name]
	key := name + "\x00" + field
	l.sent[key] = value
	l.mu.Unlock()
	if !ok {
		return
	}
	a := g.Patch("/tickets/"+at.site+":"+at.id, fmt.Sprintf(`{%q:%d}`, field, value))
	l.mu.Lock()
	defer l.mu.Unlock()
	if a.OK() || a.Err == nil && a.Status == 202 { // 202: the owner has it, the copy here is still to come
		l.count++
		l.acked[key] = max(l.acked[key], value)
		return
	}
	l.doubt(a)
}

// doubt notes an answer that no fault excuses.
func (l *load) doubt(a harness.Answer) {
	if a.Err != nil {
		harness.Pause(50 * time.Millisecond)
		return
	}
	switch a.Status {
	case 404, 409, 502, 503, 504: // a request may not be known at another site yet
		harness.Pause(20 * time.Millisecond)
	default:
		l.wrong = append(l.wrong, fmt.Sprintf("%d %.200s", a.Status, a.Body))
	}
}

// end stops the clients and returns how many writes were acknowledged.
func (l *load) end() int {
	close(l.stop)
	l.all.Wait()
	return l.count
}

// check wants every acknowledged write to be there, nothing twice, and all holders equal.
func (l *load) check(t *testing.T, patience time.Duration) {
	t.Helper()
	for _, w := range l.wrong {
		t.Errorf("a client got %s", w)
	}
	l.n.Settled(patience)
	harness.Eventually(t, patience, "all sites hold the same", func() error { return l.converged() })
	for _, site := range l.n.Sites() {
		l.checkSite(t, site)
	}
}

// table is what a site's own API holds of this load, by subject; a subject that is there twice is an error.
func (l *load) table(site string) (map[string]harness.Record, error) {
	all, err := l.n.At(site).API().Records()
	if err != nil {
		return nil, err
	}
	out := make(map[string]harness.Record)
	for _, r := range all {
		name := fmt.Sprint(r["subject"])
		if other, twice := out[name]; twice {
			return nil, harness.GiveUp(fmt.Errorf("%s holds %q twice: %v and %v", site, name, other, r))
		}
		out[name] = r
	}
	return out, nil
}

func (l *load) converged() error {
	first, err := l.table(l.n.Sites()[0])
	if err != nil {
		return err
	}
	for _, site := range l.n.Sites()[1:] {
		other, err := l.table(site)
		if err != nil {
			return err
		}
		for name, rec := range first {
			if err := harness.Same(rec, other[name]); err != nil {
				return fmt.Errorf("%s at %s: %w", name, site, err)
			}
		}
		for name := range other {
			if first[name] == nil {
				return fmt.Errorf("%s is at %s only", name, site)
			}
		}
	}
	return nil
}

func (l *load) checkSite(t *testing.T, site string) {
	t.Helper()
	held, err := l.table(site)
	if err != nil {
		t.Error(err)
		return
	}
	for _, name := range l.names {
		if held[name] == nil {
			t.Errorf("%s lacks %s, whose create was acknowledged", site, name)
		}
	}
	for key, least := range l.acked {
		name, field := cut(key)
		var got int
		_, _ = fmt.Sscan(fmt.Sprint(held[name][field]), &got)
		if got < least || got > l.sent[key] {
			t.Errorf("%s has %s=%v of %s; %d was acknowledged and %d the last one sent", site, field, held[name][field], name, least, l.sent[key])
		}
	}
}

func cut(key string) (name, field string) {
	for i := range len(key) {
		if key[i] == 0 {
			return key[:i], key[i+1:]
		}
	}
	return key, ""
}
