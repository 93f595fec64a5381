package replicate

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/routing"
	"github.com/meridian-gateway/meridian/store"
)

// settledAt waits until a request has exactly one owner, the one given, and nobody plans, releases or takes anything.
func (c *cluster) settledAt(id request.ID, owner request.Site) request.Entry {
	c.t.Helper()
	for range 400 {
		synctest.Wait()
		done := true
		for _, s := range sites {
			e := c.entry(id, s)
			if (e.Role == request.Owner) != (s == owner) || e.Role == request.Granting || e.Role == request.Elect || e.Intent != nil || e.Plan != nil && !e.Plan.Parked {
				done = false
			}
		}
		if done {
			return c.entry(id, owner)
		}
		time.Sleep(250 * time.Millisecond) // the bubble's clock: no time passes outside
	}
	for _, s := range sites {
		e := c.entry(id, s)
		c.t.Logf("%s: %s %s fence %s plan %+v grant %+v intent %v", s, e.Role, e.Version.Mark(), e.Fence, e.Plan, e.Grant, e.Intent != nil)
	}
	c.t.Fatalf("%s is not settled at %s", id, owner)
	return request.Entry{}
}

func (c *cluster) order(s request.Site, o request.Order) error {
	_, err := c.at(s).Order(c.t.Context(), o)
	return err
}

// withRoutes runs a test with other routes than the usual ones.
func withRoutes(t *testing.T, routes []routing.Route, test func(*cluster)) {
	t.Helper()
	inBubble(t, true, func(c *cluster) {
		table, problems := routing.Compile(routes, sites)
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		c.routes = routes
		for _, s := range sites {
			c.at(s).SetRoutes(table)
		}
		test(c)
	})
}

func on(events ...routing.Event) []routing.Event { return events }

func toSite(s request.Site, mode string) *routing.Action {
	return &routing.Action{To: []request.Site{s}, Mode: mode}
}

func TestTransferOnUpdateAndBack(t *testing.T) {
	withRoutes(t, []routing.Route{
		{Name: "skill", On: on(routing.Update), At: []request.Site{"sf"}, When: `skill == "wood" && changed("skill")`, Transfer: toSite("chicago", "")},
		{Name: "arrived", On: on(routing.Arrive), At: []request.Site{"chicago"}, Copy: toSite("paris", "")},
		{Name: "home", On: on(routing.Update), When: `status == "repaired" && old.status != "repaired"`, Return: &routing.Action{}},
	}, func(c *cluster) {
		res, id := c.must("sf", request.Create, "", `{"category":"desk"}`)
		gid := res.Entry.ID
		res, _ = c.must("sf", request.Update, id, `{"skill":"wood","n":12345678901234567890}`)
		if fmt.Sprint(res.Routes) != "[skill]" {
			t.Errorf("routes %v", res.Routes)
		}
		e := c.settledAt(gid, "chicago")
		if e.Version.Mark() != "2@chicago.0" || !slices.Equal(e.Path, []request.Site{"sf"}) || len(e.Former) != 1 {
			t.Errorf("at the new owner: %s, path %v, former %v", e.Version.Mark(), e.Path, e.Former)
		}
		c.converged(gid, "chicago", "sf", "paris")
		res, _ = c.must("sf", request.Update, id, `{"status":"repaired"}`)
		if res.Version.Mark() != "2@chicago.1" {
			t.Errorf("a write after the hand-over made %s", res.Version.Mark())
		}
		e = c.settledAt(gid, "sf")
		if e.Version.Mark() != "3@sf.0" || len(e.Path) != 0 || len(e.Former) != 2 {
			t.Errorf("home: %s, path %v, former %v", e.Version.Mark(), e.Path, e.Former)
		}
		c.converged(gid, "sf", "chicago", "paris")
		if got := c.entry(gid, "paris"); got.Owner != "sf" || got.Version != e.Version {
			t.Errorf("paris follows %s at %s", got.Owner, got.Version.Mark())
		}
	})
}

