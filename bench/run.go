package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// part is one group of figures. needsGateway parts are left out when there is no program to measure.
type part struct {
	name, title  string
	weight       float64 // of its time in a full run; quick in a quick one
	quick        float64
	needsGateway bool
	run          func(context.Context, *bench) error
}

// parts lists everything in the order of the run: what must be quiet comes first.
func parts() []part {
	return []part{
		{"idle", "idle gateway", 10, 10, true, measureIdle},
		{"routes", "10,000 routes", 5, 4, false, measureRoutes},
		{"pass", "passing through", 22, 26, false, measurePass},
		{"writes", "accepted writes, two holders", 25, 34, false, measureWrites},
		{"lag", "copy lag at 30 % of the highest rate", 8, 10, false, measureLag},
		{"drain", "drain of a backlog", 40, 18, true, measureDrain},
		{"verify", "comparing two sites", 60, 12, false, measureVerify},
	}
}

// bench is one run: what it was asked, what it has started, what it has found.
type bench struct {
	options
	shop     *workshop
	load     *loader
	meridian string // the program; "" when it could not be built
	report   report
	progress io.Writer
	began    time.Time
	// part is the one that is running, and until is when it should be done.
	part   string
	until  time.Time
	failed error
	// systems that accept writes, started by the first part that needs them; see writers.
	systems []*system
}

func run(ctx context.Context, o options, out, progress io.Writer) (err error) {
	if o.dir == "" {
		o.dir = ".cache"
	}
	if err := os.MkdirAll(o.dir, 0o755); err != nil {
		return err
	}
	under, err := filepath.Abs(o.dir)
	if err != nil {
		return err
	}
	shop, err := newWorkshop(under)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, shop.close()) }()
	b := &bench{options: o, shop: shop, progress: progress, began: time.Now()}
	b.report.Machine = describe(under)
	if b.meridian, err = b.build(ctx); err != nil {
		b.part = "Meridian is not measured"
		b.fault(err)
	}
	// Compiling is not counted: after a change it takes as long as it takes.
	ctx, cancel := context.WithTimeout(ctx, o.limit)
	defer cancel()
	if b.load, err = shop.loader(); err != nil {
		return err
	}
	b.runParts(ctx)
	b.report.Seconds = time.Since(b.began).Seconds()
	if o.json {
		return errors.Join(b.failed, b.report.writeJSON(out))
	}
	return errors.Join(b.failed, b.report.writeTable(out))
}

func (b *bench) runParts(ctx context.Context) {
	end, _ := ctx.Deadline()
	for i, p := range b.parts {
		b.part, b.until = p.name, budget(time.Now(), end, b.parts[i:])
		if p.needsGateway && b.meridian == "" {
			continue
		}
		if ctx.Err() != nil {
			b.report.note("%s: not measured, the time is over", p.name)
			continue
		}
		b.say("%s", p.title)
		if err := p.run(ctx, b); err != nil {
			b.fault(err)
		}
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		b.failed = errors.Join(b.failed, ctx.Err())
	}
}

// fault notes what went wrong in the part that is running. The rest is still measured; the run as a whole fails.
func (b *bench) fault(err error) {
	b.report.note("%s: %v", b.part, err)
	b.failed = errors.Join(b.failed, fmt.Errorf("%s: %w", b.part, err))
}

// say prints a line of progress with the time since the start.
func (b *bench) say(format string, args ...any) {
	fmt.Fprintf(b.progress, "%5.1fs  %s\n", time.Since(b.began).Seconds(), fmt.Sprintf(format, args...))
}

// build makes the program to be measured, from the sources in the current folder.
func (b *bench) build(ctx context.Context) (string, error) {
	if b.options.meridian != "" {
		return filepath.Abs(b.options.meridian)
	}
	b.say("building ./cmd/meridian")
	path := filepath.Join(b.shop.dir, "meridian")
	if text, err := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-o", path, "./cmd/meridian").CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build ./cmd/meridian: %w: %s", err, text)
	}
	return path, nil
}

// pause waits, or returns early with the reason when ctx is over.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
