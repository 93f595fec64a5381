package contract

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// pseudoToken looks like a token, and differs for each call.
func pseudoToken(site string, n int, now time.Time) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %d %d", site, n, now.UnixNano()))
	code := base64.RawURLEncoding.EncodeToString
	return code([]byte(`{"alg":"HS256"}`)) + "." + code(sum[:16]) + "." + code(sum[16:])
}

// sent reads the values, and the files, that a create or an update brings: {"values":{…}} as JSON, or as the part entry of a
// form beside parts attach-FIELD. That form is not confirmed. The last result is the refusal, if it is one.
func (a *ARSystem) sent(c *call, form Form) (object, map[string][]byte, *reply) {
	no := func(r reply) (object, map[string][]byte, *reply) { return nil, nil, &r }
	text, files := c.body, map[string][]byte{}
	switch c.mediaType() {
	case "application/json":
	case "multipart/form-data":
		parts, err := c.parts()
		if err != nil {
			return no(a.refuse(http.StatusBadRequest, err.Error()))
		}
		text = nil
		for _, p := range parts {
			field, attach := strings.CutPrefix(p.name, "attach-")
			switch {
			case p.name == "entry":
				text = p.body
			case attach && slices.Contains(form.Attachments, field):
				files[field] = p.body
			default:
				return no(arErrors(http.StatusBadRequest, arNoField, "Field does not exist on current form", p.name))
			}
		}
	default:
		return no(a.refuse(http.StatusUnsupportedMediaType, c.Header.Get("Content-Type")))
	}
	body, err := parseObject(text)
	if err != nil {
		return no(a.refuse(http.StatusBadRequest, "the body is no JSON object: "+err.Error()))
	}
	values, ok := body["values"].(object)
	if !ok {
		return no(a.refuse(http.StatusBadRequest, "the body has no values"))
	}
	for _, name := range names(body) {
		if name != "values" {
			return no(a.refuse(http.StatusBadRequest, "unknown member "+name))
		}
	}
	if r := form.check(values); r != nil {
		return no(*r)
	}
	return values, files, nil
}

// writable are the names of the fields that can be written.
func (f Form) writable() []string {
	written, _ := CoreFields()
	return append(slices.Clone(written), f.Fields...)
}

// check refuses values that the form has no field for, that are the server's own, or that do not fit. Numbers in text fields are
// taken as their digits.
func (f Form) check(values object) *reply {
	_, readOnly := CoreFields()
	no := func(number int, message, name string) *reply {
		r := arErrors(http.StatusBadRequest, number, message, name)
		return &r
	}
	for _, name := range names(values) {
		v := values[name]
		switch {
		case slices.Contains(readOnly, name):
			return no(arNoAccess, "You do not have write access to field", name)
		case !slices.Contains(f.writable(), name):
			return no(arNoField, "Field does not exist on current form", name)
		case v == nil:
			continue
		}
		if n, ok := v.(json.Number); ok {
			v = n.String()
			values[name] = v
		}
		s, ok := v.(string)
		if !ok {
			return no(arWrongType, "Wrong data type for the field", name)
		}
		if most := f.Length[name]; most > 0 && utf8.RuneCountInString(s) > most {
			return no(arNotInLimits, "Value does not fall within the limits specified for the field", name)
		}
		if choices := f.Choices[name]; choices != nil && !slices.Contains(choices, s) {
			return no(arNotInLimits, "Value does not fall within the limits specified for the field", name+": "+s)
		}
	}
	return nil
}

// required refuses a create that lacks a field.
func (a *ARSystem) required(form Form, values object) *reply {
	for _, name := range form.Required {
		if v := values[name]; v == nil || v == "" {
			r := arErrors(http.StatusBadRequest, arRequired, "Required field (without a default) not specified", name)
			return &r
		}
	}
	return nil
}

// shown are the values of an entry: all of them, or only these fields.
func (e *arEntry) shown(fields []string) object {
	out := make(object, len(e.values)+3)
	for name, v := range e.values {
		out[name] = v
	}
	out["Request ID"] = e.id
	out["Create Date"] = e.created.Format(arTime)
	out["Modified Date"] = e.modified.Format(arTime)
	if fields == nil {
		return out
	}
	for name := range out {
		if !slices.Contains(fields, name) {
			delete(out, name)
		}
	}
	return out
}

