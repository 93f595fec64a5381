package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/meridian-gateway/meridian/gateway"
	"github.com/meridian-gateway/meridian/request"
)

// standingOf is what the admin API says of a site.
type standingOf struct {
	Network, Site, Version, State, Reason string
	Ready                                 bool
	Forwarding                            gateway.Forwarding
}

func (c *command) status() *cobra.Command {
	var follow bool
	every := 2 * time.Second
	cmd := c.asking(&cobra.Command{Use: "status", Short: "Show how a gateway and its links are: what is wrong, why, and what to type next", Args: exactly(0),
		Long: "Show how a gateway is. The first lines say what is wrong, in words, with the command to type next; then come the links to the\n" +
			"other sites, and then what waits for a person. The exit code is 0 when the gateway answers, however it is.\n\n" +
			"OWED is how many deliveries a site has not confirmed; of these WAITING have failed and are tried again, PARKED are not tried again\n" +
			"by themselves. OLDEST is for how long the oldest is owed, LAG how long deliveries took of late, DRAINED IN when nothing will be\n" +
			"owed any more if it goes on like this.\n\n" +
			"With --watch it is shown again and again, in place on a terminal; with -o json one value a line, with -o yaml one document each.",
		Example: "  meridian status --config network.yaml --site chicago\n  meridian status --watch --config network.yaml --site chicago"})
	cmd.Flags().BoolVar(&follow, "watch", false, "show it again and again, until Ctrl-C")
	cmd.Flags().DurationVar(&every, "every", every, "with --watch: the pause between two looks")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if every < 100*time.Millisecond {
			return misuse("--every %s: want 100ms or more", every)
		}
		k, err := c.client()
		if err != nil {
			return err
		}
		if follow {
			c.several = true
			return c.watchStatus(cmd.Context(), k, every)
		}
		return c.statusOnce(cmd.Context(), k, c.out)
	}
	return cmd
}

// statusOnce asks and shows once.
func (c *command) statusOnce(ctx context.Context, k *client, out io.Writer) error {
	text, err := k.call(ctx, "GET", "/api/v1/status", nil)
	if err != nil {
		return err
	}
	if c.output == asJSON {
		return c.text(text)
	}
	var v standingOf
	if err := json.Unmarshal(text, &v); err != nil {
		return notUnderstood(err)
	}
	return c.showStatus(ctx, k, v, out)
}

func (c *command) showStatus(ctx context.Context, k *client, v standingOf, out io.Writer) error {
	s := screenOf(out, c.mode)
	list := c.diagnose(v)
	title := fmt.Sprintf("%s of network %s: ", v.Site, v.Network)
	sentence := s.wrap(title + v.State + ". " + inShort(v, len(list)))
	// The state stands in the first line; colours come after the wrapping, which counts columns.
	before, after, _ := strings.Cut(sentence, ": "+v.State+".")
	fmt.Fprintf(out, "%s: %s.%s\n", before, state(v.State).mood.paint(v.State, s.colour), after)
	for _, t := range list {
		fmt.Fprintln(out)
		t.print(s)
	}
	if err := c.destinations(s, v.Forwarding.Destinations); err != nil {
		return err
	}
	if err := c.needed(ctx, k, v.Forwarding, s); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "\n%s\n", faint.paint(printable(fmt.Sprintf("network file %s, meridian %s, %s", v.Forwarding.ConfigHash, v.Version, moment(time.Now())), false), s.colour))
	return err
}

// inShort is the sentence behind the state. The state is that of the forwarding: clients of the site may be served all the same.
func inShort(v standingOf, troubles int) string {
	owed, broken := 0, 0
	for _, d := range v.Forwarding.Destinations {
		owed += owing(d)
		if d.State == gateway.Down {
			broken++
		}
	}
	text := "Clients here are served"
	switch {
	case !v.Ready, slices.ContainsFunc(v.Forwarding.Problems, apiAway):
		text = "Clients here are not served"
	case broken > 0:
		text += ", but " + plural(broken, "link") + " of " + fmt.Sprint(len(v.Forwarding.Destinations)) + " cannot be used"
	case len(v.Forwarding.Destinations) > 0:
		text += ", and all links are up"
	}
	switch {
	case troubles > 0:
		text += ". " + plural(troubles, "thing") + " to look at:"
	case owed > 0:
		text += "; " + deliveriesAre(owed) + " on the way."
	case len(v.Forwarding.Destinations) > 0:
		text += ". Nothing is owed to any site."
	default:
		text += "."
	}
	return text
}

// owing is how many deliveries a site has not confirmed.
func owing(d gateway.Destination) int { return d.Pending + d.InFlight + d.Waiting + d.Parked }

