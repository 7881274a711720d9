package stats

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/mathext"
	"gonum.org/v1/gonum/stat/distuv"
	"pgregory.net/rapid"
)

// evenly is a day of 5 minutes, three events in each.
func evenly() History {
	return History{Window: 5 * time.Minute, Recent: slices.Repeat([]float64{2, 4, 3}, 96)}
}

func anyHistory() *rapid.Generator[History] {
	return rapid.Custom(func(t *rapid.T) History {
		count := rapid.OneOf(
			rapid.Just(0.0),
			rapid.Map(rapid.IntRange(0, 9), func(n int) float64 { return float64(n) }),
			rapid.Float64Range(0, 1e6),
		)
		return History{
			Window:   time.Duration(rapid.SampledFrom([]int{0, 1, 5, 17, 60, 180, 1440}).Draw(t, "minutes")) * time.Minute,
			Recent:   rapid.SliceOfN(count, 0, 300).Draw(t, "recent"),
			Gap:      time.Duration(rapid.IntRange(0, 120).Draw(t, "gap")) * time.Minute,
			SameHour: rapid.SliceOfN(rapid.SliceOfN(count, 0, 12), 0, 7).Draw(t, "same hour"),
			Weight:   rapid.SampledFrom([]float64{0, 1, 10, 1000}).Draw(t, "weight"),
		}
	})
}

func TestEveryHistoryGivesASoundExpectation(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := anyHistory().Draw(t, "history")
		e := h.Expect()
		for name, v := range map[string]float64{"count": e.Count, "uncertainty": e.Uncertainty} {
			if !(v > 0) || math.IsInf(v, 1) {
				t.Fatalf("%s %v in %+v", name, v, e)
			}
		}
		if !(e.Dispersion >= 1) || math.IsInf(e.Dispersion, 1) {
			t.Fatalf("dispersion %v in %+v", e.Dispersion, e)
		}
		if sum(h.Recent) == 0 && sum(slices.Concat(h.SameHour...)) == 0 && e.Baseline != Sparse {
			t.Fatalf("nothing was seen, but the baseline is %s", e.Baseline)
		}
	})
}

func TestMoreEventsScoreHigher(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := anyHistory().Draw(t, "history").Expect()
		fewer := rapid.Float64Range(0, 1e7).Draw(t, "fewer")
		more := fewer + rapid.Float64Range(0, 1e7).Draw(t, "more")
		a, b := e.Test(fewer, 2), e.Test(more, 2)
		if math.IsNaN(a.Score) || a.Score < -maxScore || b.Score > maxScore || b.Score < a.Score-1e-6 {
			t.Fatalf("%v events score %v, %v events %v", fewer, a.Score, more, b.Score)
		}
		if a.Surging && !b.Surging {
			t.Fatalf("%v events are a burst, %v are not", fewer, more)
		}
	})
}

func TestABurstIsMoreThanExpectedFromSeveralSessions(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := anyHistory().Draw(t, "history")
		sessions := rapid.IntRange(0, 5).Draw(t, "sessions")
		burst := h.Expect().Test(rapid.Float64Range(0, 1e7).Draw(t, "observed"), sessions)
		weight := max(1, h.Weight)
		if burst.Surging && (burst.Ratio <= 1 || burst.Score <= 4.4 || burst.Observed/weight < 5 || sessions < 2) {
			t.Fatalf("%+v from %d sessions is no burst", burst, sessions)
		}
	})
}

func TestTheOrderOfTheDaysDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		hour := rapid.SliceOfN(rapid.Float64Range(1, 50), 12, 12)
		h := History{SameHour: rapid.SliceOfN(hour, 5, 7).Draw(t, "same hour")}
		before := h.Expect()
		h.SameHour = rapid.Permutation(h.SameHour).Draw(t, "shuffled")
		after := h.Expect()
		if before.Baseline != SameHour || math.Abs(after.Count/before.Count-1) > 1e-6 ||
			math.Abs(after.Dispersion/before.Dispersion-1) > 1e-6 {
			t.Fatalf("%+v, shuffled %+v", before, after)
		}
	})
}

func TestTheHourIsExpectedToRiseAsItDidBefore(t *testing.T) {
	rising := make([]float64, 12)
	for i := range rising {
		rising[i] = math.Round(100 * math.Exp(float64(i-6)/6))
	}
	e := History{SameHour: slices.Repeat([][]float64{rising}, 7)}.Expect()
	require.InEpsilon(t, 100, e.Count, 0.02, "the middle of the hour, not its mean of %.0f", sum(rising)/12)
	require.Less(t, e.Dispersion, 2.0, "a rise is no noise")
}

