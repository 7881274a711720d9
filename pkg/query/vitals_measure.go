package query

import (
	"slices"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/sightline-rum/sightline/pkg/rum"
)

// vitalMeasure is what a series or a number of a Web Vital is of. A query names its vital as its metric and, unless it
// means the percentile, its measure. An alert on a percentile goes off late when few visitors are hit hard: the share of
// poor views, which counts them, does not.
type vitalMeasure struct {
	key, name string
	rating    string // of the views that are counted; "" is the percentile
	of        func(segment) float64
}

// vitalMeasures in the order they are listed; the first is the default.
var vitalMeasures = []vitalMeasure{
	{key: measurePercentile, of: func(g segment) float64 { return g.value }},
	{key: "good", name: "good share", rating: rum.RatingGood,
		of: func(g segment) float64 { return g.good / float64(g.weight) }},
	{key: "needsImprovement", name: "share that needs improvement", rating: rum.RatingNeedsImprovement,
		of: func(g segment) float64 { return g.needsImprovement / float64(g.weight) }},
	{key: measurePoor, name: "poor share", rating: rum.RatingPoor,
		of: func(g segment) float64 { return g.poor / float64(g.weight) }},
}

func vitalMeasureKeys() []string {
	var keys []string
	for _, m := range vitalMeasures {
		keys = append(keys, m.key)
	}
	return keys
}

func (q *question) vitalMeasure() vitalMeasure {
	return vitalMeasures[slices.IndexFunc(vitalMeasures, func(m vitalMeasure) bool { return m.key == q.Measure })]
}

// expr is the measure of a step of a series, in SQL.
func (m vitalMeasure) expr(q *question, s *statement) string {
	if m.rating == "" {
		return "quantileExactWeighted(" + s.bind("level", "Float64", q.level()) + ")(value, weight)"
	}
	return "sumIf(toUInt64(weight), rating = " + s.bind("rating", "String", m.rating) + ") / sum(toUInt64(weight))"
}

// measureColumn is the value field of series and numbers; values are []float64 or []*float64.
func (q *question) measureColumn(values any) *data.Field {
	m := q.vitalMeasure()
	if m.rating == "" {
		return q.valueColumn(values)
	}
	name := q.metric.Name + " " + m.name
	if v, ok := values.([]float64); ok {
		return column(m.key, name, unitShare, v)
	}
	return column(m.key, name, unitShare, values.([]*float64))
}
