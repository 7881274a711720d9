package stats

import (
	"cmp"
	"math"
	"slices"
)

// finder looks for the segments that changed unlike everything else.
type finder struct {
	Population
	scale float64 // what real contributions are multiplied by: the share of the traffic that is looked at
	least float64 // the smallest contribution worth naming
}

// candidate is a segment under test.
type candidate struct {
	segment  Segment
	of       Windows // the segment's, with what it had before (Dimension.Replaced)
	room     Windows // what fresh segments have a part of: all that is or was in their place
	real, z  float64
	deviance float64
	fresh    bool // it came in the place of something else, or went, and is compared with all there was in that place
}

func (f *finder) find(splits []Split) (named []Contribution, looked int) {
	left := f.Population
	total := left.total()
	var sure []candidate
	for round := 0; ; round++ {
		all := f.candidates(&left, total)
		limit := surely(len(all) + 1) // one more for everything: everywhere
		found := slices.DeleteFunc(all, func(c candidate) bool {
			own := c.real / c.deviance
			return !(c.z*own > 0) || min(math.Abs(c.z), math.Abs(own)) < limit || math.Abs(c.real) < f.least
		})
		if round == 0 {
			looked = len(all)
			for _, c := range found {
				if len(c.segment) == 1 {
					splits[c.segment[0].Dimension].Shows = true
				}
			}
		} else {
			last := &named[len(named)-1]
			for _, c := range sure {
				gone := !slices.ContainsFunc(found, func(o candidate) bool { return slices.Equal(o.segment, c.segment) })
				if gone && !slices.Equal(c.segment, last.Segment) {
					last.Alike = append(last.Alike, c.segment)
				}
			}
		}
		if round == 0 && len(found) == 0 {
			return f.everywhere(&left, total, limit), looked
		}
		if len(found) == 0 || len(named) == mostNamed {
			return named, looked
		}
		sure = found
		best := f.preferred(found)
		best = f.narrowed(&left, total, best)
		named = append(named, f.contribution(best))
		place := f.place(best)
		left.Combinations = slices.DeleteFunc(slices.Clone(left.Combinations), func(c Combination) bool {
			return place.holds(&c)
		})
	}
}

// everywhere names the new value of a replaced dimension when everything changed alike since it came.
func (f *finder) everywhere(left *Population, total Windows, limit float64) []Contribution {
	all := candidate{of: total}
	all.weigh(f, total)
	all.z = all.real / all.deviance
	if !(math.Abs(all.z) > limit) || math.Abs(all.real) < f.least {
		return nil
	}
	if c := f.since(left, total, all); len(c.segment) > 0 {
		return []Contribution{f.contribution(c)}
	}
	return nil
}

func (f *finder) contribution(c candidate) Contribution {
	slices.SortFunc(c.segment, func(a, b Condition) int { return cmp.Compare(a.Dimension, b.Dimension) })
	return Contribution{Segment: c.segment, Place: f.place(c), Real: c.real, Deviation: c.deviance, Z: c.z, Windows: c.of}
}

// candidates tests every value of every dimension and every pair of two that are not both replaced, the most surprising
// first.
func (f *finder) candidates(left *Population, total Windows) []candidate {
	rest := left.total()
	var all []candidate
	singles := make([]map[uint16]Windows, len(left.Dimensions))
	for d := range left.Dimensions {
		singles[d] = map[uint16]Windows{}
		for _, w := range left.tally(d) {
			singles[d][w.key[0]] = w.Windows
			f.test(&all, Segment{{d, w.key[0]}}, 0, w.Windows, rest, rest, total)
		}
	}
	for a := range left.Dimensions {
		for b := a + 1; b < len(left.Dimensions); b++ {
			if len(singles[a]) < 2 || len(singles[b]) < 2 {
				continue
			}
			if left.Dimensions[a].Replaced && left.Dimensions[b].Replaced {
				continue // what there was in the place of both cannot be told: browsers and systems stand in for versions
			}
			for _, w := range left.tally(a, b) {
				// Without the replaced dimension: what there was in the place of a new value.
				parent := rest
				switch {
				case left.Dimensions[b].Replaced:
					parent = singles[a][w.key[0]]
				case left.Dimensions[a].Replaced:
					parent = singles[b][w.key[1]]
				}
				f.test(&all, Segment{{a, w.key[0]}, {b, w.key[1]}}, 0, w.Windows, parent, rest, total)
			}
		}
	}
	slices.SortFunc(all, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(math.Abs(b.z), math.Abs(a.z)), cmp.Compare(len(a.segment), len(b.segment)),
			compareSegments(a.segment, b.segment))
	})
	return all
}