func TestASampleOfOneInTenJudgesLikeTheTenthItSaw(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := anyHistory().Draw(t, "history")
		h.Weight = 1
		observed := rapid.Float64Range(0, 1e5).Draw(t, "observed")
		plain := h.Expect().Test(observed, 2)
		h.Weight = 10
		h.Recent = times(h.Recent, 10)
		for i, counts := range h.SameHour {
			h.SameHour[i] = times(counts, 10)
		}
		weighted := h.Expect().Test(10*observed, 2)
		if math.Abs(plain.Score-weighted.Score) > 1e-3*(1+math.Abs(plain.Score)) ||
			math.Abs(weighted.Expected/plain.Expected-10) > 1e-6 {
			t.Fatalf("%+v, sampled %+v", plain, weighted)
		}
	})
}

func times(values []float64, factor float64) []float64 {
	scaled := slices.Clone(values)
	for i := range scaled {
		scaled[i] *= factor
	}
	return scaled
}

func TestTheBaselineIsTheBestThereIs(t *testing.T) {
	hour := slices.Repeat([]float64{9}, 12)
	counts := evenly().Recent
	minutes := func(n int, recent []float64, sameHour ...[]float64) History {
		return History{Window: time.Duration(n) * time.Minute, Recent: recent, SameHour: sameHour}
	}
	few := func(buckets int, events ...float64) []float64 {
		return append(make([]float64, buckets-len(events)), events...)
	}
	for name, c := range map[string]struct {
		history  History
		baseline Baseline
		expected float64
	}{
		"a day":                         {minutes(5, counts), Rhythm, 3},
		"half a day":                    {minutes(5, counts[:144]), Level, 3},
		"a day of three-hour windows":   {minutes(180, counts[:9]), Level, 3},
		"the same hour":                 {minutes(5, counts, slices.Repeat([][]float64{hour}, 7)...), SameHour, 9},
		"too few days of the same hour": {minutes(5, counts, hour), Rhythm, 3},
		"too few events in that hour":   {minutes(5, counts, append(slices.Repeat([][]float64{few(12)}, 6), few(12, 9))...), Rhythm, 3},
		"nothing in a day":              {minutes(5, few(288)), Sparse, 3.0 / 288},
		"two events in a day":           {minutes(5, few(288, 1, 1)), Sparse, 3.0 / 288},
		"no history":                    {History{}, Sparse, 3},
		"counts that cannot be":         {minutes(5, []float64{math.NaN(), -4, math.Inf(1), 0}), Sparse, 0.75},
		"nothing in a day, one in ten":  {History{Recent: few(288), Weight: 10}, Sparse, 30.0 / 288},
	} {
		e := c.history.Expect()
		require.Equal(t, c.baseline, e.Baseline, name)
		require.InEpsilon(t, c.expected, e.Count, 0.02, name)
	}
}

func TestTheExpectationFollowsTheDay(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 5))
	for hour := range 24 {
		rate := func(before float64) float64 { return 300 - 200*math.Cos(2*math.Pi*(float64(hour)-before)/24) }
		for _, gap := range []time.Duration{0, time.Hour} {
			h := History{Window: 5 * time.Minute, Gap: gap}
			for i := range 288 {
				before := float64(288-i)/12 + gap.Hours()
				h.Recent = append(h.Recent, poisson.draw(rate(before), random))
			}
			e := h.Expect()
			require.Equal(t, Rhythm, e.Baseline)
			require.InEpsilon(t, rate(0), e.Count, 0.1, "at %d h, gap %v", hour, gap)
			require.Less(t, e.Dispersion, 1.5, "the rhythm is not noise")
		}
	}
}

func TestThePeakHourSwaysMoreThanTheDay(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 7))
	noise, fitted, events := swaying(5), make([]float64, 2880), make([]float64, 2880)
	for i := range events {
		fitted[i] = 50 * shapes[1].at(float64(i)/12)
		events[i] = noise.draw(fitted[i], random)
	}
	require.InEpsilon(t, 1+90.0/5, dispersion(events, fitted, 9, 90), 0.15, "at the peak the rate itself sways")
	require.Greater(t, dispersion(events, fitted, 9, 10), 10.0, "at night the noise may be that of the day")
}

