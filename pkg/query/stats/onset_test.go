package stats

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestTheOnsetOfAKnownBurst(t *testing.T) {
	expected := []float64{2, 2, 2, 2, 2, 2, 2, 2}
	onset, found := FindOnset([]float64{1, 3, 2, 3, 11, 9, 12, 2}, expected, 1, 8)
	require.True(t, found)
	require.Equal(t, Onset{Start: 4, End: 6, Excess: 26}, onset)

	// Yesterday's burst is not today's: only one that reaches the window counts.
	onset, found = FindOnset([]float64{1, 90, 2, 1, 1, 2, 12, 9}, expected, 1, 2)
	require.True(t, found)
	require.Equal(t, Onset{Start: 6, End: 7, Excess: 17}, onset)

	_, found = FindOnset([]float64{2, 1, 2, 0, 1, 2, 2, 1}, expected, 1, 8)
	require.False(t, found)
	_, found = FindOnset(nil, nil, 1, 1)
	require.False(t, found)

	// Nothing was expected at all.
	onset, found = FindOnset([]float64{0, 0, 3, 4}, make([]float64, 4), 1, 1)
	require.True(t, found)
	require.Equal(t, Onset{Start: 2, End: 3, Excess: 7}, onset)
}

func TestABurstIsWithinTheSeriesAndExceedsItsExpectation(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		counts := rapid.SliceOfN(rapid.Float64Range(0, 1000), 1, 60).Draw(t, "counts")
		expected := rapid.SliceOfN(rapid.Float64Range(0, 50), len(counts), len(counts)).Draw(t, "expected")
		phi := rapid.Float64Range(1, 20).Draw(t, "φ")
		window := rapid.IntRange(1, len(counts)).Draw(t, "window")
		onset, found := FindOnset(counts, expected, phi, window)
		if !found {
			if last := len(counts) - 1; window == 1 && counts[last] > 2*expected[last] {
				t.Fatalf("%v is more than twice the expected %v, but no burst was found", counts[last], expected[last])
			}
			return
		}
		if onset.Start < 0 || onset.Start > onset.End || onset.End < len(counts)-window || onset.End >= len(counts) {
			t.Fatalf("%+v of %d buckets, window %d", onset, len(counts), window)
		}
		if onset.Excess <= 0 {
			t.Fatalf("%+v is no burst", onset)
		}
		if counts[onset.Start] <= expected[onset.Start] || counts[onset.End] <= expected[onset.End] {
			t.Fatalf("%+v starts or ends with a bucket below its expectation", onset)
		}
	})
}

// onsets draws bursts that began up to an hour before the end of a day of 5 minutes, and returns the shares whose
// onset was found exactly and within one bucket.
func onsets(noise noise, mean, factor float64, series int) (exactly, withinOne float64) {
	random := rand.New(rand.NewPCG(1, 61))
	for range series {
		start := 288 - 1 - random.IntN(12)
		counts, expected := make([]float64, 288), make([]float64, 288)
		for i := range counts {
			expected[i] = mean
			rate := mean
			if i >= start {
				rate *= factor
			}
			counts[i] = noise.draw(rate, random)
		}
		onset, found := FindOnset(counts, expected, noise.dispersion(mean), 1)
		if found && onset.Start == start {
			exactly += 1 / float64(series)
		}
		if found && onset.Start >= start-1 && onset.Start <= start+1 {
			withinOne += 1 / float64(series)
		}
	}
	return exactly, withinOne
}

func TestTheOnsetIsFoundWithinOneBucket(t *testing.T) {
	_, withinOne := onsets(poisson, 5, 5, 2000)
	require.Greater(t, withinOne, 0.99)
	_, withinOne = onsets(clumped(2), 5, 5, 2000)
	require.Greater(t, withinOne, 0.98)
	_, withinOne = onsets(clumped(5), 50, 5, 2000)
	require.Greater(t, withinOne, 0.99)
}

func measureOnset() {
	fmt.Println("| noise | rate | burst | exact | within one bucket |\n|---|---|---|---|---|")
	for _, noise := range noises {
		for _, c := range [][2]float64{{1, 10}, {5, 3}, {5, 5}, {50, 2}, {50, 5}} {
			exactly, withinOne := onsets(noise, c[0], c[1], 20_000)
			fmt.Printf("| %s | %g | %g× | %.1f | %.1f |\n", noise.name, c[0], c[1], 100*exactly, 100*withinOne)
		}
	}
	fmt.Println()
}
