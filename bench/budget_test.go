package main

import (
	"io"
	"testing"
	"testing/synctest"
	"time"
)

func TestBudget(t *testing.T) {
	now := time.Unix(0, 0)
	all := []part{{weight: 1}, {weight: 2}, {weight: 1}}
	for i, want := range []time.Duration{25 * time.Second, 66_666_666_666, 100 * time.Second} {
		if got := budget(now, now.Add(100*time.Second), all[i:]).Sub(now); got != want {
			t.Errorf("part %d may take %v, want %v", i, got, want)
		}
	}
	if end := now.Add(-time.Second); !budget(now, end, all).Equal(end) {
		t.Error("there is no time after the end")
	}
}

func TestTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bench{options: options{rounds: 5}, progress: io.Discard, until: time.Now().Add(10 * time.Second), part: "pass"}
		count := 0
		for range b.turns(t.Context()) {
			count++
			time.Sleep(3 * time.Second) // the bubble's clock
		}
		if count != 3 || len(b.report.Notes) != 1 {
			t.Errorf("%d rounds of 3 s in 10 s, notes %q", count, b.report.Notes)
		}
		b.until, count = time.Now().Add(-time.Second), 0
		for range b.turns(t.Context()) {
			count++
		}
		if count != 1 {
			t.Errorf("%d rounds without time, want the first one", count)
		}
	})
}
