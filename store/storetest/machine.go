package storetest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

// randomHistory lets a store and the model go through the same random history and compares them all the way. Each history has
// requests and local ids of its own, so that all can share one store.
func randomHistory(t *testing.T, open Opener) {
	s, reopen := open(t)
	history := 0
	rapid.Check(t, func(rt *rapid.T) {
		history++
		m := &machine{s: s, reopen: reopen, m: newModel(), now: start, number: history}
		defer func() {
			s = m.s
			m.forgetAll(rt)
		}()
		rt.Repeat(map[string]func(*rapid.T){
			"commit": m.commit, "commit again": m.commit, "claim": m.claim, "settle": m.settle, "settle ": m.settle,
			"confirm": m.confirm, "operate": m.operate, "wait": m.wait, "reopen": m.restart, "": m.check,
		})
	})
}

// machine is one history.
type machine struct {
	s      store.Store
	reopen func() store.Store
	m      *model
	now    time.Time
	claims []store.Claimed
	number int
	seq    int
	checks int
}

var (
	sites = []request.Site{austin, chicago, rome}
	pools = []string{"", "slow", "a:b\n<é>"}
)

func (h *machine) request(t *rapid.T) request.ID {
	return request.ID(fmt.Sprintf("01K%010d%013d", h.number, rapid.IntRange(1, 6).Draw(t, "request")))
}

func (h *machine) link(t *rapid.T) store.Link {
	return store.Link{Site: rapid.SampledFrom(sites[:2]).Draw(t, "site"), Local: fmt.Sprintf("%d-%d", h.number, rapid.IntRange(1, 3).Draw(t, "local"))}
}

func (h *machine) site(t *rapid.T) request.Site { return rapid.SampledFrom(sites).Draw(t, "site") }

func (h *machine) commit(t *rapid.T) {
	h.seq++
	e := entry(1, h.seq)
	e.ID = h.request(t)
	switch rapid.IntRange(0, 5).Draw(t, "unsettled") {
	case 0, 1:
		e.Intent = &request.Intent{Kind: request.Update, Op: fmt.Sprint(h.seq)}
	case 2:
		e.Plan = &request.Plan{To: chicago, Keep: []request.Site{austin}, Since: h.now}
	case 3:
		e.Queue = []request.Queued{{Op: "q", Fields: e.Fields, At: h.now}, {Op: "r", Pre: e.Fields, At: h.now}}
	}
	tx := store.Tx{Entry: e, Now: h.now}
	if r := h.m.rows[e.ID]; r != nil {
		if rapid.IntRange(0, 2).Draw(t, "reminder") == 0 {
			tx.Entry.Version = r.entry.Version
		}
		tx.Rev = r.rev
		tx.Forget = rapid.IntRange(0, 9).Draw(t, "forget") == 0
	}
	if rapid.IntRange(0, 9).Draw(t, "stale") == 0 {
		tx.Rev += uint64(rapid.IntRange(1, 3).Draw(t, "by"))
	}
	for range rapid.IntRange(0, 2).Draw(t, "links") {
		tx.Link = append(tx.Link, h.link(t))
	}
	for range rapid.IntRange(0, 2).Draw(t, "unlinks") {
		tx.Unlink = append(tx.Unlink, h.link(t))
	}
	for _, site := range rapid.SliceOfDistinct(rapid.SampledFrom(sites), rapid.ID[request.Site]).Draw(t, "owe") {
		tx.Owe = append(tx.Owe, h.debt(t, site))
	}
	for range rapid.IntRange(0, 3).Draw(t, "drops") / 3 {
		tx.Drop = append(tx.Drop, h.site(t))
	}
	if tx.Forget {
		tx.Link, tx.Owe, tx.Drop = nil, nil, nil
		for k, id := range h.m.links { // all its names, as its callers do
			if id == e.ID {
				tx.Unlink = append(tx.Unlink, h.linkOf(k))
			}
		}
	}
	rev, err := h.s.Commit(context.Background(), tx)
	if !h.m.fits(tx) {
		if !errors.Is(err, store.ErrConflict) {
			t.Fatalf("commit from revision %d: %v, want a conflict", tx.Rev, err)
		}
		return
	}
	if err != nil {
		t.Fatalf("commit: %v", err)
	}
	h.m.apply(tx, rev)
}

// debt draws terms and, now and then, a time until which the delivery is held: one of this history, or one that never comes.
func (h *machine) debt(t *rapid.T, site request.Site) request.Debt {
	d := request.Debt{Site: site, Terms: request.Terms{Route: fmt.Sprint(h.seq),
		Mode:   rapid.SampledFrom([]string{"", "data", request.Remove, request.Independent}).Draw(t, "mode"),
		Pool:   rapid.SampledFrom(pools).Draw(t, "pool"),
		Update: rapid.SampledFrom([]string{"", "0 6 * * \"<é\""}).Draw(t, "update")}}
	switch rapid.IntRange(0, 4).Draw(t, "held") {
	case 0, 1:
		d.Due = h.now.Add(time.Duration(rapid.IntRange(-1, 6).Draw(t, "until")) * time.Second)
	case 2:
		d.Due = farAway
	}
	return d
}

