package cli

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/meridian-gateway/meridian/gateway"
	"github.com/meridian-gateway/meridian/request"
)

func (c *command) deliveries() *cobra.Command {
	root := &cobra.Command{Use: "deliveries", Short: "List, show, retry and cancel what is owed to other sites"}
	root.AddCommand(c.deliveriesList(), c.deliveriesShow(), c.deliveriesRetry(), c.deliveriesCancel())
	return group(root, which)
}

// deliveryStates are the states that a filter may name.
func deliveryStates() []string {
	var out []string
	for _, s := range []request.State{request.Pending, request.InFlight, request.Waiting, request.Parked, request.Delivered,
		request.Superseded, request.Cancelled} {
		out = append(out, strings.ReplaceAll(string(s), " ", "-"))
	}
	return out
}

// filter are the flags that select deliveries.
type filter struct{ to, state, ref string }

func (c *command) filterFlags(cmd *cobra.Command, f *filter) {
	cmd.Flags().StringVar(&f.to, "to", "", "only those to this site")
	cmd.Flags().StringVar(&f.state, "state", "", "only those in this state: "+strings.Join(deliveryStates(), ", "))
	cmd.Flags().StringVar(&f.ref, "request", "", "only those of this request (global id, SITE:LOCALID, or a local id)")
	complete(cmd, "to", c.siteNames)
	choose(cmd, "state", deliveryStates()...)
}

func (f filter) check(c *command) error {
	if s := strings.ReplaceAll(f.state, " ", "-"); s != "" && !slices.Contains(deliveryStates(), s) {
		return misuse("--state %s: want one of %s", f.state, strings.Join(deliveryStates(), ", "))
	}
	return c.target(f.to)
}

func (c *command) deliveriesList() *cobra.Command {
	var f filter
	var page pageFlags
	cmd := c.asking(&cobra.Command{Use: "list", Short: "List what is not delivered yet, or what --state says", Args: exactly(0),
		Long: "List what the gateway owes to other sites: what is not delivered yet, or what --state says. HAS is the version that the site has\n" +
			"confirmed, OWED the one that it should have.\n\n" + stateHelp,
		Example: "  meridian deliveries list --config network.yaml --site chicago\n" +
			"  meridian deliveries list --state parked --to tokyo --config network.yaml --site chicago"})
	c.filterFlags(cmd, &f)
	page.flags(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return c.listDeliveries(cmd.Context(), f, page)
	}
	return cmd
}

// stateHelp says what the states of deliveries mean.
const stateHelp = "pending:    to be sent now\n" +
	"in-flight:  being sent\n" +
	"waiting:    it failed, and is tried again by itself at NEXT TRY\n" +
	"parked:     it was refused, and is not tried again until a person says so, or the request is written again\n" +
	"delivered:  confirmed\n" +
	"superseded: a later version went in its place\n" +
	"cancelled:  given up by a person"

func (c *command) listDeliveries(ctx context.Context, f filter, page pageFlags) error {
	if err := f.check(c); err != nil {
		return err
	}
	id, err := c.id(ctx, f.ref)
	if err != nil {
		return err
	}
	var v struct {
		Deliveries []gateway.DeliveryView
		After      string
	}
	q := get("/api/v1/deliveries", "site", f.to, "state", f.state, "request", id, "after", page.after, "limit", strconv.Itoa(page.limit))
	return c.asked(ctx, q, &v, func() error {
		if len(v.Deliveries) == 0 {
			_, err := fmt.Fprintln(c.out, nothing(f))
			return err
		}
		t := newTable(c.out, "REQUEST", "TO", "STATE", "HAS", "OWED", "BEHIND SINCE", "ATTEMPTS", "NEXT TRY", "CAUSE").
			spare("NEXT TRY", "ATTEMPTS", "HAS", "OWED", "BEHIND SINCE").brief(2, c.again("deliveries show REQUEST"))
		for _, d := range v.Deliveries {
			t.row(d.Request, d.Site, state(d.State), d.Acked, d.Owed, momentOf(d.Since), d.Attempts, nextTry(d), inWords(d.Cause))
		}
		if err := t.flush(); err != nil {
			return err
		}
		return c.more(v.After)
	})
}

