package profile

import (
	"fmt"
	"time"
)

// Watch says how often an API is asked for changes that were made behind the gateway's back, and what is done about them.
type Watch struct {
	// Every is the pause between two looks; 0 is that nobody looks.
	Every time.Duration
	// Publish makes a change at the owner a version of the request; Revert undoes one at a copy; Seed makes a record that is no
	// request yet one. Without them such a change is seen and left as it is.
	Publish, Revert, Seed bool
}

// Watch is how changes are looked for; its zero value is not at all.
func (c *Collection) Watch() Watch { return c.watch }

// What is done about a copy that was changed behind the gateway's back: the owner's state is brought again, it is told and left as it is,
// or it is proposed to the owner as an update.
const (
	DriftOverwrite = "overwrite"
	DriftReport    = "report"
	DriftAdopt     = "adopt"
)

// Drift is what is done about a copy that was changed behind the gateway's back; "" is the network's default.
func (c *Collection) Drift() string { return c.drift }

// watchLeast is the shortest pause between two looks.
const watchLeast = time.Second

func (c *compiler) watch(out *Collection, s CollectionSpec) {
	switch out.drift = s.Drift; s.Drift {
	case "", DriftOverwrite, DriftReport, DriftAdopt:
	default:
		c.problem(fmt.Sprintf("drift is overwrite, report or adopt, not %q", s.Drift), "", "drift")
	}
	if s.Watch == nil {
		return
	}
	one := func(key, value, does, not string) bool {
		if value != "" && value != does && value != not {
			c.problem(fmt.Sprintf("watch.%s is %s or %s, not %q", key, does, not, value), "", "watch", key)
		}
		return value == does
	}
	w := s.Watch
	out.watch = Watch{Every: w.Every, Publish: w.Owned == "" || one("owned", w.Owned, "publish", "ignore"),
		Revert: w.Copies == "" || one("copies", w.Copies, "revert", "report"), Seed: one("new", w.New, "seed", "ignore")}
	// copies is the older word for the same.
	if older := map[string]string{"revert": DriftOverwrite, "report": DriftReport}[w.Copies]; older != "" && s.Drift == "" {
		out.drift = older
	} else if older != "" && older != s.Drift {
		c.problem("watch.copies: "+w.Copies+" and drift: "+s.Drift+" say different things", "leave watch.copies out", "watch", "copies")
	}
	switch {
	case w.Every < watchLeast:
		c.problem("it is not said how often changes are looked for, or too often", "as in watch: {every: 30s}", "watch", "every")
	case s.Parent != "":
		c.problem("children are looked for with their parents", "say watch under "+s.Parent, "watch")
	}
}
