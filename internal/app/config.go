package app

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/meridian-gateway/meridian/configs"
	"github.com/meridian-gateway/meridian/gateway"
)

// file is what became of the network files that this gateway was shown.
type file struct {
	mu      sync.Mutex
	taken   time.Time
	refused *gateway.ConfigRefused
	pending *gateway.ConfigPending
	last    *gateway.ConfigChange
}

// Config is the network file in force, what became of the one on disk, and which file the other sites have.
func (a *App) Config(context.Context) gateway.ConfigView {
	n := a.network.Load()
	a.file.mu.Lock()
	v := gateway.ConfigView{Path: n.Path, Hash: n.Hash, Taken: a.file.taken, Refused: a.file.refused, Pending: a.file.pending, Last: a.file.last,
		Sites: []gateway.ConfigAtSite{}, Warnings: []string{}}
	a.file.mu.Unlock()
	v.Text = n.Text()
	for _, w := range n.Warnings {
		v.Warnings = append(v.Warnings, w.String())
	}
	for _, site := range a.others() {
		s := gateway.ConfigAtSite{Site: site}
		if st := a.peers.Status(site); !st.ConfigHeard.IsZero() {
			same := st.ConfigHash == n.Hash
			s.Hash, s.Same, s.Heard, s.Since = st.ConfigHash, &same, &st.ConfigHeard, &st.ConfigSince
		}
		v.Sites = append(v.Sites, s)
	}
	return v
}

// took notes that a file is in force.
func (f *file) took(at time.Time, change *gateway.ConfigChange) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.taken, f.refused, f.pending = at, nil, nil
	if change != nil {
		f.last = change
	}
}

// refuse notes that the file on disk has faults; wait, that it needs a restart; same, that it is the one in force again.
func (f *file) refuse(at time.Time, err error) {
	texts := []string{err.Error()}
	if faults, ok := errors.AsType[configs.Faults](err); ok {
		texts = texts[:0]
		for _, x := range faults {
			texts = append(texts, x.String())
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refused, f.pending = &gateway.ConfigRefused{At: at, Faults: texts}, nil
}

func (f *file) wait(p *gateway.ConfigPending) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refused, f.pending = nil, p
}

func (f *file) same() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refused, f.pending = nil, nil
}

// problems say of the file on disk why it is not in force.
func (f *file) problems() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.refused != nil:
		return []string{"the network file on disk was not taken: " + strings.Join(f.refused.Faults, "\n")}
	case f.pending != nil:
		return []string{"the network file on disk waits for a restart of this gateway, nothing of it is taken before: " + strings.Join(f.pending.NeedsRestart, "; ")}
	}
	return nil
}

// shown are changes as the admin API tells them.
func shown(changes []configs.Change) []gateway.ConfigDiff {
	out := make([]gateway.ConfigDiff, len(changes))
	for i, c := range changes {
		out[i] = gateway.ConfigDiff{What: c.What, Kind: c.Kind, Was: c.Was, Is: c.Is}
	}
	return out
}
