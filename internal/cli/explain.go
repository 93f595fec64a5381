package cli

import (
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/meridian-gateway/meridian/configs"
	"github.com/meridian-gateway/meridian/profile"
	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/routing"
)

// event is the question of explain: a record, and what happens to it.
type event struct{ on, file, old, collection, by, origin string }

// explained is the reason of a route, with what it does.
type explained struct {
	routing.Reason
	Does string `json:"does"`
	// Deliveries are what would come to the sites that a route that fires sends the request to.
	Deliveries []wouldCome `json:"deliveries,omitempty"`
}

func (c *command) explain() *cobra.Command {
	var ev event
	cmd := &cobra.Command{Use: "explain --config FILE --site NAME --file RECORD.json", Args: exactly(0),
		Short: "Tell which routes would fire for a record, and why the others do not",
		Long: "Tell which routes would fire for a record as the site's request API has it, and why the others do not; of a route\n" +
			"with a schedule, when it runs and whether it would then take the record as it is. Nothing is called and nothing is\n" +
			"changed.",
		Example: "  meridian explain --config network.yaml --site san-francisco --file chair.json\n" +
			"  meridian explain --config network.yaml --site chicago --on update --file after.json --old before.json\n" +
			"  meridian explain --config network.yaml --site chicago --on arrive --by chairs-to-chicago --file chair.json"}
	c.configFlag(cmd, "the network file")
	c.siteFlag(cmd, "the site where the routes are evaluated: of a create that where it is entered, else the owner")
	f := cmd.Flags()
	f.StringVar(&ev.file, "file", "", "the record as the site's API has it; - for standard input")
	f.StringVar(&ev.old, "old", "", "the record before the write")
	f.StringVar(&ev.by, "by", "", "on arrive and returned: the route that moved the request here, which does not fire again")
	f.StringVar(&ev.origin, "origin", "", "the site where the request was created (the site itself when left out)")
	f.StringVar(&ev.on, "on", string(routing.Create), "what happens: "+join(routing.Events()))
	f.StringVar(&ev.collection, "collection", "", "the collection, when the site has several")
	choose(cmd, "on", strings.Split(join(routing.Events()), ", ")...)
	complete(cmd, "origin", c.siteNames)
	cmd.RunE = func(*cobra.Command, []string) error {
		n, err := c.loadLenient(c.config)
		if err != nil {
			return err
		}
		if _, err := chosen(n, c.site, false); err != nil {
			return err
		}
		in, err := c.input(n, ev)
		if err != nil {
			return err
		}
		return c.reasons(n, in)
	}
	return cmd
}

// input is what the routes are asked.
func (c *command) input(n *configs.Network, ev event) (routing.Input, error) {
	s := n.Sites[request.Site(c.site)]
	in := routing.Input{Event: routing.Event(ev.on), Site: s.Name, Owner: s.Name, Origin: s.Name, Now: time.Now()}
	if err := ev.check(n); err != nil {
		return in, err
	}
	if ev.by != "" {
		in.Except = []string{ev.by}
	}
	if ev.origin != "" {
		in.Origin = request.Site(ev.origin)
	}
	var err error
	if in.Collection, err = only(s, ev.collection); err != nil {
		return in, err
	}
	if in.New, err = c.record(s, in.Collection, ev.file); err != nil {
		return in, err
	}
	switch {
	case ev.old != "":
		in.Old, err = c.record(s, in.Collection, ev.old)
	case in.Event == routing.Update:
		fmt.Fprintln(c.err, "note: without --old there is nothing before the write, and every field counts as changed")
	case in.Event == routing.Delete:
		in.Old = in.New
	}
	return in, err
}

// check refuses what does not go together.
func (ev event) check(n *configs.Network) error {
	on := routing.Event(ev.on)
	landed := on == routing.Arrive || on == routing.Returned
	switch {
	case !slices.Contains(routing.Events(), on):
		return misuse("--on %s: want one of %s", ev.on, join(routing.Events()))
	case ev.old != "" && landed:
		return misuse("--old: nothing was written on %s, and every field counts as changed", ev.on)
	case ev.old != "" && on == routing.Create:
		return misuse("--old: on create there is no record before")
	case ev.old != "" && on == routing.Delete:
		return misuse("--old: a deletion changes no fields; --file is the record that is deleted")
	case ev.by != "" && !landed:
		return misuse("--by: on %s no route has moved the request; it goes with --on arrive or returned", ev.on)
	case ev.by != "" && !slices.ContainsFunc(n.Routes, func(r routing.Route) bool { return r.Name == ev.by }):
		return misuse("--by %s: there is no such route in the network file", ev.by)
	}
	if _, ok := n.Sites[request.Site(ev.origin)]; ev.origin != "" && !ok {
		return misuse("--origin: there is no site %q in the network file; it has %s", ev.origin, join(siteList(n)))
	}
	return nil
}

// only is the collection meant: the one named, or the only one there is.
func only(s configs.Site, name string) (string, error) {
	names := slices.Sorted(maps.Keys(s.Profile.Collections))
	switch {
	case name == "" && len(names) == 1:
		return names[0], nil
	case name == "":
		return "", misuse("say which collection: --collection NAME; site %s has %s", s.Name, join(names))
	case !slices.Contains(names, name):
		return "", misuse("there is no collection %q; site %s has %s", name, s.Name, join(names))
	}
	return name, nil
}

