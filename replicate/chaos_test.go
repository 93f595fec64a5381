package replicate

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/meridian-gateway/meridian/request"
)

// TestChaos runs writers at three sites through cut links, lost answers, upstreams that break off before, after or long before
// they commit, and gateways that die between any two steps. When all is quiet again, every acknowledged write must be in its owner's record
// and every copy equal; no site may have a record twice. The seed is in the name of the failing run.
func TestChaos(t *testing.T) {
	seeds := 150
	if testing.Short() {
		seeds = 20
	}
	for seed := range seeds {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			t.Parallel()
			inBubble(t, true, func(c *cluster) { (&chaos{cluster: c, rnd: rand.New(rand.NewPCG(uint64(seed), 7))}).run() })
		})
	}
}

type chaos struct {
	*cluster
	mu    sync.Mutex
	rnd   *rand.Rand
	acked map[request.ID]map[string]float64 // field -> value, of acknowledged writes
	sent  map[string]bool                   // fields that were sent at all
}

func (h *chaos) n(n int) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.rnd.IntN(n)
}

func (h *chaos) run() {
	h.acked = map[request.ID]map[string]float64{}
	var known []request.ID
	for i := range 4 {
		body := fmt.Sprintf(`{"category":%q,"status":"closed","nr":%d}`, []string{"chair", "desk"}[i%2], i)
		res, err := h.send(sites[i%3], request.Create, "", body)
		if err != nil {
			h.t.Fatal(err)
		}
		known = append(known, res.Entry.ID)
		h.acked[res.Entry.ID] = map[string]float64{}
	}
	time.Sleep(5 * time.Second)
	for _, s := range sites {
		h.apis[s].mu.Lock()
		h.apis[s].fault, h.apis[s].late = h.fault, h.late
		h.apis[s].mu.Unlock()
	}
	h.links.mu.Lock()
	h.links.lose = func(_, _ request.Site, _ string) bool { return h.n(25) == 0 }
	h.links.mu.Unlock()
	var writers sync.WaitGroup
	for w := range 6 {
		writers.Go(func() { h.writer(w, known) })
	}
	writers.Go(h.trouble)
	writers.Wait()
	h.heal()
	h.check(slices.Collect(maps.Keys(h.acked)))
}

// fault breaks one upstream call in fifteen, before or after it is made, or slows it down.
func (h *chaos) fault(_ request.Call, after bool) error {
	if h.n(30) == 0 {
		return errBroke
	}
	return nil
}

// late makes one call in forty take effect only after its connection broke, within the quiet time.
func (h *chaos) late() time.Duration {
	if h.n(40) == 0 {
		return time.Duration(1+h.n(13)) * time.Second
	}
	return 0
}

func (h *chaos) writer(w int, known []request.ID) {
	for i := range 15 {
		id := known[h.n(len(known))]
		s := sites[h.n(len(sites))]
		g := h.at(s)
		if g == nil {
			time.Sleep(time.Second)
			continue
		}
		if h.n(5) == 0 {
			h.create(s, float64(100*w+i))
		}
		rec, err := h.stores[s].Read(h.t.Context(), id)
		if err == nil && rec.Entry.Local != "" {
			field := fmt.Sprintf("w%d_%d", w, i)
			res, err := h.send(s, request.Update, rec.Entry.Local, fmt.Sprintf(`{%q:%d}`, field, i))
			if err == nil && res.Answer != nil && res.Answer.Status < 300 {
				h.mu.Lock()
				h.acked[id][field] = float64(i)
				h.mu.Unlock()
			}
		}
		time.Sleep(time.Duration(h.n(2000)) * time.Millisecond)
	}
}

// create makes a request in the middle of it all. Only one that was acknowledged must be there in the end, everywhere and once.
func (h *chaos) create(s request.Site, nr float64) {
	body := fmt.Sprintf(`{"category":%q,"status":"closed","nr":%v}`, []string{"chair", "desk"}[h.n(2)], nr)
	res, err := h.send(s, request.Create, "", body)
	if err == nil && res.Answer != nil && res.Answer.Status < 300 {
		h.mu.Lock()
		h.acked[res.Entry.ID] = map[string]float64{"nr": nr}
		h.mu.Unlock()
	}
}

// trouble cuts and heals links and kills and restarts gateways.
func (h *chaos) trouble() {
	for range 12 {
		a, b := sites[h.n(3)], sites[h.n(3)]
		if a != b {
			h.cut(a, b, h.n(2) == 0)
		}
		if h.n(3) == 0 {
			h.kill(sites[h.n(3)])
		}
		time.Sleep(time.Duration(h.n(4000)) * time.Millisecond)
	}
}

func (h *chaos) heal() {
	for _, a := range sites {
		for _, b := range sites {
			h.cut(a, b, false)
		}
		h.apis[a].mu.Lock()
		h.apis[a].fault, h.apis[a].late = nil, nil
		h.apis[a].mu.Unlock()
	}
	h.links.mu.Lock()
	h.links.lose = nil
	h.links.mu.Unlock()
	time.Sleep(3 * time.Minute)
}

func (h *chaos) check(known []request.ID) {
	h.t.Helper()
	for _, id := range known {
		owners := 0
		var owner request.Site
		for _, s := range sites {
			e := h.entry(id, s)
			if e.Role == request.Owner {
				owner = s
				owners++
			}
			if e.Intent != nil {
				h.t.Errorf("%s at %s still has an open %s", id, s, e.Intent.Kind)
			}
		}
		if owners != 1 {
			h.t.Fatalf("%s has %d owners", id, owners)
		}
		h.converged(id, owner, sites...)
		rec := h.record(id, owner)
		for f, v := range h.acked[id] {
			if rec[f] != v {
				h.t.Errorf("acknowledged write %s of %s is missing: %v", f, id, rec[f])
			}
		}
	}
	for _, s := range sites {
		seen := map[any]bool{}
		for _, r := range h.apis[s].all() {
			if ref := r["ref"]; ref != nil && seen[ref] {
				h.t.Errorf("%s has two records of %v", s, ref)
			} else {
				seen[ref] = true
			}
		}
	}
}
