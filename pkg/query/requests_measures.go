package query

import (
	"slices"

	"github.com/grafana/grafana-plugin-sdk-go/data"
)

// requestMeasure is what a series or a number of requests is of; the query names it as its metric.
type requestMeasure struct {
	key, field, unit string
	name             string
	counts           bool // no requests are a real 0; of the others too few requests are no number
	of               func(calls, float64) float64
	samples, value   string // the same over time, in SQL
	cells            cellSteps
}

// requestMeasures in the order they are listed; the first is the default. What samples counts has to reach minSamples.
var requestMeasures = []requestMeasure{
	{key: "duration", field: "value", unit: unitMilliseconds, name: "Duration",
		of:      func(c calls, _ float64) float64 { return c.value },
		samples: "count()", value: "quantileExactWeighted(%s)(toFloat64(duration), weight)",
		cells: cellSteps{keys: []string{"bucket"}, samples: "sum(n)", measure: "quantileExactWeighted(%s)(bucket, weight)"}},
	{key: "errorRate", field: "errorRate", unit: unitShare, name: "Error rate",
		of:      func(c calls, _ float64) float64 { return c.errorRate() },
		samples: "count()", value: "sumIf(toUInt64(weight), " + failedCall + ") / sum(toUInt64(weight))",
		cells: cellSteps{sums: callSums[:1], samples: "sum(n)", measure: "sum(failed) / sum(weight)"}},
	{key: "rate", field: "rate", unit: unitRate, name: "Rate", counts: true,
		of:      func(c calls, seconds float64) float64 { return c.count() / seconds },
		samples: "count()", value: "toFloat64(sum(toUInt64(weight)))",
		cells: cellSteps{samples: "sum(n)", measure: "sum(weight)"}},
	{key: "count", field: "count", unit: unitShort, name: "Requests", counts: true,
		of:      func(c calls, _ float64) float64 { return c.count() },
		samples: "count()", value: "toFloat64(sum(toUInt64(weight)))",
		cells: cellSteps{samples: "sum(n)", measure: "sum(weight)"}},
	{key: "serverShare", field: "serverShare", unit: unitShare, name: "Server share",
		of:      func(c calls, _ float64) float64 { return c.serverShare() },
		samples: "countIf(server > 0)", value: "least(1, sumIf(toFloat64(weight) * server, server > 0) / " +
			"sumIf(toFloat64(weight) * duration, server > 0))",
		cells: cellSteps{sums: callSums[1:], samples: "sum(server_samples)",
			measure: "least(1, sum(server_time) / sum(server_duration))"}},
}

func requestMeasureKeys() []string {
	var keys []string
	for _, m := range requestMeasures {
		keys = append(keys, m.key)
	}
	return keys
}

func (q *question) requestMeasure() requestMeasure {
	i := slices.IndexFunc(requestMeasures, func(m requestMeasure) bool { return m.key == q.Metric })
	return requestMeasures[i]
}

// column is the measure's value field; values are []float64 or []*float64.
func (m requestMeasure) column(q *question, values any) *data.Field {
	name := m.name
	if m.field == "value" {
		name += " " + q.percentileName()
	}
	if v, ok := values.([]float64); ok {
		return column(m.field, name, m.unit, v)
	}
	return column(m.field, name, m.unit, values.([]*float64))
}

// requestsNumeric is one number a segment for alert rules. Without groups no requests are a rate of 0, which an alert
// on missing traffic waits for.
func (q *question) requestsNumeric(rows []calls) *data.Frame {
	m := q.requestMeasure()
	var keys [][]string
	var values []float64
	few := 0
	for _, c := range rows {
		samples := c.samples
		if m.key == "serverShare" {
			samples = c.serverSamples
		}
		if !m.counts && samples < q.enough {
			few++
			continue
		}
		keys, values = append(keys, c.key), append(values, m.of(c, q.window.length().Seconds()))
	}
	if m.counts && len(rows) == 0 && len(q.groups) == 0 {
		keys, values = [][]string{nil}, []float64{0}
	}
	frame := newFrame(data.FrameTypeNumericLong, append(q.groupColumns(keys), m.column(q, values))...)
	if few > 0 {
		frame.AppendNotices(info("%d of %d segments have fewer than %d samples (minSamples) and are left out.",
			few, len(rows), q.enough))
	}
	return frame
}
