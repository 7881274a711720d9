package stats

import "math"

// Onset is where a burst lies in a series of buckets.
type Onset struct {
	// Start and End are the indices of its first and last bucket, both included. A burst whose End is the last bucket of
	// the series may still be going on.
	Start, End int
	// Excess is how many more than expected were counted from Start to End.
	Excess float64
}

const (
	// leastRatio is the smallest burst searched for, times the expectation; below it no onset is sharp.
	leastRatio = 1.2
	// endOfBurst is how much evidence, in natural units of log likelihood, that a burst has stopped ends it: a thousand to
	// one. It keeps a burst from reaching back over a quiet time to the one before.
	endOfBurst = 6.9
)

// FindOnset finds when the burst began that reaches into the last window buckets of a series: counts and what was
// expected of each, of the same length and unit, oldest first, and the φ of their noise (Expectation.Dispersion; 1 for
// Poisson counts). It reports false when none of these buckets holds what a burst would. A window as long as the
// series finds the strongest burst anywhere in it.
//
// The onset is the bucket from which the cumulative excess is largest (CUSUM: E. S. Page, "Continuous Inspection
// Schemes", Biometrika 41, 1954). The excess is counted over a reference between the expected rate e and that of the
// burst, ρ times as high: for Poisson counts the reference e(ρ−1)/ln ρ makes the sum a multiple of the log likelihood
// of a burst over none (J. M. Lucas, "Counted Data CUSUM's", Technometrics 27, 1985). Counted over e itself, the noise
// before a burst would be above as often as below and drag the onset back. ρ is first that of the window, then that of
// the buckets found, until they settle.
func FindOnset(counts, expected []float64, dispersion float64, window int) (Onset, bool) {
	first := max(0, len(counts)-window)
	ratio := excessRatio(counts[first:], expected[first:])
	var onset Onset
	found := false
	for range 10 {
		next, ok := mostLikelyBurst(counts, expected, dispersion, first, ratio)
		if !ok || found && next.Start == onset.Start && next.End == onset.End {
			break
		}
		onset, found = next, true
		ratio = excessRatio(counts[onset.Start:onset.End+1], expected[onset.Start:onset.End+1])
	}
	return onset, found
}

// mostLikelyBurst is the run of buckets, ending at first or later, that is most likely ratio times its expectation.
func mostLikelyBurst(counts, expected []float64, dispersion float64, first int, ratio float64) (Onset, bool) {
	var likelihood, highest, best float64
	var onset Onset
	start := 0
	for i, count := range counts {
		if likelihood <= 0 || highest-likelihood > endOfBurst {
			likelihood, highest, start = 0, 0, i
		}
		gain := (count*math.Log(ratio) - expected[i]*(ratio-1)) / max(1, dispersion)
		likelihood += gain
		highest = max(highest, likelihood)
		if i >= first && gain > 0 && likelihood > best {
			best, onset = likelihood, Onset{Start: start, End: i}
		}
	}
	if best == 0 {
		return Onset{}, false
	}
	for i := onset.Start; i <= onset.End; i++ {
		onset.Excess += counts[i] - expected[i]
	}
	return onset, true
}

// excessRatio is how many times the expectation was counted, at least leastRatio and finite.
func excessRatio(counts, expected []float64) float64 {
	observed, usual := sum(counts), sum(expected)
	return max(leastRatio, observed/max(usual, observed/1e6, 1e-9))
}
