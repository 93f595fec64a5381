package chaos

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// The stores that a network can stand on.
const (
	Embedded = "embedded"
	OnRedis  = "redis"
)

// World is a network of three sites that is maltreated, and what is known of the writes in it.
type World struct {
	T     testing.TB
	Store string
	Net   *harness.Cluster
	// Redis are the sites' own Redis servers, by site, on that store; Disk is where the first site's embedded store is.
	Redis map[string]*harness.Redis
	Disk  *Disk
	// Certs are those of the peers, where they talk TLS; Clock is the first site's, where it can be set.
	Certs   *Authority
	Clock   *SkewedClock
	History *History
	Truth   *Truth

	seen string // the highest global id that newest has met
}

// Setup says what world to make.
type Setup struct {
	// Store is Embedded or OnRedis.
	Store string
	// Disk puts the first site's embedded store on a disk that can be full; Certs has peers talk TLS; Clock gives the first site a
	// clock that can be set.
	Disk, Certs, Clock bool
}

// Quiescence is how long the APIs of these worlds may take to do a call whose connection died. The faults keep to it.
const Quiescence = time.Second

// worldProfile describes the request APIs: a stamp, an external id, and times that are short, since so much is made to fail.
const worldProfile = `preset: rest
timeout: 2s
quiescence: 1s
parallel: 16
collections:
  tickets:
    path: /tickets
    external_id: {field: /external_id, find: "/tickets?external_id={value}"}
    stamp: {owner: /sync_owner, version: /sync_version, state: /sync_state}
`

// worldRoutes copy every request to all sites, and have Rome own the chairs.
const worldRoutes = `- {name: chairs, on: [create], at: [oslo, paris], when: category == "chair", transfer: {to: rome}}
- {name: everywhere, on: [create], copy: {to: all}}
`

// NewWorld starts a network and lets its request APIs tell what they do. Everything ends with the test.
func NewWorld(t testing.TB, s Setup) *World {
	t.Helper()
	w := &World{T: t, Store: s.Store, Redis: make(map[string]*harness.Redis), History: NewHistory(), Truth: NewTruth()}
	sites := harness.Fakes(t, "oslo", "rome", "paris")
	for i := range sites {
		sites[i].Loose, sites[i].Profile = true, worldProfile
		if s.Store == OnRedis {
			w.Redis[sites[i].Name] = harness.NewRedis(t)
			sites[i].Store = w.Redis[sites[i].Name].URL()
		}
	}
	n := harness.Network{Sites: sites, Routes: worldRoutes}
	if s.Disk {
		w.Disk = NewDisk(t)
		sites[0].Store = "file:" + w.Disk.Path
	}
	if s.Certs {
		w.Certs = NewAuthority(t, "oslo", "rome", "paris")
		n.TLS, n.Extra = true, w.Certs.Lines()
	}
	if s.Clock {
		w.Clock = NewSkewedClock(t)
		sites[0].Program = w.Clock.Program
	}
	w.Net = harness.Start(t, n)
	for _, site := range w.Net.Sites() {
		w.Net.At(site).Fake().Tap(func(e harness.Entry) {
			if e.Committed {
				w.Truth.Note(Commit{Site: site, Method: e.Method, ID: e.ID, Body: e.Body})
			}
		})
	}
	return w
}

// view is a request as the admin API lists it.
type view struct {
	Request  string          `json:"request"`
	Role     string          `json:"role"`
	Owner    string          `json:"owner"`
	Version  string          `json:"version"`
	UnderWay *underWay       `json:"under_way"`
	Doubt    json.RawMessage `json:"doubt"`
	HandOver json.RawMessage `json:"hand_over"`
	Plan     json.RawMessage `json:"plan"`
	Queued   []any           `json:"queued"`
	Conflict []any           `json:"conflicts"`
	Holders  []struct {
		Site, State, Cause, Due string
	} `json:"holders"`
}

type underWay struct {
	Kind string    `json:"kind"`
	Sent time.Time `json:"sent"`
}

