package stats

import (
	"math"
	"time"
)

const (
	day = 24 * time.Hour
	// Seven harmonics follow office hours with a lunch break: with four, what they miss of the morning passes for noise
	// and hides one burst in twelve. The fastest needs 6 buckets a period, and each coefficient 10 buckets: with 24 in
	// all, what the fit left over was taken for calm, and overdispersed noise called a burst 6 times in 10 000.
	maxHarmonics          = 7
	bucketsPerPeriod      = 6
	bucketsPerCoefficient = 10
	maxTerms              = 1 + 2*maxHarmonics
	// The h-th harmonic of the logarithm of the rate is believed to have an amplitude of about 0.7/h: a first harmonic
	// of 0.7 makes the busiest hour of a day four times the quietest. This keeps few events from inventing a rhythm.
	harmonicSpread = 0.7
)

// hourStiffness is the ridge of the hour's slope: it is believed to be about 1, a rate that triples in half an hour.
const hourStiffness = 1

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

	var stiffness coefficients
	for j := 1; j < terms; j++ {
		stiffness[j] = math.Pow(float64((j+1)/2)/harmonicSpread, 2)
	}
	return fitRate(events, basis, harmonicsAt(0, harmonics), stiffness, terms, Rhythm)
}

// fitHour expects what the hour around the window's time of day on previous days says about the window: its level, and
// how it rises or falls as the day begins or ends, a slope of the logarithm of the rate. Without it a rate that doubles
// within the hour passes for noise and hides a burst.
func fitHour(days [][]float64) (Expectation, bool) {
	var events []float64
	var basis []coefficients
	for _, buckets := range days {
		middle := len(buckets) / 2
		for i, x := range buckets {
			events = append(events, x)
			basis = append(basis, coefficients{1, float64(i-middle) / float64(max(1, middle))})
		}
	}
	return fitRate(events, basis, coefficients{1}, coefficients{0, hourStiffness}, 2, SameHour)
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
