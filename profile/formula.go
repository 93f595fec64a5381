package profile

import (
	"encoding/json"
	"errors"

	"github.com/meridian-gateway/meridian/profile/expression"
	"github.com/meridian-gateway/meridian/request"
)

// What the expressions of a field see: in the local value and the record that it is in, out the canonical value and all fields.
const (
	seesValue  = "value"
	seesRecord = "record"
	seesFields = "fields"
)

// source is a record that fields are read from.
type source struct {
	record []byte
	// whole says that what is not in the record is not there; else it may only be left out.
	whole bool
	// written says that values are as they are written here, and not as the API shows them.
	written bool
}

// tells reports whether all that an expression reads of the record is known.
func (s *source) tells(e *expression.Expression) bool {
	paths, all := e.Reads(seesRecord)
	if s.whole || !all && len(paths) == 0 {
		return true
	}
	for _, path := range paths {
		if _, ok := lookup(s.record, path); !ok {
			return false
		}
	}
	return !all
}

// toldBy reports whether all the fields that an expression reads are among f.
func toldBy(e *expression.Expression, f request.Fields) bool {
	paths, all := e.Reads(seesFields)
	for _, path := range paths {
		if _, ok := f.Get(path[0]); !ok {
			return false
		}
	}
	return !all
}

// computeIn is the result of in for a local value, null where there is none.
func (f *field) computeIn(raw []byte, from *source) (json.RawMessage, error) {
	values := map[string]json.RawMessage{seesValue: raw}
	if f.in.Sees(seesRecord) {
		values[seesRecord] = from.record
	}
	return f.in.Run(values)
}

// computeOut is the result of out for a canonical value.
func (f *field) computeOut(raw json.RawMessage, all request.Fields) (json.RawMessage, error) {
	values := map[string]json.RawMessage{seesValue: raw}
	if f.out.Sees(seesFields) {
		values[seesFields] = all.AppendJSON(nil)
	}
	out, err := f.out.Run(values)
	if err != nil {
		return nil, wrongField(f.name, "out cannot be computed of "+shown(raw)+": "+err.Error())
	}
	return out, nil
}

// formula compiles the expressions of a field.
func (c *compiler) formula(f *field, s FieldSpec) {
	for _, e := range []struct {
		key, text, sees string
		at              pointer
		into            **expression.Expression
	}{{"in", s.In, seesRecord, f.read, &f.in}, {"out", s.Out, seesFields, f.write, &f.out}} {
		if e.text == "" {
			continue
		}
		at := []string{"fields", f.name, e.key}
		if e.at == nil && f.set == nil {
			c.problem(map[string]string{"in": "the field is never read", "out": "the field is never written"}[e.key], "leave "+e.key+" out", at...)
		}
		compiled, err := expression.Compile(e.text, seesValue, e.sees)
		if fault, ok := errors.AsType[*expression.Fault](err); ok {
			c.problem(fault.Error(), fault.Hint, at...)
		}
		*e.into = compiled
	}
	if s.As != (As{}) && (f.in != nil || f.out != nil) {
		c.problem("a value is read and written as the type says, or by expressions, not both", "an expression sees the value as it is; leave as out", "fields", f.name, "as")
	}
	f.mute = f.in != nil && f.out == nil && s.Write == "" && f.set == nil // nothing says how it is written
}
