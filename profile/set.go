package profile

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/meridian-gateway/meridian/request"
)

// setter is the call that sets a field which the API does not take in the record.
type setter struct {
	call   *call
	values map[string]json.RawMessage
}

// SetCall sets one field of a record by a call of its own.
type SetCall struct {
	Field string
	Call  request.Call
	// Status are those of success.
	Status []int
}

// setter compiles the call that sets a field.
func (c *compiler) setter(name string, s *SetSpec, in CollectionSpec) *setter {
	if s == nil {
		return nil
	}
	at := func(key string) []string { return []string{"fields", name, "set", key} }
	k := &call{method: http.MethodPut, status: []int{200, 201, 204}, header: c.headers(s.Headers, at("headers")...), contentType: s.ContentType}
	if s.Method != "" {
		k.method = s.Method
	}
	if len(s.Status) > 0 {
		k.status = s.Status
	}
	t, err := parseTemplate(strings.ReplaceAll(s.Path, "{path}", in.Path), "id", "parent", "value")
	if err != nil || !t.has("id") {
		c.problem("the call that sets the field needs a path with {id}; it may hold {path}, {parent} and {value}", `as in set: {path: "{path}/{id}/labels", send: {labels: "{value}"}}`, at("path")...)
	}
	k.path = t
	if s.Send != nil {
		k.send = s.Send.JSON
	}
	if !k.has("value") {
		c.problem("the call that sets the field does not hold {value}", `as in send: {labels: "{value}"}`, at("send")...)
	}
	for _, n := range namesIn(k.send) {
		if !slices.Contains([]string{"id", "parent", "value"}, n) {
			c.problem(fmt.Sprintf("{%s} means nothing in this call", n), "names in braces are {id}, {parent} and {value}", at("send")...)
		}
	}
	out := &setter{call: k, values: make(map[string]json.RawMessage, len(s.Values))}
	for _, v := range s.Values {
		out.values[scalar(v.Canonical)] = json.RawMessage(v.Local)
	}
	return out
}

// Sets reports whether any of the fields is set by a call of its own.
func (c *Collection) Sets(f request.Fields) bool {
	return slices.ContainsFunc(f, func(x request.Field) bool { return c.named[x.Name] != nil && c.named[x.Name].set != nil })
}

// SetCalls are the calls that set those of the fields which the API does not take in a record, in the order of the fields. The error
// has Kind Invalid: this site cannot hold a value.
func (c *Collection) SetCalls(local string, f request.Fields) ([]SetCall, error) {
	var out []SetCall
	for _, x := range f {
		named := c.named[x.Name]
		if named == nil || named.set == nil || named.hidden {
			continue
		}
		value, listed := named.set.values[scalar(x.Value)]
		if !listed {
			var err error
			if value, err = named.toLocal(x.Value, f); err != nil {
				return nil, err
			}
		}
		v := c.vars(local, Current{})
		v["value"] = value
		out = append(out, SetCall{x.Name, c.made(named.set.call, v), named.set.call.status})
	}
	return out, nil
}

// expectSet are the fields with calls of their own, as a record will show them.
func (c *Collection) expectSet(f request.Fields) request.Fields {
	var out request.Fields
	for _, x := range f {
		named := c.named[x.Name]
		if named == nil || named.set == nil || named.hidden || named.read == nil {
			continue
		}
		value, err := named.toLocal(x.Value, f)
		if err != nil {
			out = append(out, x)
			continue
		}
		if value, told := named.toCanonical(value, &source{record: []byte("{}"), written: true}); told {
			out = append(out, request.Field{Name: x.Name, Value: value})
		}
	}
	return out
}
