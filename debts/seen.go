package debts

import (
	"encoding/binary"
	"errors"
	"hash/fnv"
	"os"
	"sync"
	"time"
)

// A client that was not answered, since the store went away in the middle of its write, repeats the call with its Idempotency-Key. What
// came of the first one is in the store, which cannot be asked: so a gateway remembers beside it which keys it has seen, and does not
// pass such a call on. The memory is the newest keys of a day, in two halves. It is written without a flush: it survives the
// process, and of a machine that loses its power it lacks the last seconds.

const (
	// mostSeen is how many keys are in one half, seenLife after what time the older half is forgotten.
	mostSeen = 200_000
	seenLife = 24 * time.Hour
)

// seen is that memory.
type seen struct {
	mu    sync.Mutex
	path  string
	file  *os.File
	begun time.Time
	new   map[uint64]struct{}
	old   map[uint64]struct{}
}

func openSeen(path string, now time.Time) (*seen, error) {
	s := &seen{path: path, begun: now, new: make(map[uint64]struct{}), old: make(map[uint64]struct{})}
	for _, part := range []struct {
		name string
		into map[uint64]struct{}
	}{{path + ".old", s.old}, {path, s.new}} {
		text, err := os.ReadFile(part.name)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, err
		}
		for ; len(text) >= 8; text = text[8:] {
			part.into[binary.BigEndian.Uint64(text)] = struct{}{}
		}
	}
	if info, err := os.Stat(path); err == nil {
		if s.begun = info.ModTime(); now.Sub(s.begun) > seenLife {
			s.begun = now.Add(-seenLife) // the next key turns it over
		}
		if cut := info.Size() % 8; cut != 0 { // a key that was half written
			if err := os.Truncate(path, info.Size()-cut); err != nil {
				return nil, err
			}
		}
	}
	var err error
	s.file, err = os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	return s, err
}

func short(hash string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(hash)) // never fails
	return h.Sum64()
}

// add notes a key. On a full disk it is in memory alone.
func (s *seen) add(hash string, now time.Time) {
	k := short(hash)
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.new[k]; known {
		return
	}
	if len(s.new) >= mostSeen || now.Sub(s.begun) > seenLife {
		s.turn(now)
	}
	s.new[k] = struct{}{}
	_, _ = s.file.Write(binary.BigEndian.AppendUint64(nil, k))
}

// turn makes the newer half the older one.
func (s *seen) turn(now time.Time) {
	s.old, s.new, s.begun = s.new, make(map[uint64]struct{}), now
	_ = s.file.Close()
	_ = os.Rename(s.path, s.path+".old") // when it fails the file keeps more than it must
	if f, err := os.OpenFile(s.path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600); err == nil {
		s.file = f
	}
}

func (s *seen) has(hash string) bool {
	k := short(hash)
	s.mu.Lock()
	defer s.mu.Unlock()
	_, now := s.new[k]
	_, before := s.old[k]
	return now || before
}

func (s *seen) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.file.Close()
}
