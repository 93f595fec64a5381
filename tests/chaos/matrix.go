package chaos

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Cell is what came of a fault under an operation, over some rounds.
type Cell struct {
	// Code is the documented outcome.
	Code       string
	Writes     map[Outcome]int
	Answers    map[string]int
	Violations []Violation
}

// Row is what came of a fault.
type Row struct {
	Fault   Fault
	Store   string
	Rounds  int
	Cells   [6]Cell
	Settled []time.Duration
	// Failed says why the row could not be run, or what is wrong beyond single cells; Skipped why it was not.
	Failed  []string
	Skipped string
}

// Good reports whether nothing is wrong.
func (r *Row) Good() bool {
	return len(r.Failed) == 0 && !slices.ContainsFunc(r.Cells[:], func(c Cell) bool { return len(c.Violations) > 0 })
}

// Matrix says how faults are tried.
type Matrix struct {
	// Rounds is how often each fault strikes, a site after the other; Hold is how long it lasts.
	Rounds int
	Hold   time.Duration
	// Patience is how long everything may take to settle.
	Patience time.Duration
	// Only leaves out rows whose names do not hold it.
	Only string
	// Sample tries only the faults that are marked as such.
	Sample bool
	Say    func(format string, args ...any)
}

// Fits reports whether a fault can strike a network of a setup.
func (f Fault) Fits(s Setup) bool {
	switch f.On {
	case anywhere:
		return !s.Certs && !s.Clock
	case onDisk:
		return s.Disk
	case onClock:
		return s.Clock
	case onCerts:
		return s.Certs
	}
	return f.On == s.Store && !s.Certs && !s.Clock
}

// Run tries all faults that fit. It makes a world with make, and a new one after a row in which something was wrong, since what follows
// would not stand on firm ground.
func (m Matrix) Run(s Setup, newWorld func() *World) (out []Row) {
	var w *World
	for _, f := range Faults() {
		if !f.Fits(s) || !strings.Contains(f.Name, m.Only) || m.Sample && !f.Sample {
			continue
		}
		if w == nil {
			w = newWorld()
		}
		row := m.row(w, f)
		if !row.Good() {
			w = nil
		}
		if m.Say != nil {
			m.Say("%s", row.Line())
		}
		out = append(out, row)
	}
	return out
}

// row strikes as often as it is to.
func (m Matrix) row(w *World, f Fault) Row {
	row := Row{Fault: f, Store: w.Store}
	for col := range row.Cells {
		row.Cells[col] = Cell{Code: f.Codes[col], Writes: make(map[Outcome]int), Answers: make(map[string]int)}
	}
	if f.On == onDisk && w.Disk.Missing != nil {
		row.Skipped = w.Disk.Missing.Error()
		return row
	}
	for i := range m.Rounds {
		at := w.Net.Sites()[i%3]
		if f.First {
			at = w.Net.Sites()[0]
		}
		r := &round{Bout: w.NewBout(at, m.Hold), name: fmt.Sprintf("%s %s %d", w.Store, f.Name, w.History.Next()), stop: make(chan struct{}), first: 15 * time.Second}
		before := w.newest()
		if err := r.run(f.Strike); err != nil {
			row.Failed = append(row.Failed, err.Error())
			return row
		}
		row.Rounds++
		began := time.Now()
		wrong := w.Judge(r.every(), before, m.Patience)
		row.Settled = append(row.Settled, time.Since(began))
		row.take(r, wrong, m.Sample)
		if !row.Good() {
			return row
		}
	}
	return row
}

// take puts what came of a round into the cells. What is wrong with no single request is wrong with the row. On a busy machine calls may time
// out that no fault struck, so a sample allows a 503 everywhere.
func (row *Row) take(r *round, wrong []Violation, busy bool) {
	for _, v := range wrong {
		if v.Rule == RuleBack && row.Fault.Late {
			continue
		}
		col := slices.IndexFunc(r.subjects[:], func(list []string) bool { return slices.Contains(list, v.Subject) })
		if col < 0 {
			row.Failed = append(row.Failed, v.String())
			continue
		}
		row.Cells[col].Violations = append(row.Cells[col].Violations, v)
	}
	for col, subjects := range r.subjects {
		c := &row.Cells[col]
		may := allowed(c.Code)
		if col == colMove { // it is written at the owner and by way of others meanwhile
			may = allowed(c.Code, row.Fault.Codes[colUpdate], row.Fault.Codes[colForward])
		}
		may[classNo] = may[classNo] || busy
		for _, s := range subjects {
			for _, w := range r.History.Writes(s) {
				if w.Kind == Create && col != colCreate {
					continue // from before the fault
				}
				c.Writes[w.Outcome]++
				c.judge(w, may)
			}
		}
	}
}

