package stats

import (
	"cmp"
	"math"
	"slices"

	"gonum.org/v1/gonum/mathext"
)

// familyError is the chance that any value is called over-represented when none is.
const familyError = 0.05

// fewestHits is how many of a burst's sessions a value needs: with fewer the χ² of G² does not hold.
const fewestHits = 5

// SegmentValue is how often one value of one dimension, such as browser = Firefox, was met. Count sessions rather than
// events: the test takes them as independent, and the events of one session are not.
type SegmentValue struct {
	Dimension, Value string
	// Burst is its count inside the burst, Reference among the other traffic: the baseline, or sessions without the error.
	Burst, Reference float64
}

// Overrepresented is a value with a larger share of the burst than of the other traffic.
type Overrepresented struct {
	SegmentValue
	// BurstShare and ReferenceShare are its shares, 0 … 1.
	BurstShare, ReferenceShare float64
	// Lift is the one share over the other, AtLeast its lower confidence limit; both are above 1. Half a session is added
	// to each count, so that a value never met in the other traffic has a finite lift.
	Lift, AtLeast float64
	// G2 is the log-likelihood ratio statistic.
	G2 float64
}

// OverrepresentedIn returns the values whose share of the burst is larger than of the other traffic beyond chance, the
// largest AtLeast first. Totals are all sessions of burst and reference; without either there is no answer.
//
// A value is reported when its log-likelihood ratio G² exceeds what the χ² distribution with one degree of freedom
// does with a chance of 5 % divided by the number of values offered (Bonferroni), and AtLeast exceeds 1 at that same
// level. G², unlike Pearson's χ², holds for rare values: T. Dunning, "Accurate Methods for the Statistics of Surprise
// and Coincidence", Computational Linguistics 19 (1993). AtLeast is the limit of the ratio of two shares by D. Katz et
// al., "Obtaining Confidence Intervals for the Risk Ratio in Cohort Studies", Biometrics 34 (1978).
func OverrepresentedIn(values []SegmentValue, burstTotal, referenceTotal float64) []Overrepresented {
	if !(burstTotal > 0) || !(referenceTotal > 0) {
		return nil
	}
	quantile := -mathext.NormalQuantile(familyError / 2 / float64(max(1, len(values))))
	var found []Overrepresented
	for _, v := range values {
		hits, others := min(v.Burst, burstTotal), min(v.Reference, referenceTotal)
		o := Overrepresented{SegmentValue: v, BurstShare: hits / burstTotal, ReferenceShare: others / referenceTotal}
		if hits < fewestHits || o.BurstShare <= o.ReferenceShare {
			continue
		}
		o.G2 = logLikelihoodRatio(hits, burstTotal, others, referenceTotal)
		o.Lift, o.AtLeast = lift(hits, burstTotal, others, referenceTotal, quantile)
		if o.G2 > quantile*quantile && o.AtLeast > 1 {
			found = append(found, o)
		}
	}
	slices.SortStableFunc(found, func(a, b Overrepresented) int { return cmp.Compare(b.AtLeast, a.AtLeast) })
	return found
}

// logLikelihoodRatio is G² = 2 Σ observed·ln(observed/expected) over the two-by-two table of a hits out of n in the
// burst and b out of m elsewhere. Its root is, for large counts, a standard normal deviate.
func logLikelihoodRatio(a, n, b, m float64) float64 {
	pooled := (a + b) / (n + m)
	term := func(observed, expected float64) float64 {
		if observed <= 0 {
			return 0
		}
		return observed * math.Log(observed/expected)
	}
	sum := term(a, n*pooled) + term(n-a, n*(1-pooled)) + term(b, m*pooled) + term(m-b, m*(1-pooled))
	return max(0, 2*sum)
}

// lift is the ratio of the shares and its lower limit, that many standard deviations of its logarithm below it.
func lift(a, n, b, m, deviations float64) (ratio, atLeast float64) {
	a, n, b, m = a+0.5, n+0.5, b+0.5, m+0.5
	ratio = a / n / (b / m)
	spread := math.Sqrt(max(0, 1/a-1/n+1/b-1/m))
	return ratio, ratio * math.Exp(-deviations*spread)
}