// address is where an entry of the form of this call is.
func (a *ARSystem) address(c *call, id string) string {
	return c.base() + "/api/arsys/v1/entry/" + url.PathEscape(c.segs[4]) + "/" + id
}

// entry is an entry as answers show it.
func (a *ARSystem) entry(c *call, e *arEntry, fields []string) object {
	return object{
		"values": e.shown(fields),
		"_links": object{"self": list([]object{{"href": a.address(c, e.id)}})},
	}
}

// list answers the entries that a qualification holds for.
func (a *ARSystem) list(c *call, form Form) reply {
	bad := func(err error) reply {
		return arErrors(http.StatusBadRequest, arBadQuery, "Error in the query", err.Error())
	}
	holds, err := parseQualification(c.query.Get("q"), form, a.options.ARSystem.LooseTimes)
	if err != nil {
		return bad(err)
	}
	fields, err := arFields(c.query.Get("fields"))
	if err != nil {
		return bad(err)
	}
	offset, ok1 := c.whole("offset", 0, 0)
	limit, ok2 := c.whole("limit", a.options.MaxPage, 1)
	if !ok1 || !ok2 {
		return bad(fmt.Errorf("offset %q, limit %q", c.query.Get("offset"), c.query.Get("limit")))
	}
	limit = min(limit, a.options.MaxPage)
	var hits []*arEntry
	for _, e := range a.entries[c.segs[4]] {
		if holds(e.shown(nil)) {
			hits = append(hits, e)
		}
	}
	if err := arSort(hits, c.query.Get("sort"), form); err != nil {
		return bad(err)
	}
	entries := []any{}
	for _, e := range slice(hits, offset, limit) {
		entries = append(entries, a.entry(c, e, fields))
	}
	to := object{"self": list([]object{{"href": c.base() + c.URL.RequestURI()}})}
	if offset+limit < len(hits) {
		change := map[string]string{"offset": fmt.Sprint(offset + limit), "limit": fmt.Sprint(limit)}
		next := strings.ReplaceAll(c.asked(c.URL.EscapedPath(), change), "+", "%20")
		to["next"] = list([]object{{"href": next}})
	}
	return jsonReply(http.StatusOK, object{"entries": entries, "_links": to})
}

// arFields reads values(A,B); nil means all.
func arFields(asked string) ([]string, error) {
	if asked == "" {
		return nil, nil
	}
	inner, ok := strings.CutPrefix(asked, "values(")
	inner, closed := strings.CutSuffix(inner, ")")
	if !ok || !closed || inner == "" {
		return nil, fmt.Errorf("fields is values(A,B): %s", asked)
	}
	return strings.Split(inner, ","), nil
}

// arSort sorts by Field.asc, Field.desc or Field, separated by commas.
func arSort(hits []*arEntry, asked string, form Form) error {
	if asked == "" {
		return nil
	}
	type key struct {
		field string
		desc  bool
	}
	var keys []key
	for _, one := range strings.Split(asked, ",") {
		name, way, _ := strings.Cut(one, ".")
		if !form.has(name) || !slices.Contains([]string{"", "asc", "desc"}, way) {
			return fmt.Errorf("cannot sort by %s", one)
		}
		keys = append(keys, key{name, way == "desc"})
	}
	slices.SortStableFunc(hits, func(x, y *arEntry) int {
		vx, vy := x.shown(nil), y.shown(nil)
		for _, k := range keys {
			if d := strings.Compare(text(vx[k.field]), text(vy[k.field])); d != 0 && k.desc {
				return -d
			} else if d != 0 {
				return d
			}
		}
		return 0
	})
	return nil
}

// has reports whether the form has a field.
func (f Form) has(name string) bool {
	_, readOnly := CoreFields()
	return slices.Contains(f.writable(), name) || slices.Contains(readOnly, name) || slices.Contains(f.Attachments, name)
}
