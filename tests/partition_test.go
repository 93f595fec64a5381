package tests

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// While the link is cut the owner goes on; health says what is owed and that the breaker is open; when it heals the copy gets the
// newest state, not the hundreds of writes, and never an older state after a newer one.
func TestLinkCutDuringUpdates(t *testing.T) {
	t.Parallel()
	n := harness.Start(t, harness.Network{Sites: harness.Fakes(t, "oslo", "rome"), Routes: everywhere})
	oslo, rome := n.At("oslo"), n.At("rome")
	const records = 5
	updates := harness.Rounds(60, 300)
	names, ids := make([]string, records), make([]string, records)
	for i := range records {
		names[i] = subject("behind a cut link")
		ids[i] = oslo.Create("/tickets", ticket(names[i], `"n":0`)).Want(201).ID()
	}
	for _, name := range names {
		rome.WantCopy(name, soon, nil)
	}
	n.Settled(soon)
	before := len(rome.Fake().Commits(""))

	n.Cut("oslo", "rome")
	for i := range updates {
		for _, id := range ids {
			oslo.Patch("/tickets/"+id, fmt.Sprintf(`{"n":%d}`, i+1)).Want(200)
		}
	}
	h := oslo.WantHealth("it tells that Rome is down", 2*soon, func(h harness.Health) bool {
		d := h.To("rome")
		return d.State == "down" && d.Breaker == "open" && d.Owed() == records
	})
	if h.Status != 503 || h.State != "down" || h.To("rome").OldestAge <= 0 || h.To("rome").LastError == "" {
		t.Errorf("health while the link is cut: %+v", h)
	}
	if h.To("rome").Parked != 0 {
		t.Errorf("%d deliveries are parked by a cut link", h.To("rome").Parked)
	}
	if _, err := harness.GetRaw(oslo.Admin("/readyz")); err != nil {
		t.Errorf("a peer that is down makes the gateway not ready: %v", err)
	}

	n.Heal("oslo", "rome")
	for _, name := range names {
		rome.WantCopy(name, 2*soon, map[string]any{"n": updates})
	}
	oslo.WantHealth("all is well again", soon, func(h harness.Health) bool {
		return h.Status == 200 && h.State == "ok" && h.To("rome").Breaker == "closed" && h.Owed() == 0
	})
	if c := len(rome.Fake().Commits("")) - before; c > 4*records {
		t.Errorf("Rome's API was written %d times for %d requests after %d updates each", c, records, updates)
	}
	wantOrder(t, rome.Fake())
}

// wantOrder wants that n in the writes of each record only grows.
func wantOrder(t *testing.T, f *harness.Fake) {
	t.Helper()
	last := make(map[string]int)
	for _, e := range f.Commits("") {
		rec, err := harness.ParseRecord(e.Body)
		if err != nil || rec["n"] == nil {
			continue
		}
		i, err := strconv.Atoi(fmt.Sprint(rec["n"]))
		if err != nil {
			t.Fatal(err)
		}
		if i < last[e.ID] {
			t.Errorf("record %s was written with n=%d after n=%d", e.ID, i, last[e.ID])
		}
		last[e.ID] = i
	}
}

// Updates keep coming while the link fails in all its ways, again and again: in the end the copies are equal, and were never
// taken back.
func TestFlappingLink(t *testing.T) {
	t.Parallel()
	n := harness.Start(t, harness.Network{Sites: harness.Fakes(t, "oslo", "rome"), Routes: everywhere})
	oslo, rome := n.At("oslo"), n.At("rome")
	name := subject("flapping")
	id := oslo.Create("/tickets", ticket(name, `"n":0`)).Want(201).ID()
	stop, ended := make(chan struct{}), make(chan int)
	go func() {
		i := 0
		for {
			select {
			case <-stop:
				ended <- i
				return
			default:
				if a := oslo.Patch("/tickets/"+id, fmt.Sprintf(`{"n":%d}`, i+1)); !a.OK() {
					t.Errorf("an update at the owner fails when the link fails: %d %v", a.Status, a.Err)
				} else {
					i++
				}
			}
		}
	}()
	link := n.Link("oslo", "rome")
	for range harness.Rounds(2, 20) {
		for _, fail := range []func(){link.Cut, link.Reset, link.OneWay, link.Hole, func() { link.Delay(50 * time.Millisecond) }} {
			fail()
			harness.Pause(300 * time.Millisecond)
			link.Heal()
			harness.Pause(200 * time.Millisecond)
		}
	}
	close(stop)
	count := <-ended
	rome.WantCopy(name, 4*soon, map[string]any{"n": count})
	n.Settled(2 * soon)
	wantOrder(t, rome.Fake())
	if c := rome.Fake().Commits("POST"); len(c) != 1 {
		t.Errorf("Rome was sent %d creates, want 1", len(c))
	}
}

