package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/meridian-gateway/meridian/gateway"
	"github.com/meridian-gateway/meridian/request"
)

// previewed is what a delivery to a site would look like.
type previewed struct {
	Call struct {
		Method, URL string
		Body        json.RawMessage
	}
	Dropped []struct{ Field, Why string }
	Problem string
}

func (c *command) deliveriesShow() *cobra.Command {
	var payload bool
	cmd := c.asking(&cobra.Command{Use: "show REF", Args: exactly(1), Short: "Show the deliveries of one request to each site that holds it, with their causes in whole",
		Long: "Show the deliveries of one request to each site that holds it, with their causes in whole. What is not delivered is shown with\n" +
			"its payload, as it goes to the site's request API through the mapping; --payload shows that of the others too.\n\n" + refHelp + "\n\n" + stateHelp,
		Example: "  meridian deliveries show chicago:17 --config network.yaml --site chicago"})
	cmd.Flags().BoolVar(&payload, "payload", false, "with the payload of each delivery; with -o json in place of the deliveries")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return c.showDeliveries(cmd.Context(), args[0], payload)
	}
	return cmd
}

func (c *command) showDeliveries(ctx context.Context, ref string, payload bool) error {
	id, err := c.id(ctx, ref)
	if err != nil {
		return err
	}
	k, err := c.client()
	if err != nil {
		return err
	}
	q := get("/api/v1/deliveries", "request", id, "limit", "1000")
	if payload && c.output == asJSON {
		return c.payloads(ctx, k, q)
	}
	var v struct{ Deliveries []gateway.DeliveryView }
	return c.asked(ctx, q, &v, func() error {
		if len(v.Deliveries) == 0 {
			return c.owesNobody(ctx, k, id)
		}
		for i, d := range v.Deliveries {
			if i > 0 {
				fmt.Fprintln(c.out)
			}
			if err := c.showDelivery(d); err != nil {
				return err
			}
			if !payload && d.State == request.Delivered {
				continue
			}
			if err := c.showPayload(ctx, k, d); err != nil {
				return err
			}
		}
		return nil
	})
}

// owesNobody says why a gateway has no deliveries of a request.
func (c *command) owesNobody(ctx context.Context, k *client, id string) error {
	var r gateway.RequestView
	if err := k.ask(ctx, get(requestPath(id)), &r); err != nil {
		return err
	}
	text := "No other site holds the request, so this gateway owes it to nobody."
	if r.Role != request.Owner {
		text = fmt.Sprintf("%s owns the request, and delivers it. Ask there: %s", r.Owner, c.againAt(string(r.Owner), "deliveries show "+id))
	}
	_, err := fmt.Fprintln(c.out, printable(text, false))
	return err
}

func (c *command) showDelivery(d gateway.DeliveryView) error {
	t := newTable(c.out)
	t.row("request", d.Request)
	t.row("to", d.Site)
	t.row("state", state(d.State))
	t.row("has version", d.Acked)
	t.row("owed version", d.Owed)
	if d.Local != "" {
		t.row("id there", d.Local)
	}
	if d.State != request.Delivered {
		t.row("behind since", momentOf(d.Since))
		t.row("attempts", d.Attempts)
		if next := nextTry(d); next != "" {
			t.row("next try", next)
		}
		t.row("cause", inWords(d.Cause))
	}
	t.row("last confirmed", momentOf(d.Last))
	t.row("held", terms(d.TermsView))
	if err := t.flush(); err != nil || d.State != request.Parked && d.State != request.Waiting {
		return err
	}
	_, err := fmt.Fprintln(c.out, "\nTry it again:\n    "+printable(c.again("deliveries retry "+quoted(string(d.Request))+" --to "+quoted(string(d.Site))), false))
	return err
}

func previewOf(d gateway.DeliveryView) question {
	return get(requestPath(string(d.Request))+"/preview", "site", string(d.Site))
}

// showPayload shows what goes to the request API of a site. A gateway that cannot tell is no fault of the delivery.
func (c *command) showPayload(ctx context.Context, k *client, d gateway.DeliveryView) error {
	var p previewed
	if err := k.ask(ctx, previewOf(d), &p); err != nil {
		_, err = fmt.Fprintf(c.out, "\nThe payload cannot be shown: %s\n", printable(err.Error(), false))
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\nPayload: %s %s\n", p.Call.Method, p.Call.URL)
	var body bytes.Buffer
	if json.Indent(&body, p.Call.Body, "  ", "  ") == nil && body.Len() > 0 {
		fmt.Fprintf(&b, "  %s\n", body.String())
	}
	for _, x := range p.Dropped {
		fmt.Fprintf(&b, "left out: %s, %s\n", x.Field, x.Why)
	}
	if p.Problem != "" {
		fmt.Fprintf(&b, "problem: %s\n", p.Problem)
	}
	_, err := fmt.Fprint(c.out, printable(b.String(), true))
	return err
}

// payloads prints the previews for programs.
func (c *command) payloads(ctx context.Context, k *client, q question) error {
	var v struct{ Deliveries []gateway.DeliveryView }
	if err := k.ask(ctx, q, &v); err != nil {
		return err
	}
	list := []json.RawMessage{}
	for _, d := range v.Deliveries {
		text, err := k.call(ctx, "GET", previewOf(d).path, nil)
		if err != nil {
			return err
		}
		list = append(list, text)
	}
	return c.json(list)
}
