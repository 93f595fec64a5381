package fieldnpm

import (
	"testing"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// loosePair is a pair whose second site's server can be cut off from its gateway.
func loosePair(t *testing.T, kind string) *world {
	t.Helper()
	start := starts()[kind]
	apis := map[string]*API{"oslo": start(t), "rome": start(t)}
	rome := apis["rome"].Site("rome")
	rome.Loose = true
	w := &world{t: t, apis: apis, Cluster: harness.Start(t, harness.Network{Routes: everywhere, Sites: []harness.Site{apis["oslo"].Site("oslo"), rome}})}
	t.Cleanup(w.explain)
	for _, site := range w.Sites() { // whoever logs in has done so
		name := subject("before the fault")
		w.create(site, first(name))
		w.everywhere(name, nil)
	}
	return w
}

// The answer to the create of a copy is lost: the gateway finds the record by its external id, and does not make another.
func TestLostAnswerToACopy(t *testing.T) {
	each(t, func(t *testing.T, kind string) {
		w := loosePair(t, kind)
		name := subject("lost copy")
		link := w.At("rome").Loose()
		link.OneWay()
		w.create("oslo", first(name))
		w.want("rome", name, nil)
		link.Cut()
		link.Heal()
		w.Settled(2 * soon)
		w.everywhere(name, first(name))
		w.change("rome", name, Words{"description": "found again"}).WantReceipt("oslo")
		w.everywhere(name, Words{"description": "found again"})
	})
}

// The answer to a client's create is lost: whatever the client is told, the request is there once, and has its copy.
func TestLostAnswerToAClient(t *testing.T) {
	each(t, func(t *testing.T, kind string) {
		w := loosePair(t, kind)
		name := subject("lost create")
		link := w.At("rome").Loose()
		link.OneWay()
		answered := make(chan harness.Answer, 1)
		go func() { answered <- w.dialect("rome").Create(w.At("rome"), first(name)) }()
		w.want("rome", name, nil)
		link.Cut()
		link.Heal()
		a := <-answered
		if a.Err != nil || a.Status != w.dialect("rome").Made && a.Status != 504 {
			t.Fatalf("the client got %d %v: %s", a.Status, a.Err, a.Body)
		}
		if a.Status == 504 {
			w.At("rome").WantOperation(a.Operation(), soon, "done")
		}
		w.everywhere(name, first(name))
		w.Settled(soon)
	})
}
