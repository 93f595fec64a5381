package tests

import (
	"fmt"
	"testing"
	"time"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// The line between a gateway and its own request API fails in every way while clients write. What a client is told is true: 2xx is
// done, 5xx other than 504 is not done, and 504 ends as done or not done, which the operation tells.
func TestLinkToTheAPI(t *testing.T) {
	t.Parallel()
	sites := harness.Fakes(t, "oslo", "rome")
	sites[0].Loose = true
	n := harness.Start(t, harness.Network{Sites: sites, Routes: everywhere})
	oslo, rome := n.At("oslo"), n.At("rome")
	link := oslo.Loose()
	for i, fail := range []struct {
		name string
		do   func()
	}{
		{"cut", link.Cut}, {"drop", link.Drop}, {"reset", link.Reset}, {"hole", link.Hole}, {"one way", link.OneWay},
		{"slow", func() { link.Delay(300 * time.Millisecond) }},
	} {
		name := subject("line " + fail.name)
		made := oslo.Create("/tickets", ticket(name, `"n":0`)).Want(201)
		copied := rome.WantCopy(name, soon, nil)
		n.Settled(soon)
		fail.do()
		a := rome.Patch("/tickets/"+copied.ID(), fmt.Sprintf(`{"n":%d}`, i+1))
		lost := oslo.Create("/tickets", ticket(name+" new", ""))
		link.Reset()
		link.Heal()
		wantTruth(t, rome, a, func(done bool) error {
			want := map[bool]int{true: i + 1, false: 0}[done]
			rec, err := oslo.One(name)
			if err != nil {
				return err
			}
			return rec.Fields(map[string]any{"n": want})
		})
		wantTruth(t, oslo, lost, func(done bool) error {
			hits, err := oslo.Find("subject", name+" new")
			if err != nil || len(hits) > 1 || (len(hits) == 1) != done {
				return fmt.Errorf("there are %d records (%w), done: %v", len(hits), err, done)
			}
			return nil
		})
		n.Settled(3 * soon)
		n.WantSame(name, soon, "oslo", "rome")
		harness.Eventually(t, soon, "the request can be written again", func() error {
			if a := oslo.Patch("/tickets/"+made.ID(), `{"n":99}`); !a.OK() {
				return fmt.Errorf("%d %w", a.Status, a.Err)
			}
			return nil
		})
		rome.WantCopy(name, soon, map[string]any{"n": 99})
	}
}

// wantTruth checks an answer against what is there.
func wantTruth(t *testing.T, g *harness.Gateway, a harness.Answer, is func(done bool) error) {
	t.Helper()
	done := false
	switch {
	case a.Err != nil:
		t.Errorf("there was no answer: %v", a.Err)
		return
	case a.OK():
		done = true
	case a.Status == 504:
		a.WantProblem(504, "in-doubt")
		done = g.WantOperation(a.Operation(), 3*soon, "done", "not-done")["state"] == "done"
	case a.Status != 502 && a.Status != 503:
		t.Errorf("got %d %.200s", a.Status, a.Body)
		return
	}
	harness.Eventually(t, soon, fmt.Sprintf("an answer of %d is true", a.Status), func() error { return is(done) })
}

// A peer's gateway that is there but breaks every connection: the same truth for forwarded writes.
func TestPeerBreaksConnections(t *testing.T) {
	t.Parallel()
	n := harness.Start(t, harness.Network{Sites: harness.Fakes(t, "san-francisco", "chicago"), Routes: chairs})
	sf, chicago := n.At("san-francisco"), n.At("chicago")
	name := subject("shaky chair")
	made := sf.Create("/tickets", ticket(name, `"category":"chair","n":0`)).Want(201)
	n.Settled(soon)
	n.Link("san-francisco", "chicago").Drop()
	for range 3 {
		a := sf.Patch("/tickets/"+made.ID(), `{"n":1}`)
		if a.Err != nil || a.Status != 503 && a.Status != 504 {
			t.Errorf("got %d %v", a.Status, a.Err)
		}
	}
	n.Link("san-francisco", "chicago").Heal()
	if c := chicago.Fake().Commits("PATCH"); len(c) != 0 {
		t.Errorf("Chicago's API was written %d times over a link that carried nothing", len(c))
	}
	harness.Eventually(t, 2*soon, "an update is taken again", func() error {
		if a := sf.Patch("/tickets/"+made.ID(), `{"n":2}`); !a.OK() {
			return fmt.Errorf("%d %w", a.Status, a.Err)
		}
		return nil
	})
	n.WantSame(name, soon, "san-francisco", "chicago")
}