// open says what is not done about a request, "" for nothing.
func (v view) open() string {
	var out []string
	if v.UnderWay != nil {
		out = append(out, "a write ("+v.UnderWay.Kind+") is under way")
	}
	for what, raw := range map[string]json.RawMessage{"doubt": v.Doubt, "a hand-over": v.HandOver, "a plan": v.Plan} {
		if len(raw) > 0 && string(raw) != "null" {
			out = append(out, what+" "+string(raw))
		}
	}
	if len(v.Queued) > 0 || len(v.Conflict) > 0 {
		out = append(out, fmt.Sprintf("queued %v, conflicts %v", v.Queued, v.Conflict))
	}
	for _, h := range v.Holders {
		if h.State != "delivered" {
			out = append(out, fmt.Sprintf("the delivery to %s is %s, due %s (%s)", h.Site, h.State, h.Due, h.Cause))
		}
	}
	return strings.Join(out, "; ")
}

// list is the ledger of a site, of requests whose id is above after.
func (w *World) list(site, after string) (out []view, err error) {
	for {
		var page struct {
			Requests []view `json:"requests"`
			After    string `json:"after"`
		}
		b, err := harness.GetRaw(w.Net.At(site).Admin("/api/v1/requests?limit=1000&after=" + after))
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(b, &page); err != nil {
			return nil, err
		}
		out = append(out, page.Requests...)
		if after = page.After; after == "" {
			return out, nil
		}
	}
}

// Final is how the sites are now. Of the ledgers it has requests above the id after, "" for all.
func (w *World) Final(after string) (Final, error) {
	out := make(Final)
	for _, site := range w.Net.Sites() {
		p := Place{Records: make(map[string][]map[string]any), Ledger: make(map[string]Ledger)}
		records, err := w.Net.At(site).API().Records()
		if err != nil {
			return nil, err
		}
		for _, r := range records {
			subject := fmt.Sprint(r["subject"])
			p.Records[subject] = append(p.Records[subject], r)
		}
		list, err := w.list(site, after)
		if err != nil {
			return nil, err
		}
		for _, v := range list {
			p.Ledger[v.Request] = Ledger{Role: v.Role, Owner: v.Owner, Version: v.Version, Open: v.open()}
		}
		p.Open = w.openAt(site)
		out[site] = p
	}
	return out, nil
}

// openAt says what is not settled about a site as a whole.
func (w *World) openAt(site string) string {
	g := w.Net.At(site)
	if err := g.Process().Running(); err != nil {
		return err.Error()
	}
	h, err := g.Health()
	if err != nil {
		return err.Error()
	}
	list, err := g.Transfers()
	if err != nil {
		return err.Error()
	}
	if h.State == "ok" && h.Owed() == 0 && h.InDoubt == 0 && h.Conflicts == 0 && h.Transfers.Open+h.Transfers.Waiting+h.Transfers.Parked == 0 && len(list) == 0 {
		return ""
	}
	return fmt.Sprintf("health %+v, transfers %+v", h, list)
}

// Settle waits until nothing is open at any site, at most for patience, and returns how the sites are then, with what is still open. The
// sites are looked at one after the other, so they count as settled only when a second look shows the same.
func (w *World) Settle(after string, patience time.Duration) (Final, error) {
	var f Final
	err := harness.Poll(patience, func() error {
		before := f
		var err error
		if f, err = w.Final(after); err != nil {
			return err
		}
		if why := f.open(); why != "" {
			return errors.New(why)
		}
		if !reflect.DeepEqual(before, f) {
			return errors.New("something has changed since the last look")
		}
		return nil
	})
	if f == nil {
		return nil, err
	}
	return f, nil // what is open is for the rules to say
}

// open is the first thing found that is open, "" for nothing.
func (f Final) open() string {
	for site, p := range f {
		if p.Open != "" {
			return site + ": " + p.Open
		}
		for id, l := range p.Ledger {
			if l.Open != "" {
				return site + ": " + id + ": " + l.Open
			}
		}
	}
	return ""
}
