package chaos

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Kind is what a write does.
type Kind string

// The kinds of writes.
const (
	Create Kind = "create"
	Update Kind = "update"
	Delete Kind = "delete"
)

// Outcome is what a client knows of a write of its own in the end, after all its repetitions.
type Outcome string

// The outcomes. A write is NotDone only when its client was told so of each attempt.
const (
	Acked   Outcome = "acknowledged"
	NotDone Outcome = "not done"
	InDoubt Outcome = "in doubt"
)

// Version is one that a receipt named.
type Version struct{ Epoch, Seq int }

// ParseVersion reads EPOCH.SEQUENCE.
func ParseVersion(s string) (Version, error) {
	e, q, ok := strings.Cut(s, ".")
	epoch, err1 := strconv.Atoi(e)
	seq, err2 := strconv.Atoi(q)
	if !ok || err1 != nil || err2 != nil {
		return Version{}, fmt.Errorf("%q is no version", s)
	}
	return Version{epoch, seq}, nil
}

// Compare orders versions: by epoch, then by sequence.
func (v Version) Compare(w Version) int {
	if v.Epoch != w.Epoch {
		return v.Epoch - w.Epoch
	}
	return v.Seq - w.Seq
}

// String is EPOCH.SEQUENCE.
func (v Version) String() string { return fmt.Sprintf("%d.%d", v.Epoch, v.Seq) }

// Write is one write of one client.
type Write struct {
	// Subject names the request in the records of all sites; no two creates have the same.
	Subject string
	Kind    Kind
	// Pen is the field that the write sets to N. A pen belongs to one client, which waits for an answer before it writes with it again,
	// and takes another one when a write was in doubt: so the last value of a pen is known exactly.
	Pen string
	N   int
	// Site is where it was sent.
	Site    string
	Outcome Outcome
	// Version and Request are what the receipt of an acknowledged write says.
	Version Version
	Request string
	// Operation is where a write in doubt can be followed.
	Operation string
	// Answers are the classes of the answers to all attempts, in order.
	Answers []string
	// Said is the text of the last answer that was not "done".
	Said string
}

// Tag is the value by which every write marks the field "last", which all writers share.
func (w *Write) Tag() string {
	switch w.Kind {
	case Create:
		return "made"
	case Delete:
		return "deleted"
	}
	return w.Pen + "=" + strconv.Itoa(w.N)
}

// Sight is what a read of a request at a site showed.
type Sight struct {
	Version Version
	Pens    map[string]int
}

// History is what clients were told, and saw. Its methods are safe for concurrent use.
type History struct {
	mu     sync.Mutex
	writes map[string][]*Write
	seen   map[string]Sight
	back   []Violation
	counts map[Outcome]int
	nextID int
}

// NewHistory makes an empty one.
func NewHistory() *History {
	return &History{writes: make(map[string][]*Write), seen: make(map[string]Sight), counts: make(map[Outcome]int)}
}

// Note adds a write that has ended for its client.
func (h *History) Note(w *Write) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.writes[w.Subject] = append(h.writes[w.Subject], w)
	h.counts[w.Outcome]++
}

// Count is how many writes ended in an outcome.
func (h *History) Count(o Outcome) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.counts[o]
}

// Next is a number that was not given before.
func (h *History) Next() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.nextID++
	return h.nextID
}

// Saw compares a read with the last one that the same reader made of a subject at a site. A reader makes one read after the other.
func (h *History) Saw(reader, site, subject string, now Sight) {
	h.mu.Lock()
	defer h.mu.Unlock()
	key := reader + "\x00" + site + "\x00" + subject
	before, known := h.seen[key]
	if now.Version == (Version{}) {
		now.Version = before.Version // a read without a receipt says nothing of it
	}
	h.seen[key] = now
	if !known {
		return
	}
	if now.Version.Compare(before.Version) < 0 {
		h.back = append(h.back, Violation{RuleBack, subject, fmt.Sprintf("%s showed version %v after %v", site, now.Version, before.Version)})
	}
	for pen, n := range before.Pens {
		if now.Pens[pen] < n {
			h.back = append(h.back, Violation{RuleBack, subject, fmt.Sprintf("%s showed %s=%d after %d", site, pen, now.Pens[pen], n)})
		}
	}
}

// Backward is what reads have shown that was older than what they showed before.
func (h *History) Backward() []Violation {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.back)
}

// Subjects are all subjects that were written, or were meant to be.
func (h *History) Subjects() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := make([]string, 0, len(h.writes))
	for s := range h.writes {
		out = append(out, s)
	}
	slices.Sort(out)
	return out
}

// Writes are the writes of a subject, in the order in which they ended.
func (h *History) Writes(subject string) []*Write {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.writes[subject])
}

// Doubtful are the writes of the subjects whose outcome is in doubt.
func (h *History) Doubtful(subjects []string) []*Write {
	h.mu.Lock()
	defer h.mu.Unlock()
	var out []*Write
	for _, s := range subjects {
		for _, w := range h.writes[s] {
			if w.Outcome == InDoubt {
				out = append(out, w)
			}
		}
	}
	return out
}
