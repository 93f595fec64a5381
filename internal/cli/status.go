package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/meridian-gateway/meridian/gateway"
)

func (c *command) status() *cobra.Command {
	cmd := c.asking(&cobra.Command{Use: "status", Short: "Show how a gateway and its links to other sites are", Args: exactly(0)})
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		var v struct {
			Network, Site, Version, State, Reason string
			Ready                                 bool
			Forwarding                            gateway.Forwarding
		}
		return c.asked(cmd.Context(), get("/api/v1/status"), &v, func() error {
			ready := "yes"
			if !v.Ready {
				ready = "no: " + v.Reason
			}
			f := v.Forwarding
			t := newTable(c.out)
			t.row("site", v.Site+" of network "+v.Network)
			t.row("state", state(v.State))
			t.row("ready", ready)
			t.row("network file", f.ConfigHash)
			if f.InDoubt > 0 {
				t.row("in doubt", plural(f.InDoubt, "write")+"; see: meridian requests list")
			}
			if f.Conflicts > 0 {
				t.row("conflicts", plural(f.Conflicts, "request")+"; see: meridian conflicts list")
			}
			if x := f.Transfers; x != (gateway.TransferCount{}) {
				t.row("transfers", fmt.Sprintf("%d waiting, %d open, %d parked; see: meridian transfers", x.Waiting, x.Open, x.Parked))
			}
			for _, p := range f.Problems {
				t.row("problem", p)
			}
			if err := t.flush(); err != nil || len(f.Destinations) == 0 {
				return err
			}
			fmt.Fprintln(c.out)
			return c.destinations(f.Destinations)
		})
	}
	return cmd
}

func (c *command) destinations(list []gateway.Destination) error {
	t := newTable(c.out, "TO", "STATE", "BREAKER", "PENDING", "IN FLIGHT", "WAITING", "PARKED", "OLDEST", "LAG P50", "LAG P99", "REMARKS")
	for _, d := range list {
		var remarks []string
		if d.ConfigDrift {
			remarks = append(remarks, "has another network file")
		}
		if d.ClockSkew > 2 || d.ClockSkew < -2 {
			remarks = append(remarks, fmt.Sprintf("its clock differs by %.1f s", d.ClockSkew))
		}
		if d.Drain != nil && *d.Drain > 0 {
			remarks = append(remarks, "drained in "+seconds(*d.Drain))
		}
		if d.LastError != "" && d.State != gateway.OK {
			remarks = append(remarks, cut(d.LastError, 90))
		}
		t.row(d.Site, state(d.State), state(d.Breaker), d.Pending, d.InFlight, d.Waiting, d.Parked, seconds(d.OldestAge), seconds(d.Lag.P50),
			seconds(d.Lag.P99), strings.Join(remarks, "; "))
	}
	return t.flush()
}
