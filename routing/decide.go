package routing

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/expr-lang/expr"

	"github.com/meridian-gateway/meridian/request"
)

// Decide says what the routes do with an event, in the order of the file: the first transfer, return, archive or delete that
// matches is taken, and every copy that matches.
func (t *Table) Decide(in Input) Decision {
	var d Decision
	ix := t.index(part{in.Collection, in.Event, in.Site})
	if ix == nil {
		return d
	}
	ev := &evaluation{in: in}
	for _, i := range ix.candidates(in.New) {
		r := &t.routes[i]
		if !t.useful(&d, r) {
			continue
		}
		ok, err := ev.holds(r)
		if err != nil {
			d.Errors = append(d.Errors, RouteError{r.Name, err})
		}
		if ok {
			t.take(&d, r, in.Site)
		}
	}
	return d
}

func (d *Decision) moved() bool {
	return d.Transfer != nil || d.Return != nil || d.Archive != nil || d.Delete != nil
}

// useful reports whether a route can still change the decision.
func (t *Table) useful(d *Decision, r *compiled) bool { return r.Copy != nil || !d.moved() }

func (t *Table) take(d *Decision, r *compiled, self request.Site) {
	fired := false
	move := func(slot **Taken, a *Action) {
		if a == nil || d.moved() {
			return
		}
		*slot, fired = &Taken{Route: &r.Route, Action: a, To: t.targets(a, self)}, true
	}
	move(&d.Transfer, r.Transfer)
	move(&d.Return, r.Return)
	move(&d.Archive, r.Archive)
	move(&d.Delete, r.Delete)
	if r.Copy != nil {
		d.Copies, fired = append(d.Copies, Taken{&r.Route, r.Copy, t.targets(r.Copy, self)}), true
	}
	if fired {
		d.Fired = append(d.Fired, r.Name)
	}
}

// targets never names the site itself: a request is there already.
func (t *Table) targets(a *Action, self request.Site) []request.Site {
	to := a.To
	if a.All {
		to = t.sites
	}
	return slices.DeleteFunc(slices.Clone(to), func(s request.Site) bool { return s == self })
}

// index is made at compile time for every event, site and collection that routes name; others share that of the unnamed.
func (t *Table) index(p part) *index {
	if ix, ok := t.parts[p]; ok {
		return ix
	}
	p.collection = ""
	return t.parts[p]
}

// candidates are the routes whose equality can hold, in order.
func (ix *index) candidates(f request.Fields) []int {
	out := slices.Clone(ix.rest)
	for field, values := range ix.byField {
		if raw, ok := f.Get(field); ok {
			out = append(out, values[scalar(raw)]...)
		}
	}
	slices.Sort(out)
	return out
}

func scalar(raw json.RawMessage) string {
	if len(raw) > 1 && raw[0] == '"' {
		if bytes.IndexByte(raw, '\\') < 0 {
			return string(raw[1 : len(raw)-1])
		}
		var s string
		_ = json.Unmarshal(raw, &s)
		return s
	}
	return "\x00" + string(raw) // not a string: no string equals it
}

// evaluation holds what conditions see of one event, decoded when the first of them asks.
type evaluation struct {
	in  Input
	env map[string]any
}

func (e *evaluation) holds(r *compiled) (bool, error) {
	if r.program == nil {
		return true, nil
	}
	if e.env == nil {
		e.env = e.environment()
	}
	out, err := expr.Run(r.program, e.env)
	if err != nil {
		return false, err
	}
	ok, _ := out.(bool)
	return ok, nil
}

func (e *evaluation) environment() map[string]any {
	in := e.in
	env := make(map[string]any, len(in.New)+8)
	for _, f := range in.New {
		env[f.Name] = value(f.Value)
	}
	old := make(map[string]any, len(in.Old))
	for _, f := range in.Old {
		old[f.Name] = value(f.Value)
	}
	env["old"], env["site"], env["owner"], env["origin"] = old, string(in.Site), string(in.Owner), string(in.Origin)
	env["entered_by"], env["now"] = in.EnteredBy, in.Now
	env["changed"] = func(name string) bool {
		was, had := in.Old.Get(name)
		is, has := in.New.Get(name)
		return had != has || has && !bytes.Equal(was, is)
	}
	env["age"] = func(name string) time.Duration {
		raw, _ := in.New.Get(name)
		at, err := time.Parse(time.RFC3339, scalar(raw))
		if err != nil {
			return 0
		}
		return in.Now.Sub(at)
	}
	return env
}

func bytesReader(b []byte) io.Reader { return bytes.NewReader(b) }

func plain(v any) any {
	switch x := v.(type) {
	case json.Number:
		if i, err := strconv.Atoi(string(x)); err == nil {
			return i
		}
		f, err := x.Float64()
		if err != nil || math.Abs(f) >= 1<<53 {
			return string(x)
		}
		return f
	case []any:
		for i := range x {
			x[i] = plain(x[i])
		}
	case map[string]any:
		for k := range x {
			x[k] = plain(x[k])
		}
	}
	return v
}

// Reason says why a route fired or did not.
type Reason struct {
	Route string `json:"route"`
	Fired bool   `json:"fired"`
	Why   string `json:"why"`
}

// Explain gives the reason of every route, in the order of the file.
func (t *Table) Explain(in Input) []Reason {
	d := t.Decide(in)
	ev := &evaluation{in: in}
	var out []Reason
	for i := range t.routes {
		r := &t.routes[i]
		why := Reason{Route: r.Name, Fired: slices.Contains(d.Fired, r.Name)}
		switch {
		case why.Fired:
			why.Why = "it matches"
		case r.Schedule != nil:
			why.Why = "it runs by a schedule, not by an event"
		case r.Collection != "" && r.Collection != in.Collection:
			why.Why = "it is for collection " + r.Collection
		case !slices.Contains(r.On, in.Event):
			why.Why = fmt.Sprintf("it is for %v, not for %s", r.On, in.Event)
		case len(r.At) > 0 && !slices.Contains(r.At, in.Site):
			why.Why = fmt.Sprintf("it applies at %v, not at %s", r.At, in.Site)
		default:
			if ok, err := ev.holds(r); err != nil {
				why.Why = "its condition failed: " + err.Error()
			} else if ok {
				why.Why = "an earlier route has moved the request already"
			} else {
				why.Why = "its condition is false: " + r.When
			}
		}
		out = append(out, why)
	}
	return out
}
