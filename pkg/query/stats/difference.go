package stats

import "math"

// Difference is how much larger an estimate is than the one before, with its interval.
type Difference struct {
	Now, Before         Estimate
	Value, Lower, Upper float64
}

// Subtract puts the intervals of two independent estimates together: each limit of the difference is as far from it as
// the two limits that it is made of together, by Pythagoras. G. Y. Zou and A. Donner, "Construction of Confidence
// Limits about Effect Measures: A General Approach", Statistics in Medicine 27 (2008); of two Wilson intervals this is
// method 10 of R. G. Newcombe, "Interval Estimation for the Difference between Independent Proportions", ibid. 17
// (1998).
func Subtract(now, before Estimate) Difference {
	d := Difference{Now: now, Before: before, Value: now.Value - before.Value}
	d.Lower = d.Value - math.Hypot(now.Value-now.Lower, before.Upper-before.Value)
	d.Upper = d.Value + math.Hypot(now.Upper-now.Value, before.Value-before.Lower)
	return d
}

// Verdict is what a difference says; of all that is compared, less is better.
type Verdict string

// The verdicts. Same is a finding of its own: it says that a change people would notice is ruled out.
const (
	Worse   Verdict = "worse"
	Better  Verdict = "better"
	Same    Verdict = "same"
	Unknown Verdict = "not enough data"
)

// What matters, as shares of the value before (or of the metric's scale, when that is larger). A change below
// SmallestChange is no news however sure it is: 5 % is what load tests and lab measurements of one page differ by.
// NoticeableChange is when people notice that something takes longer: S. C. Seow, "Designing and Engineering Time"
// (2008), chapter 3, after Weber's law.
const (
	SmallestChange   = 0.05
	NoticeableChange = 0.20
)

// Verdict of a difference whose metric has such a scale: the value below which relative changes mean nothing, in the
// metric's unit.
//
// It is worse (or better) when the interval leaves no doubt about the direction and the change is at least
// SmallestChange; else the same when the interval reaches no change of NoticeableChange; else there is not enough data
// to tell.
func (d Difference) Verdict(scale float64) Verdict {
	if math.IsNaN(d.Value + d.Lower + d.Upper) {
		return Unknown
	}
	base := max(d.Before.Value, scale)
	sure := d.Lower > 0 || d.Upper < 0
	matters := math.Abs(d.Value) >= SmallestChange*base
	switch {
	case sure && matters && d.Value > 0:
		return Worse
	case sure && matters:
		return Better
	case d.Lower > -NoticeableChange*base && d.Upper < NoticeableChange*base:
		return Same
	default:
		return Unknown
	}
}
