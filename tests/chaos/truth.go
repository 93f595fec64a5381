package chaos

import (
	"encoding/json"
	"strconv"
	"strings"
	"sync"
)

// penPrefix begins the names of fields that are pens.
const penPrefix = "pen-"

// Commit is one write that a request API did.
type Commit struct {
	Site, Method, ID string
	Body             []byte
}

// Deeds is what the request APIs did to one subject.
type Deeds struct {
	// Made is how often a record of it was made, by site; Gone how often one was deleted, and After whether one was made after that.
	Made, Gone map[string]int
	After      map[string]bool
	// Written are the values of pens that were ever written, anywhere.
	Written map[string]map[int]bool
}

// Truth is what the request APIs did. It is told every commit and keeps of each subject what the rules ask for. Its methods are safe for
// concurrent use.
type Truth struct {
	mu       sync.Mutex
	subjects map[string]string // site and local id to subject
	deeds    map[string]*Deeds
	commits  int
}

// NewTruth makes one that knows nothing.
func NewTruth() *Truth {
	return &Truth{subjects: make(map[string]string), deeds: make(map[string]*Deeds)}
}

// Note adds a commit.
func (t *Truth) Note(c Commit) {
	var body map[string]any
	_ = json.Unmarshal(c.Body, &body) // a delete has none
	t.mu.Lock()
	defer t.mu.Unlock()
	t.commits++
	name := c.Site + ":" + c.ID
	if s, ok := body["subject"].(string); ok {
		t.subjects[name] = s
	}
	subject := t.subjects[name]
	d := t.deeds[subject]
	if d == nil {
		d = &Deeds{Made: make(map[string]int), Gone: make(map[string]int), After: make(map[string]bool), Written: make(map[string]map[int]bool)}
		t.deeds[subject] = d
	}
	switch c.Method {
	case "POST":
		d.Made[c.Site]++
		d.After[c.Site] = d.After[c.Site] || d.Gone[c.Site] > 0
	case "DELETE":
		d.Gone[c.Site]++
	}
	for pen, n := range pens(body) {
		if d.Written[pen] == nil {
			d.Written[pen] = make(map[int]bool)
		}
		d.Written[pen][n] = true
	}
}

// Of is what was done to a subject; empty when nothing was.
func (t *Truth) Of(subject string) Deeds {
	t.mu.Lock()
	defer t.mu.Unlock()
	if d := t.deeds[subject]; d != nil {
		return *d
	}
	return Deeds{}
}

// Commits is how many writes the request APIs did.
func (t *Truth) Commits() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.commits
}

// pens are the pens of a record and their values.
func pens(record map[string]any) map[string]int {
	out := make(map[string]int)
	for k, v := range record {
		if !strings.HasPrefix(k, penPrefix) {
			continue
		}
		switch v := v.(type) {
		case float64:
			out[k] = int(v)
		case json.Number:
			if n, err := strconv.Atoi(v.String()); err == nil {
				out[k] = n
			}
		}
	}
	return out
}
