package stats

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// shopping is a shop's visits in two windows, with what changed between them.
type shopping struct {
	sessions int
	phones   [2]float64 // share of phones in each window, the later one second
	slower   float64    // what the regression multiplies values by
	where    func(s []uint16) bool
	released bool // most of the later window has a new release
	session  float64
}

// The dimensions of a shop, by place.
const (
	byRoute = iota
	byBrowser
	byDevice
	byOS
	byCountry
	byConnection
	byRelease
)

// Values by place.
const (
	safari   = 1
	phone    = 1
	checkout = 5
	newest   = 2
)

var shopDimensions = []Dimension{
	{Values: []string{"(other)", "/", "/products", "/cart", "/search", "/checkout"}},
	{Values: []string{"Chrome", "Safari", "Firefox", "Edge"}, Rest: -1},
	{Values: []string{"desktop", "mobile", "tablet"}, Rest: -1},
	{Values: []string{"Windows", "iOS", "macOS", "Android"}, Rest: -1},
	{Values: []string{"(other)", "DE", "GB", "US", "FR", "IN", "BR"}},
	{Values: []string{"4g", "3g", "2g", ""}, Rest: -1},
	{Values: []string{"(other)", "2.4.1", "2.5.0"}, Replaced: true},
}

type shopped struct {
	values  []uint16
	value   float64
	weight  float64
	window  int
	session int
}

// visit draws all samples: values are log-normal around what route, device, country and connection make of them, and
// the views of a session have much in common.
func (s shopping) visit(random *rand.Rand) (all []shopped, visitors [2]float64) {
	for window := range 2 {
		var weights, squares float64
		for session := range s.sessions {
			v := make([]uint16, len(shopDimensions))
			pick := func(shares ...float64) uint16 {
				x := random.Float64()
				for i, share := range shares {
					if x -= share; x < 0 {
						return uint16(i)
					}
				}
				return uint16(len(shares) - 1)
			}
			weight := 1.0
			if random.IntN(10) == 0 {
				weight = 4
			}
			slow := math.Exp(s.session * random.NormFloat64())
			if random.Float64() < s.phones[window] {
				v[byDevice] = phone
				if v[byBrowser] = pick(0.5, 0.5); v[byBrowser] == safari {
					v[byOS] = 1
				} else {
					v[byOS] = 3
				}
				v[byConnection] = pick(0.8, 0.15, 0.05)
				slow *= 1.7 * []float64{1, 1.6, 2.5}[v[byConnection]]
			} else {
				v[byDevice] = pick(0.92, 0, 0.08)
				v[byBrowser] = pick(0.6, 0.2, 0.12, 0.08)
				v[byConnection] = 3
				if v[byBrowser] == safari {
					v[byOS] = 2
				}
			}
			v[byCountry] = pick(0.05, 0.4, 0.2, 0.15, 0.1, 0.06, 0.04)
			slow *= []float64{1, 0.9, 1, 1.3, 1, 1.8, 1.7}[v[byCountry]]
			v[byRelease] = pick(0.06, 0.94)
			if s.released && window == 1 && random.Float64() < 0.94 {
				v[byRelease] = newest
			}
			var own float64
			for range 1 + min(12, int(random.ExpFloat64()*2)) {
				v := slices.Clone(v)
				v[byRoute] = pick(0.05, 0.25, 0.3, 0.15, 0.15, 0.1)
				value := 900 * slow * []float64{1, 1, 1.3, 0.8, 1.1, 0.9}[v[byRoute]] * math.Exp(0.45*random.NormFloat64())
				if window == 1 && s.where != nil && s.where(v) {
					value *= s.slower
				}
				all = append(all, shopped{v, value, weight, window, session})
				own += weight
			}
			weights, squares = weights+own, squares+own*own
		}
		visitors[window] = EffectiveSize(weights, squares)
	}
	return all, visitors
}

func p75(all []shopped, window int) float64 {
	var samples []Sample
	for _, s := range all {
		if s.window == window {
			samples = append(samples, Sample{s.value, uint32(s.weight)})
		}
	}
	return Percentile(samples, 0.75)
}

