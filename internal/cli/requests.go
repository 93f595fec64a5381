package cli

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/meridian-gateway/meridian/gateway"
)

// pageFlags select a part of a list.
type pageFlags struct {
	limit int
	after string
}

func (p *pageFlags) flags(cmd *cobra.Command) {
	p.limit = 100
	cmd.Flags().Var((*most)(&p.limit), "limit", "how many at most, up to 1000")
	cmd.Flags().StringVar(&p.after, "after", "", "continue where the last list ended")
}

// most is the value of --limit: what the admin API takes.
type most int

func (m *most) String() string { return strconv.Itoa(int(*m)) }
func (m *most) Type() string   { return "number" }
func (m *most) Set(s string) error {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > 1000 {
		return errors.New("a number from 1 to 1000")
	}
	*m = most(n)
	return nil
}

// more tells how a list goes on.
func (c *command) more(after string) error {
	if after == "" {
		return nil
	}
	_, err := fmt.Fprintln(c.out, "There are more: --after", strconv.Quote(printable(after, false)))
	return err
}

func (c *command) requests() *cobra.Command {
	root := &cobra.Command{Use: "requests", Short: "List and show the requests that a gateway knows; settle those in doubt"}
	root.AddCommand(c.requestsList(), c.requestsFind(), c.requestsShow(), c.requestsJourney(), c.requestsSettle())
	return group(root, which)
}

func (c *command) requestsList() *cobra.Command {
	var page pageFlags
	cmd := c.asking(&cobra.Command{Use: "list", Short: "List requests in the order of their global ids, which is that of their age", Args: exactly(0),
		Long: "List the requests that a gateway knows, in the order of their global ids, which is that of their age. HERE is what they are at the\n" +
			"site that is asked, ID HERE the local id there. VERSION is the newest that this site has.",
		Example: "  meridian requests list --config network.yaml --site chicago\n  meridian requests list --limit 1000 -o json --config network.yaml --site chicago"})
	page.flags(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		var v struct {
			Requests []gateway.RequestView
			After    string
		}
		q := get("/api/v1/requests", "after", page.after, "limit", strconv.Itoa(page.limit))
		return c.asked(cmd.Context(), q, &v, func() error {
			if len(v.Requests) == 0 {
				_, err := fmt.Fprintln(c.out, "No requests.")
				return err
			}
			t := newTable(c.out, "REQUEST", "COLLECTION", "OWNER", "VERSION", "HERE", "ID HERE", "UPDATED", "STATE").spare("UPDATED", "COLLECTION", "HERE")
			for _, r := range v.Requests {
				t.row(r.Request, r.Collection, r.Owner, r.Version, r.Role, r.Local, moment(r.Updated), state(stateOf(r)))
			}
			if err := t.flush(); err != nil {
				return err
			}
			return c.more(v.After)
		})
	}
	return cmd
}

// stateOf is what a person should know of a request at a glance.
func stateOf(r gateway.RequestView) string {
	switch {
	case r.Doubt != nil:
		return "in doubt"
	case r.HandOver != nil: // at the target there is a write under way for it
		return "being handed over to " + string(r.HandOver.To)
	case r.UnderWay != nil:
		return string(r.UnderWay.Kind) + " under way"
	case r.Plan != nil && r.Plan.Parked:
		return "transfer to " + string(r.Plan.To) + " is parked"
	case r.Plan != nil:
		return "to go to " + string(r.Plan.To)
	case len(r.Queued) > 0:
		return plural(len(r.Queued), "write") + " queued"
	case len(r.Conflicts) > 0:
		return plural(len(r.Conflicts), "conflict")
	}
	return "settled"
}

