package chaos

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// Soak is a long time of mixed load with a fault now and then.
type Soak struct {
	// For is how long, Every how often the gateways are looked at.
	For, Every time.Duration
	// Pace is how long each of the nine writers pauses.
	Pace time.Duration
	// Say is told how it goes, See every sample.
	Say func(format string, args ...any)
	See func(Sample)
}

// Soaked is what came of it.
type Soaked struct {
	Tally
	Samples []Sample
	Faults  map[string]int
	// Verify is what the gateways' own comparison printed, when it found something.
	Verify string
}

// steady is the site whose gateway is never killed, so that what it takes is seen over the whole time.
const steady = "paris"

// Run soaks a world.
func (s Soak) Run(w *World) Soaked {
	began := time.Now()
	out := Soaked{Faults: make(map[string]int)}
	load := w.Start(Mix{Prefix: "soak", Writers: 9, Readers: 3, Pace: s.Pace, Live: 300, Patience: 30 * time.Second})
	stop, sampled := make(chan struct{}), make(chan []Sample)
	go func() { sampled <- s.watch(w, load, began, stop) }()
	faults := soakFaults(w.Store)
	for {
		calm := 4*time.Second + rand.N(12*time.Second)
		if time.Since(began)+calm > s.For {
			break
		}
		harness.Pause(calm)
		f := faults[rand.IntN(len(faults))]
		at := w.Net.Sites()[rand.IntN(3)]
		if strings.Contains(f.Name, "gateway") && at == steady {
			at = w.Net.Sites()[rand.IntN(2)]
		}
		hold := 200*time.Millisecond + rand.N(2*time.Second)
		if err := f.Strike(w.NewBout(at, hold)); err != nil {
			out.Violations = append(out.Violations, Violation{RuleOpen, at, f.Name + ": " + err.Error()})
		}
		out.Faults[f.Name]++
	}
	harness.Pause(max(s.For-time.Since(began), 0))
	subjects, wrong := load.End()
	close(stop)
	out.Samples = <-sampled
	out.Took = time.Since(began)
	out.Violations = append(out.Violations, wrong...)
	out.Violations = append(out.Violations, w.Judge(subjects, "", 3*time.Minute)...)
	out.Requests, out.Moved, out.Rounds = len(subjects), load.Moved(), 1
	out.Writes = w.History.Outcomes(subjects)
	for _, site := range w.Net.Sites() {
		if text, code := w.Net.At(site).CLI("verify"); code != 0 {
			out.Verify += site + ":\n" + text
			out.Violations = append(out.Violations, Violation{RuleApart, site, fmt.Sprintf("verify ended with %d", code)})
		}
	}
	return out
}

// soakFaults are those that every site can be struck by, and that leave the long-lived gateway alive.
func soakFaults(store string) (out []Fault) {
	for _, f := range Faults() {
		switch {
		case f.On != anywhere && f.On != store, f.No == "15", f.No == "23", f.No == "30":
		default:
			out = append(out, f)
		}
	}
	return out
}

// watch takes samples until stop.
func (s Soak) watch(w *World, l *Load, began time.Time, stop <-chan struct{}) (out []Sample) {
	tick := time.NewTicker(s.Every)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return out
		case <-tick.C:
		}
		for _, site := range w.Net.Sites() {
			x, ok := w.sample(site)
			if !ok {
				continue
			}
			x.At, x.Requests, x.Written = time.Since(began), l.made(), w.Truth.Commits()
			out = append(out, x)
			if s.See != nil {
				s.See(x)
			}
		}
		if s.Say != nil && len(out)%180 < 3 {
			s.Say("%s: %v, %d requests, %d writes acknowledged, %d commits", w.Store, time.Since(began).Round(time.Second), l.made(), w.History.Count(Acked), w.Truth.Commits())
		}
	}
}

// made is how many requests there have been.
func (l *Load) made() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.names)
}