// judge notes an answer that the documents do not allow.
func (c *Cell) judge(w *Write, may map[string]bool) {
	for _, a := range w.Answers {
		c.Answers[a]++
		if may[a] || strings.HasSuffix(a, afterDoubt) {
			continue
		}
		c.Violations = append(c.Violations, Violation{RuleAnswer, w.Subject, fmt.Sprintf("a %s at %s got %v, documented is %q; it was told %s", w.Kind, w.Site, w.Answers, c.Code, w.Said)})
		return
	}
}

// String is a cell of the table: the documented outcome, the writes that were acknowledged, not done and in doubt, and a verdict.
func (c Cell) String() string {
	verdict := ""
	if n := len(c.Violations); n > 0 {
		verdict = fmt.Sprintf(" WRONG %d", n)
	}
	return fmt.Sprintf("%s %d/%d/%d%s", c.Code, c.Writes[Acked], c.Writes[NotDone], c.Writes[InDoubt], verdict)
}

// Line is a row in short.
func (r *Row) Line() string {
	word := "ok"
	switch {
	case r.Skipped != "":
		word = "SKIPPED: " + r.Skipped
	case !r.Good():
		word = "WRONG"
	}
	return fmt.Sprintf("%-8s %-40s %s, settled %s", r.Store, r.Fault.Name, word, spread(r.Settled))
}

// MatrixTable is all rows for people, with totals and everything that is wrong.
func MatrixTable(rows []Row) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-9s%-42s", "store", "fault")
	for _, name := range ColumnNames() {
		fmt.Fprintf(&b, "%-21s", name)
	}
	b.WriteString("settled\n")
	total := make(map[Outcome]int)
	cells, bad := 0, 0
	for _, r := range rows {
		fmt.Fprintf(&b, "%-9s%-42s", r.Store, r.Fault.Name)
		if r.Skipped != "" {
			fmt.Fprintf(&b, "skipped: %s\n", r.Skipped)
			continue
		}
		for _, c := range r.Cells {
			fmt.Fprintf(&b, "%-21s", c)
			cells++
			if len(c.Violations) > 0 {
				bad++
			}
			for o, n := range c.Writes {
				total[o] += n
			}
		}
		fmt.Fprintf(&b, "%s\n", spread(r.Settled))
	}
	fmt.Fprintf(&b, "\nA cell: the documented outcome, and how many writes were acknowledged / not done / without an answer that says.\n")
	fmt.Fprintf(&b, "%d cells, %d of them wrong; %d writes acknowledged, %d not done, %d without an answer\n", cells, bad, total[Acked], total[NotDone], total[InDoubt])
	b.WriteString(rulesTable(rows))
	return b.String()
}

// rulesTable counts violations by rule, and names each.
func rulesTable(rows []Row) string {
	var b strings.Builder
	count := make(map[string]int)
	for _, r := range rows {
		for _, text := range r.Failed {
			fmt.Fprintf(&b, "%s, %s: %s\n", r.Store, r.Fault.Name, text)
		}
		for _, c := range r.Cells {
			for _, v := range c.Violations {
				count[v.Rule]++
				fmt.Fprintf(&b, "%v\n", v)
			}
		}
	}
	var head []string
	for _, rule := range []string{RuleLost, RuleDoubled, RuleOwner, RuleGhost, RuleApart, RuleRisen, RuleVersion, RuleBack, RuleOpen, RuleAnswer} {
		head = append(head, fmt.Sprintf("%s %d", rule, count[rule]))
	}
	return "by rule: " + strings.Join(head, ", ") + "\n" + b.String()
}
