package cli

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/meridian-gateway/meridian/gateway"
)

func (c *command) table() *tabwriter.Writer { return tabwriter.NewWriter(c.out, 0, 4, 2, ' ', 0) }

func (c *command) status() *cobra.Command {
	cmd := c.asking(&cobra.Command{Use: "status", Short: "Show how a gateway and its links are", Args: exactly(0)})
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return c.raw(cmd.Context(), http.MethodGet, "/api/v1/status", nil, func(text json.RawMessage) error {
			var v struct {
				Network, Site, Version, State, Reason string
				Ready                                 bool
				Forwarding                            gateway.Forwarding
			}
			if err := json.Unmarshal(text, &v); err != nil {
				return err
			}
			ready := "ready"
			if !v.Ready {
				ready = "not ready: " + v.Reason
			}
			fmt.Fprintf(c.out, "%s of network %s: %s, %s; %d in doubt\n", v.Site, v.Network, v.State, ready, v.Forwarding.InDoubt)
			for _, p := range v.Forwarding.Problems {
				fmt.Fprintln(c.out, "  !", p)
			}
			w := c.table()
			fmt.Fprintln(w, "TO\tSTATE\tBREAKER\tPENDING\tIN FLIGHT\tWAITING\tPARKED\tOLDEST\tLAG P50/P99\tLAST ERROR")
			for _, d := range v.Forwarding.Destinations {
				fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%d\t%d\t%d\t%s\t%s / %s\t%s\n", d.Site, d.State, d.Breaker, d.Pending, d.InFlight, d.Waiting, d.Parked,
					seconds(d.OldestAge), seconds(d.Lag.P50), seconds(d.Lag.P99), cut(d.LastError, 60))
			}
			return w.Flush()
		})
	}
	return cmd
}

func seconds(s float64) string {
	if s == 0 {
		return "-"
	}
	return time.Duration(s * float64(time.Second)).Round(time.Millisecond).String()
}

func cut(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}

func (c *command) requests() *cobra.Command {
	root := &cobra.Command{Use: "requests", Short: "List and show the requests a gateway knows; settle those in doubt"}
	var after string
	list := c.asking(&cobra.Command{Use: "list", Short: "List requests", Args: exactly(0)})
	list.Flags().StringVar(&after, "after", "", "continue after this global id")
	list.RunE = func(cmd *cobra.Command, _ []string) error {
		return c.raw(cmd.Context(), http.MethodGet, "/api/v1/requests?after="+url.QueryEscape(after), nil, func(text json.RawMessage) error {
			var v struct {
				Requests []gateway.RequestView
				After    string
			}
			if err := json.Unmarshal(text, &v); err != nil {
				return err
			}
			w := c.table()
			fmt.Fprintln(w, "REQUEST\tCOLLECTION\tROLE\tVERSION\tOWNER\tLOCAL\tUPDATED")
			for _, r := range v.Requests {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", r.Request, r.Collection, r.Role, r.Version, r.Owner, r.Local, r.Updated.Format(time.DateTime))
			}
			if err := w.Flush(); err != nil || v.After == "" {
				return err
			}
			_, err := fmt.Fprintln(c.out, "more: --after", v.After)
			return err
		})
	}
	show := c.asking(&cobra.Command{Use: "show REF", Short: "Show one request: REF is a global id, SITE:LOCALID, or a local id of the site", Args: exactly(1)})
	show.RunE = func(cmd *cobra.Command, args []string) error {
		return c.raw(cmd.Context(), http.MethodGet, "/api/v1/requests/"+url.PathEscape(args[0]), nil, c.showRequest)
	}
	root.AddCommand(list, show, c.settle())
	return root
}

func (c *command) showRequest(text json.RawMessage) error {
	var r gateway.RequestView
	if err := json.Unmarshal(text, &r); err != nil {
		return err
	}
	w := c.table()
	fmt.Fprintf(w, "request\t%s\ncollection\t%s\nrole here\t%s\nowner\t%s\nversion\t%s\norigin\t%s\nlocal id\t%s\n", r.Request, r.Collection, r.Role,
		r.Owner, r.Version, r.Origin, cmp.Or(r.Local, "-"))
	for s, l := range r.Locals {
		fmt.Fprintf(w, "id at %s\t%s\n", s, l)
	}
	if r.Intended != "" {
		fmt.Fprintf(w, "wanted owner\t%s\n", r.Intended)
	}
	if r.UnderWay != nil {
		fmt.Fprintf(w, "under way\t%s to version %s, since %s\n", r.UnderWay.Kind, r.UnderWay.Version, r.UnderWay.Sent.Format(time.DateTime))
	}
	if r.Doubt != nil {
		fmt.Fprintf(w, "in doubt\t%s\n", r.Doubt.Reason)
	}
	for _, h := range r.Holders {
		fmt.Fprintf(w, "copy at %s\t%s, has %s of %s %s\n", h.Site, h.State, cmp.Or(h.Acked, "nothing"), h.Owed, cut(h.Cause, 80))
	}
	for _, o := range r.Operations {
		fmt.Fprintf(w, "%s\t%s %s, version %s\n", o.At.Format(time.DateTime), o.Kind, o.State, o.Version)
	}
	return w.Flush()
}