func (c *command) destinations(out *screen, list []gateway.Destination) error {
	if len(list) == 0 {
		return nil
	}
	fmt.Fprintln(out)
	t := newTable(out, "LINK TO", "STATE", "BREAKER", "OWED", "WAITING", "PARKED", "OLDEST", "LAG P50", "LAG P99", "DRAINED IN", "LAST ERROR").
		spare("BREAKER", "LAG P50", "DRAINED IN", "WAITING", "LAG P99", "LAST ERROR").brief(2, "meridian status -o yaml")
	for _, d := range list {
		parked := cell{text: fmt.Sprint(d.Parked)}
		if d.Parked > 0 {
			parked.mood = bad
		}
		drained := ""
		if owed := owing(d) - d.Parked; d.Drain != nil && *d.Drain > 0 {
			drained = seconds(*d.Drain)
		} else if owed > 0 {
			drained = "not known"
		}
		last := ""
		if d.State == gateway.Down || d.State != gateway.OK && owing(d) > d.Parked { // else it is of another time
			last = inWords(d.LastError)
		}
		t.row(d.Site, state(d.State), state(d.Breaker), owing(d), d.Waiting, parked, seconds(d.OldestAge), seconds(d.Lag.P50), seconds(d.Lag.P99), drained, last)
	}
	return t.flush()
}

// mostNeeded is how many things of each kind status names.
const mostNeeded = "5"

// needed lists what waits for a person. What cannot be asked is left out: the counts are said above all the same.
func (c *command) needed(ctx context.Context, k *client, f gateway.Forwarding, out *screen) error {
	t := newTable(out, "NEEDS A PERSON", "REQUEST", "SITE", "SINCE", "WHY").spare("SINCE", "SITE").brief(3, "")
	if slices.ContainsFunc(f.Destinations, func(d gateway.Destination) bool { return d.Parked > 0 }) {
		var v struct{ Deliveries []gateway.DeliveryView }
		_ = k.ask(ctx, get("/api/v1/deliveries", "state", string(request.Parked), "limit", mostNeeded), &v)
		for _, d := range v.Deliveries {
			t.row(state("parked"), d.Request, d.Site, momentOf(d.Since), inWords(d.Cause))
		}
	}
	if f.InDoubt > 0 {
		var v doubtPage
		_ = k.ask(ctx, get("/api/v1/doubts", "limit", mostNeeded), &v)
		for _, d := range v.Doubts {
			t.row(state("in doubt"), d.Request, d.Site, moment(d.Since), fmt.Sprintf("%s: %s", d.Doing, d.Reason))
		}
	}
	if f.Conflicts > 0 {
		var v conflictPage
		_ = k.ask(ctx, get("/api/v1/conflicts", "limit", mostNeeded), &v)
		for _, x := range v.Conflicts {
			t.row(cell{"conflict", watch}, x.Request, x.Site, moment(x.At), x.Decision)
		}
	}
	if f.Transfers.Parked > 0 {
		var v struct{ Transfers []gateway.TransferView }
		_ = k.ask(ctx, get("/api/v1/transfers", "limit", "1000"), &v)
		for _, x := range v.Transfers {
			if x.State == gateway.TransferParked {
				t.row(cell{"transfer", bad}, x.Request, x.To, moment(x.Since), x.Cause)
			}
		}
	}
	if len(t.cells) == 0 {
		return nil
	}
	fmt.Fprintln(out)
	if err := t.flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintln(out, "Look at one of them: "+printable(c.again("requests show REQUEST"), false))
	return err
}

// watchStatus shows the status until ctx ends.
func (c *command) watchStatus(ctx context.Context, k *client, every time.Duration) error {
	s := screenOf(c.out, c.mode)
	_, tty := terminalOf(c.out)
	tick := time.NewTicker(every)
	defer tick.Stop()
	for n := 0; ; n++ {
		var b bytes.Buffer
		err := c.statusOnce(ctx, k, &screen{Writer: &b, width: s.width, colour: s.colour})
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && n == 0:
			return err
		case err != nil && tty && c.output == asTable:
			fmt.Fprintln(&b, printable(err.Error(), true))
		case err != nil:
			fmt.Fprintln(c.err, "meridian:", printable(err.Error(), true))
		}
		if c.output == asTable {
			if err := inPlace(s, b.String(), tty, n); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// inPlace writes one look over the last one on a terminal, else below it.
func inPlace(out io.Writer, text string, tty bool, n int) error {
	switch {
	case tty:
		if n == 0 {
			fmt.Fprint(out, "\x1b[2J")
		}
		text = "\x1b[H" + strings.ReplaceAll(text, "\n", "\x1b[K\n") + "\x1b[J"
	case n > 0:
		text = "\n" + text
	}
	_, err := io.WriteString(out, text)
	return err
}
