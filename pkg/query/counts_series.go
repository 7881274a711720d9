package query

import (
	"context"
	"fmt"
	"slices"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/sightline-rum/sightline/pkg/rum"
)

// countsSeries is the weighted count of the type's rows over time, a frame a segment, with a real 0 where nothing
// happened. Without groups there is always one series: no errors are 0 errors. The name is what is counted.
func (q *question) countsSeries(ctx context.Context, conn driver.Conn, name string) (data.Frames, error) {
	times := q.window.grid(q.step)
	lines := lines[float64]{}
	if len(q.groups) == 0 {
		lines.of(nil, len(times))
	}
	err := q.countsSteps(ctx, conn, len(times), func(key []string, step int64, weight uint64) {
		l := lines.of(key, len(times))
		l.total += weight
		if i, ok := slices.BinarySearch(times, step); ok {
			l.values[i] = float64(weight) / rum.FullWeight
		}
	})
	if err != nil {
		return nil, err
	}
	top, cut := lines.ranked(q.limit())
	if len(top) == 0 {
		return data.Frames{series(nil, column("count", name, unitShort, []float64{}))}, nil
	}
	frames := make(data.Frames, 0, len(top))
	for _, l := range top {
		frames = append(frames, q.segmentSeries(times, l.key, column("count", name, unitShort, l.values)))
	}
	if cut {
		frames[0].AppendNotices(q.cutNotice("series"))
	}
	return frames, nil
}

// countsSteps reads the weight of every step of every segment.
func (q *question) countsSteps(
	ctx context.Context, conn driver.Conn, points int, scan func(key []string, step int64, weight uint64),
) error {
	p, err := q.planned(ctx, conn, q.window)
	if err != nil {
		return err
	}
	var s statement
	if p.rolls() {
		c := cellSteps{samples: "sum(n)", measure: "sum(weight)"}
		return c.steps(ctx, conn, q, &s, "sum(weight)",
			func(key []string, step int64, _, weight uint64, _ float64) { scan(key, step, weight) })
	}
	from := string(q.kind.table)
	sql := fmt.Sprintf(`SELECT %[1]s%[2]s AS step, sum(weight) AS total
FROM %[7]s
WHERE %[3]s%[4]s
%[5]s
LIMIT %[6]s`,
		q.selectGroups(), q.stepExpr(&s), q.where(&s, q.window), q.amongTop(&s, from, "sum(weight)", q.where),
		q.groupBy("step"), s.bind("limit", "UInt64", (q.limit()+1)*points), from)
	return q.rows(ctx, conn, &s, sql, func(rows driver.Rows) error {
		var step int64
		var weight uint64
		key, err := q.scanned(rows, &step, &weight)
		if err == nil {
			scan(key, step, weight)
		}
		return err
	})
}
