package query

import (
	"context"
	"fmt"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/sightline-rum/sightline/pkg/query/stats"
	"github.com/sightline-rum/sightline/pkg/rum"
)

// histogram says how a ranking is read from cells.
type histogram struct {
	sums  []cellSum
	facts []string // those of the ranking, over samples, weight, bucket and sums
	value func(keys []string, bucket int16) float64
}

// ranksOfCells answers as ranks does. The bucket in which a rank lies is found as the value would be: cells are sorted
// instead, and their weights added up until the rank is reached. Squares are never less than they would be if all
// weights were alike.
func (q *question) ranksOfCells(ctx context.Context, conn driver.Conn, r ranking, p *plan) (all []ranked, err error) {
	var s statement
	source := cells{plan: p, keys: append(r.keys[:len(r.keys):len(r.keys)], "bucket"), sums: r.histogram.sums,
		among: r.among}
	names := q.groupNames() + strings.Join(append(r.keys[:len(r.keys):len(r.keys)], ""), ", ")
	sql := fmt.Sprintf(`SELECT %[1]ssamples, total, squared, found[1], found[2], found[3]%[2]s
FROM (
  SELECT *,
    ceil(effective * %[3]s - spread) AS lowest, ceil(effective * %[3]s + spread) AS highest,
    arrayMap(t -> least(total, toUInt64(greatest(1, t))), [
      ceil(total * %[3]s), ceil(lowest * squared / total - 0.5), ceil(highest * squared / total - 0.5)]) AS targets,
    arraySort(near) AS sorted, arrayCumSum(c -> c.2, sorted) AS upto,
    arrayMap(t -> sorted[arrayFirstIndex(u -> u >= t, upto)].1, targets) AS found
  FROM (
    SELECT %[1]ssum(n) AS samples, sum(weight) AS total,
      greatest(sum(squares), toFloat64(total) * total / samples) AS squared,
      toFloat64(total) * total / squared AS effective,
      %[4]s * sqrt(effective * %[3]s * (1 - %[3]s)) AS spread,
      groupArray((bucket, weight)) AS near, %[5]s AS standing%[6]s
    FROM (
      SELECT %[1]sbucket, toUInt64(greatest(0, sum(samples))) AS n, toUInt64(greatest(0, sum(c.weight))) AS weight,
        sum(c.squares) AS squares%[7]s
      FROM %[8]s AS c
      %[9]s
      HAVING weight > 0
    )
    %[10]s
    HAVING total > 0
    ORDER BY standing DESC, %[1]ssamples
    LIMIT %[11]s
  )
)
ORDER BY standing DESC, %[1]ssamples`,
		names, r.factNames(), s.bind("level", "Float64", q.level()), s.bind("z", "Float64", stats.Z95),
		r.order, selectFacts(r.histogram.facts),
		source.summed(), source.from(q, &s), q.groupBy(source.keys...), q.groupBy(r.keys...),
		s.bind("limit", "UInt64", r.limit))

	err = q.rows(ctx, conn, &s, sql, func(rows driver.Rows) error {
		g := ranked{key: make([]string, len(q.groups)+len(r.keys)), facts: make([]float64, len(r.histogram.facts))}
		var buckets [3]int16
		into := make([]any, 0, len(g.key)+len(g.facts)+6)
		for i := range g.key {
			into = append(into, &g.key[i])
		}
		into = append(into, &g.samples, &g.weight, &g.squares, &buckets[0], &buckets[1], &buckets[2])
		for i := range g.facts {
			into = append(into, &g.facts[i])
		}
		err := rows.Scan(into...)
		keys := g.key[len(q.groups):]
		g.value, g.lower = r.histogram.value(keys, buckets[0]), r.histogram.value(keys, buckets[1])
		g.upper = r.histogram.value(keys, buckets[2])
		low, high := stats.RankInterval(g.effective(), q.level())
		g.boundedBelow, g.boundedAbove = low >= 1, high <= g.effective()+1e-6
		all = append(all, g)
		return err
	})
	return all, err
}

// vitalsHistogram reads a Web Vital's percentiles and ratings, or those of all Web Vitals where the metric is a key.
func (q *question) vitalsHistogram() *histogram {
	edge := "0"
	var metrics, edges []string
	for _, m := range rum.Metrics {
		_, last := rum.RatingEdges(m.Key)
		metrics, edges = append(metrics, "'"+m.Key+"'"), append(edges, fmt.Sprint(last))
		if m.Key == q.metric.Key {
			edge = fmt.Sprint(last)
		}
	}
	if q.metric.Key == "" {
		edge = fmt.Sprintf("transform(metric, [%s], [%s], 0)", strings.Join(metrics, ", "), strings.Join(edges, ", "))
	}
	good, _ := rum.RatingEdges(q.metric.Key)
	return &histogram{
		facts: []string{
			fmt.Sprintf("sumIf(weight, bucket <= %d)", good),
			fmt.Sprintf("sumIf(weight, bucket > %d AND bucket <= %s)", good, edge),
			fmt.Sprintf("sumIf(weight, bucket > %d AND bucket > %s)", good, edge),
		},
		value: func(keys []string, bucket int16) float64 {
			if q.metric.Key == "" {
				return middleOf(keys[0], bucket)
			}
			return middleOf(q.metric.Key, bucket)
		},
	}
}