// linkOf is the inverse of linkKey for the links of a history.
func (h *machine) linkOf(key string) store.Link {
	for _, site := range sites {
		for i := 1; i <= 3; i++ {
			if l := (store.Link{Site: site, Local: fmt.Sprintf("%d-%d", h.number, i)}); linkKey(tickets, l) == key {
				return l
			}
		}
	}
	panic("no link of this history: " + key)
}

// claim checks a claim against what the model says is due; among equally old ones the store may choose.
func (h *machine) claim(t *rapid.T) {
	not := rapid.SliceOfDistinct(rapid.SampledFrom(pools), rapid.ID[string]).Draw(t, "not")
	h.take(t, h.site(t), rapid.IntRange(1, 8).Draw(t, "limit"), not)
}

func (h *machine) take(t *rapid.T, site request.Site, limit int, not []string) {
	due := h.m.due(site, h.now, not)
	lease := time.Duration(rapid.IntRange(1, 5).Draw(t, "lease")) * time.Second
	list, err := h.s.Claim(context.Background(), store.Claim{Site: site, Now: h.now, Limit: limit, Lease: lease, Not: not})
	if err != nil {
		t.Fatalf("claim: %v", err)
	}
	if len(list) != min(limit, len(due)) {
		t.Fatalf("claimed %d of %d due for %s, limit %d", len(list), len(due), site, limit)
	}
	var times []time.Time
	for _, d := range due {
		at, _ := d.dueAt()
		times = append(times, at)
	}
	for i, c := range list {
		r := h.m.rows[c.Request]
		if r == nil || r.holders[site] == nil {
			t.Fatalf("claimed %s, which is not owed to %s", c.Request, site)
		}
		d := r.holders[site]
		if was, ever := d.dueAt(); !ever || !was.Equal(times[i]) {
			t.Fatalf("claim %d is %s, due %s; the next was due %s", i, c.Request, was, times[i])
		}
		if c.Token == "" || c.Token == d.token {
			t.Fatalf("token %q after %q", c.Token, d.token)
		}
		d.lease(c.Token, h.now.Add(lease))
		h.same(t, "claimed delivery", d.shown(), c.Delivery)
		h.same(t, "claimed entry", r.entry, c.Entry)
	}
	h.claims = append(h.claims, list...)
}

func (h *machine) same(t *rapid.T, what string, want, got any) {
	if reflect.DeepEqual(want, got) { // nearly always, and much faster
		return
	}
	if d := cmp.Diff(want, got, comparing()); d != "" {
		t.Fatalf("%s (-want +got):\n%s", what, d)
	}
}

// outcome draws how an attempt ended.
func (h *machine) outcome(t *rapid.T, x store.Settlement) store.Settlement {
	x.State = rapid.SampledFrom([]request.State{request.Delivered, request.Pending, request.Waiting, request.Parked, request.Cancelled}).Draw(t, "state")
	x.Due = h.now.Add(time.Duration(rapid.IntRange(0, 4).Draw(t, "due")) * time.Second)
	x.Cause = rapid.SampledFrom([]string{"", "refused", "é\x00\xff <&>"}).Draw(t, "cause")
	x.Attempts = rapid.IntRange(0, 300).Draw(t, "attempts")
	return h.confirmation(t, x)
}

func (h *machine) confirmation(t *rapid.T, x store.Settlement) store.Settlement {
	x.Now = h.now
	x.Local = rapid.SampledFrom([]string{"", "7", "local/é"}).Draw(t, "local")
	switch rapid.IntRange(0, 3).Draw(t, "acked") {
	case 0:
	case 1:
		x.Acked = version(rapid.IntRange(1, max(h.seq, 1)).Draw(t, "version"))
	default:
		x.Acked = x.Owed
	}
	return x
}

// settle ends some claims, old and new ones, some twice.
func (h *machine) settle(t *rapid.T) {
	if len(h.claims) == 0 {
		t.Skip("nothing claimed")
	}
	var batch []store.Settlement
	for range rapid.IntRange(1, 4).Draw(t, "batch") {
		c := h.claims[rapid.IntRange(max(0, len(h.claims)-8), len(h.claims)-1).Draw(t, "claim")]
		batch = append(batch, h.outcome(t, store.Settlement{Request: c.Request, Site: c.Site, Token: c.Token, Owed: c.Owed}))
	}
	h.send(t, batch...)
}

func (h *machine) send(t *rapid.T, batch ...store.Settlement) {
	if err := h.s.Settle(context.Background(), batch); err != nil {
		t.Fatalf("settle: %v", err)
	}
	for _, x := range batch {
		h.m.settle(x)
	}
}

