package chaos

import (
	"fmt"
	"slices"
	"testing"
)

// whole is a history in which nothing is wrong: one request with two pens, one write in doubt, one that was not done.
type whole struct {
	h     *History
	t     *Truth
	f     Final
	write map[string]*Write
}

const wholeID = "01J0000000000000000000WHOL"

func newWhole() *whole {
	w := &whole{h: NewHistory(), t: NewTruth(), f: make(Final), write: make(map[string]*Write)}
	for _, x := range []*Write{
		{Kind: Create, Outcome: Acked, Version: Version{1, 1}},
		{Kind: Update, Pen: "pen-a", N: 1, Outcome: Acked, Version: Version{1, 2}},
		{Kind: Update, Pen: "pen-a", N: 2, Outcome: NotDone},
		{Kind: Update, Pen: "pen-a", N: 3, Outcome: Acked, Version: Version{2, 1}},
		{Kind: Update, Pen: "pen-b", N: 1, Outcome: InDoubt},
	} {
		x.Subject, x.Request = "one", wholeID
		w.write[fmt.Sprint(x.Kind, x.Pen, x.N)] = x
		w.h.Note(x)
	}
	for i, site := range []string{"oslo", "rome"} {
		id := fmt.Sprint(i + 1)
		w.t.Note(Commit{site, "POST", id, []byte(`{"subject":"one","last":"made"}`)})
		w.t.Note(Commit{site, "PATCH", id, []byte(`{"pen-a":1,"last":"pen-a=1"}`)})
		w.t.Note(Commit{site, "PATCH", id, []byte(`{"pen-a":3,"last":"pen-a=3"}`)})
		w.f[site] = Place{Records: map[string][]map[string]any{"one": {{"subject": "one", "external_id": wholeID, "pen-a": 3.0, "last": "pen-a=3"}}},
			Ledger: map[string]Ledger{wholeID: {Role: "copy", Owner: "oslo", Version: "2.1"}}}
	}
	w.ledger("oslo", Ledger{Role: "owner", Owner: "oslo", Version: "2.1"})
	return w
}

func (w *whole) ledger(site string, l Ledger) { w.f[site].Ledger[wholeID] = l }

func (w *whole) record(site string) map[string]any { return w.f[site].Records["one"][0] }

func (w *whole) both(field string, value any) {
	w.record("oslo")[field], w.record("rome")[field] = value, value
}

func (w *whole) check() []Violation { return Check(w.h, w.t, w.f, []string{"one"}) }

func TestCheckPassesWhatIsRight(t *testing.T) {
	t.Parallel()
	for what, change := range map[string]func(*whole){
		"as it is":                     func(*whole) {},
		"the write in doubt was done":  func(w *whole) { w.both("pen-b", 1.0); w.both("last", "pen-b=1") },
		"the last pen is not the last": func(w *whole) { w.both("last", "pen-b=1") },
		"the request is deleted":       func(w *whole) { w.remove(Acked) },
		"a delete in doubt was done":   func(w *whole) { w.remove(InDoubt) },
		"a delete in doubt was not":    func(w *whole) { w.h.Note(&Write{Subject: "one", Kind: Delete, Outcome: InDoubt}) },
		"a create in doubt left nothing": func(w *whole) {
			w.h.Note(&Write{Subject: "two", Kind: Create, Outcome: InDoubt})
		},
		"reads go on": func(w *whole) {
			w.h.Saw("r", "rome", "one", Sight{Version{1, 2}, map[string]int{"pen-a": 1}})
			w.h.Saw("r", "rome", "one", Sight{Version{2, 1}, map[string]int{"pen-a": 3}})
		},
	} {
		w := newWhole()
		change(w)
		if got := Check(w.h, w.t, w.f, w.h.Subjects()); len(got) > 0 {
			t.Errorf("%s: %v", what, got)
		}
	}
}

// remove deletes the request at both sites.
func (w *whole) remove(o Outcome) {
	w.h.Note(&Write{Subject: "one", Kind: Delete, Outcome: o})
	for i, site := range []string{"oslo", "rome"} {
		w.t.Note(Commit{site, "DELETE", fmt.Sprint(i + 1), nil})
		delete(w.f[site].Records, "one")
		w.ledger(site, Ledger{Role: "tombstone", Owner: "oslo", Version: "2.2"})
	}
}