// test adds a segment to the candidates when it has enough samples: its change against that of all others. Its first
// conditions are known; of the others a new value is looked for.
func (f *finder) test(all *[]candidate, s Segment, known int, w, parent, everything, total Windows) {
	c := candidate{segment: s, of: w}
	for _, condition := range s[known:] {
		d := f.Dimensions[condition.Dimension]
		if int(condition.Value) == d.Rest {
			return
		}
		c.fresh = c.fresh || d.Replaced && !steady(w, total)
	}
	others := everything.minus(w)
	if c.fresh {
		c.of.Before, c.room = parent.Before, parent
		others = everything.minus(parent)
		if others.Before.Samples < fewestSamples { // the parent is everything
			others = Windows{everything.Now.minus(w.Now), everything.Before}
		}
	}
	if c.of.Now.Samples < fewestSamples || c.of.Before.Samples < fewestSamples || others.Now.Samples < fewestSamples ||
		others.Before.Samples < fewestSamples {
		return
	}
	c.weigh(f, total)
	c.z = contrast(c.of, others, f.Design)
	*all = append(*all, c)
}

// steady says that a value of a replaced dimension has about the traffic that it had, and isNew that it had next to
// none.
func steady(w, total Windows) bool {
	now, before := w.Now.Weight/total.Now.Weight, w.Before.Weight/total.Before.Weight
	return now < 2*before && before < 2*now
}

func isNew(w, total Windows) bool {
	return w.Before.Weight/total.Before.Weight < 0.1*w.Now.Weight/total.Now.Weight
}

// weigh works out what the segment's real change adds to the whole's.
func (c *candidate) weigh(f *finder, total Windows) {
	of, part := c.of, 1.0
	if c.fresh {
		of, part = c.room, c.of.Now.Weight/c.room.Now.Weight
	}
	share := part * (of.Now.Weight/total.Now.Weight + of.Before.Weight/total.Before.Weight) / 2
	c.real = f.scale * share * (c.of.Now.Mean() - c.of.Before.Mean())
	c.deviance = f.scale * share * math.Sqrt(c.of.Now.variance(f.Design)+c.of.Before.variance(f.Design))
}

// contrast is how many standard errors the changes of two sets of samples differ. They are alike when either's mean
// score changed as much as the other's, when the values of both changed by the same factor, or by the same amount: the
// least contrast of the three counts, and 0 when they contradict each other.
func contrast(a, b Windows, design float64) float64 {
	deviation := math.Sqrt(a.Now.variance(design) + a.Before.variance(design) +
		b.Now.variance(design) + b.Before.variance(design))
	change := func(w Windows, usual float64) float64 { return w.Now.Mean() - usual }
	least := (change(a, a.Before.Mean()) - change(b, b.Before.Mean())) / deviation
	both := a
	both.Add(b)
	for _, grid := range [][2]int{{0, len(Factors)}, {len(Factors), len(Factors) + len(Steps)}} {
		place := both.Before.placeOf(both.Now.Mean(), grid)
		z := (change(a, a.Before.shifted(place, grid)) - change(b, b.Before.shifted(place, grid))) / deviation
		switch {
		case z*least <= 0:
			return 0
		case math.Abs(z) < math.Abs(least):
			least = z
		}
	}
	return least
}

// shifts are the mean scores along a grid of Shifted, with the samples as they are in the middle.
func (s Sums) shifts(grid [2]int) []float64 {
	middle := (grid[0] + grid[1]) / 2
	means := make([]float64, 0, grid[1]-grid[0]+1)
	for _, y := range s.Shifted[grid[0]:middle] {
		means = append(means, y/s.Weight)
	}
	means = append(means, s.Mean())
	for _, y := range s.Shifted[middle:grid[1]] {
		means = append(means, y/s.Weight)
	}
	return means
}

// placeOf is where along a grid the mean score reaches a value, between two places when need be.
func (s Sums) placeOf(mean float64, grid [2]int) float64 {
	means := s.shifts(grid)
	for i := 1; i < len(means); i++ {
		if mean <= means[i] && means[i] > means[i-1] {
			return float64(i-1) + max(0, (mean-means[i-1])/(means[i]-means[i-1]))
		}
	}
	return float64(len(means) - 1)
}

// shifted is the mean score at a place of a grid.
func (s Sums) shifted(place float64, grid [2]int) float64 {
	means := s.shifts(grid)
	i := min(int(place), len(means)-2)
	return means[i] + (place-float64(i))*(means[i+1]-means[i])
}

