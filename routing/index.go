package routing

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/expr-lang/expr/ast"

	"github.com/meridian-gateway/meridian/request"
)

// atom is an equality without which a condition cannot hold: a field with one of some values.
type atom struct {
	field  string
	values []any // string, int, float64, bool, bigNumber
}

// atoms finds the equalities that a condition demands: f == "a", f in ["a", 2], (f == "a" || f == "b"), each alone or joined by &&.
func atoms(n ast.Node) []atom {
	b, ok := n.(*ast.BinaryNode)
	if !ok {
		return nil
	}
	switch b.Operator {
	case "&&", "and":
		return append(atoms(b.Left), atoms(b.Right)...)
	case "||", "or":
		return either(atoms(b.Left), atoms(b.Right))
	case "==":
		field, value := b.Left, b.Right
		if _, ok := literal(field); ok {
			field, value = value, field
		}
		if v, ok := literal(value); ok && fieldOf(field) != "" {
			return []atom{{fieldOf(field), []any{v}}}
		}
	case "in":
		list, ok := b.Right.(*ast.ArrayNode)
		if !ok || fieldOf(b.Left) == "" {
			return nil
		}
		if values, ok := constants(list); ok {
			a := atom{field: fieldOf(b.Left)}
			for v := range values {
				a.values = append(a.values, v)
			}
			return []atom{a}
		}
	}
	return nil
}

// either are the equalities that hold when those of one side do: on fields that both sides look at.
func either(left, right []atom) []atom {
	var out []atom
	for _, l := range left {
		for _, r := range right {
			if l.field == r.field {
				out = append(out, atom{l.field, slices.Concat(l.values, r.values)})
			}
		}
	}
	return out
}

// fieldOf is the field that a node reads, or "".
func fieldOf(n ast.Node) string {
	id, ok := n.(*ast.IdentifierNode)
	if !ok {
		return ""
	}
	name, ok := strings.CutPrefix(id.Value, "field:")
	if !ok { // site, old.f, changed("f"), age("f")
		return ""
	}
	return name
}

// part is what routes are divided by before any condition is looked at; "" stands for all collections, or all sites.
type part struct {
	collection string
	event      Event
	site       request.Site
}

// index finds the routes of a part whose equality can hold.
type index struct {
	fields map[string]*values
	// rest are the routes without an equality: always evaluated.
	rest []int32
}

// values are the routes by the value that their equality asks for.
type values struct {
	texts  map[string][]int32
	others map[string][]int32 // numbers, true and false by their text
}

func (t *Table) index() {
	members := map[part][]int32{}
	for i := range t.routes {
		r := &t.routes[i]
		if r.Schedule != nil {
			continue
		}
		at := r.At
		if len(at) == 0 {
			at = []request.Site{""}
		}
		for _, ev := range r.On {
			for _, s := range at {
				p := part{r.Collection, ev, s}
				if m := members[p]; len(m) == 0 || m[len(m)-1] != int32(i) { // a name may be there twice
					members[p] = append(m, int32(i))
				}
			}
		}
	}
	t.parts = make(map[part]*index, len(members))
	for p, routes := range members {
		t.parts[p] = t.build(routes)
	}
}

// build posts each route under its rarest equality.
func (t *Table) build(routes []int32) *index {
	type posting struct {
		field string
		value any
	}
	count := map[posting]int{}
	for _, i := range routes {
		for _, a := range t.routes[i].atoms() {
			for _, v := range a.values {
				count[posting{a.field, v}]++
			}
		}
	}
	ix := &index{fields: map[string]*values{}}
	for _, i := range routes {
		best, least := -1, 0
		found := t.routes[i].atoms()
		for k, a := range found {
			n := 0
			for _, v := range a.values {
				n += count[posting{a.field, v}]
			}
			if best < 0 || n < least {
				best, least = k, n
			}
		}
		if best < 0 {
			ix.rest = append(ix.rest, i)
			continue
		}
		ix.post(i, found[best])
		if r := &t.routes[i]; !slices.Contains(r.posted, found[best].field) {
			r.posted = append(r.posted, found[best].field)
		}
	}
	return ix
}

func (ix *index) post(route int32, a atom) {
	vs := ix.fields[a.field]
	if vs == nil {
		vs = &values{texts: map[string][]int32{}, others: map[string][]int32{}}
		ix.fields[a.field] = vs
	}
	for _, v := range a.values {
		m, key := vs.others, ""
		switch x := v.(type) {
		case string:
			m, key = vs.texts, x
		default:
			key = form(x)
		}
		if l := m[key]; len(l) == 0 || l[len(l)-1] != route {
			m[key] = append(l, route)
		}
	}
}

// form is a number, true or false as text: one for each value, however it was written.
func form(v any) string {
	switch x := v.(type) {
	case int:
		return strconv.Itoa(x)
	case float64:
		return strconv.FormatFloat(x, 'g', -1, 64)
	case bool:
		return strconv.FormatBool(x)
	case bigNumber:
		return string(x)
	}
	return ""
}

// candidates appends the routes whose equality can hold.
func (ix *index) candidates(dst []int32, f request.Fields) []int32 {
	dst = append(dst, ix.rest...)
	if len(ix.fields) <= 2 {
		for name, vs := range ix.fields {
			if raw, ok := f.Get(name); ok {
				dst = append(dst, vs.with(raw)...)
			}
		}
		return dst
	}
	for i := range f {
		if vs := ix.fields[f[i].Name]; vs != nil {
			dst = append(dst, vs.with(f[i].Value)...)
		}
	}
	return dst
}

// with are the routes that ask for a value.
func (vs *values) with(raw json.RawMessage) []int32 {
	raw = bytes.TrimSpace(raw)
	if len(raw) < 1 {
		return nil
	}
	switch raw[0] {
	case '"':
		if bytes.IndexByte(raw, '\\') < 0 && len(raw) > 1 {
			return vs.texts[string(raw[1:len(raw)-1])] // without a copy
		}
		s, _ := value(raw).(string)
		return vs.texts[s]
	case '{', '[', 'n':
		return nil
	}
	if len(vs.others) == 0 {
		return nil
	}
	return vs.others[form(value(raw))]
}
