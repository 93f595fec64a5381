package tests

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// Ten creates with one Idempotency-Key at once make one record; every client gets the same answer, or is told to come again.
func TestSameKeyAtOnce(t *testing.T) {
	t.Parallel()
	n := harness.Start(t, harness.Network{Sites: harness.Fakes(t, "san-francisco", "chicago"), Routes: chairs})
	for _, category := range []string{"desk", "chair"} {
		name := subject("one " + category)
		call := harness.Call{Method: "POST", Path: "/tickets", Body: ticket(name, fmt.Sprintf(`"category":%q`, category)), Key: key(name)}
		n.At("san-francisco").Fake().Inject(&harness.Fault{Method: "POST", Times: 1, Wait: 300 * time.Millisecond, Commit: true})
		answers := make([]harness.Answer, 10)
		var all sync.WaitGroup
		for i := range answers {
			all.Go(func() { answers[i] = n.At("san-francisco").Do(call) })
		}
		all.Wait()
		first := n.At("san-francisco").Do(call).Want(201)
		if first.Header.Get("Meridian-Replayed") != "true" {
			t.Errorf("a repeated call is not marked: %v", first.Header)
		}
		for _, a := range answers {
			if a.Err == nil && a.Status == 409 {
				continue
			}
			a.Want(201)
			if string(a.Body) != string(first.Body) || a.Request() != first.Request() {
				t.Errorf("two answers to one key: %s and %s", a.Body, first.Body)
			}
		}
		n.At("san-francisco").WantCopy(name, soon, nil)
		n.Settled(soon)
		if hits, err := n.At("chicago").Find("subject", name); err != nil || len(hits) > 1 {
			t.Errorf("Chicago has %d records (%v)", len(hits), err)
		}
	}
	if c := n.At("san-francisco").Fake().Commits("POST"); len(c) != 2 {
		t.Errorf("San Francisco's API was sent %d creates, want 2", len(c))
	}
}

// The same key with another call is refused, and nothing is done; the keys of updates are honoured too.
func TestKeyWithAnotherBody(t *testing.T) {
	t.Parallel()
	n := harness.Start(t, harness.Network{Sites: harness.Fakes(t, "oslo", "rome"), Routes: everywhere})
	oslo, rome := n.At("oslo"), n.At("rome")
	name := subject("keyed")
	made := oslo.Do(harness.Call{Method: "POST", Path: "/tickets", Body: ticket(name, ""), Key: key(name)}).Want(201)
	oslo.Do(harness.Call{Method: "POST", Path: "/tickets", Body: ticket(name, `"x":1`), Key: key(name)}).WantProblem(422, "key-reused")

	copied := rome.WantCopy(name, soon, nil)
	for g, id := range map[*harness.Gateway]string{oslo: made.ID(), rome: copied.ID()} {
		up := harness.Call{Method: "PATCH", Path: "/tickets/" + id, Body: fmt.Sprintf(`{"by":%q}`, g.Name), Key: key("up " + name + g.Name)}
		one := g.Do(up).Want(200)
		two := g.Do(up).Want(200)
		if one.Header.Get("Meridian-Version") != two.Header.Get("Meridian-Version") || string(one.Body) != string(two.Body) {
			t.Errorf("%s: an update with one key was done twice: %s and %s", g.Name, one.Header.Get("Meridian-Version"), two.Header.Get("Meridian-Version"))
		}
	}
	if c := oslo.Fake().Commits("PATCH"); len(c) != 2 {
		t.Errorf("the owner's API was written %d times, want 2", len(c))
	}
	for _, key := range []string{"", fmt.Sprintf("%010000d", 1)} {
		a := oslo.Do(harness.Call{Method: "POST", Path: "/tickets", Body: ticket(subject("bad key"), ""), Header: map[string][]string{"Idempotency-Key": {key}}})
		if a.Err != nil || a.Status != 400 && a.Status != 431 {
			t.Errorf("a key of %d bytes gave %d %v, want 400", len(key), a.Status, a.Err)
		}
	}
}

// A key is remembered across a kill -9 of the gateway: before the answer, and after it.
func TestKeyAcrossCrash(t *testing.T) {
	t.Parallel()
	n := harness.Start(t, harness.Network{Sites: harness.Fakes(t, "san-francisco", "chicago"), Routes: chairs})
	sf, chicago := n.At("san-francisco"), n.At("chicago")
	for _, category := range []string{"desk", "chair"} {
		for _, when := range []string{"after the answer", "under way"} {
			name := subject(category + " " + when)
			call := harness.Call{Method: "POST", Path: "/tickets", Body: ticket(name, fmt.Sprintf(`"category":%q`, category)), Key: key(name)}
			var first harness.Answer
			if when == "under way" {
				owner := map[string]*harness.Gateway{"desk": sf, "chair": chicago}[category]
				slow := owner.Fake().Inject(&harness.Fault{Method: "POST", Times: 1, Commit: true, Wait: 400 * time.Millisecond})
				ended := make(chan struct{})
				go func() { defer close(ended); sf.Do(call) }()
				harness.Eventually(t, soon, "the call is under way", func() error { return struck(owner.Fake(), slow) })
				sf.Kill()
				<-ended
			} else {
				first = sf.Do(call).Want(201)
				sf.Kill()
			}
			sf.Restart()
			var again harness.Answer
			harness.Eventually(t, 2*soon, "the repeated call is answered", func() error {
				if again = sf.Do(call); again.Err != nil || again.Status != 201 {
					return fmt.Errorf("%d %v %.200s", again.Status, again.Err, again.Body)
				}
				return nil
			})
			if first.Status != 0 && (again.ID() != first.ID() || again.Request() != first.Request()) {
				t.Errorf("%s: the answers differ: %s and %s", name, first.Body, again.Body)
			}
			sf.WantCopy(name, soon, nil)
			n.Settled(2 * soon)
			for _, g := range []*harness.Gateway{sf, chicago} {
				if hits, err := g.Find("subject", name); err != nil || len(hits) > 1 {
					t.Errorf("%s has %d records of %s (%v)", g.Name, len(hits), name, err)
				}
			}
		}
	}
}
