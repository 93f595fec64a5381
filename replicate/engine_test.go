package replicate

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

func TestRoutedCreateIsOneRecordPerSite(t *testing.T) {
	inBubble(t, true, func(c *cluster) {
		res, id := c.must("sf", request.Create, "", `{"category":"chair","title":"leg"}`)
		if res.Entry.Owner != "chicago" || id != "1" || res.Answer.Status != 201 || fmt.Sprint(res.Routes) != "[chairs]" {
			t.Errorf("owner %s, local id %s, status %d, routes %v", res.Entry.Owner, id, res.Answer.Status, res.Routes)
		}
		c.converged(res.Entry.ID, "chicago", "sf")
		for s, n := range map[request.Site]int{"sf": 1, "chicago": 1, "paris": 0} {
			if got := len(c.apis[s].all()); got != n {
				t.Errorf("%s has %d records, want %d", s, got, n)
			}
		}
	})
}

func TestReadYourWriteAtANonOwner(t *testing.T) {
	inBubble(t, true, func(c *cluster) {
		_, id := c.must("sf", request.Create, "", `{"category":"chair","n":12345678901234567890}`)
		res, _ := c.must("sf", request.Update, id, `{"title":"new"}`)
		if got := c.apis["sf"].get(id)["title"]; got != "new" {
			t.Errorf("the copy reads %v right after the answer", got)
		}
		if res.Version.String() != "1.2" || res.Version.Epoch.Site != "chicago" {
			t.Errorf("version %s", res.Version.Mark())
		}
		res, _ = c.must("sf", request.Replace, id, `{"category":"chair","only":1}`)
		c.converged(res.Entry.ID, "chicago", "sf")
		if r := c.record(res.Entry.ID, "chicago"); r["title"] != nil || r["ref"] != string(res.Entry.ID) {
			t.Errorf("a replacement left %v", r)
		}
	})
}

func TestFiftyWritersAtTwoSites(t *testing.T) {
	inBubble(t, true, func(c *cluster) {
		res, id := c.must("sf", request.Create, "", `{"category":"chair"}`)
		gid := res.Entry.ID
		far := c.entry(gid, "chicago").Local
		var wg sync.WaitGroup
		var mu sync.Mutex
		seen := map[string]bool{}
		for i := range 50 {
			wg.Go(func() {
				s, local := request.Site("sf"), id
				if i%2 == 1 {
					s, local = "chicago", far
				}
				res, err := c.send(s, request.Update, local, fmt.Sprintf(`{"f%d":%d}`, i, i))
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					t.Error(err)
				}
				if v := res.Version.Mark(); seen[v] {
					t.Errorf("version %s was given twice", v)
				} else {
					seen[v] = true
				}
			})
		}
		wg.Wait()
		c.converged(gid, "chicago", "sf")
		r := c.record(gid, "sf")
		for i := range 50 {
			if r[fmt.Sprintf("f%d", i)] != float64(i) {
				t.Errorf("the write of f%d is missing", i)
			}
		}
		if v := c.entry(gid, "chicago").Version; v.Seq != 51 {
			t.Errorf("version %s after 50 writes", v)
		}
	})
}

func TestDeleteEverywhereAndNoResurrection(t *testing.T) {
	inBubble(t, true, func(c *cluster) {
		res, id := c.must("sf", request.Create, "", `{"category":"chair","status":"closed"}`)
		gid := res.Entry.ID
		c.converged(gid, "chicago", "sf", "paris")
		late := c.entry(gid, "chicago")
		old := late.Snapshot()
		if _, err := c.send("sf", request.Delete, id, ""); err != nil {
			t.Fatal(err)
		}
		c.converged(gid, "chicago")
		for _, s := range sites {
			if n := len(c.apis[s].all()); n != 0 {
				t.Errorf("%s still has %d", s, n)
			}
			ack := Face{Engine: c.at(s)}.Apply(c.t.Context(), "chicago", old)
			if n := len(c.apis[s].all()); n != 0 {
				t.Errorf("a late message brought it back at %s: %+v", s, ack)
			}
		}
	})
}

