package cli

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"
)

func (c *command) requestsFind() *cobra.Command {
	cmd := c.asking(&cobra.Command{Use: "find TEXT", Args: exactly(1), Short: "Find a request by what any site calls it",
		Long: "Find requests by what somebody calls them: a global id or its first eight characters, SITE:LOCALID, or a bare local id of any\n" +
			"site, as far as the gateway that is asked knows them. Exit code 1 when nothing is found.",
		Example: "  meridian requests find 4711 --config network.yaml --site chicago"})
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		var v struct {
			Results []struct {
				Request, Collection, Site, Local, Owner, Role, Version string
				Updated                                                time.Time
			}
		}
		return c.asked(cmd.Context(), get("/api/v1/search", "q", args[0]), &v, func() error {
			if len(v.Results) == 0 {
				return fmt.Errorf("nothing is known here as %s; another site may know it", args[0])
			}
			t := newTable(c.out, "REQUEST", "COLLECTION", "CALLED", "AT", "OWNER", "HERE", "VERSION", "UPDATED").spare("UPDATED", "COLLECTION", "HERE")
			for _, r := range v.Results {
				t.row(r.Request, r.Collection, r.Local, r.Site, r.Owner, r.Role, r.Version, moment(r.Updated))
			}
			if err := t.flush(); err != nil {
				return err
			}
			_, err := fmt.Fprintln(c.out, "\nMore of one: "+printable(c.again("requests show REQUEST"), false))
			return err
		})
	}
	return cmd
}
