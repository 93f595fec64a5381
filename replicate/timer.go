package replicate

import (
	"context"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/meridian-gateway/meridian/request"
)

// Schedule tells when a route runs: the first time after the one given; ok is false when there is none.
type Schedule interface {
	Next(after time.Time) (at time.Time, ok bool)
}

// Timer is one route with a schedule.
type Timer struct {
	Route    string
	Schedule Schedule
	// Skip says that runs missed while no gateway of the site was up are not made up; else they are, once (spec 6).
	Skip bool
}

// The keys under which the store remembers runs do not end in practice; a claim on a run lasts until others may take it for lost.
const (
	timerLife  = 100 * 365 * 24 * time.Hour
	claimLife  = 10 * time.Minute
	longestNap = time.Minute // clocks are set, and machines sleep
)

// RunTimers runs scheduled routes at their times until ctx ends. A run happens once, however many gateways the site has: the one that
// claims it in the store first runs it, and the others see when it is done, or take it over when it is not.
func (g *Engine) RunTimers(ctx context.Context, t Timed, timers []Timer) {
	var running sync.WaitGroup
	for _, x := range timers {
		running.Go(func() { g.runTimer(ctx, t, x) })
	}
	running.Wait()
}

func (g *Engine) runTimer(ctx context.Context, t Timed, x Timer) {
	for ctx.Err() == nil {
		last, err := g.lastRun(ctx, x.Route)
		if err != nil {
			g.Log.Warn("reading when a schedule last ran", zap.String("route", x.Route), logError(err))
			g.nap(ctx, 5*time.Second)
			continue
		}
		now := g.now()
		due, ok := x.Schedule.Next(last)
		if !ok {
			g.nap(ctx, longestNap)
			continue
		}
		if due.After(now) {
			g.nap(ctx, min(due.Sub(now), longestNap))
			continue
		}
		due, missed := newest(x.Schedule, due, now)
		if missed && x.Skip {
			g.Log.Info("runs of a schedule were missed and are skipped", zap.String("route", x.Route), zap.Time("until", due))
			g.ran(ctx, x.Route, due)
			continue
		}
		g.runAt(ctx, t, x.Route, due)
	}
}

// newest is the last due time that is not in the future. Missed says that it is too late for being one that just came.
func newest(s Schedule, due, now time.Time) (time.Time, bool) {
	for {
		next, ok := s.Next(due)
		if !ok || next.After(now) {
			return due, now.Sub(due) > 2*longestNap
		}
		due = next
	}
}

// runAt runs a route for one due time, unless another gateway does.
func (g *Engine) runAt(ctx context.Context, t Timed, route string, due time.Time) {
	claim := request.Key{Hash: "run/" + route + "/" + due.UTC().Format(time.RFC3339), Digest: g.me(), Expires: g.now().Add(claimLife)}
	k, fresh, err := g.Notes.Reserve(ctx, claim)
	if err == nil && !fresh && k.Digest != g.me() {
		if g.now().Before(k.Expires) && (!g.Shared || !g.over(k.Digest, k.Expires)) {
			g.nap(ctx, time.Second) // it is being run elsewhere; the next look finds it done
			return
		}
		err = g.Notes.Keep(ctx, claim)
	}
	if err != nil {
		g.Log.Warn("claiming the run of a schedule", zap.String("route", route), logError(err))
		g.nap(ctx, 5*time.Second)
		return
	}
	n, err := g.RunRoute(ctx, t, route, false)
	if err != nil {
		g.Log.Warn("running a schedule; it will be tried again", zap.String("route", route), zap.Int("requests", n), logError(err))
		g.nap(ctx, 5*time.Second)
		return
	}
	level := zap.DebugLevel
	if n > 0 {
		level = zap.InfoLevel
	}
	g.Log.Log(level, "a schedule ran", zap.String("route", route), zap.Time("due", due), zap.Int("requests", n))
	g.ran(ctx, route, due)
}

// lastRun is the time up to which a route has run; for one that is new it is now.
func (g *Engine) lastRun(ctx context.Context, route string) (time.Time, error) {
	now := g.now()
	k, _, err := g.Notes.Reserve(ctx, request.Key{Hash: "schedule/" + route, Digest: now.UTC().Format(time.RFC3339Nano), Expires: now.Add(timerLife)})
	if err != nil {
		return now, err
	}
	at, err := time.Parse(time.RFC3339Nano, k.Digest)
	if err != nil || at.After(now.Add(24*time.Hour)) { // a clock was far ahead: nothing may stand still for that
		return now, nil
	}
	return at, nil
}

func (g *Engine) ran(ctx context.Context, route string, due time.Time) {
	k := request.Key{Hash: "schedule/" + route, Digest: due.UTC().Format(time.RFC3339Nano), Expires: g.now().Add(timerLife)}
	if err := g.Notes.Keep(ctx, k); err != nil {
		g.Log.Warn("noting that a schedule ran; it may run again, which does no harm", zap.String("route", route), logError(err))
		g.nap(ctx, time.Second)
	}
}

func (g *Engine) nap(ctx context.Context, d time.Duration) {
	select {
	case <-g.Clock.After(d):
	case <-ctx.Done():
	}
}
