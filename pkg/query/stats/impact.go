package stats

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/mathext"
)

// Sums are what is kept of samples, each with a weight w and a score y in 0 … 1: how bad it is. The score is 1 for poor
// and 0 for other samples, or how far a value is on the way between two percentiles (Score).
type Sums struct {
	Samples float64 // how many
	Weight  float64 // Σw
	Squares float64 // Σw²
	Score   float64 // Σwy
	Scores2 float64 // Σwy²
	// Shifted is Σwy had the values been otherwise: multiplied by each of Factors, then changed by each of Steps.
	Shifted [len(Factors) + len(Steps)]float64
}

// Factors and Steps are by how much all values may have changed alike: multiplied, or as shares of the earlier
// percentile added. A segment that changed as everything did, one way or the other, is not what changed.
var (
	Factors = [...]float64{0.5, 0.75, 0.9, 1.1, 1.33, 2}
	Steps   = [...]float64{-0.5, -0.25, -0.1, 0.1, 0.33, 1}
)

// Score is how far a value is on the way from low to high, 0 … 1. Let low and high be the percentiles of two windows:
// the mean score of the later window less that of the earlier is the share of the weight that lies beyond a threshold,
// later less earlier, averaged over all thresholds between the two percentiles. So it has the sign of the percentile's
// change (at each of these thresholds the order of the two shares is what makes the percentiles differ), and what
// segments add to it adds up, which percentiles do not. That is the recentred influence function of S. Firpo, N. Fortin
// and T. Lemieux ("Unconditional Quantile Regressions", Econometrica 77, 2009) taken over the way between two quantiles
// instead of at one, so that it holds for large changes too. Where both are equal, what is larger scores.
func Score(value, low, high float64) float64 {
	switch {
	case value <= low:
		return 0
	case value >= high:
		return 1
	default:
		return (value - low) / (high - low)
	}
}

// Mean is the mean score, NaN without samples.
func (s Sums) Mean() float64 { return s.Score / s.Weight }

// Add puts samples together.
func (s *Sums) Add(o Sums) { s.add(o, 1, 1) }

func (s Sums) minus(o Sums) Sums {
	s.add(o, -1, 1)
	return s
}

// times is the same samples with weights multiplied.
func (s Sums) times(factor float64) (multiplied Sums) {
	multiplied.add(s, 1, factor)
	return multiplied
}

// add adds (or with sign −1 takes away) samples with their weights multiplied.
func (s *Sums) add(o Sums, sign, factor float64) {
	s.Samples += sign * o.Samples
	s.Weight += sign * factor * o.Weight
	s.Squares += sign * factor * factor * o.Squares
	s.Score += sign * factor * o.Score
	s.Scores2 += sign * factor * o.Scores2
	for i, y := range o.Shifted {
		s.Shifted[i] += sign * factor * y
	}
}

// variance of the mean score: of one sample, over Kish's effective number of them, times the design effect. Two samples
// are added, one of each extreme, as A. Agresti and B. Caffo do ("Simple and Effective Confidence Intervals for
// Proportions and Differences of Proportions", The American Statistician 54, 2000): a segment in which all were well
// would have none else, and be certain of it.
func (s Sums) variance(design float64) float64 {
	n := EffectiveSize(s.Weight, s.Squares) / design
	if !(n > 0) {
		return math.Inf(1)
	}
	mean := (s.Mean()*n + 1) / (n + 2)
	square := (s.Scores2/s.Weight*n + 1) / (n + 2)
	return max(0, square-mean*mean) / (n + 2)
}

// Windows are the sums of the two windows that are compared.
type Windows struct{ Now, Before Sums }

// Add puts both together.
func (w *Windows) Add(o Windows) {
	w.Now.Add(o.Now)
	w.Before.Add(o.Before)
}

func (w Windows) minus(o Windows) Windows {
	return Windows{w.Now.minus(o.Now), w.Before.minus(o.Before)}
}

// Combination is all samples that have the same value of every dimension, by place: Values[i] is a place among
// Dimension i's Values.
type Combination struct {
	Values []uint16
	Windows
}

// Dimension is one thing by which samples are told apart.
type Dimension struct {
	Values []string
	// Rest is the place of the value that stands for all rare ones, or -1: it is counted, and never named.
	Rest int
	// Replaced says that new values replace old ones, as releases do: what a new value had before is what there was in
	// its place, and its coming is a change, not a shift of traffic.
	Replaced bool
}

// Population is everything that is compared.
type Population struct {
	Dimensions   []Dimension
	Combinations []Combination
	// Design is how much larger the variance of a mean score is than if the samples were independent, at least 1, and
	// Visitors how many independent visitors the samples of each window are worth (EffectiveSize of the sessions).
	Design                    float64
	VisitorsNow, VisitorsThen float64
}

// Condition is a dimension (by place) having a value (by place).
type Condition struct {
	Dimension int
	Value     uint16
}

// Segment is what meets all its conditions.
type Segment []Condition

func (s Segment) holds(c *Combination) bool {
	for _, condition := range s {
		if c.Values[condition.Dimension] != condition.Value {
			return false
		}
	}
	return true
}

