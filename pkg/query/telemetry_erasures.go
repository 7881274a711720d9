package query

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// erasures are those asked for in the time range: how many, how many of them are not verified yet, and what was erased
// by table. One that names no app is of every app. On a cluster every shard has each of them.
func (q *question) erasures(ctx context.Context, conn driver.Conn) ([]telemetryFact, error) {
	var s statement
	during := window{q.window.from, q.window.to}
	sql := fmt.Sprintf(`SELECT count(), countIf(last_state != 'verified'), sumMap(erased), maxIf(verified, last_state = 'verified')
FROM (
  SELECT argMax(state, version) AS last_state, argMax(rows, version) AS erased, argMax(verified_at, version) AS verified
  FROM erasures
  WHERE app IN (%s, '')
    AND requested_at >= %s
    AND requested_at < %s
  GROUP BY id)`, s.bind("app", "String", q.App), s.moment("from", during.from), s.moment("to", during.to))
	var all, unfinished uint64
	var rows map[string]uint64
	var last time.Time
	err := q.rows(ctx, conn, &s, sql, func(r driver.Rows) error { return r.Scan(&all, &unfinished, &rows, &last) })
	if err != nil {
		return nil, err
	}
	explained := "visits and users erased on request"
	if all > unfinished {
		explained += ", last verified at " + last.UTC().Format(time.RFC3339)
	}
	number := func(n uint64) *float64 { return pointerIf(true, float64(n)) }
	facts := []telemetryFact{{name: "erasures", value: number(all), unit: "erasures", explained: explained}}
	if unfinished > 0 {
		facts = append(facts, telemetryFact{name: "erasures", reason: "not verified yet", value: number(unfinished),
			unit: "erasures", explained: "asked for and still running: the sidecar's log says what keeps them"})
	}
	for _, table := range slices.Sorted(maps.Keys(rows)) {
		facts = append(facts, telemetryFact{name: "erasedRows", reason: table, value: number(rows[table]), unit: "rows",
			explained: "rows erased with them, by table"})
	}
	return facts, nil
}
