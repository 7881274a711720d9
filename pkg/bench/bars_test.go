package bench

import (
	"bytes"
	"image"
	"image/color"
	_ "image/png"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestBarsAreAsLongAsTheirMedians(t *testing.T) {
	table := Table{What: "small", Columns: []Column{{Name: "beacons"}}}
	for _, median := range []float64{100, 50} {
		table.Add(map[float64]string{100: "first", 50: "second"}[median], median-5)
		table.Add(map[float64]string{100: "first", 50: "second"}[median], median)
		table.Add(map[float64]string{100: "first", 50: "second"}[median], median+5)
	}
	path := filepath.Join(t.TempDir(), "bars.png")
	require.NoError(t, Bars{Title: "Bars"}.Write(path, []Table{table}))
	lengths := rowsOf(t, path, palette[0])
	require.Len(t, lengths, 3) // the key to the colours, and two bars
	require.InDelta(t, 2, float64(lengths[1])/float64(lengths[2]), 0.1, "%v", lengths)
}

func TestBarsOfNothingAreRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bars.png")
	require.ErrorContains(t, Bars{}.Write(path, nil), "nothing was measured")
	require.NoFileExists(t, path)
}

// rowsOf are the widths, in pixels, of the boxes of one colour, from the top.
func rowsOf(t *testing.T, path string, of color.Color) (widths []int) {
	drawn, err := os.ReadFile(path)
	require.NoError(t, err)
	picture, _, err := image.Decode(bytes.NewReader(drawn))
	require.NoError(t, err)
	bounds, before := picture.Bounds(), 0
	r, g, b, _ := of.RGBA()
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		width := 0
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			if pr, pg, pb, _ := picture.At(x, y).RGBA(); pr == r && pg == g && pb == b {
				width++
			}
		}
		if width > 0 && before == 0 {
			widths = append(widths, width)
		} else if width > 0 {
			widths[len(widths)-1] = max(width, widths[len(widths)-1])
		}
		before = width
	}
	return widths
}
