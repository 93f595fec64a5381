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

// question of explain: a record, and what happens to it.
type event struct{ on, file, old, collection string }

func (c *command) explain() *cobra.Command {
	var ev event
	cmd := &cobra.Command{Use: "explain --config FILE --site NAME --file RECORD.json", Args: exactly(0),
		Short: "Tell which routes would fire for a record, and why the others do not",
		Long: "Tell which routes would fire for a record as the site's request API has it, and why the others do not. Nothing is\n" +
			"called and nothing is changed."}
	c.configFlag(cmd, "the network file")
	c.siteFlag(cmd, "the site where the routes are evaluated: of a create that where it is entered, else the owner")
	f := cmd.Flags()
	f.StringVar(&ev.file, "file", "", "the record as the site's API has it; - for standard input")
	f.StringVar(&ev.old, "old", "", "the record before the write")
	f.StringVar(&ev.on, "on", string(routing.Create), "what happens: "+join(routing.Events()))
	f.StringVar(&ev.collection, "collection", "", "the collection, when the site has several")
	choose(cmd, "on", strings.Split(join(routing.Events()), ", ")...)
	cmd.RunE = func(*cobra.Command, []string) error {
		n, err := c.load(c.config)
		if err != nil {
			return err
		}
		if _, err := chosen(n, c.site, false); err != nil {
			return err
		}
		in, err := c.input(n.Sites[request.Site(c.site)], ev)
		if err != nil {
			return err
		}
		return c.reasons(n.Table, in)
	}
	return cmd
}

// input is what the routes are asked.
func (c *command) input(s configs.Site, ev event) (routing.Input, error) {
	in := routing.Input{Event: routing.Event(ev.on), Site: s.Name, Owner: s.Name, Origin: s.Name, Now: time.Now()}
	if !slices.Contains(routing.Events(), in.Event) {
		return in, misuse("--on %s: want one of %s", ev.on, join(routing.Events()))
	}
	first := in.Event == routing.Create || in.Event == routing.Arrive
	if first && ev.old != "" {
		return in, misuse("--old: on %s there is no record before", ev.on)
	}
	var err error
	if in.Collection, err = only(s, ev.collection); err != nil {
		return in, err
	}
	if in.New, err = c.record(s, in.Collection, ev.file); err != nil {
		return in, err
	}
	if ev.old != "" {
		in.Old, err = c.record(s, in.Collection, ev.old)
	} else if !first {
		fmt.Fprintln(c.err, "note: without --old there is nothing before the write, and every field counts as changed")
	}
	return in, err
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

func (c *command) reasons(table *routing.Table, in routing.Input) error {
	list := table.Explain(in)
	if c.output == "json" {
		return c.json(list)
	}
	t := newTable(c.out, "ROUTE", "FIRES", "WHY")
	for _, r := range list {
		fires := "no"
		if r.Fired {
			fires = "yes"
		}
		t.row(r.Route, fires, because(r))
	}
	if err := t.flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintln(c.out, "\n"+printable(outcome(table.Decide(in), in), false))
	return err
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
	parts := []string{}
	for _, m := range []struct {
		taken *routing.Taken
		text  string
	}{{d.Transfer, "goes to "}, {d.Return, "returns home"}, {d.Archive, "is archived at "}, {d.Delete, "is deleted"}} {
		switch {
		case m.taken == nil:
		case strings.HasSuffix(m.text, " "):
			parts = append(parts, m.text+join(m.taken.To))
		default:
			parts = append(parts, m.text)
		}
	}
	if len(parts) == 0 {
		parts = append(parts, "stays at "+string(in.Site))
	}
	for _, t := range d.Copies {
		parts = append(parts, "is copied to "+join(t.To)+" by "+t.Route.Name)
	}
	return "The request " + strings.Join(parts, ", ") + "."
}
