package frametext

import (
	"maps"
	"math"
	"slices"

	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/jedib0t/go-pretty/v6/text"
)

// A spark line this long shows a day in half-hour steps and still leaves room for the labels on 100 columns.
const (
	longestSpark  = 48
	shortestSpark = 12
)

// isSeries tells time series from tables: by what the plugin says the frame is, else by its fields.
func isSeries(frame *data.Frame) bool {
	if frame.Meta != nil && frame.Meta.Type != "" {
		return frame.Meta.Type.IsTimeSeries() && frame.Meta.Type != data.FrameTypeTimeSeriesLong
	}
	return frame.TimeSeriesSchema().Type == data.TimeSeriesTypeWide
}

// series prints one line a series: its labels, how it went, and its extremes.
func (p *printer) series(frames []*data.Frame) {
	var fields []*data.Field
	labels := map[string]bool{}
	// The plugin names a series after its labels. The name says more only where labels do not tell series apart.
	named, told := false, map[string]bool{}
	for _, frame := range frames {
		for _, field := range frame.Fields {
			if !field.Type().Numeric() || field.Len() == 0 {
				continue
			}
			fields = append(fields, field)
			named = named || told[field.Labels.String()]
			told[field.Labels.String()] = true
			for key := range field.Labels {
				labels[key] = true
			}
		}
	}
	if len(fields) == 0 {
		return
	}

	keys := slices.Sorted(maps.Keys(labels))
	var g grid
	named = named || len(keys) == 0
	if named {
		g.column("series", words)
	}
	for _, key := range keys {
		g.column(key, words)
	}
	trend := g.column("trend", fixed)
	g.column("lowest", numeric)
	g.column("highest", numeric)
	g.column("latest", numeric)

	for _, field := range fields {
		var row []string
		if named {
			row = append(row, name(field))
		}
		for _, key := range keys {
			row = append(row, Printable(field.Labels[key]))
		}
		low, high := extremes(field)
		row = append(row, "", p.number(field, low), p.number(field, high), p.latest(field))
		g.row(row...)
	}

	columns := longestSpark
	if p.Width > 0 {
		columns = max(shortestSpark, min(longestSpark, p.Width-g.width()+g.columnWidth(trend)))
	}
	for i, field := range fields {
		g.rows[i][trend] = Spark(numbers(field), columns)
	}
	p.print(g)
}

// latest is the last point of a series. Counts are never null: a null is a percentile that had too few samples.
func (p *printer) latest(field *data.Field) string {
	if _, ok := field.ConcreteAt(field.Len() - 1); !ok {
		return p.coloured(notEnough, text.FgHiBlack)
	}
	return p.value(field, field.Len()-1)
}

// numbers of a field in row order, NaN where there is none.
func numbers(field *data.Field) []float64 {
	values := make([]float64, field.Len())
	for i := range values {
		v, err := field.NullableFloatAt(i)
		if err != nil || v == nil {
			values[i] = math.NaN()
			continue
		}
		values[i] = *v
	}
	return values
}

func extremes(field *data.Field) (low, high float64) {
	low, high = math.NaN(), math.NaN()
	for _, v := range numbers(field) {
		if math.IsNaN(v) {
			continue
		}
		if math.IsNaN(low) || v < low {
			low = v
		}
		if math.IsNaN(high) || v > high {
			high = v
		}
	}
	return low, high
}

// name is what people call a field. That of a series is made of values.
func name(field *data.Field) string {
	switch {
	case field.Config != nil && field.Config.DisplayName != "":
		return Printable(field.Config.DisplayName)
	case field.Config != nil && field.Config.DisplayNameFromDS != "":
		return Printable(field.Config.DisplayNameFromDS)
	default:
		return Printable(field.Name)
	}
}
