package replicate

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

// What a gateway notices of changes behind its back, and does about them; for metrics.
const (
	NoticePublished = "published" // a change at the owner became a version
	NoticeDeleted   = "deleted"   // a deletion at the owner became one of the request
	NoticeReverted  = "reverted"  // a changed copy was made right
	NoticeRemade    = "remade"    // a deleted copy was made again
	NoticeAdopted   = "adopted"   // a changed copy was given to the owner
	NoticeReported  = "reported"  // a change was seen and left as it is
	NoticeSeeded    = "seeded"    // a record became a request
)

// Noticer is a Meter that is told what was noticed behind the gateway's back.
type Noticer interface {
	Noticed(collection, what string)
	// Watched tells how a look for such changes ended.
	Watched(collection string, well bool)
}

func (g *Engine) notice(collection, what string) {
	if m, ok := g.Meter.(Noticer); ok {
		m.Noticed(collection, what)
	}
}

// Differer is a Meter that is told of differences that a comparison found.
type Differer interface {
	Differed(kind string)
}

func (g *Engine) differed(kind request.DifferenceKind) {
	if m, ok := g.Meter.(Differer); ok {
		m.Differed(string(kind))
	}
}

func (g *Engine) watched(collection string, well bool) {
	if m, ok := g.Meter.(Noticer); ok {
		m.Watched(collection, well)
	}
}

// tasks are the long jobs of this process: seeding, verifying, watching.
type tasks struct {
	mu   sync.Mutex
	salt string
	seed *seeder
	// seedNote is held while the note of the seeding is looked at and then written.
	seedNote sync.Mutex
	wakeup   chan struct{} // a wish to look at once
	watch    []*watch
	// apart are the local ids of copies that are not linked, by collection, as of a moment.
	apart map[string]apart

	audits  audits
	digests madeDigests
	verify  *verifier
	running sync.WaitGroup // what peers and operators have begun
	end     chan struct{}
}

// runTasks runs them until ctx ends.
func (g *Engine) runTasks(ctx context.Context) {
	defer g.tasks.finish()
	var running sync.WaitGroup
	running.Go(func() { g.watchAgain(ctx) })
	g.seedLoop(ctx)
	running.Wait()
}

// begin runs something beside, until ended is closed; it reports whether it was still time.
func (t *tasks) begin(run func()) bool {
	ended := t.ended()
	t.mu.Lock()
	defer t.mu.Unlock()
	select {
	case <-ended:
		return false
	default:
	}
	t.running.Go(run)
	return true
}

// finish ends what was begun, and waits for it.
func (t *tasks) finish() {
	ended := t.ended()
	t.mu.Lock()
	close(ended)
	t.mu.Unlock()
	t.running.Wait()
}

// ended is closed when no more tasks are to run.
func (t *tasks) ended() chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.end == nil {
		t.end = make(chan struct{})
	}
	return t.end
}

// clearWatches is for a profile that may watch others.
func (t *tasks) clearWatches() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.watch = nil
}

func (t *tasks) addWatch(w *watch) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.watch = append(t.watch, w)
}

func (t *tasks) watching() []*watch {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.watch)
}

// forgetSalt is for a store that may be another one.
func (t *tasks) forgetSalt() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.salt = ""
}

func (t *tasks) forgetApart() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.apart = nil
}

// apart is a set of local ids, and when it was made.
type apart struct {
	at  time.Time
	ids map[string]request.ID
}

// apartLife is how long such a set is good for while records are seeded.
const apartLife = 30 * time.Second

// isApart reports whether a record is an independent copy, of which request. Only the ledger knows where records carry no ids.
func (g *Engine) isApart(ctx context.Context, collection, local string) (request.ID, error) {
	g.tasks.mu.Lock()
	known, ok := g.tasks.apart[collection]
	g.tasks.mu.Unlock()
	if ok && g.now().Sub(known.at) < apartLife {
		return known.ids[local], nil
	}
	fresh := apart{at: g.now(), ids: make(map[string]request.ID)}
	err := g.eachEntry(ctx, func(rec store.Record) error {
		if e := &rec.Entry; e.Collection == collection && e.Apart != "" {
			fresh.ids[e.Apart] = e.ID
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	g.tasks.mu.Lock()
	defer g.tasks.mu.Unlock()
	if g.tasks.apart == nil {
		g.tasks.apart = make(map[string]apart)
	}
	g.tasks.apart[collection] = fresh
	return fresh.ids[local], nil
}

// wake has the loop of seedings look at once.
func (t *tasks) wake() {
	select {
	case t.woken() <- struct{}{}:
	default:
	}
}

func (t *tasks) woken() chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.wakeup == nil {
		t.wakeup = make(chan struct{}, 1)
	}
	return t.wakeup
}

func (t *tasks) seeding() *seeder {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.seed
}

func (t *tasks) setSeeding(w *seeder) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.seed = w
}

// replicaOf is the gateway in the name of one of its processes (see me).
func replicaOf(process string) string {
	name, _, _ := strings.Cut(process, "/")
	return name
}