func TestTheScoreIsTheTailOfTheNegativeBinomial(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		mean := rapid.Float64Range(0.01, 30).Draw(t, "mean")
		phi := 1 + rapid.Float64Range(0.01, 20).Draw(t, "φ−1")
		x := rapid.IntRange(1, 40).Draw(t, "x")
		size := mean / (phi - 1)
		var below float64
		for k := range x {
			a, _ := math.Lgamma(size + float64(k))
			b, _ := math.Lgamma(size)
			c, _ := math.Lgamma(float64(k) + 1)
			below += math.Exp(a - b - c - size*math.Log(phi) + float64(k)*math.Log(1-1/phi))
		}
		if below > 1-1e-6 {
			return // the sum has lost its digits
		}
		if got := tailScore(float64(x), mean, phi); math.Abs(got-mathext.NormalQuantile(below)) > 1e-4 {
			t.Fatalf("%v, by its sum %v", got, mathext.NormalQuantile(below))
		}
	})
	for _, mean := range []float64{0.5, 5, 500, 1e5} { // towards Poisson without a step
		x := mean + 3*math.Sqrt(mean)
		want := -mathext.NormalQuantile(1 - distuv.Poisson{Lambda: mean}.CDF(math.Ceil(x)-1))
		for _, phi := range []float64{1, 1 + 1e-12, 1 + 1e-7} {
			require.InDelta(t, want, tailScore(math.Ceil(x), mean, phi), 1e-3, "mean %v, φ %v", mean, phi)
		}
	}
}

func TestTheScoreIsAnscombesForLargeCounts(t *testing.T) {
	for _, c := range []struct{ mean, phi, d, x float64 }{
		{1e4, 1, 1.0 / 288, 1.03e4}, {1e5, 3, 1.0 / 24, 1.02e5}, {1e6, 2, 0.5, 1.004e6},
	} {
		e := Expectation{Count: c.mean, Uncertainty: c.d, Dispersion: c.phi}
		z := 2 * (math.Sqrt(c.x+0.375) - math.Sqrt(c.mean+0.375*c.d)) / math.Sqrt(1+c.d) / math.Sqrt(c.phi)
		require.InDelta(t, z, e.Test(c.x, 2).Score, 0.03)
	}
}

func TestTheLeastThatMakesABurst(t *testing.T) {
	e := evenly().Expect()
	require.Equal(t, 15.0, smallestBurst(e))
	require.True(t, e.Test(40, 2).Surging)
	require.False(t, e.Test(40, 1).Surging, "one visitor's broken page")
	require.Zero(t, e.Test(math.NaN(), 2).Observed)

	quiet := History{Window: 5 * time.Minute, Recent: make([]float64, 288)}.Expect()
	require.False(t, quiet.Test(5, 5).Surging)
	require.True(t, quiet.Test(20, 5).Surging)
	require.False(t, History{}.Expect().Test(10, 5).Surging, "without a history only many stand out")
}

func TestWhyAGroupStandsOut(t *testing.T) {
	now := time.Date(2026, 3, 14, 15, 0, 0, 0, time.UTC)
	surging, calm := Burst{Surging: true}, Burst{}
	for name, c := range map[string]struct {
		sightings Sightings
		burst     Burst
		kind      Kind
	}{
		"first seen in the window":     {Sightings{now, now, time.Time{}, 12, 2}, calm, New},
		"rarely before, perhaps":       {Sightings{now, now, time.Time{}, 6, 2}, calm, Usual},
		"first seen by one visitor":    {Sightings{now, now, time.Time{}, 12, 1}, surging, Usual},
		"as new as the app itself":     {Sightings{now, now, time.Time{}, 0, 9}, surging, Usual},
		"new and many":                 {Sightings{now, now.Add(time.Minute), time.Time{}, 3, 9}, surging, New},
		"back after a week":            {Sightings{now, now.Add(-30 * day), now.Add(-7 * day), 2016, 2}, calm, Regressed},
		"back after more than is kept": {Sightings{now, now.Add(-90 * day), time.Time{}, 2016, 2}, calm, Regressed},
		"back after a weekend":         {Sightings{now, now.Add(-30 * day), now.Add(-3 * day), 3, 2}, calm, Usual},
		"more than usual":              {Sightings{now, now.Add(-30 * day), now.Add(-time.Minute), 3, 2}, surging, Surging},
		"no more than usual":           {Sightings{now, now.Add(-30 * day), now.Add(-time.Minute), 3, 50}, calm, Usual},
	} {
		require.Equal(t, c.kind, c.sightings.Kind(c.burst), name)
	}
}

func BenchmarkExpect(b *testing.B) {
	h := fiveMinutes(shapes[1], poisson, 5).history(rand.New(rand.NewPCG(1, 1)))
	b.Run("rhythm", func(b *testing.B) {
		for b.Loop() {
			recentOnly(h)
		}
	})
	b.Run("same hour", func(b *testing.B) {
		for b.Loop() {
			sameHour(h)
		}
	})
}
