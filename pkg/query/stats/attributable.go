package stats

// Attributable returns the share of all cases that would not have been cases without the exposure, 0 … 1: the
// population attributable fraction, as the share of cases that were exposed times (R − 1)/R, with R how many times as
// often the exposed become cases as the others. This form, by O. S. Miettinen, "Proportion of Disease Caused or
// Prevented by a Given Exposure, Trait or Intervention", American Journal of Epidemiology 99 (1974), stays right where
// strata are added up: shares of the strata's cases, weighted by their cases.
//
// Given are how many were exposed and how many were not, and how many of each became cases. What everybody is exposed
// to, or nobody, explains nothing: 0. So does what becomes a case no more often than the others.
func Attributable(exposedCases, exposed, otherCases, others float64) float64 {
	if !(exposedCases > 0) || !(exposed > 0) || !(others > 0) {
		return 0
	}
	excess := 1 - otherCases/others*exposed/exposedCases
	return max(0, excess) * exposedCases / (exposedCases + otherCases)
}

// Lift is how many times as large the share a out of n is as b out of m, and its lower 95 % limit (see
// OverrepresentedIn). Half an event is added to each count, so that it is finite.
func Lift(a, n, b, m float64) (ratio, atLeast float64) { return lift(a, n, b, m, Z95) }
