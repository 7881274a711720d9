package stats

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/sightline-rum/sightline/pkg/rum"
)

// visits draws sessions of a release: each has a device and looks at a few pages, whose values are log-normal around
// the page's, the device's and the session's own speed. So views of one session resemble each other.
type visits struct {
	sessions int
	mobile   float64 // share of sessions on slow devices
	slower   float64 // what the release multiplies values by
	spread   float64 // of the logarithm, of one view
	session  float64 // of the logarithm, of a session
	typical  float64 // the median value on the fastest page
	failing  float64 // the share of page visits with an error, on the fastest page; the slowest has four times that
	sampled  float64 // the share of sessions that are sampled 1 in 4
}

// pages are as many strata for each of two devices; the slowest takes 2.2 times as long as the fastest.
const pages = 6

type sampled struct {
	stratum, group int
	value, weight  float64
	failed         bool
}

func (v visits) draw(random *rand.Rand) []sampled {
	var all []sampled
	for range v.sessions {
		device, weight, group := 0, 1.0, random.IntN(RandomGroups)
		if random.Float64() < v.mobile {
			device = 1
		}
		if random.Float64() < v.sampled {
			weight = 4
		}
		own := math.Exp(v.session * random.NormFloat64())
		for range 1 + min(19, int(random.ExpFloat64()*3)) {
			page := random.IntN(pages)
			slow := (1 + 0.24*float64(page)) * (1 + 0.8*float64(device))
			all = append(all, sampled{stratum: 2*page + device, group: group, weight: weight,
				value:  v.typical * slow * own * v.slower * math.Exp(v.spread*random.NormFloat64()),
				failed: random.Float64() < v.failing*(1+3*float64(page)/(pages-1)),
			})
		}
	}
	return all
}

// standardised weighs the samples of two releases so that they have the strata in the same proportions.
func standardised(now, before []sampled) {
	weights := map[int]*[2]float64{}
	for side, all := range [][]sampled{now, before} {
		for _, s := range all {
			if weights[s.stratum] == nil {
				weights[s.stratum] = &[2]float64{}
			}
			weights[s.stratum][side] += s.weight
		}
	}
	for side, all := range [][]sampled{now, before} {
		for i := range all {
			w := weights[all[i].stratum]
			all[i].weight *= Overlap(w[side], w[1-side])
		}
	}
}

func cellsOf(metric string, all []sampled) []Cell {
	found := map[int16]*Cell{}
	for _, s := range all {
		bucket := rum.Bucket(metric, s.value)
		if found[bucket] == nil {
			c := Cell{}
			c.Low, c.High = rum.BucketBounds(metric, bucket)
			found[bucket] = &c
		}
		found[bucket].Weight[s.group] += s.weight
	}
	var buckets []int16
	for bucket := range found {
		buckets = append(buckets, bucket)
	}
	slices.Sort(buckets)
	var cells []Cell
	for _, bucket := range buckets {
		cells = append(cells, *found[bucket])
	}
	return cells
}

func shareOf(all []sampled) *Share {
	var s Share
	for _, x := range all {
		s.All[x.group] += x.weight
		s.Squares += x.weight * x.weight
		if x.failed {
			s.Hits[x.group] += x.weight
		}
	}
	return &s
}

// family is the level of one of four comparisons that are together wrong in one of twenty.
const family = 0.05 / 4

func (v visits) againstVitals(metric string, before visits, random *rand.Rand) Difference {
	a, b := v.draw(random), before.draw(random)
	standardised(a, b)
	return Subtract(Quantile(cellsOf(metric, a), 0.75, family), Quantile(cellsOf(metric, b), 0.75, family))
}

func (v visits) againstErrors(before visits, random *rand.Rand) Difference {
	a, b := v.draw(random), before.draw(random)
	standardised(a, b)
	return Subtract(shareOf(a).Estimate(family), shareOf(b).Estimate(family))
}