func (c *command) requestsShow() *cobra.Command {
	cmd := c.asking(&cobra.Command{Use: "show REF", Args: exactly(1), Short: "Show one request: who owns it, what each site has, what is in the way",
		Long: "Show one request: who owns it, which version each site has, why one is behind, and what to type next; then where it has been,\n" +
			"and its last writes.\n\n" + refHelp,
		Example: "  meridian requests show chicago:17 --config network.yaml --site chicago"})
	var fields bool
	cmd.Flags().BoolVar(&fields, "fields", false, "with the values of its fields")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		q := get(requestPath(args[0]))
		if fields {
			q = get(requestPath(args[0]), "fields", "true")
		}
		var r gateway.RequestView
		return c.asked(cmd.Context(), q, &r, func() error {
			k, err := c.client()
			if err != nil {
				return err
			}
			if err := c.glance(c.pictureOf(cmd.Context(), k, r)); err != nil {
				return err
			}
			if _, err := fmt.Fprintln(c.out); err != nil {
				return err
			}
			return c.showRequest(r)
		})
	}
	return cmd
}

const refHelp = "REF is a global id, SITE:LOCALID, or a local id of the site whose gateway is asked."

func (c *command) showRequest(r gateway.RequestView) error {
	t := newTable(c.out)
	t.row("request", r.Request)
	t.row("collection", r.Collection)
	t.row("owner", r.Owner)
	t.row("version", r.Version)
	t.row("role here", r.Role)
	t.row("id here", r.Local)
	if r.Apart != "" {
		t.row("unlinked copy", r.Apart)
	}
	for _, s := range slices.Sorted(maps.Keys(r.Locals)) {
		t.row("id at "+string(s), r.Locals[s])
	}
	t.row("created at", r.Origin)
	t.row("updated", moment(r.Updated))
	ownership(t, r)
	if u := r.UnderWay; u != nil {
		t.row("under way", fmt.Sprintf("%s to version %s since %s", u.Kind, u.Version, moment(u.Sent)))
	}
	if r.Doubt != nil {
		t.row("in doubt", r.Doubt.Reason)
		t.row("", "what can be done about it: "+c.again("doubts show "+string(r.Request)))
	}
	if r.Fields != nil {
		for _, f := range *r.Fields {
			t.row("field "+f.Name, cut(string(f.Value), 120))
		}
	}
	if err := t.flush(); err != nil {
		return err
	}
	if err := c.journey(r); err != nil {
		return err
	}
	return c.unsettled(r)
}

// ownership shows where a request has been, and where it is to go.
func ownership(t table, r gateway.RequestView) {
	if h := r.HandOver; h != nil {
		t.row("hand-over", fmt.Sprintf("from %s to %s since %s%s", h.From, h.To, moment(h.Since), inBrackets(h.Cause)))
	}
	if p := r.Plan; p != nil {
		state := ""
		if p.Parked {
			state = ", parked"
		}
		t.row("planned", fmt.Sprintf("%s to %s since %s, wanted by %s%s%s", what(*p), p.To, moment(p.Since), cmp.Or(wantedBy(*p), "nobody known"),
			state, inBrackets(p.Cause)))
		if len(p.Keep) > 0 {
			t.row("", "kept at "+join(p.Keep))
		}
	}
	if len(r.Path) > 0 {
		t.row("returns to", strings.Join(strings.Split(join(r.Path), ", "), ", then "))
	}
	for _, f := range r.Former {
		t.row("owned before", fmt.Sprintf("%s in epoch %d, until %s", f.Owner, f.Epoch, moment(f.Until)))
	}
	for _, f := range r.Forces {
		t.row("reclaimed", fmt.Sprintf("by %s at %s, in epoch %d from version %s, by %s: %s", f.Owner, moment(f.At), f.Epoch, f.Base, cmp.Or(f.By, "nobody known"), f.Reason))
	}
	if r.Terms != nil {
		t.row("held here", terms(*r.Terms))
	}
	if len(r.Holders) == 0 && len(r.HeldBy) > 0 {
		t.row("copies at", join(r.HeldBy))
	}
}

