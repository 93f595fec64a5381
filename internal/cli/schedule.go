package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/meridian-gateway/meridian/configs"
	"github.com/meridian-gateway/meridian/request"
)

// mostShown is how many runs of one route a table has.
const mostShown = 20

// scheduled is one run, as programs get it.
type scheduled struct {
	Route string       `json:"route"`
	At    time.Time    `json:"at"`
	In    string       `json:"in"`
	Site  request.Site `json:"site"`
	// Requests is how many it would move if it ran now; null where nobody was asked.
	Requests *int `json:"requests"`
}

func (c *command) schedule() *cobra.Command {
	var from string
	var days int
	cmd := &cobra.Command{Use: "schedule --config FILE [--site NAME]", Short: "Show what the routes with a schedule will do, and when", Args: exactly(0),
		Long: "Show when the routes with a schedule run: in the time of the place in which each is scheduled, with its holidays and\n" +
			"changes of the clock. With --site the gateway of the site is asked how many of its requests each would move now.",
		Example: "  meridian schedule --config network.yaml --from 2026-03-06 --days 7\n  meridian schedule --config network.yaml --site paris -o json"}
	c.asking(cmd)
	cmd.Flags().StringVar(&from, "from", "", "the first day, as in 2026-03-06; now when left out")
	cmd.Flags().IntVar(&days, "days", 14, "how many days")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if days < 1 || days > 3660 {
			return misuse("--days %d: want 1 to 3660", days)
		}
		if c.admin != "" && c.config == "" {
			return misuse("say --config too: the schedules stand in the network file")
		}
		n, err := c.load(c.config)
		if err != nil {
			return err
		}
		list, err := runs(n, from, days)
		if err != nil {
			return err
		}
		if c.site != "" || c.admin != "" {
			if err := c.fillCounts(cmd, list); err != nil {
				return err
			}
		}
		if c.output == "json" {
			return c.json(list)
		}
		return c.showSchedule(list)
	}
	return cmd
}

func runs(n *configs.Network, from string, days int) ([]scheduled, error) {
	var found []configs.Run
	if from == "" {
		now := time.Now()
		found = n.Runs(now, now.AddDate(0, 0, days))
	} else {
		date, err := time.Parse(time.DateOnly, from)
		if err != nil {
			return nil, misuse("--from %s: want a date, as in 2026-03-06", from)
		}
		found = n.RunsOn(date, days)
	}
	list := make([]scheduled, len(found))
	for i, r := range found {
		list[i] = scheduled{Route: r.Route, At: r.At, In: r.In, Site: r.Site}
	}
	return list, nil
}

// fillCounts asks a running gateway. One that cannot be reached leaves the counts open; the times are known all the same.
func (c *command) fillCounts(cmd *cobra.Command, list []scheduled) error {
	config := c.config
	if c.admin != "" {
		c.config = "" // it was for the schedules
	}
	k, err := c.client()
	c.config = config
	if err != nil {
		return err
	}
	text, err := k.call(cmd.Context(), "GET", "/api/v1/schedule?"+url.Values{"days": {strconv.Itoa(31)}}.Encode(), nil)
	if err != nil {
		if e, ok := errors.AsType[coded](err); ok && e.code == Unreachable {
			fmt.Fprintln(c.err, "note:", printable(err.Error(), false))
			fmt.Fprintln(c.err, "note: how many requests each would move is not known")
			return nil
		}
		return err
	}
	var live []scheduled
	if err := json.Unmarshal(text, &live); err != nil {
		return fmt.Errorf("the gateway's answer cannot be read: %w", err)
	}
	counts := map[string]*int{}
	for _, r := range live {
		counts[r.Route] = r.Requests
	}
	for i := range list {
		list[i].Requests = counts[list[i].Route]
	}
	return nil
}

func (c *command) showSchedule(list []scheduled) error {
	if len(list) == 0 {
		fmt.Fprintln(c.out, "No route has a schedule that runs in this time.")
		return nil
	}
	t := newTable(c.out, "AT", "IN", "ROUTE", "SITE", "REQUESTS")
	shown, left := map[string]int{}, map[string]int{}
	var order []string
	for _, r := range list {
		if shown[r.Route]++; shown[r.Route] > mostShown {
			if left[r.Route]++; left[r.Route] == 1 {
				order = append(order, r.Route)
			}
			continue
		}
		n := ""
		if r.Requests != nil {
			n = strconv.Itoa(*r.Requests)
		}
		t.row(r.At.Format("Mon 2006-01-02 15:04:05 -07:00"), r.In, r.Route, r.Site, n)
	}
	if err := t.flush(); err != nil {
		return err
	}
	for _, route := range order {
		fmt.Fprintf(c.out, "and %d more of %s; -o json has all\n", left[route], printable(route, false))
	}
	return nil
}
