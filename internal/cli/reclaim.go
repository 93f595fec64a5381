package cli

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/meridian-gateway/meridian/gateway"
	"github.com/meridian-gateway/meridian/request"
)

func (c *command) reclaim() *cobra.Command {
	var why string
	var yes bool
	cmd := c.asking(&cobra.Command{Use: "reclaim REF --reason TEXT", Args: exactly(1), Short: "Make this site the owner without the consent of the owner before",
		Long: "Make the site whose gateway is asked the owner of a request, at once and without the consent of the owner before: for\n" +
			"when that is lost, or a hand-over stays open because the other side does not give its word.\n\n" +
			"What the owner before acknowledged after the version known here is not in it. Nothing of that is thrown away: when\n" +
			"that site is back it steps down, and what it has beyond becomes conflict records. While it lives, use transfer.\n\n" + refHelp,
		Example: "  meridian reclaim 17 --reason 'the line to Chicago is down until Monday' --config network.yaml --site tokyo"})
	cmd.Flags().StringVar(&why, "reason", "", "why; it is kept with the request")
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask whether it is meant")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if strings.TrimSpace(why) == "" {
			return misuse("say why, it is kept with the request: --reason TEXT")
		}
		if !yes && !terminal(c.in) {
			return misuse("there is no terminal to ask whether it is meant: say --yes")
		}
		return c.force(cmd.Context(), args[0], why, yes)
	}
	return cmd
}

// force says what it will cost, asks, and reclaims the request.
func (c *command) force(ctx context.Context, ref, why string, yes bool) error {
	k, err := c.client()
	if err != nil {
		return err
	}
	var r gateway.RequestView
	if err := k.ask(ctx, get(requestPath(ref)), &r); err != nil {
		return err
	}
	if r.Role == request.Owner {
		return fmt.Errorf("%s is owned by this site already, in version %s", r.Request, r.Version)
	}
	if _, err := fmt.Fprint(c.err, printable(cost(r), true)); err != nil {
		return err
	}
	if !yes && !agreed(c.in, c.err) {
		return fmt.Errorf("%s was left as it is", r.Request)
	}
	var st gateway.StandingView
	if err := k.ask(ctx, post(requestPath(string(r.Request))+"/reclaim", map[string]any{"reason": why, "by": user()}), &st); err != nil {
		return err
	}
	if c.output == "json" {
		return c.json(st)
	}
	_, err = fmt.Fprintf(c.out, "%s is owned by %s now, in version %s.\n", printable(string(st.Request), false), printable(string(st.Owner), false), printable(st.Version, false))
	return err
}

// cost says in plain words what reclaiming a request may lose.
func cost(r gateway.RequestView) string {
	var b strings.Builder
	before := r.Owner
	if h := r.HandOver; h != nil {
		fmt.Fprintf(&b, "%s is in the middle of a hand-over from %s to %s, since %s%s.\n", r.Request, h.From, h.To, moment(h.Since), inBrackets(h.Cause))
		before = h.To
		if r.Role == request.Elect {
			before = h.From
		}
	} else {
		fmt.Fprintf(&b, "%s is owned by %s.\n", r.Request, before)
	}
	known := "version " + r.Version
	if r.Version == "" {
		known = "no version"
	}
	fmt.Fprintf(&b, "The newest state known at this site is %s. This site becomes the owner with that, and %s is not asked.\n"+
		"What %s acknowledged after it is missing until that site is back; then it becomes conflict records, which a person\n"+
		"must look at (meridian conflicts list, at every site). Clients there may be told that their writes were done until then.\n", known, before, before)
	return b.String()
}

// agreed asks whether it is meant.
func agreed(in io.Reader, out io.Writer) bool {
	_, _ = fmt.Fprint(out, "Type yes to reclaim it: ")
	line, _ := bufio.NewReader(in).ReadString('\n') // what could not be read is no yes
	return strings.TrimSpace(line) == "yes"
}

// terminal reports whether a person can be asked.
func terminal(in io.Reader) bool {
	f, ok := in.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