func TestCutLinkCoalesces(t *testing.T) {
	inBubble(t, true, func(c *cluster) {
		res, id := c.must("chicago", request.Create, "", `{"category":"desk","status":"closed"}`)
		gid := res.Entry.ID
		c.converged(gid, "chicago", "sf", "paris")
		before := c.apis["paris"].commits
		c.cut("chicago", "paris", true)
		for i := range 300 {
			c.must("chicago", request.Update, id, fmt.Sprintf(`{"n":%d}`, i))
		}
		synctest.Wait()
		b, _ := c.stores["chicago"].Backlog(c.t.Context())
		if len(b) != 1 || b[0].Site != "paris" || b[0].Pending+b[0].InFlight+b[0].Waiting != 1 {
			t.Errorf("backlog %+v, want one delivery to paris", b)
		}
		c.cut("chicago", "paris", false)
		c.converged(gid, "chicago", "sf", "paris")
		if n := c.apis["paris"].commits - before; n > 3 {
			t.Errorf("%d writes at paris for one newest state", n)
		}
	})
}

func TestUnreachableOwner(t *testing.T) {
	inBubble(t, true, func(c *cluster) {
		res, id := c.must("sf", request.Create, "", `{"category":"chair"}`)
		c.cut("sf", "chicago", true)
		_, err := c.send("sf", request.Update, id, `{"x":1}`)
		if request.KindOf(err) != request.OwnerUnreachable {
			t.Errorf("update: %v", err)
		}
		if c.apis["sf"].get(id)["x"] != nil {
			t.Error("a refused update changed the copy")
		}
		acc, _ := c.must("sf", request.Create, "", `{"category":"chair","x":2}`)
		if acc.Entry.Owner != "sf" || acc.Entry.Wanted() != "chicago" {
			t.Errorf("accepted with owner %s, intended %s", acc.Entry.Owner, acc.Entry.Wanted())
		}
		if _, err = c.send("sf", request.Create, "", `{"category":"table"}`); request.KindOf(err) != request.OwnerUnreachable {
			t.Errorf("refuse: %v", err)
		}
		c.cut("sf", "chicago", false)
		c.settledAt(acc.Entry.ID, "chicago")
		c.converged(acc.Entry.ID, "chicago", "sf")
		c.converged(res.Entry.ID, "chicago", "sf")
	})
}

func TestCreateWhoseAnswerIsLost(t *testing.T) {
	dropOnce := func(a *api, after bool) {
		done := false
		a.fault = func(_ request.Call, now bool) error {
			if now == after && !done {
				done = true
				return errBroke
			}
			return nil
		}
	}
	t.Run("found by its external id", func(t *testing.T) {
		inBubble(t, true, func(c *cluster) {
			dropOnce(c.apis["chicago"], true)
			res, _ := c.must("sf", request.Create, "", `{"category":"chair"}`)
			c.converged(res.Entry.ID, "chicago", "sf")
			if n := len(c.apis["chicago"].all()); n != 1 {
				t.Errorf("%d records", n)
			}
		})
	})
	t.Run("never made", func(t *testing.T) {
		inBubble(t, true, func(c *cluster) {
			dropOnce(c.apis["sf"], false)
			res, err := c.send("sf", request.Create, "", `{"category":"desk"}`)
			if request.KindOf(err) != request.Doubtful {
				t.Fatalf("%v", err)
			}
			var e *request.Error
			errors.As(err, &e)
			if op, _ := c.at("sf").Operation(c.t.Context(), e.Operation); op.Outcome != request.InDoubt {
				t.Errorf("operation %+v", op)
			}
			time.Sleep(time.Minute)
			if op, _ := c.at("sf").Operation(c.t.Context(), e.Operation); op.Outcome != request.NotDone {
				t.Errorf("operation %+v after the quiet time", op)
			}
			if len(c.apis["sf"].all()) != 0 || c.entry(res.Entry.ID, "sf").ID != "" {
				t.Error("something is left of it")
			}
		})
	})
	t.Run("no external id: in doubt", func(t *testing.T) {
		inBubble(t, false, func(c *cluster) {
			dropOnce(c.apis["sf"], true)
			_, err := c.send("sf", request.Create, "", `{"category":"desk"}`)
			if request.KindOf(err) != request.Doubtful {
				t.Fatalf("%v", err)
			}
			time.Sleep(time.Minute)
			if n := c.at("sf").Unsettled().InDoubt; n != 1 {
				t.Errorf("%d in doubt", n)
			}
			list, _ := c.at("sf").Requests(c.t.Context(), "", 10)
			if err := c.at("sf").Adopt(c.t.Context(), list[0].Entry.ID, "1"); err != nil {
				t.Fatal(err)
			}
			if e := c.entry(list[0].Entry.ID, "sf"); e.Role != request.Owner || e.Local != "1" {
				t.Errorf("adopted: %+v", e)
			}
		})
	})
	t.Run("a copy", func(t *testing.T) {
		inBubble(t, true, func(c *cluster) {
			dropOnce(c.apis["paris"], false)
			res, _ := c.must("sf", request.Create, "", `{"category":"desk","status":"closed"}`)
			c.converged(res.Entry.ID, "sf", "chicago", "paris")
			if n := len(c.apis["paris"].all()); n != 1 {
				t.Errorf("%d records at paris", n)
			}
		})
	})
}

