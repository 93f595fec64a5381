package routing

import (
	"slices"

	"github.com/meridian-gateway/meridian/request"
)

// Decide says what the routes do with an event, in the order of the file: the first transfer, return, archive or delete that
// matches is taken, and every copy that matches.
func (t *Table) Decide(in Input) Decision {
	e, _ := t.pool.Get().(*evaluation)
	defer func() { e.end(); t.pool.Put(e) }()
	e.begin(&in)
	e.found = t.candidates(e.found, &in)
	return t.decide(e, e.found)
}

// candidates are the routes for the event whose equality can hold, in the order of the file.
func (t *Table) candidates(dst []int32, in *Input) []int32 {
	for _, p := range in.parts() {
		if ix := t.parts[p]; ix != nil {
			dst = ix.candidates(dst, in.New)
		}
	}
	slices.Sort(dst)
	return dst
}

// parts are those that the event belongs to.
func (in *Input) parts() [4]part {
	out := [4]part{{in.Collection, in.Event, in.Site}, {in.Collection, in.Event, ""}, {"", in.Event, in.Site}, {"", in.Event, ""}}
	if in.Collection == "" {
		out[2], out[3] = part{}, part{}
	}
	return out
}

// decide evaluates routes, which are in order.
func (t *Table) decide(e *evaluation, routes []int32) (d Decision) {
	for _, i := range routes {
		r := &t.routes[i]
		if d.moved() && r.Copy == nil || slices.Contains(e.in.Except, r.Name) {
			continue
		}
		ok, err := e.holds(r.when)
		if err != nil {
			d.Errors = append(d.Errors, RouteError{r.Name, err})
		}
		if ok {
			t.take(&d, r, e.in.Site)
		}
	}
	return d
}

// moved reports whether it is settled where the request goes.
func (d *Decision) moved() bool {
	return d.Transfer != nil || d.Return != nil || d.Archive != nil || d.Delete != nil || d.Stay != nil
}

func (t *Table) take(d *Decision, r *compiled, self request.Site) {
	fired := false
	if r.Copy != nil {
		if to := t.targets(r.Copy, self); len(to) > 0 {
			d.Copies, fired = append(d.Copies, Taken{&r.Route, r.Copy, to}), true
		}
	}
	if !d.moved() {
		fired = t.move(d, r, self) || fired
	}
	if fired {
		d.Fired = append(d.Fired, r.Name)
	}
}

// move takes what a route does besides copying; it reports whether that is anything.
func (t *Table) move(d *Decision, r *compiled, self request.Site) bool {
	switch {
	case r.Transfer != nil:
		return t.send(d, &d.Transfer, &Taken{Route: &r.Route, Action: r.Transfer}, self)
	case r.Archive != nil:
		return t.send(d, &d.Archive, &Taken{Route: &r.Route, Action: r.Archive}, self)
	case r.Return != nil:
		d.Return = &Taken{Route: &r.Route, Action: r.Return}
	case r.Delete != nil:
		d.Delete = &Taken{Route: &r.Route, Action: r.Delete}
	default:
		return false
	}
	return true
}

// send puts a transfer or archive into its place; one to the site itself settles that the request stays.
func (t *Table) send(d *Decision, place **Taken, taken *Taken, self request.Site) bool {
	if taken.To = t.targets(taken.Action, self); len(taken.To) == 0 {
		d.Stay = taken
		return false
	}
	*place = taken
	return true
}

// targets never names the site itself: a request is there already.
func (t *Table) targets(a *Action, self request.Site) []request.Site {
	from := a.To
	if a.All {
		from = t.sites
	}
	to := make([]request.Site, 0, len(from))
	for _, s := range from {
		if s != self && !slices.Contains(to, s) {
			to = append(to, s)
		}
	}
	return to
}
