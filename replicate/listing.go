package replicate

import (
	"context"
	"sync"
	"time"

	"github.com/meridian-gateway/meridian/profile"
	"github.com/meridian-gateway/meridian/request"
)

// pageTries is how often a page is asked for when the API breaks off or has no time.
const pageTries = 5

// walk gives each page of a collection's list, the records changed since a time or all, to each until that returns an error. The
// total is what the API says there are, 0 while it does not.
func (g *Engine) walk(ctx context.Context, c *profile.Collection, since time.Time, each func(page []profile.Listed, total int) error) error {
	p := c.List(since)
	for {
		call, ok := p.Call()
		if !ok {
			return nil
		}
		ans, err := g.page(ctx, c, call)
		if err != nil {
			return err
		}
		list, err := p.Take(ans)
		if err != nil {
			return err
		}
		total, _ := p.Total()
		if err := each(list, total); err != nil {
			return err
		}
	}
}

// page asks for one page. What breaks off, or may work later, is asked for again.
func (g *Engine) page(ctx context.Context, c *profile.Collection, call request.Call) (request.Answer, error) {
	for tries := 1; ; tries++ {
		ans, err := g.Upstream.Do(ctx, call, true)
		verdict := profile.Doubtful
		if err == nil {
			if verdict = c.Judge(profile.List, ans); verdict == profile.Accepted {
				return ans, nil
			}
			err = &request.Error{Op: "replicate.list", Kind: request.Unavailable, Detail: "listing " + c.Name() + ": " + said(g.Self, ans)}
		}
		if tries == pageTries || ctx.Err() != nil || verdict != profile.Doubtful && verdict != profile.Unavailable {
			return ans, err
		}
		g.nap(ctx, 200*time.Millisecond<<tries)
	}
}

// pace lets so many begin in a second, evenly; the zero value lets all.
type pace struct {
	rate float64
	mu   sync.Mutex
	next time.Time
}

// wait returns when the next may begin, or ctx has ended.
func (p *pace) wait(ctx context.Context, clock Clock) {
	if p.rate <= 0 {
		return
	}
	p.mu.Lock()
	now := clock.Now()
	at := p.next
	if at.Before(now) {
		at = now
	}
	p.next = at.Add(time.Duration(float64(time.Second) / p.rate))
	p.mu.Unlock()
	if d := at.Sub(now); d > 0 {
		select {
		case <-clock.After(d):
		case <-ctx.Done():
		}
	}
}