func TestUpdateWhoseAnswerIsLost(t *testing.T) {
	inBubble(t, true, func(c *cluster) {
		res, id := c.must("sf", request.Create, "", `{"category":"desk"}`)
		n := 0
		c.apis["sf"].fault = func(_ request.Call, after bool) error {
			if after && n == 0 {
				n++
				return errBroke
			}
			return nil
		}
		up, _ := c.must("sf", request.Update, id, `{"x":1}`)
		if up.Version.Seq != 2 || c.entry(res.Entry.ID, "sf").Version.Seq != 2 {
			t.Errorf("version %s", up.Version)
		}
	})
}

// A process that dies between the intent and the record leaves the intent; the next life ends it.
func TestCrashAfterCommit(t *testing.T) {
	inBubble(t, true, func(c *cluster) {
		res, id := c.must("sf", request.Create, "", `{"category":"desk","status":"closed"}`)
		c.converged(res.Entry.ID, "sf", "chicago", "paris")
		c.guards["sf"].left = 1 // the intent is stored, the record is not
		_, err := c.send("sf", request.Update, id, `{"x":1}`)
		if request.KindOf(err) != request.Doubtful {
			t.Fatalf("%v", err)
		}
		c.stop("sf")
		c.start("sf")
		time.Sleep(5 * time.Second)
		c.converged(res.Entry.ID, "sf", "chicago", "paris")
		if e := c.entry(res.Entry.ID, "sf"); e.Version.Seq != 2 || e.Intent != nil {
			t.Errorf("version %s, intent %v", e.Version, e.Intent)
		}
	})
}

func TestIdempotencyKey(t *testing.T) {
	inBubble(t, true, func(c *cluster) {
		var wg sync.WaitGroup
		ids := make([]request.ID, 10)
		for i := range 10 {
			wg.Go(func() {
				res, err := c.sendKeyed("sf", request.Create, "", `{"category":"chair"}`, "k")
				if err != nil {
					t.Error(err)
				}
				ids[i] = res.Entry.ID
			})
		}
		wg.Wait()
		for _, id := range ids {
			if id != ids[0] {
				t.Errorf("one key made %s and %s", ids[0], id)
			}
		}
		if len(c.apis["chicago"].all()) != 1 || len(c.apis["sf"].all()) != 1 {
			t.Error("more than one record")
		}
		if _, err := c.sendKeyed("sf", request.Create, "", `{"category":"desk"}`, "k"); request.KindOf(err) != request.KeyReused {
			t.Errorf("other body: %v", err)
		}
	})
}

