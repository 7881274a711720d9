package query

import (
	"context"
	"fmt"
	"slices"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/grafana/grafana-plugin-sdk-go/data"
)

// pagesSeries is the percentile of each phase over time (or of the one measure that the query names as its metric): a
// frame a segment and phase, told apart by the label "phase". A step with too few page loads is null. The query's limit
// is of frames; a segment is there with all its phases or not at all, and one always is.
func (q *question) pagesSeries(ctx context.Context, conn driver.Conn) (data.Frames, error) {
	measures := q.pageMeasures()
	q.Limit = number(max(1, q.limit()/len(measures)))
	segments, err := q.pageRows(ctx, conn)
	if err != nil {
		return nil, err
	}
	cut := len(segments) > q.limit()
	if cut {
		segments = segments[:q.limit()]
	}
	segments = slices.DeleteFunc(segments, func(r *pageRow) bool { return r.samples == 0 })
	var counts []uint64
	for _, r := range segments {
		counts = append(counts, r.samples)
	}
	if len(counts) == 0 {
		return data.Frames{series(nil, q.pageValue(measures[0], []*float64{}))}, nil
	}
	slices.Sort(counts)
	slices.Reverse(counts)
	widened := q.widenSteps(counts)
	times := q.window.grid(q.step)
	lines, few, steps, err := q.pageLines(ctx, conn, measures, times)
	if err != nil {
		return nil, err
	}
	frames := make(data.Frames, 0, len(segments)*len(measures))
	for _, r := range segments {
		l := lines.of(r.key, len(measures)*len(times))
		for i, m := range measures {
			value := q.pageValue(m, l.values[i*len(times):(i+1)*len(times)])
			frame := q.segmentSeries(times, r.key, value)
			if len(measures) > 1 {
				labelPhase(value, m)
			}
			frames = append(frames, frame)
		}
	}
	if cut {
		frames[0].AppendNotices(q.cutNotice("segments"))
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

// pageLines reads the measures of each segment, one after the other in its line's values; few of the steps with page
// loads have too few of them.
func (q *question) pageLines(
	ctx context.Context, conn driver.Conn, measures []pageMeasure, times []int64,
) (all lines[*float64], few, steps int, err error) {
	var s statement
	sql := fmt.Sprintf(`SELECT %[1]s%[2]s AS step, count() AS samples,
  %[3]s AS measured
FROM views
WHERE %[4]s
  AND %[5]s%[6]s
%[7]s
LIMIT %[8]s`,
		q.selectGroups(), q.stepExpr(&s), q.percentilesOf(&s, measures), timedLoad, q.where(&s, q.window),
		q.amongTopPages(&s), q.groupBy("step"), s.bind("limit", "UInt64", (q.limit()+1)*len(times)))

	all = lines[*float64]{}
	err = q.rows(ctx, conn, &s, sql, func(rows driver.Rows) error {
		var step int64
		var samples uint64
		var measured []float64
		key, err := q.scanned(rows, &step, &samples, &measured)
		if err != nil {
			return err
		}
		l := all.of(key, len(measures)*len(times))
		steps++
		if samples < q.enough {
			few++
			return nil
		}
		if at, ok := slices.BinarySearch(times, step); ok {
			for i := range measures {
				l.values[i*len(times)+at] = &measured[i]
			}
		}
		return nil
	})
	return all, few, steps, err
}

// pageValue is the value field of one measure's series.
func (q *question) pageValue(m pageMeasure, values []*float64) *data.Field {
	return column("value", m.name+" "+q.percentileName(), m.unit, values)
}

// labelPhase tells the phases of a segment apart, for the alerting engine and for people.
func labelPhase(value *data.Field, m pageMeasure) {
	if value.Labels == nil {
		value.Labels = data.Labels{}
		value.Config.DisplayNameFromDS = m.name
	} else {
		value.Config.DisplayNameFromDS = m.name + " · " + value.Config.DisplayNameFromDS
	}
	value.Labels["phase"] = m.key
}
