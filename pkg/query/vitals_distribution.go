package query

import (
	"context"
	"fmt"
	"math"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/sightline-rum/sightline/pkg/rum"
)

// vitalsDistribution is the histogram as it is stored: 2 % cells of which none spans two ratings, a frame a segment,
// in the fields Grafana's histogram panel knows (xMin, xMax). Empty cells are left out; counts are weighted.
func (q *question) vitalsDistribution(ctx context.Context, conn driver.Conn) (data.Frames, error) {
	p, err := q.planned(ctx, conn, q.window)
	if err != nil {
		return nil, err
	}
	var s statement
	sql := fmt.Sprintf(`SELECT %[1]sbucket, sum(toUInt64(weight)) AS total, count() AS samples
FROM vitals FINAL
WHERE %[2]s%[3]s
%[4]s
ORDER BY bucket
LIMIT %[5]s`,
		q.selectGroups(), q.vitalsWhere(&s, q.window), q.amongTopVitals(&s), q.groupBy("bucket"),
		s.bind("limit", "UInt64", (q.limit()+1)*(math.MaxInt16+1)))

	if p.rolls() {
		s = statement{}
		source := cells{plan: p, keys: []string{"bucket"}, among: q.amongTopVitals}
		sql = fmt.Sprintf(`SELECT %[1]sbucket, toUInt64(greatest(0, sum(weight))) AS total, toUInt64(greatest(0, sum(samples))) AS n
FROM %[2]s
%[3]s
HAVING total > 0
ORDER BY bucket
LIMIT %[4]s`,
			q.groupNames(), source.from(q, &s), q.groupBy("bucket"), s.bind("limit", "UInt64", (q.limit()+1)*(math.MaxInt16+1)))
	}

	type cell struct {
		bucket int16
		weight uint64
	}
	lines := lines[cell]{}
	err = q.rows(ctx, conn, &s, sql, func(rows driver.Rows) error {
		var c cell
		var samples uint64
		key, err := q.scanned(rows, &c.bucket, &c.weight, &samples)
		l := lines.of(key, 0)
		l.total += samples
		l.values = append(l.values, c)
		return err
	})
	if err != nil {
		return nil, err
	}
	top, cut := lines.ranked(q.limit())
	if len(top) == 0 {
		top = []*line[cell]{{}}
	}
	frames := make(data.Frames, 0, len(top))
	for _, l := range top {
		var low, high, counts []float64
		for _, c := range l.values {
			from, to := rum.BucketBounds(q.metric.Key, c.bucket)
			if math.IsInf(to, 1) {
				to = from // the last cell has no end
			}
			low, high, counts = append(low, from), append(high, to), append(counts, float64(c.weight)/rum.FullWeight)
		}
		count := column("count", "Count", unitShort, counts)
		q.label(count, l.key)
		frames = append(frames, newFrame(data.FrameTypeTable,
			column("xMin", "From", q.metric.Unit, low), column("xMax", "To", q.metric.Unit, high), count))
	}
	if cut {
		frames[0].AppendNotices(q.cutNotice("segments"))
	}
	return frames, nil
}
