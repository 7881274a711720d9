package stats

import (
	"math"

	"gonum.org/v1/gonum/mathext"
)

// Estimate is a value with its interval. NaN says that there is none: too few samples bound the value on that side.
type Estimate struct{ Value, Lower, Upper float64 }

// Bounded says that the estimate has a value and both limits.
func (e Estimate) Bounded() bool { return !math.IsNaN(e.Value + e.Lower + e.Upper) }

// Cell is one cell of a metric's histogram: the values (Low, High] and the weight in it.
type Cell struct {
	Low, High float64
	Weight    Grouped
}

// Quantile estimates the p-quantile from a histogram, cells in the order of their values, with an interval at level
// 1 − alpha.
//
// Within its cell a value is interpolated on a logarithmic scale, so it is exact to the width of the cells. The
// interval is R. S. Woodruff's ("Confidence Intervals for Medians and Other Position Measures", JASA 47, 1952): the
// share of the weight below the quantile has a standard error, here from RandomGroups with Student's t, and the values
// at the shares that far below and above p are the limits, whatever the distribution.
func Quantile(cells []Cell, p, alpha float64) Estimate {
	none := Estimate{math.NaN(), math.NaN(), math.NaN()}
	var all Grouped
	for i := range cells {
		for g, w := range cells[i].Weight {
			all[g] += w
		}
	}
	total := all.Sum()
	if !(total > 0) {
		return none
	}
	value, place, part := valueAt(cells, p*total)
	var below Grouped // centred: what each group has below the quantile beyond p of its weight
	for g := range below {
		for i := range cells[:place] {
			below[g] += cells[i].Weight[g]
		}
		below[g] += part*cells[place].Weight[g] - p*all[g]
	}
	deviation, freedom := spread(&below, &all)
	e := Estimate{value, math.NaN(), math.NaN()}
	if freedom+1 < fewestGroups {
		return e
	}
	reach := student(alpha, freedom) * deviation / total
	if low := p - reach; low > 0 {
		e.Lower, _, _ = valueAt(cells, low*total)
	}
	if high := p + reach; high < 1 {
		e.Upper, _, _ = valueAt(cells, high*total)
	}
	return e
}

// valueAt is where the cumulated weight reaches target: the value, its cell, and the part of the cell's weight below.
func valueAt(cells []Cell, target float64) (value float64, place int, part float64) {
	var reached float64
	for i := range cells {
		w := cells[i].Weight.Sum()
		if reached+w >= target && w > 0 || i == len(cells)-1 {
			part = 1
			if w > 0 {
				part = min(1, max(0, (target-reached)/w))
			}
			return cells[i].at(part), i, part
		}
		reached += w
	}
	return math.NaN(), 0, 0
}

// at interpolates within a cell; the lowest begins at 0 and the highest has no end.
func (c *Cell) at(part float64) float64 {
	switch {
	case math.IsInf(c.High, 1):
		return c.Low
	case c.Low <= 0:
		return c.Low + part*(c.High-c.Low)
	default:
		return c.Low * math.Pow(c.High/c.Low, part)
	}
}

// Share is how many of a group's units (such as sessions) were hit.
type Share struct {
	Hits, All Grouped
	// Squares is the sum of the squared weights of all units.
	Squares float64
}

// Estimate is the share that was hit with an interval at level 1 − alpha: E. B. Wilson's of 1927, which holds for rare
// events, at the number of units that carry as much information as these. That is L. Kish's (EffectiveSize), divided by
// how much more the random groups differ than independent units would, as far as there are enough hits to tell.
func (s *Share) Estimate(alpha float64) Estimate {
	all := s.All.Sum()
	n := EffectiveSize(all, s.Squares)
	if !(n > 0) {
		return Estimate{math.NaN(), math.NaN(), math.NaN()}
	}
	share := min(1, s.Hits.Sum()/all)
	var centred Grouped
	for g := range centred {
		centred[g] = s.Hits[g] - share*s.All[g]
	}
	if deviation, freedom := spread(&centred, &s.All); freedom+1 >= fewestGroups && share*n >= fewestHits {
		if independent := share * (1 - share) / n; independent > 0 {
			n /= max(1, deviation*deviation/(all*all)/independent)
		}
	}
	lower, upper := wilson(share, n, -mathext.NormalQuantile(alpha/2))
	return Estimate{share, lower, upper}
}

// Effective is how many equally weighted units carry as much information as these.
func (s *Share) Effective() float64 { return EffectiveSize(s.All.Sum(), s.Squares) }
