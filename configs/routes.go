package configs

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/routing"
)

// routeName is what routes may be called: it goes into the receipt, a header.
var routeName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

func (p *parser) routes(root *yaml.Node, s *fileSpec, n *Network, d profiled) {
	at := child(root, "routes")
	b := &routeBuilder{p: p, n: n, names: map[string]bool{}, sites: make([]string, len(n.Order)), collections: d.collections}
	for i, name := range n.Order {
		b.sites[i] = string(name)
	}
	for i, r := range s.Routes {
		n.Routes = append(n.Routes, b.route(item(at, i), i, r))
	}
	b.compile(at, d.declared)
}

// compile compiles the routes. Where sites or actions are at fault already, only what conditions say is new.
func (b *routeBuilder) compile(at *yaml.Node, declared []routing.Declared) {
	table, problems := routing.Compile(b.n.Routes, sorted(b.n), declared...)
	if table != nil {
		for _, w := range table.Warnings() {
			b.p.warn(b.place(at, w), fmt.Sprintf("route %s: %s", b.n.Routes[w.Route].Name, w.Message), w.Hint)
		}
	}
	for _, pr := range problems {
		if pr.Path == "when" {
			b.p.fault(b.place(at, pr), fmt.Sprintf("route %s: %s", b.n.Routes[pr.Route].Name, pr.Message), pr.Hint)
		}
	}
	b.n.Table = table
}

// place is where a problem is in the file.
func (b *routeBuilder) place(at *yaml.Node, pr routing.Problem) *yaml.Node {
	node := child(item(at, pr.Route), strings.Split(pr.Path, ".")...)
	if pr.Path != "when" {
		return node
	}
	return inside(deref(node), b.n.Routes[pr.Route].When, pr.Offset)
}

