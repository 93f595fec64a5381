package replicate

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/routing"
)

// put makes a record in an API without the gateway.
func (c *cluster) put(s request.Site, fields map[string]any) (local string) {
	body, _ := json.Marshal(fields)
	ans := c.apis[s].serve(request.Call{Method: http.MethodPost, Target: "/tickets", Body: body})
	var made map[string]any
	_ = json.Unmarshal(ans.Body, &made)
	return fmt.Sprint(made["id"])
}

// seeded seeds a site and waits for the end.
func (c *cluster) seeded(s request.Site, o request.SeedOrder) request.Seeding {
	c.t.Helper()
	if _, err := c.at(s).Seed(c.t.Context(), o); err != nil {
		c.t.Fatal(err)
	}
	return c.seedEnd(s)
}

func (c *cluster) seedEnd(s request.Site) request.Seeding {
	c.t.Helper()
	for range 1000 {
		st, err := c.at(s).Seeding(c.t.Context())
		if err != nil {
			c.t.Fatal(err)
		}
		if st.State != request.JobRunning {
			return st
		}
		time.Sleep(time.Second)
	}
	c.t.Fatal("the seeding does not end")
	return request.Seeding{}
}

// settle waits until no site owes anything.
func (c *cluster) settle() {
	c.t.Helper()
	for range 400 {
		synctest.Wait()
		owed := 0
		for _, s := range sites {
			b, _ := c.stores[s].Backlog(c.t.Context())
			for _, x := range b {
				owed += x.Pending + x.InFlight + x.Waiting
			}
		}
		if owed == 0 {
			return
		}
		time.Sleep(500 * time.Millisecond)
	}
	c.t.Fatal("something is owed for ever")
}

func pairing(c *cluster) {
	c.routes = []routing.Route{{Name: "all", On: []routing.Event{routing.Create}, At: []request.Site{"sf", "chicago"},
		Copy: &routing.Action{To: []request.Site{"sf", "chicago"}, Match: []string{"key"}, Duplicate: "overwrite"}}}
	for _, s := range sites {
		table, problems := routing.Compile(c.routes, sites)
		if len(problems) > 0 {
			c.t.Fatal(problems)
		}
		c.at(s).SetRoutes(table)
	}
}

// Records that two sites have of the same things become one request each; the second site's own are entered there.
func TestSeedPairsAtTwoSites(t *testing.T) {
	for _, corr := range []bool{true, false} {
		inBubble(t, corr, func(c *cluster) {
			t := c.t
			pairing(c)
			for i := range 50 {
				c.put("sf", map[string]any{"key": fmt.Sprint("k", i), "title": fmt.Sprint("sf ", i)})
				c.put("chicago", map[string]any{"key": fmt.Sprint("k", i+25), "title": fmt.Sprint("chicago ", i+25)})
			}
			st := c.seeded("sf", request.SeedOrder{})
			if p := st.Parts[0]; st.State != request.JobDone || p.Seeded != 50 || p.Failed != 0 || p.Routes["all"] != 50 {
				t.Fatalf("%+v", st)
			}
			c.settle()
			st = c.seeded("chicago", request.SeedOrder{Collection: "tickets"})
			if p := st.Parts[0]; st.State != request.JobDone || p.Seeded != 25 || p.Linked != 50 {
				t.Fatalf("%+v", st)
			}
			c.settle()
			for _, s := range []request.Site{"sf", "chicago"} {
				if n := len(c.apis[s].all()); n != 75 {
					t.Errorf("%s has %d records", s, n)
				}
			}
			recs, err := c.stores["sf"].Entries(t.Context(), "", 1000)
			if err != nil || len(recs) != 75 {
				t.Fatalf("%d requests: %v", len(recs), err)
			}
			for _, r := range recs {
				c.converged(r.Entry.ID, r.Entry.Owner, "sf", "chicago")
				if ref := c.record(r.Entry.ID, r.Entry.Owner)["ref"]; corr && ref != string(r.Entry.ID) {
					t.Errorf("%s carries %v", r.Entry.ID, ref)
				}
			}
			if again := c.seeded("sf", request.SeedOrder{}); again.Parts[0].Linked != 75 || again.Parts[0].Seeded != 0 {
				t.Errorf("again: %+v", again)
			}
		})
	}
}

