package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/meridian-gateway/meridian/tests/chaos"
)

// soak runs mixed load with random faults on networks of both stores at once.
func soak(args []string, out io.Writer) (err error) {
	flags := flag.NewFlagSet("soak", flag.ContinueOnError)
	span := flags.Duration("for", time.Hour, "how long")
	every := flags.Duration("every", 10*time.Second, "how often the gateways are looked at")
	pace := flags.Duration("pace", 400*time.Millisecond, "pause of each of the nine writers of a network")
	path := flags.String("csv", "", "file for all samples")
	if err := flags.Parse(args); err != nil {
		return err
	}
	var mu sync.Mutex
	see := func(chaos.Sample) {}
	if *path != "" {
		f, err := os.Create(*path)
		if err != nil {
			return err
		}
		defer func() { _ = f.Close() }()
		_, _ = fmt.Fprintln(f, chaos.CSVHead)
		see = func(s chaos.Sample) {
			mu.Lock()
			defer mu.Unlock()
			_, _ = fmt.Fprintln(f, s.CSV())
		}
	}
	stage, end, err := stage(out)
	if err != nil {
		return err
	}
	defer func() { end(err != nil) }()
	total := chaos.Soaked{Faults: make(map[string]int)}
	var both sync.WaitGroup
	for _, store := range []string{chaos.Embedded, chaos.OnRedis} {
		both.Go(func() {
			stage.Run(func() {
				w := chaos.NewWorld(stage, chaos.Setup{Store: store})
				s := chaos.Soak{For: *span, Every: *every, Pace: *pace, Say: say(out), See: see}.Run(w)
				mu.Lock()
				defer mu.Unlock()
				total.Add(s.Tally)
				total.Samples = append(total.Samples, s.Samples...)
				total.Verify += s.Verify
				for k, n := range s.Faults {
					total.Faults[k] += n
				}
			})
		})
	}
	both.Wait()
	if !told(out, total, *span) || stage.Failed() {
		return errors.New("something is wrong")
	}
	return nil
}

// told prints what came of a soak and reports whether all is well.
func told(out io.Writer, s chaos.Soaked, span time.Duration) bool {
	_, _ = fmt.Fprintf(out, "\n%s\nfaults\n", s.Table())
	for _, name := range slices.Sorted(maps.Keys(s.Faults)) {
		_, _ = fmt.Fprintf(out, "  %-45s %d\n", name, s.Faults[name])
	}
	trends := chaos.Trends(s.Samples, span)
	_, _ = fmt.Fprintf(out, "\n%s%s", chaos.TrendTable(trends), s.Verify)
	for _, v := range s.Violations {
		_, _ = fmt.Fprintln(out, v)
	}
	return len(s.Violations) == 0 && len(trends) > 0 && !slices.ContainsFunc(trends, func(t chaos.Trend) bool { return !t.Flat() })
}