// terms are how a site holds a request, in a line.
func terms(v gateway.TermsView) string {
	var out []string
	add := func(name, value string) {
		if value != "" {
			out = append(out, name+" "+value)
		}
	}
	switch v.Mode {
	case "":
	case "remove":
		out = append(out, "to be removed")
	default:
		out = append(out, v.Mode)
	}
	add("route", v.Route)
	add("pool", v.Pool)
	add("update", v.Update)
	add("window", v.Window)
	add("writes", v.Writes)
	add("on delete", v.OnDelete)
	add("match", v.Match)
	add("duplicate", v.Duplicate)
	return strings.Join(out, ", ")
}

// unsettled shows writes that wait for the owner, and those that lost.
func (c *command) unsettled(r gateway.RequestView) error {
	if len(r.Queued) > 0 {
		fmt.Fprintln(c.out)
		t := newTable(c.out, "WAITS FOR THE OWNER", "SINCE", "OPERATION")
		for _, q := range r.Queued {
			t.row(q.Kind, moment(q.Since), q.Operation)
		}
		if err := t.flush(); err != nil {
			return err
		}
	}
	if len(r.Conflicts) == 0 {
		return nil
	}
	fmt.Fprintln(c.out)
	t := newTable(c.out, "CONFLICT", "KIND", "AT", "LOST AT", "LOST", "KEPT", "FIELDS")
	for _, x := range r.Conflicts {
		t.row(x.ID, x.Kind, moment(x.At), x.Site, x.Mine, x.Theirs, cut(fieldNames(x), 60))
	}
	return t.flush()
}

// journey shows who holds a request, and what was written last.
func (c *command) journey(r gateway.RequestView) error {
	if len(r.Holders) > 0 {
		fmt.Fprintln(c.out)
		t := newTable(c.out, "COPY AT", "HAS", "OWED", "CONFIRMED", "ATTEMPTS", "NEXT TRY", "HELD").spare("CONFIRMED", "NEXT TRY")
		for _, h := range r.Holders {
			t.row(h.Site, h.Acked, h.Owed, momentOf(h.Last), h.Attempts, nextTry(h), terms(h.TermsView))
		}
		if err := t.flush(); err != nil {
			return err
		}
	}
	if len(r.Operations) == 0 {
		return nil
	}
	fmt.Fprintln(c.out)
	t := newTable(c.out, "WRITE", "OUTCOME", "VERSION", "AT", "OPERATION")
	for _, o := range r.Operations {
		t.row(o.Kind, o.State, cmp.Or(o.Version, "-"), moment(o.At), o.Operation)
	}
	return t.flush()
}

func (c *command) requestsSettle() *cobra.Command {
	var how gateway.Settlement
	cmd := c.asking(&cobra.Command{Use: "settle REF (--adopt LOCALID | --retry | --abandon)", Args: exactly(1),
		Short: "Settle a write in doubt, after a look into the request API",
		Long: "Settle a write in doubt: one of which nothing that the request API offers can tell whether it was made. Look into the\n" +
			"request API first.\n\n" + refHelp,
		Example: "  meridian requests settle 17 --adopt 4711 --config network.yaml --site chicago\n  meridian requests settle 17 --retry --config network.yaml --site chicago"})
	cmd.Flags().StringVar(&how.Adopt, "adopt", "", "it was made: the record has this local id")
	cmd.Flags().BoolVar(&how.Retry, "retry", false, "it was not made, and is to be made again, in the gateway's own name")
	cmd.Flags().BoolVar(&how.Force, "force", false, "with --retry: although the call may still take effect, or records are there that it may have made")
	cmd.Flags().BoolVar(&how.Abandon, "abandon", false, "it was not made and is not wanted any more")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		n := 0
		for _, given := range []bool{how.Adopt != "", how.Retry, how.Abandon} {
			if given {
				n++
			}
		}
		if n != 1 {
			return misuse("say what you found: exactly one of --adopt LOCALID, --retry and --abandon")
		}
		var v struct{ Request string }
		return c.asked(cmd.Context(), post(requestPath(args[0])+"/settle", how), &v, func() error {
			_, err := fmt.Fprintf(c.out, "%s is settled.\n", printable(v.Request, false))
			return err
		})
	}
	return cmd
}
