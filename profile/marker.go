package profile

import (
	"encoding/json"
	"regexp"
	"strings"
	"time"

	"github.com/meridian-gateway/meridian/request"
)

// marker is how the external id stands in a field that holds other things too: behind them in a text, or as one of a list of texts.
// Nobody but the gateway sees it: the canonical field is without it.
type marker struct {
	list          bool
	gap           string         // between a text and the marker
	before, after string         // of the marker, around the id
	found, alone  *regexp.Regexp // in a text; as all of it
	with          *regexp.Regexp // with the gap before it
}

// idLetters are those of an id of a request, in either case: some APIs fold that of labels.
const idLetters = `([0-9A-Za-z]{26})`

// newMarker makes a marker of a text with {value}. White space at its beginning is what stands between it and the text before it.
func newMarker(s string, list bool) *marker {
	core := strings.TrimLeft(s, " \t\r\n")
	m := &marker{list: list, gap: s[:len(s)-len(core)]}
	if m.gap == "" {
		m.gap = " "
	}
	m.before, m.after, _ = strings.Cut(core, "{value}")
	id := `(?i)` + regexp.QuoteMeta(m.before) + idLetters + regexp.QuoteMeta(m.after)
	gap := regexp.QuoteMeta(m.gap)
	if strings.Contains(m.gap, "\n") { // some APIs end all lines in their own way
		gap += "|" + strings.ReplaceAll(gap, "\n", `\r\n`)
	}
	m.found, m.alone = regexp.MustCompile(id), regexp.MustCompile(`^`+id+`$`)
	m.with = regexp.MustCompile(`(?i)(?:` + gap + `)?` + regexp.QuoteMeta(m.before) + idLetters + regexp.QuoteMeta(m.after))
	return m
}

// text is the marker of a request.
func (m *marker) text(id string) string { return m.before + id + m.after }

// ids are the requests whose markers stand in the value of the field.
func (m *marker) ids(raw []byte) (out []request.ID) {
	take := func(s string, re *regexp.Regexp) {
		for _, groups := range re.FindAllStringSubmatch(s, -1) {
			if id, err := request.ParseID(strings.ToUpper(groups[1])); err == nil {
				out = append(out, id)
			}
		}
	}
	switch {
	case isString(raw):
		take(unquote(raw), m.found)
	case isList(raw):
		members(raw, func(e member) bool {
			if one := raw[e.from:e.until]; isString(one) {
				take(unquote(one), m.alone)
			}
			return true
		})
	}
	return out
}

// without is the value of the field as the network has it. What is empty without its marker is as good as absent, however a site shows
// that: null in a text, [] in a list.
func (m *marker) without(raw []byte) []byte {
	switch {
	case isString(raw) && !m.list:
		text := unquote(raw)
		bare := m.with.ReplaceAllStringFunc(text, func(s string) string {
			if groups := m.found.FindStringSubmatch(s); groups != nil {
				if _, err := request.ParseID(strings.ToUpper(groups[1])); err == nil {
					return ""
				}
			}
			return s
		})
		switch {
		case bare == "":
			return []byte("null")
		case bare != text:
			return request.Quote(bare)
		}
	case isList(raw):
		out := []byte{'['}
		members(raw, func(e member) bool {
			one := raw[e.from:e.until]
			if isString(one) && len(m.ids([]byte("["+string(one)+"]"))) > 0 {
				return true
			}
			if len(out) > 1 {
				out = append(out, ',')
			}
			out = append(out, one...)
			return true
		})
		if out = append(out, ']'); len(m.ids(raw)) > 0 {
			return out
		}
	case isNull(raw) && m.list:
		return []byte("[]")
	}
	return raw
}

// add is the value of the field with the marker of a request, and no other's. ok is false for a value that has no place for it.
func (m *marker) add(raw []byte, id string) (out json.RawMessage, ok bool) {
	if ids := m.ids(raw); len(ids) == 1 && string(ids[0]) == id {
		return json.RawMessage(raw), true
	}
	if len(m.ids(raw)) > 0 {
		raw = m.without(raw)
	}
	quoted := request.Quote(m.text(id))
	switch {
	case isList(raw) && empty(raw), m.list && (len(raw) == 0 || isNull(raw)):
		return json.RawMessage("[" + string(quoted) + "]"), true
	case isList(raw):
		end := strings.LastIndexByte(string(raw), ']')
		return json.RawMessage(string(raw[:end]) + "," + string(quoted) + "]"), true
	case m.list:
		return nil, false
	case len(raw) == 0 || isNull(raw) || string(raw) == `""`:
		return quoted, true
	case isString(raw):
		return request.Quote(unquote(raw) + m.gap + m.text(id)), true
	}
	return nil, false
}

// unmarked is a record, or the one in a call, without the marker at p.
func (c *Collection) unmarked(p pointer, record []byte) []byte {
	m := c.external.marker
	if m == nil {
		return record
	}
	was, ok := lookup(record, p)
	if !ok {
		return record
	}
	if bare := m.without(was); string(bare) != string(was) {
		if out, err := splice(record, p, bare); err == nil {
			return out
		}
	}
	return record
}

// marked puts the marker into a record in the making: to what the call writes into its field, or else to what is there already. A
// change that does not touch the field of a record that is not known leaves it.
func (c *Collection) marked(r *record, v Verb, id request.ID, current []byte) error {
	p := c.external.write
	was, ok := lookup(request.Fields(r.members).AppendJSON(nil), p)
	if !ok && v == Update && len(current) > 0 {
		if was, ok = lookup(current, c.external.read); ok {
			if ids := c.external.marker.ids(was); len(ids) == 1 && ids[0] == id {
				return nil
			}
			was = c.external.marker.without(was)
			r.begin(current, p)
		}
	}
	if !ok && v == Update && len(current) == 0 {
		return nil
	}
	value, ok := c.external.marker.add(was, string(id))
	if !ok {
		return &request.Error{Op: "profile", Kind: request.Invalid, Detail: "there is no place for the mark of the gateway in " + p.String()}
	}
	return r.set(p, value)
}

// spliceMarker puts the marker into what a client writes into its field.
func (c *Collection) spliceMarker(v Verb, body []byte, at pointer, id request.ID) ([]byte, error) {
	was, ok := lookup(body, at)
	if !ok && v == Update {
		return body, nil
	}
	value, ok := c.external.marker.add(was, string(id))
	if !ok {
		return nil, &request.Error{Op: "profile.Splice", Kind: request.Invalid, Detail: "there is no place for the mark of the gateway in " + c.external.write.String()}
	}
	if string(value) == string(was) {
		return body, nil
	}
	return splice(body, at, value)
}

// carries reports whether the value of the external id's field is that of a request.
func (c *Collection) carries(raw []byte, id request.ID) bool {
	m := c.external.marker
	if m == nil {
		return unquote(raw) == string(id)
	}
	for _, x := range m.ids(raw) {
		if x == id {
			return true
		}
	}
	return false
}

// SearchLag is how long the API's search by the external id may trail behind its records.
func (c *Collection) SearchLag() time.Duration { return c.external.lag }
