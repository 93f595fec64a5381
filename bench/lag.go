package main

import (
	"context"
	"fmt"
	"math"
)

// lagRounds is the time from a client's answer to the copy's landing at the second site's upstream, in milliseconds.
type lagRounds struct{ p50, p99, rate []float64 }

// lagShare is the part of the highest measured rate at which lag is taken: a busy but not overloaded day.
const lagShare = 0.3

// measureLag creates records at a steady rate and compares when the client was answered with when the copy landed. Both times
// are of this machine's one clock.
func measureLag(ctx context.Context, b *bench) error {
	systems, err := b.writers(ctx)
	if err != nil {
		return err
	}
	if err := b.knowRates(ctx, systems); err != nil {
		return err
	}
	for round := range b.turns(ctx) {
		for _, s := range rotated(systems, round) {
			if err := b.lagRound(ctx, s); err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
		}
	}
	for _, s := range systems {
		add := func(name, unit string, rounds []float64) {
			b.report.add(figure{Part: "lag", Name: name, System: s.name, Unit: unit}, rounds, nil)
		}
		add("writes a second meanwhile", "/s", s.lag.rate)
		add("client's answer to copy at B, p50", "ms", s.lag.p50)
		add("client's answer to copy at B, p99", "ms", s.lag.p99)
	}
	return nil
}

// knowRates measures how fast each system accepts creates, where the part writes was not asked for.
func (b *bench) knowRates(ctx context.Context, systems []*system) error {
	if len(systems[0].creates.rate) > 0 {
		return nil
	}
	if err := b.warmWriters(ctx, systems); err != nil {
		return err
	}
	for round := range 3 {
		for _, s := range rotated(systems, round) {
			if err := b.burst(ctx, s, loadCreate, &s.creates); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *bench) lagRound(ctx context.Context, s *system) error {
	if err := s.world.mark(ctx); err != nil {
		return err
	}
	o, err := b.load.do(job{
		Kind: loadCreate, Addr: s.front, Pool: s.name, Size: recordSize, Conns: 2 * writeConns,
		Seconds: b.lagSeconds, Rate: math.Max(1, lagShare*median(s.creates.rate)), Times: true,
	})
	if err != nil {
		return err
	}
	left, err := s.world.settled(ctx, b.patience())
	if err != nil {
		return err
	}
	if left > 0 {
		b.report.note("lag: %s: copies had not landed after %v more; their lag is not in the figures", s.name, b.patience())
	}
	if o.Failed > 0 {
		b.report.note("lag: %s: %d of %d failed: %s", s.name, o.Failed, o.Calls, o.Fault)
	}
	landed, err := s.world.seen(ctx, 1)
	if err != nil {
		return err
	}
	lags := lagsOf(o.Answers, landed)
	if len(lags) == 0 {
		return fmt.Errorf("no copy has landed")
	}
	s.lag.p50 = append(s.lag.p50, quantile(lags, 0.5))
	s.lag.p99 = append(s.lag.p99, quantile(lags, 0.99))
	s.lag.rate = append(s.lag.rate, o.perSecond())
	return nil
}

// lagsOf returns, for every write that was answered and has landed, how long after its answer that was, in milliseconds; zero for
// one that landed before its answer.
func lagsOf(answered, landed map[int64]int64) []float64 {
	var lags []float64
	for n, at := range answered {
		if there, ok := landed[n]; ok {
			lags = append(lags, math.Max(0, float64(there-at)/1e6))
		}
	}
	return lags
}
