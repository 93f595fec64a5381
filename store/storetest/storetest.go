// Package storetest is the contract of store.Store as a suite. Every implementation runs it, so that all keep the same promises.
package storetest

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

// Opener opens an empty store for one test. reopen closes it and opens the same content again; it may be called many times.
// The opener closes what is open when the test ends.
type Opener = func(t *testing.T) (s store.Store, reopen func() store.Store)

// Exercise runs the whole contract against the stores that open makes.
func Exercise(t *testing.T, open func(t *testing.T) (s store.Store, reopen func() store.Store)) {
	for name, test := range map[string]func(*testing.T, Opener){
		"revisions":                   revisions,
		"one writer wins a revision":  oneWriterWins,
		"own copies":                  ownCopies,
		"fields stay exact":           fieldsStayExact,
		"links":                       links,
		"forget":                      forget,
		"intents":                     intents,
		"entries in pages":            entriesInPages,
		"owing":                       owing,
		"owing again":                 owingAgain,
		"dropping":                    dropping,
		"terms are kept":              termsAreKept,
		"held until their time":       heldDebts,
		"held while in flight":        heldInFlight,
		"held over a lost lease":      heldOverALostLease,
		"holders that end":            holdersThatEnd,
		"pools passed over":           poolsPassedOver,
		"held is no age":              heldIsNoAge,
		"unsettled":                   unsettled,
		"every member":                everyMember,
		"claim order and limit":       claimOrder,
		"leases run out":              leasesRunOut,
		"fenced tokens":               fencedTokens,
		"newer owed while in flight":  newerOwed,
		"acked never goes back":       ackedNeverGoesBack,
		"confirmations":               confirmations,
		"a person's word":             personsWord,
		"settling many":               settlingMany,
		"one in flight":               oneInFlight,
		"listing deliveries":          listingDeliveries,
		"backlog":                     backlog,
		"keys":                        keys,
		"one reservation wins":        oneReservationWins,
		"operations":                  operations,
		"reopening":                   reopening,
		"a long backlog stays cheap":  longBacklog,
		"closed":                      closed,
		"a random history":            randomHistory,
		"writers and workers at once": writersAndWorkers,
	} {
		t.Run(name, func(t *testing.T) { test(t, open) })
	}
}

// The world of the tests.
const (
	tickets              = "tickets"
	rome    request.Site = "rome"
	chicago request.Site = "chicago"
	austin  request.Site = "austin"
)

// start is when the tests begin; stores are told the time and look at a clock only for the expiry of notes and the age of a
// backlog. By any clock start is long ago and farAway is still to come.
var (
	start   = time.Date(2001, 11, 23, 9, 0, 0, 0, time.UTC)
	farAway = time.Date(2201, 11, 23, 9, 0, 0, 0, time.UTC)
)

func at(d time.Duration) time.Time { return start.Add(d) }

// id makes ids that sort by n.
func id(n int) request.ID { return request.ID(fmt.Sprintf("01J%023d", n)) }

func version(n int) request.Version {
	return request.Version{Epoch: request.Epoch{Num: 1, Site: rome}, Seq: uint64(n)}
}

func entry(n, v int) request.Entry {
	return request.Entry{ID: id(n), Collection: tickets, Role: request.Owner, Version: version(v), Owner: rome,
		Local: fmt.Sprint(n), Fields: request.Fields{{Name: "title", Value: json.RawMessage(`"t"`)}}, Created: start, Updated: at(0)}
}

// someTerms are those under which sites hold requests where a test does not care.
var someTerms = request.Terms{Mode: "data", Route: "r1", Pool: "p"}

func debts(sites ...request.Site) []request.Debt {
	out := make([]request.Debt, len(sites))
	for i, s := range sites {
		out[i] = request.Debt{Site: s, Terms: someTerms}
	}
	return out
}

