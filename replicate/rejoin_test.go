package replicate

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/meridian-gateway/meridian/peer"
	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

// lose kills a gateway and has it begin again with an empty store that is known to have lost something.
func (c *cluster) lose(s request.Site) {
	c.links.mu.Lock()
	g := c.links.engines[s]
	delete(c.links.engines, s)
	c.links.mu.Unlock()
	if g == nil {
		return
	}
	c.guards[s].kill()
	_ = g.Stop(c.t.Context())
	c.boot++
	c.stores[s].Lose(store.Life{ID: fmt.Sprint("life-", c.boot), State: store.Rebuilt})
	if c.watch != nil {
		c.watch.forget(s)
	}
	c.start(s)
}

// rebuilt waits until a site's store is complete again.
func (c *cluster) rebuilt(s request.Site) {
	c.t.Helper()
	for range 600 {
		if l, err := c.stores[s].Life(c.t.Context()); err == nil && l.State == store.Lived {
			return
		}
		time.Sleep(time.Second) // the bubble's clock
	}
	c.t.Fatalf("%s is not rebuilt: %+v", s, c.at(s).Rebuilding())
}

// forget is for a site that knows nothing any more.
func (w *watcher) forget(s request.Site) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for at := range w.last {
		if at.site == s {
			delete(w.last, at)
		}
	}
	for id, owner := range w.owner {
		if owner == s {
			delete(w.owner, id)
		}
	}
}

func TestALostStoreIsRebuilt(t *testing.T) {
	for _, with := range []cluster{{corr: true}, {corr: true, stamps: true}, {}} {
		t.Run(fmt.Sprintf("external id %v, stamps %v", with.corr, with.stamps), func(t *testing.T) {
			with.watch = newWatcher()
			inBubbleWith(t, with, func(c *cluster) {
				mine, _ := c.must("sf", request.Create, "", `{"category":"desk","status":"closed","n":1}`)
				theirs, _ := c.must("sf", request.Create, "", `{"category":"chair","status":"closed","n":2}`)
				gone, local := c.must("sf", request.Create, "", `{"category":"desk","status":"closed","n":3}`)
				c.converged(mine.Entry.ID, "sf", "chicago", "paris")
				c.converged(theirs.Entry.ID, "chicago", "sf", "paris")
				c.must("sf", request.Delete, local, "")
				time.Sleep(time.Minute)
				before := map[request.Site]int{}
				for _, s := range sites {
					before[s] = len(c.apis[s].all())
				}
				for _, s := range sites {
					c.lose(s)
					if _, err := c.send(s, request.Create, "", `{"category":"desk"}`); request.KindOf(err) != request.Rejoining {
						t.Errorf("a write at %s while its store is rebuilt: %v", s, err)
					}
					c.rebuilt(s)
					time.Sleep(time.Minute)
				}
				owned := c.entry(mine.Entry.ID, "sf")
				if owned.Role != request.Owner || owned.Version.Epoch.Num < 2 {
					t.Errorf("sf is %s in %s", owned.Role, owned.Version.Mark())
				}
				if e := c.entry(theirs.Entry.ID, "chicago"); e.Role != request.Owner {
					t.Errorf("chicago is %s", e.Role)
				}
				for _, s := range sites {
					if n := len(c.apis[s].all()); n != before[s] {
						t.Errorf("%s has %d records, had %d", s, n, before[s])
					}
					if e := c.entry(gone.Entry.ID, s); e.Local != "" {
						t.Errorf("%s has what was deleted", s)
					}
				}
				c.must("sf", request.Update, owned.Local, `{"n":4}`)
				c.must("sf", request.Update, c.entry(theirs.Entry.ID, "sf").Local, `{"n":5}`)
				c.converged(mine.Entry.ID, "sf", "chicago", "paris")
				c.converged(theirs.Entry.ID, "chicago", "sf", "paris")
				for _, f := range with.watch.faults {
					t.Error(f)
				}
			})
		})
	}
}

// All sites lose their stores at once: stamps tell who owned what.
func TestAllStoresAreLost(t *testing.T) {
	for _, stamps := range []bool{true, false} {
		t.Run(fmt.Sprint("stamps ", stamps), func(t *testing.T) {
			watch := newWatcher()
			inBubbleWith(t, cluster{corr: true, stamps: stamps, watch: watch}, func(c *cluster) {
				mine, _ := c.must("sf", request.Create, "", `{"category":"desk","status":"closed","n":1}`)
				theirs, _ := c.must("sf", request.Create, "", `{"category":"chair","status":"closed","n":2}`)
				c.converged(mine.Entry.ID, "sf", "chicago", "paris")
				c.converged(theirs.Entry.ID, "chicago", "sf", "paris")
				for _, s := range sites {
					c.lose(s)
				}
				for _, s := range sites {
					c.rebuilt(s)
				}
				time.Sleep(time.Minute)
				for _, id := range []request.ID{mine.Entry.ID, theirs.Entry.ID} {
					owner := request.Site("")
					for _, s := range sites {
						if e := c.entry(id, s); e.Role == request.Owner {
							if owner != "" {
								t.Errorf("%s is owned by %s and %s", id, owner, s)
							}
							owner = s
						}
					}
					if owner == "" {
						t.Fatalf("%s has no owner: %+v", id, c.entry(id, "sf"))
					}
					for _, s := range sites {
						c.must(s, request.Update, c.entry(id, s).Local, fmt.Sprintf(`{"by_%s":1}`, s))
					}
					c.converged(id, owner, "sf", "chicago", "paris")
				}
				if e := c.entry(theirs.Entry.ID, "chicago"); stamps && e.Role != request.Owner {
					t.Errorf("chicago is %s", e.Role)
				}
				for _, f := range watch.faults {
					t.Error(f)
				}
			})
		})
	}
}