// nothing says that there is no delivery such as was asked for.
func nothing(f filter) string {
	switch {
	case f.state != "" && f.to != "":
		return fmt.Sprintf("No delivery to %s is %s.", f.to, f.state)
	case f.state != "":
		return fmt.Sprintf("No delivery is %s.", f.state)
	case f.to != "":
		return fmt.Sprintf("Nothing is owed to %s: it has confirmed everything.", f.to)
	}
	return "Nothing is owed: all sites have confirmed everything."
}

// nextTry is when a delivery that waits is tried again; what is due goes out as soon as the link is up.
func nextTry(d gateway.DeliveryView) string {
	if d.State != request.Waiting && d.State != request.Pending || d.Due == nil {
		return ""
	}
	if d.Due.Before(time.Now()) {
		return "when it can"
	}
	return moment(*d.Due)
}

func (c *command) deliveriesRetry() *cobra.Command {
	var f filter
	var since string
	var wait time.Duration
	cmd := c.asking(&cobra.Command{Use: "retry [REF]", Args: atMost(1), Short: "Try parked and waiting deliveries again at once",
		Long: "Try parked and waiting deliveries again at once: all of them, or those of one request, or those that the flags select. With\n" +
			"--wait it shows how far they are, and ends with 0 when all are confirmed, with 1 when some were refused again or time is up.\n\n" + refHelp,
		Example: "  meridian deliveries retry chicago:17 --config network.yaml --site chicago\n" +
			"  meridian deliveries retry --state parked --to tokyo --since 2h --config network.yaml --site chicago"})
	c.filterFlags(cmd, &f)
	cmd.Flags().StringVar(&since, "since", "", "only those that fell behind at or after this time (RFC 3339), or this long ago (2h)")
	cmd.Flags().DurationVar(&wait, "wait", 0, "wait so long at most until they are confirmed, and show how far it is; 0 does not wait")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if wait < 0 {
			return misuse("--wait %s: want a time such as 30s", wait)
		}
		if len(args) == 1 && f.ref != "" {
			return misuse("say the request once: as REF or as --request")
		}
		if len(args) == 1 {
			f.ref = args[0]
		}
		if err := f.check(c); err != nil {
			return err
		}
		at, err := sinceOf(since, time.Now())
		if err != nil {
			return err
		}
		id, err := c.id(cmd.Context(), f.ref)
		if err != nil {
			return err
		}
		in := map[string]any{"site": f.to, "state": f.state, "request": id}
		if !at.IsZero() {
			in["since"] = at
		}
		return c.retry(cmd.Context(), in, filter{to: f.to, state: f.state, ref: id}, wait)
	}
	return cmd
}

// sinceOf reads a time, or how long it is before now; zero for "".
func sinceOf(s string, now time.Time) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if d, err := time.ParseDuration(s); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	at, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return at, misuse("--since %s: want a time such as 2026-11-23T10:00:00Z, or how long ago, such as 2h", s)
	}
	return at, nil
}

func (c *command) deliveriesCancel() *cobra.Command {
	var to string
	cmd := c.asking(&cobra.Command{Use: "cancel REF --to SITE", Args: exactly(1), Short: "Give up bringing the present version of a request to a site",
		Long:    "Give up bringing the present version of a request to a site. The next version is delivered again.\n\n" + refHelp,
		Example: "  meridian deliveries cancel 17 --to tokyo --config network.yaml --site chicago"})
	cmd.Flags().StringVar(&to, "to", "", "the site")
	complete(cmd, "to", c.siteNames)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if to == "" {
			return misuse("say which delivery: --to SITE")
		}
		if err := c.target(to); err != nil {
			return err
		}
		id, err := c.id(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		var v struct{ Request, Site string }
		q := post("/api/v1/deliveries/cancel", map[string]any{"request": id, "site": to})
		return c.asked(cmd.Context(), q, &v, func() error {
			_, err := fmt.Fprintf(c.out, "The delivery of %s to %s is cancelled; the next version is delivered again.\n", printable(v.Request, false), printable(v.Site, false))
			return err
		})
	}
	return cmd
}
