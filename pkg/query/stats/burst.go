package stats

import "gonum.org/v1/gonum/mathext"

// What makes a burst. The score has a chance of 5 in a million, a twentieth of the one false alarm in 10 000 windows
// that is allowed: the rest is for noise that is not as assumed. Fewer than five events are too few to wake anybody
// for, and one session is one visitor's broken page.
const (
	BurstScore    = 4.4
	BurstEvents   = 5
	BurstSessions = 2
)

// Scores end here, where the chance of the count nears the smallest number a float64 holds.
const maxScore = 37

// Burst is what the test says about one group in one window.
type Burst struct {
	// Observed and Expected are weighted counts, Ratio is observed over expected.
	Observed, Expected, Ratio float64
	// Score is how unlikely so many are, in standard deviations of a normal distribution, −37 … 37.
	Score float64
	// Surging is the verdict.
	Surging bool
	// Baseline is what the expectation rests on.
	Baseline Baseline
}

// Test asks whether a window with an observed weighted count, from so many distinct sessions, is a burst.
//
// The score is the normal quantile of the chance of a count this large, P(X ≥ x₁), when X is negative binomial with
// the expected mean and variance φ(1+d) times that. For large counts this is the variance-stabilised
//
//	z = 2(√(x₁+⅜) − √((x₀+⅜)d)) / √(1+d) / √φ
//
// of F. J. Anscombe ("The Transformation of Poisson, Binomial and Negative-Binomial Data", Biometrika 35, 1948) for x₁
// events against x₀ in a baseline 1/d as long. The tail is computed instead because the root is off far out in it, in
// both directions: at an expected 5 it asks for an event too many of Poisson noise, which costs detections, and for too
// few of overdispersed noise, which multiplies false alarms. Measured: docs/statistics.md.
func (e Expectation) Test(observed float64, sessions int) Burst {
	if !(observed > 0) {
		observed = 0
	}
	weight := e.weight
	if weight == 0 { // an expectation written by hand
		weight = 1
	}
	events, mean := observed/weight, e.Count/weight
	score := tailScore(events, mean, e.Dispersion*(1+e.Uncertainty))
	return Burst{
		Observed: observed,
		Expected: e.Count,
		Ratio:    observed / e.Count,
		Score:    score,
		Surging:  score > BurstScore && observed > e.Count && events >= BurstEvents && sessions >= BurstSessions,
		Baseline: e.Baseline,
	}
}

// tailScore is the standard normal quantile that is exceeded as rarely as x is reached by a negative binomial count
// with that mean and variance/mean. Its tail is the incomplete beta function (Abramowitz and Stegun 26.5.26), which
// also serves weighted counts between the whole numbers. The smaller side is computed, lest digits cancel.
func tailScore(x, mean, phi float64) float64 {
	if x <= 0 {
		return -maxScore
	}
	var atLeast, below float64
	if size := mean / (phi - 1); size < 1e9 {
		atLeast, below = mathext.RegIncBeta(x, size, 1-1/phi), mathext.RegIncBeta(size, x, 1/phi)
	} else {
		atLeast, below = mathext.GammaIncReg(x, mean), mathext.GammaIncRegComp(x, mean)
	}
	score := mathext.NormalQuantile(below)
	if atLeast < below {
		score = -mathext.NormalQuantile(atLeast)
	}
	return max(-maxScore, min(maxScore, score))
}
