package stats

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/stat/distuv"
	"pgregory.net/rapid"
)

func anySamples() *rapid.Generator[[]Sample] {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Sample {
		return Sample{
			Value:  float64(rapid.IntRange(0, 500).Draw(t, "value")),
			Weight: rapid.SampledFrom([]uint32{1000, 2000, 3333, 100_000}).Draw(t, "weight"),
		}
	}), 1, 60)
}

func TestPercentileOfKnownSamples(t *testing.T) {
	even := []Sample{{40, 1000}, {10, 1000}, {30, 1000}, {20, 1000}}
	require.Equal(t, 10.0, Percentile(even, 0.25))
	require.Equal(t, 30.0, Percentile(even, 0.75))
	require.Equal(t, 40.0, Percentile(even, 0.76))

	// One visit in ten was kept of the slow half: it counts ten times.
	require.Equal(t, 500.0, Percentile([]Sample{{100, 1000}, {500, 10_000}}, 0.5))
	require.True(t, math.IsNaN(Percentile(nil, 0.75)))
}

func TestAPercentileIsASampleWithTheRightShareOnEitherSide(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		samples := anySamples().Draw(t, "samples")
		p := rapid.Float64Range(0.01, 0.99).Draw(t, "p")
		got := Percentile(samples, p)

		var total, below, upTo float64
		found := false
		for _, s := range samples {
			total += float64(s.Weight)
			if s.Value < got {
				below += float64(s.Weight)
			}
			if s.Value <= got {
				upTo += float64(s.Weight)
			}
			found = found || s.Value == got
		}
		if !found || below >= math.Ceil(p*total) || upTo < p*total {
			t.Fatalf("%v of %v at %v: below %v, up to %v, total %v", got, samples, p, below, upTo, total)
		}
	})
}

func TestAWeightOfThreeEqualsThreeSamples(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		samples := anySamples().Draw(t, "samples")
		p := rapid.Float64Range(0.01, 0.99).Draw(t, "p")
		var weighted, repeated []Sample
		for i, s := range samples {
			n := 1 + i%3
			weighted = append(weighted, Sample{s.Value, uint32(n) * 1000})
			for range n {
				repeated = append(repeated, Sample{s.Value, 1000})
			}
		}
		if a, b := Percentile(weighted, p), Percentile(repeated, p); a != b {
			t.Fatalf("weighted %v, repeated %v", a, b)
		}
	})
}

func TestTheRankIntervalCoversTheQuantile(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := float64(rapid.IntRange(50, 5000).Draw(t, "n"))
		p := rapid.Float64Range(0.1, 0.9).Draw(t, "p")
		lower, upper := RankInterval(n, p)
		if lower > math.Ceil(n*p) || upper < math.Ceil(n*p) {
			t.Fatalf("the interval %v … %v leaves out rank %v", lower, upper, n*p)
		}
		// X(lower) ≤ q ≤ X(upper) exactly when lower ≤ K < upper of the samples lie below q.
		below := distuv.Binomial{N: n, P: p}
		if coverage := below.CDF(upper-1) - below.CDF(lower-1); coverage < 0.925 || coverage > 0.985 {
			t.Fatalf("n %v, p %v: coverage %v", n, p, coverage)
		}
	})
}

func TestTheRankErrorOfP75(t *testing.T) {
	for n, points := range map[float64]float64{100: 8.5, 200: 6, 1000: 2.7} {
		lower, upper := RankInterval(n, 0.75)
		require.InDelta(t, points, (upper-lower)/2/n*100, 0.6, "n = %v", n)
	}
	_, upper := RankInterval(50, 0.99)
	require.Greater(t, upper, 50.0, "fifty samples say nothing about how large the p99 may be")
}

func TestTheEffectiveSize(t *testing.T) {
	require.InDelta(t, 500, EffectiveSize(500*1000, 500*1e6), 1e-9)
	rapid.Check(t, func(t *rapid.T) {
		samples := anySamples().Draw(t, "samples")
		var sum, squares float64
		for _, s := range samples {
			sum += float64(s.Weight)
			squares += float64(s.Weight) * float64(s.Weight)
		}
		if n := EffectiveSize(sum, squares); n < 1-1e-9 || n > float64(len(samples))+1e-9 {
			t.Fatalf("%v samples count as %v", len(samples), n)
		}
	})
}

func TestWilson(t *testing.T) {
	// Newcombe, "Two-sided confidence intervals for the single proportion" (Statistics in Medicine 17, 1998), table I.
	for _, c := range []struct{ k, n, lower, upper float64 }{
		{81, 263, 0.2553, 0.3662}, {15, 148, 0.0624, 0.1605}, {0, 20, 0, 0.1611}, {1, 29, 0.0061, 0.1718},
	} {
		lower, upper := Wilson(c.k, c.n)
		require.InDelta(t, c.lower, lower, 5e-5)
		require.InDelta(t, c.upper, upper, 5e-5)
	}
	lower, _ := Wilson(0, 1440)
	require.Zero(t, lower, "none is none, and not what rounding leaves of it")
	_, upper := Wilson(1440, 1440)
	require.Equal(t, 1.0, upper)
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 10_000).Draw(t, "n")
		k := rapid.IntRange(0, n).Draw(t, "k")
		lower, upper := Wilson(float64(k), float64(n))
		share := float64(k) / float64(n)
		if lower < 0 || upper > 1 || lower > share+1e-12 || upper < share-1e-12 {
			t.Fatalf("%d of %d: %v … %v", k, n, lower, upper)
		}
	})
}
