package fieldnpm

import (
	"fmt"
	"maps"
	"sync/atomic"
	"testing"
	"time"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// soon is ample for anything that is to happen by itself.
const soon = 30 * time.Second

var subjects atomic.Int64

func subject(what string) string { return fmt.Sprintf("%s %d", what, subjects.Add(1)) }

// world is a network of these servers.
type world struct {
	*harness.Cluster
	t    *testing.T
	apis map[string]*API
}

// network starts a gateway before each of the servers.
func network(t *testing.T, apis map[string]*API, routes string) *world {
	t.Helper()
	var sites []harness.Site
	for _, name := range []string{"oslo", "rome", "paris", "lima"} {
		if apis[name] != nil {
			sites = append(sites, apis[name].Site(name))
		}
	}
	w := &world{Cluster: harness.Start(t, harness.Network{Sites: sites, Routes: routes}), t: t, apis: apis}
	t.Cleanup(w.explain)
	return w
}

// explain tells, when the test failed, what the gateways wait for.
func (w *world) explain() {
	if !w.t.Failed() {
		return
	}
	for _, name := range w.Sites() {
		for _, state := range []string{"waiting", "parked"} {
			list, err := w.At(name).Deliveries(state)
			w.t.Logf("%s: %s: %+v %v", name, state, list, err)
		}
		moves, err := w.At(name).Transfers()
		w.t.Logf("%s: transfers: %+v %v", name, moves, err)
	}
}

func (w *world) dialect(site string) Dialect { return dialects()[w.apis[site].Name] }

// idIn is the id of what a client made, from the answer or, where that has none, from the only record with the subject.
func (w *world) id(site, name string) string {
	w.t.Helper()
	return w.want(site, name, nil).ID()
}

// find are the records with a subject at a site's own server.
func (w *world) find(site, name string) ([]harness.Record, error) {
	return w.At(site).Find(w.apis[site].Field, name)
}

// want waits until a site's own server has exactly one record with a subject, and it says words.
func (w *world) want(site, name string, words Words) harness.Record {
	w.t.Helper()
	var rec harness.Record
	harness.Eventually(w.t, soon, fmt.Sprintf("%q at %s", name, site), func() error {
		hits, err := w.find(site, name)
		if err != nil {
			return err
		}
		if len(hits) > 1 {
			return harness.GiveUp(fmt.Errorf("there are %d: %v", len(hits), hits))
		}
		if len(hits) == 0 {
			return fmt.Errorf("there is none")
		}
		rec = hits[0]
		return w.dialect(site).Says(rec, words)
	})
	return rec
}

// everywhere waits until all sites say words.
func (w *world) everywhere(name string, words Words) {
	w.t.Helper()
	for _, site := range w.Sites() {
		w.want(site, name, words)
	}
}

// none waits until a site's own server has no record with a subject.
func (w *world) none(site, name string) {
	w.t.Helper()
	harness.Eventually(w.t, soon, fmt.Sprintf("no %q at %s", name, site), func() error {
		hits, err := w.find(site, name)
		if err == nil && len(hits) > 0 {
			err = fmt.Errorf("there is %v", hits)
		}
		return err
	})
}

// create makes a request at a site and returns its global id.
func (w *world) create(site string, words Words) string {
	w.t.Helper()
	d := w.dialect(site)
	return d.Create(w.At(site), words).Want(d.Made).WantReceipt(site).Request()
}

// change changes a request at a site.
func (w *world) change(site, name string, words Words) harness.Answer {
	w.t.Helper()
	d := w.dialect(site)
	return d.Change(w.At(site), w.id(site, name), words).Want(d.Changed)
}

// without are all words but one.
func (w Words) without(name string) Words {
	out := maps.Clone(w)
	delete(out, name)
	return out
}
