package configs

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/meridian-gateway/meridian/profile"
	"github.com/meridian-gateway/meridian/routing"
)

// profiled are the profiles of the file, with the canonical fields that they name.
type profiled struct {
	compiled map[string]*profile.Profile
	nodes    map[string]*yaml.Node // as they are written
	declared []routing.Declared
	// collections are the names of all, also of those that have faults.
	collections []string
}

// profiles decodes and compiles the profiles. Decoding stops at the first fault of a value, so each key is decoded by itself: one
// fault does not hide the others.
func (p *parser) profiles(root *yaml.Node, specs map[string]yaml.Node) profiled {
	out := profiled{compiled: map[string]*profile.Profile{}, nodes: map[string]*yaml.Node{}}
	at := child(root, "profiles")
	for _, name := range slices.Sorted(maps.Keys(specs)) {
		node := child(at, name)
		out.nodes[name] = node
		before := len(p.faults)
		spec := p.profile(node)
		for _, c := range slices.Sorted(maps.Keys(spec.Collections)) {
			out.collections = append(out.collections, c)
			if f := spec.Collections[c].Fields; len(f) > 0 {
				out.declared = append(out.declared, routing.Declared{Collection: c, Fields: slices.Sorted(maps.Keys(f))})
			}
		}
		if len(p.faults) > before {
			continue
		}
		compiled, problems := profile.Compile(name, spec)
		for _, pr := range problems {
			p.fault(child(node, pr.Path...), "profile "+name+": "+strings.Join(append(slices.Clone(pr.Path), pr.Message), ": "), pr.Hint)
		}
		if len(problems) == 0 {
			out.compiled[name] = compiled
		}
	}
	return out
}

func (p *parser) profile(node *yaml.Node) profile.Spec {
	var spec profile.Spec
	if deref(node).Kind != yaml.MappingNode {
		p.fault(node, "a profile must be a mapping, not "+kindOf(node), "as in {preset: rest, collections: {tickets: {path: /tickets}}}")
		return spec
	}
	p.twice(deref(node), "a profile")
	for _, kv := range pairs(node) {
		if kv.key.Value != "collections" || deref(kv.value).Kind != yaml.MappingNode {
			p.part(kv, &spec)
			continue
		}
		p.twice(deref(kv.value), "collections")
		spec.Collections = map[string]profile.CollectionSpec{}
		for _, c := range pairs(kv.value) {
			var coll profile.CollectionSpec
			if deref(c.value).Kind != yaml.MappingNode {
				p.fault(c.value, "a collection must be a mapping, not "+kindOf(c.value), "as in tickets: {path: /tickets}")
				continue
			}
			p.twice(deref(c.value), "a collection")
			for _, key := range pairs(c.value) {
				p.part(key, &coll)
			}
			spec.Collections[c.key.Value] = coll
		}
	}
	return spec
}

// part decodes one key and its value into a struct of the profile.
func (p *parser) part(kv pair, into any) {
	one := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Line: kv.key.Line, Column: kv.key.Column, Content: []*yaml.Node{kv.key, kv.value}}
	err := one.Decode(into)
	if se, ok := errors.AsType[*profile.SyntaxError](err); ok {
		p.fault(&yaml.Node{Line: se.Line, Column: se.Column}, se.Message, se.Hint)
	} else if te, ok := errors.AsType[*yaml.TypeError](err); ok {
		p.wrongType(kv, te)
	} else if err != nil {
		p.yamlError(err, kv.value)
	}
}

var wrongType = regexp.MustCompile("line (\\d+): cannot unmarshal .* into (.*)$")

// wrongType says of values what they should be. The YAML library knows their lines; the column is that of the value of the key
// where it is in this line.
func (p *parser) wrongType(kv pair, te *yaml.TypeError) {
	for _, m := range te.Errors {
		sub := wrongType.FindStringSubmatch(m)
		if sub == nil {
			p.yamlError(errors.New(m), kv.value)
			continue
		}
		what, hint := "of the kind that belongs here", ""
		switch t := sub[2]; {
		case t == "time.Duration":
			what, hint = "a duration", "as in 500ms, 5s, 2m or 1h30m"
		case t == "int":
			what = "a whole number"
		case t == "bool":
			what = "true or false"
		case t == "string":
			what = "one value"
		case strings.HasPrefix(t, "[]"):
			what = "a list"
		}
		at := *kv.value
		if line, _ := strconv.Atoi(sub[1]); at.Line != line {
			p.fault(&yaml.Node{Line: line, Column: 1}, fmt.Sprintf("a value in %s is not %s", kv.key.Value, what), hint)
			continue
		}
		p.fault(&at, fmt.Sprintf("%s: %s is not %s", kv.key.Value, kindOf(&at), what), hint)
	}
}
