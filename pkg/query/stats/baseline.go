package stats

import (
	"math"
	"slices"
	"time"
)

// Baseline says which part of a history an expectation rests on.
type Baseline string

// The baselines, best first.
const (
	// SameHour is the same time of day on previous days.
	SameHour Baseline = "sameHour"
	// Rhythm is a day or more before the window, with a daily rhythm fitted to it.
	Rhythm Baseline = "rhythm"
	// Level is the mean of the time before the window, which is too short to show a daily rhythm.
	Level Baseline = "level"
	// Sparse is a history with fewer than three events, none included: an upper limit instead of a mean.
	Sparse Baseline = "sparse"
)

// When same-hour history is enough: both its dispersion with 50 buckets (√(2/49)) and its mean with 25 events (1/√25)
// are off by a fifth. With less, the day before the window knows more.
const (
	enoughBuckets = 50
	enoughEvents  = 25
)

// ruleOfThree is the upper 95 % limit of a count of which none was seen (−ln 0.05 ≈ 3): J. A. Hanley and
// A. Lippman-Hand, "If Nothing Goes Wrong, Is Everything All Right?", JAMA 249 (1983).
const ruleOfThree = 3

// History is what came before a window: weighted counts of events in buckets exactly as long as the window, zeros
// included, the window itself excluded.
type History struct {
	// Window is how long the window is, and so every bucket.
	Window time.Duration
	// Recent is an unbroken run of buckets, oldest first: 288 for a window of 5 minutes and a baseline of 24 hours.
	Recent []float64
	// Gap is the time between the end of Recent and the start of the window, 0 when they touch. A gap keeps a burst that
	// has been going on for less than that out of its own baseline, which would otherwise hide it after a while.
	Gap time.Duration
	// SameHour holds the buckets around the window's time of day on previous days, a slice a day, each oldest first and
	// with the window's own time at index len/2. A window shorter than an hour should bring the hour around it, 12
	// buckets of 5 minutes: one bucket a day says too little.
	SameHour [][]float64
	// Weight is what one event counts for, Σw²/Σw over the events of window and history; 0 or 1 when none were sampled
	// away. Counts divided by it carry as much information as that many unsampled events (see EffectiveSize).
	Weight float64
}

// Expectation is what a history says about the count of the window after it, and how sure that is.
type Expectation struct {
	// Count is the expected weighted count.
	Count float64
	// Uncertainty is the d of the burst test: the variance of the expectation over that of the count itself. For a mean
	// over n buckets it is 1/n, which is window length over baseline length.
	Uncertainty float64
	// Dispersion is φ: the variance of the count over its mean, 1 for a Poisson count.
	Dispersion float64
	// Baseline names the history it rests on.
	Baseline Baseline

	weight float64
}

// Expect reads the expected count of the window out of the history: from the same hour of previous days when that is
// enough, else from the recent buckets with the daily rhythm fitted to them, else from their mean. With fewer than
// three events it takes the rule of three, 3/n for n buckets. Without any history it expects three events in the
// window, so that only a large count stands out. Counts below zero and not finite ones are taken as zero.
func (h History) Expect() Expectation {
	weight := h.Weight
	if !(weight > 0) || math.IsInf(weight, 1) {
		weight = 1
	}
	sameHour := make([][]float64, len(h.SameHour))
	for i, counts := range h.SameHour {
		sameHour[i] = effective(counts, weight)
	}
	expectation := h.expectEvents(effective(h.Recent, weight), sameHour)
	expectation.Count *= weight
	expectation.weight = weight
	return expectation
}

func (h History) expectEvents(recent []float64, sameHour [][]float64) Expectation {
	if buckets := slices.Concat(sameHour...); len(buckets) >= enoughBuckets && sum(buckets) >= enoughEvents {
		if hour, ok := fitHour(sameHour); ok {
			return hour
		}
	}
	if sum(recent) < ruleOfThree {
		n := float64(max(1, len(recent)))
		return Expectation{Count: ruleOfThree / n, Uncertainty: 1 / n, Dispersion: unknownDispersion(), Baseline: Sparse}
	}
	if rhythm, ok := fitRhythm(recent, h.Window, h.Gap); ok {
		return rhythm
	}
	return level(recent, Level)
}

// level expects the mean of the buckets.
func level(events []float64, baseline Baseline) Expectation {
	n := float64(len(events))
	mean := sum(events) / n
	fitted := make([]float64, len(events))
	for i := range fitted {
		fitted[i] = mean
	}
	phi := dispersion(events, fitted, 1, mean)
	return Expectation{Count: mean, Uncertainty: 1 / n, Dispersion: phi, Baseline: baseline}
}

// effective turns weighted counts into numbers of effective events.
func effective(counts []float64, weight float64) []float64 {
	events := make([]float64, len(counts))
	for i, c := range counts {
		if c > 0 && !math.IsInf(c, 1) {
			events[i] = c / weight
		}
	}
	return events
}

func sum(values []float64) float64 {
	var total float64
	for _, v := range values {
		total += v
	}
	return total
}
