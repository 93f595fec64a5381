package configs

import (
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/meridian-gateway/meridian/profile"
)

// losses warns of what provably does not come back as it was: within a profile, and between the profiles of sites that hold copies of
// each other's requests.
func (p *parser) losses(root *yaml.Node, used map[string]bool, d profiled) {
	names := slices.DeleteFunc(slices.Sorted(maps.Keys(d.compiled)), func(n string) bool { return !used[n] })
	for _, name := range names {
		at := child(root, "profiles", name)
		for _, c := range d.compiled[name].Order() {
			mine := d.compiled[name].Collections[c]
			p.lost(at, name, c, mine.Losses())
			for _, other := range names {
				if theirs := d.compiled[other].Collections[c]; other != name && theirs != nil {
					p.lost(at, name, c, mine.LossesFrom(theirs))
				}
			}
		}
	}
}

func (p *parser) lost(at *yaml.Node, name, collection string, list []profile.Problem) {
	for _, l := range list {
		path := append([]string{"collections", collection}, l.Path...)
		p.warn(child(at, path...), "profile "+name+": "+strings.Join(append(path[1:len(path):len(path)], l.Message), ": "), l.Hint)
	}
}
