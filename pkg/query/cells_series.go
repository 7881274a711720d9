package query

import (
	"context"
	"fmt"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/sightline-rum/sightline/pkg/rum"
)

// cellSteps says how a series is read from cells: SQL over weight, bucket, n (samples) and sums.
type cellSteps struct {
	keys    []string
	sums    []cellSum
	measure string
	samples string // how many the measure rests on
}

// steps reads the samples, the weight and the measure of every step of every segment. Those segments are kept that rank
// highest by top, an aggregate over samples and weight; without top all are.
func (c cellSteps) steps(
	ctx context.Context, conn driver.Conn, q *question, s *statement, top string,
	scan func(key []string, step int64, samples, weight uint64, measured float64),
) error {
	p := q.planOf(q.window)
	source := cells{plan: p, keys: c.keys, sums: c.sums, step: true,
		among: func(s *statement) string { return cells{plan: p}.amongTop(q, s, top) }}
	if top == "" {
		source.among = nil
	}
	inner := append([]string{"step"}, c.keys...)
	sql := fmt.Sprintf(`SELECT %[1]sstep, toUInt64(%[2]s) AS counted, sum(weight) AS total, toFloat64(%[3]s) AS measured
FROM (
  SELECT %[1]s%[4]s, toUInt64(greatest(0, sum(samples))) AS n, toUInt64(greatest(0, sum(c.weight))) AS weight%[5]s
  FROM %[6]s AS c
  %[7]s
  HAVING weight > 0
)
%[8]s
LIMIT %[9]s`,
		q.groupNames(), c.samples, c.measure, strings.Join(inner, ", "), source.summed(), source.from(q, s),
		q.groupBy(inner...), q.groupBy("step"), s.bind("limit", "UInt64", (q.limit()+1)*len(q.window.grid(q.step))))
	return q.rows(ctx, conn, s, sql, func(rows driver.Rows) error {
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

// cells is how a measure's steps are read from cells. The percentile is a bucket: middleOf says what it stands for.
func (m vitalMeasure) cells(q *question, s *statement) cellSteps {
	c := cellSteps{keys: []string{"bucket"}, samples: "sum(n)"}
	good, needsImprovement := rum.RatingEdges(q.metric.Key)
	switch m.rating {
	case "":
		c.measure = "quantileExactWeighted(" + s.bind("level", "Float64", q.level()) + ")(bucket, weight)"
	case rum.RatingGood:
		c.measure = fmt.Sprintf("sumIf(weight, bucket <= %d) / sum(weight)", good)
	case rum.RatingNeedsImprovement:
		c.measure = fmt.Sprintf("sumIf(weight, bucket > %d AND bucket <= %d) / sum(weight)", good, needsImprovement)
	default:
		c.measure = fmt.Sprintf("sumIf(weight, bucket > %d) / sum(weight)", needsImprovement)
	}
	return c
}