// A seeding that dies at any step is gone on with, and enters nothing twice.
func TestSeedSurvivesDeaths(t *testing.T) {
	for _, corr := range []bool{true, false} {
		inBubble(t, corr, func(c *cluster) {
			t := c.t
			pairing(c)
			for i := range 120 {
				c.put("sf", map[string]any{"key": fmt.Sprint("k", i)})
			}
			if _, err := c.at("sf").Seed(t.Context(), request.SeedOrder{Rate: 10}); err != nil {
				t.Fatal(err)
			}
			for range 6 {
				time.Sleep(1700 * time.Millisecond)
				c.kill("sf")
			}
			st := c.seedEnd("sf")
			if p := st.Parts[0]; st.State != request.JobDone || p.Failed != 0 || p.Linked+p.Seeded < 120 || st.Pass < 4 {
				t.Errorf("%+v", st)
			}
			c.settle()
			recs, err := c.stores["sf"].Entries(t.Context(), "", 1000)
			if err != nil || len(recs) != 120 {
				t.Fatalf("%d requests: %v", len(recs), err)
			}
			locals := map[string]bool{}
			for _, r := range recs {
				locals[r.Entry.Local] = true
				if r.Entry.Version.Seq == 0 || len(r.Holders) != 1 {
					t.Errorf("%s is in version %s with holders %v", r.Entry.ID, r.Entry.Version, r.Holders)
				}
			}
			if n := len(c.apis["chicago"].all()); n != 120 || len(locals) != 120 {
				t.Errorf("chicago has %d records of %d", n, len(locals))
			}
		})
	}
}

func TestSeedLeavesAlone(t *testing.T) {
	inBubble(t, true, func(c *cluster) {
		t := c.t
		res, local := c.must("chicago", request.Create, "", `{"title":"known"}`)
		gid := res.Entry.ID
		unknown := request.NewID(time.Now())
		c.put("chicago", map[string]any{"title": "a clone", "ref": string(gid)})
		c.put("sf", map[string]any{"title": "of another site", "ref": string(gid)})
		own := c.put("sf", map[string]any{"title": "keeps its id", "ref": string(unknown)})
		dry := c.seeded("sf", request.SeedOrder{DryRun: true})
		if p := dry.Parts[0]; p.Seeded != 1 || p.Skipped != 1 || c.apis["sf"].commits != 2 {
			t.Errorf("dry run: %+v, %d writes", dry, c.apis["sf"].commits)
		}
		st := c.seeded("sf", request.SeedOrder{})
		if p := st.Parts[0]; p.Seeded != 1 || p.Skipped != 1 || len(st.Notes) != 1 {
			t.Errorf("%+v", st)
		}
		if e := c.entry(unknown, "sf"); e.Local != own || e.Role != request.Owner {
			t.Errorf("%+v", e)
		}
		st = c.seeded("chicago", request.SeedOrder{})
		if p := st.Parts[0]; p.Seeded != 0 || p.Skipped != 1 || p.Linked != 1 {
			t.Errorf("%+v", st)
		}
		if e := c.entry(gid, "chicago"); e.Local != local {
			t.Errorf("the clone took the request: %+v", e)
		}
		c.cut("sf", "paris", true)
		c.put("sf", map[string]any{"title": "cannot be asked about", "ref": string(request.NewID(time.Now()))})
		if st = c.seeded("sf", request.SeedOrder{}); st.Parts[0].Failed != 1 {
			t.Errorf("%+v", st)
		}
	})
}

// An API that refuses the marks, answers nothing, or fails for a while: everything is entered all the same, once.
func TestSeedWithFaults(t *testing.T) {
	for name, fault := range map[string]func(a *api, n int){
		"refuses": func(a *api, n int) { a.status = 422 },
		"busy":    func(a *api, n int) { a.odd = func() int { n++; return []int{0, 503}[n%2] } },
		"lost": func(a *api, n int) {
			a.fault = func(_ request.Call, after bool) error { n++; return map[bool]error{true: errBroke}[after && n%3 == 0] }
		},
		"cut": func(a *api, n int) {
			a.fault = func(_ request.Call, after bool) error { n++; return map[bool]error{true: errBroke}[!after && n%3 == 0] }
		},
		"late": func(a *api, n int) {
			a.late = func() time.Duration { n++; return []time.Duration{0, 3 * time.Second}[n%2] }
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, true, func(c *cluster) {
				t := c.t
				for i := range 30 {
					c.put("sf", map[string]any{"status": "closed", "n": i})
				}
				fault(c.apis["sf"], 0)
				c.seeded("sf", request.SeedOrder{})
				c.apis["sf"].status, c.apis["sf"].odd, c.apis["sf"].fault, c.apis["sf"].late = 0, nil, nil, nil
				st := c.seeded("sf", request.SeedOrder{})
				if p := st.Parts[0]; st.State != request.JobDone || p.Failed != 0 || p.Linked+p.Seeded != 30 {
					t.Fatalf("%+v", st)
				}
				c.settle()
				recs, err := c.stores["sf"].Entries(t.Context(), "", 1000)
				if err != nil || len(recs) != 30 {
					t.Fatalf("%d requests: %v", len(recs), err)
				}
				for _, r := range recs {
					c.converged(r.Entry.ID, "sf", "chicago", "paris")
					if ref := c.apis["sf"].get(r.Entry.Local)["ref"]; ref != string(r.Entry.ID) {
						t.Errorf("%s carries %v", r.Entry.Local, ref)
					}
				}
			})
		})
	}
}

