package harness

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// Log is every call that arrived so far, reads too.
func (f *Fake) Log() []Entry {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.log)
}

// Commits are the calls of a method that were done, of every method when it is "".
func (f *Fake) Commits(method string) []Entry {
	return slices.DeleteFunc(f.Log(), func(e Entry) bool { return !e.Committed || method != "" && e.Method != method })
}

// Writes are the calls that arrived to change something, done or not.
func (f *Fake) Writes() []Entry {
	return slices.DeleteFunc(f.Log(), func(e Entry) bool { return e.Method == "GET" || e.Method == "HEAD" || e.Method == "OPTIONS" })
}

// Put stores a record behind everybody's back, as a user of the request API itself would, and returns its id.
func (f *Fake) Put(collection string, record map[string]any) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.tables[collection] == nil {
		f.tables[collection] = make(map[string]map[string]any)
	}
	id := fmt.Sprint(record["id"])
	if record["id"] == nil {
		f.lastID++
		id = fmt.Sprint(f.base() + f.lastID)
		record["id"] = f.base() + f.lastID
	}
	f.tables[collection][id] = maps.Clone(record)
	return id
}

func (f *Fake) story(n int) string {
	log := f.Log()
	if len(log) > n {
		log = log[len(log)-n:]
	}
	var b strings.Builder
	for _, e := range log {
		fmt.Fprintf(&b, "%s %s %s -> %d committed=%v dropped=%v %.200s\n", e.At.Format("15:04:05.000"), e.Method, e.URI, e.Status, e.Committed,
			e.Dropped, e.Body)
	}
	return b.String()
}

// noQuery is a list call without a filter.
var noQuery = &url.URL{}

// Remove deletes a record behind everybody's back.
func (f *Fake) Remove(collection, id string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.tables[collection], id)
}