// owedNow is what a delivery owes, or some version.
func (h *machine) owedNow(t *rapid.T, id request.ID, site request.Site) request.Version {
	if r := h.m.rows[id]; r != nil && r.holders[site] != nil && rapid.IntRange(0, 3).Draw(t, "right") > 0 {
		return r.holders[site].Owed
	}
	return version(rapid.IntRange(1, max(h.seq, 1)).Draw(t, "owed"))
}

func (h *machine) confirm(t *rapid.T) {
	x := store.Settlement{Request: h.request(t), Site: h.site(t)}
	x.Owed = h.owedNow(t, x.Request, x.Site)
	h.send(t, h.confirmation(t, x))
}

func (h *machine) operate(t *rapid.T) {
	x := store.Settlement{Request: h.request(t), Site: h.site(t), Token: store.Operator}
	x.Owed = h.owedNow(t, x.Request, x.Site)
	h.send(t, h.outcome(t, x))
}

func (h *machine) wait(t *rapid.T) {
	h.now = h.now.Add(time.Duration(rapid.IntRange(1, 3000).Draw(t, "ms")) * time.Millisecond)
}

// restart reopens the store. A store may forget leases; so the history goes on when all have run out and all is claimed anew.
func (h *machine) restart(t *rapid.T) {
	if rapid.IntRange(0, 3).Draw(t, "really") != 0 {
		t.Skip("not often")
	}
	h.s = h.reopen()
	h.now = h.now.Add(time.Minute)
	for _, site := range sites {
		list, err := h.s.Claim(context.Background(), store.Claim{Site: site, Now: h.now, Limit: 100, Lease: time.Second})
		if err != nil {
			t.Fatalf("claim: %v", err)
		}
		due := h.m.due(site, h.now, nil)
		if len(list) != len(due) {
			t.Fatalf("claimed %d after reopening, want %d", len(list), len(due))
		}
		for _, c := range list {
			d := h.m.rows[c.Request].holders[site]
			d.lease(c.Token, h.now.Add(time.Second))
		}
		h.claims = append(h.claims, list...)
	}
}

// check compares everything that can be asked.
func (h *machine) check(t *rapid.T) {
	ctx := context.Background()
	for n := 1; n <= 6; n++ {
		id := request.ID(fmt.Sprintf("01K%010d%013d", h.number, n))
		got, err := h.s.Read(ctx, id)
		want, known := h.m.record(id)
		if !known {
			if !errors.Is(err, store.ErrNotFound) {
				t.Fatalf("read of %s: %v, want not found", id, err)
			}
			continue
		}
		if err != nil {
			t.Fatalf("read: %v", err)
		}
		h.same(t, "record", want, got)
	}
	if h.checks++; h.checks%3 != 0 {
		return // the lists take longer; what is wrong with them stays wrong for some steps
	}
	h.checkLists(ctx, t)
}

// checkLists compares what is found by other ways than its id.
func (h *machine) checkLists(ctx context.Context, t *rapid.T) {
	for _, site := range sites[:2] {
		for i := 1; i <= 3; i++ {
			l := store.Link{Site: site, Local: fmt.Sprintf("%d-%d", h.number, i)}
			want := h.m.links[linkKey(tickets, l)]
			got, err := h.s.Lookup(ctx, tickets, l)
			if err != nil && !errors.Is(err, store.ErrNotFound) || got.Entry.ID != want {
				t.Fatalf("%v leads to %q, %v; want %q", l, got.Entry.ID, err, want)
			}
		}
	}
	intents, err := h.s.Intents(ctx, "", 100)
	if err != nil {
		t.Fatalf("intents: %v", err)
	}
	h.same(t, "intents", h.m.ids(func(r *row) bool { return r.entry.Intent != nil || r.entry.Plan != nil || len(r.entry.Queue) > 0 }), intents)
	for _, f := range []store.Filter{{}, {Site: chicago}, {State: request.Parked}, {State: request.InFlight, Site: rome}, {State: request.Delivered}} {
		got, _, err := h.s.Deliveries(ctx, f)
		if err != nil {
			t.Fatalf("deliveries: %v", err)
		}
		h.same(t, fmt.Sprintf("deliveries of %+v", f), h.m.deliveries(f), got)
	}
	got, err := h.s.Backlog(ctx)
	if err != nil {
		t.Fatalf("backlog: %v", err)
	}
	h.same(t, "backlog", h.m.backlog(), got)
}

// forgetAll leaves an empty store to the next history.
func (h *machine) forgetAll(t *rapid.T) {
	for id, r := range h.m.rows {
		tx := store.Tx{Entry: r.entry, Rev: r.rev, Forget: true}
		for k, to := range h.m.links {
			if to == id {
				tx.Unlink = append(tx.Unlink, h.linkOf(k))
			}
		}
		if _, err := h.s.Commit(context.Background(), tx); err != nil {
			t.Errorf("forget: %v", err)
		}
	}
}
