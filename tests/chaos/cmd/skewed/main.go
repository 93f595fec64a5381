// Skewed is a gateway whose clock can be set while it runs: it takes the arguments of "meridian run" that the tests use, and reads
// from a file beside its program by how much its clock is wrong.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"go.uber.org/zap"

	"github.com/meridian-gateway/meridian/configs"
	"github.com/meridian-gateway/meridian/internal/app"
	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/tests/chaos"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) == 0 || args[0] != "run" {
		return errors.New("usage: skewed run --config FILE --site NAME")
	}
	flags := flag.NewFlagSet("run", flag.ContinueOnError)
	config, site := flags.String("config", "", "the network file"), flags.String("site", "", "the site")
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	n, err := configs.Load(*config)
	if err != nil {
		return err
	}
	log, err := zap.NewProduction()
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	clock := &clock{path: filepath.Join(filepath.Dir(self), chaos.SkewFile)}
	go clock.watch(ctx)
	a, err := app.Start(ctx, app.Options{Network: n, Site: request.Site(*site), ConfigPath: n.Path, Logger: log, Clock: clock, Version: "skewed"})
	if err != nil {
		return err
	}
	<-ctx.Done()
	end, cancel := context.WithTimeout(context.Background(), 25*time.Second)
	defer cancel()
	return a.Stop(end)
}

// clock is wrong by what the file says. Waiting is by the true clock, as it is in a process whose system clock is set.
type clock struct {
	path string
	skew atomic.Int64
}

// nanosecondBits is where the seconds of a time.Time with a monotonic reading begin in its first word.
const nanosecondBits = 30

// Now is what time.Now says when the system's clock is wrong: another date, in whole seconds, and the same monotonic reading. Add would
// change both, so the seconds of the date are changed where they are.
func (c *clock) Now() time.Time {
	now := time.Now()
	date := (*uint64)(unsafe.Pointer(&now))
	*date += uint64(c.skew.Load()/int64(time.Second)) << nanosecondBits
	return now
}

// After waits.
func (c *clock) After(d time.Duration) <-chan time.Time { return time.After(d) }

func (c *clock) watch(ctx context.Context) {
	for tick := time.NewTicker(50 * time.Millisecond); ; {
		if text, err := os.ReadFile(c.path); err == nil {
			if d, err := time.ParseDuration(string(text)); err == nil {
				c.skew.Store(int64(d))
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			tick.Stop()
			return
		}
	}
}
