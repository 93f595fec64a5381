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

// watchLeast is the shortest pause between two looks.
const watchLeast = time.Second

func (c *compiler) watch(out *Collection, s CollectionSpec) {
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
	switch {
	case w.Every < watchLeast:
		c.problem("it is not said how often changes are looked for, or too often", "as in watch: {every: 30s}", "watch", "every")
	case s.Parent != "":
		c.problem("children are looked for with their parents", "say watch under "+s.Parent, "watch")
	}
}
