package replicate

import (
	"errors"
	"time"

	"github.com/meridian-gateway/meridian/store"
)

// Two gateways of a site may begin a write of one request at the same moment. The store takes one; the other has sent nothing, and
// simply begins again when the first is done.

// crossings counts how often a write has met another gateway's.
type crossings struct {
	g     *Engine
	until time.Time
}

func (g *Engine) crossings() crossings { return crossings{g, g.now().Add(g.Hold)} }

// more reports whether an error means that nothing was begun because another gateway was faster, and that there is time to try again.
func (c crossings) more(err error) bool {
	return err != nil && errors.Is(err, store.ErrConflict) && c.g.now().Before(c.until)
}
