package profile

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Losses are what can be proved of this site without asking it: canonical values that do not come back as they were written, or
// that cannot be written at all. What local and drop leave out was chosen and is not listed. Paths begin below the collection's name.
func (c *Collection) Losses() []Problem {
	l := &losses{}
	if c.null.omit && c.merges() {
		l.add("what is emptied elsewhere keeps its value here: an update leaves it out", "say null: \"\", or what else empties a field here", "null")
	}
	if v := c.null.literal; v != nil && string(v) != `""` {
		l.add(shown(v)+" comes back as no value", "", "null")
	}
	for _, name := range slices.Sorted(maps.Keys(c.named)) {
		if f := c.named[name]; !f.hidden && f.fixed == nil {
			l.field = f
			l.of(c)
		}
	}
	return l.found
}

// LossesFrom are what can be proved of fields that another site's collection has and that come to this one. Paths begin below the
// collection's name.
func (c *Collection) LossesFrom(other *Collection) []Problem {
	l := &losses{}
	for _, name := range slices.Sorted(maps.Keys(c.named)) {
		f, there := c.named[name], other.named[name]
		if f.hidden || there == nil || there.hidden || there.read == nil {
			continue
		}
		l.field = f
		switch {
		case f.fixed != nil:
			l.at("const", fmt.Sprintf("what other sites have there is not kept: it is always %s here", shown(f.fixed)), "")
			continue
		case f.shape != nil && there.shape != nil && kindOfShape(f.shape) != kindOfShape(there.shape):
			l.at("type", fmt.Sprintf("the field is %s here and %s at another site", kindOfShape(f.shape), kindOfShape(there.shape)), "a field has one type in the whole network")
		}
		for _, v := range there.values.list {
			if _, err := f.written(json.RawMessage(v.Canonical), nil); err != nil && (f.out == nil || !f.out.Sees(seesFields)) {
				l.at("values", fmt.Sprintf("%s, which another site has, cannot be written here", shown(v.Canonical)), "list it under values")
			}
		}
	}
	return l.found
}

// merges reports whether an update says only what changes.
func (c *Collection) merges() bool {
	k := c.calls[Update]
	return k != nil && k.body != full
}

// losses are what was found; field is the one that is looked at.
type losses struct {
	field *field
	found []Problem
}

func (l *losses) add(message, hint string, path ...string) {
	l.found = append(l.found, Problem{Path: path, Message: message, Hint: hint})
}

// at is a loss at a key of the field.
func (l *losses) at(key, message, hint string) { l.add(message, hint, "fields", l.field.name, key) }

// of finds the losses of one field.
func (l *losses) of(c *Collection) {
	f := l.field
	written := f.write != nil && !f.mute || f.set != nil
	if f.mute && f.write != nil {
		l.at("in", "it is never written: what other sites change of it does not come here", "say in out how it is written")
	}
	if !written {
		return
	}
	l.kept(c)
	if f.read == nil {
		return // what is only written is compared with nothing
	}
	if f.out != nil && f.in == nil {
		l.at("out", "nothing says how it is read: what out wrote comes back as it is", "say in in how it is read")
	}
	l.translated()
	switch s := f.shape.(type) {
	case timeShape:
		l.times(s)
	case scalarShape:
		l.probe("as", scalars(s)...)
	}
	if f.in != nil && f.out != nil && !f.in.Sees(seesRecord) && !f.out.Sees(seesFields) {
		l.computed()
	}
}

// kept finds what the field does to a value besides translating it.
func (l *losses) kept(c *Collection) {
	f := l.field
	if f.strict {
		l.at("strict", "a value that is not listed is refused: its delivery waits for a person", "")
	}
	if f.most > 0 && f.truncate {
		l.at("too_long", fmt.Sprintf("a text of more than %d characters comes back cut off", f.most), "")
	}
	if f.once {
		l.at("update", "it is written when a record is made: what other sites make of it later does not come here", "")
	}
	if f.preset != nil {
		l.at("default", fmt.Sprintf("a request without a value shows %s once it was made here", shown(f.preset)), "")
	}
	if f.null.omit && !c.null.omit && c.merges() {
		l.at("null", "what is emptied elsewhere keeps its value here: an update leaves it out", "")
	}
	if v := f.null.literal; v != nil && string(v) != string(c.null.literal) && f.read != nil && string(v) != `""` && f.shape == nil && f.in == nil {
		l.at("null", fmt.Sprintf("%s comes back as no value", shown(v)), "")
	}
}

// translated finds values that are one at this site.
func (l *losses) translated() {
	first := make(map[string]Literal, len(l.field.values.list))
	for _, v := range l.field.values.list {
		key := scalar(v.Local)
		if was, taken := first[key]; taken {
			l.at("values", fmt.Sprintf("%s and %s are both %s here: %s comes back as %s", shown(was), shown(v.Canonical), shown(v.Local), shown(v.Canonical), shown(was)), "")
		} else {
			first[key] = v.Canonical
		}
	}
}