// inside is the place of a character of a scalar in the file. It is exact for scalars in one line and, where nothing is escaped in
// front of it, for quoted ones; for text in blocks it is exact as to the line.
func inside(n *yaml.Node, text string, offset int) *yaml.Node {
	out := &yaml.Node{Line: n.Line, Column: n.Column}
	before := string([]rune(text)[:min(offset, utf8.RuneCountInString(text))])
	switch n.Style &^ yaml.TaggedStyle {
	case yaml.DoubleQuotedStyle:
		out.Column += 1 + offset + strings.Count(before, `"`) + strings.Count(before, `\`) // each has a \ in front of it
	case yaml.SingleQuotedStyle:
		out.Column += 1 + offset + strings.Count(before, "'") // each is there twice
	case yaml.LiteralStyle:
		line := strings.Count(before, "\n")
		out.Line += 1 + line
		out.Column = 1 + utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:])
	case yaml.FoldedStyle:
		out.Line++
		out.Column = 1 + offset
	default:
		out.Column += offset
	}
	return out
}

// routeBuilder makes routes; it knows what they may name.
type routeBuilder struct {
	p                  *parser
	n                  *Network
	names              map[string]bool
	sites, collections []string
}

func (b *routeBuilder) route(at *yaml.Node, i int, r routeSpec) routing.Route {
	p := b.p
	out := routing.Route{Name: r.Name, Collection: r.Collection, When: r.When}
	switch {
	case r.Name == "":
		p.fault(at, fmt.Sprintf("route %d: name is required", i+1), "a short name that receipts can show, as in chairs-to-chicago")
		out.Name = fmt.Sprintf("%d", i+1)
	case !routeName.MatchString(r.Name):
		p.fault(child(at, "name"), fmt.Sprintf("route %q: a name has letters, digits, dots, hyphens and underscores", clip(r.Name)), "")
	case b.names[r.Name]:
		p.fault(child(at, "name"), fmt.Sprintf("route %s is there twice", r.Name), "every route has its own name")
	}
	b.names[r.Name] = true
	if r.Collection != "" && !slices.Contains(b.collections, r.Collection) {
		p.fault(child(at, "collection"), fmt.Sprintf("route %s: no profile has a collection %q", out.Name, clip(r.Collection)), Nearest(r.Collection, b.collections))
	}
	for k, ev := range r.On {
		if s := p.oneOf(item(child(at, "on"), k), "on", ev, "", words(routing.Events())...); s != "" {
			out.On = append(out.On, routing.Event(s))
		}
	}
	out.At = b.siteList(child(at, "at"), out.Name, r.At)
	b.actions(at, r, &out)
	b.occasion(at, r, &out)
	b.outlook(at, &out)
	return out
}

func words[T ~string](l []T) []string {
	out := make([]string, len(l))
	for i := range l {
		out[i] = string(l[i])
	}
	return out
}

// occasion is when a route applies: at events, or by a schedule.
func (b *routeBuilder) occasion(at *yaml.Node, r routeSpec, out *routing.Route) {
	switch {
	case r.Schedule == nil && len(r.On) == 0:
		b.p.fault(at, "route "+out.Name+": on, or a schedule, is required", "on: [create, update]")
	case r.Schedule != nil && len(r.On) > 0:
		b.p.fault(keyed(at, "on"), "route "+out.Name+": a route with a schedule has no on", "make two routes of it")
	}
	if r.Schedule == nil {
		return
	}
	out.Schedule = b.schedule(child(at, "schedule"), out.Name, *r.Schedule)
}

func (b *routeBuilder) schedule(at *yaml.Node, name string, s scheduleSpec) *routing.Schedule {
	p, key := b.p, "route "+name+": schedule"
	given := 0
	for _, x := range []string{s.Cron, s.At, s.Every} {
		if x != "" {
			given++
		}
	}
	if given != 1 {
		p.fault(at, key+" needs exactly one of cron, at and every", `{cron: "0 18 * * MON-FRI", in: Europe/Paris}, {at: close, of: paris} or {every: 15m}`)
	}
	if s.Cron != "" {
		p.cron(child(at, "cron"), key+".cron", s.Cron)
	}
	if s.In != "" {
		p.zone(child(at, "in"), key+".in", s.In)
	}
	p.oneOf(child(at, "at"), key+".at", s.At, "", "open", "close")
	p.oneOf(child(at, "catch_up"), key+".catch_up", s.CatchUp, "", "once", "skip")
	switch {
	case s.At != "" && s.Of == "":
		p.fault(at, key+": at needs of, the site whose hours count", "{at: close, of: paris}")
	case s.Of != "":
		b.siteList(child(at, "of"), name, []string{s.Of})
		if site, ok := b.n.Sites[request.Site(s.Of)]; ok && s.Cron == "" && len(site.Hours) == 0 { // a cron takes the holidays alone
			p.fault(child(at, "of"), fmt.Sprintf("%s: site %s has no hours", key, s.Of), `hours: {mon-fri: "09:00-17:00"}`)
		}
	}
	if s.Cron == "" && s.SkipHolidays {
		p.warn(child(at, "skip_holidays"), key+".skip_holidays counts for cron alone", "openings and closings are by the holidays anyhow; every has no days")
	}
	if s.Cron == "" && s.In != "" {
		p.warn(child(at, "in"), key+".in counts for cron alone", "a site opens and closes in its own time zone; every is in none")
	}
	every := p.duration(child(at, "every"), key+".every", s.Every, 0)
	if s.Every != "" && every > 0 && every < 1e9 {
		p.fault(child(at, "every"), key+".every is shorter than a second", "")
	}
	return &routing.Schedule{Cron: s.Cron, In: s.In, At: s.At, Of: s.Of, CatchUp: s.CatchUp, Every: every, SkipHolidays: s.SkipHolidays}
}

// siteList checks names of sites.
func (b *routeBuilder) siteList(at *yaml.Node, route string, names []string) []request.Site {
	var out []request.Site
	for i, s := range names {
		if !slices.Contains(b.sites, s) {
			b.p.fault(item(at, i), fmt.Sprintf("route %s: there is no site %q", route, clip(s)), Nearest(s, b.sites))
			continue
		}
		out = append(out, request.Site(s))
	}
	return out
}
