package query

import (
	"context"
	"fmt"
	"slices"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/sightline-rum/sightline/pkg/rum"
)

// requestsSeries is a measure over time, a frame a segment. The rate of the first and the last step is that of their
// part inside the window.
func (q *question) requestsSeries(ctx context.Context, conn driver.Conn) (data.Frames, error) {
	m, times := q.requestMeasure(), q.window.grid(q.step)
	lines := lines[*float64]{}
	begin := func(key []string) *line[*float64] {
		l := lines.of(key, len(times))
		for i := range l.values {
			if m.counts && l.total == 0 {
				l.values[i] = new(float64)
			}
		}
		return l
	}
	if m.counts && len(q.groups) == 0 {
		begin(nil)
	}
	few, steps := 0, 0
	err := q.requestsSteps(ctx, conn, m, len(times), func(key []string, step int64, samples, total uint64, value float64) {
		l := begin(key)
		l.total += total
		steps++
		i, ok := slices.BinarySearch(times, step)
		switch {
		case !m.counts && samples < q.enough:
			few++
		case ok && m.key == "rate":
			value /= rum.FullWeight * q.window.secondsOf(times[i], q.step)
			l.values[i] = &value
		case ok && m.key == "count":
			value /= rum.FullWeight
			l.values[i] = &value
		case ok:
			l.values[i] = pointerIf(true, value)
		}
	})
	if err != nil {
		return nil, err
	}
	top, cut := lines.ranked(q.limit())
	if len(top) == 0 {
		return data.Frames{series(nil, m.column(q, []*float64{}))}, nil
	}
	frames := make(data.Frames, 0, len(top))
	for _, l := range top {
		frames = append(frames, q.segmentSeries(times, l.key, m.column(q, l.values)))
	}
	if cut {
		frames[0].AppendNotices(q.cutNotice("series"))
	}
	if few > 0 {
		frames[0].AppendNotices(info("%d of %d points have fewer than %d samples (minSamples) and are left out.",
			few, steps, q.enough))
	}
	return frames, nil
}

// requestsSteps reads the samples, the weight and the measure of every step of every segment.
func (q *question) requestsSteps(
	ctx context.Context, conn driver.Conn, m requestMeasure, points int,
	scan func(key []string, step int64, samples, weight uint64, measured float64),
) error {
	p, err := q.planned(ctx, conn, q.window)
	if err != nil {
		return err
	}
	var s statement
	if p.rolls() {
		c := m.cells
		if m.field == "value" {
			c.measure = fmt.Sprintf(c.measure, s.bind("level", "Float64", q.level()))
		}
		return c.steps(ctx, conn, q, &s, "sum(weight)",
			func(key []string, step int64, samples, weight uint64, measured float64) {
				if m.field == "value" {
					measured = middleOf(durationGrid, int16(measured))
				}
				scan(key, step, samples, weight, measured)
			})
	}
	value := m.value
	if m.field == "value" {
		value = fmt.Sprintf(value, s.bind("level", "Float64", q.level()))
	}
	sql := fmt.Sprintf(`SELECT %[1]s%[2]s AS step, %[3]s AS samples, sum(toUInt64(weight)) AS total, %[4]s AS measured
FROM requests
WHERE %[5]s%[6]s
%[7]s
LIMIT %[8]s`,
		q.selectGroups(), q.stepExpr(&s), m.samples, value, q.requestsWhere(&s, q.window),
		q.amongTop(&s, "requests", "sum(toUInt64(weight))", q.requestsWhere), q.groupBy("step"),
		s.bind("limit", "UInt64", (q.limit()+1)*points))
	return q.rows(ctx, conn, &s, sql, func(rows driver.Rows) error {
		var step int64
		var samples, weight uint64
		var measured float64
		key, err := q.scanned(rows, &step, &samples, &weight, &measured)
		if err == nil {
			scan(key, step, samples, weight, measured)
		}
		return err
	})
}
