package replicate

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/meridian-gateway/meridian/profile"
	"github.com/meridian-gateway/meridian/request"
)

// A seeding is a job that is kept durably: the gateway that works on it writes how far it is every second, and one that is restarted, or
// another of the site when that is silent for a while, goes on with it. Going on means to walk through the lists again, because
// the pages of an API move while it is written to; what is linked already costs no call and is passed over as fast as it is listed.

const (
	seedNote     = "seeding"
	seedParallel = 4
	// seedSave is how often the progress is written, seedSilence after what time of none another gateway takes it over.
	seedSave    = time.Second
	seedSilence = 30 * time.Second
	// seedPasses is how often records that failed are tried, seedTries how often a pass may break off without any progress.
	seedPasses  = 4
	seedTries   = 20
	seedNotes   = 100
	seedIdle    = 15 * time.Second // between two looks at whether there is something to take over
	seedPauses  = 30 * time.Second // the longest pause between passes
	seedMaxRate = 100_000
)

// errTaken ends the work on a seeding that was cancelled, or that another gateway works on.
var errTaken = errors.New("the seeding was cancelled or taken over")

// Seed begins to bring this site's records into the network. It goes on in the background. Errors: Invalid, no such collection, or
// the profile does not say how its records are listed; Conflict, one is under way.
func (g *Engine) Seed(ctx context.Context, o request.SeedOrder) (request.Seeding, error) {
	bad := func(kind request.ErrKind, detail string) (request.Seeding, error) {
		return request.Seeding{}, &request.Error{Op: "replicate.Seed", Kind: kind, Detail: detail}
	}
	if o.Rate < 0 || o.Rate > seedMaxRate {
		return bad(request.Invalid, "the rate is a number of records in a second")
	}
	now := g.now()
	s := request.Seeding{SeedOrder: o, ID: string(request.NewID(now)), State: request.JobRunning, Started: now, Updated: now, Replica: g.me()}
	for _, name := range slices.Sorted(maps.Keys(g.set().Profile.Collections)) {
		if o.Collection != "" && name != o.Collection || g.set().Profile.Collections[name].Parent() != "" {
			continue
		}
		can, since := g.set().Profile.Collections[name].CanList()
		if can && !since && !o.Since.IsZero() {
			return bad(request.Invalid, "the list of "+name+" cannot be asked for what changed since a time; seed all of it, what is a request already is passed over")
		}
		if can {
			s.Parts = append(s.Parts, request.SeedPart{Collection: name})
		}
	}
	if len(s.Parts) == 0 {
		what := "any collection is"
		if o.Collection != "" {
			if _, err := g.collection(o.Collection); err != nil {
				return request.Seeding{}, err
			}
			what = o.Collection + " are"
		}
		return bad(request.Invalid, "the profile does not say how records of "+what+` listed: say so with list:, as in list: {path: "{path}?page={page}&per_page={size}"}`)
	}
	g.tasks.seedNote.Lock()
	defer g.tasks.seedNote.Unlock()
	var was request.Seeding
	if _, err := g.recall(ctx, seedNote, &was); err != nil {
		return request.Seeding{}, err
	}
	if was.State == request.JobRunning {
		return bad(request.Conflict, "a seeding is under way since "+was.Started.UTC().Format(time.RFC3339)+"; follow it, or cancel it first")
	}
	if err := g.keep(ctx, seedNote, s); err != nil {
		return request.Seeding{}, err
	}
	g.tasks.wake()
	return s, nil
}

// Seeding is how the last seeding stands; State is "" when there never was one.
func (g *Engine) Seeding(ctx context.Context) (s request.Seeding, err error) {
	if w := g.tasks.seeding(); w != nil {
		if s = w.state(); s.State == request.JobRunning {
			return s, nil
		}
		s = request.Seeding{} // it is just ending, and another may have begun
	}
	_, err = g.recall(ctx, seedNote, &s)
	return s, err
}

// CancelSeed ends the seeding that is under way. What was entered stays.
func (g *Engine) CancelSeed(ctx context.Context) (s request.Seeding, err error) {
	g.tasks.seedNote.Lock()
	defer g.tasks.seedNote.Unlock()
	if s, err = g.Seeding(ctx); err != nil || s.State != request.JobRunning {
		return s, err
	}
	s.State, s.Finished = request.JobCancelled, g.now()
	if err = g.keep(ctx, seedNote, s); err != nil {
		return s, err
	}
	if w := g.tasks.seeding(); w != nil {
		w.mu.Lock()
		if w.s.ID == s.ID {
			w.s.State = request.JobCancelled
			w.stop()
		}
		w.mu.Unlock()
	}
	return s, nil
}

