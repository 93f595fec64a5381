package cli

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/meridian-gateway/meridian/gateway"
	"github.com/meridian-gateway/meridian/request"
)

// none asks for no differences: there are never so many.
const none = "1000000000"

func (c *command) verify() *cobra.Command {
	var collection string
	var repair bool
	var sample int
	cmd := c.asking(&cobra.Command{Use: "verify", Args: exactly(0), Short: "Compare the requests that a site owns with all their holders",
		Long: "Compare every request that the site owns, as it is in its request API, with what the request APIs of the holders have,\n" +
			"through the mapping, while clients go on working. What is merely on its way is looked at again and not reported.\n\n" +
			"With --repair a holder is made equal to its owner, and a record that it lost is made again; what somebody changed in the\n" +
			"owner's API behind the gateway becomes a version and goes to all. A record that is gone at its owner is only listed.\n\n" +
			"Exit codes: 0 all is equal, 1 there are differences (also when they were repaired), 3 the gateway, or a holder, cannot be reached.",
		Example: "  meridian verify --config network.yaml --site chicago\n  meridian verify --repair --collection tickets -o json --config network.yaml --site chicago"})
	cmd.Flags().StringVar(&collection, "collection", "", "the only collection; all when left out")
	cmd.Flags().BoolVar(&repair, "repair", false, "make right what differs")
	cmd.Flags().IntVar(&sample, "sample", 0, "compare only so many requests of each collection, chosen by chance")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if sample < 0 {
			return misuse("--sample %d: want a number of requests", sample)
		}
		body := map[string]any{"collection": collection, "repair": repair, "sample": sample, "by": user()}
		v, err := c.verifyNow(cmd.Context(), body)
		if err != nil {
			return err
		}
		return c.showVerify(v)
	}
	return cmd
}

// verifyNow has the requests compared, and waits for the end.
func (c *command) verifyNow(ctx context.Context, body any) (v gateway.VerificationView, err error) {
	k, err := c.client()
	if err != nil {
		return v, err
	}
	if err := k.ask(ctx, post("/api/v1/verify?after="+none, body), &v); err != nil {
		return v, err
	}
	id := v.ID
	bar := c.bar()
	err = c.follow(ctx, func() (bool, error) {
		err := k.ask(ctx, get("/api/v1/verify", "after", none), &v)
		switch {
		case err != nil:
			return false, err
		case v.ID != id:
			return false, fmt.Errorf("the gateway was restarted, and the comparison is gone; begin another")
		}
		bar.show(verifyLine(bar, v))
		return v.State != request.JobRunning, nil
	})
	bar.end()
	if err != nil {
		if ctx.Err() != nil {
			dctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
			defer cancel()
			_ = k.ask(dctx, question{method: http.MethodDelete, path: "/api/v1/verify?after=" + none}, &v)
			return v, fmt.Errorf("it was interrupted, and the comparison cancelled")
		}
		return v, err
	}
	return v, k.ask(ctx, get("/api/v1/verify"), &v)
}

// verifyLine says in a line how far a comparison is. How many requests there are is known when a number was asked for.
func verifyLine(b *bar, v gateway.VerificationView) string {
	found := fmt.Sprintf(", %d records read, %s", v.Read, plural(v.Found, "difference"))
	if v.Sample > 0 && v.Collection != "" {
		return b.part(min(v.Requests, v.Sample), v.Sample) + " requests" + found + b.left(v.Requests, v.Sample)
	}
	return plural(v.Requests, "request") + " compared" + found + b.pace(v.Requests, "requests")
}

// showVerify prints what was found and says so by the exit code.
func (c *command) showVerify(v gateway.VerificationView) error {
	if c.output == "json" {
		if err := c.json(v.Differences); err != nil {
			return err
		}
	} else if err := c.tableVerify(v); err != nil {
		return err
	}
	for _, u := range v.Unreached {
		fmt.Fprintf(c.err, "not compared with %s: %s\n", printable(string(u.Site), false), printable(cut(u.Cause, 200), false))
	}
	switch {
	case v.State == request.JobCancelled:
		return fmt.Errorf("the comparison was cancelled")
	case v.State == request.JobFailed:
		return fmt.Errorf("the comparison broke off: %s", v.Error)
	case v.Found > 0:
		return errSaid
	case len(v.Unreached) > 0:
		return coded{Unreachable, errSaid}
	}
	return nil
}

func (c *command) tableVerify(v gateway.VerificationView) error {
	if len(v.Differences) > 0 {
		t := newTable(c.out, "REQUEST", "SITE", "FIELD", "OWNER HAS", "HOLDER HAS", "WHAT", "REPAIRED")
		for _, d := range v.Differences {
			repaired := "no"
			if d.Repaired {
				repaired = "yes"
			}
			t.row(d.Request, d.Site, d.Field, cut(string(d.Owner), 40), cut(string(d.Holder), 40), cut(whatDiffers(d), 90), repaired)
		}
		if err := t.flush(); err != nil {
			return err
		}
		fmt.Fprintln(c.out)
	}
	if n := v.Found - len(v.Differences); n > 0 {
		fmt.Fprintf(c.out, "%s more are not listed.\n", plural(n, "difference"))
	}
	text := fmt.Sprintf("%s with %s compared: ", plural(v.Requests, "request"), copies(v.Copies))
	switch {
	case v.Found == 0:
		text += "no differences."
	case v.Repair:
		text += fmt.Sprintf("%s, %d repaired.", plural(v.Found, "difference"), v.Repaired)
	default:
		text += fmt.Sprintf("%s. Repair them with --repair.", plural(v.Found, "difference"))
	}
	if v.Moving > 0 {
		text += fmt.Sprintf(" %d were changing all the time and could not be judged.", v.Moving)
	}
	_, err := fmt.Fprintln(c.out, text)
	return err
}

// whatDiffers says a kind of difference in words.
func whatDiffers(d request.Difference) string {
	text := map[request.DifferenceKind]string{
		request.DiffersField: "the copy differs", request.DiffersMissing: "missing at the holder", request.DiffersGone: "missing at its owner",
		request.DiffersForeign: "changed at its owner behind the gateway", request.DiffersBehind: "the holder is behind",
		request.DiffersUnknown: "a copy that the owner does not know of", request.DiffersAhead: "the holder is ahead of the owner"}[d.Kind]
	if text == "" {
		text = string(d.Kind)
	}
	if d.Note != "" {
		text += ": " + d.Note
	}
	return text
}

func copies(n int) string {
	if n == 1 {
		return "1 copy"
	}
	return fmt.Sprint(n, " copies")
}
