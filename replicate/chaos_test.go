package replicate

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

// TestChaos runs writers at three sites, while operators move ownership to and fro, through cut links, lost answers, upstreams that
// break off before, after or long before they commit, and gateways that die between any two steps. At no moment may a request have two
// owners, or a version go back. When all is quiet again every request has one owner, every acknowledged write is in its record, every copy is
// equal, no site has a record twice, and what was deleted is gone. The seed is in the name of the failing run; MERIDIAN_SEEDS=FROM-TO
// runs others.
func TestChaos(t *testing.T) {
	from, to := 0, 150
	if testing.Short() {
		to = 20
	}
	if s := os.Getenv("MERIDIAN_SEEDS"); s != "" {
		if _, err := fmt.Sscanf(s, "%d-%d", &from, &to); err != nil {
			t.Fatalf("MERIDIAN_SEEDS=%s: want FROM-TO", s)
		}
	}
	for seed := from; seed < to; seed++ {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			t.Parallel()
			for _, fault := range simulate(t, seed, "") {
				t.Error(fault)
			}
		})
	}
}

// TestPlantedBugsAreFound shows that the simulation can fail: each of these bugs is found within a thousand seeds.
func TestPlantedBugsAreFound(t *testing.T) {
	for _, bug := range []string{grantFirst, noCompare, staleSequence, abortByTime, ackEarly, forgetGrant} {
		t.Run(bug, func(t *testing.T) {
			t.Parallel()
			for seed := range 1000 {
				if faults := simulate(t, seed, bug); len(faults) > 0 {
					t.Logf("found with seed %d: %s", seed, faults[0])
					return
				}
			}
			t.Error("not found within 1000 seeds")
		})
	}
}

// simulate runs one seed and returns what must not have been.
func simulate(t *testing.T, seed int, bug string) (faults []string) {
	return simulateWith(t, seed, cluster{corr: true, watch: newWatcher(), plant: bug}, 0)
}

// simulateWith is simulate with so many stores that are lost at most.
func simulateWith(t *testing.T, seed int, with cluster, losses int) (faults []string) {
	inBubbleWith(t, with, func(c *cluster) {
		h := &chaos{cluster: c, losses: losses, rnd: rand.New(rand.NewPCG(uint64(seed), 7))}
		h.run()
		faults = append(with.watch.faults, h.faults...)
		t.Logf("%d commits, %d hand-overs, %d declined", with.watch.commits, with.watch.handovers, with.watch.declined)
	})
	return faults
}

type chaos struct {
	*cluster
	mu      sync.Mutex
	rnd     *rand.Rand
	acked   map[request.ID]map[string]float64 // field -> value, of acknowledged writes
	deleted map[request.ID]bool               // acknowledged deletions
	doomed  map[request.ID]bool               // those that somebody tried to delete
	faults  []string
	losses  int
}

func (h *chaos) fault(format string, args ...any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.faults = append(h.faults, fmt.Sprintf(format, args...))
}

func (h *chaos) n(n int) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.rnd.IntN(n)
}

func (h *chaos) run() {
	h.acked, h.deleted, h.doomed = map[request.ID]map[string]float64{}, map[request.ID]bool{}, map[request.ID]bool{}
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
		h.apis[s].fault, h.apis[s].late, h.apis[s].odd = h.broken, h.late, h.odd
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
	writers.Go(func() { h.operator(known) })
	writers.Wait()
	h.heal()
	h.check(slices.Collect(maps.Keys(h.acked)))
}

// broken breaks one upstream call in fifteen, before or after it is made, or slows it down.
func (h *chaos) broken(_ request.Call, after bool) error {
	if h.n(30) == 0 {
		return errBroke
	}
	return nil
}

