package frametext

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSpark(t *testing.T) {
	gap := math.NaN()
	for name, c := range map[string]struct {
		values  []float64
		columns int
		want    string
	}{
		"a rise shows every step":                     {[]float64{0, 1, 2, 3, 4, 5, 6, 7}, 0, "▁▂▃▄▅▆▇█"},
		"a missing value is a gap":                    {[]float64{1, gap, 2}, 0, "▁ █"},
		"a line that never changes is level":          {[]float64{250, 250, 250}, 0, "▄▄▄"},
		"zeroes lie on the floor":                     {[]float64{0, 0, 0}, 0, "▁▁▁"},
		"too many values are averaged":                {[]float64{0, 2, 10, 12, 20, 22}, 3, "▁▅█"},
		"averaging leaves out what is missing":        {[]float64{1, gap, 9, 9}, 2, "▁█"},
		"a column with nothing in it stays a gap":     {[]float64{1, 1, gap, gap, 9, 9}, 3, "▁ █"},
		"more columns than values changes nothing":    {[]float64{1, 9}, 48, "▁█"},
		"nothing at all is an empty line":             {nil, 10, ""},
		"only missing values are a line of nothing":   {[]float64{gap, gap}, 0, "  "},
		"values below zero are drawn from the lowest": {[]float64{-5, 0, 5}, 0, "▁▅█"},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.want, Spark(c.values, c.columns))
		})
	}
}
