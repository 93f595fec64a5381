package cli

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// routeList is the answer of /api/v1/routes.
type routeList struct {
	Routes []struct {
		Name       string     `json:"name"`
		Collection string     `json:"collection"`
		On         []string   `json:"on"`
		At         []string   `json:"at"`
		Does       string     `json:"does"`
		Schedule   string     `json:"schedule"`
		Indexed    bool       `json:"indexed"`
		Index      []string   `json:"index"`
		WhyNot     string     `json:"why_not"`
		Hits       uint64     `json:"hits"`
		Errors     uint64     `json:"errors"`
		LastHit    *time.Time `json:"last_hit"`
		LastError  string     `json:"last_error"`
	} `json:"routes"`
	Since time.Time `json:"since"`
}

func (c *command) routes() *cobra.Command {
	cmd := &cobra.Command{Use: "routes --config FILE --site NAME | --admin URL", Short: "List the routes in force, and how often each was taken", Args: exactly(0),
		Long: "List the routes that a gateway works with: what each does, when and where, how often it was taken since the gateway was\n" +
			"started, and by which fields it is found. A route that is found by none is evaluated at every event that it is for.",
		Example: "  meridian routes --config network.yaml --site chicago\n  meridian routes --config network.yaml --site chicago -o json"}
	c.asking(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		var list routeList
		return c.asked(cmd.Context(), get("/api/v1/routes"), &list, func() error { return c.showRoutes(list) })
	}
	return cmd
}

func (c *command) showRoutes(list routeList) error {
	if len(list.Routes) == 0 {
		fmt.Fprintln(c.out, "The network file has no routes.")
		return nil
	}
	t := newTable(c.out, "ROUTE", "DOES", "ON", "AT", "FOUND BY", "TAKEN", "LAST", "FAILED").spare("LAST", "FAILED", "FOUND BY", "AT", "ON")
	var notes []string
	for _, r := range list.Routes {
		on, at, last, failed := strings.Join(r.On, ", "), strings.Join(r.At, ", "), "never", ""
		if r.Schedule != "" {
			on = r.Schedule
		}
		if at == "" {
			at = "all sites"
		}
		if r.LastHit != nil {
			last = r.LastHit.UTC().Format("2006-01-02 15:04:05")
		}
		if r.Errors > 0 {
			failed = fmt.Sprint(r.Errors)
			notes = append(notes, fmt.Sprintf("%s: its condition failed: %s", r.Name, r.LastError))
		}
		by := strings.Join(r.Index, ", ")
		if !r.Indexed {
			by = "-"
			notes = append(notes, fmt.Sprintf("%s: %s", r.Name, r.WhyNot))
		}
		t.row(r.Name, r.Does, on, at, by, r.Hits, last, failed)
	}
	if err := t.flush(); err != nil {
		return err
	}
	fmt.Fprintln(c.out, "\nTaken and failed: since", list.Since.UTC().Format("2006-01-02 15:04:05")+".")
	for _, n := range notes {
		fmt.Fprintln(c.out, printable(n, false))
	}
	return nil
}
