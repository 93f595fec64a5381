package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/meridian-gateway/meridian/gateway"
	"github.com/meridian-gateway/meridian/request"
)

const (
	// jobPoll is the pause between two looks at a long job, jobLost how long the gateway may be away in the meantime.
	jobPoll = 500 * time.Millisecond
	jobLost = time.Minute
)

// seedFlags are what a seeding is ordered with.
type seedFlags struct {
	collection, rate, since  string
	dry, status, cancel, off bool
}

func (c *command) seed() *cobra.Command {
	var f seedFlags
	cmd := c.asking(&cobra.Command{Use: "seed", Args: exactly(0), Short: "Bring the requests that existed before the gateway into the network",
		Long: "Bring the records of the site's request API that existed before the gateway into the network: each becomes a request that\n" +
			"this site owns, and the routes judge it like one that is created here. What is a request already is passed over, so a\n" +
			"seeding can be repeated. It runs in the gateway, which goes on with it after a restart; this command shows how far it\n" +
			"is, and joins one that is under way. Seed one site after the other: a route with match pairs the records that the next one has.",
		Example: "  meridian seed --dry-run --config network.yaml --site chicago\n" +
			"  meridian seed --collection tickets --rate 20/s --config network.yaml --site chicago"})
	cmd.Flags().StringVar(&f.collection, "collection", "", "the only collection; all that can be listed when left out")
	cmd.Flags().StringVar(&f.rate, "rate", "50/s", "how many records are entered in a second, as in 20/s or 600/m; 0 is as fast as it goes")
	cmd.Flags().StringVar(&f.since, "since", "", "only records that changed since then: a time, or how long ago, as in 720h")
	cmd.Flags().BoolVar(&f.dry, "dry-run", false, "only count what would be entered, and which routes would fire")
	cmd.Flags().BoolVar(&f.status, "status", false, "show how the last one stands, and begin none")
	cmd.Flags().BoolVar(&f.cancel, "cancel", false, "end the one that is under way; what was entered stays")
	cmd.Flags().BoolVar(&f.off, "detach", false, "return when it has begun")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return c.runSeed(cmd.Context(), f) }
	return cmd
}

func (c *command) runSeed(ctx context.Context, f seedFlags) error {
	rate, err := perSecond(f.rate)
	if err != nil {
		return err
	}
	body := map[string]any{"collection": f.collection, "rate": rate, "dry_run": f.dry, "by": user()}
	since, err := sinceOf(f.since, time.Now())
	if err != nil {
		return err
	}
	if !since.IsZero() {
		body["since"] = since
	}
	k, err := c.client()
	if err != nil {
		return err
	}
	var v gateway.SeedingView
	switch {
	case f.status && f.cancel:
		return misuse("say --status or --cancel, not both")
	case f.status:
		err = k.ask(ctx, get("/api/v1/seed"), &v)
	case f.cancel:
		err = k.ask(ctx, question{method: http.MethodDelete, path: "/api/v1/seed"}, &v)
	default:
		err = c.beginSeed(ctx, k, body, &v)
		if err == nil && !f.off {
			err = c.followSeed(ctx, k, &v)
		}
	}
	if err != nil {
		return err
	}
	return c.showSeed(v)
}

// beginSeed begins a seeding, or joins the one that is under way.
func (c *command) beginSeed(ctx context.Context, k *client, body any, v *gateway.SeedingView) error {
	if err := k.ask(ctx, get("/api/v1/seed"), v); err != nil {
		return err
	}
	if v.State == request.JobRunning {
		fmt.Fprintln(c.err, "a seeding is under way; this shows how far it is")
		return nil
	}
	return k.ask(ctx, post("/api/v1/seed", body), v)
}

// exitCode is that of an error.
func exitCode(err error) int {
	if e, ok := errors.AsType[coded](err); ok {
		return e.code
	}
	return Failed
}

// follow looks at a long job until look says that it is over. A gateway that is away for a while is waited for.
func (c *command) follow(ctx context.Context, look func() (over bool, err error)) error {
	lost := time.Time{}
	for {
		over, err := look()
		switch {
		case err == nil && over:
			return nil
		case err == nil:
			lost = time.Time{}
		case exitCode(err) != Unreachable || !lost.IsZero() && time.Since(lost) > jobLost:
			return err
		case lost.IsZero():
			lost = time.Now()
		}
		timer := time.NewTimer(jobPoll)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("it goes on in the gateway; look at it again with the same command")
		}
	}
}

