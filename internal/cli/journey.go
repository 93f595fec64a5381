package cli

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/meridian-gateway/meridian/gateway"
)

// journeyView is where a request has been, as all sites that could be asked tell it.
type journeyView struct {
	Request, Collection, Owner, Origin, Version string
	Complete                                    bool
	Sites                                       []stop
	Events                                      []step
}

// stop is a request at one site.
type stop struct {
	Site, Cause, Role, Version, Local, Behind string
	Reached                                   bool
	Updated                                   *time.Time
	Skew                                      float64 `json:"skew_seconds"`
}

// step is something that happened to a request.
type step struct {
	At                                                    time.Time
	Site, Kind, Version, From, To, Route, Operation, Note string
	Status                                                int
	Seconds                                               *float64
}

// into adds what a site says of itself to what the one that was asked knows of it.
func (s stop) into(list []presence, r gateway.RequestView, newest string) []presence {
	for i := range list {
		p := &list[i]
		if p.site != s.Site {
			continue
		}
		if s.Reached && s.Role != "" {
			p.role, p.version, p.local, p.since = s.Role, cmp.Or(s.Version, p.version), cmp.Or(s.Local, p.local), momentOf(s.Updated)
		}
		return list
	}
	p := presence{site: s.Site, role: s.Role, version: s.Version, local: cmp.Or(s.Local, string(r.Locals[siteName(s.Site)])), since: momentOf(s.Updated)}
	switch {
	case !s.Reached:
		p.state, p.cause = cell{"not asked", bad}, inWords(s.Cause)
	case s.Role == "" && s.Version == "":
		return list // it knows nothing of the request
	default:
		p.state = s.state(newest)
	}
	return append(list, p)
}

// state is how a site stands against the newest version that anybody told.
func (s stop) state(newest string) cell {
	switch {
	case s.Behind != "":
		return state(s.Behind)
	case s.Version == newest:
		return cell{"up to date", good}
	}
	return cell{"behind", bad}
}

func (c *command) requestsJourney() *cobra.Command {
	cmd := c.asking(&cobra.Command{Use: "journey REF", Args: exactly(1), Short: "Show where a request has been: what happened to it at each site, and when",
		Long: "Show where a request has been: created, forwarded, handed over, applied at each site, with versions and how long it took, from\n" +
			"what all sites tell that can be asked. Times are those of the sites' own clocks.\n\n" + refHelp,
		Example: "  meridian requests journey chicago:17 --config network.yaml --site chicago"})
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		var j journeyView
		return c.asked(cmd.Context(), get(requestPath(args[0])+"/journey"), &j, func() error { return c.showJourney(j) })
	}
	return cmd
}

func (c *command) showJourney(j journeyView) error {
	text := fmt.Sprintf("%s of %s is owned by %s, in version %s", j.Request, j.Collection, j.Owner, j.Version)
	if j.Origin != "" {
		text += "; created at " + j.Origin
	}
	for _, s := range j.Sites {
		if !s.Reached {
			text += fmt.Sprintf(". %s could not be asked, so what happened there is missing%s", s.Site, colon(inWords(s.Cause)))
		}
	}
	if _, err := fmt.Fprintf(c.out, "%s\n\n", screenOf(c.out, c.mode).wrap(text+".")); err != nil {
		return err
	}
	t := newTable(c.out, "SITE", "ROLE", "VERSION", "ID THERE", "UPDATED", "STATE").spare("UPDATED", "ID THERE")
	for _, s := range j.Sites {
		if s.Reached && (s.Role != "" || s.Version != "") {
			t.row(s.Site, s.Role, s.Version, s.Local, momentOf(s.Updated), s.state(j.Version))
		}
	}
	if err := t.flush(); err != nil {
		return err
	}
	if !j.Complete {
		fmt.Fprintln(c.out, "\nThis is not all: older events have been forgotten, or a site could not be asked.")
	}
	fmt.Fprintln(c.out)
	t = newTable(c.out, "AT", "SITE", "WHAT", "VERSION", "TOOK", "NOTE").spare("TOOK", "NOTE").brief(3, "-o yaml")
	for _, e := range j.Events {
		took := ""
		if e.Seconds != nil {
			took = cmp.Or(seconds(*e.Seconds), "0s")
		}
		t.row(e.At.UTC().Format("2006-01-02 15:04:05.000Z"), e.Site, cell{e.inWords(), e.mood()}, e.Version, took, e.note())
	}
	return t.flush()
}

// inWords is what happened, with the other site in it.
func (e step) inWords() string {
	switch {
	case e.Kind == "forwarded" && e.To != "":
		return "forwarded to " + e.To
	case e.Kind == "applied" && e.From != "":
		return "applied, from " + e.From
	case e.Kind == "planned" && e.To != "":
		return "hand-over to " + e.To + " planned"
	case e.Kind == "released" && e.To != "":
		return "released to " + e.To
	case e.Kind == "owned" && e.From != "" && e.From != e.Site:
		return "owned, from " + e.From
	case e.Kind == "owned":
		return "owned from here on"
	case e.Kind == "handed-over" && e.To != "":
		return "handed over to " + e.To
	case (e.Kind == "owed" || e.Kind == "parked") && e.To != "":
		return e.Kind + " to " + e.To
	case e.To != "":
		return e.Kind + ", to " + e.To
	case e.From != "":
		return e.Kind + ", from " + e.From
	}
	return e.Kind
}

func (e step) mood() mood {
	switch e.Kind {
	case "refused", "in-doubt", "parked", "conflict":
		return bad
	case "owed", "queued", "planned":
		return watch
	}
	return plain
}

func (e step) note() string {
	var out []string
	if e.Route != "" {
		out = append(out, "route "+e.Route)
	}
	if e.Status != 0 {
		out = append(out, fmt.Sprint("status ", e.Status))
	}
	if e.Note != "" {
		out = append(out, inWords(e.Note))
	}
	return strings.Join(out, "; ")
}
