// Command bench measures Meridian side by side with the least that could do the same work and with what people would use instead:
// a bare reverse proxy, nginx, Caddy, and a hand-made queue of writes. Everything runs in one go, in turns (A B C, B C A, …), and the
// table holds medians over the rounds and ratios taken within a round, since the machine is shared and its speed wanders.
//
// It starts real processes on the loopback, Meridian among them, and ends them all. README.md says what each figure means.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"
)

func main() {
	// Programs started on this thread are told to die with it (see workshop.start), so it must live as long as the bench.
	runtime.LockOSThread()
	if err := start(os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// start reads the command line and either plays a role or runs the benchmarks.
func start(args []string, out, progress io.Writer) error {
	var o options
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(progress)
	flags.IntVar(&o.rounds, "rounds", 0, "rounds of everything that is compared (default 5, quick 3)")
	flags.Float64Var(&o.seconds, "seconds", 0, "length of one measurement (default 0.5, quick 0.3)")
	flags.BoolVar(&o.quick, "quick", false, "the whole run in under 90 s, with coarser figures")
	flags.StringVar(&o.only, "only", "", "parts to run, by comma: "+strings.Join(partNames(), ", "))
	flags.BoolVar(&o.json, "json", false, "print JSON instead of a table")
	flags.IntVar(&o.backlog, "backlog", 0, "requests in the backlog of the part drain (default 100000, quick 5000)")
	flags.IntVar(&o.requests, "requests", 0, "linked requests that the part verify compares (default 1000000, quick 50000)")
	flags.DurationVar(&o.limit, "limit", 0, "end the run after this time with what there is (default 6m, quick 90s)")
	flags.StringVar(&o.meridian, "meridian", "", "measure this program instead of building ./cmd/meridian")
	flags.StringVar(&o.dir, "dir", "", "folder for stores and logs, removed at the end; a real disk, or syncs cost nothing (default .cache)")
	flags.BoolVar(&o.install, "install", false, "install Caddy into .cache/bin first")
	role := flags.String("role", "", "") // these two are for the bench's own processes
	spec := flags.String("spec", "", "")
	flags.Usage = func() { usage(flags, progress) }
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return nil
	} else if err != nil {
		return err
	}
	if *role != "" {
		return play(*role, *spec)
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unknown argument %q", flags.Arg(0))
	}
	if err := o.complete(); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if o.install { // once, and not counted
		if err := installCaddy(ctx, progress); err != nil {
			return err
		}
	}
	return run(ctx, o, out, progress)
}

func usage(flags *flag.FlagSet, out io.Writer) {
	fmt.Fprintln(out, "Usage: go run ./bench [flags], from the project's root")
	flags.VisitAll(func(f *flag.Flag) {
		if f.Usage != "" {
			fmt.Fprintf(out, "  -%-10s %s\n", f.Name, f.Usage)
		}
	})
}

// options are the command line's.
type options struct {
	rounds, backlog        int
	requests               int
	seconds                float64
	quick, json, install   bool
	only, meridian, dir    string
	limit                  time.Duration
	parts                  []part
	idle                   time.Duration
	lagSeconds, settleTime float64
}

// complete fills in what was left out and checks the rest.
func (o *options) complete() error {
	pick := func(quick, full float64) float64 {
		if o.quick {
			return quick
		}
		return full
	}
	o.idle = time.Duration(pick(4, 10)) * time.Second
	o.lagSeconds, o.settleTime = pick(0.5, 1.2), pick(2, 4)
	if o.rounds == 0 {
		o.rounds = int(pick(3, 5))
	}
	if o.seconds == 0 {
		o.seconds = pick(0.3, 0.5)
	}
	if o.backlog == 0 {
		o.backlog = int(pick(5000, 100000))
	}
	if o.requests == 0 {
		o.requests = int(pick(50_000, 1_000_000))
	}
	if o.limit == 0 {
		o.limit = time.Duration(pick(90, 360)) * time.Second
	}
	if o.rounds < 1 || o.seconds < 0.05 || o.backlog < 1 || o.limit < time.Second {
		return fmt.Errorf("rounds, seconds (0.05 at least), backlog and limit must be positive")
	}
	var err error
	o.parts, err = pickParts(o.only)
	for i := range o.parts {
		o.parts[i].weight = pick(o.parts[i].quick, o.parts[i].weight)
	}
	return err
}

// pickParts returns the parts named in a list by comma, in the order of the run; all when the list is empty.
func pickParts(only string) ([]part, error) {
	if only == "" {
		return parts(), nil
	}
	wanted := map[string]bool{}
	for name := range strings.SplitSeq(only, ",") {
		wanted[strings.TrimSpace(name)] = true
	}
	var picked []part
	for _, p := range parts() {
		if wanted[p.name] {
			picked = append(picked, p)
			delete(wanted, p.name)
		}
	}
	for name := range wanted {
		return nil, fmt.Errorf("no part %q; there are %s", name, strings.Join(partNames(), ", "))
	}
	return picked, nil
}

func partNames() []string {
	var names []string
	for _, p := range parts() {
		names = append(names, p.name)
	}
	return names
}
