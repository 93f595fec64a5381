package replicate

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/meridian-gateway/meridian/profile"
	"github.com/meridian-gateway/meridian/request"
)

// edit changes a record in an API without the gateway; nil fields delete it.
func (c *cluster) edit(s request.Site, local string, fields map[string]any) {
	body, _ := json.Marshal(fields)
	method := http.MethodPatch
	if fields == nil {
		method = http.MethodDelete
	}
	c.apis[s].mu.Lock()
	defer c.apis[s].mu.Unlock()
	if ans := c.apis[s].serve(request.Call{Method: method, Target: "/tickets/" + local, Body: body}); ans.Status >= 300 {
		c.t.Fatalf("editing %s at %s: %d", local, s, ans.Status)
	}
}

// counting counts the calls that read single records.
type counting struct {
	Upstream
	reads atomic.Int32
}

func (u *counting) Do(ctx context.Context, call request.Call, own bool) (request.Answer, error) {
	if call.Method == http.MethodGet && strings.HasPrefix(call.Target, "/tickets/") {
		u.reads.Add(1)
	}
	return u.Upstream.Do(ctx, call, own)
}

// watcher1 looks at the tickets of a site, when it is told to.
func (c *cluster) watching(s request.Site, p profile.Watch) *watch {
	g := c.at(s)
	return newWatch(g, g.Profile.Collections["tickets"], p)
}

func (w *watch) must(t *testing.T) {
	t.Helper()
	if err := w.round(t.Context()); err != nil {
		t.Fatal(err)
	}
}

var mend = profile.Watch{Every: time.Minute, Publish: true, Revert: true}

func TestWatchPublishesAtTheOwner(t *testing.T) {
	inBubble(t, true, func(c *cluster) {
		t := c.t
		res, local := c.must("sf", request.Create, "", `{"title":"t","status":"open"}`)
		gid := res.Entry.ID
		w := c.watching("sf", mend)
		w.must(t)
		if v := c.entry(gid, "sf").Version; v.Seq != 1 {
			t.Fatalf("a look made version %s", v)
		}
		c.edit("sf", local, map[string]any{"status": "closed", "by": "hand"}) // the route copies what is closed to all
		w.must(t)
		e := c.entry(gid, "sf")
		if e.Version.Seq != 2 || w.state.Noticed[NoticePublished] != 1 {
			t.Fatalf("version %s, noticed %v", e.Version, w.state.Noticed)
		}
		c.converged(gid, "sf", "chicago", "paris")
		if r := c.record(gid, "paris"); r["by"] != "hand" {
			t.Errorf("paris has %v", r)
		}
		w.must(t)
		if v := c.entry(gid, "sf").Version; v != e.Version {
			t.Errorf("nothing happened, and it is version %s", v)
		}
		c.edit("sf", local, map[string]any{"by": nil})
		w.must(t)
		c.converged(gid, "sf", "chicago", "paris")
		if r := c.record(gid, "paris"); r["by"] != nil {
			t.Errorf("paris has %v", r)
		}
	})
}

// drift says what an engine does about copies that were changed.
func drift(g *Engine, how string) {
	s := *g.set()
	s.Drift = how
	g.Set(s)
}

func TestWatchRevertsAtACopy(t *testing.T) {
	inBubble(t, true, func(c *cluster) {
		t := c.t
		res, _ := c.must("sf", request.Create, "", `{"title":"t","status":"closed"}`)
		gid := res.Entry.ID
		c.converged(gid, "sf", "chicago", "paris")
		local := c.entry(gid, "paris").Local
		report := c.watching("paris", profile.Watch{Every: time.Minute})
		synctest.Wait()
		drift(c.at("paris"), profile.DriftReport)
		report.must(t)
		c.edit("paris", local, map[string]any{"title": "wrong", "assignee": "eve", "more": 1})
		report.must(t)
		report.must(t)
		if n := report.state.Noticed[NoticeReported]; n != 1 || c.apis["paris"].get(local)["title"] != "wrong" {
			t.Errorf("reported %d times, %v", n, c.apis["paris"].get(local))
		}
		synctest.Wait()
		drift(c.at("paris"), profile.DriftOverwrite)
		w := c.watching("paris", mend)
		w.must(t)
		if r := c.apis["paris"].get(local); r["title"] != "t" || r["assignee"] != "eve" || w.state.Noticed[NoticeReverted] != 1 {
			t.Errorf("%v, noticed %v", r, w.state.Noticed)
		}
		c.edit("paris", local, nil)
		w.must(t)
		if e := c.entry(gid, "paris"); e.Local == local || c.apis["paris"].get(e.Local)["title"] != "t" || w.state.Noticed[NoticeRemade] != 1 {
			t.Errorf("%+v", e)
		}
		c.edit("paris", c.entry(gid, "paris").Local, map[string]any{"title": "wrong again"})
		c.must("sf", request.Update, c.entry(gid, "sf").Local, `{"n":1}`)
		w.must(t)
		c.converged(gid, "sf", "chicago", "paris")
	})
}

