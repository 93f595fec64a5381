package configs

import (
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/meridian-gateway/meridian/request"
)

// Unknown stands for a secret that is not known here and need not be.
const Unknown = "VARIABLE-IS-NOT-SET"

// nowhere stands for a whole value that is not known here and that nothing could stand for, such as an address: it counts as not written.
const nowhere = "\x00"

// lacking says what stands in place of a value that is not known; false where it has to be known. What is the variable, or file:PATH.
type lacking func(n *yaml.Node, what string) (string, bool)

// own are the keys of a site that nobody but its gateway acts on; those that are true hold texts in whose place any other can stand.
var own = map[string]bool{"upstream": false, "listen": false, "store": false, "journal": false, "debts": false, "credentials": true, "tls": true}

// notHere lets gateways start without what the gateways of other sites alone use: the file is the same everywhere, the secrets are where
// they are needed. What is also reached in another way, by an alias or a merge, has to be known.
func notHere(root *yaml.Node, here []request.Site) lacking {
	needed, spared := map[*yaml.Node]bool{}, map[*yaml.Node]string{}
	var need func(*yaml.Node)
	need = func(n *yaml.Node) {
		if n == nil || needed[n] {
			return
		}
		needed[n] = true
		need(n.Alias)
		for _, c := range n.Content {
			need(c)
		}
	}
	var spare func(n *yaml.Node, with string)
	spare = func(n *yaml.Node, with string) {
		if n == nil {
			return
		}
		if _, seen := spared[n]; seen {
			return
		}
		spared[n] = with
		spare(n.Alias, with)
		for _, c := range n.Content {
			spare(c, with)
		}
	}
	for _, kv := range pairs(root) {
		if kv.key.Value != "sites" || deref(kv.value).Kind != yaml.MappingNode {
			need(kv.value)
			continue
		}
		for _, site := range pairs(kv.value) {
			if slices.Contains(here, request.Site(site.key.Value)) {
				for _, key := range pairs(site.value) {
					need(key.value)
				}
				continue
			}
			for _, key := range pairs(site.value) {
				others(key, need, spare)
			}
		}
	}
	return func(n *yaml.Node, _ string) (string, bool) {
		with, ok := spared[n]
		return with, ok && !needed[n]
	}
}

// others tells apart what all gateways need of a site and what only its own does.
func others(kv pair, need func(*yaml.Node), spare func(*yaml.Node, string)) {
	text, is := own[kv.key.Value]
	switch {
	case is && text:
		spare(kv.value, Unknown)
	case is:
		spare(kv.value, nowhere)
	case kv.key.Value == "admin", kv.key.Value == "peer":
		for _, sub := range pairs(kv.value) {
			switch {
			case sub.key.Value == "listen":
				spare(sub.value, nowhere)
			case kv.key.Value == "admin":
				spare(sub.value, Unknown)
			default:
				need(sub.value)
			}
		}
	default:
		need(kv.value)
	}
}
