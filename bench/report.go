package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
)

// report is what a run has found.
type report struct {
	Machine string
	Seconds float64
	Figures []figure
	Notes   []string
}

// figure is one line of the table.
type figure struct {
	Part   string
	Name   string // what was measured
	System string // of whom
	Unit   string
	// Median, Least and Most are over the rounds.
	Median, Least, Most float64
	Rounds              int
	Target              *target `json:",omitempty"`
}

// target is what the figure should be.
type target struct {
	Says string
	Met  bool
}

// atMost and below judge a figure by its median.
func atMost(limit float64) func(float64) *target {
	return func(v float64) *target { return &target{fmt.Sprintf("<= %v", limit), v <= limit} }
}

func below(limit float64) func(float64) *target {
	return func(v float64) *target { return &target{fmt.Sprintf("< %v", limit), v < limit} }
}

// add puts a figure into the report, made of one value per round. Without values it is a note, since a figure that silently is
// not there reads like one that was not asked for.
func (r *report) add(f figure, rounds []float64, judge func(float64) *target) {
	if len(rounds) == 0 {
		r.note("%s: %s of %s was not measured", f.Part, f.Name, f.System)
		return
	}
	f.Median, f.Least, f.Most, f.Rounds = median(rounds), slices.Min(rounds), slices.Max(rounds), len(rounds)
	if judge != nil {
		f.Target = judge(f.Median)
	}
	r.Figures = append(r.Figures, f)
}

// note adds a sentence under the table; the same one only once.
func (r *report) note(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(r.Notes, text) {
		r.Notes = append(r.Notes, text)
	}
}

func (r *report) writeJSON(out io.Writer) error {
	enc := json.NewEncoder(out)
	enc.SetIndent("", "  ")
	return enc.Encode(r)
}

func (r *report) writeTable(out io.Writer) error {
	fmt.Fprintf(out, "%s\n", r.Machine)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	last := ""
	for _, f := range r.grouped() {
		if f.Part != last {
			last = f.Part
			fmt.Fprintf(w, "\n%s\t\tmedian\tmin\tmax\tunit\ttarget\n", strings.ToUpper(f.Part))
		}
		verdict := ""
		if f.Target != nil {
			verdict = f.Target.Says + " not met"
			if f.Target.Met {
				verdict = f.Target.Says + " met"
			}
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", f.Name, f.System, digits(f.Median), digits(f.Least), digits(f.Most), f.Unit, verdict)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if len(r.Notes) > 0 {
		fmt.Fprintln(out, "\nNotes")
	}
	for _, n := range r.Notes {
		fmt.Fprintf(out, "- %s\n", n)
	}
	_, err := fmt.Fprintf(out, "\n%.0f s in all. Medians over rounds that took turns; ratios and differences are taken within a round.\n", r.Seconds)
	return err
}

// grouped returns the figures with the same figure of all systems side by side, otherwise in the order in which they were added.
func (r *report) grouped() []figure {
	type key struct{ part, name string }
	place := map[key]int{}
	for _, f := range r.Figures {
		k := key{f.Part, f.Name}
		if _, known := place[k]; !known {
			place[k] = len(place)
		}
	}
	sorted := slices.Clone(r.Figures)
	slices.SortStableFunc(sorted, func(a, b figure) int {
		return place[key{a.Part, a.Name}] - place[key{b.Part, b.Name}]
	})
	return sorted
}

// digits prints a number with three significant digits, and large ones whole.
func digits(v float64) string {
	switch a := math.Abs(v); {
	case a >= 100:
		return fmt.Sprintf("%.0f", v)
	case a >= 10:
		return fmt.Sprintf("%.1f", v)
	default:
		return fmt.Sprintf("%.2f", v)
	}
}

// describe says on what the figures were taken.
func describe(dir string) string {
	text := fmt.Sprintf("%s/%s, %d cores, %s", runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version())
	if load, err := os.ReadFile("/proc/loadavg"); err == nil {
		text += ", load before the run " + strings.Join(strings.Fields(string(load))[:3], " ")
	}
	if mounts, err := os.ReadFile("/proc/mounts"); err == nil {
		kind := parseMounts(mounts, dir)
		text += ", stores on " + kind
		if kind == "tmpfs" {
			text += " (syncs cost nothing there: the writes of durable stores look better than they are)"
		}
	}
	return text
}