// TestForgetfulChaos is TestChaos with stores that are lost, one or two in a run, with everything that was under way.
func TestForgetfulChaos(t *testing.T) {
	from, to := 0, 30
	if testing.Short() {
		to = 10
	}
	if s := os.Getenv("MERIDIAN_SEEDS"); s != "" {
		if _, err := fmt.Sscanf(s, "%d-%d", &from, &to); err != nil {
			t.Fatalf("MERIDIAN_SEEDS=%s: want FROM-TO", s)
		}
	}
	for seed := from; seed < to; seed++ {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			t.Parallel()
			for _, fault := range simulateWith(t, seed, cluster{corr: true, stamps: true, watch: newWatcher()}, 2) {
				t.Error(fault)
			}
		})
	}
}

// A store that is new and not known to have been lost: the other sites know better. One that is new because the network is new serves at
// once, and stays as it is also when it was only heard later.
func TestANewStoreIsIntroduced(t *testing.T) {
	for _, lost := range []bool{true, false} {
		t.Run(fmt.Sprint("lost ", lost), func(t *testing.T) {
			watch := newWatcher()
			inBubbleWith(t, cluster{corr: true, watch: watch}, func(c *cluster) {
				c.stop("sf")
				if !lost {
					c.cut("sf", "chicago", true)
					c.cut("sf", "paris", true)
					c.stores["sf"].Lose(store.Life{ID: "first", State: store.Fresh})
					c.start("sf")
				} else {
					c.start("sf")
				}
				made, local := c.must("sf", request.Create, "", `{"category":"desk","status":"closed","n":1}`)
				if lost {
					c.converged(made.Entry.ID, "sf", "chicago", "paris")
					c.stop("sf")
					watch.forget("sf")
					c.stores["sf"].Lose(store.Life{ID: "second", State: store.Fresh})
					c.start("sf")
				} else {
					time.Sleep(time.Minute)
					c.cut("sf", "chicago", false)
					c.cut("sf", "paris", false)
				}
				c.rebuilt("sf")
				time.Sleep(time.Minute)
				e := c.entry(made.Entry.ID, "sf")
				if e.Role != request.Owner || e.Local != local || (e.Version.Epoch.Num > 1) != lost {
					t.Errorf("sf is %s of %s in %s", e.Role, e.Local, e.Version.Mark())
				}
				c.must("sf", request.Update, local, `{"n":2}`)
				c.converged(made.Entry.ID, "sf", "chicago", "paris")
				for _, f := range watch.faults {
					t.Error(f)
				}
			})
		})
	}
}

// A site whose store is new makes no copy, and answers no question, for a site that it has not heard: it may have the record, and have
// forgotten it. (A second record was made, when a delivery came between the start of the gateway and its first look.)
func TestANewStoreHearsWhoCalls(t *testing.T) {
	watch := newWatcher()
	inBubbleWith(t, cluster{corr: true, watch: watch}, func(c *cluster) {
		made, local := c.must("chicago", request.Create, "", `{"category":"desk","status":"closed","n":1}`)
		c.converged(made.Entry.ID, "chicago", "sf", "paris")
		before, here := len(c.apis["sf"].all()), c.entry(made.Entry.ID, "sf").Local
		c.stop("sf")
		watch.forget("sf")
		time.Sleep(time.Second)
		c.stores["sf"].Lose(store.Life{ID: store.NewLife(time.Now()), State: store.Fresh})
		c.cut("sf", "chicago", true)
		c.cut("sf", "paris", true)
		c.start("sf")
		face := Face{Engine: c.at("sf")}
		e := c.entry(made.Entry.ID, "chicago")
		if ack := face.Apply(c.t.Context(), "chicago", e.Snapshot()); ack.State != peer.Retry {
			t.Errorf("a copy for a site that was not heard: %+v", ack)
		}
		if _, err := face.Operation(c.t.Context(), "chicago", made.Entry.ID, made.Op); request.KindOf(err) != request.Rejoining {
			t.Errorf("a question of a site that was not heard: %v", err)
		}
		// A client's write of a record that carries the mark of a request makes no other request of it.
		if _, err := c.send("sf", request.Update, here, `{"n":5}`); request.KindOf(err) != request.Rejoining {
			t.Errorf("an update of a record with a mark: %v", err)
		}
		c.cut("sf", "chicago", false)
		c.cut("sf", "paris", false)
		c.rebuilt("sf")
		c.must("chicago", request.Update, local, `{"n":2}`)
		c.converged(made.Entry.ID, "chicago", "sf", "paris")
		if n := len(c.apis["sf"].all()); n != before {
			t.Errorf("%d records at sf, there were %d", n, before)
		}
		for _, f := range watch.faults {
			t.Error(f)
		}
	})
}