// back is a value after it was written and read; refused says that it cannot be written.
func (f *field) back(value json.RawMessage) (back json.RawMessage, refused bool) {
	local, err := f.written(value, nil)
	if err != nil {
		return nil, true
	}
	if local == nil {
		return json.RawMessage("null"), false
	}
	back, _ = f.toCanonical(local, &source{record: []byte("{}"), whole: true, written: true})
	return back, false
}

// probe notes the first of the values that does not come back, and reports whether there was one.
func (l *losses) probe(key string, values ...string) bool {
	for _, v := range values {
		back, refused := l.field.back(json.RawMessage(v))
		switch {
		case refused:
			l.at(key, shown([]byte(v))+" cannot be written here", "")
		case !equal(back, []byte(v)):
			l.at(key, shown([]byte(v))+" comes back as "+shown(back), "")
		default:
			continue
		}
		return true
	}
	return false
}

// scalars are values of a type that not every other type can hold.
func scalars(s scalarShape) []string {
	return map[string][]string{typeText: {`"some text"`}, typeInteger: {"7", "-7", "0"}, typeNumber: {"7", "2.5"}, typeBoolean: {"true", "false"}}[s.kind]
}

// times finds what a way of writing times leaves out: the fraction, the seconds, the time of the day, the century, the second of two
// hours that a clock shows twice.
func (l *losses) times(s timeShape) {
	const precise, plain = `"2026-03-04T15:16:17.891Z"`, `"2026-03-04T15:16:17Z"`
	if l.probe("as", precise) {
		if back, refused := l.field.back(json.RawMessage(plain)); refused || !equal(back, []byte(plain)) {
			return
		}
	}
	if l.probe("as", `"2071-03-04T15:16:17Z"`) {
		return
	}
	if twice, ok := shownTwice(s.zone); ok {
		for _, t := range twice {
			text, _ := canonicalTime(t)
			if l.probe("zone", string(appendQuoted(nil, text))) {
				return
			}
		}
	}
}

// shownTwice are two moments of 2026 that a clock in a zone shows alike; ok is false where there are none.
func shownTwice(zone *time.Location) (twice [2]time.Time, ok bool) {
	at := time.Date(2026, 1, 1, 0, 30, 0, 0, time.UTC)
	for ; at.Year() == 2026; at = at.Add(time.Hour) {
		_, before := at.In(zone).Zone()
		_, after := at.Add(time.Hour).In(zone).Zone()
		if before-after >= 3600 {
			return [2]time.Time{at, at.Add(time.Duration(before-after) * time.Second)}, true
		}
	}
	return twice, false
}

// computed tries expressions on values: those that the field is known to have, and some of each kind.
func (l *losses) computed() {
	f := l.field
	var values []string
	for _, v := range f.values.list {
		values = append(values, string(v.Canonical))
	}
	values = append(values, `"open"`, `"Two words"`, `7`, `2.5`, `true`, `"2026-03-04T15:16:17.891Z"`, `["a","b"]`)
	for _, v := range values {
		once, refused := f.back(json.RawMessage(v))
		if refused || !alike([]byte(v), once) {
			continue // not what the field is for
		}
		twice, refused := f.back(once)
		switch {
		case refused:
			l.at("out", fmt.Sprintf("%s comes back as %s, which cannot be written again", shown([]byte(v)), shown(once)), "")
		case !equal(once, twice):
			l.at("out", fmt.Sprintf("%s comes back as %s, and that as %s: each write changes it", shown([]byte(v)), shown(once), shown(twice)), "in undoes what out does")
		case !equal(once, []byte(v)):
			l.at("out", shown([]byte(v))+" comes back as "+shown(once), "in undoes what out does")
		default:
			continue
		}
		return
	}
}

// alike reports whether two values are of one kind, so that one may have been meant to be the other.
func alike(a, b []byte) bool {
	kind := func(raw []byte) string {
		if isString(raw) {
			if _, ok := parseCanonicalTime(unquote(raw)); ok {
				return "time"
			}
			return "text"
		}
		if _, ok := number(string(raw)); ok {
			return "number"
		}
		return map[byte]string{'{': "object", '[': "list", 't': "boolean", 'f': "boolean", 'n': "null"}[raw[0]]
	}
	return kind(a) == kind(b)
}

// kindOfShape is the word that the profile has for a type.
func kindOfShape(s shape) string {
	switch s := s.(type) {
	case scalarShape:
		return s.kind
	case timeShape:
		return "time"
	}
	return "list"
}
