package tests

import (
	"fmt"
	"sync"
	"testing"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// Fifty clients at two sites write one request at once, each its own field. Whatever was acknowledged is there at the end, once,
// under a version of its own, and both sites are equal.
func TestFiftyWritersOneRequest(t *testing.T) {
	t.Parallel()
	n := harness.Start(t, harness.Network{Sites: harness.Fakes(t, "oslo", "rome"), Routes: everywhere})
	oslo, rome := n.At("oslo"), n.At("rome")
	name := subject("popular")
	made := oslo.Create("/tickets", ticket(name, "")).Want(201)
	ids := map[*harness.Gateway]string{oslo: made.ID(), rome: rome.WantCopy(name, soon, nil).ID()}

	const writers, writes = 50, 4
	var mu sync.Mutex
	acked := make(map[string]int)
	versions := make(map[string]string)
	var all sync.WaitGroup
	for w := range writers {
		g := []*harness.Gateway{oslo, rome}[w%2]
		field := fmt.Sprintf("w%02d", w)
		all.Go(func() {
			for i := range writes {
				a := g.Patch("/tickets/"+ids[g], fmt.Sprintf(`{%q:%d}`, field, i+1))
				if !a.OK() {
					if a.Err != nil || a.Status != 503 {
						t.Errorf("a write was refused with %d %v: %.200s", a.Status, a.Err, a.Body)
					}
					continue
				}
				v := a.Header.Get("Meridian-Version")
				mu.Lock()
				acked[field] = i + 1
				if other, twice := versions[v]; twice {
					t.Errorf("version %s was given to %s and to %s", v, other, field)
				}
				versions[v] = field
				mu.Unlock()
			}
		})
	}
	all.Wait()
	n.Settled(2 * soon)
	rec := n.WantSame(name, soon, "oslo", "rome")
	for field, want := range acked {
		if fmt.Sprint(rec[field]) != fmt.Sprint(want) {
			t.Errorf("%s is %v, want the last acknowledged %d", field, rec[field], want)
		}
	}
	_, seq := oslo.Get("/tickets/" + made.ID()).Want(200).Version()
	if seq != 1+len(versions) {
		t.Errorf("the sequence is %d after a create and %d acknowledged writes", seq, len(versions))
	}
	if len(acked) < writers {
		t.Errorf("only %d of %d writers had a write acknowledged", len(acked), writers)
	}
	if c := len(oslo.Fake().Commits("PATCH")); c != len(versions) {
		t.Errorf("the owner's API was written %d times for %d acknowledged writes", c, len(versions))
	}
}

// Many requests are created at both sites at once and copied both ways: each is there once.
func TestManyCreatesBothWays(t *testing.T) {
	t.Parallel()
	n := harness.Start(t, harness.Network{Sites: harness.Fakes(t, "oslo", "rome"), Routes: everywhere})
	oslo, rome := n.At("oslo"), n.At("rome")
	const each = 40
	prefix := subject("many")
	var all sync.WaitGroup
	for i := range 2 * each {
		g := []*harness.Gateway{oslo, rome}[i%2]
		all.Go(func() {
			if a := g.Create("/tickets", ticket(fmt.Sprintf("%s/%d", prefix, i), "")); a.Err != nil || a.Status != 201 {
				t.Errorf("create %d: %d %v %.200s", i, a.Status, a.Err, a.Body)
			}
		})
	}
	all.Wait()
	n.Settled(2 * soon)
	for i := range 2 * each {
		n.WantSame(fmt.Sprintf("%s/%d", prefix, i), soon, "oslo", "rome")
	}
	for _, g := range []*harness.Gateway{oslo, rome} {
		if c := len(g.Fake().Commits("POST")); c != 2*each {
			t.Errorf("%s's API has %d records made, want %d", g.Name, c, 2*each)
		}
	}
}
