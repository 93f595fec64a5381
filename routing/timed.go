package routing

import "slices"

// Scheduled are the routes with a schedule, in the order of the file. They are the table's own: read only.
func (t *Table) Scheduled() []*Route {
	var out []*Route
	for i := range t.routes {
		if r := &t.routes[i].Route; r.Schedule != nil {
			out = append(out, r)
		}
	}
	return out
}

// DecideRoute says what one route with a schedule does with one request when its time has come. in.Site is where the request is
// owned; in.Event and in.Old do not count, for nothing was written: old is empty in its condition. The decision is empty when no
// route of that name has a schedule, or when it is for another collection or for other sites.
func (t *Table) DecideRoute(name string, in Input) Decision {
	i, ok := t.timed[name]
	if !ok || t.routes[i].elsewhere(&in) {
		return Decision{}
	}
	in.Event = ""
	e, _ := t.pool.Get().(*evaluation)
	defer func() { e.end(); t.pool.Put(e) }()
	e.begin(&in)
	return t.decide(e, []int32{i})
}

// elsewhere reports whether a route is for another collection or for other sites.
func (r *Route) elsewhere(in *Input) bool {
	return r.Collection != "" && r.Collection != in.Collection || len(r.At) > 0 && !slices.Contains(r.At, in.Site)
}
