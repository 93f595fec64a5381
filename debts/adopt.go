package debts

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Adopt takes over the debts of spools in the folder whose processes are gone; it reports how many.
func (s *Spool) Adopt() (n int) {
	for i := 1; i <= mostSpools; i++ {
		path := filepath.Join(s.dir, fmt.Sprintf("debts-%d", i))
		if info, err := os.Stat(path); err != nil || path == s.path || info.Size() == 0 {
			continue
		}
		other, err := open(s.dir, i, s.options)
		if err != nil {
			continue // in use, or to be tried again
		}
		took := true
		for _, op := range other.order() {
			d := *other.live[op]
			lines := []line{{Verb: opened, Debt: d}}
			if d.End != nil {
				lines = append(lines, line{Verb: ended, Debt: d.brief(), End: d.End})
			}
			if d.Proposed {
				lines = append(lines, line{Verb: proposed, Debt: Debt{Op: op}})
			}
			for _, l := range lines {
				took = took && s.append(l, true) == nil
			}
			n++
		}
		s.mu.Lock()
		for op := range other.live {
			if d := s.live[op]; d != nil && took {
				d.Quiet = s.options.Now()
			}
		}
		s.mu.Unlock()
		if took {
			other.live = make(map[string]*Debt)
			_ = other.rewrite() // else they are taken twice, which does no harm
		}
		close(other.done)
		_ = errors.Join(other.seen.close(), other.file.Close(), other.lock.Close())
	}
	return n
}