// The owner made it, the answer was lost: with the key the client gets the outcome; nothing is created here in its place.
func TestLostAnswerOfTheOwner(t *testing.T) {
	inBubble(t, true, func(c *cluster) {
		lost := false
		c.links.lose = func(_, _ request.Site, what string) bool { was := lost; lost = true; return what == "write" && !was }
		_, err := c.sendKeyed("sf", request.Create, "", `{"category":"chair"}`, "k")
		if request.KindOf(err) != request.Doubtful {
			t.Fatal(err)
		}
		var e *request.Error
		errors.As(err, &e)
		if op, _ := c.at("sf").Operation(c.t.Context(), e.Operation); op.Outcome != request.Done {
			t.Errorf("operation %+v", op)
		}
		c.cut("sf", "chicago", true)
		if _, err = c.sendKeyed("sf", request.Create, "", `{"category":"chair"}`, "k"); err == nil && len(c.apis["sf"].all()) > 1 {
			t.Error("a second record")
		}
		c.cut("sf", "chicago", false)
		res, err := c.sendKeyed("sf", request.Create, "", `{"category":"chair"}`, "k")
		if err != nil {
			t.Fatal(err)
		}
		c.converged(res.Entry.ID, "chicago", "sf")
		if len(c.apis["chicago"].all()) != 1 || len(c.apis["sf"].all()) != 1 || c.entry(res.Entry.ID, "sf").Role != request.Copy {
			t.Error("not exactly one record per site")
		}
	})
}

func TestRefusedByUpstreamReplicatesNothing(t *testing.T) {
	inBubble(t, true, func(c *cluster) {
		c.apis["chicago"].status = 422
		res, err := c.send("sf", request.Create, "", `{"category":"chair"}`)
		if err != nil || res.Answer.Status != 422 || !strings.Contains(string(res.Answer.Body), "no") {
			t.Fatalf("%+v %v", res.Answer, err)
		}
		for _, s := range sites {
			if list, _ := c.at(s).Requests(c.t.Context(), "", 10); len(list) != 0 || len(c.apis[s].all()) != 0 {
				t.Errorf("something is left at %s", s)
			}
		}
	})
}

// A copy that its target refuses is parked alone; a person's retry, or the next version, brings it on its way again.
func TestParkedAlone(t *testing.T) {
	inBubble(t, true, func(c *cluster) {
		c.apis["paris"].status = 422
		res, _ := c.must("sf", request.Create, "", `{"category":"desk","status":"closed"}`)
		time.Sleep(time.Second)
		list, _, _ := c.at("sf").Deliveries(c.t.Context(), store.Filter{State: request.Parked})
		if len(list) != 1 || list[0].Site != "paris" || !strings.Contains(list[0].Cause, "422") {
			t.Fatalf("parked: %+v", list)
		}
		c.apis["paris"].mu.Lock()
		c.apis["paris"].status = 0
		c.apis["paris"].mu.Unlock()
		if n, err := c.at("sf").Retry(c.t.Context(), store.Filter{Site: "paris"}, time.Time{}); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		c.converged(res.Entry.ID, "sf", "chicago", "paris")
	})
}

// What was there before the gateway becomes a request with its first update; what was deleted in a copy's upstream is made again.
func TestAdoptionAndVanishedCopy(t *testing.T) {
	inBubble(t, true, func(c *cluster) {
		c.apis["sf"].serve(request.Call{Method: http.MethodPost, Target: "/tickets", Body: []byte(`{"category":"desk"}`)})
		res, _ := c.must("sf", request.Update, "1", `{"status":"closed"}`)
		c.converged(res.Entry.ID, "sf", "chicago", "paris")
		local := c.entry(res.Entry.ID, "paris").Local
		c.apis["paris"].serve(request.Call{Method: http.MethodDelete, Target: "/tickets/" + local})
		c.must("sf", request.Update, "1", `{"y":1}`)
		c.converged(res.Entry.ID, "sf", "chicago", "paris")
		if _, err := c.send("sf", request.Update, "99", `{"y":1}`); err != nil {
			t.Errorf("an update of nothing is the upstream's to refuse: %v", err)
		}
	})
}

