// Package stats holds the statistics behind the answers as pure functions: what a percentile of weighted samples is,
// how sure one can be of it, and of a share. SQL repeats them inside the store; the tests hold both to each other.
package stats

import (
	"cmp"
	"math"
	"slices"
)

// Sample is one measurement and the weight it stands for, in thousandths of 1/sample rate.
type Sample struct {
	Value  float64
	Weight uint32
}

// Percentile of weighted samples, p in (0, 1): the smallest value at which the cumulated weight reaches p of all
// weight. This is the inverse of the empirical distribution function, definition 1 of Hyndman and Fan, "Sample
// Quantiles in Statistical Packages" (The American Statistician 50, 1996), and what ClickHouse's
// quantileExactWeighted computes: always a value that somebody really had, never one between two. Without samples it
// is NaN.
func Percentile(samples []Sample, p float64) float64 {
	var total uint64
	for _, s := range samples {
		total += uint64(s.Weight)
	}
	return AtWeight(samples, uint64(math.Ceil(float64(total)*p)))
}

// AtWeight is the smallest value at which the cumulated weight reaches target, or the largest value when it never
// does. Without samples it is NaN.
func AtWeight(samples []Sample, target uint64) float64 {
	if len(samples) == 0 {
		return math.NaN()
	}
	sorted := slices.SortedFunc(slices.Values(samples), func(a, b Sample) int { return cmp.Compare(a.Value, b.Value) })
	var reached uint64
	for _, s := range sorted {
		if reached += uint64(s.Weight); reached >= target {
			return s.Value
		}
	}
	return sorted[len(sorted)-1].Value
}
