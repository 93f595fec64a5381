package fieldnpm

import (
	"strings"
	"testing"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// watched is a pair whose gateways look for changes behind their backs.
func watched(t *testing.T, kind string) *world {
	t.Helper()
	start := starts()[kind]
	w := &world{t: t, apis: map[string]*API{"oslo": start(t), "rome": start(t)}}
	var sites []harness.Site
	for _, name := range []string{"oslo", "rome"} {
		s := w.apis[name].Site(name)
		s.Profile = strings.Replace(w.apis[name].Profile(), "    required: [subject]\n",
			"    required: [subject]\n    watch: {every: 1s, owned: publish, copies: revert, new: seed}\n", 1)
		sites = append(sites, s)
	}
	w.Cluster = harness.Start(t, harness.Network{Sites: sites, Routes: everywhere})
	t.Cleanup(w.explain)
	return w
}

// What changes behind the gateway's back is noticed: at the owner it goes to the copies, at a copy it is put right again, and a record
// that nobody knew becomes a request.
func TestWatch(t *testing.T) {
	each(t, func(t *testing.T, kind string) {
		w := watched(t, kind)
		name, words := subject("watched"), Words{}
		w.create("oslo", first(name))
		w.everywhere(name, first(name))
		w.Settled(soon)
		words = Words{"description": "changed by hand at its owner's"}
		w.alter("oslo", name, words)
		w.everywhere(name, words)
		w.alter("rome", name, Words{"description": "changed by hand at a copy"})
		w.everywhere(name, words)
		stranger := subject("made by hand")
		w.put("oslo", first(stranger))
		w.everywhere(stranger, first(stranger))
		w.Settled(soon)
	})
}
