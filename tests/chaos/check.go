package chaos

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// The rules, by the word under which a violation is reported.
const (
	// RuleLost: an acknowledged write is in the owner's record, or something acknowledged later took its place.
	RuleLost = "lost"
	// RuleDoubled: a create makes at most one record at each site, whatever became of its answer.
	RuleDoubled = "doubled"
	// RuleGhost: a write that is said to be not done has no effect anywhere, ever.
	RuleGhost = "ghost"
	// RuleOwner: exactly one site owns a request, and all sites name it.
	RuleOwner = "owner"
	// RuleApart: all copies are equal to the owner's record, and at its version.
	RuleApart = "apart"
	// RuleRisen: what was deleted stays away.
	RuleRisen = "risen"
	// RuleVersion: no version of a request is given to two acknowledged writes.
	RuleVersion = "version twice"
	// RuleBack: what one reader sees of a request at one site never goes back.
	RuleBack = "read back"
	// RuleOpen: nothing is open, owed, in doubt or in conflict, and health is ok at every site.
	RuleOpen = "open"
	// RuleAnswer: a client was given an answer that the fault does not excuse.
	RuleAnswer = "answer"
)

// Violation is one thing that is wrong.
type Violation struct{ Rule, Subject, Detail string }

// String is a violation in a line.
func (v Violation) String() string { return v.Rule + ": " + v.Subject + ": " + v.Detail }

// Ledger is what a site's gateway says of a request.
type Ledger struct {
	Role, Owner string
	Version     string
	// Open is what is open about it; "" for nothing.
	Open string
}

// Place is how a site is in the end.
type Place struct {
	// Records are those of the request API, by subject. The id is not part of them.
	Records map[string][]map[string]any
	// Ledger is by global id.
	Ledger map[string]Ledger
	// Open is what is not settled about the site as a whole; "" for nothing.
	Open string
}

// Final is how all sites are in the end, by name.
type Final map[string]Place

// Check judges the subjects: what clients were told (h) and what the request APIs did (t) against how it is in the end. Every request is
// copied to all sites. It returns everything that is wrong, nothing when all is well.
func Check(h *History, t *Truth, f Final, subjects []string) []Violation {
	var out []Violation
	for _, site := range slices.Sorted(maps.Keys(f)) {
		if f[site].Open != "" {
			out = append(out, Violation{RuleOpen, site, f[site].Open})
		}
	}
	wanted := make(map[string]bool, len(subjects))
	for _, s := range subjects {
		wanted[s] = true
		j := judge{Final: f, subject: s, writes: h.Writes(s), deeds: t.Of(s)}
		j.all()
		out = append(out, j.found...)
	}
	for _, v := range h.Backward() {
		if wanted[v.Subject] {
			out = append(out, v)
		}
	}
	return out
}

// judge looks at one subject.
type judge struct {
	Final
	subject string
	writes  []*Write
	deeds   Deeds
	found   []Violation
}

func (j *judge) wrong(rule, format string, args ...any) {
	j.found = append(j.found, Violation{rule, j.subject, fmt.Sprintf(format, args...)})
}

// all applies the rules. The record that stands for the others is that of the owner.
func (j *judge) all() {
	j.versions()
	j.doubles()
	j.ghosts()
	made, deleted := j.outcome(Create), j.outcome(Delete)
	there := j.there()
	switch {
	case deleted == Acked:
		j.gone(there)
		return
	case made == Acked && deleted != InDoubt && len(there) == 0:
		j.wrong(RuleLost, "its create was acknowledged and no site has it")
		return
	case made == NotDone && len(there) > 0:
		j.wrong(RuleGhost, "its create is said to be not done and %v have it", there)
	}
	if len(there) == 0 {
		return
	}
	if len(there) != len(j.Final) {
		j.wrong(RuleApart, "only %v have it", there)
	}
	owner := j.owner()
	if owner == "" {
		owner = there[0]
	}
	j.equal(owner, there)
	if list := j.Final[owner].Records[j.subject]; len(list) > 0 {
		j.kept(owner, list[0])
	}
}

// outcome is that of the writes of a kind: acknowledged if one was, in doubt if one is, not done if there are some, and "" without any.
func (j *judge) outcome(k Kind) (o Outcome) {
	for _, w := range j.writes {
		if w.Kind != k {
			continue
		}
		if w.Outcome == Acked || o == "" || o == NotDone {
			o = w.Outcome
		}
		if o == Acked {
			return o
		}
	}
	return o
}

// there are the sites that have a record of the subject.
func (j *judge) there() (out []string) {
	for _, site := range slices.Sorted(maps.Keys(j.Final)) {
		if len(j.Final[site].Records[j.subject]) > 0 {
			out = append(out, site)
		}
	}
	return out
}

func (j *judge) versions() {
	given := make(map[Version]*Write)
	for _, w := range j.writes {
		if w.Outcome != Acked || w.Version == (Version{}) {
			continue
		}
		if other := given[w.Version]; other != nil {
			j.wrong(RuleVersion, "%v was given to %s (%v at %s) and to %s (%v at %s)", w.Version, other.Tag(), other.Answers, other.Site, w.Tag(), w.Answers, w.Site)
		}
		given[w.Version] = w
	}
}

func (j *judge) doubles() {
	for _, site := range slices.Sorted(maps.Keys(j.Final)) {
		if n := len(j.Final[site].Records[j.subject]); n > 1 {
			j.wrong(RuleDoubled, "%s has %d records", site, n)
		} else if n := j.deeds.Made[site]; n > 1 {
			j.wrong(RuleDoubled, "%s made %d records", site, n)
		}
	}
}

