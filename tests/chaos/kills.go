package chaos

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// Kills is a long loop of kill -9 of gateways under load.
type Kills struct {
	// Kills is how many there are to be, in rounds of Round. After each round everything has to settle within Patience and is judged.
	Kills, Round int
	Patience     time.Duration
	// Say is told how it goes; nil for nobody.
	Say func(format string, args ...any)
}

// Tally is what came of a loop of kills, or of several together.
type Tally struct {
	Killed, Rounds, Requests, Moved int
	Writes                          map[Outcome]int
	Violations                      []Violation
	// Serving are the times from a restart until clients were served, Recovered those until the writes that the kill had left open
	// were settled too.
	Serving, Recovered []time.Duration
	Took               time.Duration
}

// Add puts another tally to this one.
func (t *Tally) Add(u Tally) {
	t.Killed, t.Rounds, t.Requests, t.Moved = t.Killed+u.Killed, t.Rounds+u.Rounds, t.Requests+u.Requests, t.Moved+u.Moved
	if t.Writes == nil {
		t.Writes = make(map[Outcome]int)
	}
	for o, n := range u.Writes {
		t.Writes[o] += n
	}
	t.Violations = append(t.Violations, u.Violations...)
	t.Serving, t.Recovered = append(t.Serving, u.Serving...), append(t.Recovered, u.Recovered...)
	t.Took = max(t.Took, u.Took)
}

// Of is how many violations there are of a rule.
func (t *Tally) Of(rule string) (n int) {
	for _, v := range t.Violations {
		if v.Rule == rule {
			n++
		}
	}
	return n
}

// RecoveryLimit is how long it may take from a restart until a site serves and what the kill left open is settled.
const RecoveryLimit = 10 * time.Second

// Run kills gateways of a world at random moments until there were enough kills, or something is wrong.
func (k Kills) Run(w *World) Tally {
	began := time.Now()
	total := Tally{Writes: make(map[Outcome]int)}
	for total.Killed < k.Kills && len(total.Violations) == 0 {
		total.Add(k.round(w, total.Rounds))
		if k.Say != nil {
			k.Say("%s: %d of %d kills, %d writes acknowledged, %d violations", w.Store, total.Killed, k.Kills, total.Writes[Acked], len(total.Violations))
		}
	}
	total.Took = time.Since(began)
	return total
}

// round kills until the round is full, with load at all sites and a killer at each, and then has everything settle.
func (k Kills) round(w *World, n int) Tally {
	before := w.newest()
	load := w.Start(Mix{Prefix: fmt.Sprintf("kills %d", n), Writers: 9, Readers: 3, Pace: 8 * time.Millisecond, Live: 30, Patience: 20 * time.Second})
	var killers sync.WaitGroup
	sites := w.Net.Sites()
	parts := make([]Tally, len(sites))
	for i, site := range sites {
		killers.Go(func() { parts[i] = k.killer(w, site, before, (k.Round+i)/len(sites)) })
	}
	killers.Wait()
	harness.Pause(300 * time.Millisecond)
	subjects, wrong := load.End()
	t := Tally{Rounds: 1, Requests: len(subjects), Moved: load.Moved(), Violations: wrong}
	for _, p := range parts {
		t.Add(p)
	}
	t.Violations = append(t.Violations, w.Judge(subjects, before, k.Patience)...)
	t.Writes = w.History.Outcomes(subjects)
	return t
}

// killer kills one site's gateway again and again.
func (k Kills) killer(w *World, site, before string, times int) (t Tally) {
	g := w.Net.At(site)
	for range times {
		harness.Pause(rand.N(350 * time.Millisecond))
		g.Kill()
		t.Killed++
		if rand.IntN(4) == 0 {
			harness.Pause(rand.N(400 * time.Millisecond))
		}
		start := time.Now()
		g.Process().Start()
		if err := serves(g, 2*RecoveryLimit); err != nil {
			t.Violations = append(t.Violations, Violation{RuleOpen, site, fmt.Sprintf("it does not serve after a kill: %v", err)})
			return t
		}
		t.Serving = append(t.Serving, time.Since(start))
		if rand.IntN(4) > 0 {
			continue // killed again before all is settled, sometimes
		}
		if err := w.recovered(site, before, start); err != nil {
			t.Violations = append(t.Violations, Violation{RuleOpen, site, fmt.Sprintf("%v after a restart: %v", time.Since(start), err)})
			continue
		}
		t.Recovered = append(t.Recovered, time.Since(start))
	}
	return t
}

