package replicate

import (
	"context"
	"sync"
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
}

// runTasks runs them until ctx ends.
func (g *Engine) runTasks(ctx context.Context) {
	<-ctx.Done()
}
