package tests

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// stage is a moment of a hand-over from Oslo to Rome that can be seen from outside: a call at one of their request APIs, and what
// becomes of it. The stamp tells the call that makes a site the owner from all others.
type stage struct {
	name, at string
	fault    harness.Fault
	// alone moves a request that Rome has no copy of, and takes Oslo's record away.
	alone bool
}

func taking(_ *http.Request, body []byte) bool {
	return bytes.Contains(body, []byte(`"sync_state":"owner"`))
}

// stages are in the order in which a hand-over comes to them.
func stages() []stage {
	const work = 250 * time.Millisecond
	take := func(x harness.Fault, method string) harness.Fault {
		x.Method, x.Times = method, 1
		x.When = taking
		return x
	}
	return []stage{
		{name: "Oslo reads before it releases", at: "oslo", fault: harness.Fault{Method: "GET", Times: 1, Wait: work, Commit: true}},
		{name: "Rome's API is at work", at: "rome", fault: take(harness.Fault{Wait: work, Commit: true}, "PATCH")},
		{name: "Rome's API has done it and the answer is lost", at: "rome", fault: take(harness.Fault{Commit: true, Drop: true}, "PATCH")},
		{name: "Rome's API breaks without doing it", at: "rome", fault: take(harness.Fault{Drop: true}, "PATCH")},
		{name: "Rome's API does it later", at: "rome", fault: take(harness.Fault{Commit: true, Drop: true, Later: time.Second}, "PATCH")},
		{name: "Rome's API fails", at: "rome", fault: take(harness.Fault{Status: 500, Body: `{"error":"later"}`}, "PATCH")},
		{name: "Rome's API makes the record", at: "rome", alone: true, fault: take(harness.Fault{Wait: work, Commit: true}, "POST")},
		{name: "Rome's API has made the record and the answer is lost", at: "rome", alone: true,
			fault: take(harness.Fault{Commit: true, Drop: true}, "POST")},
		{name: "Rome's API makes the record later", at: "rome", alone: true,
			fault: take(harness.Fault{Commit: true, Drop: true, Later: time.Second}, "POST")},
		{name: "Oslo's record is deleted", at: "oslo", alone: true, fault: harness.Fault{Method: "DELETE", Times: 1, Wait: work, Commit: true}},
		{name: "Oslo's record is deleted and the answer is lost", at: "oslo", alone: true,
			fault: harness.Fault{Method: "DELETE", Times: 1, Commit: true, Drop: true}},
	}
}

// blow is what happens at that moment; it ends when all runs again.
type blow struct {
	name string
	do   func(*harness.Cluster)
}

func blows() []blow {
	kill := func(names ...string) func(*harness.Cluster) {
		return func(n *harness.Cluster) {
			for _, name := range names {
				n.At(name).Kill()
			}
			harness.Pause(time.Duration(rand.IntN(150)) * time.Millisecond)
			for _, name := range names {
				n.At(name).Restart()
			}
		}
	}
	link := func(fail func(*harness.Cluster)) func(*harness.Cluster) {
		return func(n *harness.Cluster) {
			fail(n)
			harness.Pause(time.Duration(rand.IntN(400)) * time.Millisecond)
			n.Heal("oslo", "rome")
		}
	}
	return []blow{
		{"Oslo is killed", kill("oslo")},
		{"Rome is killed", kill("rome")},
		{"both are killed", kill("oslo", "rome")},
		{"Paris is killed", kill("paris")},
		{"all are killed", kill("rome", "paris", "oslo")},
		{"the link is cut", link(func(n *harness.Cluster) { n.Cut("oslo", "rome") })},
		{"the answers are lost", link(func(n *harness.Cluster) { n.Link("oslo", "rome").OneWay() })},
		{"the link is cut and Oslo killed", link(func(n *harness.Cluster) { n.Cut("oslo", "rome"); kill("oslo")(n) })},
		{"the link is cut and Rome killed", link(func(n *harness.Cluster) { n.Cut("oslo", "rome"); kill("rome")(n) })},
	}
}

