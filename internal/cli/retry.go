package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/meridian-gateway/meridian/gateway"
	"github.com/meridian-gateway/meridian/request"
)

// retried is the answer to a retry.
type retried struct {
	Retried int `json:"retried"`
}

// retry has deliveries tried again, and waits for them if that is wanted.
func (c *command) retry(ctx context.Context, in map[string]any, of filter, wait time.Duration) error {
	k, err := c.client()
	if err != nil {
		return err
	}
	owed, parked := 0, 0
	if wait > 0 {
		if owed, parked, err = k.owed(ctx, of); err != nil {
			return err
		}
	}
	var v retried
	if err := k.ask(ctx, post("/api/v1/deliveries/retry", in), &v); err != nil {
		return err
	}
	refused := 0
	if wait > 0 && v.Retried > 0 {
		if refused, err = c.awaitDeliveries(ctx, k, of, v.Retried, wait); err != nil {
			return err
		}
		refused = max(refused-notMeant(of, owed, parked, v.Retried), 0)
	}
	if c.output == asJSON {
		if err := c.json(v); err != nil {
			return err
		}
	} else if err := c.sayRetried(v.Retried, refused, wait); err != nil {
		return err
	}
	if refused > 0 {
		return fmt.Errorf("%s parked after that. See why: %s", some(refused, "delivery", "is", "are"), c.again("deliveries list --state parked"))
	}
	return nil
}

// notMeant is how many parked deliveries there were before that were not tried again.
func notMeant(of filter, owed, parked, n int) int {
	switch request.State(of.state) {
	case request.Parked:
		return max(parked-n, 0)
	case "":
		return max(parked+owed-n, 0)
	}
	return parked
}

func (c *command) sayRetried(n, refused int, wait time.Duration) error {
	text := plural(n, "delivery") + " will be tried at once."
	switch {
	case n == 0:
		text = "Nothing is to be tried again: no delivery that was meant is parked or waiting."
	case wait > 0 && refused == 0:
		text = deliveriesAre(n) + " tried again and confirmed."
	case wait > 0:
		text = deliveriesAre(n) + " tried again."
	}
	_, err := fmt.Fprintln(c.out, text)
	return err
}

func deliveriesAre(n int) string { return some(n, "delivery", "is", "are") }

// awaitDeliveries looks until none of the deliveries meant is on its way, and returns how many are parked then.
func (c *command) awaitDeliveries(ctx context.Context, k *client, of filter, total int, wait time.Duration) (refused int, err error) {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	bar := c.bar()
	defer bar.end()
	owed := total
	err = c.follow(ctx, func() (bool, error) {
		var err error
		if owed, refused, err = k.owed(ctx, of); err != nil {
			return false, err
		}
		done := max(total-owed-refused, 0)
		bar.show(bar.part(done, total) + " confirmed" + bar.left(done, total))
		return owed == 0, nil
	})
	if err != nil && ctx.Err() != nil {
		return 0, fmt.Errorf("after %s %s still not confirmed; they go on by themselves. See why: %s", wait, some(owed, "delivery", "is", "are"),
			c.again("deliveries list"))
	}
	return refused, err
}

// owed counts the deliveries meant that are on their way, and those that are parked.
func (k *client) owed(ctx context.Context, of filter) (owed, parked int, err error) {
	if of.ref != "" {
		var v struct{ Deliveries []gateway.DeliveryView }
		err := k.ask(ctx, get("/api/v1/deliveries", "request", of.ref, "site", of.to, "limit", "1000"), &v)
		for _, d := range v.Deliveries {
			switch d.State {
			case request.Pending, request.InFlight, request.Waiting:
				owed++
			case request.Parked:
				parked++
			}
		}
		return owed, parked, err
	}
	var v standingOf
	err = k.ask(ctx, get("/api/v1/status"), &v)
	for _, d := range v.Forwarding.Destinations {
		if of.to == "" || string(d.Site) == of.to {
			owed, parked = owed+owing(d)-d.Parked, parked+d.Parked
		}
	}
	return owed, parked, err
}