func commit(t testing.TB, s store.Store, tx store.Tx) uint64 {
	t.Helper()
	rev, err := s.Commit(t.Context(), tx)
	if err != nil {
		t.Fatalf("commit of %s from revision %d: %v", tx.Entry.ID, tx.Rev, err)
	}
	return rev
}

// owed commits request n at version 1, owed to sites at start.
func owed(t testing.TB, s store.Store, n int, sites ...request.Site) uint64 {
	t.Helper()
	return commit(t, s, store.Tx{Entry: entry(n, 1), Owe: debts(sites...), Now: start})
}

func read(t testing.TB, s store.Store, n int) store.Record {
	t.Helper()
	r, err := s.Read(t.Context(), id(n))
	if err != nil {
		t.Fatalf("read of %s: %v", id(n), err)
	}
	return r
}

func holder(t testing.TB, s store.Store, n int, site request.Site) request.Delivery {
	t.Helper()
	for _, d := range read(t, s, n).Holders {
		if d.Site == site {
			return d
		}
	}
	t.Fatalf("%s is no holder of %s", site, id(n))
	return request.Delivery{}
}

func claim(t testing.TB, s store.Store, site request.Site, now time.Duration, limit int) []store.Claimed {
	t.Helper()
	list, err := s.Claim(t.Context(), store.Claim{Site: site, Now: at(now), Limit: limit, Lease: time.Minute})
	if err != nil {
		t.Fatalf("claim for %s: %v", site, err)
	}
	return list
}

func claimOne(t testing.TB, s store.Store, site request.Site, now time.Duration) store.Claimed {
	t.Helper()
	list := claim(t, s, site, now, 10)
	if len(list) != 1 {
		t.Fatalf("claimed %d deliveries for %s, want one", len(list), site)
	}
	return list[0]
}

func settle(t testing.TB, s store.Store, list ...store.Settlement) {
	t.Helper()
	if err := s.Settle(t.Context(), list); err != nil {
		t.Fatalf("settle: %v", err)
	}
}

// delivered is the settlement of a claim that went well.
func delivered(c store.Claimed, now time.Duration) store.Settlement {
	return store.Settlement{Request: c.Request, Site: c.Site, Token: c.Token, Owed: c.Owed, Acked: c.Owed, Local: "L" + string(c.Request),
		State: request.Delivered, Now: at(now)}
}

// failed is the settlement of a claim that is to be tried again at due.
func failed(c store.Claimed, now, due time.Duration) store.Settlement {
	return store.Settlement{Request: c.Request, Site: c.Site, Token: c.Token, Owed: c.Owed, State: request.Waiting, Due: at(due),
		Cause: "refused", Attempts: c.Attempts + 1, Now: at(now)}
}

func wantState(t testing.TB, d request.Delivery, want request.State) {
	t.Helper()
	if d.State != want {
		t.Errorf("%s at %s is %q, want %q", d.Request, d.Site, d.State, want)
	}
}

func wantErr(t testing.TB, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("error %v, want %v", err, want)
	}
}

// comparing takes empty for absent, and times for the same that mean the same moment.
func comparing() cmp.Options {
	return cmp.Options{cmpopts.EquateEmpty(),
		cmp.FilterValues(func(a, b request.Fields) bool { return len(a)+len(b) > 0 }, cmp.Comparer(sameFields)),
		cmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) })}
}

func wantSame(t testing.TB, what string, want, got any) {
	t.Helper()
	if d := cmp.Diff(want, got, comparing()); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

// sameFields takes no fields and empty fields for the same; their bytes are compared in a test of its own.
func sameFields(a, b request.Fields) bool {
	return slices.EqualFunc(a, b, func(x, y request.Field) bool { return x.Name == y.Name && string(x.Value) == string(y.Value) })
}

func requests(list []store.Claimed) string {
	var out []string
	for _, c := range list {
		out = append(out, strings.TrimLeft(string(c.Request)[3:], "0"))
	}
	return strings.Join(out, " ")
}