// population puts the samples together as the store does.
func (s shopping) population(random *rand.Rand) Population {
	all, visitors := s.visit(random)
	before, now := p75(all, 0), p75(all, 1)
	low, high := min(before, now), max(before, now)
	p := Population{Dimensions: shopDimensions, VisitorsNow: visitors[1], VisitorsThen: visitors[0]}
	places := map[[7]uint16]int{}
	var total [2]Sums
	own := map[[2]int]*Sums{}
	for _, x := range all {
		var key [7]uint16
		copy(key[:], x.values)
		if _, ok := places[key]; !ok {
			places[key] = len(p.Combinations)
			p.Combinations = append(p.Combinations, Combination{Values: x.values})
		}
		y := Score(x.value, low, high)
		sums := Sums{Samples: 1, Weight: x.weight, Squares: x.weight * x.weight, Score: x.weight * y,
			Scores2: x.weight * y * y}
		c := &p.Combinations[places[key]]
		if x.window == 1 {
			c.Now.Add(sums)
		} else {
			for i, factor := range Factors {
				sums.Shifted[i] = x.weight * Score(x.value*factor, low, high)
			}
			for i, step := range Steps {
				sums.Shifted[len(Factors)+i] = x.weight * Score(x.value+step*before, low, high)
			}
			c.Before.Add(sums)
		}
		session := [2]int{x.window, x.session}
		if own[session] == nil {
			own[session] = &Sums{}
		}
		own[session].Add(sums)
		total[x.window].Add(sums)
	}
	var clustered, independent float64
	for session, sums := range own {
		d := sums.Score - total[session[0]].Mean()*sums.Weight
		clustered += d * d
	}
	for _, x := range all {
		d := x.weight * (Score(x.value, low, high) - total[x.window].Mean())
		independent += d * d
	}
	p.Design = clustered / independent
	return p
}

// truth is what share of the percentile's change is mix: how it changes when only the traffic moves, and when only the
// regression comes, on the average of both orders, over very many visits.
func (s shopping) truth() (mix float64) {
	switch {
	case s.phones[0] == s.phones[1]:
		return 0
	case s.slower == 1:
		return 1
	}
	percentile := func(phones, slower float64) float64 {
		only := s
		only.sessions, only.phones, only.slower = 120_000, [2]float64{phones, phones}, slower
		all, _ := only.visit(rand.New(rand.NewPCG(5, 5)))
		return p75(all, 1)
	}
	neither, both := percentile(s.phones[0], 1), percentile(s.phones[1], s.slower)
	moved, slowed := percentile(s.phones[1], 1), percentile(s.phones[0], s.slower)
	return ((moved - neither) + (both - slowed)) / 2 / (both - neither)
}

func onSafari(v []uint16) bool { return v[byBrowser] == safari }
func onSafariAtTheCheckout(v []uint16) bool {
	return v[byBrowser] == safari && v[byRoute] == checkout
}
func onNewSafari(v []uint16) bool { return v[byBrowser] == safari && v[byRelease] == newest }
func everywhere([]uint16) bool    { return true }

// nameOf writes a segment as people read it.
func nameOf(s Segment) (text string) {
	keys := []string{"route", "browser", "device", "os", "country", "connection", "release"}
	for i, c := range s {
		if i > 0 {
			text += ", "
		}
		text += keys[c.Dimension] + "=" + shopDimensions[c.Dimension].Values[c.Value]
	}
	return text
}

var nothingChanged = shopping{sessions: 4000, phones: [2]float64{0.4, 0.4}, slower: 1, session: 0.3}

func (s shopping) but(change func(*shopping)) shopping {
	change(&s)
	return s
}

// impactCases are what can happen between two windows, with what should be named.
var impactCases = []struct {
	name  string
	happy shopping
	named string
}{
	{"nothing", nothingChanged, ""},
	{"nothing, and a new release", nothingChanged.but(func(s *shopping) { s.released = true }), ""},
	{"nothing, of few visits", nothingChanged.but(func(s *shopping) { s.sessions = 300 }), ""},
	{"traffic moves to phones", nothingChanged.but(func(s *shopping) { s.phones[1] = 0.6 }), ""},
	{"Safari takes 1.6 times as long", nothingChanged.but(func(s *shopping) { s.slower, s.where = 1.6, onSafari }),
		"browser=Safari"},
	{"and traffic moves to phones", nothingChanged.but(func(s *shopping) {
		s.slower, s.where, s.phones[1] = 1.6, onSafari, 0.55
	}), "browser=Safari"},
	{"the checkout takes 3 times as long on Safari", nothingChanged.but(func(s *shopping) {
		s.slower, s.where, s.sessions = 3, onSafariAtTheCheckout, 8000
	}), "route=/checkout, browser=Safari"},
	{"Safari takes 1.6 times as long with the new release", nothingChanged.but(func(s *shopping) {
		s.slower, s.where, s.released = 1.6, onNewSafari, true
	}), "browser=Safari, release=2.5.0"},
	{"everything takes 1.3 times as long since the new release", nothingChanged.but(func(s *shopping) {
		s.slower, s.where, s.released = 1.3, func(v []uint16) bool { return v[byRelease] == newest }, true
	}), "release=2.5.0"},
	{"everything takes 1.3 times as long",
		nothingChanged.but(func(s *shopping) { s.slower, s.where = 1.3, everywhere }), ""},
}

// outcome is how often, in %, explanations name the right segment first, name another, and see traffic move; and how
// far, in points of the change, the mix is from the truth.
type outcome struct{ right, wrong, moved, off float64 }

