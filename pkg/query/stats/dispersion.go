package stats

// What is believed of φ before a bucket is seen, and for how many buckets' worth: errors come in small clumps, since
// one broken page reports more than once. Without it a baseline of a few events, which cannot show its clumps, passes
// for Poisson: at 0.02 events a window and a true φ of 5, 4 windows in 10 000 then look like a burst.
const (
	priorDispersion = 1.75
	priorBuckets    = 3
)

// dispersion estimates φ, variance over mean, of a count that is expected to be mean, from events in buckets and the
// values fitted to them with that many parameters.
//
// The residuals are those of the fit, so that a daily rhythm the fit explains does not pass for noise. Two laws are
// read from them and the larger φ counts: variance proportional to the mean, φ = Σ(x−μ)²/Σμ, which is var/mean when
// the fit is flat (P. McCullagh and J. A. Nelder, "Generalized Linear Models", 2nd edition 1989, section 6.2), and the
// quadratic variance μ + αμ² of the negative binomial, φ = 1 + αμ, which is what a peak hour needs.
//
// The estimate is then moderated with a prior, each by its degrees of freedom, as G. K. Smyth does for variances
// ("Linear Models and Empirical Bayes Methods", Statistical Applications in Genetics and Molecular Biology 3, 2004).
// What exceeds 1 is finally enlarged for being estimated, see inflated.
func dispersion(events, fitted []float64, parameters, mean float64) float64 {
	free := float64(len(events)) - parameters
	var residuals, total, squares float64
	for i, x := range events {
		residuals += (x - fitted[i]) * (x - fitted[i])
		total += fitted[i]
		squares += fitted[i] * fitted[i]
	}
	if free <= 0 || total <= 0 {
		return unknownDispersion()
	}
	residuals *= float64(len(events)) / free
	proportional := residuals / total
	quadratic := 1 + (residuals-total)/squares*mean
	average := total / float64(len(events))
	degrees := degreesOfFreedom(free, average, priorDispersion)
	phi := (degrees*max(proportional, quadratic) + priorBuckets*priorDispersion) / (degrees + priorBuckets)
	return inflated(phi, degreesOfFreedom(free, average, max(priorDispersion, phi))+priorBuckets)
}

// unknownDispersion is φ when no bucket says anything about it.
func unknownDispersion() float64 {
	return inflated(priorDispersion, priorBuckets)
}

// degreesOfFreedom is what free buckets with that mean count are worth for a variance: a variance over n values has the
// relative variance (2+κ)/n, κ the excess kurtosis, as much as 2n/(2+κ) normal values. A negative binomial count has
// κ = (6(φ−1) + 1/φ)/μ: rare events say next to nothing about how they clump.
func degreesOfFreedom(free, mean, phi float64) float64 {
	kurtosis := (6*(phi-1) + 1/phi) / mean
	return 2 * free / (2 + kurtosis)
}

// inflated enlarges what exceeds a Poisson count's dispersion as Student's t does: the quantile of t with ν degrees of
// freedom is z(1 + (z²+1)/4ν + (5z⁴+16z²+3)/96ν² + …), here at z = BurstScore (Abramowitz and Stegun, "Handbook of
// Mathematical Functions", 26.7.5). The expansion is asymptotic and taken no further down than 9 degrees: below, the
// prior decides, and enlarging it would only ask more of a burst after a quiet day.
func inflated(phi, degrees float64) float64 {
	const zz = BurstScore * BurstScore
	degrees = max(9, degrees)
	factor := 1 + (zz+1)/(4*degrees) + (5*zz*zz+16*zz+3)/(96*degrees*degrees)
	return 1 + max(0, phi-1)*factor*factor
}
