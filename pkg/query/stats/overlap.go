package stats

// Overlap returns what the samples of two groups count for in a stratum (such as one route, device and hour) where
// their weights are own and other: with these factors both groups consist of the same strata in the same proportions,
// so that what is left of a difference between them is not one of traffic. A stratum that only one group has counts for
// nothing.
//
// Each stratum gets own·other/(own+other), the weights of N. Mantel and W. Haenszel, "Statistical Aspects of the
// Analysis of Data from Retrospective Studies", JNCI 22 (1959), which F. Li, K. L. Morgan and A. M. Zaslavsky,
// "Balancing Covariates via Propensity Score Weighting", JASA 113 (2018), show to have the smallest variance of all
// such weights. No sample ever counts for more than once, so a stratum with one sample cannot stand for thousands.
func Overlap(own, other float64) float64 {
	if !(own > 0) || !(other > 0) {
		return 0
	}
	return other / (own + other)
}