// A hand-over is struck at each of its moments, while clients at all sites write the request: gateways of either side are killed with
// kill -9, the link is cut, at a moment when the API has done its part, has not, or will later. What was ordered is done in the end:
// Rome alone owns it, with every acknowledged write, and it is nowhere twice.
func TestOwnershipStruckAtEachStage(t *testing.T) {
	t.Parallel()
	sites := harness.Fakes(t, "oslo", "rome", "paris")
	for i := range sites {
		sites[i].Profile = stamped
	}
	n := harness.Start(t, harness.Network{Sites: sites, Routes: `
- {name: shared, on: [create], at: [oslo], when: kind == "shared", copy: {to: all}}
`})
	type pair struct {
		stage
		blow
	}
	var all []pair
	for _, s := range stages() {
		for _, b := range blows() {
			all = append(all, pair{s, b})
		}
	}
	rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	written, began := 0, time.Now()
	for i := range harness.Rounds(4, 200) {
		p := all[i%len(all)]
		what := fmt.Sprintf("round %d: %s, %s", i, p.stage.name, p.blow.name)
		written += strike(t, n, what, p.stage, p.blow)
		if t.Failed() {
			t.Fatal(what)
		}
		t.Logf("%s: %v", what, time.Since(began).Round(time.Millisecond))
	}
	if written == 0 {
		t.Error("nothing was acknowledged")
	}
}

// strike is one round; it returns how many writes were acknowledged.
func strike(t *testing.T, n *harness.Cluster, what string, s stage, b blow) int {
	t.Helper()
	oslo := n.At("oslo")
	name, kind, mode, holders := subject("struck"), "shared", "ownership", n.Sites()
	if s.alone {
		kind, mode, holders = "alone", "move", []string{"oslo"}
	}
	made := oslo.Create("/tickets", ticket(name, fmt.Sprintf(`"kind":%q`, kind))).Want(201).WantReceipt("oslo")
	ref := made.Request()
	w := &writers{n: n, stop: make(chan struct{}), versions: make(map[string]string), alone: s.alone}
	defer w.end()
	for _, site := range holders {
		w.start(site, n.At(site).WantCopy(name, soon, nil).ID())
	}
	f := s.fault
	struckBy := n.At(s.at).Fake()
	x := struckBy.Inject(&f)
	oslo.Transfer(ref, "rome", mode).Want(202)
	harness.Eventually(t, 2*soon, what+": the hand-over comes there", func() error { return struck(struckBy, x) })
	b.do(n)
	v := n.WantOwner(ref, "rome", 4*soon)
	if !s.alone {
		w.wantAll(t, what)
	}
	w.end()
	struckBy.Clear()
	for _, site := range n.Sites() {
		n.At(site).WantHealth(what+": no hand-over is left", 4*soon, func(h harness.Health) bool {
			return h.Transfers.Open+h.Transfers.Waiting+h.Transfers.Parked == 0
		})
	}
	n.Settled(4 * soon)
	w.check(t, what, n.At("rome").WantCopy(name, soon, nil))
	if s.alone {
		oslo.WantNone(name, 4*soon)
		wantGoneAfter(t, oslo, n.At("rome"), name, made.ID())
	}
	for _, site := range n.Sites() {
		wantOnce(t, n.At(site), ref, what, !s.alone || site == "rome")
		if list, err := n.At(site).Conflicts(""); err != nil || len(list) != 0 {
			t.Errorf("%s: %s has the conflicts %+v (%v)", what, site, list, err)
		}
		if s.alone {
			continue
		}
		harness.Eventually(t, 2*soon, what+": "+site+" is at the owner's version and has its record", func() error {
			at, err := n.At(site).Request(ref)
			last, err2 := n.At("rome").Request(ref)
			if err != nil || err2 != nil || at.Version != last.Version {
				return fmt.Errorf("version %s (%v), the owner's is %s (%v)", at.Version, err, last.Version, err2)
			}
			return samePlain(n, name, site)
		})
	}
	if v.Owner != "rome" {
		t.Errorf("%s: it is owned by %s", what, v.Owner)
	}
	return len(w.versions)
}

// samePlain compares a site's record with Rome's, but for the stamp that says what it is there.
func samePlain(n *harness.Cluster, name, site string) error {
	first, err := n.At("rome").One(name)
	if err != nil {
		return err
	}
	rec, err := n.At(site).One(name)
	if err != nil {
		return err
	}
	rec["sync_state"] = first["sync_state"]
	return harness.Same(first, rec)
}