// recovered waits until no write is open at a site that was begun before its restart.
func (w *World) recovered(site, after string, start time.Time) error {
	return harness.Poll(2*RecoveryLimit, func() error {
		list, err := w.list(site, after)
		if err != nil {
			return err
		}
		for _, v := range list {
			if v.UnderWay != nil && v.UnderWay.Sent.Before(start) {
				return fmt.Errorf("a write (%s) of %s that was sent %v before the restart is open", v.UnderWay.Kind, v.Request, start.Sub(v.UnderWay.Sent))
			}
		}
		return nil
	})
}

// newest is the highest global id that any site knows; ids grow with time, so all later ones are above it. The few that are made within
// the same millisecond at different sites do not matter: nothing is made while this is asked.
func (w *World) newest() (id string) {
	if w.Clock != nil {
		return "" // there ids are from any time
	}
	for _, site := range w.Net.Sites() {
		list, err := w.list(site, w.seen)
		if err != nil {
			continue
		}
		for _, v := range list {
			id = max(id, v.Request)
		}
	}
	w.seen = max(w.seen, id)
	return w.seen
}

// Judge has everything settle and applies the rules to the subjects. Ledgers are looked at from the id after on.
func (w *World) Judge(subjects []string, after string, patience time.Duration) []Violation {
	f, err := w.Settle(after, patience)
	if err != nil {
		return []Violation{{RuleOpen, w.Store, "the sites cannot be asked how they are: " + err.Error()}}
	}
	wrong := w.Follow(subjects)
	return append(wrong, Check(w.History, w.Truth, f, subjects)...)
}

// Outcomes counts the writes of the subjects by outcome.
func (h *History) Outcomes(subjects []string) map[Outcome]int {
	out := make(map[Outcome]int)
	for _, s := range subjects {
		for _, x := range h.Writes(s) {
			out[x.Outcome]++
		}
	}
	return out
}

// Table is the tally for people.
func (t *Tally) Table() string {
	var b strings.Builder
	row := func(what string, format string, args ...any) {
		fmt.Fprintf(&b, "%-34s %s\n", what, fmt.Sprintf(format, args...))
	}
	row("gateways killed with kill -9", "%d in %d rounds, %v", t.Killed, t.Rounds, t.Took.Round(time.Second))
	row("requests, hand-overs ordered", "%d, %d", t.Requests, t.Moved)
	row("writes acknowledged", "%d", t.Writes[Acked])
	row("writes not done", "%d", t.Writes[NotDone])
	row("writes without an answer", "%d", t.Writes[InDoubt])
	row("acknowledged writes lost", "%d", t.Of(RuleLost))
	row("records doubled", "%d", t.Of(RuleDoubled))
	row("requests without exactly one owner", "%d", t.Of(RuleOwner))
	row("other violations", "%d", len(t.Violations)-t.Of(RuleLost)-t.Of(RuleDoubled)-t.Of(RuleOwner))
	row("restart until clients are served", "%s", spread(t.Serving))
	row("restart until nothing is left open", "%s", spread(t.Recovered))
	return b.String()
}

// spread is the median and the maximum of some times.
func spread(all []time.Duration) string {
	if len(all) == 0 {
		return "not measured"
	}
	sorted := slices.Sorted(slices.Values(all))
	return fmt.Sprintf("p50 %v, max %v (%d)", sorted[len(sorted)/2].Round(time.Millisecond), sorted[len(sorted)-1].Round(time.Millisecond), len(sorted))
}

// Slow reports whether a recovery took longer than it may.
func (t *Tally) Slow() bool {
	return slices.ContainsFunc(t.Recovered, func(d time.Duration) bool { return d > RecoveryLimit })
}
