package main

import (
	"math"
	"slices"
)

// median returns the middle of values, the mean of the two middle ones when their number is even, and NaN for none. The
// argument is left as it is.
func median(values []float64) float64 {
	return quantile(values, 0.5)
}

// quantile returns the value below which the part q of values lies, between two neighbours by straight line. It returns NaN
// for no values; q is held within 0 and 1. The argument is left as it is.
func quantile(values []float64, q float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Clone(values)
	slices.Sort(sorted)
	return sortedQuantile(sorted, q)
}

// sortedQuantile is quantile for values that are in order already.
func sortedQuantile(sorted []float64, q float64) float64 {
	if len(sorted) == 0 {
		return math.NaN()
	}
	at := math.Max(0, math.Min(1, q)) * float64(len(sorted)-1)
	low := int(at)
	if low == len(sorted)-1 {
		return sorted[low]
	}
	part := at - float64(low)
	return sorted[low]*(1-part) + sorted[low+1]*part
}

// pairwise applies f to the values of the same round of two series, and leaves rounds out that one of them lacks or that give
// no finite number. Comparing within a round is what keeps a slow minute of the machine out of a ratio.
func pairwise(a, b []float64, f func(a, b float64) float64) []float64 {
	var out []float64
	for i := range min(len(a), len(b)) {
		if v := f(a[i], b[i]); !math.IsNaN(v) && !math.IsInf(v, 0) {
			out = append(out, v)
		}
	}
	return out
}

// ratios returns a/b round by round.
func ratios(a, b []float64) []float64 {
	return pairwise(a, b, func(a, b float64) float64 { return a / b })
}

// differences returns a-b round by round.
func differences(a, b []float64) []float64 {
	return pairwise(a, b, func(a, b float64) float64 { return a - b })
}

// rotated returns items beginning with another one each round, so that no system always runs first or always behind the same
// neighbour.
func rotated[T any](items []T, round int) []T {
	if len(items) == 0 {
		return nil
	}
	k := round % len(items)
	return append(slices.Clone(items[k:]), items[:k]...)
}
