package probe

import (
	"fmt"
	"slices"
	"strings"
)

// State is how a finding is to be taken.
type State string

// The states: the profile is right; it is not, and something is to be written into it; what was wanted did not work, and why; worth
// knowing; not done, since nothing was to be written.
const (
	Equal   State = "equal"
	Differs State = "differs"
	Failed  State = "failed"
	Note    State = "note"
	Would   State = "would"
)

// Finding is one thing that was looked at.
type Finding struct {
	Collection string `json:"collection,omitempty"`
	// What was looked at, what the profile says of it and what the API does, in words.
	What    string `json:"what"`
	Profile string `json:"profile"`
	API     string `json:"api"`
	State   State  `json:"state"`
	// Write is YAML for the profile: below the collection, or below the profile where there is none. "" is nothing.
	Write string `json:"write,omitempty"`
}

// Left is a record that was made and could not be removed.
type Left struct {
	Collection string `json:"collection"`
	// Local is its id, "" where that is not known; Text stands in it.
	Local string `json:"id,omitempty"`
	Text  string `json:"text"`
	Why   string `json:"why"`
}

// Report is what was found, in the order in which it was.
type Report struct {
	Findings []Finding `json:"findings"`
	// Removed are how many records were made and removed again, Left those that are still there.
	Removed int    `json:"removed"`
	Left    []Left `json:"left"`
}

// Differences is how many findings say that something is wrong, records that are left included.
func (r *Report) Differences() int {
	n := len(r.Left)
	for _, f := range r.Findings {
		if f.State == Differs || f.State == Failed {
			n++
		}
	}
	return n
}

// add notes a finding.
func (r *Report) add(f Finding) { r.Findings = append(r.Findings, f) }

// statuses is a list of them in words.
func statuses(list []int) string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = fmt.Sprint(s)
	}
	return strings.Join(out, ", ")
}

// withStatus is a list of statuses for the profile, the one that was seen before the others.
func withStatus(seen int, others []int) string {
	list := []int{seen}
	for _, s := range others {
		if !slices.Contains(list, s) {
			list = append(list, s)
		}
	}
	return "[" + statuses(list) + "]"
}

// orNothing is a text for a cell that would be empty.
func orNothing(s string) string {
	if s == "" {
		return "nothing"
	}
	return s
}
