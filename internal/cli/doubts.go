package cli

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/meridian-gateway/meridian/gateway"
)

func (c *command) doubts() *cobra.Command {
	root := &cobra.Command{Use: "doubts", Short: "List and settle writes of which only a person can tell how they ended"}
	var force bool
	retry := c.doubtsSettle("retry REF", "It was not made, and is to be made again: a copy at once, a client's create with the gateway's own credentials", 1,
		func([]string) gateway.Settlement { return gateway.Settlement{Retry: true, Force: force} })
	retry.Flags().BoolVar(&force, "force", false, "although the call may still take effect, or records are there that it may have made")
	root.AddCommand(c.doubtsList(), c.doubtsShow(), retry,
		c.doubtsSettle("adopt REF LOCALID", "It was made: the record has the local id given", 2,
			func(args []string) gateway.Settlement { return gateway.Settlement{Adopt: args[1]} }),
		c.doubtsSettle("abandon REF", "It was not made and is not wanted any more", 1,
			func([]string) gateway.Settlement { return gateway.Settlement{Abandon: true} }))
	return group(root, which)
}

type doubtPage struct {
	Doubts []gateway.DoubtView
	After  string
}

func (c *command) doubtsList() *cobra.Command {
	var page pageFlags
	cmd := c.asking(&cobra.Command{Use: "list", Args: exactly(0), Short: "List the writes in doubt at a site",
		Long: "List the writes in doubt at the site whose gateway is asked: their answer was lost, and the request API offers nothing to find\n" +
			"out by whether they were made. CANDIDATES are records that may be the one in question.",
		Example: "  meridian doubts list --config network.yaml --site chicago"})
	page.flags(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		var v doubtPage
		q := get("/api/v1/doubts", "after", page.after, "limit", strconv.Itoa(page.limit))
		return c.asked(cmd.Context(), q, &v, func() error {
			if len(v.Doubts) == 0 {
				_, err := fmt.Fprintln(c.out, "Nothing is in doubt.")
				return err
			}
			t := newTable(c.out, "REQUEST", "COLLECTION", "SITE", "DOING", "SINCE", "OPERATION", "CANDIDATES").
				spare("OPERATION", "COLLECTION", "SITE")
			for _, d := range v.Doubts {
				t.row(d.Request, d.Collection, d.Site, d.Doing, moment(d.Since), d.Operation, candidates(d))
			}
			if err := t.flush(); err != nil {
				return err
			}
			if _, err := fmt.Fprintln(c.out, "\nWhat can be done about one: "+printable(c.again("doubts show REQUEST"), false)); err != nil {
				return err
			}
			return c.more(v.After)
		})
	}
	return cmd
}

func candidates(d gateway.DoubtView) string {
	switch {
	case d.Looked == nil:
		return "not looked for yet"
	case len(d.Candidates) == 0:
		return "none"
	}
	return cut(strings.Join(d.Candidates, ", "), 60)
}

func (c *command) doubtsShow() *cobra.Command {
	cmd := c.asking(&cobra.Command{Use: "show REF", Args: exactly(1), Short: "Show a write in doubt, and what each way to settle it will do",
		Long:    "Show a write in doubt, and what each way to settle it will do. Look into the request API before you choose.\n\n" + refHelp,
		Example: "  meridian doubts show 17 --config network.yaml --site chicago"})
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		var v doubtPage
		return c.asked(cmd.Context(), get("/api/v1/doubts", "request", args[0]), &v, func() error {
			if len(v.Doubts) == 0 {
				_, err := fmt.Fprintln(c.out, "Nothing of the request is in doubt at this site.")
				return err
			}
			for _, d := range v.Doubts {
				if err := c.showDoubt(d); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return cmd
}

func (c *command) showDoubt(d gateway.DoubtView) error {
	t := newTable(c.out)
	t.row("request", d.Request)
	t.row("collection", d.Collection)
	t.row("at", d.Site)
	t.row("owner", d.Owner)
	t.row("doing", fmt.Sprintf("%s of version %s", d.Doing, d.Version))
	t.row("operation", d.Operation)
	if d.Route != "" {
		t.row("route", d.Route)
	}
	if d.EnteredBy != "" {
		t.row("entered by", d.EnteredBy)
	}
	t.row("sent", moment(d.Sent))
	t.row("in doubt since", moment(d.Since))
	if d.Quiet != nil {
		t.row("may take effect until", moment(*d.Quiet))
	}
	t.row("why", d.Reason)
	t.row("candidates", candidates(d))
	if err := t.flush(); err != nil {
		return err
	}
	fmt.Fprintln(c.out)
	t = newTable(c.out, "TO SETTLE IT", "WHAT THAT DOES")
	for _, a := range d.Actions {
		t.row(a.Command, a.Effect)
	}
	return t.flush()
}

// doubtsSettle is a command that ends a doubt.
func (c *command) doubtsSettle(use, short string, args int, how func(args []string) gateway.Settlement) *cobra.Command {
	cmd := c.asking(&cobra.Command{Use: use, Args: exactly(args), Short: short,
		Long:    short + ".\nWhat that does in the case at hand is said by meridian doubts show.\n\n" + refHelp,
		Example: "  meridian doubts " + strings.NewReplacer("REF", "17", "LOCALID", "4711").Replace(use) + " --config network.yaml --site chicago"})
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		var v struct{ Request string }
		return c.asked(cmd.Context(), post(requestPath(args[0])+"/settle", how(args)), &v, func() error {
			_, err := fmt.Fprintf(c.out, "%s is settled.\n", printable(v.Request, false))
			return err
		})
	}
	return cmd
}
