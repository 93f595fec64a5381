package profile

import (
	"fmt"
	"slices"
	"strings"

	"github.com/meridian-gateway/meridian/request"
)

// wrapped is a record, and the JSON texts around it, which may show its id or version: the innermost first.
type wrapped struct {
	record []byte
	around [][]byte
}

// wrap is the record that p points to in a text.
func wrap(text []byte, p pointer) (w wrapped, ok bool) {
	record, ok := lookup(text, p)
	if !ok || !isObject(record) {
		return wrapped{}, false
	}
	w.record = record
	for n := len(p) - 1; n >= 0; n-- {
		outer, _ := lookup(text, p[:n])
		w.around = append(w.around, outer)
	}
	return w, true
}

// texts are the record and what is around it.
func (w wrapped) texts() [][]byte { return append([][]byte{w.record}, w.around...) }

// unwrap is the record in an answer: what the envelope points to or, as some APIs do it after a write, the whole body. Where there is
// none, what is around it is the whole body.
func (c *Collection) unwrap(body []byte) (wrapped, bool) {
	if !valid(body) {
		return wrapped{}, false
	}
	for _, p := range []pointer{c.envelope.answer, nil} {
		if w, ok := wrap(body, p); ok {
			return w, true
		}
	}
	return wrapped{around: [][]byte{body}}, false
}

// element is the record within an element of a list.
func (c *Collection) element(element []byte) (wrapped, bool) {
	if c.envelope.item != nil {
		return wrap(element, c.envelope.item)
	}
	if c.envelope.answer != nil {
		if w, ok := wrap(element, c.envelope.answer); ok {
			return w, true
		}
	}
	return wrap(element, nil)
}

// idOf is the id of a record as text, "" when neither it nor what is around it shows one.
func (c *Collection) idOf(w wrapped) string { return c.idAt(w, c.id.at) }

// idAt is the id at the first of some places, in the record or else around it.
func (c *Collection) idAt(w wrapped, places []pointer) string {
	for _, text := range w.texts() {
		for _, p := range places {
			raw, ok := lookup(text, p)
			if !ok || len(text) == 0 {
				continue
			}
			if id := c.idText(raw); id != "" {
				return id
			}
		}
	}
	return ""
}

// versionIn is the API's own version in a record or in what is around it, as JSON text.
func (c *Collection) versionIn(text []byte) (raw []byte, ok bool) {
	if len(text) == 0 || !valid(text) {
		return nil, false
	}
	for _, p := range c.version {
		if raw, ok := lookup(text, p); ok && !isNull(raw) {
			return raw, true
		}
	}
	return nil, false
}

// versionPlace is where in the body of a write the version belongs: in the record or, where answers have it beside that, in what is
// around it.
func (c *Collection) versionPlace(beside bool) pointer {
	at, call := c.version[0], c.envelope.call
	switch {
	case !beside:
		return slices.Concat(call, at)
	case len(call) < 2 || at.under(call[:1]): // it is said as seen from the whole body
		return at
	}
	return slices.Concat(call[:len(call)-1], at)
}

// besides reports whether the profile says what stands beside the record with {version} in it.
func (c *Collection) besides() bool {
	return slices.ContainsFunc(c.with, func(x extra) bool { return slices.Contains(namesIn(x.value), "version") })
}

// Unshown says why an answer of success does not hold the record with an id, for a person who has to look at the profile; "" when it
// does.
func (c *Collection) Unshown(a request.Answer, local string) string {
	if !valid(a.Body) {
		return "the answer is not JSON"
	}
	w, ok := c.unwrap(a.Body)
	if !ok {
		return "the answer holds no record"
	}
	switch id := c.idOf(w); {
	case c.holds(w, local):
		return ""
	case len(c.id.at) == 0 || id == local:
		return "the answer shows no more of the record than its id"
	case id != "":
		return fmt.Sprintf("the answer shows the id %s at %s, and not %s", clip(id), oneAfterAnother(c.id.at), clip(local))
	}
	return fmt.Sprintf("the answer does not show the id %s at %s", clip(local), oneAfterAnother(c.id.at))
}

// oneAfterAnother are places as a person reads them.
func oneAfterAnother(places []pointer) string {
	out := make([]string, len(places))
	for i, p := range places {
		out[i] = p.String()
	}
	return strings.Join(out, " or ")
}