// A request for an owner that cannot be reached is created here, owned here for now, and says where it should be; the owner gets
// its record when the link is back. With refuse the client is told to come again, and nothing is stored.
func TestCreateWhileOwnerIsUnreachable(t *testing.T) {
	t.Parallel()
	n := harness.Start(t, harness.Network{Sites: harness.Fakes(t, "san-francisco", "chicago"), Routes: chairs + `
- name: strict
  collection: tickets
  on: [create]
  at: [san-francisco]
  when: category == "throne"
  transfer: {to: chicago, unreachable: refuse}
`})
	sf, chicago := n.At("san-francisco"), n.At("chicago")
	n.Cut("san-francisco", "chicago")

	name := subject("accepted chair")
	made := sf.Create("/tickets", ticket(name, `"category":"chair"`)).Want(201).WantReceipt("san-francisco")
	if got := made.Header.Get("Meridian-Intended-Owner"); got != "chicago" {
		t.Errorf("Meridian-Intended-Owner is %q", got)
	}
	sf.WantCopy(name, soon, nil)
	sf.Patch("/tickets/"+made.ID(), `{"n":1}`).Want(200)

	refused := subject("refused throne")
	a := sf.Create("/tickets", ticket(refused, `"category":"throne"`)).WantProblem(503, "owner-unreachable")
	if a.Header.Get("Retry-After") == "" {
		t.Error("there is no Retry-After")
	}
	n.Heal("san-francisco", "chicago")
	chicago.WantCopy(name, 2*soon, map[string]any{"n": 1})
	n.WantSame(name, 2*soon, "san-francisco", "chicago")
	n.Settled(2 * soon)
	sf.WantNone(refused, soon)
	chicago.WantNone(refused, soon)
}

// An update of a copy while its owner cannot be reached is refused with 503 and changes nothing anywhere.
func TestUpdateWhileOwnerIsUnreachable(t *testing.T) {
	t.Parallel()
	n := harness.Start(t, harness.Network{Sites: harness.Fakes(t, "san-francisco", "chicago"), Routes: chairs})
	sf, chicago := n.At("san-francisco"), n.At("chicago")
	name := subject("unreachable chair")
	made := sf.Create("/tickets", ticket(name, `"category":"chair","n":0`)).Want(201).WantReceipt("chicago")
	n.Settled(soon)
	n.Cut("san-francisco", "chicago")
	for range 3 {
		a := sf.Patch("/tickets/"+made.ID(), `{"n":1}`).WantProblem(503, "owner-unreachable")
		if a.Header.Get("Retry-After") == "" || a.Owner() != "chicago" {
			t.Errorf("Retry-After %q, Meridian-Owner %q", a.Header.Get("Retry-After"), a.Owner())
		}
	}
	sf.Delete("/tickets/"+made.ID()).WantProblem(503, "owner-unreachable")
	sf.Get("/tickets/" + made.ID()).Want(200).WantReceipt("chicago")
	for _, g := range []*harness.Gateway{sf, chicago} {
		if c := g.Fake().Commits(""); len(c) != 1 {
			t.Errorf("%s's API was written %d times, want only the create", g.Name, len(c))
		}
	}
	n.Heal("san-francisco", "chicago")
	harness.Eventually(t, 2*soon, "an update works again", func() error {
		if a := sf.Patch("/tickets/"+made.ID(), `{"n":2}`); !a.OK() {
			return fmt.Errorf("%d %v", a.Status, a.Err)
		}
		return nil
	})
	n.WantSame(name, soon, "san-francisco", "chicago")
}

// One-way loss: the owner gets the write and its answer is lost. Whatever the client is told, the write is done at most once, and
// the outcome can be found out.
func TestAnswerOfTheOwnerIsLost(t *testing.T) {
	t.Parallel()
	n := harness.Start(t, harness.Network{Sites: harness.Fakes(t, "san-francisco", "chicago"), Routes: chairs})
	sf, chicago := n.At("san-francisco"), n.At("chicago")
	name := subject("one-way chair")
	made := sf.Create("/tickets", ticket(name, `"category":"chair","n":0`)).Want(201)
	n.Settled(soon)
	before := len(chicago.Fake().Commits("PATCH"))

	n.Link("san-francisco", "chicago").OneWay()
	done := make(chan harness.Answer, 1)
	go func() { done <- sf.Patch("/tickets/"+made.ID(), `{"n":1}`) }()
	harness.Eventually(t, soon, "the owner did it or the client is answered", func() error {
		if len(chicago.Fake().Commits("PATCH")) == before && len(done) == 0 {
			return fmt.Errorf("neither")
		}
		return nil
	})
	n.Link("san-francisco", "chicago").Reset()
	n.Link("san-francisco", "chicago").Heal()
	a := <-done
	switch {
	case a.Err != nil:
		t.Fatal(a.Err)
	case a.Status == 504:
		a.WantProblem(504, "in-doubt")
		end := sf.WantOperation(a.Operation(), 2*soon, "done", "not-done")
		if did := len(chicago.Fake().Commits("PATCH")) > before; did != (end["state"] == "done") {
			t.Errorf("the operation ended as %v and the owner's API was written: %v", end["state"], did)
		}
	case a.Status == 503:
		if len(chicago.Fake().Commits("PATCH")) != before {
			t.Error("503 says that nothing was done, and the owner's API was written")
		}
	default:
		a.Want(200)
	}
	if c := len(chicago.Fake().Commits("PATCH")); c > before+1 {
		t.Errorf("the owner's API was written %d times for one update", c-before)
	}
	n.WantSame(name, 2*soon, "san-francisco", "chicago")
}