// preferred is the most surprising candidate as simple as it can be said; of others that are about as surprising, have
// as many conditions and cannot be said more simply, the one of the dimensions that come first, replaced ones last. An
// iPhone's browser and its system say much the same, and what came with a release is added in the end.
func (f *finder) preferred(found []candidate) candidate {
	rank := func(s Segment) (places []int) {
		for _, c := range s {
			place := c.Dimension
			if f.Dimensions[place].Replaced {
				place += len(f.Dimensions)
			}
			places = append(places, place)
		}
		slices.Sort(places)
		return places
	}
	best := f.simplified(found[0], found)
	surprise := math.Abs(best.z)
	for _, c := range found {
		if len(c.segment) == len(best.segment) && math.Abs(c.z) >= aboutAsSure*surprise &&
			slices.Compare(rank(c.segment), rank(best.segment)) < 0 &&
			slices.Equal(f.simplified(c, found).segment, c.segment) {
			best = c
		}
	}
	return best
}

// simplified is a candidate, or one of its two conditions alone when what that has beyond the pair cannot be told apart
// from it. What came with a new value of a replaced dimension is kept: it says since what.
func (f *finder) simplified(pair candidate, found []candidate) candidate {
	if len(pair.segment) < 2 || pair.fresh {
		return pair
	}
	for _, c := range found {
		if len(c.segment) != 1 || !slices.Contains(pair.segment, c.segment[0]) || c.fresh {
			continue
		}
		beyond := c.of.minus(pair.of)
		few := beyond.Now.Samples < fewestSamples || beyond.Before.Samples < fewestSamples
		if few || math.Abs(contrast(pair.of, beyond, f.Design)) < Z95 {
			return c
		}
	}
	return pair
}

// narrowed adds conditions to a segment as long as one holds nearly all of its change while the rest of it did not
// change as it did.
func (f *finder) narrowed(left *Population, total Windows, c candidate) candidate {
	for len(c.segment) < mostConditions {
		within := f.within(left, c)
		var all []candidate
		for d := range left.Dimensions {
			if c.segment.has(d) {
				continue
			}
			tally := within.tally(d)
			if len(tally) < 2 {
				continue
			}
			for _, w := range tally {
				f.test(&all, append(slices.Clone(c.segment), Condition{d, w.key[0]}), len(c.segment), w.Windows,
					c.of, c.of, total)
			}
		}
		limit := surely(len(all))
		all = slices.DeleteFunc(all, func(n candidate) bool {
			return !(n.z*math.Copysign(1, n.real) > limit) || n.real/c.real < nearlyAll
		})
		if len(all) == 0 {
			return f.since(&within, total, c)
		}
		slices.SortFunc(all, func(a, b candidate) int {
			return cmp.Or(cmp.Compare(math.Abs(b.z), math.Abs(a.z)), compareSegments(a.segment, b.segment))
		})
		c = all[0]
	}
	return c
}

// place is the segment without values that came in the place of others.
func (f *finder) place(c candidate) Segment {
	return slices.DeleteFunc(slices.Clone(c.segment), func(condition Condition) bool {
		return c.fresh && f.Dimensions[condition.Dimension].Replaced
	})
}

// within is what a segment consists of; before a new value came, what there was in its place.
func (f *finder) within(left *Population, c candidate) Population {
	place := f.place(c)
	within := Population{Dimensions: left.Dimensions}
	for i := range left.Combinations {
		if combination := left.Combinations[i]; place.holds(&combination) {
			if !c.segment.holds(&combination) {
				combination.Now = Sums{}
			}
			within.Combinations = append(within.Combinations, combination)
		}
	}
	return within
}

// since adds the new value of a replaced dimension that came with a segment's change: most of the segment has it now,
// it holds nearly all of the change, and next to nothing had it before. That it is the cause is not tested: as good as
// all samples after a release have it, and so there is nothing to compare it with.
func (f *finder) since(within *Population, total Windows, c candidate) candidate {
	for d, dimension := range f.Dimensions {
		if !dimension.Replaced || c.segment.has(d) || len(c.segment) >= mostConditions {
			continue
		}
		for _, w := range within.tally(d) {
			if int(w.key[0]) == dimension.Rest || w.Now.Weight < c.of.Now.Weight/2 || !isNew(w.Windows, total) {
				continue
			}
			n := candidate{segment: append(slices.Clone(c.segment), Condition{d, w.key[0]}), fresh: true, z: c.z,
				of: Windows{w.Now, c.of.Before}, room: c.of}
			if c.fresh {
				n.room = c.room
			}
			n.weigh(f, total)
			if n.real/c.real >= nearlyAll {
				return n
			}
		}
	}
	return c
}