func (j *judge) ghosts() {
	for _, w := range j.writes {
		if w.Outcome != NotDone {
			continue
		}
		switch {
		case w.Kind == Create:
			for site, n := range j.deeds.Made {
				j.wrong(RuleGhost, "its create is said to be not done and %s made %d records", site, n)
			}
		case w.Kind == Update && j.deeds.Written[w.Pen][w.N]:
			j.wrong(RuleGhost, "%s is said to be not done and was written", w.Tag())
		}
	}
	if j.outcome(Delete) == NotDone {
		for site, n := range j.deeds.Gone {
			j.wrong(RuleGhost, "its delete is said to be not done and %s deleted %d records", site, n)
		}
	}
}

// gone wants a deleted request to be nowhere, and not to have come back meanwhile.
func (j *judge) gone(there []string) {
	if len(there) > 0 {
		j.wrong(RuleRisen, "its delete was acknowledged and %v have it", there)
	}
	for site := range j.deeds.After {
		if j.deeds.After[site] {
			j.wrong(RuleRisen, "%s made a record of it after it had deleted one", site)
		}
	}
}

// owner is the one site that says that it owns the request.
func (j *judge) owner() string {
	id := ""
	for _, w := range j.writes {
		if w.Request != "" {
			id = w.Request
		}
	}
	for _, site := range slices.Sorted(maps.Keys(j.Final)) {
		for _, rec := range j.Final[site].Records[j.subject] {
			ext, _ := rec["external_id"].(string)
			if id == "" {
				id = ext
			}
			if ext != id {
				j.wrong(RuleOwner, "%s has it as request %q, others as %q", site, ext, id)
			}
		}
	}
	var owners []string
	version := ""
	for _, site := range slices.Sorted(maps.Keys(j.Final)) {
		if l := j.Final[site].Ledger[id]; l.Role == "owner" {
			owners, version = append(owners, site), l.Version
		}
	}
	if len(owners) != 1 {
		j.wrong(RuleOwner, "%v own request %s", owners, id)
		return ""
	}
	for _, site := range slices.Sorted(maps.Keys(j.Final)) {
		l, known := j.Final[site].Ledger[id]
		switch {
		case !known:
			j.wrong(RuleOwner, "%s does not know request %s, which %s owns", site, id, owners[0])
		case l.Owner != owners[0]:
			j.wrong(RuleOwner, "%s says that %s owns request %s, which %s owns", site, l.Owner, id, owners[0])
		case l.Version != version:
			j.wrong(RuleApart, "request %s is at version %s at %s and at %s at its owner %s", id, l.Version, site, version, owners[0])
		}
		if l.Open != "" {
			j.wrong(RuleOpen, "request %s at %s: %s", id, site, l.Open)
		}
	}
	return owners[0]
}

// ours are fields that differ between equal records: they are a site's own, or say what the record is there.
func ours(name string) bool {
	return name == "id" || name == "external_id" || strings.HasPrefix(name, "sync_")
}

// equal compares the records of all sites with the owner's.
func (j *judge) equal(owner string, there []string) {
	list := j.Final[owner].Records[j.subject]
	if len(list) == 0 {
		j.wrong(RuleLost, "its owner %s has no record", owner)
		return
	}
	for _, site := range there {
		if d := differences(list[0], j.Final[site].Records[j.subject][0]); site != owner && d != "" {
			j.wrong(RuleApart, "at %s and at its owner %s: %s", site, owner, d)
		}
	}
}

func differences(a, b map[string]any) string {
	keys := make(map[string]bool)
	for k := range a {
		keys[k] = true
	}
	for k := range b {
		keys[k] = true
	}
	var out []string
	for _, k := range slices.Sorted(maps.Keys(keys)) {
		if x, y := fmt.Sprint(a[k]), fmt.Sprint(b[k]); !ours(k) && x != y {
			out = append(out, fmt.Sprintf("%s is %s there, %s at the owner", k, y, x))
		}
	}
	return strings.Join(out, ", ")
}

// kept wants the owner's record to have the last acknowledged value of every pen, and its shared field that of the newest write.
func (j *judge) kept(owner string, record map[string]any) {
	have := pens(record)
	for _, pen := range j.pens() {
		least, most := 0, 0
		for _, w := range j.writes {
			if w.Pen != pen {
				continue
			}
			if w.Outcome == Acked {
				least = max(least, w.N)
			}
			if w.Outcome != NotDone {
				most = max(most, w.N)
			}
		}
		if n := have[pen]; n < least {
			j.wrong(RuleLost, "%s has %s=%d, and %d was acknowledged", owner, pen, n, least)
		} else if n > most {
			j.wrong(RuleGhost, "%s has %s=%d, and %d is the last that may be there", owner, pen, n, most)
		}
	}
	j.last(owner, fmt.Sprint(record["last"]))
}

func (j *judge) pens() []string {
	names := make(map[string]bool)
	for _, w := range j.writes {
		if w.Kind == Update {
			names[w.Pen] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// last wants the field that all write to show the acknowledged write of the newest version, or one that is in doubt.
func (j *judge) last(owner, tag string) {
	var newest *Write
	for _, w := range j.writes {
		switch {
		case w.Kind == Delete:
		case w.Outcome == InDoubt && w.Tag() == tag:
			return
		case w.Outcome == Acked && (newest == nil || w.Version.Compare(newest.Version) > 0):
			newest = w
		}
	}
	if newest != nil && newest.Tag() != tag {
		j.wrong(RuleLost, "%s shows %q as the last write, and %s was acknowledged as version %v", owner, tag, newest.Tag(), newest.Version)
	}
}
