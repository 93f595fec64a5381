package tests

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/meridian-gateway/meridian/tests/contract"
	"github.com/meridian-gateway/meridian/tests/harness"
)

// creating is the call by which requests are made at a product, as its stand-in's faults name it.
func (p *product) creating() string {
	c := p.create(words{})
	return c.Method + " " + c.Path
}

// wantSingle waits until each site has a request exactly once, and stays so when nothing is owed any more.
func wantSingle(t *testing.T, n *harness.Cluster, all map[string]voice, w words) {
	t.Helper()
	wantWords(t, all, w, n.Sites()...)
	n.Settled(soon)
	for _, at := range n.Sites() {
		if hits, err := all[at].Find("subject", w["subject"]); err != nil || len(hits) != 1 {
			t.Errorf("%s has %v (%v)", at, hits, err)
		}
	}
}

// The answer to a create is lost, that of the gateway's own as well as that of a client's: the record is found by its external id, also
// when the search trails behind, and not made again.
func TestPresetLostAnswers(t *testing.T) {
	products(t, func(t *testing.T, kind string) {
		n, all, p := beside(t, kind, contract.Options{SearchLag: 500 * time.Millisecond}, everywhere)
		w := first(subject("lost on the way to a copy"))
		p.DropAnswer(p.creating(), 1)
		all["oslo"].make(w).Want(201)
		wantSingle(t, n, all, w)

		w = first(subject("lost on the way to a client"))
		for _, k := range p.narrow {
			delete(w, k)
		}
		p.DropAnswer(p.creating(), 1)
		if a := all["rome"].make(w); a.Err != nil || a.Status >= 400 && a.Status < 500 {
			t.Errorf("the client was told %d %v: %s", a.Status, a.Err, a.Body)
		}
		wantSingle(t, n, all, w)

		// One that did not arrive is made again, and only then.
		w = first(subject("never arrived"))
		p.DropCall(p.creating(), 1)
		all["oslo"].make(w).Want(201)
		wantSingle(t, n, all, w)
		p.wantClean()
	})
}

// A product that has enough says when it may be called again, and is not called before.
func TestPresetThrottled(t *testing.T) {
	products(t, func(t *testing.T, kind string) {
		n, all, p := beside(t, kind, contract.Options{}, everywhere)
		w := first(subject("throttled"))
		const pause = 2 * time.Second
		p.Throttle(p.creating(), 2, 429, pause)
		all["oslo"].make(w).Want(201)
		wantSingle(t, n, all, w)
		// A look at the list may be on its way already when the create is refused.
		const under = 100 * time.Millisecond
		var refused []time.Time
		for _, c := range p.arrivals() {
			for _, at := range refused {
				if after := c.at.Sub(at); after > under && after < pause {
					t.Errorf("%s was called %v after it had asked for %v", kind, after, pause)
				}
			}
			if c.status == 429 {
				refused = append(refused, c.at)
			}
		}
		if len(refused) != 2 {
			t.Errorf("%s refused %d calls, want 2", kind, len(refused))
		}
		p.wantClean()
	})
}

// A gateway whose credentials the product does not take says so, and gets on when they are good again.
func TestPresetWrongCredentials(t *testing.T) {
	products(t, func(t *testing.T, kind string) {
		p := newProduct(t, kind, contract.Options{})
		p.bad = true
		n := harness.Start(t, harness.Network{Sites: []harness.Site{{Name: "oslo", API: newWithComments(t)}, p.site("rome")}, Routes: everywhere})
		all := voices(n)
		w := first(subject("not let in"))
		all["oslo"].make(w).Want(201)
		harness.Eventually(t, soon, "the delivery says why it waits", func() error {
			for _, state := range []string{"waiting", "parked", "pending", "in_flight"} {
				list, err := n.At("oslo").Deliveries(state)
				for _, d := range list {
					if strings.Contains(d.Cause, "401") || strings.Contains(d.Cause, "credentials") {
						t.Logf("%s: %s: %s", kind, state, d.Cause)
						return nil
					}
					err = errors.Join(err, fmt.Errorf("%s: %s", state, d.Cause))
				}
				if err != nil {
					return err
				}
			}
			return errors.New("there is no delivery")
		})
		if hits, err := all["rome"].Find("subject", w["subject"]); err != nil || len(hits) > 0 {
			t.Errorf("%v %v", hits, err)
		}
		// A client's own credentials are its own affair: they are good, and are not lent to the gateway.
		all["rome"].make(first(subject("let in"))).Want(200, 201)
	})
}

