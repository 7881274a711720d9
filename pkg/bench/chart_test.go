package bench

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAChartHasItsWords(t *testing.T) {
	path := filepath.Join(t.TempDir(), "growth.svg")
	chart := Chart{Title: "Growth", X: "events, millions", Y: "ms", LogX: true, Lines: []Line{
		{Name: "rows", X: []float64{1, 10, 50}, Y: []float64{1, 2, 3}, Dashed: true},
		{Name: "roll-ups", X: []float64{1, 10, 50}, Y: []float64{1, 1, 1}},
	}}
	require.NoError(t, chart.Write(path))
	drawn, err := os.ReadFile(path)
	require.NoError(t, err)
	for _, words := range []string{"<svg", "Growth", "events, millions", "rows", "roll-ups"} {
		require.Contains(t, string(drawn), words)
	}
}

func TestAChartOfNothingIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "nothing.svg")
	require.ErrorContains(t, Chart{}.Write(path), "no points")
	require.ErrorContains(t, Chart{Lines: []Line{{Name: "a", X: []float64{1}}}}.Write(path), "1 x and 0 y")
	require.NoFileExists(t, path)
}
