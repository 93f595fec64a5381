package replicate

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/meridian-gateway/meridian/profile"
)

// What a gateway notices of changes behind its back, and does about them; for metrics.
const (
	NoticePublished = "published" // a change at the owner became a version
	NoticeDeleted   = "deleted"   // a deletion at the owner became one of the request
	NoticeReverted  = "reverted"  // a changed copy was made right
	NoticeRemade    = "remade"    // a deleted copy was made again
	NoticeReported  = "reported"  // a change was seen and left as it is
	NoticeSeeded    = "seeded"    // a record became a request
)

// Noticer is a Meter that is told what was noticed behind the gateway's back.
type Noticer interface {
	Noticed(collection, what string)
}

func (g *Engine) notice(collection, what string) {
	if m, ok := g.Meter.(Noticer); ok {
		m.Noticed(collection, what)
	}
}

// tasks are the long jobs of this process: seeding, verifying, watching.
type tasks struct {
	mu sync.Mutex
	// list replaces the lists of collections, for tests.
	list func(c *profile.Collection, since time.Time) pages

	salt   string
	seed   *seeder
	wakeup chan struct{} // a wish to look at once
}

// runTasks runs them until ctx ends.
func (g *Engine) runTasks(ctx context.Context) {
	g.seedLoop(ctx)
}

func (t *tasks) lister() func(*profile.Collection, time.Time) pages {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.list
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
