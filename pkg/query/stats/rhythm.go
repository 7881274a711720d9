package stats

import (
	"math"
	"time"
)

const (
	day = 24 * time.Hour
	// Four harmonics follow office hours with a lunch break. The fastest needs 6 buckets a period, and each coefficient
	// 10 buckets: with 24 in all, what the fit left over was taken for calm, and overdispersed noise called a burst 6
	// times in 10 000.
	maxHarmonics          = 4
	bucketsPerPeriod      = 6
	bucketsPerCoefficient = 10
	maxTerms              = 1 + 2*maxHarmonics
	// The h-th harmonic of the logarithm of the rate is believed to have an amplitude of about 0.7/h: a first harmonic
	// of 0.7 makes the busiest hour of a day four times the quietest. This keeps few events from inventing a rhythm.
	harmonicSpread = 0.7
)

type (
	coefficients [maxTerms]float64
	matrix       [maxTerms][maxTerms]float64
)

// fitRhythm expects what the daily rhythm of the recent buckets says about the window, which starts gap after the last
// of them. It is a quasi-Poisson regression of the counts on the harmonics of the day, fitted by iteratively reweighted
// least squares with a ridge: what health services use against outbreaks (C. P. Farrington et al., "A Statistical
// Algorithm for the Early Detection of Outbreaks of Infectious Disease", JRSS A 159, 1996), with a day for a year.
//
// It reports false when the buckets cover less than a day, when they are too few or too long to show a rhythm, or when
// the fit fails.
func fitRhythm(events []float64, window, gap time.Duration) (Expectation, bool) {
	if window <= 0 || gap < 0 || time.Duration(len(events)) < (day+window-1)/window {
		return Expectation{}, false
	}
	harmonics := min(maxHarmonics, int(day/window)/bucketsPerPeriod, (len(events)/bucketsPerCoefficient-1)/2)
	if harmonics <= 0 {
		return Expectation{}, false
	}
	terms := 1 + 2*harmonics
	basis := make([]coefficients, len(events))
	for i := range basis {
		before := time.Duration(len(events)-i)*window + gap
		basis[i] = harmonicsAt(before, harmonics)
	}

	beta := coefficients{math.Log(sum(events) / float64(len(events)))}
	fitted := make([]float64, len(events))
	var information, inverse matrix
	for range 25 {
		var gradient coefficients
		var phi float64
		information, gradient, phi = quasiPoisson(events, fitted, basis, beta, terms)
		penalised := information
		for j := 1; j < terms; j++ {
			ridge := phi * math.Pow(float64((j+1)/2)/harmonicSpread, 2)
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

	at := harmonicsAt(0, harmonics)
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
		Baseline:    Rhythm,
	}, true
}

// harmonicsAt is 1, cos, sin, cos 2, sin 2, … of the time of day, counted back from the window.
func harmonicsAt(before time.Duration, harmonics int) coefficients {
	terms := coefficients{1}
	for h := 1; h <= harmonics; h++ {
		sin, cos := math.Sincos(2 * math.Pi * float64(h) * float64(before%day) / float64(day))
		terms[2*h-1], terms[2*h] = cos, sin
	}
	return terms
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