func (s shopping) outcome(times int, want string) (o outcome) {
	one := 100 / float64(times)
	truth, changes := s.truth(), s.phones[0] != s.phones[1] || s.slower != 1
	for i := range times {
		e := Explain(s.population(rand.New(rand.NewPCG(31, uint64(i)))))
		if len(e.Named) > 0 && nameOf(e.Named[0].Segment) == want {
			o.right += one
			e.Named = e.Named[1:]
		}
		if len(e.Named) > 0 {
			o.wrong += one
		}
		if e.Shift != nil {
			o.moved += one
		}
		if changes {
			o.off += one * math.Abs(e.Mix/e.Change-truth)
		}
	}
	return o
}

func TestNothingIsNamedForNothing(t *testing.T) {
	for _, c := range impactCases {
		if c.named != "" {
			continue
		}
		o := c.happy.outcome(60, "")
		require.LessOrEqual(t, o.wrong, 5.0, c.name)
		if c.happy.phones[0] == c.happy.phones[1] {
			require.LessOrEqual(t, o.moved, 5.0, c.name)
		} else {
			require.Equal(t, 100.0, math.Round(o.moved), c.name)
		}
	}
}

func TestWhatChangedIsNamed(t *testing.T) {
	for _, c := range impactCases {
		if c.named == "" {
			continue
		}
		o := c.happy.outcome(20, c.named)
		require.GreaterOrEqual(t, o.right, 95.0, c.name)
		require.LessOrEqual(t, o.wrong, 5.0, c.name)
	}
}

func TestMixAndRealAreWhatTheyWere(t *testing.T) {
	for _, c := range impactCases {
		s := c.happy
		if s.phones[0] == s.phones[1] && s.slower == 1 {
			continue
		}
		s.sessions = 90_000 // so that chance adds no more than a point or two
		truth := s.truth()
		e := Explain(s.population(rand.New(rand.NewPCG(77, 1))))
		require.InDelta(t, truth, e.Mix/e.Change, 0.05, c.name)
		if c.named == "" {
			require.Empty(t, e.Named, c.name)
			continue
		}
		require.Equal(t, c.named, nameOf(e.Named[0].Segment), c.name)
		require.InDelta(t, 1-truth, e.Named[0].Real/e.Change, 0.05, c.name)
	}
}

func TestThePartsAddUpToTheWhole(t *testing.T) {
	for _, c := range impactCases {
		e := Explain(c.happy.population(rand.New(rand.NewPCG(9, 9))))
		require.InDelta(t, e.Change, e.Mix+e.Real, 1e-9, c.name)
		real := e.Rest
		for _, n := range e.Named {
			real += n.Real
		}
		require.InDelta(t, e.Real, real, 1e-12, c.name)
		require.Len(t, e.Splits, len(shopDimensions))
		for _, s := range e.Splits {
			require.InDelta(t, e.Change, s.Mix+s.Real, 1e-9, c.name)
			parts := 0.0
			for _, p := range s.Parts {
				parts += p.Mix + p.Real
			}
			require.InDelta(t, e.Change, parts, 1e-9, c.name)
		}
	}
}

func TestExplainingNextToNothing(t *testing.T) {
	require.Equal(t, 0, len(Explain(Population{}).Named))
	one := Windows{Now: Sums{Samples: 1, Weight: 1, Squares: 1}}
	e := Explain(Population{Dimensions: shopDimensions[:1], Combinations: []Combination{{[]uint16{1}, one}}})
	require.True(t, math.IsNaN(e.Change), "there was nothing before")
	one.Before = one.Now
	e = Explain(Population{Dimensions: shopDimensions[:1], Combinations: []Combination{{[]uint16{1}, one}},
		VisitorsNow: 1, VisitorsThen: 1})
	require.Zero(t, e.Change)
	require.Empty(t, e.Named)
}

func TestTheScoreHasTheSignOfThePercentilesChange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := func(name string) (samples []Sample) {
			for _, v := range rapid.SliceOfN(rapid.IntRange(0, 30), 1, 40).Draw(t, name) {
				samples = append(samples, Sample{float64(v), uint32(1 + v%3)})
			}
			return samples
		}
		now, before := values("now"), values("before")
		p := rapid.Float64Range(0.05, 0.95).Draw(t, "p")
		q1, q0 := Percentile(now, p), Percentile(before, p)
		mean := func(samples []Sample) float64 {
			var sum, weight float64
			for _, s := range samples {
				weight += float64(s.Weight)
				sum += float64(s.Weight) * Score(s.Value, min(q0, q1), max(q0, q1))
			}
			return sum / weight
		}
		if change := mean(now) - mean(before); q1 != q0 {
			require.Positive(t, change*(q1-q0))
		}
	})
}

// measureImpact prints its table of docs/statistics.md.
func measureImpact() {
	fmt.Println("| what happened | right segment first | another named | traffic seen to move | mix off by |")
	fmt.Println("|---|---|---|---|---|")
	for _, c := range impactCases {
		o := c.happy.outcome(300, c.named)
		right := "none to name"
		if c.named != "" {
			right = fmt.Sprintf("%.1f (%s)", o.right, c.named)
		}
		fmt.Printf("| %s | %s | %.1f | %.1f | %.1f |\n", c.name, right, o.wrong, o.moved, o.off)
	}
	fmt.Println()
}
