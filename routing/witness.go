package routing

import (
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/expr-lang/expr/ast"

	"github.com/meridian-gateway/meridian/request"
)

// mostValues is how many values of one field are tried on a ring, mostWitnesses how many requests.
const (
	mostValues    = 8
	mostWitnesses = 256
)

// witnessed is when a witness goes round; times that conditions ask the age of are long before it.
var witnessed = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// proven reports whether a request is found that the table sends along a way, hop by hop, with nothing written to it. That takes
// conditions as they are, and the routes before those of the way into account.
func (s *rings) proven(way []hop) bool {
	names, values, ok := s.witnesses(way)
	if !ok {
		return false
	}
	pick := make([]int, len(names))
	for range mostWitnesses {
		var f request.Fields
		for i, n := range names {
			if v := values[i][pick[i]]; v != nil {
				f = append(f, request.Field{Name: n, Value: v})
			}
		}
		if s.tries <= 0 || s.sends <= 0 {
			return false
		}
		if s.goes(way, f) {
			return true
		}
		i := 0
		for ; i < len(pick); i++ { // the next combination
			if pick[i]++; pick[i] < len(values[i]) {
				break
			}
			pick[i] = 0
		}
		if i == len(pick) {
			return false
		}
	}
	return false
}

// goes reports whether the table sends a request with the fields along a way. What it begins with is any event of the first route.
func (s *rings) goes(way []hop, f request.Fields) bool {
	routes := s.table.routes
	in := Input{New: f, Now: witnessed}
	for _, h := range way {
		if in.Collection == "" {
			in.Collection = routes[h.route].Collection
		}
	}
	if in.Collection == "" {
		in.Collection = "any"
	}
	origins := []request.Site{way[0].from}
	if slices.ContainsFunc(way, func(h hop) bool { w := routes[h.route].when; return w != nil && slices.Contains(w.words, "origin") }) {
		origins = s.table.sites
	}
	for _, in.Origin = range origins {
		for _, in.Event = range routes[way[0].route].On {
			if s.tries--; s.matches(in, way) && s.sent(in, way) {
				return true
			}
		}
	}
	return false
}

// matches reports whether the conditions of a way's routes hold, one after the other.
func (s *rings) matches(in Input, way []hop) bool {
	e, _ := s.table.pool.Get().(*evaluation)
	defer s.table.pool.Put(e)
	for _, h := range way {
		in.Site, in.Owner = h.from, h.from
		e.begin(&in)
		ok, err := e.holds(s.table.routes[h.route].when)
		e.end()
		if !ok || err != nil {
			return false
		}
		in.Event = h.event()
	}
	return true
}

// sent reports whether the whole table sends a request along a way.
func (s *rings) sent(in Input, way []hop) bool {
	s.sends--
	for _, h := range way {
		in.Site, in.Owner = h.from, h.from
		d := s.table.Decide(in)
		r := &s.table.routes[h.route].Route
		if m := d.mover(); m == nil || m == d.Stay || m.Route != r {
			return false
		}
		in.Event, in.Except = h.event(), []string{r.Name}
	}
	return true
}

// witnesses are the fields that the conditions of a way speak of, each with values that may make them hold; nil is none. ok is
// false when no request matches all of them.
func (s *rings) witnesses(way []hop) (names []string, values [][]json.RawMessage, ok bool) {
	found := hints{}
	l := newLanguage()
	for _, h := range way {
		r := &s.table.routes[h.route]
		if r.when == nil {
			continue
		}
		if tree, _, err := l.parse(r.When); err == nil {
			ast.Walk(&tree.Node, found)
		}
		for _, n := range r.when.needs {
			switch n.what {
			case needAge:
				found.add(n.name, "2000-01-01T00:00:00Z")
			case needChanged:
				found.add(n.name, "x")
			case needField:
				found.add(n.name, true) // it may stand for itself
				found.add(n.name, nil)
			}
		}
	}
	for field, demanded := range s.demanded(way) {
		if len(demanded) == 0 {
			return nil, nil, false
		}
		found[field] = nil
		for _, v := range demanded {
			found.add(field, v)
		}
	}
	names = slices.Sorted(maps.Keys(found))
	for _, n := range names {
		values = append(values, found[n])
	}
	return names, values, true
}

// demanded are the values of fields with which all equalities hold that the routes of a way demand.
func (s *rings) demanded(way []hop) map[string][]any {
	out := map[string][]any{}
	for _, h := range way {
		for _, a := range s.table.routes[h.route].atoms() {
			if was, ok := out[a.field]; ok {
				out[a.field] = slices.DeleteFunc(was, func(v any) bool { return !slices.Contains(a.values, v) })
			} else {
				out[a.field] = slices.Clone(a.values)
			}
		}
	}
	return out
}

// hints are values of fields, found where conditions compare these with literals.
type hints map[string][]json.RawMessage

func (h hints) add(field string, v any) {
	raw := text(v)
	if len(h[field]) < mostValues && !slices.ContainsFunc(h[field], func(o json.RawMessage) bool { return string(o) == string(raw) }) {
		h[field] = append(h[field], raw)
	}
}

// text is a literal of a condition as JSON text; nil for nothing.
func text(v any) json.RawMessage {
	switch x := v.(type) {
	case nil:
		return nil
	case bigNumber:
		return json.RawMessage(x)
	}
	raw, err := json.Marshal(v) // a text, a number, true or false
	if err != nil {
		return nil
	}
	return raw
}

// Visit takes what one comparison says.
func (h hints) Visit(node *ast.Node) {
	n, ok := (*node).(*ast.BinaryNode)
	if !ok {
		return
	}
	field, other := fieldOf(n.Left), n.Right
	if field == "" {
		field, other = fieldOf(n.Right), n.Left
	}
	if field == "" {
		return
	}
	if list, ok := other.(*ast.ArrayNode); ok {
		for _, e := range list.Nodes {
			if v, ok := literal(e); ok {
				h.add(field, v)
			}
		}
	} else if v, ok := literal(other); ok {
		h.near(field, v)
	}
}

// near adds a literal and values beside it, for the comparisons that it makes false.
func (h hints) near(field string, v any) {
	h.add(field, v)
	switch x := v.(type) {
	case int:
		h.add(field, x+1)
		h.add(field, x-1)
	case float64:
		h.add(field, x+1)
		h.add(field, x-1)
	case string:
		h.add(field, x+"x")
	case bool:
		h.add(field, !x)
	}
}