// wantOnce wants a site's own API to have exactly one record of a request, or none, by the external id.
func wantOnce(t *testing.T, g *harness.Gateway, ref, what string, there bool) {
	t.Helper()
	hits, err := g.Find("external_id", ref)
	if err != nil || len(hits) > 1 || (len(hits) == 1) != there {
		t.Errorf("%s: %s has %d records of %s: %v (%v)", what, g.Name, len(hits), ref, hits, err)
	}
}

// writers are clients that each write a field of their own in one request, over and over.
type writers struct {
	n     *harness.Cluster
	alone bool
	stop  chan struct{}
	once  sync.Once
	all   sync.WaitGroup

	mu       sync.Mutex
	list     []*writer
	versions map[string]string
	wrong    []string
}

type writer struct {
	site        string
	acked, sent int
}

func (w *writers) start(site, id string) {
	x := &writer{site: site}
	w.mu.Lock()
	w.list = append(w.list, x)
	w.mu.Unlock()
	w.all.Go(func() { w.write(x, id) })
}

func (w *writers) write(x *writer, id string) {
	epoch, seq := 0, 0
	for i := 1; ; i++ {
		select {
		case <-w.stop:
			return
		default:
		}
		w.mu.Lock()
		x.sent = i
		w.mu.Unlock()
		a := w.n.At(x.site).Patch("/tickets/"+id, fmt.Sprintf(`{"by-%s":%d}`, x.site, i))
		if !a.OK() && (a.Err != nil || a.Status != 202 || a.Header.Get("Meridian-Version") == "") { // 202: the owner has it, the copy is to come
			w.refused(a)
			harness.Pause(10 * time.Millisecond)
			continue
		}
		e, s := a.Version()
		w.mu.Lock()
		x.acked = i
		mark := fmt.Sprintf("%d.%d", e, s)
		if other := w.versions[mark]; other != "" {
			w.wrong = append(w.wrong, fmt.Sprintf("version %s is that of %s and of %s=%d", mark, other, x.site, i))
		}
		if e < epoch || e == epoch && s <= seq {
			w.wrong = append(w.wrong, fmt.Sprintf("%s was given version %s after %d.%d", x.site, mark, epoch, seq))
		}
		w.versions[mark] = fmt.Sprintf("%s=%d", x.site, i)
		w.mu.Unlock()
		epoch, seq = e, s
	}
}

// refused notes an answer that no fault excuses. A record that has moved away is not found any more.
func (w *writers) refused(a harness.Answer) {
	if a.Err != nil || a.Status == 502 || a.Status == 503 || a.Status == 504 || w.alone && a.Status == 404 {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.wrong = append(w.wrong, fmt.Sprintf("a client got %d %.300s", a.Status, a.Body))
}

// wantAll waits until every client has been told again that a write is done.
func (w *writers) wantAll(t *testing.T, what string) {
	t.Helper()
	w.mu.Lock()
	from := make(map[*writer]int)
	for _, x := range w.list {
		from[x] = x.sent
	}
	w.mu.Unlock()
	harness.Eventually(t, 4*soon, what+": clients at all sites can write again", func() error {
		w.mu.Lock()
		defer w.mu.Unlock()
		for x, least := range from {
			if x.acked <= least {
				return fmt.Errorf("%s has not been since write %d", x.site, least)
			}
		}
		return nil
	})
}

// end stops the clients; again does no harm.
func (w *writers) end() {
	w.once.Do(func() { close(w.stop) })
	w.all.Wait()
}

// check wants the record to have every acknowledged write and nothing that was not sent.
func (w *writers) check(t *testing.T, what string, rec harness.Record) {
	t.Helper()
	for _, x := range w.wrong {
		t.Errorf("%s: %s", what, x)
	}
	for _, x := range w.list {
		got := 0
		_, _ = fmt.Sscan(fmt.Sprint(rec["by-"+x.site]), &got)
		if got < x.acked || got > x.sent {
			t.Errorf("%s: the owner has by-%s=%v; %d was acknowledged and %d the last one sent", what, x.site, rec["by-"+x.site], x.acked, x.sent)
		}
	}
}