// verdicts counts, in %, what many comparisons of the two say.
func verdicts(times int, scale float64, compare func(*rand.Rand) Difference) map[Verdict]float64 {
	counts := map[Verdict]float64{}
	for i := range times {
		random := rand.New(rand.NewPCG(1618, uint64(i)))
		counts[compare(random).Verdict(scale)] += 100 / float64(times)
	}
	return counts
}

var (
	someVisits = visits{sessions: 1500, mobile: 0.5, slower: 1, spread: 0.5, session: 0.3, typical: 1200, failing: 0.01,
		sampled: 0.1}
	lcpScale, errorScale = 1250.0, 0.05
)

func (v visits) but(change func(*visits)) visits {
	change(&v)
	return v
}

// releaseCases are what a release can do, with what the verdict should be.
var releaseCases = []struct {
	name        string
	now, before visits
	want        Verdict
	least       float64 // % of comparisons that say so
}{
	{"the same release", someVisits, someVisits, Same, 90},
	{"the same, twice the phones",
		someVisits.but(func(v *visits) { v.mobile = 0.8 }), someVisits.but(func(v *visits) { v.mobile = 0.4 }), Same, 85},
	{"the same, a tenth of the visits", someVisits.but(func(v *visits) { v.sessions = 150 }), someVisits, "", 0},
	{"the same, 20 visits", someVisits.but(func(v *visits) { v.sessions = 20 }), someVisits, Unknown, 80},
	{"3 % slower", someVisits.but(func(v *visits) { v.slower = 1.03 }), someVisits, Same, 75},
	{"25 % slower", someVisits.but(func(v *visits) { v.slower = 1.25 }), someVisits, Worse, 95},
	{"20 % faster", someVisits.but(func(v *visits) { v.slower = 0.8 }), someVisits, Better, 95},
	{"25 % slower, half the phones", someVisits.but(func(v *visits) { v.slower, v.mobile = 1.25, 0.3 }),
		someVisits.but(func(v *visits) { v.mobile = 0.6 }), Worse, 90},
}

func TestAReleaseIsWorseOnlyWhenItIs(t *testing.T) {
	for _, c := range releaseCases {
		got := verdicts(200, lcpScale, func(random *rand.Rand) Difference {
			return c.now.againstVitals("lcp", c.before, random)
		})
		if c.now.slower == 1 {
			require.LessOrEqual(t, got[Worse], 5.0, "%s: %v", c.name, got)
			require.LessOrEqual(t, got[Better], 5.0, "%s: %v", c.name, got)
		}
		if c.want != "" {
			require.GreaterOrEqual(t, got[c.want], c.least, "%s: %v", c.name, got)
		}
	}
}

func TestRareErrorsDoNotMakeAReleaseWorse(t *testing.T) {
	for _, failing := range []float64{0, 0.0005, 0.01, 0.1} {
		for _, sessions := range []int{40, 300, 3000} {
			before := someVisits.but(func(v *visits) { v.failing = failing })
			now := before.but(func(v *visits) { v.sessions = sessions })
			got := verdicts(150, errorScale, func(random *rand.Rand) Difference { return now.againstErrors(before, random) })
			require.LessOrEqual(t, got[Worse]+got[Better], 5.0, "%v failing of %d sessions: %v", failing, sessions, got)
		}
	}
	now := someVisits.but(func(v *visits) { v.failing = 0.03 })
	got := verdicts(150, errorScale, func(random *rand.Rand) Difference { return now.againstErrors(someVisits, random) })
	require.GreaterOrEqual(t, got[Worse], 95.0, "three times as many errors: %v", got)
}