func (c *command) settle() *cobra.Command {
	var how gateway.Settlement
	cmd := c.asking(&cobra.Command{Use: "settle REF (--adopt LOCALID | --retry | --abandon)", Args: exactly(1),
		Short: "Settle a write in doubt, after a look into the request API"})
	cmd.Flags().StringVar(&how.Adopt, "adopt", "", "the write was made: the record has this local id")
	cmd.Flags().BoolVar(&how.Retry, "retry", false, "it was not made and is to be made again")
	cmd.Flags().BoolVar(&how.Abandon, "abandon", false, "it was not made and is not wanted any more")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return c.raw(cmd.Context(), http.MethodPost, "/api/v1/requests/"+url.PathEscape(args[0])+"/settle", how, func(json.RawMessage) error {
			_, err := fmt.Fprintln(c.out, args[0], "is settled")
			return err
		})
	}
	return cmd
}

func (c *command) deliveries() *cobra.Command {
	root := &cobra.Command{Use: "deliveries", Short: "List, show, retry and cancel what is owed to other sites"}
	root.AddCommand(c.deliveriesList(), c.deliveriesShow(), c.deliveriesRetry(), c.deliveriesCancel())
	return root
}

// filters are the flags that select deliveries.
type filters struct{ to, state, ref, after string }

func (f *filters) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.to, "to", "", "only those to this site")
	cmd.Flags().StringVar(&f.state, "state", "", "only those in this state: pending, in-flight, waiting, parked, delivered, cancelled")
	cmd.Flags().StringVar(&f.ref, "request", "", "only those of this request (global id, SITE:LOCALID, or a local id)")
}

func (c *command) deliveriesList() *cobra.Command {
	var f filters
	cmd := c.asking(&cobra.Command{Use: "list", Short: "List what is not delivered yet, or what --state says", Args: exactly(0)})
	f.flags(cmd)
	cmd.Flags().StringVar(&f.after, "after", "", "continue after this cursor")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return c.listDeliveries(cmd, f) }
	return cmd
}

func (c *command) deliveriesShow() *cobra.Command {
	cmd := c.asking(&cobra.Command{Use: "show REF", Short: "Show the deliveries of one request to each site that holds it", Args: exactly(1)})
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return c.listDeliveries(cmd, filters{ref: args[0]}) }
	return cmd
}

func (c *command) listDeliveries(cmd *cobra.Command, f filters) error {
	id, err := c.id(cmd.Context(), f.ref)
	if err != nil {
		return err
	}
	q := url.Values{"site": {f.to}, "state": {f.state}, "request": {id}, "after": {f.after}}
	return c.raw(cmd.Context(), http.MethodGet, "/api/v1/deliveries?"+q.Encode(), nil, func(text json.RawMessage) error {
		var v struct {
			Deliveries []gateway.DeliveryView
			After      string
		}
		if err := json.Unmarshal(text, &v); err != nil {
			return err
		}
		if len(v.Deliveries) == 0 {
			_, err := fmt.Fprintln(c.out, "nothing is owed")
			return err
		}
		w := c.table()
		fmt.Fprintln(w, "REQUEST\tTO\tSTATE\tHAS\tOWED\tATTEMPTS\tSINCE\tCAUSE")
		for _, d := range v.Deliveries {
			since := "-"
			if d.Since != nil {
				since = d.Since.Format(time.DateTime)
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%d\t%s\t%s\n", d.Request, d.Site, d.State, cmp.Or(d.Acked, "-"), d.Owed, d.Attempts, since, cut(d.Cause, 90))
		}
		if err := w.Flush(); err != nil || v.After == "" {
			return err
		}
		_, err := fmt.Fprintln(c.out, "more: --after", v.After)
		return err
	})
}

func (c *command) deliveriesRetry() *cobra.Command {
	var f filters
	var since string
	cmd := c.asking(&cobra.Command{Use: "retry [REF]", Short: "Try parked and waiting deliveries again at once", Args: cobra.MaximumNArgs(1)})
	f.flags(cmd)
	cmd.Flags().StringVar(&since, "since", "", "only those that fell behind at or after this time (RFC 3339), or this long ago (2h)")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 1 {
			f.ref = args[0]
		}
		id, err := c.id(cmd.Context(), f.ref)
		if err != nil {
			return err
		}
		in := map[string]any{"site": f.to, "state": f.state, "request": id}
		if since != "" {
			at, err := moment(since)
			if err != nil {
				return err
			}
			in["since"] = at
		}
		return c.raw(cmd.Context(), http.MethodPost, "/api/v1/deliveries/retry", in, func(text json.RawMessage) error {
			var v struct{ Retried int }
			if err := json.Unmarshal(text, &v); err != nil {
				return err
			}
			_, err := fmt.Fprintf(c.out, "%d tried again\n", v.Retried)
			return err
		})
	}
	return cmd
}

func moment(s string) (time.Time, error) {
	if d, err := time.ParseDuration(s); err == nil {
		return time.Now().Add(-d), nil
	}
	at, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return at, misuse("--since %s: want a time such as 2026-11-23T10:00:00Z, or a duration such as 2h", strings.TrimSpace(s))
	}
	return at, nil
}

func (c *command) deliveriesCancel() *cobra.Command {
	var to string
	cmd := c.asking(&cobra.Command{Use: "cancel REF --to SITE", Short: "Give up delivering a request's present version to a site", Args: exactly(1)})
	cmd.Flags().StringVar(&to, "to", "", "the site")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if to == "" {
			return misuse("--to SITE is required")
		}
		id, err := c.id(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		return c.raw(cmd.Context(), http.MethodPost, "/api/v1/deliveries/cancel", map[string]any{"request": id, "site": to}, func(json.RawMessage) error {
			_, err := fmt.Fprintln(c.out, "cancelled; the next version will be delivered again")
			return err
		})
	}
	return cmd
}
