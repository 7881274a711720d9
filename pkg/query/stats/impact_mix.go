package stats

import (
	"cmp"
	"math"
	"slices"
)

// total sums all combinations.
func (p *Population) total() (all Windows) {
	for i := range p.Combinations {
		all.Add(p.Combinations[i].Windows)
	}
	return all
}

// tallied is what the combinations with some values of one or two dimensions are together.
type tallied struct {
	key [2]uint16
	Windows
}

// tally sums the combinations by their values of one or two dimensions, in the order of these; what has no samples is
// left out.
func (p *Population) tally(dimensions ...int) []tallied {
	size, width := len(p.Dimensions[dimensions[0]].Values), 1
	if len(dimensions) > 1 {
		width = len(p.Dimensions[dimensions[1]].Values)
	}
	cells := make([]tallied, size*width)
	for i := range p.Combinations {
		c := &p.Combinations[i]
		key := keyOf(c, dimensions)
		cell := &cells[int(key[0])*width+int(key[1])]
		cell.key = key
		cell.Add(c.Windows)
	}
	return slices.DeleteFunc(cells, func(t tallied) bool { return t.Now.Samples == 0 && t.Before.Samples == 0 })
}

func keyOf(c *Combination, dimensions []int) (key [2]uint16) {
	for i, d := range dimensions {
		key[i] = c.Values[d]
	}
	return key
}

// split divides the change along dimensions. What only one window has is all mix: nobody had it to get worse for. Along
// a dimension whose values are replaced all is real, against what there was before of any value.
func (p *Population) split(dimensions ...int) Split {
	s := Split{Dimensions: dimensions}
	replaced := slices.ContainsFunc(dimensions, func(d int) bool { return p.Dimensions[d].Replaced })
	tally, total := p.tally(dimensions...), p.total()
	centre := (total.Now.Mean() + total.Before.Mean()) / 2
	var spread float64
	for _, w := range tally {
		now, before := w.Now.Weight/total.Now.Weight, w.Before.Weight/total.Before.Weight
		c := Contribution{Windows: w.Windows}
		for i, d := range dimensions {
			c.Segment = append(c.Segment, Condition{d, w.key[i]})
		}
		mean := w.Now.Mean()
		switch {
		case replaced:
			if now > 0 {
				c.Real = now * (mean - total.Before.Mean())
			}
			s.Parts = append(s.Parts, c)
			continue
		case w.Now.Weight == 0:
			mean = w.Before.Mean()
		case w.Before.Weight > 0:
			mean = (w.Now.Mean() + w.Before.Mean()) / 2
			c.Real = (now + before) / 2 * (w.Now.Mean() - w.Before.Mean())
		}
		c.Mix = (now - before) * (mean - centre)
		spread += (now + before) / 2 * (mean - centre) * (mean - centre)
		// Shares of visitors, as all views of one are in the same segment.
		average := (now + before) / 2
		c.Z = (now - before) / math.Sqrt(max(1e-12, average*(1-average)*(1/p.VisitorsNow+1/p.VisitorsThen)))
		s.Parts = append(s.Parts, c)
	}
	slices.SortFunc(s.Parts, func(a, b Contribution) int {
		return cmp.Or(cmp.Compare(math.Abs(b.Mix), math.Abs(a.Mix)), compareSegments(a.Segment, b.Segment))
	})
	for _, c := range s.Parts { // in a fixed order, so that the same samples give the same sum
		s.Mix, s.Real = s.Mix+c.Mix, s.Real+c.Real
	}
	deviation := math.Sqrt(spread * (1/p.VisitorsNow + 1/p.VisitorsThen))
	if deviation > 0 {
		s.Z = s.Mix / deviation
	}
	return s
}

func compareSegments(a, b Segment) int {
	return slices.CompareFunc(a, b, func(a, b Condition) int {
		return cmp.Or(cmp.Compare(a.Dimension, b.Dimension), cmp.Compare(a.Value, b.Value))
	})
}

// splits divides the change along every dimension, and chooses the one along which traffic moved: where the mix is
// largest, or a pair of dimensions that has clearly more of it.
func (p *Population) splits(change float64) (splits []Split, shift *Split) {
	var moving []int
	for d := range p.Dimensions {
		splits = append(splits, p.split(d))
		if !p.Dimensions[d].Replaced {
			moving = append(moving, d)
		}
	}
	n := len(moving)
	tests := n + n*(n-1)/2
	least := max(smallestPart*math.Abs(change), smallestScore)
	for _, d := range moving {
		s := &splits[d]
		s.Moved = math.Abs(s.Z) > surely(tests) && math.Abs(s.Mix) >= least
		if s.Moved && (shift == nil || math.Abs(s.Mix) > math.Abs(shift.Mix)) {
			shift = s
		}
	}
	// A pair is looked at only beside a dimension that moved: its many segments would find a shift in the noise.
	if shift == nil {
		return splits, nil
	}
	best := shift
	for _, d := range moving {
		if d == shift.Dimensions[0] {
			continue
		}
		pair := p.split(shift.Dimensions[0], d)
		if math.Abs(pair.Z) > surely(tests) && math.Abs(pair.Mix-shift.Mix) > max(least, 0.1*math.Abs(shift.Mix)) &&
			math.Abs(pair.Mix) > math.Abs(best.Mix) {
			best = &pair
		}
	}
	return splits, best
}

// evened is the same population with the traffic of both windows along some dimensions as it was on average, and the
// share of all traffic that has a counterpart in the other window. What has none is left out.
func (p *Population) evened(dimensions []int) (even Population, kept float64) {
	tally, total := p.tally(dimensions...), p.total()
	factors := map[[2]uint16][2]float64{}
	for _, w := range tally {
		now, before := w.Now.Weight/total.Now.Weight, w.Before.Weight/total.Before.Weight
		if now > 0 && before > 0 {
			average := (now + before) / 2
			factors[w.key] = [2]float64{average / now, average / before}
			kept += average
		}
	}
	even = *p
	even.Combinations = make([]Combination, 0, len(p.Combinations))
	for i := range p.Combinations {
		c := p.Combinations[i]
		f, ok := factors[keyOf(&c, dimensions)]
		if !ok {
			continue
		}
		c.Now, c.Before = c.Now.times(f[0]), c.Before.times(f[1])
		even.Combinations = append(even.Combinations, c)
	}
	return even, kept
}