// seeder is this process at work on a seeding.
type seeder struct {
	g    *Engine
	pace pace
	stop context.CancelFunc

	mu           sync.Mutex
	s            request.Seeding
	saved, began time.Time // the last writing of the progress, this pass
}

func (w *seeder) state() request.Seeding {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := w.s
	if out.State == request.JobRunning && !w.began.IsZero() {
		out.Busy = w.g.now().Sub(w.began)
	}
	out.Parts, out.Notes = slices.Clone(out.Parts), slices.Clone(out.Notes)
	for i := range out.Parts {
		out.Parts[i].Routes = maps.Clone(out.Parts[i].Routes)
	}
	return out
}

// seedLoop works on seedings until ctx ends.
func (g *Engine) seedLoop(ctx context.Context) {
	for ctx.Err() == nil {
		var s request.Seeding
		_, err := g.recall(ctx, seedNote, &s)
		if err == nil && s.State == request.JobRunning && g.over(s.Replica, s.Updated.Add(seedSilence)) {
			g.runSeed(ctx, s)
			g.nap(ctx, seedSave) // when its end could not be written, it is begun again
			continue
		}
		select {
		case <-g.tasks.woken():
		case <-g.Clock.After(seedIdle):
		case <-ctx.Done():
		}
	}
}

// runSeed works on a seeding to its end, or until it is taken from this process.
func (g *Engine) runSeed(ctx context.Context, s request.Seeding) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	s.Replica = g.me()
	w := &seeder{g: g, stop: stop, s: s, pace: pace{rate: s.Rate}}
	g.tasks.setSeeding(w)
	defer g.tasks.setSeeding(nil)
	idle := 0 // passes that broke off without any progress
	for tries := 0; ; tries++ {
		before := w.progress()
		err := w.pass(ctx)
		if ctx.Err() != nil || errors.Is(err, errTaken) {
			w.leave(ctx)
			return
		}
		if idle++; w.progress() > before {
			idle = 0
		}
		if err == nil && (w.finished() || tries >= seedPasses) || idle >= seedTries {
			w.end(ctx, err)
			return
		}
		w.say(err)
		if w.save(ctx, true) != nil && ctx.Err() == nil {
			return
		}
		g.nap(ctx, min(time.Second<<min(idle+1, 5), seedPauses))
	}
}

// progress is a number that grows with each record entered.
func (w *seeder) progress() (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range w.s.Parts {
		n += p.Seeded + p.Marked
		if p.Done {
			n++
		}
	}
	return n
}

func (w *seeder) finished() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return !slices.ContainsFunc(w.s.Parts, func(p request.SeedPart) bool { return !p.Done })
}

// say notes why it waits.
func (w *seeder) say(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.s.Error = ""
	if err != nil {
		w.s.Error = err.Error()
		w.g.Log.Warn("a seeding broke off and will be tried again", logError(err))
	}
}

// end is the end of a seeding.
func (w *seeder) end(ctx context.Context, err error) {
	w.mu.Lock()
	w.s.State, w.s.Finished, w.s.Error = request.JobDone, w.g.now(), ""
	if err != nil {
		w.s.State, w.s.Error = request.JobFailed, err.Error()
	}
	w.mu.Unlock()
	_ = w.save(ctx, true) // if it cannot be written the next look begins it again, and finds all linked
	s := w.state()
	for _, p := range s.Parts {
		w.g.Log.Info("a collection was seeded", zap.String("collection", p.Collection), zap.String("state", string(s.State)), zap.Int("seeded", p.Seeded),
			zap.Int("linked", p.Linked), zap.Int("skipped", p.Skipped), zap.Int("failed", p.Failed), zap.Bool("dry_run", s.DryRun))
	}
}

// leave writes the progress down when this process stops, so that it goes on at once when it is back.
func (w *seeder) leave(ctx context.Context) {
	dctx, cancel := detached(ctx, storeTimeout)
	defer cancel()
	_ = w.save(dctx, true)
}

