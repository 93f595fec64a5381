package profile

import (
	"maps"
	"slices"
	"strings"

	"github.com/meridian-gateway/meridian/request"
)

// Described is what a profile says of a collection, in the words of the profile, for whoever compares it with the API or shows it to a
// person. Pointers are written as in the profile; "" is none.
type Described struct {
	Calls map[Verb]DescribedCall
	// From, At and Name say where the id of a new record is, as id does.
	From string
	At   []string
	Name string
	// Call, Answer, Items and Item are the envelopes.
	Call, Answer, Items, Item string
	// External is where the global id is read; Find says whether it can be searched for, and Marker whether it shares its place.
	External     string
	Find, Marker bool
	// ETag says whether versions are tags, Version where else they are.
	ETag    bool
	Version []string
	// Since is the pointer to the time of the last change, Deleted that to the sign of a deletion.
	Since, Deleted string
	Required       []string
	Fields         []DescribedField
}

// DescribedCall is one kind of call: its statuses, and what is in the body of a write.
type DescribedCall struct {
	Method, Path        string
	Status, Gone, Stale []int
	Body                string
	// Sends says that the body is one of the profile's own.
	Sends bool
}

// DescribedField is a canonical field with a name in the profile.
type DescribedField struct {
	Name        string
	Read, Write string
	Type        string
	// Values are the canonical values that the profile lists, as JSON text.
	Values []Literal
	// Max is the longest text, 0 for any; Required says that a record is refused without the field; Fixed that it is a constant.
	Max             int
	Required, Fixed bool
	// Late says that it is not taken when a record is made, Set that it has a call of its own.
	Late, Set bool
}

// Describe says what the profile says of the collection.
func (c *Collection) Describe() Described {
	d := Described{Calls: make(map[Verb]DescribedCall, len(c.calls)), From: c.id.from, At: spellAll(c.id.at...), Name: c.id.name,
		Call: spell(c.envelope.call), Answer: spell(c.envelope.answer), Items: spell(c.envelope.items), Item: spell(c.envelope.item),
		External: spell(c.external.read), Find: c.find != nil, Marker: c.external.marker != nil, ETag: c.etag, Version: spellAll(c.version...),
		Since: spell(c.lister.changed), Deleted: spell(c.deleted.at), Required: slices.Clone(c.required)}
	for verb, k := range c.calls {
		d.Calls[verb] = DescribedCall{Method: k.method, Path: k.path.source, Status: slices.Clone(k.status), Gone: slices.Clone(k.gone),
			Stale: slices.Clone(k.stale), Body: k.body, Sends: len(k.send) > 0}
	}
	for _, name := range slices.Sorted(maps.Keys(c.named)) {
		f := c.named[name]
		if f.hidden {
			continue
		}
		out := DescribedField{Name: name, Read: spell(f.read), Write: spell(f.write), Max: f.most, Fixed: f.fixed != nil, Late: f.late,
			Required: slices.Contains(c.required, name)}
		if out.Set = f.set != nil; f.mute || out.Set {
			out.Write = ""
		}
		if f.shape != nil {
			out.Type = kindOfShape(f.shape)
		}
		for _, v := range f.values.list {
			out.Values = append(out.Values, v.Canonical)
		}
		if out.Set && len(out.Values) == 0 {
			for _, canonical := range slices.Sorted(maps.Keys(f.set.values)) {
				out.Values = append(out.Values, unscalar(canonical))
			}
		}
		d.Fields = append(d.Fields, out)
	}
	return d
}

func spell(p pointer) string {
	if p == nil {
		return ""
	}
	return p.String()
}

func spellAll(list ...pointer) (out []string) {
	for _, p := range list {
		out = append(out, spell(p))
	}
	return out
}

// unscalar is the JSON text of what scalar makes a key of.
func unscalar(key string) Literal {
	if text, is := strings.CutPrefix(key, `"`); is {
		return Literal(request.Quote(text))
	}
	return Literal(key)
}
