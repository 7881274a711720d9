package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// soaked is a soak of 40 samples in which nothing moves, but for one measure.
func soaked(moving string, value func(sample int) float64) map[string][]float64 {
	columns := map[string][]float64{}
	for _, m := range measures {
		for n := range 40 {
			v := 100.0
			if m.name == moving {
				v = value(n)
			}
			columns[m.name] = append(columns[m.name], v)
		}
	}
	return columns
}

func TestWhatGrowsWithoutEndIsNamed(t *testing.T) {
	leak := func(n int) float64 { return float64(100 + 4*n) }
	require.ErrorContains(t, judge(soaked("sidecar_memory_mib", leak)), "sidecar_memory_mib grew from 200 to 240")
	require.ErrorContains(t, judge(soaked("plugin_goroutines", leak)), "plugin_goroutines grew")
	require.NoError(t, judge(soaked("rows", leak)), "rows grow by their nature")
}

func TestWhatSettlesOrSwingsHasNotGrown(t *testing.T) {
	require.NoError(t, judge(soaked("sidecar_memory_mib", func(n int) float64 { return float64(100 + 40*min(n, 15)) })),
		"caches fill in the beginning")
	require.NoError(t, judge(soaked("sidecar_memory_mib", func(n int) float64 { return float64(100 + n%5*60) })),
		"a garbage collector's saw")
	require.NoError(t, judge(soaked("parts", func(n int) float64 { return float64(300 - n) })))
}

func TestTooFewSamplesAreNoVerdict(t *testing.T) {
	path := filepath.Join(t.TempDir(), "samples.csv")
	require.NoError(t, os.WriteFile(path, []byte("seconds,parts\n10,5\n20,6\n"), 0o600))
	columns, err := readSamples(path)
	require.NoError(t, err)
	require.Equal(t, []float64{5, 6}, columns["parts"])
	require.ErrorContains(t, judge(columns), "too few")
}
