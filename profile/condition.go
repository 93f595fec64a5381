package profile

import (
	"encoding/json"
	"fmt"
	"slices"
)

// condition is something that can be said of a record: it has one of some values at a place or, without values, has any there. The
// zero value is none.
type condition struct {
	at     pointer
	values []json.RawMessage
}

// holds reports whether it can be said of the first of the texts that has the place. What is nowhere is null.
func (k condition) holds(texts ...[]byte) bool {
	was := []byte("null")
	for _, text := range texts {
		if raw, ok := lookup(text, k.at); ok {
			was = raw
			break
		}
	}
	if len(k.values) == 0 {
		return !isNull(was)
	}
	return slices.ContainsFunc(k.values, func(v json.RawMessage) bool { return equal(was, v) })
}

// shown reports whether one of the texts has the place at all.
func (k condition) shown(texts ...[]byte) bool {
	return slices.ContainsFunc(texts, func(text []byte) bool {
		_, ok := lookup(text, k.at)
		return ok
	})
}

// mayCount reports whether nothing that an element of a search shows says that it is no record of the collection. A search may show
// less than a list.
func (c *Collection) mayCount(w wrapped) bool {
	texts := w.texts()
	return !slices.ContainsFunc(c.lister.only, func(k condition) bool { return k.shown(texts...) && !k.holds(texts...) }) &&
		!slices.ContainsFunc(c.lister.skip, func(k condition) bool { return k.shown(texts...) && k.holds(texts...) })
}

// deleted compiles how a record looks that the API shows although it is deleted.
func (c *compiler) deleted(out *Collection, s CollectionSpec) {
	if s.Deleted != nil {
		out.deleted = c.condition(*s.Deleted, "deleted")
	}
}

// conditions compiles some, without those that are wrong.
func (c *compiler) conditions(list Conditions, path ...string) (out []condition) {
	for i, s := range list {
		at := path
		if len(list) > 1 {
			at = append(slices.Clone(path), fmt.Sprint(i))
		}
		if k := c.condition(s, at...); k.at != nil {
			out = append(out, k)
		}
	}
	return out
}

// condition compiles one; its place is nil when it is wrong.
func (c *compiler) condition(s Condition, path ...string) (out condition) {
	at := append(slices.Clone(path), "at")
	if s.At == "" {
		c.problem("it is not said where in a record to look", "as in {at: /status, values: [deleted]}", at...)
		return out
	}
	out.at = c.pointer(s.At, at...)
	for _, v := range s.Values {
		if len(v) == 0 { // a null in a list is not given to be decoded
			v = Literal("null")
		}
		out.values = append(out.values, json.RawMessage(v))
	}
	return out
}
