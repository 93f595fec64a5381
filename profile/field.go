package profile

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/meridian-gateway/meridian/profile/expression"
	"github.com/meridian-gateway/meridian/request"
)

// field is where one canonical field is in the record, and how its value looks there.
//
// A local value becomes canonical in this order: what stands for no value is null, the expression in computes, values translates,
// and what values does not list is read as the type. Writing goes the same way back: values or else the type, out, and null as it is
// shown here; at last the length is looked at. A local value that cannot be read, or over which in fails, passes as it is: nothing is
// lost on the way to other sites, and each of them sees for itself whether it can hold it. A canonical value that cannot be written is
// refused, so that a delivery waits for a person instead of changing what it brings.
type field struct {
	name        string
	read, write pointer // nil when it is not read, or not written
	values      translation
	strict      bool
	shape       shape // nil: any value
	shown       shape // how it is read, where that is another way than it is written; else nil
	in, out     *expression.Expression
	null        null
	fixed       json.RawMessage // const
	preset      json.RawMessage // default
	most        int             // characters; 0 is any number
	truncate    bool
	hidden      bool // local or dropped
	mute        bool // the gateway never writes it, clients may
	set         *setter
	late        bool   // not taken when a record is made
	search      string // what searches call it, "" for its way in the record
	once        bool   // taken only then
}

// translation are the values of a field that are others here, by scalar.
type translation struct {
	in, out map[string]json.RawMessage
	list    Values
}

func (t translation) canonical(raw []byte) (v json.RawMessage, listed bool) {
	if len(t.in) > 0 {
		v, listed = t.in[scalar(raw)]
	}
	return v, listed
}

func (t translation) local(raw []byte) (v json.RawMessage, listed bool) {
	if len(t.out) > 0 {
		v, listed = t.out[scalar(raw)]
	}
	return v, listed
}

// toCanonical is a value of this site as the network has it; told is false when that depends on what from does not tell. raw is nil
// for a field that is computed of others alone.
func (f *field) toCanonical(raw []byte, from *source) (value json.RawMessage, told bool) {
	if v, listed := f.values.canonical(raw); listed && f.in == nil {
		return v, true
	}
	if raw == nil || f.null.is(raw) {
		raw = []byte("null")
	}
	if f.in != nil {
		if !from.tells(f.in) {
			return nil, false
		}
		v, err := f.computeIn(raw, from)
		if err != nil {
			return slices.Clone(raw), true
		}
		if listed, ok := f.values.canonical(v); ok {
			return listed, true
		}
		raw = v
	}
	if f.shape != nil && !isNull(raw) {
		raw = f.shaped(raw, from.written)
	}
	return slices.Clone(raw), true
}

// shaped reads a value as the type of the field, as it is written here or as it is shown; one that is neither stays as it is.
func (f *field) shaped(raw []byte, written bool) []byte {
	ways := []shape{f.shape, f.shown}
	if !written {
		slices.Reverse(ways)
	}
	for _, way := range ways {
		if way == nil {
			continue
		}
		if v, ok := way.canonical(raw); ok {
			return v
		}
	}
	return raw
}

// toLocal is a canonical value as it is written at this site, with all the fields of its request; no value is null there too if the
// member would be left out.
func (f *field) toLocal(raw json.RawMessage, all request.Fields) (json.RawMessage, error) {
	value, err := f.written(raw, all)
	if value == nil && err == nil {
		value = json.RawMessage("null")
	}
	return value, err
}

// written is toLocal, but nil where the member is left out. The error has Kind Invalid: this site cannot hold the value.
func (f *field) written(raw json.RawMessage, all request.Fields) (json.RawMessage, error) {
	v, listed := f.values.local(raw)
	switch {
	case listed:
		raw = v
	case isNull(raw):
	case f.strict:
		return nil, wrongField(f.name, "its value "+shown(raw)+" is none of those that this site knows")
	case f.shape != nil:
		v, ok := f.shape.local(raw)
		if !ok {
			return nil, wrongField(f.name, "its value "+shown(raw)+" is no "+f.shape.what())
		}
		raw = v
	}
	if f.out != nil {
		v, err := f.computeOut(raw, all)
		if err != nil {
			return nil, err
		}
		raw, listed = v, false
	}
	if isNull(raw) && !listed {
		return f.null.write(), nil
	}
	return f.fit(raw)
}

// fit holds a local text to the length that this site has room for.
func (f *field) fit(raw json.RawMessage) (json.RawMessage, error) {
	if f.most == 0 || !isString(raw) {
		return raw, nil
	}
	text := unquote(raw)
	if utf8.RuneCountInString(text) <= f.most {
		return raw, nil
	}
	if !f.truncate {
		return nil, wrongField(f.name, fmt.Sprintf("it is longer than the %d characters that this site can hold", f.most))
	}
	return request.Quote(string([]rune(text)[:f.most])), nil
}

// shown is JSON text for a message: short, and on one line.
func shown(raw []byte) string {
	text := string(bytes.Join(bytes.Fields(raw), []byte{' '}))
	if utf8.RuneCountInString(text) > 60 {
		text = string([]rune(text)[:60]) + "…"
	}
	return text
}

func wrongField(name, what string) error {
	return &request.Error{Op: "profile", Kind: request.Invalid, Detail: "field " + name + ": " + what}
}

// scalar is a key under which two spellings of one JSON scalar are the same.
func scalar(raw []byte) string {
	if isString(raw) {
		return `"` + unquote(raw)
	}
	if n, ok := number(string(raw)); ok {
		return n
	}
	return string(raw)
}

// index tells, for each member at the top of a record that is not simply a canonical field of the same name, what is made of
// it. There is one for reading records and one for writing them: pointers may differ.
type index map[string]*top

type top struct {
	hidden bool      // not a field of its own name
	fields []*field  // the member is this field, or has these in it
	strip  []pointer // hidden parts of it, relative to its value
}

// once reports whether the member is only for fields that the API takes when a record is made: later it means something else.
func (t *top) once() bool {
	return len(t.fields) > 0 && !slices.ContainsFunc(t.fields, func(f *field) bool { return !f.once })
}
