package query

import (
	"context"
	"fmt"
	"slices"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/grafana/grafana-plugin-sdk-go/data"
)

// vitalsSeries is the percentile, or the measure the query names, over time, a frame a segment. A step with too few
// samples is null.
func (q *question) vitalsSeries(ctx context.Context, conn driver.Conn) (data.Frames, error) {
	counts, err := q.segmentCounts(ctx, conn)
	if err != nil {
		return nil, err
	}
	if len(counts) == 0 {
		return data.Frames{series(nil, q.measureColumn([]*float64{}))}, nil
	}
	widened := q.widenSteps(counts)
	times := q.window.grid(q.step)
	lines := lines[*float64]{}
	few, steps := 0, 0
	scan := func(key []string, step int64, samples uint64, value float64) {
		l := lines.of(key, len(times))
		l.total += samples
		steps++
		if samples < q.enough {
			few++
		} else if i, ok := slices.BinarySearch(times, step); ok {
			l.values[i] = &value
		}
	}
	err = q.vitalsSteps(ctx, conn, len(times), len(counts) >= q.limit(), scan)
	if err != nil {
		return nil, err
	}
	top, cut := lines.ranked(q.limit())
	if len(top) == 0 { // gone since they were counted
		return data.Frames{series(nil, q.measureColumn([]*float64{}))}, nil
	}
	frames := make(data.Frames, 0, len(top))
	for _, l := range top {
		frames = append(frames, q.segmentSeries(times, l.key, q.measureColumn(l.values)))
	}
	if cut {
		frames[0].AppendNotices(q.cutNotice("series"))
	}
	if widened {
		frames[0].AppendNotices(info("A point covers %s: narrower ones would seldom have %d samples (minSamples).",
			lasted(q.step), q.enough))
	}
	if few > 0 {
		frames[0].AppendNotices(info("%d of %d points have fewer than %d samples (minSamples) and are left out.",
			few, steps, q.enough))
	}
	return frames, nil
}

// vitalsSteps reads the samples and the measure of every step of every segment, of which there may be many.
func (q *question) vitalsSteps(
	ctx context.Context, conn driver.Conn, points int, many bool,
	scan func(key []string, step int64, samples uint64, value float64),
) error {
	var s statement
	m := q.vitalMeasure()
	p, err := q.planned(ctx, conn, q.window) // anew when the steps were widened
	if err != nil {
		return err
	}
	if p.rolls() {
		top := ""
		if many {
			top = "sum(samples)"
		}
		return m.cells(q, &s).steps(ctx, conn, q, &s, top,
			func(key []string, step int64, samples, _ uint64, value float64) {
				if m.rating == "" {
					value = middleOf(q.metric.Key, int16(value))
				}
				scan(key, step, samples, value)
			})
	}
	sql := fmt.Sprintf(`SELECT %[1]s%[2]s AS step, count() AS samples,
  %[3]s AS percentile
FROM vitals FINAL
WHERE %[4]s%[5]s
%[6]s
LIMIT %[7]s`,
		q.selectGroups(), q.stepExpr(&s), m.expr(q, &s), q.vitalsWhere(&s, q.window), q.amongTopVitals(&s),
		q.groupBy("step"), s.bind("limit", "UInt64", (q.limit()+1)*points))
	return q.rows(ctx, conn, &s, sql, func(rows driver.Rows) error {
		var step int64
		var samples uint64
		var value float64
		key, err := q.scanned(rows, &step, &samples, &value)
		if err == nil {
			scan(key, step, samples, value)
		}
		return err
	})
}

// segmentCounts is how many samples each segment of the answer has, most first.
func (q *question) segmentCounts(ctx context.Context, conn driver.Conn) (counts []uint64, err error) {
	p, err := q.planned(ctx, conn, q.window)
	if err != nil {
		return nil, err
	}
	var s statement
	sql := fmt.Sprintf(`SELECT %[1]scount() AS n
FROM vitals FINAL
WHERE %[2]s
%[3]s
HAVING n > 0
ORDER BY n DESC
LIMIT %[4]s`,
		q.selectGroups(), q.vitalsWhere(&s, q.window), q.groupBy(), s.bind("limit", "UInt64", q.limit()))
	if p.rolls() {
		s = statement{}
		sql = fmt.Sprintf(`SELECT %[1]stoUInt64(greatest(0, sum(samples))) AS n
FROM %[2]s
%[3]s
HAVING n > 0
ORDER BY n DESC
LIMIT %[4]s`, q.groupNames(), cells{plan: p}.from(q, &s), q.groupBy(), s.bind("limit", "UInt64", q.limit()))
	}
	err = q.rows(ctx, conn, &s, sql, func(rows driver.Rows) error {
		var n uint64
		_, err := q.scanned(rows, &n)
		counts = append(counts, n)
		return err
	})
	return counts, err
}

// fewestPoints is how far steps are widened at most: a line with fewer points shows no course.
const fewestPoints = 12

// widenSteps makes the steps wide enough for the middle one of the segments to have twice the samples that a point
// needs, on average. Panels ask for as many points as they have pixels, and with little traffic none would be a number.
func (q *question) widenSteps(counts []uint64) (widened bool) {
	points := max(fewestPoints, int64(counts[len(counts)/2]/(2*q.enough)))
	step := stepFor(q.window, 0, points)
	if step <= q.step {
		return false
	}
	q.step = step
	return true
}
