package stats

import "math"

// Z95 is the 97.5 % quantile of the standard normal distribution: what a two-sided 95 % interval needs.
const Z95 = 1.959963984540054

// EffectiveSize is how many equally weighted samples carry as much information as these, from the sum of their weights
// and the sum of the squares: (Σw)² / Σw², L. Kish, "Survey Sampling" (1965), section 11.2. It equals the number of
// samples when all weights are equal.
func EffectiveSize(sum, sumOfSquares float64) float64 {
	if sumOfSquares <= 0 {
		return 0
	}
	return sum * sum / sumOfSquares
}

// RankInterval returns the ranks, counted from 1, of the two order statistics that enclose the p-quantile with 95 %
// confidence whatever the distribution: the number of samples below the quantile is binomial (n, p), here by its
// normal approximation, W. J. Conover, "Practical Nonparametric Statistics" (3rd edition, 1999), section 3.2.
//
// A rank outside 1 … n says that n samples do not bound the quantile on that side.
// With weights, n is the EffectiveSize and rank/n the share of the weight, which is Woodruff's interval ("Confidence
// Intervals for Medians and Other Position Measures", JASA 47, 1952).
func RankInterval(n, p float64) (lower, upper float64) {
	spread := Z95 * math.Sqrt(n*p*(1-p))
	return math.Ceil(n*p - spread), math.Ceil(n*p + spread)
}

// Wilson returns the 95 % interval of a share of which k out of n were seen, both in 0 … 1. Unlike the textbook
// interval it stays inside 0 … 1 and holds for shares near 0: E. B. Wilson, "Probable Inference, the Law of
// Succession, and Statistical Inference", JASA 22 (1927). Nothing seen says nothing: (0, 1).
func Wilson(k, n float64) (lower, upper float64) {
	if n <= 0 {
		return 0, 1
	}
	return wilson(k/n, n, Z95)
}

// wilson is the interval of a share among n that reaches z standard errors to each side.
func wilson(share, n, z float64) (lower, upper float64) {
	centre := (share + z*z/(2*n)) / (1 + z*z/n)
	half := z / (1 + z*z/n) * math.Sqrt(share*(1-share)/n+z*z/(4*n*n))
	lower, upper = max(0, centre-half), min(1, centre+half)
	if share <= 0 {
		lower = 0 // exactly so; what is left of the subtraction would be shown as 2e-17
	}
	if share >= 1 {
		upper = 1
	}
	return lower, upper
}