func TestStandardisingMakesTheStrataAlike(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		a := visits{sessions: 30, mobile: rapid.Float64Range(0, 1).Draw(t, "a"), spread: 1, slower: 1}.draw(random)
		b := visits{sessions: 50, mobile: rapid.Float64Range(0, 1).Draw(t, "b"), spread: 1, slower: 1}.draw(random)
		standardised(a, b)
		var left, right [2 * pages]float64
		for _, s := range a {
			left[s.stratum] += s.weight
			require.LessOrEqual(t, s.weight, 1.0)
		}
		for _, s := range b {
			right[s.stratum] += s.weight
		}
		for i := range left {
			require.InDelta(t, left[i], right[i], 1e-9)
		}
	})
}

func TestAQuantileLiesInItsInterval(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		v := someVisits.but(func(v *visits) {
			v.sessions = rapid.IntRange(1, 200).Draw(t, "sessions")
			v.typical = rapid.Float64Range(1, 9000).Draw(t, "typical")
		})
		all := v.draw(random)
		p := rapid.Float64Range(0.05, 0.95).Draw(t, "p")
		e := Quantile(cellsOf("lcp", all), p, 0.05)
		var values []float64
		var total, below float64
		for _, s := range all {
			values = append(values, s.value)
			total += s.weight
		}
		for _, s := range all {
			if s.value <= e.Value*1.021 {
				below += s.weight
			}
		}
		require.GreaterOrEqual(t, below, p*total-1e-6, "within the width of a cell")
		require.GreaterOrEqual(t, e.Value, slices.Min(values)/1.021)
		require.LessOrEqual(t, e.Value, slices.Max(values)*1.021)
		require.False(t, e.Lower > e.Value || e.Upper < e.Value)
	})
}

func TestAVerdictNeedsWhatMatters(t *testing.T) {
	between := func(value, lower, upper float64) Difference {
		return Difference{Before: Estimate{Value: 2000}, Value: value, Lower: lower, Upper: upper}
	}
	for name, c := range map[string]struct {
		d    Difference
		want Verdict
	}{
		"sure and large":            {between(300, 100, 500), Worse},
		"sure and large, downwards": {between(-300, -500, -100), Better},
		"sure and too small":        {between(90, 50, 130), Same},
		"large and not sure":        {between(300, -10, 610), Unknown},
		"small and not sure":        {between(20, -100, 140), Same},
		"unbounded":                 {between(20, math.NaN(), 140), Unknown},
	} {
		require.Equal(t, c.want, c.d.Verdict(lcpScale), name)
	}
	tiny := Difference{Before: Estimate{Value: 0.001}, Value: 0.001, Lower: 0.0005, Upper: 0.0015}
	require.Equal(t, Same, tiny.Verdict(0.05), "twice next to nothing is next to nothing")
}

// measureReleases prints its table of docs/statistics.md.
func measureReleases() {
	fmt.Println("| release | worse | better | same | not enough data |\n|---|---|---|---|---|")
	row := func(name string, got map[Verdict]float64) {
		fmt.Printf("| %s | %.1f | %.1f | %.1f | %.1f |\n", name, got[Worse], got[Better], got[Same], got[Unknown])
	}
	for _, c := range releaseCases {
		row("LCP: "+c.name, verdicts(2000, lcpScale, func(random *rand.Rand) Difference {
			return c.now.againstVitals("lcp", c.before, random)
		}))
	}
	for _, session := range []float64{0, 0.6} {
		v := someVisits.but(func(v *visits) { v.session = session })
		row(fmt.Sprintf("LCP: the same, sessions alike by σ = %v", session), verdicts(2000, lcpScale,
			func(random *rand.Rand) Difference { return v.againstVitals("lcp", v, random) }))
	}
	for _, failing := range []float64{0.0005, 0.01, 0.1} {
		before := someVisits.but(func(v *visits) { v.failing = failing })
		for _, times := range []float64{1, 3} {
			now := before.but(func(v *visits) { v.failing *= times })
			row(fmt.Sprintf("errors: %v %%, times %v", 100*failing, times), verdicts(1000, errorScale,
				func(random *rand.Rand) Difference { return now.againstErrors(before, random) }))
		}
	}
	fmt.Println()
}
