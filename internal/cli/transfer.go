package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/meridian-gateway/meridian/gateway"
	"github.com/meridian-gateway/meridian/request"
)

// pollFirst and pollMost are the pauses between two looks at a hand-over that is waited for.
const (
	pollFirst = 50 * time.Millisecond
	pollMost  = time.Second
)

const waitHelp = "wait so long at most until the gateway asked knows the new owner; 0 does not wait"

func (c *command) transfer() *cobra.Command {
	var to, mode string
	var wait time.Duration
	cmd := c.asking(&cobra.Command{Use: "transfer REF --to SITE", Args: exactly(1), Short: "Hand a request over to another site",
		Long: "Hand a request over to another site, from whichever site this is asked. It is planned when the command returns, and\n" +
			"carried out by the owner as soon as it and the target can; until then the owner goes on owning. See what waits, and\n" +
			"why, with: meridian transfers\n\n" + refHelp,
		Example: "  meridian transfer 17 --to tokyo --wait 30s --config network.yaml --site chicago"})
	cmd.Flags().StringVar(&to, "to", "", "the site that is to own it")
	cmd.Flags().StringVar(&mode, "mode", "ownership", "ownership: the source keeps a copy; move: its record goes when the target has confirmed")
	cmd.Flags().DurationVar(&wait, "wait", 0, waitHelp)
	complete(cmd, "to", c.siteNames)
	choose(cmd, "mode", "ownership", "move")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		switch {
		case to == "":
			return misuse("say to which site: --to SITE")
		case mode != "ownership" && mode != "move":
			return misuse("--mode %s: want ownership or move; copies are made by routes", mode)
		}
		if err := c.target(to); err != nil {
			return err
		}
		return c.order(cmd.Context(), post(requestPath(args[0])+"/transfer", map[string]any{"to": to, "mode": mode, "by": user()}), wait)
	}
	return cmd
}

func (c *command) giveBack() *cobra.Command {
	var wait time.Duration
	cmd := c.asking(&cobra.Command{Use: "return REF", Args: exactly(1), Short: "Hand a request back to the site that owned it before",
		Long: "Hand a request back to the site that owned it before, from whichever site this is asked. Repeated, it goes home step\n" +
			"by step on the way it came.\n\n" + refHelp,
		Example: "  meridian return chicago:17 --wait 30s --config network.yaml --site tokyo"})
	cmd.Flags().DurationVar(&wait, "wait", 0, waitHelp)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return c.order(cmd.Context(), post(requestPath(args[0])+"/return", map[string]any{"by": user()}), wait)
	}
	return cmd
}

// user is who sits here, as far as the system says.
func user() string {
	return cut(printable(cmp.Or(os.Getenv("USER"), os.Getenv("LOGNAME")), false), 100)
}

// order gives a command to the owner of a request, shows what it said, and waits for the hand-over if that is wanted.
func (c *command) order(ctx context.Context, q question, wait time.Duration) error {
	if wait < 0 {
		return misuse("--wait %s: want a time such as 30s", wait)
	}
	k, err := c.client()
	if err != nil {
		return err
	}
	var st gateway.StandingView
	if err := k.ask(ctx, q, &st); err != nil {
		return err
	}
	if wait > 0 && st.Plan != nil {
		if err := c.await(ctx, k, &st, wait); err != nil {
			return err
		}
	}
	if c.output == "json" {
		return c.json(st)
	}
	_, err = fmt.Fprintln(c.out, printable(standing(st), false))
	return err
}

// standing says how a request stands after an order.
func standing(st gateway.StandingView) string {
	switch p := st.Plan; {
	case p == nil:
		return fmt.Sprintf("%s is owned by %s, in version %s.", st.Request, st.Owner, st.Version)
	case st.Role == request.Granting:
		return fmt.Sprintf("%s is just being handed over to %s.", st.Request, p.To)
	case p.Return:
		return fmt.Sprintf("%s will be returned to %s; until then %s owns it.", st.Request, p.To, st.Owner)
	default:
		return fmt.Sprintf("%s will be handed over to %s; until then %s owns it.", st.Request, p.To, st.Owner)
	}
}

