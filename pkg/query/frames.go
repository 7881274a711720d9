package query

import (
	"fmt"
	"math"
	"slices"

	"github.com/grafana/grafana-plugin-sdk-go/data"
)

// The alerting engine is strict about frames: it takes a type only with a version, and only one value field.
var frameVersion = data.FrameTypeVersion{0, 1}

// newFrame is a typed frame without rows, which is also what "nothing found" looks like.
func newFrame(kind data.FrameType, fields ...*data.Field) *data.Frame {
	frame := data.NewFrame("", fields...)
	frame.Meta = &data.FrameMeta{Type: kind, TypeVersion: frameVersion}
	switch kind {
	case data.FrameTypeTimeSeriesMulti:
		frame.Meta.PreferredVisualization = data.VisTypeGraph
	default:
		frame.Meta.PreferredVisualization = data.VisTypeTable
	}
	return frame
}

// column is a field of a table: its name in the answer (a stable API), its name for people, and its unit.
func column[T any](name, people, unit string, values []T) *data.Field {
	if values == nil {
		values = []T{}
	}
	field := data.NewField(name, nil, values)
	field.Config = &data.FieldConfig{DisplayNameFromDS: people, Unit: unit}
	return field
}

// sentences is a column of texts to be read: as narrow as its share of a table it would show their first words.
func sentences(name, people string, texts []string) *data.Field {
	field := column(name, people, unitNone, texts)
	field.Config.Custom = map[string]any{"width": 480} // pixels; a panel's own width goes before
	return field
}

// Grafana's units.
const (
	unitMilliseconds = "ms"
	unitShare        = "percentunit"
	unitShort        = "short"
	unitRate         = "reqps"
	unitBytes        = "decbytes"
	unitTime         = "dateTimeAsIso"
	unitNone         = ""
)

func (q *question) groupsBy(key string) bool {
	return slices.ContainsFunc(q.groups, func(d dimension) bool { return d.key == key })
}

// groupColumns are the question's dimensions as string fields, one row for every key.
func (q *question) groupColumns(keys [][]string) []*data.Field {
	fields := make([]*data.Field, 0, len(q.groups))
	for i, d := range q.groups {
		values := make([]string, 0, len(keys))
		for _, key := range keys {
			values = append(values, key[i])
		}
		fields = append(fields, column(d.key, d.name, unitNone, values))
	}
	return fields
}

// thresholds of a Web Vital as Grafana colours them; a custom timing has none.
func (m metric) thresholds() *data.ThresholdsConfig {
	if !m.rated {
		return nil
	}
	return &data.ThresholdsConfig{Mode: data.ThresholdsModeAbsolute, Steps: []data.Threshold{
		data.NewThreshold(math.Inf(-1), "green", ""),
		data.NewThreshold(m.Good, "orange", ""),
		data.NewThreshold(m.Poor, "red", ""),
	}}
}

// cutNotice says that there were more rows than the answer has.
func (q *question) cutNotice(what string) data.Notice {
	return data.Notice{Severity: data.NoticeSeverityWarning, Text: fmt.Sprintf(
		"Only the first %d %s are shown. Raise the query's limit (the data source allows up to %d) or add a filter.",
		q.limit(), what, q.limits.MaxRows)}
}

func info(format string, args ...any) data.Notice {
	return data.Notice{Severity: data.NoticeSeverityInfo, Text: fmt.Sprintf(format, args...)}
}

// pointer to a number worth showing; nil otherwise.
func pointerIf(ok bool, value float64) *float64 {
	if !ok || math.IsNaN(value) || math.IsInf(value, 0) {
		return nil
	}
	return &value
}

// steady is a number to six decimals. What the store's threads add up in whatever order comes out alike each time only
// to so many, and nobody reads more of an estimate.
func steady(value float64) *float64 { return steadyIf(true, value) }

func steadyIf(ok bool, value float64) *float64 {
	return pointerIf(ok, math.Round(value*1e6)/1e6+0) // +0: nothing is −0
}
