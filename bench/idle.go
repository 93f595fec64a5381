package main

import (
	"context"
	"path/filepath"
	"slices"
	"time"
)

// Idle targets: of one core, and resident.
const (
	idlePercent = 1
	idleMiB     = 60
)

// measureIdle starts a network of three gateways that nobody calls, leaves them to themselves and sees what each costs. They
// probe each other meanwhile, as they do at night.
func measureIdle(ctx context.Context, b *bench) error {
	w, err := b.shop.world(1 + holders)
	if err != nil {
		return err
	}
	defer w.stop()
	n, err := b.network("idle", w.at.Sites, embeddedStore(filepath.Join(b.shop.dir, "idle")))
	if err != nil {
		return err
	}
	defer n.stop()
	if err := n.start(ctx); err != nil {
		return err
	}
	if err := pause(ctx, 2*time.Second); err != nil { // what starting leaves behind
		return err
	}
	gateways := n.gateways()
	began := time.Now()
	var before, percent, resident []float64
	for _, g := range gateways {
		before = append(before, g.cpu().Seconds())
	}
	if err := pause(ctx, b.idle); err != nil {
		return err
	}
	for i, g := range gateways {
		percent = append(percent, 100*(g.cpu().Seconds()-before[i])/time.Since(began).Seconds())
		now, _, err := memoryOf(g.cmd.Process.Pid)
		if err != nil {
			return err
		}
		resident = append(resident, mib(now))
	}
	add := func(name, unit string, values []float64, judge func(float64) *target) {
		b.report.add(figure{Part: "idle", Name: name, System: "meridian, embedded", Unit: unit}, values, judge)
	}
	// Three gateways take the place of three rounds; the worst of them is judged.
	add("CPU of one core", "%", percent, worst(percent, below(idlePercent)))
	add("resident memory", "MiB", resident, worst(resident, below(idleMiB)))
	return nil
}

// worst judges a figure by its highest value.
func worst(values []float64, judge func(float64) *target) func(float64) *target {
	return func(float64) *target { return judge(slices.Max(values)) }
}
