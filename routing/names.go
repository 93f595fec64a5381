package routing

import (
	"fmt"
	"slices"
)

// names are the fields that profiles declare, by collection.
type names struct {
	declared []Declared
}

func newNames(d []Declared) names { return names{d} }

// check looks for names of fields that are misspelled. A name that no profile declares is a field all the same, under its own
// name, so only a name that is almost a declared one, or almost one of the language's words, is worth a warning.
func (n names) check(route int, r Route, used []mention) (faults, warnings []Problem) {
	var known []string
	closed := false
	for _, d := range n.declared {
		if r.Collection == "" || d.Collection == r.Collection {
			known = append(known, d.Fields...)
			closed = closed || d.Closed
		}
	}
	seen := map[string]bool{}
	for _, m := range used {
		if seen[m.name] || slices.Contains(known, m.name) {
			continue
		}
		seen[m.name] = true
		p := Problem{Route: route, Path: "when", Offset: m.at, Hint: near(m.name, known)}
		if p.Hint == "" && len(m.name) > 3 {
			p.Hint = near1(m.name, []string{"owner", "origin", "entered_by"})
		}
		switch {
		case closed:
			p.Message = fmt.Sprintf("there is no field %q", m.name)
			faults = append(faults, p)
		case p.Hint != "":
			p.Message = fmt.Sprintf("no profile names a field %q", m.name)
			warnings = append(warnings, p)
		}
	}
	return faults, warnings
}

// near is a hint at the name that is spelled most alike, or "".
func near(word string, known []string) string { return nearest(word, known, 1+len(word)/5) }

func near1(word string, known []string) string { return nearest(word, known, 1) }

func nearest(word string, known []string, most int) string {
	best, least := "", min(most, 2)+1
	for _, k := range known {
		if d := distance(word, k); d < least && d < len(k) {
			best, least = k, d
		}
	}
	if best == "" {
		return ""
	}
	return "did you mean " + best + "?"
}

// distance is how many letters are to be put in, left out, changed, or swapped with the next, to make b of a.
func distance(a, b string) int {
	before, row := make([]int, len(b)+1), make([]int, len(b)+1)
	next := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		next[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			next[j+1] = min(row[j]+cost, row[j+1]+1, next[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				next[j+1] = min(next[j+1], before[j-1]+1)
			}
		}
		before, row, next = row, next, before
	}
	return row[len(b)]
}