func TestAnySiteID(t *testing.T) {
	inBubble(t, true, func(c *cluster) {
		res, id := c.must("sf", request.Create, "", `{"category":"chair"}`)
		far := c.entry(res.Entry.ID, "chicago").Local
		if far == id {
			t.Fatal("the ids do not differ")
		}
		c.must("sf", request.Update, "chicago:"+far, `{"x":1}`)
		c.must("chicago", request.Update, "sf:"+id, `{"y":1}`)
		c.converged(res.Entry.ID, "chicago", "sf")
		var rec map[string]any
		b, _ := json.Marshal(c.record(res.Entry.ID, "sf"))
		_ = json.Unmarshal(b, &rec)
		if rec["x"] != float64(1) || rec["y"] != float64(1) {
			t.Errorf("%v", rec)
		}
	})
}

// A call that broke off lands after a newer version was applied: the copy is found wrong after the quiet time and made right.
func TestLateApplyIsRepaired(t *testing.T) {
	inBubble(t, true, func(c *cluster) {
		res, id := c.must("sf", request.Create, "", `{"category":"desk","status":"closed","n":1}`)
		c.converged(res.Entry.ID, "sf", "chicago", "paris")
		late := 0
		c.apis["paris"].mu.Lock()
		c.apis["paris"].late = func() time.Duration { late++; return time.Duration(10/late/late) * time.Second }
		c.apis["paris"].mu.Unlock()
		c.must("sf", request.Update, id, `{"n":2}`)
		synctest.Wait()
		c.apis["paris"].mu.Lock()
		c.apis["paris"].late = nil
		c.apis["paris"].mu.Unlock()
		c.must("sf", request.Update, id, `{"n":3}`)
		time.Sleep(5 * time.Second)
		if n := c.record(res.Entry.ID, "paris")["n"]; n != float64(3) {
			t.Fatalf("the newer version was not applied before the late one: n=%v", n)
		}
		time.Sleep(6 * time.Second)
		if n := c.record(res.Entry.ID, "paris")["n"]; n != float64(2) {
			t.Fatalf("the late call did not land: n=%v", n)
		}
		time.Sleep(time.Minute)
		c.converged(res.Entry.ID, "sf", "chicago", "paris")
	})
}

// A record can be seen in the upstream a moment before the ledger knows it. A delete that comes in that moment is the request's.
func TestDeleteOfARecordJustBorn(t *testing.T) {
	for _, corr := range []bool{true, false} {
		inBubble(t, corr, func(c *cluster) {
			c.apis["paris"].mu.Lock()
			c.apis["paris"].fault = func(call request.Call, after bool) error {
				if call.Method == http.MethodPost && after {
					go func() {
						if _, err := c.send("paris", request.Delete, "21", ""); err != nil {
							t.Error(err)
						}
					}()
				}
				return nil
			}
			c.apis["paris"].mu.Unlock()
			c.must("sf", request.Create, "", `{"category":"desk","status":"closed"}`)
			time.Sleep(time.Minute)
			for _, s := range sites {
				if n := len(c.apis[s].all()); n != 0 {
					t.Errorf("external id %v: %s still has %d", corr, s, n)
				}
			}
		})
	}
}

// What belongs to a site alone is written there, whoever owns the request, and nowhere else.
func TestLocalFieldsStayLocal(t *testing.T) {
	inBubble(t, true, func(c *cluster) {
		res, id := c.must("sf", request.Create, "", `{"category":"chair","assignee":"kim"}`)
		if got := c.apis["sf"].get(id)["assignee"]; got != "kim" || !strings.Contains(string(res.Answer.Body), "kim") {
			t.Errorf("after the create the site's own field is %v, the answer %s", got, res.Answer.Body)
		}
		c.must("sf", request.Update, id, `{"assignee":"lee","title":"x"}`)
		c.must("sf", request.Update, id, `{"assignee":"max"}`)
		far := c.record(res.Entry.ID, "chicago")
		if c.apis["sf"].get(id)["assignee"] != "max" || far["assignee"] != nil || far["title"] != "x" {
			t.Errorf("here %v, at the owner %v", c.apis["sf"].get(id), far)
		}
	})
}