// await looks at a request until its owner is the one planned, and brings st up to that.
func (c *command) await(ctx context.Context, k *client, st *gateway.StandingView, most time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	to, why := st.Plan.To, ""
	for pause := pollFirst; ; pause = min(2*pause, pollMost) {
		var r gateway.RequestView
		err := k.ask(ctx, get(requestPath(string(st.Request))), &r)
		switch {
		case err != nil:
			if ctx.Err() == nil {
				why = err.Error()
			}
		case r.Owner == to && r.HandOver == nil && r.Role != request.Granting && r.Role != request.Elect:
			*st = gateway.StandingView{Request: r.Request, Owner: r.Owner, Version: r.Version, Role: r.Role, Plan: r.Plan}
			return nil
		case r.Plan != nil && r.Plan.To == to && r.Plan.Parked:
			return fmt.Errorf("the hand-over of %s to %s is parked: %s", st.Request, to, r.Plan.Cause)
		default:
			why = reason(r)
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("%s is not owned by %s after %s%s; it stays ordered. See why it waits: %s", st.Request, to, most, inBrackets(inWords(why)), c.again("transfers"))
		}
	}
}

// reason is why a request has not moved yet, as far as it can be seen.
func reason(r gateway.RequestView) string {
	switch {
	case r.HandOver != nil:
		return r.HandOver.Cause
	case r.Plan != nil:
		return r.Plan.Cause
	}
	return ""
}

func inBrackets(why string) string {
	if why == "" {
		return ""
	}
	return " (" + why + ")"
}

// ask makes one call and decodes its answer.
func (k *client) ask(ctx context.Context, q question, v any) error {
	text, err := k.call(ctx, q.method, q.path, q.body)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, v); err != nil {
		return notUnderstood(err)
	}
	return nil
}

func (c *command) transfers() *cobra.Command {
	var page pageFlags
	cmd := c.asking(&cobra.Command{Use: "transfers", Args: exactly(0), Short: "List the hand-overs that are not done, and why",
		Long: "List the hand-overs that are not done, at the gateway asked, and why.\n\n" +
			"waiting: planned; this site owns the request and it can be written\n" +
			"open:    released or taken in, and not decided; the request cannot be written until the target's word is here\n" +
			"parked:  planned, and not tried again by itself; ask for it again, for something else, or write the request",
		Example: "  meridian transfers --config network.yaml --site chicago"})
	page.flags(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		var v struct {
			Transfers []gateway.TransferView
			After     string
		}
		q := get("/api/v1/transfers", "after", page.after, "limit", strconv.Itoa(page.limit))
		return c.asked(cmd.Context(), q, &v, func() error {
			if len(v.Transfers) == 0 {
				_, err := fmt.Fprintln(c.out, "No hand-over is waiting, open or parked here.")
				return err
			}
			t := newTable(c.out, "REQUEST", "STATE", "FROM", "TO", "WHAT", "SINCE", "WANTED BY", "CAUSE").
				spare("WHAT", "SINCE", "WANTED BY", "FROM").brief(3, c.again("requests show REQUEST"))
			for _, x := range v.Transfers {
				t.row(x.Request, transferState(x.State), x.From, x.To, what(x.PlanView), moment(x.Since), wantedBy(x.PlanView), inWords(x.Cause))
			}
			if err := t.flush(); err != nil {
				return err
			}
			return c.more(v.After)
		})
	}
	return cmd
}

// transferState is the state of a transfer. An open one is under way: that is nothing bad in itself.
func transferState(word string) cell {
	c := state(word)
	if word == gateway.TransferOpen {
		c.mood = watch
	}
	return c
}

// what a plan comes to, in a word.
func what(p gateway.PlanView) string {
	switch {
	case p.Archive:
		return "archive"
	case p.Return:
		return "return"
	}
	return p.Mode
}

// wantedBy is whose wish a plan is.
func wantedBy(p gateway.PlanView) string {
	if p.By == "" && p.Route != "" {
		return "route " + p.Route
	}
	return p.By
}
