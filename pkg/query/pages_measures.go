package query

import (
	"fmt"
	"strings"
)

// pageMeasure is something a browser tells of each page load: a phase of it, all of it, or the size of the document.
type pageMeasure struct {
	key, expr, name, unit string
	phase                 bool
}

// pageMeasures in the order in which they happen, within the load as a whole. How each phase is delimited is W3C
// Navigation Timing's matter (https://www.w3.org/TR/navigation-timing-2/#processing-model): TCP leaves out TLS, DOM is
// parsing and processing up to DOM complete, load is the load event's handlers.
var pageMeasures = []pageMeasure{
	{key: "duration", expr: "duration", name: "Load time", unit: unitMilliseconds},
	{key: "redirect", expr: "redirect", name: "Redirect", unit: unitMilliseconds, phase: true},
	{key: "dns", expr: "dns", name: "DNS", unit: unitMilliseconds, phase: true},
	{key: "tcp", expr: "tcp", name: "TCP", unit: unitMilliseconds, phase: true},
	{key: "tls", expr: "tls", name: "TLS", unit: unitMilliseconds, phase: true},
	{key: "request", expr: "request", name: "Request", unit: unitMilliseconds, phase: true},
	{key: "response", expr: "response", name: "Response", unit: unitMilliseconds, phase: true},
	{key: "dom", expr: "dom", name: "DOM", unit: unitMilliseconds, phase: true},
	{key: "load", expr: "load", name: "Load", unit: unitMilliseconds, phase: true},
	{key: "transferSize", expr: "transfer_size", name: "Document size", unit: unitBytes},
}

// allPhases is the metric that means every phase at once.
const allPhases = "phases"

func pageMeasureKeys() []string {
	keys := []string{allPhases}
	for _, m := range pageMeasures {
		keys = append(keys, m.key)
	}
	return keys
}

// pageMeasures are those the question's metric means.
func (q *question) pageMeasures() []pageMeasure {
	var asked []pageMeasure
	for _, m := range pageMeasures {
		if m.key == q.Metric || m.phase && q.Metric == allPhases {
			asked = append(asked, m)
		}
	}
	return asked
}

// percentilesOf is an array of the measures' percentiles. Whole milliseconds, of which most phases have few and many 0,
// are found faster by counting each value than by sorting; their memory grows with the values and not with the rows.
func (q *question) percentilesOf(s *statement, measures []pageMeasure) string {
	level := s.bind("level", "Float64", q.level())
	var percentiles []string
	for _, m := range measures {
		percentiles = append(percentiles, fmt.Sprintf("quantileExactWeighted(%s)(toFloat64(%s), weight)", level, m.expr))
	}
	return "[" + strings.Join(percentiles, ",\n  ") + "]"
}
