package demo

import (
	"sync"
	"time"

	"go.uber.org/zap/zapcore"

	"github.com/meridian-gateway/meridian/request"
)

// runs hears from the gateways' logs which schedules have run, so that a tour need not guess how long that takes.
type runs struct {
	mu   sync.Mutex
	last map[timed]time.Time // the latest due time that was run
	news chan struct{}       // has something in it when there was a run
}

// timed is a route with a schedule, at one of the sites where it runs.
type timed struct {
	site  request.Site
	route string
}

func newRuns() *runs { return &runs{last: map[timed]time.Time{}, news: make(chan struct{}, 1)} }

// ranMessage is what the engine says of each run, with the fields route and due.
const ranMessage = "a schedule ran"

func (r *runs) note(x timed, due time.Time) {
	r.mu.Lock()
	if due.After(r.last[x]) {
		r.last[x] = due
	}
	r.mu.Unlock()
	select {
	case r.news <- struct{}{}:
	default:
	}
}

// missing reports whether a due time has not been run yet.
func (r *runs) missing(x timed, due time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.last[x].Before(due)
}

// ears is the part of a gateway's log that goes to runs.
type ears struct {
	zapcore.LevelEnabler
	*runs
	site request.Site
}

// With is for the fields of a site's logger, which ears know already.
func (e ears) With([]zapcore.Field) zapcore.Core { return e }

// Check listens to nothing but runs.
func (e ears) Check(x zapcore.Entry, to *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if x.Message == ranMessage {
		return to.AddCore(x, e)
	}
	return to
}

// Write notes a run.
func (e ears) Write(_ zapcore.Entry, fields []zapcore.Field) error {
	all := zapcore.NewMapObjectEncoder()
	for _, f := range fields {
		f.AddTo(all)
	}
	route, _ := all.Fields["route"].(string)
	due, _ := all.Fields["due"].(time.Time)
	e.note(timed{e.site, route}, due)
	return nil
}

// Sync has nothing to do.
func (e ears) Sync() error { return nil }
