package profile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	jsonpatch "github.com/evanphx/json-patch/v5"

	"github.com/meridian-gateway/meridian/request"
)

// operation is one of a JSON patch (RFC 6902).
type operation struct {
	Op    string          `json:"op"`
	Path  *string         `json:"path"`
	From  *string         `json:"from,omitempty"`
	Value json.RawMessage `json:"value,omitempty"`
}

// The bounds of a patch: operations, and bytes that its copies may make of it.
const (
	mostOperations = 1000
	mostCopied     = 4 << 20
)

// checkPatch is the gate for a JSON patch: a list of operations that are whole, and beyond that as CheckJSON.
func checkPatch(body []byte, maxDepth int) error {
	switch i := skipSpace(body, 0); {
	case i == len(body):
		return badJSON("empty: the body must be a JSON patch")
	case bytes.HasPrefix(body, []byte("\xef\xbb\xbf")):
		return badJSON("byte-order-mark: JSON begins without one")
	case body[i] != '[':
		return badJSON("not-a-list: a JSON patch is a list of operations")
	}
	if err := checkTokens(body, maxDepth); err != nil {
		return err
	}
	if !valid(body) {
		return explain(body)
	}
	ops, err := operations(body)
	if err != nil {
		return err
	}
	if len(ops) > mostOperations {
		return badJSON(fmt.Sprintf("too-long: more than %d operations", mostOperations))
	}
	for i, o := range ops {
		if strings.Count(*o.Path, "/") > maxDepth {
			return badJSON(fmt.Sprintf("too-deep: the path of operation %d", i))
		}
	}
	return nil
}

// operations reads a JSON patch, which is valid JSON. The error has Kind Invalid.
func operations(body []byte) (ops []operation, err error) {
	wrong := func(format string, args ...any) {
		if err == nil {
			err = badJSON("not-a-patch: " + fmt.Sprintf(format, args...))
		}
	}
	text := bytes.TrimSpace(body)
	if !valid(text) || text[0] != '[' {
		return nil, badJSON("not-a-patch: it is no list of operations")
	}
	members(text, func(e member) bool {
		o, i := operation{}, len(ops)
		one := text[e.from:e.until]
		if !isObject(one) {
			wrong("operation %d is no object", i)
			return false
		}
		members(one, func(m member) bool { // by their exact names, as every API reads them
			raw := one[m.from:m.until]
			switch m.name {
			case "op":
				o.Op = unquote(raw)
			case "path", "from":
				if !isString(raw) {
					wrong("the %s of operation %d is no text", m.name, i)
				} else if s := unquote(raw); m.name == "path" {
					o.Path = &s
				} else {
					o.From = &s
				}
			case "value":
				o.Value = slices.Clone(raw)
			}
			return true
		})
		from := o.Op == "move" || o.Op == "copy"
		value := o.Op == "add" || o.Op == "replace" || o.Op == "test"
		switch {
		case !from && !value && o.Op != "remove":
			wrong("operation %d is %s", i, clip(o.Op))
		case o.Path == nil || !isPatchPath(*o.Path), from && (o.From == nil || !isPatchPath(*o.From)):
			wrong("operation %d has no path that can be read", i)
		case value && o.Value == nil:
			wrong("operation %d has no value", i)
		}
		if !from {
			o.From = nil
		}
		if !value {
			o.Value = nil
		}
		ops = append(ops, o)
		return err == nil
	})
	return ops, err
}

func isPatchPath(s string) bool {
	if s == "" {
		return true
	}
	rest := strings.NewReplacer("~0", "", "~1", "").Replace(s)
	return s[0] == '/' && !strings.Contains(rest, "~")
}

// steps are the names in a path of a patch.
func steps(path string) pointer {
	if path == "" {
		return pointer{}
	}
	out := pointer(strings.Split(path[1:], "/"))
	for i, name := range out {
		out[i] = strings.NewReplacer("~1", "/", "~0", "~").Replace(name)
	}
	return out
}