// What was in a product before is brought in, with its comments, and found equal; a copy that somebody changed is found and made right.
func TestPresetSeedAndVerify(t *testing.T) {
	products(t, func(t *testing.T, kind string) {
		var ahead atomic.Int64 // how far the product's clock is
		n, all, p := beside(t, kind, contract.Options{Now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }}, everywhere)
		const count = 7
		var names []string
		for i := range count {
			w := first(subject("there before"))
			for _, k := range p.narrow {
				delete(w, k)
			}
			names = append(names, w["subject"])
			p.behind(p.create(w))
			rec, err := all["rome"].One(w["subject"])
			if err != nil {
				t.Fatal(err)
			}
			if i == 3 {
				p.behind(p.change(rec.ID(), words{"status": "closed"})...)
			}
			p.behind(p.comment(rec.ID(), "said before"))
		}
		ahead.Add(int64(2 * time.Minute)) // an export leaves out the last minute
		s := seed(t, n.At("rome"), 0)
		if c := s.Collections[0]; c.Seeded != count || c.Failed != 0 || len(s.Notes) != 0 {
			t.Fatalf("%+v", s)
		}
		n.Settled(time.Minute)
		for i, name := range names {
			w := first(name)
			if i == 3 {
				w["status"] = "closed"
			}
			for _, k := range p.narrow {
				delete(w, k)
			}
			ids := wantWords(t, all, w, n.Sites()...)
			if i == 0 {
				wantTexts(t, all, ids, "the comment of before", "said before")
			}
		}
		ahead.Add(int64(2 * time.Minute))
		if again := seed(t, n.At("rome"), 0); again.Collections[0].Seeded != 0 || again.Collections[0].Linked != count {
			t.Errorf("seeded again: %+v", again)
		}
		wantEqual(t, n.At("rome"))

		w := first(subject("changed by hand"))
		all["oslo"].make(w).Want(201)
		ids := wantWords(t, all, w, n.Sites()...)
		n.Settled(soon)
		p.behind(p.change(ids["rome"], words{"status": "closed"})...)
		ahead.Add(int64(2 * time.Minute))
		list := verify(t, n.At("oslo"), 1)
		if len(list) != 1 || list[0].Site != "rome" || list[0].Field != "status" {
			t.Errorf("found %v", list)
		}
		verify(t, n.At("oslo"), 1, "--repair")
		wantWords(t, all, w, n.Sites()...)
		n.Settled(soon)
		ahead.Add(int64(2 * time.Minute))
		wantEqual(t, n.At("oslo"))
		if !p.closes {
			// That a record is gone is believed, since the credentials work; it is made again.
			p.behind(p.remove(ids["rome"]))
			if list := verify(t, n.At("oslo"), 1); len(list) != 1 || list[0].Kind != "missing" || list[0].Site != "rome" {
				t.Errorf("found %v", list)
			}
			verify(t, n.At("oslo"), 1, "--repair")
			if again := wantWords(t, all, w, n.Sites()...); again["rome"] == ids["rome"] {
				t.Errorf("%s is there again", ids["rome"])
			}
			n.Settled(soon)
		}
		p.wantClean("404 ", "405 PUT")
	})
}

// Ownership goes from a product and back, and to a product and back; at last the request moves for good.
func TestPresetMoves(t *testing.T) {
	products(t, func(t *testing.T, kind string) {
		n, all, p := beside(t, kind, contract.Options{}, "")
		for _, from := range n.Sites() {
			to := map[string]string{"oslo": "rome", "rome": "oslo"}[from]
			w := first(subject("handed over from " + from))
			maps.DeleteFunc(w, func(k, _ string) bool { return slices.Contains(all[from].narrow, k) })
			made := all[from].make(w).Want(200, 201).WantReceipt(from)
			ref := made.Request()
			n.At(from).Transfer(ref, to, "ownership").Want(202)
			n.WantOwner(ref, to, soon)
			ids := wantWords(t, all, w, n.Sites()...)
			for i, by := range n.Sites() {
				change := words{"status": []string{"closed", "open"}[i]}
				if i == 0 {
					change["subject"] = w["subject"] + ", seen by " + by
				}
				maps.Copy(w, change)
				all[by].tell(ids[by], change)
				wantWords(t, all, w, n.Sites()...)
			}
			all[from].Do(all[from].comment(ids[from], "from where it came")).Want(200, 201, 204)
			wantTexts(t, all, ids, "a comment at the former owner", "from where it came")
			n.At(to).Command(ref, "return", "").Want(202)
			n.WantOwner(ref, from, soon)
			maps.Copy(w, words{"status": "closed"})
			all[to].tell(ids[to], words{"status": "closed"})
			wantWords(t, all, w, n.Sites()...)
			n.At(from).Transfer(ref, to, "move").Want(202)
			n.WantOwner(ref, to, soon)
			wantGone(t, all, w["subject"], from)
			wantWords(t, all, w, to)
			n.Settled(soon)
		}
		p.wantClean()
	})
}