// Two gateways of a site that meet the same record enter one request.
func TestSeedNamesAreOne(t *testing.T) {
	inBubble(t, false, func(c *cluster) {
		t := c.t
		g := c.at("sf")
		local := c.put("sf", map[string]any{"title": "x"})
		one, err := g.nameFor(t.Context(), "tickets", local)
		if err != nil {
			t.Fatal(err)
		}
		g.tasks.salt = ""
		two, err := g.nameFor(t.Context(), "tickets", local)
		if err != nil || one != two {
			t.Errorf("%s and %s: %v", one, two, err)
		}
		if _, err := request.ParseID(string(one)); err != nil {
			t.Error(err)
		}
		c.seeded("sf", request.SeedOrder{})
		if e := c.entry(one, "sf"); e.Local != local {
			t.Errorf("%+v", e)
		}
		if _, err := g.nameFor(t.Context(), "tickets", local); request.KindOf(err) != request.Busy {
			t.Errorf("named twice: %v", err)
		}
		if _, err := c.send("sf", request.Delete, local, ""); err != nil {
			t.Fatal(err)
		}
		if three, err := g.nameFor(t.Context(), "tickets", local); err != nil || three == one {
			t.Errorf("%s: %v", three, err)
		}
	})
}

// Another gateway of the site goes on with a seeding when the one that worked on it is silent.
func TestSeedIsTakenOver(t *testing.T) {
	inBubble(t, true, func(c *cluster) {
		t := c.t
		for i := range 100 {
			c.put("sf", map[string]any{"n": i})
		}
		if _, err := c.at("sf").Seed(t.Context(), request.SeedOrder{Rate: 5}); err != nil {
			t.Fatal(err)
		}
		first := c.at("sf")
		o := first.Options
		o.Replica, o.Boot, o.Ledger, o.Queue, o.Notes = "sf-b", "b", c.stores["sf"], c.stores["sf"], c.stores["sf"]
		second := New(o)
		second.Start(t.Context())
		defer func() { _ = second.Stop(t.Context()) }()
		time.Sleep(10 * time.Second)
		if st, err := second.Seeding(t.Context()); err != nil || st.State != request.JobRunning || replicaOf(st.Replica) != "sf" {
			t.Fatalf("%+v %v", st, err)
		}
		if _, err := second.Seed(t.Context(), request.SeedOrder{}); request.KindOf(err) != request.Conflict {
			t.Errorf("two seedings: %v", err)
		}
		c.guards["sf"].kill()
		for range 200 {
			st, err := second.Seeding(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if st.State == request.JobDone {
				if p := st.Parts[0]; replicaOf(st.Replica) != "sf-b" || p.Linked+p.Seeded < 100 || p.Failed != 0 {
					t.Errorf("%+v", st)
				}
				recs, err := c.stores["sf"].Entries(t.Context(), "", 1000)
				if err != nil || len(recs) != 100 {
					t.Errorf("%d requests, %v", len(recs), err)
				}
				return
			}
			time.Sleep(time.Second)
		}
		t.Error("nobody went on with it")
	})
}

func TestSeedCancel(t *testing.T) {
	inBubble(t, true, func(c *cluster) {
		t := c.t
		for i := range 100 {
			c.put("sf", map[string]any{"n": i})
		}
		g := c.at("sf")
		if _, err := g.Seed(t.Context(), request.SeedOrder{Rate: 5, Since: time.Now()}); request.KindOf(err) != request.Invalid {
			t.Errorf("a list without times: %v", err)
		}
		if _, err := g.Seed(t.Context(), request.SeedOrder{Collection: "articles"}); request.KindOf(err) != request.Invalid {
			t.Errorf("no such collection: %v", err)
		}
		one, err := g.Seed(t.Context(), request.SeedOrder{Rate: 5})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		if st, err := g.Seeding(t.Context()); err != nil || st.Busy < 3*time.Second || st.Busy > 6*time.Second {
			t.Errorf("%+v %v", st, err)
		}
		if st, err := g.CancelSeed(t.Context()); err != nil || st.State != request.JobCancelled || st.ID != one.ID {
			t.Fatalf("%+v %v", st, err)
		}
		two, err := g.Seed(t.Context(), request.SeedOrder{})
		if err != nil || two.ID == one.ID {
			t.Fatalf("%+v %v", two, err)
		}
		if st := c.seedEnd("sf"); st.ID != two.ID || st.State != request.JobDone || st.Parts[0].Linked+st.Parts[0].Seeded != 100 || st.Parts[0].Seeded > 80 {
			t.Errorf("%+v", st)
		}
	})
}