// patchedFields are the fields that a client's patch changes.
func (c *Collection) patchedFields(v Verb, body, current []byte) (request.Fields, error) {
	ops, err := operations(body)
	if err != nil {
		return nil, err
	}
	before := []byte("{}")
	if v != Create {
		if err := isRecord(current); err != nil {
			return nil, err
		}
		before = c.asWritten(current)
	}
	doc := nest(c.envelope.call, before)
	var kept []operation
	for _, o := range ops {
		if o.Op == "test" && !steps(*o.Path).under(c.envelope.call) {
			continue // of what stands beside the record the API knows
		}
		kept = append(kept, o)
		if v == Create && o.Op == "add" {
			doc = withParents(doc, steps(*o.Path))
		}
	}
	after, err := apply(doc, kept)
	if err != nil {
		return nil, err
	}
	record, ok := lookup(after, c.envelope.call)
	if !ok || !isObject(record) {
		return nil, &request.Error{Op: "profile.Decode", Kind: request.Invalid, Detail: "the patch leaves no record"}
	}
	was, err := c.FromCall(doc)
	if err != nil {
		return nil, err
	}
	is, err := c.FromCall(after)
	if err != nil || v == Create {
		return is, err
	}
	var out request.Fields
	for _, name := range Diff(is, was) {
		value, _ := is.Get(name)
		out = append(out, request.Field{Name: name, Value: value})
	}
	for _, name := range was.Missing(is) {
		out = append(out, request.Field{Name: name, Value: json.RawMessage("null")})
	}
	return out, nil
}

// apply is a document after a patch.
func apply(doc []byte, ops []operation) ([]byte, error) {
	text, err := json.Marshal(ops)
	if err != nil {
		return nil, badJSON("not-a-patch: the operations cannot be read")
	}
	patch, err := jsonpatch.DecodePatch(text)
	if err != nil {
		return nil, badJSON("not-a-patch: the operations cannot be read")
	}
	options := jsonpatch.NewApplyOptions()
	options.SupportNegativeIndices, options.AllowMissingPathOnRemove, options.EscapeHTML = false, true, false
	options.AccumulatedCopySizeLimit = mostCopied
	after, err := patch.ApplyWithOptions(doc, options)
	switch {
	case errors.Is(err, jsonpatch.ErrTestFailed):
		return nil, &request.Error{Op: "profile.Decode", Kind: request.Precondition, Detail: "a test in the patch does not hold for the record as it is here"}
	case err != nil || !valid(after):
		return nil, &request.Error{Op: "profile.Decode", Kind: request.Invalid, Detail: "the patch does not fit the record as it is here"}
	}
	return after, nil
}

// asWritten is a record as it is, with what is read at one place and written at another also where it is written.
func (c *Collection) asWritten(current []byte) []byte {
	for _, f := range c.named {
		if f.read == nil || f.write == nil || f.read.equal(f.write) && f.shown == nil {
			continue
		}
		raw, ok := lookup(current, f.read)
		if !ok {
			continue
		}
		canonical, _ := f.toCanonical(raw, &source{record: current, whole: true})
		if value, err := f.toLocal(canonical, nil); err == nil {
			if out, err := splice(current, f.write, value); err == nil {
				current = out
			}
		}
	}
	return current
}

// withParents is a document with the objects in which a member is to be.
func withParents(doc []byte, at pointer) []byte {
	for n := 1; n < len(at); n++ {
		if _, ok := lookup(doc, at[:n]); !ok {
			if out, err := splice(doc, at[:n], []byte("{}")); err == nil {
				doc = out
			}
		}
	}
	return doc
}

// patchWrites is an object with what a patch sets in the record, and null for what it removes.
func (c *Collection) patchWrites(body []byte) []byte {
	out := []byte("{}")
	ops, err := operations(body)
	if err != nil {
		return out
	}
	for _, o := range ops {
		at := steps(*o.Path)
		if !at.under(c.envelope.call) || len(at) == len(c.envelope.call) {
			continue
		}
		at = at[len(c.envelope.call):]
		var next []byte
		switch o.Op {
		case "add", "replace":
			next, err = splice(out, at, o.Value)
		case "remove":
			next, err = splice(out, at, []byte("null"))
		default:
			continue
		}
		if err == nil {
			out = next
		}
	}
	return out
}