func (s Segment) has(dimension int) bool {
	return slices.ContainsFunc(s, func(c Condition) bool { return c.Dimension == dimension })
}

// Contribution is a part of the change of the mean score.
type Contribution struct {
	Segment Segment
	// Place is where the segment's samples were before: the segment, less the values that came in the place of others.
	Place Segment
	// Mix is what traffic that moved adds to the change, Real what samples of the same kind being worse adds.
	Mix, Real float64
	// Deviation is the standard error of the part a contribution is named for.
	Deviation float64
	// Z is how many standard errors the segment's change differs from the change of everything else.
	Z float64
	// Alike are segments that change beyond chance only by what they share with this one.
	Alike []Segment
	Windows
}

// Split is how the change divides into mix and real along one dimension (or a pair).
type Split struct {
	Dimensions []int
	Mix, Real  float64
	// Moved says that the traffic's shift adds to the change beyond chance, Shows that some value's own change differs
	// from that of the others beyond chance.
	Moved, Shows bool
	Z            float64 // of the mix
	Parts        []Contribution
}

// Explanation is what makes up a change of the mean score. Mix + Real = Change; the real contributions of Named and
// Rest add up to Real, and the parts of Shift to Mix.
type Explanation struct {
	Total             Windows
	Change, Deviation float64
	Mix, Real, Rest   float64
	// Changed says that the change as a whole is beyond chance.
	Changed bool
	// Shift is the split along the dimensions whose traffic moved, nil when none did beyond chance.
	Shift *Split
	// Named are the segments whose own change differs from everything else's beyond chance.
	Named []Contribution
	// Splits are one for each dimension.
	Splits []Split
	// Looked is how many segments were tested.
	Looked int
}

// Limits of an explanation.
const (
	// fewestSamples a segment needs in each window to be looked at: with fewer the normal distribution does not hold.
	fewestSamples = 30
	// mostNamed segments are named; a change with more causes than these is one of everything.
	mostNamed = 4
	// mostConditions a named segment has.
	mostConditions = 4
	// smallestPart of the change is worth naming, as is a change of the mean score by smallestScore.
	smallestPart  = 0.05
	smallestScore = 0.005
	// nearlyAll of a segment's change has to be in a part of it for the part to be named instead.
	nearlyAll = 0.9
	// aboutAsSure is the part of the largest contrast from which another segment explains a change about as well.
	aboutAsSure = 0.9
)

// Explain finds what makes up the change.
//
// Mix and real are E. M. Kitagawa's ("Components of a Difference between Two Rates", JASA 50, 1955): along a dimension
// with shares of the traffic m and mean scores r, mix is Σ(m₁−m₀)(r₁+r₀)/2 and real is Σ(m₁+m₀)/2·(r₁−r₀). The mix
// reported is that along the dimension (or pair of them) where it is largest and beyond chance. Before real changes are
// looked for, both windows are weighed to have the average of their mixes along it (J. DiNardo, N. Fortin and T.
// Lemieux, "Labor Market Institutions and the Distribution of Wages", Econometrica 64, 1996), so that traffic which
// moved does not make other segments look changed.
//
// A segment's real change is named when it differs from the change of everything else by more than chance does among as
// many segments as are looked at (Bonferroni, 5 % in all): a slowdown of everything is not the fault of the largest
// segment. What is named is left out before the next is looked for, so that segments which only overlap with it are not
// named as well: they are its Alike.
func Explain(p Population) Explanation {
	e := Explanation{Total: p.total()}
	p.Design = max(1, p.Design)
	e.Change = e.Total.Now.Mean() - e.Total.Before.Mean()
	if math.IsNaN(e.Change) {
		return e
	}
	e.Deviation = math.Sqrt(e.Total.Now.variance(p.Design) + e.Total.Before.variance(p.Design))
	e.Changed = math.Abs(e.Change) > Z95*e.Deviation
	e.Splits, e.Shift = p.splits(e.Change)
	e.Real = e.Change
	even := p
	scale := 1.0
	if e.Shift != nil {
		e.Mix, e.Real = e.Shift.Mix, e.Shift.Real
		even, scale = p.evened(e.Shift.Dimensions)
	}
	finder := finder{Population: even, scale: scale, least: max(smallestPart*math.Abs(e.Change), smallestScore)}
	e.Named, e.Looked = finder.find(e.Splits)
	e.Rest = e.Real
	for _, c := range e.Named {
		e.Rest -= c.Real
	}
	return e
}

// surely is the number of standard errors that chance exceeds in one of twenty families of so many tests.
func surely(tests int) float64 {
	return -mathext.NormalQuantile(familyError / 2 / float64(max(1, tests)))
}

// Matters says that a part of the change is large enough to be worth naming.
func (e *Explanation) Matters(part float64) bool {
	return math.Abs(part) >= max(smallestPart*math.Abs(e.Change), smallestScore)
}

// Beyond says that the segment's share of the traffic changed beyond what chance does among so many segments.
func (c *Contribution) Beyond(segments int) bool { return math.Abs(c.Z) > surely(segments) }
