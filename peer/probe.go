package peer

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/meridian-gateway/meridian/request"
)

// Hello asks a peer to introduce itself, and notes what it says in Status.
func (c *Client) Hello(ctx context.Context, to request.Site) (Greeting, error) {
	return c.hello(ctx, to, false)
}

func (c *Client) hello(ctx context.Context, to request.Site, probe bool) (Greeting, error) {
	q := question{op: "peer.Hello", path: HelloPath, timeout: c.o.HelloTimeout, tries: 1, probe: probe}
	var asked bool
	var seen answered
	g, err := ask(ctx, c, to, q, nothing{}, func(g *Greeting, a *answered) {
		asked, seen = true, *a
		// A peer that answers but says that it cannot reach its own upstream is no reason to close the breaker. Nor is it one to open it
		// for longer: what one gateway of a site says may be old, and only traffic finds out.
		if a.verdict == good && (!a.verified || !g.Upstream) {
			a.verdict = neutral
		}
	})
	if asked {
		c.greeted(c.dest(to), g, seen, err)
	}
	return g, err
}

// greeted notes what a hello brought to light.
func (c *Client) greeted(d *dest, g Greeting, a answered, err error) {
	if d == nil || verdictOf(err, a.verified) == neutral {
		return // removed meanwhile, or cancelled by the caller
	}
	now := c.o.Now()
	word, _, _ := d.gate.state()
	d.mu.Lock()
	was := d.up
	d.st.LastHello, d.st.HelloError = now, ""
	if a.verified {
		// The peer read its clock somewhere on the way: assume in the middle.
		d.st.Skew = time.UnixMilli(a.mark.time).Sub(a.sent.Add(now.Sub(a.sent) / 2))
	}
	if err != nil {
		d.st.HelloError, d.up = err.Error(), false
	} else {
		if d.st.ConfigHeard = now; d.st.ConfigHash != g.ConfigHash {
			d.st.ConfigSince = now
		}
		d.st.Upstream, d.st.ConfigHash, d.st.Incarnation, d.st.Software = g.Upstream, g.ConfigHash, g.Incarnation, g.Software
		d.up = g.Upstream && word == "closed"
	}
	back := d.up && !was
	d.mu.Unlock()
	if back && c.o.OnUp != nil {
		c.o.OnUp(d.site)
	}
}

// Probe says hello to every destination again and again, at least every ProbeEvery, so that Status is right without traffic and
// an open breaker closes without a client paying for the attempt. It returns when ctx is done and all its work has ended.
func (c *Client) Probe(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	running := map[*dest]context.CancelFunc{}
	defer func() {
		for _, stop := range running {
			stop()
		}
	}()
	for {
		c.mu.RLock()
		for _, d := range c.dests {
			if running[d] == nil {
				sub, stop := context.WithCancel(ctx)
				running[d] = stop
				wg.Go(func() { c.probe(sub, d.site) })
			}
		}
		for d, stop := range running {
			if c.dests[d.site] != d {
				stop()
				delete(running, d)
			}
		}
		c.mu.RUnlock()
		select {
		case <-c.changed:
		case <-ctx.Done():
			return
		}
	}
}

func (c *Client) probe(ctx context.Context, to request.Site) {
	failed := 0
	for {
		start := time.Now()
		every := c.o.ProbeEvery
		if _, err := c.hello(ctx, to, true); err == nil { // what came of it is in the status
			failed = 0
		} else {
			// A peer that has just gone is looked for more often: it may have been restarted, or not have started yet.
			every = min(every, every/20<<min(failed, 10))
			failed++
		}
		// From start to start, so that a hello that times out does not stretch the interval.
		wait := every*3/5 + rand.N(every*2/5) - time.Since(start)
		timer := time.NewTimer(max(wait, every/10))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
	}
}