func TestRoundAndRoundGrowsNothing(t *testing.T) {
	inBubble(t, true, func(c *cluster) {
		res, _ := c.must("sf", request.Create, "", `{"category":"desk"}`)
		gid := res.Entry.ID
		for round := range 6 {
			to := []request.Site{"chicago", "sf"}[round%2]
			if err := c.order("paris", request.Order{Request: gid, To: to}); round == 0 && request.KindOf(err) != request.NotFound {
				t.Fatalf("a site that does not know it: %v", err)
			}
			if err := c.order([]request.Site{"sf", "chicago"}[round%2], request.Order{Request: gid, To: to}); err != nil {
				t.Fatal(err)
			}
			c.settledAt(gid, to)
		}
		c.converged(gid, "sf", "chicago")
		rec, err := c.stores["sf"].Read(c.t.Context(), gid)
		if err != nil || len(rec.Holders) != 1 || len(rec.Entry.Path) != 0 || rec.Entry.Version.Epoch.Num != 7 {
			t.Errorf("%v holders, path %v, version %s, %v", rec.Holders, rec.Entry.Path, rec.Entry.Version.Mark(), err)
		}
		for _, s := range []request.Site{"sf", "chicago"} {
			if n := len(c.apis[s].all()); n != 1 {
				t.Errorf("%s has %d records", s, n)
			}
		}
		if err := c.order("chicago", request.Order{Request: gid, Return: true}); request.KindOf(err) != request.Invalid {
			t.Errorf("returning what is at home: %v", err)
		}
		if err := c.order("chicago", request.Order{Request: gid, To: "rome"}); request.KindOf(err) != request.Invalid {
			t.Errorf("an unknown site: %v", err)
		}
	})
}

