package profile

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

func (c *compiler) envelope(out *Collection, s CollectionSpec) {
	if s.Envelope == nil {
		return
	}
	e := s.Envelope
	out.envelope.call = c.pointer(e.Call, "envelope", "call")
	out.envelope.answer = c.pointer(e.Answer, "envelope", "answer")
	out.envelope.items = c.pointer(e.Items, "envelope", "items")
	out.envelope.item = c.pointer(e.Item, "envelope", "item")
	for _, at := range slices.Sorted(maps.Keys(e.With)) {
		p := c.pointer(at, "envelope", "with", at)
		if p == nil {
			continue
		}
		x := extra{p, json.RawMessage(e.With[at])}
		for _, name := range namesIn(x.value) {
			if known := name == "id" || name == "parent" || name == "version" || s.first() && (name == "token" || name == "name" || name == "type"); !known {
				c.problem(fmt.Sprintf("{%s} means nothing here", name), "names in braces are {id}, {parent} and {version}", "envelope", "with", at)
			}
		}
		if slices.Contains(namesIn(x.value), "version") && len(out.version) == 0 {
			c.problem("it is not said where {version} is", "as in etag: {field: /version}", "envelope", "with", at)
		}
		if slices.ContainsFunc(out.envelopes(), func(e pointer) bool { return len(e) > 0 && e.under(p) }) {
			c.problem("the record is there", "what stands beside the record has a place of its own", "envelope", "with", at)
		}
		out.with = append(out.with, x)
	}
}

// place compiles where something is read and written; what is only read is of no use.
func (c *compiler) place(s *Place, path ...string) (out place) {
	if s == nil {
		return out
	}
	out.read, out.write = c.pointer(s.Read, path...), c.pointer(s.Write, path...)
	if out.read != nil && out.write == nil {
		c.problem("it is not said where this is written", "as in {read: /fields/0/value, write: /owner}", path...)
	}
	return out
}

// pointers compiles a list of places.
func (c *compiler) pointers(list Pointers, path ...string) (out []pointer) {
	for _, s := range list {
		if p := c.pointer(s, path...); p != nil {
			out = append(out, p)
		} else if s == "" {
			c.problem("a pointer is empty", "a pointer is written as in /id or /status/name", path...)
		}
	}
	return out
}

func (c *compiler) etag(out *Collection, s CollectionSpec) {
	if s.ETag == nil {
		return
	}
	out.etag = s.ETag.On
	out.version = c.pointers(s.ETag.Field, "etag", "field")
}

func (c *compiler) external(out *Collection, s CollectionSpec) {
	if s.ExternalID == nil || s.ExternalID.Field == nil {
		return
	}
	f := s.ExternalID.Field
	out.external.read, out.external.write = c.pointer(f.Read, "external_id", "field"), c.pointer(f.Write, "external_id", "field")
	if out.external.read == nil || out.external.write == nil {
		c.problem("the external id must be read and written", "as in external_id: {field: /external_id}", "external_id", "field")
		return
	}
	if out.external.lag = s.ExternalID.Lag; out.external.lag < 0 {
		c.problem("the lag of the search is negative", "", "external_id", "lag")
	}
	c.marker(out, s.ExternalID.Marker)
	if s.ExternalID.Find == nil || s.ExternalID.Find.Off {
		return
	}
	c.finding(out, s, *s.ExternalID.Find)
}

// marker compiles how the external id stands among other things.
func (c *compiler) marker(out *Collection, m *Marker) {
	if m == nil {
		return
	}
	t := parseText(m.Text)
	switch {
	case len(t.names) != 1 || t.names[0] != "value":
		c.problem("a marker holds {value}, once", `as in marker: "[ref:{value}]"`, "external_id", "marker")
	case strings.TrimSpace(t.literals[0]) == "" && strings.TrimSpace(t.literals[1]) == "":
		c.problem("a marker is more than {value}: an id that stands there by chance must not be taken for it", `as in marker: "[ref:{value}]"`, "external_id", "marker")
	default:
		out.external.marker = newMarker(m.Text, m.List)
	}
}

