// Chaos breaks networks of gateways and judges what became of the writes; see docs/faults.md. It exits with 1 when anything is wrong.
//
//	go run ./tests/chaos/cmd/chaos matrix -rounds 3
//	go run ./tests/chaos/cmd/chaos kills -kills 1000
//	go run ./tests/chaos/cmd/chaos soak -for 1h -csv soak.csv
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/meridian-gateway/meridian/tests/chaos"
	"github.com/meridian-gateway/meridian/tests/harness"
)

func main() {
	err := run(os.Args[1:], os.Stdout)
	harness.Tidy()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string, out io.Writer) error {
	if len(args) == 0 {
		return errors.New("usage: chaos matrix|kills|soak [flags]")
	}
	switch args[0] {
	case "matrix":
		return matrix(args[1:], out)
	case "kills":
		return kills(args[1:], out)
	case "soak":
		return soak(args[1:], out)
	}
	return fmt.Errorf("chaos %s: want matrix, kills or soak", args[0])
}

// stage is where networks are made. What a failed run has to tell, above all the logs of its processes, goes to a file; end tidies up
// and says which.
func stage(out io.Writer) (_ *chaos.Stage, end func(failed bool), err error) {
	f, err := os.CreateTemp("", "meridian-chaos-*.log")
	if err != nil {
		return nil, nil, err
	}
	s := chaos.NewStage(f)
	return s, func(failed bool) {
		if failed {
			s.Fail()
		}
		s.Close()
		_ = f.Close()
		if s.Failed() {
			_, _ = fmt.Fprintln(out, "the logs of the processes are in", f.Name())
			return
		}
		_ = os.Remove(f.Name())
	}, nil
}

// say prints a line with the time.
func say(out io.Writer) func(string, ...any) {
	return func(format string, args ...any) {
		_, _ = fmt.Fprintf(out, "%s %s\n", time.Now().Format("15:04:05"), fmt.Sprintf(format, args...))
	}
}

// matrix tries all faults, on three networks at once: one on embedded stores, one on Redis, and one with what some faults need.
func matrix(args []string, out io.Writer) (err error) {
	flags := flag.NewFlagSet("matrix", flag.ContinueOnError)
	rounds := flags.Int("rounds", 3, "how often each fault strikes")
	hold := flags.Duration("hold", 800*time.Millisecond, "how long a fault lasts")
	only := flags.String("only", "", "only faults whose names hold this")
	if err := flags.Parse(args); err != nil {
		return err
	}
	stage, end, err := stage(out)
	if err != nil {
		return err
	}
	defer func() { end(err != nil) }()
	var rows []chaos.Row
	var mu sync.Mutex
	var all sync.WaitGroup
	for _, s := range []chaos.Setup{{Store: chaos.Embedded, Disk: true}, {Store: chaos.OnRedis}, {Store: chaos.Embedded, Certs: true, Clock: true}} {
		all.Go(func() {
			stage.Run(func() {
				m := chaos.Matrix{Rounds: *rounds, Hold: *hold, Patience: time.Minute, Only: *only, Say: say(out)}
				list := m.Run(s, func() *chaos.World { return chaos.NewWorld(stage, s) })
				mu.Lock()
				defer mu.Unlock()
				rows = append(rows, list...)
			})
		})
	}
	all.Wait()
	_, _ = fmt.Fprintf(out, "\n%s", chaos.MatrixTable(rows))
	if stage.Failed() || len(rows) == 0 || slices.ContainsFunc(rows, func(r chaos.Row) bool { return !r.Good() }) {
		return errors.New("something is wrong")
	}
	return nil
}

// kills runs the loop of kills on networks of both stores at once.
func kills(args []string, out io.Writer) (err error) {
	flags := flag.NewFlagSet("kills", flag.ContinueOnError)
	count := flags.Int("kills", 1000, "how many gateways to kill, on both stores together")
	if err := flags.Parse(args); err != nil {
		return err
	}
	stage, end, err := stage(out)
	if err != nil {
		return err
	}
	defer func() { end(err != nil) }()
	var total chaos.Tally
	var mu sync.Mutex
	var both sync.WaitGroup
	for _, store := range []string{chaos.Embedded, chaos.OnRedis} {
		both.Go(func() {
			stage.Run(func() {
				w := chaos.NewWorld(stage, chaos.Setup{Store: store})
				t := chaos.Kills{Kills: *count / 2, Round: 60, Patience: 2 * time.Minute, Say: say(out)}.Run(w)
				mu.Lock()
				defer mu.Unlock()
				total.Add(t)
			})
		})
	}
	both.Wait()
	_, _ = fmt.Fprintf(out, "\n%s", total.Table())
	for _, v := range total.Violations {
		_, _ = fmt.Fprintln(out, v)
	}
	if stage.Failed() || len(total.Violations) > 0 || total.Slow() {
		return errors.New("something is wrong")
	}
	return nil
}