// Every rule finds what breaks it.
func TestCheckFindsWhatIsWrong(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		what, rule string
		plant      func(*whole)
	}{
		{"an acknowledged update is gone", RuleLost, func(w *whole) { w.both("pen-a", 1.0) }},
		{"an acknowledged update was overwritten by an older one", RuleLost, func(w *whole) { w.both("last", "pen-a=1") }},
		{"an acknowledged request is gone", RuleLost, func(w *whole) { clear(w.f["oslo"].Records); clear(w.f["rome"].Records) }},
		{"the owner has no record", RuleLost, func(w *whole) { clear(w.f["oslo"].Records) }},
		{"a site has two records", RuleDoubled, func(w *whole) {
			w.f["rome"].Records["one"] = append(w.f["rome"].Records["one"], w.record("rome"))
		}},
		{"a second record was made and removed again", RuleDoubled, func(w *whole) {
			w.t.Note(Commit{"rome", "POST", "9", []byte(`{"subject":"one"}`)})
			w.t.Note(Commit{"rome", "DELETE", "9", nil})
		}},
		{"a create in doubt made two", RuleDoubled, func(w *whole) {
			w.write["create0"].Outcome = InDoubt
			w.t.Note(Commit{"oslo", "POST", "9", []byte(`{"subject":"one"}`)})
		}},
		{"an update that was not done is there", RuleGhost, func(w *whole) { w.t.Note(Commit{"rome", "PATCH", "2", []byte(`{"pen-a":2}`)}) }},
		{"a value that nobody sent", RuleGhost, func(w *whole) { w.both("pen-a", 4.0) }},
		{"a create that was not done made a record", RuleGhost, func(w *whole) {
			w.h.Note(&Write{Subject: "two", Kind: Create, Outcome: NotDone})
			w.t.Note(Commit{"rome", "POST", "9", []byte(`{"subject":"two"}`)})
		}},
		{"a delete that was not done deleted", RuleGhost, func(w *whole) { w.remove(NotDone) }},
		{"two owners", RuleOwner, func(w *whole) { w.ledger("rome", Ledger{Role: "owner", Owner: "rome", Version: "2.1"}) }},
		{"no owner", RuleOwner, func(w *whole) { w.ledger("oslo", Ledger{Role: "copy", Owner: "rome", Version: "2.1"}) }},
		{"a site names another owner", RuleOwner, func(w *whole) { w.ledger("rome", Ledger{Role: "copy", Owner: "rome", Version: "2.1"}) }},
		{"a site does not know it", RuleOwner, func(w *whole) { clear(w.f["rome"].Ledger) }},
		{"two requests for one record", RuleOwner, func(w *whole) { w.record("rome")["external_id"] = "01J0000000000000000000ELSE" }},
		{"a copy differs", RuleApart, func(w *whole) { w.record("rome")["status"] = "closed" }},
		{"a copy is missing", RuleApart, func(w *whole) { clear(w.f["rome"].Records) }},
		{"a copy is at another version", RuleApart, func(w *whole) { w.ledger("rome", Ledger{Role: "copy", Owner: "oslo", Version: "1.2"}) }},
		{"a deleted request is there", RuleRisen, func(w *whole) { w.h.Note(&Write{Subject: "one", Kind: Delete, Outcome: Acked}) }},
		{"a deleted request came back for a while", RuleRisen, func(w *whole) {
			w.remove(Acked)
			w.t.Note(Commit{"rome", "POST", "9", []byte(`{"subject":"one"}`)})
			w.t.Note(Commit{"rome", "DELETE", "9", nil})
		}},
		{"a version given twice", RuleVersion, func(w *whole) { w.write["updatepen-a3"].Version = Version{1, 2} }},
		{"a read shows an older version", RuleBack, func(w *whole) {
			w.h.Saw("r", "rome", "one", Sight{Version: Version{2, 1}})
			w.h.Saw("r", "rome", "one", Sight{Version: Version{1, 9}})
		}},
		{"a read shows an older value", RuleBack, func(w *whole) {
			w.h.Saw("r", "rome", "one", Sight{Pens: map[string]int{"pen-a": 3}})
			w.h.Saw("r", "rome", "one", Sight{Pens: map[string]int{"pen-a": 1}})
		}},
		{"a write is open", RuleOpen, func(w *whole) {
			w.ledger("rome", Ledger{Role: "copy", Owner: "oslo", Version: "2.1", Open: "an apply"})
		}},
		{"a site owes something", RuleOpen, func(w *whole) { p := w.f["rome"]; p.Open = "1 delivery"; w.f["rome"] = p }},
	} {
		w := newWhole()
		c.plant(w)
		found := Check(w.h, w.t, w.f, w.h.Subjects())
		if !slices.ContainsFunc(found, func(v Violation) bool { return v.Rule == c.rule }) {
			t.Errorf("%s: no violation of %q among %v", c.what, c.rule, found)
		}
	}
}