// finding compiles the search by the external id.
func (c *compiler) finding(out *Collection, s CollectionSpec, find CallSpec) {
	const as = `as in find: "/api/tickets?external_id={value}"`
	wrong := func(message string) { c.problem(message, as, "external_id", "find") }
	k := usual[List]
	if find.Method != "" {
		k.method = find.Method
	}
	if len(find.Status) > 0 {
		k.status = find.Status
	}
	k.gone = find.Gone
	k.header, k.contentType = c.headers(find.Headers, "external_id", "find", "headers"), find.ContentType
	if find.Send != nil {
		k.send = find.Send.JSON
	}
	source := find.Path
	if source == "" && len(k.send) == 0 || s.Path == "" && (source == "" || strings.Contains(source, "{path}")) {
		return // that the collection has no path is said
	}
	if strings.HasPrefix(source, "?") || source == "" {
		source = "{path}" + source
	}
	source = strings.ReplaceAll(source, "{path}", s.Path)
	if out.external.marker != nil && strings.Contains(source, "{field}={value}") {
		c.problem("a filter by the whole field does not find the marker in it, and a create whose answer was lost would be made again",
			`as in find: "/search?q={value}"; or find: false`, "external_id", "find")
		return
	}
	if strings.Contains(source, "{field}") {
		name := s.ExternalID.Search
		if name == "" && len(out.external.read) == 1 {
			name = out.external.read[0]
		}
		if name == "" {
			c.problem("how to find a record by a field inside another is not said", `as in find: "/api/tickets?ref={value}", or search: ref`, "external_id", "find")
			return
		}
		source = strings.ReplaceAll(source, "{field}", escapeQuery(name))
	}
	var err error
	if k.path, err = parseTemplate(source, "value", "parent"); err != nil {
		wrong("the call that finds a record: " + err.Error())
		return
	}
	for _, name := range namesIn(k.send) {
		if name != "value" && name != "parent" {
			wrong(fmt.Sprintf("{%s} means nothing in the call that finds a record", name))
		}
	}
	switch {
	case k.method != "GET" && k.method != "POST":
		wrong("a search is by GET, or by POST with send:, not by " + k.method)
	case k.method == "GET" && len(k.send) > 0:
		wrong("a GET has no body: say method: POST")
	case !k.has("value") && !(k.has("parent") && s.Parent != ""): // all children of a record are searched one by one
		wrong("the call that finds a record does not hold {value}")
	case k.has("parent") && s.Parent == "":
		wrong("the call that finds a record holds {parent}, and the collection says of none")
	}
	out.find = &k
}

func (c *compiler) id(out *Collection, s CollectionSpec) {
	id := IDSpec{From: "body", At: Pointers{"/id"}}
	if s.ID != nil {
		id = *s.ID
	}
	out.id = idRule{from: id.From, name: id.Name, at: c.pointers(id.At, "id", "at"), created: c.pointer(id.Created, "id", "created")}
	switch {
	case id.From == "":
		out.id.from = "body"
	case !slices.Contains([]string{"body", "location", "header", "search"}, id.From):
		c.problem(fmt.Sprintf("id.from is body, location, header or search, not %q", id.From), "", "id", "from")
	case id.From == "header" && id.Name == "":
		c.problem("the header that holds the id has no name", "as in id: {from: header, name: X-Record-Id}", "id", "name")
	case id.From == "search" && (s.ExternalID == nil || s.ExternalID.Find == nil || s.ExternalID.Find.Off || s.ExternalID.Field == nil):
		c.problem("a new record is to be searched for, and the profile does not say how", `as in external_id: {field: /ref, find: "{path}?ref={value}"}`, "id", "from")
	}
	if id.Created != "" && out.id.from != "body" {
		c.problem("the id of a new record is taken from elsewhere", "id.created belongs to from: body", "id", "created")
	}
	if (out.id.from == "body" || out.id.from == "search") && len(id.At) == 0 {
		c.problem("it is not said where in the body the id is", "as in id: {from: body, at: /id}", "id", "at")
	}
	if id.Match != "" {
		out.id.match = c.expression(id.Match, "id", "match")
		if out.id.match != nil && out.id.match.NumSubexp() < 1 {
			c.problem("the expression has no group that is the id", `as in match: "/tickets/(\\d+)$"`, "id", "match")
		}
	}
	if id.Pattern == "" {
		return
	}
	out.id.pattern = c.expression("^(?:"+id.Pattern+")$", "id", "pattern")
	if out.id.pattern != nil && out.id.pattern.MatchString("") {
		c.problem("the pattern matches nothing at all, which is no id", `as in pattern: "[a-z]+:[0-9]+"`, "id", "pattern")
	}
}

func (c *compiler) expression(s string, path ...string) *regexp.Regexp {
	re, err := regexp.Compile(s)
	if err != nil {
		c.problem("the expression does not compile: "+err.Error(), "", path...)
		return nil
	}
	return re
}
