package query

import (
	"context"
	"slices"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/grafana/grafana-plugin-sdk-go/data"
)

// telemetry answers how the pipeline itself is: what came in, what was turned away and why, what waits, what it costs.
// Series and numbers are of one counter (telemetry_counters.go); the table is one of several sections.
func askTelemetry(ctx context.Context, conn driver.Conn, q *question) (data.Frames, error) {
	if err := q.telemetryDimensions(); err != nil {
		return nil, err
	}
	switch {
	case q.Format == formatSeries:
		return q.counterSeries(ctx, conn)
	case q.Format == formatNumeric:
		return q.counterNumeric(ctx, conn)
	}
	switch q.Section {
	case sectionCardinality:
		return q.cardinality(ctx, conn)
	case sectionStorage:
		return q.storage(ctx, conn)
	case sectionTraces:
		return q.traceability(ctx, conn)
	case sectionRollups:
		return q.rollupsFresh(ctx, conn)
	}
	return q.pipeline(ctx, conn)
}

// Sections of the table of telemetry.
const (
	sectionPipeline    = "pipeline"    // facts about the time range, a row each
	sectionCardinality = "cardinality" // distinct names by dimension, with the budget and what overflowed
	sectionStorage     = "storage"     // bytes, rows and retention of each of the store's tables
	sectionTraces      = "traces"      // the share of page loads and requests with a trace to look at, by route
	sectionRollups     = "rollups"     // how far each roll-up has counted what there is
)

var telemetrySections = []string{sectionPipeline, sectionCardinality, sectionStorage, sectionTraces, sectionRollups}

// ofTelemetry are the dimensions of counters, and route, which section traces has in reason's place.
var ofTelemetry = []dimension{
	{key: "environment", name: "Environment", expr: "environment"},
	{key: "reason", name: "Reason", expr: "reason"},
	{key: "route", name: "Route", expr: "route"},
}

// telemetryDimensions refuses what the part that is asked for is not known by, as leaving it out would mislead.
func (q *question) telemetryDimensions() error {
	part, grouped, filtered := "the section "+q.Section, []string{}, []string{"environment"}
	switch {
	case q.Format != formatTable:
		part, grouped, filtered = "a counter", []string{"environment", "reason"}, []string{"environment", "reason"}
	case q.Section == sectionTraces:
		grouped, filtered = []string{"environment", "route"}, []string{"environment", "route"}
	case q.Section == sectionStorage, q.Section == sectionRollups:
		filtered = nil
	}
	for _, d := range q.groups {
		if !slices.Contains(grouped, d.key) {
			return badRequest("%s cannot be grouped by %s%s", part, d.key, orBy(grouped))
		}
	}
	for _, f := range q.filters {
		if !slices.Contains(filtered, f.key) {
			return badRequest("%s cannot be filtered on %s%s", part, f.key, orBy(filtered))
		}
	}
	return nil
}

func orBy(valid []string) string {
	if len(valid) == 0 {
		return ": leave it out"
	}
	return ", only by: " + strings.Join(valid, ", ")
}
