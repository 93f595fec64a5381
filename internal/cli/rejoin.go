package cli

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/meridian-gateway/meridian/request"
)

// rebuilt is what the admin API says of the rebuilding of a store.
type rebuilt struct {
	Complete            bool
	Phase               string
	Waiting             map[request.Site]string
	Done, Open, Orphans int
	Notes               []string
	Without             []request.Site
}

func (c *command) rejoin() *cobra.Command {
	var without string
	var yes bool
	cmd := c.asking(&cobra.Command{Use: "rejoin", Args: exactly(0), Short: "Show how the rebuilding of a lost store stands, or go on without a site",
		Long: "Show how far a gateway is whose store was lost or set back: it puts together again what it held, from the journals of the\n" +
			"site's gateways, from what all other sites know, and from its own request API. Until then writes get 503.\n\n" +
			"It waits for every other site: one that is not heard may have become the owner of requests that this one would take for\n" +
			"its own. --without gives a site up that will not come back. Where it comes back after all, requests may have two owners,\n" +
			"and what the losing one has beyond becomes a conflict record or is overwritten. Exit code 1 while the store is not complete.",
		Example: "  meridian rejoin --config network.yaml --site tokyo\n  meridian rejoin --without chicago --config network.yaml --site tokyo"})
	cmd.Flags().StringVar(&without, "without", "", "a site that is given up")
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask whether it is meant")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		q := get("/api/v1/rejoin")
		if without != "" {
			if !yes && !terminal(c.in) {
				return misuse("there is no terminal to ask whether it is meant: say --yes")
			}
			if !yes {
				if _, err := fmt.Fprintf(c.err, "%s is given up: what it alone knows is not learned, and what it owns may get a second owner.\n", printable(without, false)); err != nil {
					return err
				}
				if !agreed(c.in, c.err) {
					return fmt.Errorf("%s is still waited for", without)
				}
			}
			q = post("/api/v1/rejoin", map[string]any{"without": without})
		}
		var v rebuilt
		if err := c.asked(cmd.Context(), q, &v, func() error { return c.showRejoin(v) }); err != nil {
			return err
		}
		if !v.Complete {
			return fmt.Errorf("the store is not complete: %s", v.Phase)
		}
		return nil
	}
	return cmd
}

func (c *command) showRejoin(v rebuilt) error {
	if v.Complete {
		_, err := fmt.Fprintln(c.out, "The store is complete.")
		return err
	}
	t := newTable(c.out)
	t.row("phase", v.Phase)
	t.row("looked at", plural(v.Done, "request"))
	t.row("not settled yet", plural(v.Open, "request"))
	t.row("for a person", plural(v.Orphans, "request"))
	for _, site := range slices.Sorted(maps.Keys(v.Waiting)) {
		t.row("waits for", string(site)+": "+v.Waiting[site])
	}
	if len(v.Without) > 0 {
		var names []string
		for _, s := range v.Without {
			names = append(names, string(s))
		}
		t.row("without", strings.Join(names, ", "))
	}
	for _, n := range v.Notes {
		t.row("note", n)
	}
	return t.flush()
}
