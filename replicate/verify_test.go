package replicate

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

func (l linkOf) Digest(ctx context.Context, to request.Site, a request.DigestAsk) (request.Digests, error) {
	f, err := l.to(to)
	if err != nil {
		return request.Digests{}, err
	}
	return f.Digest(ctx, l.from, a)
}

func (l linkOf) Rejoin(ctx context.Context, to request.Site, a request.RejoinAsk) (request.Views, error) {
	f, err := l.to(to)
	if err != nil {
		return request.Views{}, err
	}
	return f.Rejoin(ctx, l.from, a)
}

func (l linkOf) Audit(ctx context.Context, to request.Site, a request.AuditAsk) (request.Audited, error) {
	f, err := l.to(to)
	if err != nil {
		return request.Audited{}, err
	}
	return f.Audit(ctx, l.from, a)
}

// verify compares a site's requests and waits for the end.
func (c *cluster) verify(s request.Site, o request.VerifyOrder) request.Verification {
	c.t.Helper()
	if _, err := c.at(s).Verify(c.t.Context(), o); err != nil {
		c.t.Fatal(err)
	}
	for range 1000 {
		v, err := c.at(s).Verifying(c.t.Context())
		if err != nil {
			c.t.Fatal(err)
		}
		if v.State != request.JobRunning {
			return v
		}
		time.Sleep(time.Second)
	}
	c.t.Fatal("the comparison does not end")
	return request.Verification{}
}

// wantEqual verifies and wants nothing to differ.
func (c *cluster) wantEqual(s request.Site) {
	c.t.Helper()
	if v := c.verify(s, request.VerifyOrder{}); v.State != request.JobDone || v.Found != 0 || len(v.Unreached) > 0 {
		c.t.Errorf("%s: %+v", s, v)
	}
}

// said are the differences in short.
func differences(v request.Verification) string {
	var out []string
	for _, d := range v.Differences {
		out = append(out, fmt.Sprintf("%s %s %s: %s, %s %v", d.Kind, d.Site, d.Field, d.Owner, d.Holder, d.Repaired))
	}
	return strings.Join(out, "; ")
}

func TestVerifyFindsAndRepairs(t *testing.T) {
	for _, sample := range []int{0, 40} {
		inBubble(t, true, func(c *cluster) {
			res, local := c.must("sf", request.Create, "", `{"title":"t","status":"closed","n":1.50}`)
			gid := res.Entry.ID
			for i := range 30 {
				c.must("sf", request.Create, "", fmt.Sprintf(`{"status":"closed","n":%d}`, i))
			}
			c.must("chicago", request.Create, "", `{"status":"closed"}`)
			c.settle()
			v := c.verify("sf", request.VerifyOrder{Sample: sample})
			if v.State != request.JobDone || v.Found != 0 || v.Requests != 31 || v.Copies != 62 || v.Read != 93 {
				c.t.Fatalf("%+v", v)
			}
			c.edit("paris", c.entry(gid, "paris").Local, map[string]any{"title": "wrong", "mine": 1})
			for _, x := range []struct {
				order request.VerifyOrder
				want  string
			}{
				{request.VerifyOrder{Sample: sample}, `field paris title: "t", "wrong" false`},
				{request.VerifyOrder{Repair: true, Sample: sample}, `field paris title: "t", "wrong" true`},
				{request.VerifyOrder{Repair: true}, ``},
			} {
				if v := c.verify("sf", x.order); differences(v) != x.want || v.State != request.JobDone {
					c.t.Errorf("%+v", v)
				}
			}
			c.converged(gid, "sf", "chicago")
			c.edit("paris", c.entry(gid, "paris").Local, nil)
			if v := c.verify("sf", request.VerifyOrder{}); differences(v) != `missing paris : "1.1", null false` && differences(v) != `missing paris : "1.1",  false` {
				c.t.Errorf("%s", differences(v))
			}
			c.verify("sf", request.VerifyOrder{Repair: true})
			c.wantEqual("sf")
			if r := c.record(gid, "paris"); r["title"] != "t" {
				c.t.Errorf("paris has %v", r)
			}
			c.edit("sf", local, map[string]any{"title": "by hand"})
			if v := c.verify("sf", request.VerifyOrder{}); differences(v) != `changed-at-owner chicago title: "by hand", "t" false; changed-at-owner paris title: "by hand", "t" false` {
				c.t.Errorf("%s", differences(v))
			}
			c.verify("sf", request.VerifyOrder{Repair: true})
			c.settle()
			c.wantEqual("sf")
			c.converged(gid, "sf", "chicago", "paris")
			if e := c.entry(gid, "sf"); e.Version.Seq != 2 {
				c.t.Errorf("version %s", e.Version)
			}
			c.edit("sf", local, nil)
			if v := c.verify("sf", request.VerifyOrder{Repair: true}); v.Found != 1 || v.Repaired != 0 || v.Differences[0].Kind != request.DiffersGone || v.Differences[0].Site != "sf" {
				c.t.Errorf("%s", differences(v))
			}
			if n := len(c.apis["paris"].all()); n != 32 {
				c.t.Errorf("paris has %d records", n)
			}
			c.wantEqual("chicago")
		})
	}
}

