package frametext

import (
	"math"
	"strings"
)

var sparkCells = []rune("▁▂▃▄▅▆▇█")

// Spark draws values as a line of blocks, lowest to highest, with a space where a value is missing (NaN). More values
// than columns are averaged. A line that never changes sits in the middle, or at the bottom when it is zero.
func Spark(values []float64, columns int) string {
	if columns > 0 && len(values) > columns {
		values = averaged(values, columns)
	}
	low, high := math.Inf(1), math.Inf(-1)
	for _, v := range values {
		if !math.IsNaN(v) {
			low, high = min(low, v), max(high, v)
		}
	}
	var line strings.Builder
	for _, v := range values {
		switch {
		case math.IsNaN(v):
			line.WriteByte(' ')
		case high > low:
			line.WriteRune(sparkCells[int(math.Round((v-low)/(high-low)*float64(len(sparkCells)-1)))])
		case v == 0:
			line.WriteRune(sparkCells[0])
		default:
			line.WriteRune(sparkCells[len(sparkCells)/2-1])
		}
	}
	return line.String()
}

// averaged shrinks values to so many columns. A column is missing only when all its values are.
func averaged(values []float64, columns int) []float64 {
	shrunk := make([]float64, columns)
	for c := range shrunk {
		sum, n := 0.0, 0
		for _, v := range values[c*len(values)/columns : (c+1)*len(values)/columns] {
			if !math.IsNaN(v) {
				sum, n = sum+v, n+1
			}
		}
		shrunk[c] = sum / float64(n) // 0/0 is NaN: missing
	}
	return shrunk
}