// save writes the progress, at most every second unless it must. errTaken: somebody else has the last word on the seeding by now.
func (w *seeder) save(ctx context.Context, must bool) error {
	w.mu.Lock()
	now := w.g.now()
	if !must && now.Sub(w.saved) < seedSave {
		w.mu.Unlock()
		return nil
	}
	w.saved, w.s.Updated = now, now
	w.mu.Unlock()
	w.g.tasks.seedNote.Lock() // else a cancellation, or the next seeding, could be overwritten
	defer w.g.tasks.seedNote.Unlock()
	mine := w.state()
	var is request.Seeding
	if _, err := w.g.recall(ctx, seedNote, &is); err != nil {
		return err
	}
	others := is.Replica != mine.Replica && !w.g.over(is.Replica, is.Updated.Add(seedSilence))
	if is.ID != mine.ID || is.State != request.JobRunning || others {
		return errTaken
	}
	return w.g.keep(ctx, seedNote, mine)
}

// pass walks through what is not done.
func (w *seeder) pass(ctx context.Context) error {
	w.mu.Lock()
	w.s.Pass++
	w.s.Notes, w.s.Busy, w.began = nil, 0, w.g.now()
	w.mu.Unlock()
	for i := range w.s.Parts {
		if w.part(i, func(p *request.SeedPart) {
			if !p.Done {
				p.Listed, p.Linked, p.Skipped, p.Failed = 0, 0, 0, 0
				if w.s.DryRun {
					p.Seeded, p.Routes = 0, nil
				}
			}
		}).Done {
			continue
		}
		if err := w.collection(ctx, i); err != nil {
			return err
		}
	}
	return nil
}

// part changes a part, and returns it.
func (w *seeder) part(i int, change func(p *request.SeedPart)) request.SeedPart {
	w.mu.Lock()
	defer w.mu.Unlock()
	change(&w.s.Parts[i])
	return w.s.Parts[i]
}

func (w *seeder) collection(ctx context.Context, i int) error {
	c, err := w.g.collection(w.s.Parts[i].Collection)
	if err != nil {
		return err
	}
	if !canList(c) {
		return &request.Error{Op: "replicate.Seed", Kind: request.Invalid, Detail: "the profile no longer says how records of " + c.Name() + " are listed"}
	}
	if err := w.save(ctx, true); err != nil {
		return err
	}
	err = w.g.walk(ctx, c, w.s.Since, func(page []profile.Listed, total int) error {
		w.part(i, func(p *request.SeedPart) { p.Total = max(total, 0) })
		var running sync.WaitGroup
		slots := make(chan struct{}, seedParallel)
		for _, l := range page {
			if ctx.Err() != nil {
				break
			}
			if !l.Changed.IsZero() && l.Changed.Before(w.s.Since) {
				continue // lists may show more than they are asked for
			}
			slots <- struct{}{}
			running.Go(func() {
				defer func() { <-slots }()
				w.one(ctx, c, i, l)
			})
		}
		running.Wait()
		if err := ctx.Err(); err != nil {
			return err
		}
		return w.save(ctx, false)
	})
	if err != nil {
		return err
	}
	w.part(i, func(p *request.SeedPart) { p.Done = p.Failed == 0 })
	return w.save(ctx, true)
}

// one enters one record and counts it.
func (w *seeder) one(ctx context.Context, c *profile.Collection, i int, l profile.Listed) {
	var f fate
	if w.s.DryRun {
		f = w.g.wouldEnter(ctx, c, l)
	} else {
		if !w.g.isLinked(ctx, c, l.Local) {
			w.pace.wait(ctx, w.g.Clock)
		}
		f = w.g.enter(ctx, c, l)
	}
	w.count(ctx, c, i, l, f)
	if errors.Is(w.save(ctx, false), errTaken) {
		w.stop()
	}
}

func (w *seeder) count(ctx context.Context, c *profile.Collection, i int, l profile.Listed, f fate) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := &w.s.Parts[i]
	p.Listed++
	switch f.what {
	case wasLinked:
		p.Linked++
	case wasSeeded:
		p.Seeded++
	case wasMarked:
		p.Linked++
		p.Marked++
	case wasSkipped:
		p.Skipped++
	case hasFailed:
		p.Failed++
	}
	for _, r := range f.routes {
		if p.Routes == nil {
			p.Routes = make(map[string]int)
		}
		p.Routes[r]++
	}
	if f.reason != "" && len(w.s.Notes) < seedNotes && ctx.Err() == nil {
		w.s.Notes = append(w.s.Notes, request.SeedNote{Collection: c.Name(), Local: l.Local, Reason: f.reason})
	}
}
