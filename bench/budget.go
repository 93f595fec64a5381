package main

import (
	"context"
	"iter"
	"time"
)

// budget returns until when a part may go on: its share of the time that is left, by its weight among the parts still to come. A
// part that is quick leaves its time to the others.
func budget(now, end time.Time, todo []part) time.Time {
	sum := 0.0
	for _, p := range todo {
		sum += p.weight
	}
	if sum == 0 || !now.Before(end) {
		return end
	}
	return now.Add(time.Duration(float64(end.Sub(now)) * todo[0].weight / sum))
}

// turns counts the rounds of the part that is running: as many as were asked for, but none is begun that would not end in the
// part's time if it took as long as the one before. The first is always run.
func (b *bench) turns(ctx context.Context) iter.Seq[int] {
	return func(yield func(int) bool) {
		began := time.Now()
		for round := range b.rounds {
			if ctx.Err() != nil {
				return
			}
			now := time.Now()
			if took := now.Sub(began); round > 0 && now.Add(took/time.Duration(round)).After(b.until) {
				b.report.note("%s: rounds cut to %d of %d, for want of time", b.part, round, b.rounds)
				return
			}
			if !yield(round) {
				return
			}
			b.say("  round %d of %d", round+1, b.rounds)
		}
	}
}
