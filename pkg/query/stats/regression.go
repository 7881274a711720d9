package stats

import "math"

type (
	coefficients [maxTerms]float64
	matrix       [maxTerms][maxTerms]float64
)

// fitRate fits the logarithm of a rate, linear in its terms, to counts of events, and reads it at one more place. It is a
// quasi-Poisson regression by iteratively reweighted least squares with a ridge, which is as stiff as given for each
// term. It reports false when the fit fails.
func fitRate(
	events []float64, basis []coefficients, at, stiffness coefficients, terms int, baseline Baseline,
) (Expectation, bool) {
	beta := coefficients{math.Log(sum(events) / float64(len(events)))}
	fitted := make([]float64, len(events))
	var information, inverse matrix
	for range 25 {
		var gradient coefficients
		var phi float64
		information, gradient, phi = quasiPoisson(events, fitted, basis, beta, terms)
		penalised := information
		for j := 1; j < terms; j++ {
			ridge := phi * stiffness[j]
			penalised[j][j] += ridge
			gradient[j] -= ridge * beta[j]
		}
		var ok bool
		if inverse, ok = invert(penalised, terms); !ok {
			return Expectation{}, false
		}
		var change float64
		for j := range terms {
			var step float64
			for k := range terms {
				step += inverse[j][k] * gradient[k]
			}
			step = max(-1, min(1, step)) // a longer step from a flat start can overshoot into an overflow
			beta[j] += step
			change = max(change, math.Abs(step))
		}
		if change < 1e-3 {
			break
		}
	}

	var logMean, variance, parameters float64
	for j := range terms {
		logMean += beta[j] * at[j]
		for k := range terms {
			variance += at[j] * inverse[j][k] * at[k]
			parameters += inverse[j][k] * information[max(j, k)][min(j, k)] // the trace: what the ridge leaves free
		}
	}
	mean := math.Exp(logMean)
	return Expectation{
		Count: mean,
		// The count's variance is φ·mean, the expectation's by the delta method φ·mean²·variance.
		Uncertainty: mean * variance,
		Dispersion:  dispersion(events, fitted, parameters, mean),
		Baseline:    baseline,
	}, true
}

// quasiPoisson fills in the fitted values, and returns the information matrix (lower triangle), the gradient of the log
// likelihood and the dispersion at beta.
func quasiPoisson(events, fitted []float64, basis []coefficients, beta coefficients, terms int) (
	information matrix, gradient coefficients, phi float64,
) {
	var squares, total float64
	for i, x := range events {
		row := basis[i][:terms]
		var logMean float64
		for j, b := range row {
			logMean += beta[j] * b
		}
		fitted[i] = math.Exp(logMean)
		residual := x - fitted[i]
		squares += residual * residual
		total += fitted[i]
		for j, b := range row {
			gradient[j] += residual * b
			weighted := fitted[i] * b
			for k, c := range row[:j+1] {
				information[j][k] += weighted * c
			}
		}
	}
	return information, gradient, max(1, squares/total)
}

// invert a symmetric positive definite matrix, given by its lower triangle, by Cholesky's decomposition: by hand
// because a general library would allocate for each of thousands of groups. It reports false when there is no inverse.
func invert(a matrix, terms int) (inverse matrix, ok bool) {
	var l matrix
	for j := range terms {
		for k := range j + 1 {
			s := a[j][k]
			for m := range k {
				s -= l[j][m] * l[k][m]
			}
			if j > k {
				l[j][k] = s / l[k][k]
				continue
			}
			if !(s > 0) || math.IsInf(s, 1) {
				return inverse, false
			}
			l[j][j] = math.Sqrt(s)
		}
	}
	for column := range terms {
		var y coefficients
		for j := range terms {
			if j == column {
				y[j] = 1
			}
			for m := range j {
				y[j] -= l[j][m] * y[m]
			}
			y[j] /= l[j][j]
		}
		for j := terms - 1; j >= 0; j-- {
			s := y[j]
			for m := j + 1; m < terms; m++ {
				s -= l[m][j] * inverse[m][column]
			}
			inverse[j][column] = s / l[j][j]
		}
	}
	return inverse, true
}
