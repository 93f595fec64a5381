package main

import (
	"context"
	"fmt"
	"time"
)

// writeRounds is what was measured of one kind of write of one system, a value per round.
type writeRounds struct {
	rate, copied         []float64 // writes a second: accepted, and accepted and copied
	accept, all, storing []float64 // CPU microseconds per accepted write
	p50, p99             []float64 // milliseconds until the client is answered
}

const (
	writeConns  = 32
	writeTarget = 2 // times the floor
	recordSize  = 512
	// afterglow is for what is left to do when the last copy has landed: acknowledgements and settlements.
	afterglow = 150 * time.Millisecond
)

// measureWrites lets clients create and update as fast as each system answers.
func measureWrites(ctx context.Context, b *bench) error {
	systems, err := b.writers(ctx)
	if err != nil {
		return err
	}
	if err := b.warmWriters(ctx, systems); err != nil {
		return err
	}
	for round := range b.turns(ctx) {
		for _, s := range rotated(systems, round) {
			if err := b.burst(ctx, s, loadCreate, &s.creates); err != nil {
				return err
			}
			if err := b.burst(ctx, s, loadUpdate, &s.updates); err != nil {
				return err
			}
		}
	}
	for _, s := range systems {
		b.reportWrites(systems, s)
		if s.floor == "" {
			continue
		}
		if err := s.whole(ctx); err != nil {
			b.report.note("writes: %v", err)
		}
	}
	return nil
}

// warmWriters makes connections and caches, and leaves records to update.
func (b *bench) warmWriters(ctx context.Context, systems []*system) error {
	for _, s := range systems {
		j := job{Kind: loadCreate, Addr: s.front, Pool: s.name, Size: recordSize, Conns: writeConns, Seconds: 2, Max: 20 * writeConns}
		if _, err := b.load.do(j); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		if _, err := s.world.settled(ctx, b.patience()); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) patience() time.Duration { return time.Duration(b.settleTime * float64(time.Second)) }

// burst measures one kind of write of one system once. CPU is counted until every copy has landed, so that work put off is not
// work saved.
func (b *bench) burst(ctx context.Context, s *system, kind string, into *writeRounds) error {
	j := job{Kind: kind, Addr: s.front, Pool: s.name, Size: recordSize, Conns: writeConns, Seconds: b.seconds}
	before, began := s.spent(), time.Now()
	o, err := b.load.do(j)
	if err != nil {
		return fmt.Errorf("%s: %w", s.name, err)
	}
	left, err := s.world.settled(ctx, b.patience())
	if err != nil {
		return fmt.Errorf("%s: %w", s.name, err)
	}
	took := time.Since(began)
	if err := pause(ctx, afterglow); err != nil {
		return err
	}
	after := s.spent()
	if o.Failed > 0 {
		b.report.note("writes: %s: %d of %d failed: %s", s.name, o.Failed, o.Calls, o.Fault)
	}
	if left > 0 {
		b.report.note("writes: %s: copies were not all there after %v more; their CPU is only partly counted", s.name, b.patience())
	}
	done := float64(o.Calls - o.Failed)
	per := func(a, b time.Duration) float64 { return float64((b - a).Microseconds()) / done }
	into.rate = append(into.rate, o.perSecond())
	into.copied = append(into.copied, (done-float64(left))/took.Seconds())
	into.accept = append(into.accept, per(before.accept, after.accept))
	into.all = append(into.all, per(before.all, after.all))
	into.storing = append(into.storing, per(before.store, after.store))
	into.p50, into.p99 = append(into.p50, o.P50/1000), append(into.p99, o.P99/1000)
	return nil
}

func (b *bench) reportWrites(systems []*system, s *system) {
	like := likeOf(systems, s)
	for _, kind := range []struct {
		name   string
		rounds *writeRounds
		of     func(*system) *writeRounds
	}{
		{"creates", &s.creates, func(s *system) *writeRounds { return &s.creates }},
		{"updates", &s.updates, func(s *system) *writeRounds { return &s.updates }},
	} {
		add := func(name, unit string, rounds []float64, judge func(float64) *target) {
			b.report.add(figure{Part: "writes", Name: kind.name + ": " + name, System: s.name, Unit: unit}, rounds, judge)
		}
		t := kind.rounds
		add("accepted a second", "/s", t.rate, nil)
		add("accepted and copied a second", "/s", t.copied, nil)
		add("answered p50", "ms", t.p50, nil)
		add("answered p99", "ms", t.p99, nil)
		add("CPU per write, accepting process", "us", t.accept, nil)
		if len(s.all) > 1 {
			add("CPU per write, all gateways", "us", t.all, nil)
		}
		if s.store != nil {
			add("CPU per write, Redis besides", "us", t.storing, nil)
		}
		if like != nil {
			l := kind.of(like)
			add("CPU, accepting process, of the floor's", "x", ratios(t.accept, l.accept), atMost(writeTarget))
			add("CPU, all gateways, of the floor's", "x", ratios(t.all, l.all), atMost(writeTarget))
			add("accepted a second, of the floor's", "x", ratios(t.rate, l.rate), nil)
		}
	}
}