func TestTransferWaitsForTheLink(t *testing.T) {
	inBubble(t, true, func(c *cluster) {
		res, id := c.must("sf", request.Create, "", `{"category":"desk"}`)
		gid := res.Entry.ID
		c.cut("sf", "chicago", true)
		if err := c.order("sf", request.Order{Request: gid, To: "chicago"}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if res, _ = c.must("sf", request.Update, id, `{"title":"meanwhile"}`); res.Entry.Owner != "sf" || res.Entry.Wanted() != "chicago" {
			t.Errorf("while it waits: owner %s, wanted %s", res.Entry.Owner, res.Entry.Wanted())
		}
		waiting, err := c.at("sf").Transfers(c.t.Context(), "", 0)
		if err != nil || len(waiting) != 1 || !strings.Contains(waiting[0].Entry.Plan.Cause, "chicago") {
			t.Errorf("waiting: %+v, %v", waiting, err)
		}
		c.kill("sf")
		c.cut("sf", "chicago", false)
		c.settledAt(gid, "chicago")
		if got := c.record(gid, "chicago")["title"]; got != "meanwhile" {
			t.Errorf("the new owner has %v", got)
		}
	})
}

func TestCreateAcceptedForAnUnreachableOwnerMovesLater(t *testing.T) {
	inBubble(t, true, func(c *cluster) {
		c.cut("sf", "chicago", true)
		res, id := c.must("sf", request.Create, "", `{"category":"chair"}`)
		if res.Entry.Owner != "sf" || res.Entry.Wanted() != "chicago" {
			t.Errorf("owner %s, wanted %s", res.Entry.Owner, res.Entry.Wanted())
		}
		c.must("sf", request.Update, id, `{"title":"worked on meanwhile"}`)
		c.cut("sf", "chicago", false)
		c.settledAt(res.Entry.ID, "chicago")
		c.converged(res.Entry.ID, "chicago", "sf")
	})
}

func TestMoveLeavesNothingBehind(t *testing.T) {
	withRoutes(t, []routing.Route{
		{Name: "kb", On: on(routing.Create), Copy: toSite("paris", "")},
		{Name: "old", On: on(routing.Update), At: []request.Site{"sf"}, When: `status == "closed"`, Archive: toSite("chicago", "move")},
	}, func(c *cluster) {
		res, id := c.must("sf", request.Create, "", `{"title":"t"}`)
		gid := res.Entry.ID
		c.converged(gid, "sf", "paris")
		c.cut("sf", "chicago", true)
		c.must("sf", request.Update, id, `{"status":"closed"}`)
		time.Sleep(time.Minute)
		if c.apis["sf"].get(id) == nil {
			t.Fatal("the source is gone before the target has it")
		}
		c.cut("sf", "chicago", false)
		c.settledAt(gid, "chicago")
		c.converged(gid, "chicago")
		for s, n := range map[request.Site]int{"sf": 0, "chicago": 1, "paris": 0} {
			if got := len(c.apis[s].all()); got != n {
				t.Errorf("%s has %d records, want %d", s, got, n)
			}
		}
		rec, err := c.stores["chicago"].Read(c.t.Context(), gid)
		if err != nil || slices.ContainsFunc(rec.Holders, func(d request.Delivery) bool { return d.State != request.Delivered }) {
			t.Errorf("holders %+v, %v", rec.Holders, err)
		}
		// It can come back, as a record of its own.
		if err := c.order("sf", request.Order{Request: gid, Return: true}); err != nil {
			t.Fatal(err)
		}
		e := c.settledAt(gid, "sf")
		if c.apis["sf"].get(e.Local)["title"] != "t" {
			t.Errorf("back home: %v", c.apis["sf"].all())
		}
	})
}

func TestTargetThatRefusesLeavesTheOwner(t *testing.T) {
	inBubble(t, true, func(c *cluster) {
		res, id := c.must("sf", request.Create, "", `{"title":"t"}`)
		gid := res.Entry.ID
		c.apis["chicago"].mu.Lock()
		c.apis["chicago"].status = 422
		c.apis["chicago"].mu.Unlock()
		if err := c.order("sf", request.Order{Request: gid, To: "chicago"}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		e := c.settledAt(gid, "sf")
		if e.Version.Epoch.Num != 3 || e.Plan == nil || !e.Plan.Parked || !strings.Contains(e.Plan.Cause, "422") {
			t.Errorf("after a refusal: %s, plan %+v", e.Version.Mark(), e.Plan)
		}
		c.must("sf", request.Update, id, `{"title":"goes on"}`)
		c.apis["chicago"].mu.Lock()
		c.apis["chicago"].status = 0
		c.apis["chicago"].mu.Unlock()
		if err := c.order("sf", request.Order{Request: gid, To: "chicago"}); err != nil {
			t.Fatal(err)
		}
		c.settledAt(gid, "chicago")
		c.converged(gid, "chicago", "sf")
	})
}

// A target that is silent in the middle: reads go on, writes are refused as handing over; an operator reclaims the request; when the link is back
// there is one owner, and what the other wrote meanwhile is a conflict record.
func TestReclaimFencesTheOtherOwner(t *testing.T) {
	inBubble(t, true, func(c *cluster) {
		res, id := c.must("sf", request.Create, "", `{"title":"t"}`)
		gid := res.Entry.ID
		c.links.mu.Lock()
		c.links.cut[[2]request.Site{"chicago", "sf"}] = true // else the new owner's first delivery could be quicker
		c.links.lose = func(_, _ request.Site, what string) bool {
			if what == string(request.GrantIt) { // it is taken, and nobody at home hears of it
				c.links.cut[[2]request.Site{"sf", "chicago"}], c.links.cut[[2]request.Site{"chicago", "sf"}] = true, true
			}
			return what == string(request.GrantIt) || what == "ack"
		}
		c.links.mu.Unlock()
		if err := c.order("sf", request.Order{Request: gid, To: "chicago"}); err != nil {
			t.Fatal(err)
		}
		for c.entry(gid, "chicago").Role != request.Owner {
			time.Sleep(10 * time.Millisecond)
		}
		c.links.mu.Lock()
		c.links.lose = nil
		c.links.mu.Unlock()
		if _, err := c.send("sf", request.Update, id, `{"title":"x"}`); request.KindOf(err) != request.HandingOver {
			t.Errorf("a write in the middle: %v", err)
		}
		c.must("chicago", request.Update, c.entry(gid, "chicago").Local, `{"title":"chicago's"}`)
		if _, err := c.at("sf").Reclaim(c.t.Context(), gid, "mary", "chicago burnt down"); err != nil {
			t.Fatal(err)
		}
		c.must("sf", request.Update, id, `{"title":"sf's"}`)
		c.cut("sf", "chicago", false)
		e := c.settledAt(gid, "sf")
		c.converged(gid, "sf", "chicago")
		if got := c.record(gid, "chicago")["title"]; got != "sf's" {
			t.Errorf("chicago has %v", got)
		}
		lost := c.entry(gid, "chicago").Conflicts
		if len(lost) != 1 || len(lost[0].Fields) != 1 || lost[0].Fields[0].Mine != `"chicago's"` || e.Version.Mark() != "3@sf.1" {
			t.Errorf("conflicts %+v, version %s", lost, e.Version.Mark())
		}
		list, err := c.at("chicago").Conflicts(c.t.Context(), "", 0)
		if err != nil || len(list) != 1 {
			t.Fatalf("listed %v, %v", list, err)
		}
		if err := c.at("chicago").Dismiss(c.t.Context(), gid, lost[0].ID); err != nil || len(c.entry(gid, "chicago").Conflicts) != 0 {
			t.Errorf("dismissed: %v", err)
		}
	})
}

func TestQueuedWrites(t *testing.T) {
	withRoutes(t, []routing.Route{{Name: "chairs", On: on(routing.Create), At: []request.Site{"sf"},
		Transfer: &routing.Action{To: []request.Site{"chicago"}, Writes: "queue"}}}, func(c *cluster) {
		res, id := c.must("sf", request.Create, "", `{"title":"a","status":"open"}`)
		gid := res.Entry.ID
		c.cut("sf", "chicago", true)
		queue := func(body string) request.Result {
			t.Helper()
			res, err := c.send("sf", request.Update, id, body)
			if err != nil || res.Answer.Status != 202 || res.Answer.Header.Get("Meridian-State") != "queued" {
				t.Fatalf("queued: %+v, %v", res.Answer, err)
			}
			return res
		}
		first, second, third := queue(`{"title":"b"}`), queue(`{"status":"closed"}`), queue(`{"title":"c","extra":1}`)
		if got := c.record(gid, "sf")["title"]; got != "a" {
			t.Errorf("the copy changed before the owner did: %v", got)
		}
		c.must("chicago", request.Update, c.entry(gid, "chicago").Local, `{"status":"waiting"}`)
		c.kill("sf")
		c.cut("sf", "chicago", false)
		time.Sleep(time.Minute)
		c.converged(gid, "chicago", "sf")
		r := c.record(gid, "chicago")
		if r["status"] != "waiting" || r["extra"] != float64(1) {
			t.Errorf("the owner has %v", r)
		}
		for i, want := range []request.Outcome{request.Done, request.Clashed, request.Done} {
			op, err := c.at("sf").Operation(c.t.Context(), []string{first.Op, second.Op, third.Op}[i])
			if err != nil || op.Outcome != want {
				t.Errorf("write %d ended as %+v, %v", i, op, err)
			}
		}
		if lost := c.entry(gid, "chicago").Conflicts; len(lost) != 1 || lost[0].Fields[0].Mine != `"closed"` {
			t.Errorf("conflicts %+v", lost)
		}
		if q := c.entry(gid, "sf").Queue; len(q) != 0 {
			t.Errorf("still queued: %+v", q)
		}
	})
}

func TestRingOfRoutesIsStopped(t *testing.T) {
	withRoutes(t, []routing.Route{
		{Name: "there", On: on(routing.Update, routing.Arrive), At: []request.Site{"sf"}, When: `n == 1`, Transfer: toSite("chicago", "")},
		{Name: "back", On: on(routing.Arrive), At: []request.Site{"chicago"}, Transfer: toSite("sf", "")},
	}, func(c *cluster) {
		res, id := c.must("sf", request.Create, "", `{"n":0}`)
		c.must("sf", request.Update, id, `{"n":1}`)
		time.Sleep(10 * time.Second)
		e := c.settledAt(res.Entry.ID, "sf")
		if e.Version.Epoch.Num != 9 || e.Plan == nil || !strings.Contains(e.Plan.Cause, "8 times") {
			t.Errorf("epoch %d, plan %+v", e.Version.Epoch.Num, e.Plan)
		}
		if res, _ := c.must("sf", request.Update, id, `{"n":2}`); res.Entry.Hops != 0 || len(res.Entry.Routes) != 0 {
			t.Errorf("a client's write does not start anew: %+v", res.Entry)
		}
	})
}

func TestDeleteActions(t *testing.T) {
	withRoutes(t, []routing.Route{
		{Name: "all", On: on(routing.Create), Copy: &routing.Action{All: true}},
		{Name: "away", On: on(routing.Update), When: `status == "canceled"`, Delete: &routing.Action{Copies: "all"}},
		{Name: "gone", On: on(routing.Update), When: `status == "void"`, Delete: &routing.Action{}},
	}, func(c *cluster) {
		res, id := c.must("sf", request.Create, "", `{"title":"t"}`)
		gid := res.Entry.ID
		c.converged(gid, "sf", "chicago", "paris")
		c.cut("sf", "paris", true)
		c.must("sf", request.Update, id, `{"status":"canceled"}`)
		c.must("sf", request.Update, id, `{"title":"u"}`)
		c.cut("sf", "paris", false)
		time.Sleep(time.Minute)
		c.converged(gid, "sf")
		for s, n := range map[request.Site]int{"sf": 1, "chicago": 0, "paris": 0} {
			if got := len(c.apis[s].all()); got != n {
				t.Errorf("%s has %d records, want %d", s, got, n)
			}
		}
		if h, err := c.stores["sf"].Read(c.t.Context(), gid); err != nil || len(linked(h.Holders)) != 0 {
			t.Errorf("holders %+v, %v", h.Holders, err)
		}
		c.must("sf", request.Update, id, `{"status":"void"}`)
		time.Sleep(time.Minute)
		if e := c.entry(gid, "sf"); e.Role != request.Tombstone || len(c.apis["sf"].all()) != 0 {
			t.Errorf("a request that a route deletes is %s", e.Role)
		}
	})
}

func TestIndependentCopyIsOnItsOwn(t *testing.T) {
	withRoutes(t, []routing.Route{{Name: "kb", On: on(routing.Update), When: `status == "closed"`, Copy: toSite("chicago", "independent")}}, func(c *cluster) {
		res, id := c.must("sf", request.Create, "", `{"title":"t"}`)
		gid := res.Entry.ID
		c.must("sf", request.Update, id, `{"status":"closed"}`)
		c.converged(gid, "sf")
		c.must("sf", request.Update, id, `{"title":"u"}`)
		c.converged(gid, "sf")
		recs := c.apis["chicago"].all()
		if len(recs) != 1 || recs[0]["title"] != "t" {
			t.Fatalf("chicago has %v", recs)
		}
		local := fmt.Sprint(recs[0]["id"])
		mine, _ := c.must("chicago", request.Update, local, `{"title":"chicago's own"}`)
		if mine.Entry.ID == gid || mine.Entry.Owner != "chicago" {
			t.Errorf("the copy is request %s of %s", mine.Entry.ID, mine.Entry.Owner)
		}
		if got := c.record(gid, "sf")["title"]; got != "u" {
			t.Errorf("the source has %v", got)
		}
		// Later it may still get a linked copy beside it.
		if err := c.order("sf", request.Order{Request: gid, To: "chicago"}); err != nil {
			t.Fatal(err)
		}
		e := c.settledAt(gid, "chicago")
		if e.Local == local || c.apis["chicago"].get(local)["title"] != "chicago's own" {
			t.Errorf("the hand-over took the independent record: %s, %v", e.Local, c.apis["chicago"].all())
		}
	})
}

func TestMatchPairsByBusinessKey(t *testing.T) {
	for policy, want := range map[string]int{"overwrite": 1, "create": 2, "error": 1} {
		t.Run(policy, func(t *testing.T) {
			withRoutes(t, []routing.Route{{Name: "kb", On: on(routing.Update), Copy: &routing.Action{To: []request.Site{"chicago"}, Match: []string{"number"}, Duplicate: policy}}},
				func(c *cluster) {
					c.apis["chicago"].serve(request.Call{Method: "POST", Target: "/tickets", Body: []byte(`{"number":"N1","title":"old"}`)})
					res, id := c.must("sf", request.Create, "", `{"number":"N1","title":"t"}`)
					c.must("sf", request.Update, id, `{"title":"u"}`)
					time.Sleep(10 * time.Second)
					if got := len(c.apis["chicago"].all()); got != want {
						t.Errorf("%d records, want %d: %v", got, want, c.apis["chicago"].all())
					}
					list, _, err := c.at("sf").Deliveries(c.t.Context(), storeFilter(res.Entry.ID))
					if err != nil || len(list) != 1 {
						t.Fatal(list, err)
					}
					if parked := list[0].State == request.Parked; parked != (policy == "error") {
						t.Errorf("the delivery is %s: %s", list[0].State, list[0].Cause)
					}
					if policy != "error" {
						c.converged(res.Entry.ID, "sf", "chicago")
					}
				})
		})
	}
}

func storeFilter(id request.ID) store.Filter { return store.Filter{Request: id} }

// A hundred requests go at once, as at the end of a working day, to one site that answers and one that does not.
func TestManyMoveAtOnce(t *testing.T) {
	inBubble(t, true, func(c *cluster) {
		c.cut("sf", "paris", true)
		var ids []request.ID
		for i := range 100 {
			res, _ := c.must("sf", request.Create, "", fmt.Sprintf(`{"n":%d}`, i))
			ids = append(ids, res.Entry.ID)
		}
		for i, id := range ids {
			if err := c.order("sf", request.Order{Request: id, To: []request.Site{"chicago", "paris"}[i%2]}); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(4 * time.Second)
		if n := c.at("sf").Unsettled(); n.Waiting != 50 {
			t.Errorf("unsettled: %+v", n)
		}
		for i, id := range ids {
			if i%2 == 0 {
				c.settledAt(id, "chicago")
			}
		}
		c.cut("sf", "paris", false)
		for i, id := range ids {
			if i%2 == 1 {
				c.settledAt(id, "paris")
			}
		}
	})
}

// Deleting leaves a copy that is to be kept, also when its route fires on the deletion; a route can say that all copies go with it.
func TestRoutesOnDelete(t *testing.T) {
	for name, c := range map[string]struct {
		extra []routing.Route
		left  int
	}{
		"kept":      {nil, 1},
		"all of it": {[]routing.Route{{Name: "all", On: on(routing.Delete), Delete: &routing.Action{Copies: "all"}}}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			routes := append([]routing.Route{{Name: "kb", On: on(routing.Create, routing.Update, routing.Delete),
				Copy: &routing.Action{To: []request.Site{"chicago"}, OnDelete: "keep"}}}, c.extra...)
			withRoutes(t, routes, func(c2 *cluster) {
				res, id := c2.must("sf", request.Create, "", `{"title":"t"}`)
				c2.converged(res.Entry.ID, "sf", "chicago")
				c2.must("sf", request.Delete, id, "")
				time.Sleep(5 * time.Second)
				if n := len(c2.apis["chicago"].all()); n != c.left {
					t.Errorf("%d records are left, want %d", n, c.left)
				}
			})
		})
	}
}

// Two sites reclaim a request while all are cut off from each other; one of them hands it on. The reign that is higher in the end wins, whatever
// the names of the sites are, and what the other wrote is a conflict record.
func TestTwoReclaimsAndAHandOver(t *testing.T) {
	for _, x := range [][3]request.Site{{"sf", "chicago", "paris"}, {"sf", "paris", "chicago"}, {"chicago", "paris", "sf"}, {"chicago", "sf", "paris"}} {
		t.Run(fmt.Sprint(x), func(t *testing.T) {
			inBubble(t, true, func(c *cluster) {
				first, second, third := x[0], x[1], x[2]
				res, _ := c.must("sf", request.Create, "", `{"status":"closed"}`)
				gid := res.Entry.ID
				c.converged(gid, "sf", "chicago", "paris")
				c.cut(first, second, true)
				c.cut(first, third, true)
				for _, s := range []request.Site{first, second} {
					if _, err := c.at(s).Reclaim(c.t.Context(), gid, "mary", "cut off"); err != nil && s != "sf" {
						t.Fatal(err)
					}
				}
				c.must(first, request.Update, c.entry(gid, first).Local, `{"title":"first's"}`)
				time.Sleep(5 * time.Second)
				if err := c.order(second, request.Order{Request: gid, To: third}); err != nil {
					t.Fatal(err)
				}
				c.settledApart(gid, third, second)
				c.must(third, request.Update, c.entry(gid, third).Local, `{"title":"third's"}`)
				c.cut(first, second, false)
				c.cut(first, third, false)
				time.Sleep(2 * time.Minute)
				c.settledAt(gid, third)
				c.converged(gid, third, sites...)
				lost := c.entry(gid, first).Conflicts
				if len(lost) != 1 || len(lost[0].Fields) != 1 || lost[0].Fields[0].Mine != `"first's"` {
					t.Errorf("conflicts at %s: %+v", first, lost)
				}
			})
		})
	}
}

// settledApart waits until one site owns a request and another no longer does.
func (c *cluster) settledApart(id request.ID, owner, former request.Site) {
	c.t.Helper()
	for range 200 {
		synctest.Wait()
		if c.entry(id, owner).Role == request.Owner && c.entry(id, former).Role == request.Copy {
			return
		}
		time.Sleep(100 * time.Millisecond) // the bubble's clock: no time passes outside
	}
	c.t.Fatalf("%s does not own it", owner)
}
