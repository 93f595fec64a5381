package configs

import (
	"slices"
	"strings"

	"github.com/meridian-gateway/meridian/request"
)

// Effect is when a change of a key of the network file takes effect at a running gateway.
type Effect string

// The effects.
const (
	// AtOnce: calls and deliveries that begin after the file was taken.
	AtOnce Effect = "at once"
	// Restarted: the file is not taken until the gateway is restarted, nothing of it.
	Restarted Effect = "needs a restart"
)

// effects says of keys when they take effect, the first that fits; * stands for one part of a key, ** for all that follow.
func effects() []struct {
	Key    string
	Effect Effect
} {
	type row = struct {
		Key    string
		Effect Effect
	}
	return []row{
		{"network", Restarted}, // its name is in every stored key and signature
		{"security.peer_key", AtOnce},
		{"security.tls.**", Restarted}, // the files behind it are read again when they change
		{"tracing.**", Restarted},
		{"limits.header", Restarted},
		{"limits.header_timeout", Restarted},
		{"limits.connections", Restarted},
		{"limits.**", AtOnce},
		{"defaults.store_down", Restarted},
		{"defaults.**", AtOnce},
		{"profiles.**", AtOnce},
		{"sites.*.upstream", Restarted}, // the store belongs to one request API
		{"sites.*.listen", Restarted},
		{"sites.*.tls.**", Restarted},
		{"sites.*.peer.listen", Restarted},
		{"sites.*.admin.listen", Restarted},
		{"sites.*.store", Restarted},
		{"sites.*.journal", Restarted},
		{"sites.*.store_down", Restarted},
		{"sites.*.debts", Restarted},
		{"sites.**", AtOnce},
		{"gone", AtOnce},
		{"pools.**", AtOnce},
		{"routes.**", AtOnce},
	}
}

// EffectOf is when a change of a key takes effect, as in sites.chicago.listen.
func EffectOf(key ...string) Effect {
	for _, e := range effects() {
		if matches(strings.Split(e.Key, "."), key) {
			return e.Effect
		}
	}
	return Restarted
}

func matches(pattern, key []string) bool {
	for i, p := range pattern {
		switch {
		case p == "**":
			return true
		case i >= len(key) || p != "*" && p != key[i]:
			return false
		}
	}
	return len(pattern) == len(key)
}

// NeedsRestart lists the changes that a running gateway of a site cannot take. What concerns other sites' processes alone is none of it:
// their addresses and stores are theirs.
func NeedsRestart(changes []Change, site request.Site) []Change {
	var out []Change
	for _, c := range changes {
		if c.path[0] == "sites" && len(c.path) > 1 && c.path[1] != string(site) {
			continue
		}
		if slices.ContainsFunc(c.keys(), func(k []string) bool { return EffectOf(k...) == Restarted }) {
			out = append(out, c)
		}
	}
	return out
}

// keys are the keys that a change is about: of a section that was added or removed as a whole, those within it.
func (c Change) keys() [][]string {
	if len(c.within) == 0 {
		return [][]string{c.path}
	}
	return c.within
}
