package stats

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// RandomGroups is how many groups sessions are dealt into by a hash of their id. What the groups differ by tells how
// sure a statistic is, whatever the sessions' views have in common: K. M. Wolter, "Introduction to Variance Estimation"
// (2nd edition, 2007), chapter 2. Views of one session share device and network, so taking them for independent would
// halve the intervals of a site whose visitors look at many pages.
const RandomGroups = 32

// fewestGroups is how many groups need to have samples: with fewer sessions their differences say too little.
const fewestGroups = 10

// Grouped is a sum of weights by random group.
type Grouped [RandomGroups]float64

// Sum over all groups.
func (g *Grouped) Sum() (total float64) {
	for _, w := range g {
		total += w
	}
	return total
}

// spread is the standard error of the sum of centred contributions of the groups, and the degrees of freedom it was
// estimated with: the groups that have samples less one.
func spread(contributions, samples *Grouped) (deviation float64, freedom int) {
	n, mean := 0.0, 0.0
	for i := range contributions {
		if samples[i] > 0 {
			n++
			mean += contributions[i]
		}
	}
	if n < 2 {
		return math.NaN(), 0
	}
	mean /= n
	var squares float64
	for i := range contributions {
		if samples[i] > 0 {
			squares += (contributions[i] - mean) * (contributions[i] - mean)
		}
	}
	return math.Sqrt(squares * n / (n - 1)), int(n) - 1
}

// student is how many estimated standard errors an interval reaches to each side so that both tails together have a
// chance of alpha.
func student(alpha float64, freedom int) float64 {
	return distuv.StudentsT{Sigma: 1, Nu: float64(freedom)}.Quantile(1 - alpha/2)
}
