package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/meridian-gateway/meridian/configs"
	"github.com/meridian-gateway/meridian/probe"
	"github.com/meridian-gateway/meridian/profile"
	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/upstream"
)

// probing is what check --probe is asked.
type probing struct {
	site, record string
	collections  []string
	write        bool
}

func (p *probing) flags(c *command, cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&p.site, "probe", "", "the site whose API is compared with its profile")
	f.BoolVar(&p.write, "write", false, "with --probe: make a record in each collection, change it and delete it")
	f.StringVar(&p.record, "record", "", "with --write: what is in the record, as a client sends it to create one; - for standard input")
	f.StringSliceVar(&p.collections, "collection", nil, "with --probe: the only collection that is looked at; may be said several times")
	complete(cmd, "probe", c.siteNames)
}

// sane refuses what does not go together.
func (p *probing) sane(cmd *cobra.Command) error {
	switch {
	case p.site == "" && cmd.Flags().Changed("probe"):
		return misuse("--probe: say which site")
	case p.site == "" && (p.write || p.record != "" || len(p.collections) > 0):
		return misuse("--write, --record and --collection go with --probe SITE")
	case p.record != "" && !p.write:
		return misuse("--record goes with --write")
	}
	return nil
}

// probe compares the API of a site with its profile.
func (c *command) probe(ctx context.Context, n *configs.Network, p probing) error {
	if _, err := chosen(n, p.site, false); err != nil {
		return err
	}
	site := n.Sites[request.Site(p.site)]
	o, err := c.probeOptions(site, p)
	if err != nil {
		return err
	}
	api := upstream.New(upstream.Options{Base: site.Upstream, Credentials: site.Credentials, Timeout: site.Profile.Timeout,
		Parallel: site.Profile.Parallel, Rate: site.Profile.Rate, RetryAfter: site.Profile.RetryAfter})
	defer api.Close()
	o.API = api
	report, err := probe.Run(ctx, o)
	switch {
	case err != nil && len(report.Findings) == 0 && ctx.Err() == nil:
		return coded{Unreachable, fmt.Errorf("the API of %s at %s: %w", p.site, site.Upstream, err)}
	case c.output == "json":
		if err := c.json(probed{p.site, site.Profile.Name, *report, report.Differences()}); err != nil {
			return err
		}
	default:
		if err := c.tableProbe(site, report); err != nil {
			return err
		}
	}
	if ctx.Err() != nil {
		return errors.New("it was interrupted")
	}
	if report.Differences() > 0 {
		return errSaid
	}
	return nil
}

// probed is the result for programs.
type probed struct {
	Site    string `json:"site"`
	Profile string `json:"profile"`
	probe.Report
	Differences int `json:"differences"`
}

// probeOptions are what is compared. The error is one of wrong use.
func (c *command) probeOptions(site configs.Site, p probing) (probe.Options, error) {
	cred := site.Credentials
	o := probe.Options{Profile: site.Profile, Collections: p.collections, Write: p.write,
		Anonymous: cred.Basic == nil && cred.Bearer == "" && cred.Login == nil && len(cred.Headers) == 0}
	for _, name := range p.collections {
		if k := site.Profile.Collections[name]; k == nil || k.Parent() != "" {
			return o, misuse("--collection %s: %s has %s", name, p.site, strings.Join(tops(site.Profile), ", "))
		}
	}
	if p.record == "" {
		return o, nil
	}
	of := p.collections
	if len(of) == 0 {
		of = tops(site.Profile)
	}
	if len(of) != 1 {
		return o, misuse("--record: say of which collection it is: --collection, one of %s", strings.Join(of, ", "))
	}
	var body []byte
	var err error
	if p.record == "-" {
		body, err = io.ReadAll(c.in)
	} else {
		body, err = os.ReadFile(p.record)
	}
	if err != nil {
		return o, coded{Misused, err}
	}
	k := site.Profile.Collections[of[0]]
	if err = profile.CheckJSON(body, 64); err == nil {
		o.Record, err = k.Decode(profile.Create, "application/json", body, nil)
	}
	if err != nil {
		return o, misuse("--record %s: %w", p.record, err)
	}
	return o, nil
}

// tops are the collections of a profile that are nobody's children.
func tops(p *profile.Profile) []string {
	return slices.DeleteFunc(p.Order(), func(n string) bool { return p.Collections[n].Parent() != "" })
}

// tableProbe prints a report for people: what was looked at, then what to write, then what is left.
func (c *command) tableProbe(site configs.Site, r *probe.Report) error {
	t := newTable(c.out, " ", "WHAT", "PROFILE SAYS", "API DOES")
	mark := map[probe.State]string{probe.Equal: "ok", probe.Differs: "DIFFERS", probe.Failed: "FAILED", probe.Note: "note", probe.Would: "-"}
	several := len(site.Profile.Collections) > 1
	for _, f := range r.Findings {
		what := f.What
		if several && f.Collection != "" {
			what = f.Collection + ": " + what
		}
		t.row(mark[f.State], what, cut(f.Profile, 50), cut(f.API, 150))
	}
	if err := t.flush(); err != nil {
		return err
	}
	if err := c.toWrite(site, r); err != nil {
		return err
	}
	for _, l := range r.Left {
		id := "with an id that is not known"
		if l.Local != "" {
			id = l.Local
		}
		fmt.Fprintf(c.out, "\nThe record %s of %s is still there: %s. Its text is %q.\n", printable(id, false), l.Collection, printable(cut(l.Why, 200), false), l.Text)
	}
	text := "\nThe API is as the profile says"
	if n := r.Differences(); n > 0 {
		text = fmt.Sprintf("\n%s between the API and the profile", plural(n, "difference"))
	}
	switch {
	case r.Removed > 0:
		were := " was"
		if r.Removed > 1 {
			were = " were"
		}
		text += "; " + plural(r.Removed, "record") + were + " made and removed again"
	case slices.ContainsFunc(r.Findings, func(f probe.Finding) bool { return f.State == probe.Would }):
		text += " as far as reading shows; --write looks at writes too"
	}
	_, err := fmt.Fprintln(c.out, text+".")
	return err
}

// toWrite prints the lines for the profile, with where they belong: those that make a difference, then those that may be worth a thought.
func (c *command) toWrite(site configs.Site, r *probe.Report) error {
	for _, part := range []struct {
		title string
		notes bool
	}{{"To write", false}, {"To consider", true}} {
		last, said := "", map[string]bool{}
		for _, f := range r.Findings {
			if f.Write == "" || said[f.Write] || f.State == probe.Equal || f.State == probe.Would || (f.State == probe.Note) != part.notes {
				continue
			}
			said[f.Write] = true
			where := "profiles." + site.Profile.Name
			if f.Collection != "" && !strings.HasPrefix(f.Write, "alive:") {
				where += ".collections." + f.Collection
			}
			if where != last {
				fmt.Fprintf(c.out, "\n%s under %s:\n", part.title, where)
				last = where
			}
			if _, err := fmt.Fprintln(c.out, "  "+printable(f.Write, false)); err != nil {
				return err
			}
		}
	}
	return nil
}