func (c *command) followSeed(ctx context.Context, k *client, v *gateway.SeedingView) error {
	bar := c.bar()
	defer bar.end()
	id := v.ID
	return c.follow(ctx, func() (bool, error) {
		var now gateway.SeedingView
		if err := k.ask(ctx, get("/api/v1/seed"), &now); err != nil {
			bar.show("the gateway does not answer; waiting for it")
			return false, err
		}
		if now.ID != id {
			return false, fmt.Errorf("another seeding has begun in place of this one")
		}
		*v = now
		bar.show(seedLine(now))
		return v.State != request.JobRunning, nil
	})
}

// seedLine says in a line how far a seeding is.
func seedLine(v gateway.SeedingView) string {
	listed, total, entered, failed := 0, 0, 0, 0
	known := true
	for _, p := range v.Collections {
		listed, entered, failed = listed+p.Listed, entered+p.Seeded, failed+p.Failed
		if known = known && (p.Total > 0 || p.Done); p.Done {
			total += p.Listed
		} else {
			total += max(p.Total, p.Listed)
		}
	}
	line := fmt.Sprintf("%d records looked at", listed)
	if known && total > 0 {
		line = fmt.Sprintf("%s %3d %%  %d of %d records", gauge(listed, total), listed*100/total, listed, total)
	}
	line += fmt.Sprintf(", %d entered", entered)
	if failed > 0 {
		line += fmt.Sprintf(", %d failed", failed)
	}
	if v.ETA != nil {
		line += ", " + (time.Duration(*v.ETA) * time.Second).String() + " left"
	}
	if v.Error != "" {
		line += "; waiting: " + cut(v.Error, 80)
	}
	return line
}

func (c *command) showSeed(v gateway.SeedingView) error {
	bad := v.State == request.JobFailed
	for _, p := range v.Collections {
		bad = bad || p.Failed > 0 && v.State != request.JobRunning
	}
	if err := c.printSeed(v); err != nil {
		return err
	}
	if bad {
		return errSaid
	}
	return nil
}

func (c *command) printSeed(v gateway.SeedingView) error {
	if c.output == "json" {
		return c.json(v)
	}
	if v.State == "" {
		_, err := fmt.Fprintln(c.out, "Nothing was ever seeded here.")
		return err
	}
	head := "SEEDED"
	if v.DryRun {
		head = "WOULD BE SEEDED"
	}
	t := newTable(c.out, "COLLECTION", head, "WERE REQUESTS", "MARKED", "LEFT OUT", "FAILED", "ROUTES")
	for _, p := range v.Collections {
		var routes []string
		for _, r := range slices.Sorted(maps.Keys(p.Routes)) {
			routes = append(routes, r+" "+strconv.Itoa(p.Routes[r]))
		}
		t.row(p.Collection, p.Seeded, p.Linked, p.Marked, p.Skipped, p.Failed, cut(strings.Join(routes, ", "), 80))
	}
	if err := t.flush(); err != nil {
		return err
	}
	if len(v.Notes) > 0 {
		fmt.Fprintln(c.out)
		t = newTable(c.out, "COLLECTION", "RECORD", "WHY IT WAS LEFT OUT, OR FAILED")
		for _, n := range v.Notes {
			t.row(n.Collection, n.Local, cut(n.Reason, 160))
		}
		if err := t.flush(); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintln(c.out, "\n"+printable(seedEnd(v), false))
	return err
}

// seedEnd is the last line about a seeding.
func seedEnd(v gateway.SeedingView) string {
	switch v.State {
	case request.JobRunning:
		return "It is under way: " + seedLine(v) + "."
	case request.JobCancelled:
		return "It was cancelled; what was entered stays."
	case request.JobFailed:
		return "It gave up: " + v.Error + ". Repeat it to go on."
	}
	took := ""
	if v.Started != nil && v.Finished != nil {
		took = " in " + v.Finished.Sub(*v.Started).Round(100*time.Millisecond).String()
	}
	return "Done" + took + "."
}

// perSecond reads a rate such as 20/s, 600/m or 1000/h; a bare number is in a second.
func perSecond(s string) (float64, error) {
	number, unit, ok := strings.Cut(s, "/")
	n, err := strconv.ParseFloat(number, 64)
	per := map[string]float64{"s": 1, "m": 60, "h": 3600}[unit]
	if !ok {
		per = 1
	}
	if err != nil || per == 0 || n < 0 || n > 1e9 || n != n {
		return 0, misuse("--rate %s: want a rate such as 20/s, 600/m or 1000/h", s)
	}
	return n / per, nil
}
