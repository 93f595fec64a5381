package upstream

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// pass is what one of the gateway's own calls has when it may begin.
type pass struct {
	leave    func()
	grant    *grant    // nil: there is no login
	deadline time.Time // of all that is done for the call
}

// pass waits until one of the gateway's own calls may begin: the API wants calls, there is a place, and there is a token.
func (c *Client) pass(ctx context.Context) (*pass, error) {
	p := &pass{deadline: time.Now().Add(patience + c.options.Timeout)}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := c.hold.wait(ctx); err != nil {
		return nil, err
	}
	leave, err := c.turn(ctx)
	if err != nil {
		return nil, err
	}
	p.leave = leave
	// While the call waited for its place others may have been told to hold off.
	if err = c.hold.wait(ctx); err == nil && c.session != nil {
		p.grant, err = c.session.token(ctx)
	}
	if err != nil {
		leave()
		return nil, err
	}
	return p, nil
}

// again gets another token for a call that was refused for the sake of its own. The error says that nothing was done.
func (c *Client) again(ctx context.Context, p *pass, status int) error {
	wctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	g, err := c.session.token(wctx)
	if err == nil {
		err = c.hold.wait(wctx)
	}
	if err == nil && time.Until(p.deadline) < briefest {
		err = fmt.Errorf("there is no time left for a second try")
	}
	if err != nil {
		e := unsent(ctx, err)
		e.Detail = fmt.Sprintf("the token was refused (status %d), nothing was done, and there is no other", status)
		return e
	}
	p.grant = g
	return nil
}

// sign puts the token into a call.
func (p *pass) sign(req *http.Request) {
	if p.grant == nil {
		return
	}
	for name, values := range p.grant.headers {
		req.Header[name] = values
	}
}

// turn waits until one of the gateway's own calls may begin.
func (c *Client) turn(ctx context.Context) (leave func(), err error) {
	leave = func() {}
	if c.own != nil {
		select {
		case c.own <- struct{}{}:
			leave = func() { <-c.own }
		case <-ctx.Done():
			return nil, fmt.Errorf("waiting for one of %d calls to end: %w", cap(c.own), ctx.Err())
		}
	}
	if c.rate != nil {
		if err := c.rate.Wait(ctx); err != nil {
			leave()
			return nil, err
		}
	}
	return leave, nil
}