// record reads a record of a site's API and maps it to canonical fields.
func (c *command) record(s configs.Site, collection, path string) (request.Fields, error) {
	var body []byte
	var err error
	switch path {
	case "":
		return nil, misuse("say which record: --file RECORD.json, or --file - for standard input")
	case "-":
		body, err = io.ReadAll(c.in)
	default:
		body, err = os.ReadFile(path)
	}
	if err != nil {
		return nil, coded{Misused, err}
	}
	if err := profile.CheckJSON(body, 64); err != nil {
		return nil, misuse("%s: %w", path, err)
	}
	f, err := s.Profile.Collections[collection].FromRecord(body)
	if err != nil {
		return nil, misuse("%s: %w", path, err)
	}
	return f, nil
}

func (c *command) reasons(n *configs.Network, in routing.Input) error {
	reasons := n.Table.Explain(in)
	list := make([]explained, len(reasons))
	for i, r := range reasons {
		list[i] = explained{Reason: r, Does: does(&n.Routes[i])}
	}
	decision := n.Table.Decide(in)
	for _, taken := range sends(decision) {
		for i := range list {
			if list[i].Route == taken.Route.Name {
				list[i].Deliveries = append(list[i].Deliveries, wouldComeTo(n, in, taken)...)
			}
		}
	}
	if c.output == "json" {
		return c.json(list)
	}
	t := newTable(c.out, "ROUTE", "DOES", "FIRES", "WHY")
	for _, r := range list {
		fires := "no"
		if r.Fired {
			fires = "yes"
		}
		t.row(r.Route, r.Does, fires, because(r.Reason))
	}
	if err := t.flush(); err != nil {
		return err
	}
	for _, r := range list {
		for _, d := range r.Deliveries {
			fmt.Fprint(c.out, printable(d.String(), true))
		}
	}
	_, err := fmt.Fprintln(c.out, "\n"+printable(outcome(decision, in), false))
	return err
}

// does is what a route does, in a few words.
func does(r *routing.Route) string {
	var out []string
	if a := r.Copy; a != nil {
		out = append(out, "copy to "+targets(a)+mode(a))
	}
	if a := r.Transfer; a != nil {
		out = append(out, "transfer to "+targets(a)+mode(a))
	}
	if r.Return != nil {
		out = append(out, "return")
	}
	if a := r.Archive; a != nil {
		what := "archive to " + targets(a)
		if len(a.Keep) > 0 {
			what += ", kept at " + join(a.Keep)
		}
		out = append(out, what)
	}
	if a := r.Delete; a != nil {
		what := "delete"
		if a.Copies != "" {
			what += " copies"
		}
		out = append(out, what)
	}
	return strings.Join(out, " and ")
}

func targets(a *routing.Action) string {
	if a.All {
		return "all"
	}
	return join(a.To)
}

func mode(a *routing.Action) string {
	if a.Mode == "" || a.Mode == "ownership" {
		return ""
	}
	return " (" + a.Mode + ")"
}

// because is the reason with the part of the condition that decided, and what was found in the record.
func because(r routing.Reason) string {
	s := r.Why
	if r.Part != "" {
		s += ": " + r.Part
	}
	var values []string
	for _, v := range r.Values {
		values = append(values, v.Name+" is "+cut(string(v.Value), 60))
	}
	if len(values) > 0 {
		s += " (" + strings.Join(values, ", ") + ")"
	}
	return s
}

// outcome is the decision as a sentence.
func outcome(d routing.Decision, in routing.Input) string {
	var parts []string
	switch {
	case d.Transfer != nil:
		parts = append(parts, transferred(d.Transfer))
	case d.Return != nil:
		parts = append(parts, "goes back to the site that it came from, if it came from one, by "+d.Return.Route.Name)
	case d.Archive != nil:
		rest := "the records of the other sites go when " + join(d.Archive.To) + " has confirmed it"
		if keep := d.Archive.Action.Keep; len(keep) > 0 {
			rest = "but for " + join(keep) + " " + rest
		}
		parts = append(parts, "is archived at "+join(d.Archive.To)+" by "+d.Archive.Route.Name+" ("+rest+")")
	case d.Delete != nil && d.Delete.Action.Copies != "":
		parts = append(parts, "stays at "+string(in.Site), "loses its copies at other sites by "+d.Delete.Route.Name)
	case d.Delete != nil:
		parts = append(parts, "is deleted by "+d.Delete.Route.Name)
	case in.Event == routing.Delete:
		parts = append(parts, "is deleted")
	default:
		parts = append(parts, "stays at "+string(in.Site))
	}
	for _, t := range d.Copies {
		how := "is copied to "
		if t.Action.Mode == "independent" {
			how = "is copied, without a link, to "
		}
		parts = append(parts, how+join(t.To)+" by "+t.Route.Name)
	}
	return "The request " + strings.Join(parts, ", ") + "."
}

// transferred is what a transfer of each mode does.
func transferred(t *routing.Taken) string {
	to, by := join(t.To), " by "+t.Route.Name
	switch t.Action.Mode {
	case "data":
		return "stays, and is copied to " + to + by
	case "independent":
		return "stays, and is copied, without a link, to " + to + by
	case "move":
		return "moves to " + to + by + " (the record here goes when " + to + " has confirmed it)"
	}
	return "goes to " + to + by + " (a copy stays here)"
}
