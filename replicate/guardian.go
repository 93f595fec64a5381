package replicate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

// A record that is gone counts as deleted when it was not found twice, as long apart as a call may still take effect, by an API that shows
// that it knows the gateway. More of them than a person deletes are more likely a database that was emptied, or an API that was
// pointed to another one: then nothing is deleted at all until somebody has looked (protocol 3.4).

const (
	deletesMost   = 20 // in an hour, or
	deletesShare  = 100
	deletesWithin = time.Hour
	// goneMost is how many missed records are remembered at a time, backMost how many of them
	// are looked for again while there are too many.
	goneMost = 10_000
	backMost = 20
)

// guardian knows what went away.
type guardian struct {
	gone  map[request.ID]time.Time // since when it was not found
	dead  []time.Time              // deletions of the last hour
	alarm string
}

func (x *guardian) suspect(id request.ID, now time.Time) {
	if x.gone == nil {
		x.gone = make(map[request.ID]time.Time)
	}
	if _, known := x.gone[id]; !known {
		x.gone[id] = now
	}
}

// due lists those that were first missed long enough ago.
func (x *guardian) due(now time.Time, quiet time.Duration) []request.ID {
	var out []request.ID
	for id, at := range x.gone {
		if now.Sub(at) > quiet {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	return out
}

// absent looks at the requests of which a complete list did not show the record.
func (w *watch) absent(ctx context.Context, shown map[string]bool) error {
	return w.g.eachEntry(ctx, func(rec store.Record) error {
		e := &rec.Entry
		if len(w.guard.gone) >= goneMost || e.Collection != w.c.Name() || e.Local == "" || shown[e.Local] || e.Role != request.Owner && e.Role != request.Copy {
			return nil
		}
		_, err := w.check(ctx, e.ID)
		return err
	})
}

// sweep reads the next records of the ledger.
func (w *watch) sweep(ctx context.Context) error {
	for n := 0; n < sweepRecords; {
		recs, err := w.g.Ledger.Entries(ctx, w.after, 64)
		if err != nil {
			return storeError("replicate.Entries", "", err)
		}
		for _, rec := range recs {
			w.after = rec.Entry.ID
			if e := &rec.Entry; e.Collection != w.c.Name() || e.Local == "" || e.Role != request.Owner && e.Role != request.Copy {
				continue
			}
			n++
			if _, err := w.check(ctx, rec.Entry.ID); err != nil {
				return err
			}
			if n == sweepRecords {
				return nil
			}
		}
		if len(recs) < 64 {
			w.after = ""
			return nil // the next look begins at the first
		}
	}
	return nil
}

// entriesPage is how many records are read from the ledger at a time.
const entriesPage = 256

// eachEntry gives all records of the ledger to each until that returns an error.
func (g *Engine) eachEntry(ctx context.Context, each func(store.Record) error) error {
	after := request.ID("")
	for {
		recs, err := g.Ledger.Entries(ctx, after, entriesPage)
		if err != nil {
			return storeError("replicate.Entries", "", err)
		}
		for _, rec := range recs {
			after = rec.Entry.ID
			if err := each(rec); err != nil {
				return err
			}
		}
		if len(recs) < entriesPage {
			return nil
		}
	}
}

// bury makes deletions of what was missed twice.
func (w *watch) bury(ctx context.Context) error {
	now := w.g.now()
	w.guard.dead = slices.DeleteFunc(w.guard.dead, func(at time.Time) bool { return now.Sub(at) > deletesWithin })
	n := len(w.guard.gone) + len(w.guard.dead)
	w.guard.alarm = ""
	if len(w.guard.gone) == 0 {
		return nil
	}
	if n > deletesMost {
		most, err := w.allowed(ctx)
		if err != nil {
			return err
		}
		if n > most {
			return w.alarm(ctx, n, most)
		}
	}
	for _, id := range w.guard.due(now, w.g.quiet()) {
		if err := w.buryOne(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

// allowed is how many deletions in an hour are believed.
func (w *watch) allowed(ctx context.Context) (int, error) {
	owned := 0
	err := w.g.eachEntry(ctx, func(rec store.Record) error {
		if e := &rec.Entry; e.Collection == w.c.Name() && e.Role == request.Owner {
			owned++
		}
		return nil
	})
	return max(deletesMost, owned/deletesShare), err
}

// alarm stops deleting. What is there again no longer counts.
func (w *watch) alarm(ctx context.Context, n, most int) error {
	w.guard.alarm = fmt.Sprintf("%d records of %s went away within an hour, more than the %d that are believed to be deleted; nothing was deleted elsewhere. "+
		"If the records are back, this goes away by itself; if they were really deleted, delete the requests through the gateway (meridian verify lists them)", n, w.c.Name(), most)
	w.g.Log.Error("records go away behind the gateway, and their requests are not deleted", zap.String("collection", w.c.Name()), zap.Int("records", n), zap.Int("most", most))
	looks := 0
	for id := range w.guard.gone {
		if looks++; looks > backMost {
			break
		}
		back, err := w.isBack(ctx, id)
		if err != nil {
			return err
		}
		if back {
			delete(w.guard.gone, id)
		}
	}
	return nil
}

// isBack reports whether a record that was missed is there, or is nobody's business any more.
func (w *watch) isBack(ctx context.Context, id request.ID) (bool, error) {
	rec, err := w.g.Ledger.Read(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return true, nil
	}
	if err != nil {
		return false, storeError("replicate.Read", id, err)
	}
	if rec.Entry.Role != request.Owner || rec.Entry.Local == "" {
		return true, nil
	}
	if _, _, err = w.g.read(ctx, w.c, rec.Entry.Local); request.KindOf(err) == request.NotFound && err != nil {
		return false, nil
	}
	return err == nil, err
}

// buryOne looks a second time for a record that was missed, and makes a deletion of it.
func (w *watch) buryOne(ctx context.Context, id request.ID) error {
	leave, err := w.g.lanes.enter(ctx, string(id))
	if err != nil {
		return nil
	}
	defer leave()
	rec, err := w.g.settled(ctx, id)
	switch request.KindOf(err) {
	case request.NotFound:
		delete(w.guard.gone, id)
		return nil
	default:
		if err != nil {
			return nil // a write of it is under way; it comes again
		}
	}
	d, ok, err := w.g.inspect(ctx, rec, w.c)
	if err != nil {
		return err
	}
	if len(rec.Entry.Suspect) > 0 {
		return nil
	}
	delete(w.guard.gone, id)
	if !ok || !d.missing || rec.Entry.Role != request.Owner {
		return nil
	}
	if _, err := w.g.bury(ctx, rec); err != nil {
		return err
	}
	w.guard.dead = append(w.guard.dead, w.g.now())
	w.note(NoticeDeleted)
	return nil
}
