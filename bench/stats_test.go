package main

import (
	"math"
	"slices"
	"testing"
)

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		in   []float64
		want float64
	}{
		{[]float64{3}, 3},
		{[]float64{3, 1, 2}, 2},
		{[]float64{4, 1, 3, 2}, 2.5},
		{[]float64{1, 1, 1, 100}, 1},
	} {
		if got := median(c.in); got != c.want {
			t.Errorf("median(%v) = %v, want %v", c.in, got, c.want)
		}
	}
	if !math.IsNaN(median(nil)) {
		t.Error("the median of nothing must be NaN")
	}
}

func TestQuantile(t *testing.T) {
	values := make([]float64, 101)
	for i := range values {
		values[len(values)-1-i] = float64(i)
	}
	before := slices.Clone(values)
	for q, want := range map[float64]float64{0: 0, 0.5: 50, 0.99: 99, 1: 100, 0.995: 99.5, -1: 0, 2: 100} {
		if got := quantile(values, q); math.Abs(got-want) > 1e-9 {
			t.Errorf("quantile(%v) = %v, want %v", q, got, want)
		}
	}
	if !slices.Equal(values, before) {
		t.Error("quantile changed its argument")
	}
}

func TestPairs(t *testing.T) {
	a, b := []float64{2, 9, 8, 5}, []float64{1, 0, 4}
	if got := ratios(a, b); !slices.Equal(got, []float64{2, 2}) {
		t.Errorf("ratios = %v: a round without a finite ratio, or without a partner, must be left out", got)
	}
	if got := differences(a, b); !slices.Equal(got, []float64{1, 9, 4}) {
		t.Errorf("differences = %v", got)
	}
}

func TestRotated(t *testing.T) {
	in := []string{"a", "b", "c"}
	var firsts string
	for round := range 4 {
		got := rotated(in, round)
		firsts += got[0]
		slices.Sort(got)
		if !slices.Equal(got, in) {
			t.Errorf("round %d: %v is not a rotation", round, got)
		}
	}
	if firsts != "abca" || rotated([]int(nil), 3) != nil {
		t.Errorf("first ones are %q", firsts)
	}
}
