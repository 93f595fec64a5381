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
	case "kills":
		return kills(args[1:], out)
	case "soak":
		return soak(args[1:], out)
	}
	return fmt.Errorf("chaos %s: want matrix, kills or soak", args[0])
}

// say prints a line with the time.
func say(out io.Writer) func(string, ...any) {
	return func(format string, args ...any) {
		_, _ = fmt.Fprintf(out, "%s %s\n", time.Now().Format("15:04:05"), fmt.Sprintf(format, args...))
	}
}

// kills runs the loop of kills on networks of both stores at once.
func kills(args []string, out io.Writer) error {
	flags := flag.NewFlagSet("kills", flag.ContinueOnError)
	count := flags.Int("kills", 1000, "how many gateways to kill, on both stores together")
	if err := flags.Parse(args); err != nil {
		return err
	}
	stage := chaos.NewStage(out)
	defer stage.Close()
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
		stage.Fail()
		return errors.New("something is wrong")
	}
	return nil
}
