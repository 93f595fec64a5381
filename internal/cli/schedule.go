package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
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

// mostAsked is how many days a gateway lists.
const mostAsked = 366

func (c *command) schedule() *cobra.Command {
	var from string
	var days int
	cmd := &cobra.Command{Use: "schedule --config FILE [--site NAME] | --admin URL", Short: "Show what the routes with a schedule will do, and when", Args: exactly(0),
		Long: "Show when the routes with a schedule run: in the time of the place in which each is scheduled, with its holidays and\n" +
			"changes of the clock. With --site, or --admin, a gateway is asked how many of its requests each would move now.",
		Example: "  meridian schedule --config network.yaml --from 2026-03-06 --days 7\n  meridian schedule --config network.yaml --site paris -o json"}
	c.asking(cmd)
	cmd.Flags().StringVar(&from, "from", "", "the first day, as in 2026-03-06; now when left out")
	cmd.Flags().IntVar(&days, "days", 14, "how many days")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if days < 1 || days > 3660 {
			return misuse("--days %d: want 1 to 3660", days)
		}
		span, err := spanOf(from, days)
		if err != nil {
			return err
		}
		list, err := c.preview(cmd.Context(), span)
		if err != nil {
			return err
		}
		if c.output == "json" {
			return c.json(list)
		}
		return c.showSchedule(list)
	}
	return cmd
}

// daysAhead is the time that a preview is for: some days from a date, each schedule's by its own calendar, or from now.
type daysAhead struct {
	dated bool
	from  time.Time
	days  int
}

func spanOf(from string, days int) (daysAhead, error) {
	if from == "" {
		return daysAhead{from: time.Now(), days: days}, nil
	}
	date, err := time.Parse(time.DateOnly, from)
	if err != nil {
		return daysAhead{}, misuse("--from %s: want a date, as in 2026-03-06", from)
	}
	return daysAhead{dated: true, from: date, days: days}, nil
}

// preview lists the runs, from the network file where there is one, and their counts, from a gateway where one is named.
func (c *command) preview(ctx context.Context, span daysAhead) ([]scheduled, error) {
	if c.admin != "" && c.config == "" {
		return c.previewOf(ctx, span)
	}
	n, _, err := readLenient(c.config) // when things run needs none of the secrets in variables
	if err != nil {
		if n, err = c.load(c.config); err != nil {
			return nil, err
		}
	}
	list := c.runs(n, span)
	if c.site == "" && c.admin == "" || len(list) == 0 {
		return list, nil
	}
	return list, c.fillCounts(ctx, list)
}

func (c *command) runs(n *configs.Network, span daysAhead) []scheduled {
	var found []configs.Run
	if span.dated {
		found = n.RunsOn(span.from, span.days)
	} else {
		found = n.Runs(span.from, span.from.AddDate(0, 0, span.days))
	}
	list := make([]scheduled, len(found))
	for i, r := range found {
		list[i] = scheduled{Route: r.Route, At: r.At, In: r.In, Site: r.Site}
		if r.More {
			fmt.Fprintf(c.err, "note: %s goes on behind %s; ask for fewer days to see its runs\n", printable(r.Route, false), r.At.Format(time.RFC3339))
		}
	}
	return list
}

// previewOf lists what a gateway says, from the network file that it has.
func (c *command) previewOf(ctx context.Context, span daysAhead) ([]scheduled, error) {
	from, days := span.from, span.days
	if span.dated { // midnight comes at many times: more is asked for than is wanted
		from, days = from.AddDate(0, 0, -1), days+2
	}
	if days > mostAsked {
		return nil, misuse("--days %d: a gateway lists %d at most; a network file, with --config, more", span.days, mostAsked-2)
	}
	list, err := c.askSchedule(ctx, from, days)
	if err != nil || !span.dated {
		return list, err
	}
	first, end := span.from.Format(time.DateOnly), span.from.AddDate(0, 0, span.days).Format(time.DateOnly)
	return slices.DeleteFunc(list, func(r scheduled) bool { // its offset is that of its place
		date := r.At.Format(time.DateOnly)
		return date < first || date >= end
	}), nil
}

func (c *command) askSchedule(ctx context.Context, from time.Time, days int) ([]scheduled, error) {
	config := c.config
	if c.admin != "" {
		c.config = "" // it was for the schedules
	}
	k, err := c.client()
	c.config = config
	if err != nil {
		return nil, err
	}
	q := url.Values{"from": {from.UTC().Format(time.RFC3339)}, "days": {strconv.Itoa(days)}}
	text, err := k.call(ctx, "GET", "/api/v1/schedule?"+q.Encode(), nil)
	if err != nil {
		return nil, err
	}
	live := []scheduled{}
	if err := json.Unmarshal(text, &live); err != nil {
		return nil, fmt.Errorf("the gateway's answer cannot be read: %w", err)
	}
	return live, nil
}

// fillCounts asks a running gateway. One that cannot be reached leaves the counts open; the times are known all the same.
func (c *command) fillCounts(ctx context.Context, list []scheduled) error {
	from, last := list[0].At, list[0].At
	known := map[string]bool{}
	for _, r := range list { // one run of each route is enough
		if !known[r.Route] {
			known[r.Route], last = true, r.At
		}
	}
	days := min(int(last.Sub(from)/(24*time.Hour))+2, mostAsked)
	live, err := c.askSchedule(ctx, from.Add(-time.Second), days)
	if e, ok := errors.AsType[coded](err); ok && e.code == Unreachable {
		fmt.Fprintln(c.err, "note:", printable(err.Error(), false))
		fmt.Fprintln(c.err, "note: how many requests each would move is not known")
		return nil
	}
	if err != nil {
		return err
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
