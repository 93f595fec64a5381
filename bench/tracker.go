package main

import (
	"sync"
	"time"
)

// tracker knows, from what lands at the upstreams alone, which site is behind. Site 0 is where clients write; every write has
// the name of its record and a number that grows. A site is behind in a record when the newest number there is smaller than at
// site 0. Whether a number in between was skipped does not matter: that is coalescing, not loss.
type tracker struct {
	mu    sync.Mutex
	sites []siteTrack
}

type siteTrack struct {
	newest map[string]int64 // by record
	seen   map[int64]int64  // by number of the write: when it landed first, in Unix nanoseconds
	// behind counts records in which the site is behind; writes and creates count calls.
	behind, writes, creates int
	// first and last are the landings since the last mark.
	first, last time.Time
}

func newTracker(sites int) *tracker {
	t := &tracker{sites: make([]siteTrack, sites)}
	for i := range t.sites {
		t.sites[i].newest, t.sites[i].seen = map[string]int64{}, map[int64]int64{}
	}
	return t
}

// landed records a write of number n to the record at a site.
func (t *tracker) landed(site int, record string, n int64, created bool, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := &t.sites[site]
	s.writes++
	if created {
		s.creates++
	}
	if s.first.IsZero() {
		s.first = now
	}
	s.last = now
	if _, again := s.seen[n]; !again {
		s.seen[n] = now.UnixNano()
	}
	old := s.newest[record]
	if n <= old {
		return
	}
	s.newest[record] = n
	if site == 0 {
		t.owed(record, old, n)
	} else if origin := t.sites[0].newest[record]; old < origin && n >= origin {
		s.behind--
	}
}

// owed notes that the origin went from one number to another: the sites that had kept up are behind now.
func (t *tracker) owed(record string, from, to int64) {
	for i := range t.sites[1:] {
		s := &t.sites[i+1]
		if has := s.newest[record]; has >= from && has < to {
			s.behind++
		}
	}
}

// standing is one site's state, as the bench asks for it.
type standing struct {
	Behind, Writes, Creates int
	First, Last             time.Time
}

func (t *tracker) standings() []standing {
	t.mu.Lock()
	defer t.mu.Unlock()
	var out []standing
	for _, s := range t.sites {
		out = append(out, standing{s.behind, s.writes, s.creates, s.first, s.last})
	}
	return out
}

// mark forgets the first and last landing, and the times of single writes, so that the next part sees only its own.
func (t *tracker) mark() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range t.sites {
		s := &t.sites[i]
		s.first, s.last, s.seen = time.Time{}, time.Time{}, map[int64]int64{}
	}
}

// seen returns when each write since the last mark landed at a site, in Unix nanoseconds.
func (t *tracker) seen(site int) map[int64]int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := make(map[int64]int64, len(t.sites[site].seen))
	for n, at := range t.sites[site].seen {
		out[n] = at
	}
	return out
}

// behind counts the records in which some site other than the origin is behind.
func (t *tracker) behind() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	sum := 0
	for _, s := range t.sites[1:] {
		sum += s.behind
	}
	return sum
}