// Ledgers that do not agree: a holder that forgot, one that the owner forgot, one that is ahead.
func TestVerifyComparesLedgers(t *testing.T) {
	inBubble(t, true, func(c *cluster) {
		var ids []request.ID
		for i := range 20 {
			res, _ := c.must("sf", request.Create, "", fmt.Sprintf(`{"status":"closed","n":%d}`, i))
			ids = append(ids, res.Entry.ID)
		}
		c.settle()
		change := func(s request.Site, id request.ID, do func(tx *store.Tx)) {
			rec, err := c.stores[s].Read(c.t.Context(), id)
			if err != nil {
				c.t.Fatal(err)
			}
			tx := store.Tx{Entry: rec.Entry, Rev: rec.Rev, Now: time.Now()}
			do(&tx)
			if _, err := c.stores[s].Commit(c.t.Context(), tx); err != nil {
				c.t.Fatal(err)
			}
		}
		forgotten := c.entry(ids[0], "paris").Local
		change("paris", ids[0], func(tx *store.Tx) {
			tx.Forget, tx.Unlink = true, []store.Link{{Site: "paris", Local: forgotten}}
		})
		c.edit("paris", forgotten, nil)
		change("paris", ids[1], func(tx *store.Tx) { tx.Entry.Version.Seq = 0 })
		change("paris", ids[2], func(tx *store.Tx) { tx.Entry.Fields = tx.Entry.Fields.With("n", []byte("77")) })
		change("paris", ids[3], func(tx *store.Tx) { tx.Entry.Version.Seq = 9 })
		change("sf", ids[4], func(tx *store.Tx) { tx.Drop = []request.Site{"paris"} })
		v := c.verify("sf", request.VerifyOrder{})
		kinds := map[request.DifferenceKind]int{}
		for _, d := range v.Differences {
			kinds[d.Kind]++
		}
		// What the ledger of paris says wrongly of a field is wrong in both comparisons.
		if fmt.Sprint(kinds) != "map[ahead:1 behind:1 field:2 missing:1 unknown:1]" {
			c.t.Errorf("%v: %s", kinds, differences(v))
		}
		if v := c.verify("sf", request.VerifyOrder{Sample: 20}); v.Found != 6 || v.Requests != 20 {
			c.t.Errorf("as a sample: %s", differences(v))
		}
		v = c.verify("sf", request.VerifyOrder{Repair: true})
		c.settle()
		if v := c.verify("sf", request.VerifyOrder{}); v.Found != 1 || v.Differences[0].Kind != request.DiffersAhead {
			c.t.Errorf("after the repair: %s", differences(v))
		}
		for _, id := range append(ids[:3:3], ids[4]) {
			c.converged(id, "sf", "chicago", "paris")
		}
	})
}

// While twenty write, and requests move, nothing is reported.
func TestVerifyAmongWriters(t *testing.T) {
	inBubble(t, true, func(c *cluster) {
		var locals []string
		var ids []request.ID
		for i := range 20 {
			res, local := c.must("sf", request.Create, "", fmt.Sprintf(`{"status":"closed","n":%d}`, i))
			locals, ids = append(locals, local), append(ids, res.Entry.ID)
		}
		c.settle()
		ctx, stop := context.WithCancel(c.t.Context())
		var wg sync.WaitGroup
		for w := range 20 {
			wg.Go(func() {
				for i := 0; ctx.Err() == nil; i++ {
					_, _ = c.send("sf", request.Update, locals[(w+i)%20], fmt.Sprintf(`{"w%d":%d}`, w, i))
					if i%7 == 0 {
						_, _ = c.at("sf").Order(ctx, request.Order{Request: ids[(w+i)%20], To: sites[i%3], Mode: "ownership"})
					}
					time.Sleep(time.Duration(w+1) * 40 * time.Millisecond)
				}
			})
		}
		for range 2 {
			for _, s := range sites {
				if v := c.verify(s, request.VerifyOrder{Repair: s == "sf"}); v.State != request.JobDone || v.Found != 0 {
					c.t.Errorf("%s: %s", s, differences(v))
				}
			}
		}
		stop()
		wg.Wait()
	})
}

func TestVerifyOneAtATime(t *testing.T) {
	inBubble(t, true, func(c *cluster) {
		c.must("sf", request.Create, "", `{"status":"closed"}`)
		c.settle()
		c.cut("sf", "paris", true)
		v := c.verify("sf", request.VerifyOrder{Collection: "tickets"})
		if v.State != request.JobDone || v.Found != 0 || len(v.Unreached) != 1 || v.Unreached[0].Site != "paris" {
			c.t.Errorf("%+v", v)
		}
		if _, err := c.at("sf").Verify(c.t.Context(), request.VerifyOrder{Collection: "articles"}); request.KindOf(err) != request.Invalid {
			c.t.Errorf("no such collection: %v", err)
		}
		c.apis["sf"].late = nil
		if _, err := c.at("sf").Verify(c.t.Context(), request.VerifyOrder{}); err != nil {
			c.t.Fatal(err)
		}
		_, err := c.at("sf").Verify(c.t.Context(), request.VerifyOrder{})
		st, _ := c.at("sf").CancelVerify(c.t.Context())
		if request.KindOf(err) != request.Conflict && st.State != request.JobDone {
			c.t.Errorf("two at a time: %v", err)
		}
	})
}