// odd has one write in fifty answered with "not now", and one in a hundred refused for good.
func (h *chaos) odd() int {
	switch h.n(100) {
	case 0, 1:
		return 503
	case 2:
		return 422
	}
	return 0
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
		if h.n(12) == 0 {
			h.remove(s)
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

// remove deletes a request that was made in the middle.
func (h *chaos) remove(s request.Site) {
	h.mu.Lock()
	ids := slices.Sorted(maps.Keys(h.acked))
	h.mu.Unlock()
	id := ids[h.n(len(ids))]
	rec, err := h.stores[s].Read(h.t.Context(), id)
	h.mu.Lock()
	first := h.acked[id]["nr"] == 0 || h.doomed[id]
	h.mu.Unlock()
	if err != nil || rec.Entry.Local == "" || first {
		return
	}
	h.mu.Lock()
	h.doomed[id] = true
	h.mu.Unlock()
	if res, err := h.send(s, request.Delete, rec.Entry.Local, ""); err == nil && res.Answer != nil && res.Answer.Status < 300 {
		h.mu.Lock()
		h.deleted[id] = true
		h.mu.Unlock()
	}
}

// operator moves requests to and fro.
func (h *chaos) operator(known []request.ID) {
	for range 25 {
		s := sites[h.n(len(sites))]
		o := request.Order{Request: known[h.n(len(known))], To: sites[h.n(len(sites))]}
		if h.n(4) == 0 {
			o.To, o.Return = "", true
		}
		if g := h.at(s); g != nil {
			_, _ = g.Order(h.t.Context(), o) // what becomes of it is seen in the end
		}
		time.Sleep(time.Duration(h.n(2500)) * time.Millisecond)
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
		if h.losses > 0 && h.n(5) == 0 {
			h.losses--
			h.lose(sites[h.n(3)])
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
		h.apis[a].fault, h.apis[a].late, h.apis[a].odd = nil, nil, nil
		h.apis[a].mu.Unlock()
	}
	h.links.mu.Lock()
	h.links.lose = nil
	h.links.mu.Unlock()
	// What an API refused for good is parked until a person has looked.
	for range 3 {
		time.Sleep(time.Minute)
		for _, s := range sites {
			if _, err := h.at(s).Retry(h.t.Context(), store.Filter{State: request.Parked}, time.Time{}); err != nil {
				h.fault("retry at %s: %v", s, err)
			}
		}
	}
	time.Sleep(time.Minute)
}

func (h *chaos) check(known []request.ID) {
	for _, id := range known {
		if h.doomed[id] && h.gone(id) || h.deleted[id] {
			if !h.gone(id) {
				h.fault("%s was deleted and is there again", id)
			}
			continue
		}
		owner, ok := h.owner(id)
		if !ok {
			continue
		}
		want := h.recordOf(id, owner)
		for _, s := range sites {
			e := h.entry(id, s)
			if e.Owner != owner {
				h.fault("%s at %s follows %s, the owner is %s", id, s, e.Owner, owner)
			}
			if got := h.recordOf(id, s); got != want {
				h.fault("%s: %s has %v, the owner %s has %v", id, s, got, owner, want)
			}
		}
		rec := h.record(id, owner)
		for f, v := range h.acked[id] {
			if rec[f] != v {
				h.fault("acknowledged write %s of %s is missing: %v", f, id, rec[f])
			}
		}
	}
	for _, s := range sites {
		seen := map[any]bool{}
		for _, r := range h.apis[s].all() {
			if ref := r["ref"]; ref != nil && seen[ref] {
				h.fault("%s has two records of %v", s, ref)
			} else {
				seen[ref] = true
			}
		}
	}
}

// owner is the one site that owns a request, with nothing under way anywhere.
func (h *chaos) owner(id request.ID) (owner request.Site, ok bool) {
	owners := 0
	for _, s := range sites {
		e := h.entry(id, s)
		switch {
		case e.Role == request.Owner:
			owner = s
			owners++
		case e.Role == request.Granting, e.Role == request.Elect:
			h.fault("%s is still %s at %s", id, e.Role, s)
		}
		if e.Intent != nil {
			h.fault("%s at %s still has an open %s", id, s, e.Intent.Kind)
		}
		if e.Plan != nil && !e.Plan.Parked {
			h.fault("%s at %s is still to go to %s: %s", id, s, e.Plan.To, e.Plan.Cause)
		}
	}
	if owners != 1 {
		h.fault("%s has %d owners", id, owners)
	}
	return owner, owners == 1
}

// recordOf is the shared part of a site's record, as text.
func (h *chaos) recordOf(id request.ID, s request.Site) string {
	e := h.entry(id, s)
	if e.Local == "" {
		return "no record"
	}
	r := h.apis[s].get(e.Local)
	delete(r, "id")
	delete(r, "ref")
	return fmt.Sprint(r)
}

// gone reports whether no site has a record of a request.
func (h *chaos) gone(id request.ID) bool {
	for _, s := range sites {
		for _, r := range h.apis[s].all() {
			if r["ref"] == string(id) {
				return false
			}
		}
	}
	return true
}