// A revert whose answer is lost, or that lands late, leaves the copy as the owner has it.
func TestRevertWithFaults(t *testing.T) {
	for _, late := range []bool{true, false} {
		inBubble(t, true, func(c *cluster) {
			t := c.t
			res, local := c.must("sf", request.Create, "", `{"title":"t","status":"closed"}`)
			gid := res.Entry.ID
			c.converged(gid, "sf", "chicago", "paris")
			w := c.watching("paris", mend)
			w.must(t)
			c.edit("paris", c.entry(gid, "paris").Local, map[string]any{"title": "wrong"})
			n := 0
			if late {
				c.apis["paris"].late = func() time.Duration { n++; return []time.Duration{5 * time.Second, 0}[min(n-1, 1)] }
			} else {
				c.apis["paris"].fault = func(_ request.Call, after bool) error {
					if n++; n < 3 {
						return errBroke
					}
					return nil
				}
			}
			w.must(t)
			c.must("sf", request.Update, local, `{"title":"newer"}`)
			time.Sleep(time.Minute)
			w.must(t)
			time.Sleep(time.Minute)
			c.converged(gid, "sf", "chicago", "paris")
		})
	}
}

func TestWatchDeletes(t *testing.T) {
	inBubble(t, true, func(c *cluster) {
		t := c.t
		res, local := c.must("sf", request.Create, "", `{"title":"t","status":"closed"}`)
		gid := res.Entry.ID
		c.converged(gid, "sf", "chicago", "paris")
		w := c.watching("sf", mend)
		w.must(t)
		c.edit("sf", local, nil)
		w.must(t)
		w.must(t)
		if e := c.entry(gid, "sf"); e.Role != request.Owner || len(w.guard.gone) != 1 {
			t.Fatalf("deleted at first sight: %+v", e)
		}
		time.Sleep(c.at("sf").quiet() + time.Second)
		w.must(t)
		if e := c.entry(gid, "sf"); e.Role != request.Tombstone || e.Version.Seq != 2 {
			t.Fatalf("%+v", e)
		}
		c.settle()
		for _, s := range sites {
			if n := len(c.apis[s].all()); n != 0 {
				t.Errorf("%s still has %d", s, n)
			}
		}
	})
}

// An API that was emptied is not believed; one that shows its records again is in order.
func TestWatchGuard(t *testing.T) {
	inBubble(t, true, func(c *cluster) {
		t := c.t
		for i := range 30 {
			c.must("sf", request.Create, "", fmt.Sprintf(`{"n":%d,"status":"closed"}`, i))
		}
		c.settle()
		w := c.watching("sf", mend)
		w.must(t)
		was := c.apis["sf"].records
		c.apis["sf"].mu.Lock()
		c.apis["sf"].records = map[string]map[string]any{}
		c.apis["sf"].mu.Unlock()
		for range 5 {
			w.must(t)
			time.Sleep(time.Minute)
		}
		w.report(nil)
		if st := w.state; st.Alarm == "" || st.Gone < 21 || len(c.apis["paris"].all()) != 30 {
			t.Fatalf("%+v, and paris has %d", st, len(c.apis["paris"].all()))
		}
		c.apis["sf"].mu.Lock()
		c.apis["sf"].records = was
		c.apis["sf"].mu.Unlock()
		w.must(t)
		w.must(t)
		w.report(nil)
		if st := w.state; st.Alarm != "" || st.Gone != 0 {
			t.Errorf("%+v", st)
		}
		recs, _ := c.stores["sf"].Entries(t.Context(), "", 1000)
		for _, r := range recs {
			if r.Entry.Role != request.Owner || r.Entry.Version.Seq != 1 {
				t.Errorf("%+v", r.Entry)
			}
		}
	})
}

// Records that are in order cost no read, whoever wrote them; those that the gateway has not made are left alone, or seeded.
func TestWatchCostsNothing(t *testing.T) {
	inBubble(t, true, func(c *cluster) {
		t := c.t
		g := c.at("sf")
		u := &counting{Upstream: g.Upstream}
		g.Upstream = u
		for i := range 40 {
			c.must("sf", request.Create, "", fmt.Sprintf(`{"n":%d}`, i))
		}
		foreign := c.put("sf", map[string]any{"title": "somebody's"})
		w := c.watching("sf", mend)
		before := u.reads.Load()
		for range 3 {
			w.must(t)
		}
		if n := u.reads.Load() - before; n > 3*sweepRecords { // the slow look at the ledger alone
			t.Errorf("%d reads in three looks", n)
		}
		if _, _, ok, err := g.Find(t.Context(), "tickets", foreign); ok || err != nil {
			t.Errorf("it was made a request: %v", err)
		}
		w = c.watching("sf", profile.Watch{Every: time.Minute, Seed: true})
		w.must(t)
		if _, _, ok, err := g.Find(t.Context(), "tickets", foreign); !ok || err != nil || w.state.Noticed[NoticeSeeded] != 1 {
			t.Errorf("it was not made a request: %v", err)
		}
	})
}

// A look goes on through a record that cannot be read, and comes back to one that was being written.
func TestWatchAmongWrites(t *testing.T) {
	inBubble(t, true, func(c *cluster) {
		t := c.t
		res, local := c.must("sf", request.Create, "", `{"title":"t"}`)
		w := c.watching("sf", mend)
		c.apis["sf"].fault = func(call request.Call, after bool) error {
			if after {
				return nil
			}
			return errBroke
		}
		if _, err := c.send("sf", request.Update, local, `{"title":"lost"}`); err == nil {
			t.Fatal("the write was answered")
		}
		c.apis["sf"].fault = nil
		c.edit("sf", local, map[string]any{"title": "by hand"})
		w.must(t)
		time.Sleep(2 * c.at("sf").quiet())
		w.must(t)
		if e := c.entry(res.Entry.ID, "sf"); e.Intent != nil || len(e.Fields) == 0 || string(e.Fields[0].Value) != `"by hand"` {
			t.Errorf("%+v", e)
		}
	})
}
