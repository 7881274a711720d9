package rum

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

var anyMetric = rapid.SampledFrom([]string{"lcp", "inp", "cls", "fcp", "ttfb", "hero_image_shown"})

func TestBucketsKeepRatingsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := rapid.SampledFrom(Metrics).Draw(t, "metric")
		near := rapid.SampledFrom([]float64{m.Good, m.Poor}).Draw(t, "near")
		v := near * (1 + rapid.Float64Range(-1e-6, 1e-6).Draw(t, "off"))
		if rapid.Bool().Draw(t, "exactly") {
			v = near
		}
		good, middle := RatingEdges(m.Key)
		b := Bucket(m.Key, v)
		want := RatingPoor
		if b <= good {
			want = RatingGood
		} else if b <= middle {
			want = RatingNeedsImprovement
		}
		require.Equal(t, m.Rating(v), want)
	})
}

func TestBucketHoldsItsValueWithinTwoPercent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		metric := anyMetric.Draw(t, "metric")
		v := math.Exp(rapid.Float64Range(math.Log(1e-3), math.Log(1e7)).Draw(t, "log"))
		low, high := BucketBounds(metric, Bucket(metric, v))
		require.LessOrEqual(t, low*(1-1e-7), v)
		require.GreaterOrEqual(t, high*(1+1e-7), v)
		require.LessOrEqual(t, high/low, step*(1+1e-9))
	})
}

func TestBucketIsMonotonic(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		metric := anyMetric.Draw(t, "metric")
		a := rapid.Float64Range(0, 1e12).Draw(t, "a")
		b := rapid.Float64Range(a, 1e12).Draw(t, "b")
		require.LessOrEqual(t, Bucket(metric, a), Bucket(metric, b))
	})
}

func TestBucketClampsBothEnds(t *testing.T) {
	for _, metric := range []string{"lcp", "cls", "custom"} {
		require.Equal(t, int16(0), Bucket(metric, 0))
		require.Equal(t, int16(1), Bucket(metric, 1e-300))
		require.Equal(t, int16(1), Bucket(metric, math.SmallestNonzeroFloat64))
		require.Equal(t, int16(lastBucket), Bucket(metric, math.MaxFloat64))
	}
	require.False(t, Valid(-1))
	require.False(t, Valid(math.NaN()))
	require.False(t, Valid(math.Inf(1)))
}
