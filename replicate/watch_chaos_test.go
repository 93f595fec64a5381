package replicate

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/meridian-gateway/meridian/profile"
	"github.com/meridian-gateway/meridian/request"
)

// TestChaosWatched is TestChaos while everybody looks for changes behind the gateways, seeds what is new, compares and repairs. In half of
// the runs nobody changes anything behind them: then nothing may be taken for such a change. In the others people edit records at all
// sites, and in the end all are equal all the same.
func TestChaosWatched(t *testing.T) {
	to := 40
	if testing.Short() {
		to = 12
	}
	for seed := range to {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			t.Parallel()
			with := cluster{corr: true, watch: newWatcher()}
			inBubbleWith(t, with, func(c *cluster) {
				h := &chaos{cluster: c, rnd: rand.New(rand.NewPCG(uint64(seed), 11))}
				noticed := map[string]int{}
				var beside sync.WaitGroup
				beside.Go(func() { h.looker(noticed) })
				if seed%2 == 1 {
					beside.Go(h.editor)
				}
				h.run()
				beside.Wait()
				for _, fault := range append(with.watch.faults, h.faults...) {
					c.t.Error(fault)
				}
				if n := noticed[NoticePublished] + noticed[NoticeReverted] + noticed[NoticeRemade]; (n > 0) != (seed%2 == 1) || noticed[NoticeDeleted] > 0 {
					c.t.Errorf("noticed %v", noticed)
				}
			})
		})
	}
}

// looker looks at one site after the other, for so long that all is quiet in the end.
func (h *chaos) looker(noticed map[string]int) {
	watches := map[*Engine]*watch{}
	for began := time.Now(); time.Since(began) < 150*time.Second; {
		g := h.at(sites[h.n(3)])
		if g == nil {
			time.Sleep(time.Second)
			continue
		}
		w := watches[g]
		if w == nil {
			w = newWatch(g, g.Profile.Collections["tickets"], profile.Watch{Every: time.Second, Publish: true, Revert: true, Seed: true})
			watches[g] = w
		}
		_ = w.round(h.t.Context()) // an API that breaks off is looked at again
		switch h.n(6) {
		case 0:
			_, _ = g.Verify(h.t.Context(), request.VerifyOrder{Repair: true})
		case 1:
			_, _ = g.Seed(h.t.Context(), request.SeedOrder{})
		}
		time.Sleep(time.Duration(h.n(1500)) * time.Millisecond)
	}
	for _, w := range watches {
		for what, n := range w.state.Noticed {
			noticed[what] += n
		}
	}
}

// editor changes records by hand, at owners and at copies.
func (h *chaos) editor() {
	time.Sleep(5 * time.Second)
	for i := range 40 {
		a := h.apis[sites[h.n(3)]]
		a.mu.Lock()
		ids := slices.Sorted(maps.Keys(a.records))
		a.mu.Unlock()
		if len(ids) > 0 {
			body := fmt.Sprintf(`{"category":"hand-%d"}`, i)
			id := ids[h.n(len(ids))]
			a.mu.Lock()
			a.serve(request.Call{Method: http.MethodPatch, Target: "/tickets/" + id, Body: []byte(body)})
			a.mu.Unlock()
		}
		time.Sleep(time.Duration(h.n(1000)) * time.Millisecond)
	}
}