// splicePatch is Splice for a JSON patch: the marks are operations of their own, behind the client's.
func (c *Collection) splicePatch(v Verb, body []byte, m Marks, known bool) ([]byte, error) {
	ops, err := operations(body)
	if err != nil {
		return nil, err
	}
	for _, x := range c.markPlaces(v, m) {
		if !x.allows(ops) {
			return nil, &request.Error{Op: "profile.Splice", Kind: request.Reserved, Request: m.Request,
				Detail: "the field " + x.at.String() + " belongs to the gateway; leave it out"}
		}
	}
	p := &patch{}
	made := func(at pointer) bool { // whether there is an object in which it will be
		return len(at) <= len(c.envelope.call)+1 || v != Create || slices.ContainsFunc(ops, func(o operation) bool {
			return o.Op == "add" && steps(*o.Path).under(at[:len(at)-1])
		})
	}
	if c.external.marker != nil && m.Request != "" {
		if err := c.markPatch(p, v, ops, m.Request); err != nil {
			return nil, err
		}
	}
	var nested []mark
	for _, x := range c.marksFor(v, m, known) {
		x.at = slices.Concat(c.envelope.call, x.at)
		if made(x.at) {
			p.add("add", patchPath(x.at), request.Quote(x.value))
		} else {
			nested = append(nested, x)
		}
	}
	whole := &record{} // objects that only the gateway puts something into
	for _, x := range nested {
		if err := whole.set(x.at[len(c.envelope.call):], request.Quote(x.value)); err != nil {
			return nil, err
		}
	}
	for _, f := range whole.members {
		p.add("add", patchPath(slices.Concat(c.envelope.call, pointer{f.Name})), f.Value)
	}
	if len(p.out) == 0 {
		return body, nil
	}
	end := bytes.LastIndexByte(body, ']')
	if len(ops) > 0 {
		p.out = append([]byte{','}, p.out...)
	}
	return slices.Concat(body[:end], p.out, body[end:]), nil
}

// allows reports whether a client's operations leave a mark's place alone, or write there what they may have read.
func (x mark) allows(ops []operation) bool {
	for _, o := range ops {
		if o.Op == "move" {
			if from := steps(*o.From); x.at.under(from) || from.under(x.at) {
				return false
			}
		}
		at := steps(*o.Path)
		if o.Op == "test" || !x.at.under(at) && !at.under(x.at) {
			continue
		}
		if o.Op != "add" && o.Op != "replace" || len(at) > len(x.at) {
			return false
		}
		was, ok := lookup(o.Value, x.at[len(at):])
		if !ok && len(at) < len(x.at) && isObject(o.Value) {
			continue // the object around it is made anew, and the mark put into it
		}
		if !ok || !isString(was) || !x.may(unquote(was)) {
			return false
		}
	}
	return true
}

// markPatch puts the marker into a patch: behind what the client writes into its field, or as all that is in it.
func (c *Collection) markPatch(p *patch, v Verb, ops []operation, id request.ID) error {
	at := slices.Concat(c.envelope.call, c.external.write)
	var was []byte
	touched := v == Create
	for _, o := range ops {
		switch path := steps(*o.Path); {
		case o.Op == "test" || !at.under(path) && !path.under(at):
		case len(path) > len(at) || o.Op == "move" || o.Op == "copy":
			return &request.Error{Op: "profile.Splice", Kind: request.Invalid, Detail: "write " + c.external.write.String() + " as a whole, by add or replace"}
		case o.Op == "remove":
			was, touched = nil, true
		default:
			was, _ = lookup(o.Value, at[len(path):])
			touched = true
		}
	}
	if !touched {
		return nil
	}
	value, ok := c.external.marker.add(was, string(id))
	if !ok {
		return noPlace(c.external.write)
	}
	if !bytes.Equal(value, was) {
		p.add("add", patchPath(at), value)
	}
	return nil
}
