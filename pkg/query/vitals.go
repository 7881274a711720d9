package query

import (
	"context"
	"fmt"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/sightline-rum/sightline/pkg/query/stats"
	"github.com/sightline-rum/sightline/pkg/rum"
)

// vitals answers how one metric is by segment. The percentile is the weighted one of stats.Percentile over the last
// report of each metric of each view (FINAL); samples are counted as they are, shares are shares of the weight.
func askVitals(ctx context.Context, conn driver.Conn, q *question) (data.Frames, error) {
	if !q.metric.rated {
		if err := q.knowCustomTiming(ctx, conn); err != nil {
			return nil, err
		}
	}
	switch q.Format {
	case formatSeries:
		return q.vitalsSeries(ctx, conn)
	case formatDistribution:
		return q.vitalsDistribution(ctx, conn)
	}
	segments, err := q.vitalsSegments(ctx, conn)
	if err != nil {
		return nil, err
	}
	cut := len(segments) > q.limit()
	if cut {
		segments = segments[:q.limit()]
	}
	var frame *data.Frame
	if q.Format == formatNumeric {
		frame = q.vitalsNumeric(segments)
	} else if frame, err = q.vitalsTable(ctx, conn, segments); err != nil {
		return nil, err
	}
	if cut {
		frame.AppendNotices(q.cutNotice("segments"))
	}
	return data.Frames{frame}, nil
}

// vitalsWhere is the condition of every read of this metric.
func (q *question) vitalsWhere(s *statement, w window) string {
	return "metric = " + s.bind("metric", "String", q.metric.Key) + "\n  AND " + q.where(s, w)
}

// segment is one row of the answer.
type segment struct {
	key                          []string
	samples                      uint64
	weight                       uint64
	squares                      float64 // sum of the squared weights
	value, lower, upper          float64
	good, needsImprovement, poor uint64 // weights by rating
	boundedBelow, boundedAbove   bool
	previous                     float64
	previousSamples              uint64
}

// amongTopVitals keeps a statement to the segments that vitalsSegments answers with.
func (q *question) amongTopVitals(s *statement) string {
	return q.amongTop(s, "vitals FINAL", "count()", q.vitalsWhere)
}

// vitalsSegments reads value, interval and ratings of the limit + 1 segments with the most samples.
//
// The samples are gathered by histogram cell, so that only the three cells in which the percentile and the ends of its
// interval lie have to be sorted. Weights are whole thousandths: their sums are exact.
func (q *question) vitalsSegments(ctx context.Context, conn driver.Conn) ([]segment, error) {
	var s statement
	good, needsImprovement := rum.RatingEdges(q.metric.Key)
	level := s.bind("level", "Float64", q.level())
	spread := fmt.Sprintf("%s * sqrt(effective * %s * (1 - %s))", s.bind("z", "Float64", stats.Z95), level, level)
	sql := fmt.Sprintf(`SELECT %[1]ssamples, total, squares, good, improvable, poor, found[1], found[2], found[3]
FROM (
  SELECT %[1]ssamples, total, squares, good, improvable, poor,
    arrayCumSum(c -> c.2, cells) AS upto,
    arrayMap(t -> least(total, toUInt64(greatest(1, t))), [
      ceil(total * %[2]s),
      ceil(ceil(effective * %[2]s - %[3]s) * squares / total - 0.5),
      ceil(ceil(effective * %[2]s + %[3]s) * squares / total - 0.5)]) AS targets,
    arrayMap(t -> arrayFirstIndex(u -> u >= t, upto), targets) AS places,
    arrayMap((t, i) -> t + cells[i].2 - upto[i], targets, places) AS rests,
    arrayMap(i -> arraySort(arrayZip(cells[i].3, cells[i].4)), places) AS sorted,
    arrayMap((t, pairs) -> pairs[arrayFirstIndex(u -> u >= t, arrayCumSum(p -> p.2, pairs))].1, rests, sorted) AS found
  FROM (
    SELECT %[1]ssum(n) AS samples, sum(w) AS total, sum(ww) AS squares, toFloat64(total) * total / squares AS effective,
      sumIf(w, bucket <= %[4]s) AS good, sumIf(w, bucket > %[4]s AND bucket <= %[5]s) AS improvable,
      sumIf(w, bucket > %[5]s) AS poor,
      arraySort(c -> c.1, groupArray((bucket, w, vs, ws))) AS cells
    FROM (
      SELECT %[6]sbucket, count() AS n, sum(toUInt64(weight)) AS w, sum(toFloat64(weight) * weight) AS ww,
        groupArray(value) AS vs, groupArray(weight) AS ws
      FROM vitals FINAL
      WHERE %[7]s
      %[8]s
    )
    %[9]s
    HAVING total > 0
    ORDER BY samples DESC, %[1]stotal
    LIMIT %[10]s
  )
)
ORDER BY samples DESC, %[1]stotal`,
		q.groupNames(), level, spread, s.bind("goodTop", "Int16", good), s.bind("improvableTop", "Int16", needsImprovement),
		q.selectGroups(), q.vitalsWhere(&s, q.window), q.groupBy("bucket"), q.groupBy(),
		s.bind("limit", "UInt64", q.limit()+1))

	var segments []segment
	err := q.rows(ctx, conn, &s, sql, func(rows driver.Rows) (err error) {
		var g segment
		g.key, err = q.scanned(rows, &g.samples, &g.weight, &g.squares, &g.good, &g.needsImprovement, &g.poor,
			&g.value, &g.lower, &g.upper)
		n := stats.EffectiveSize(float64(g.weight), g.squares)
		low, high := stats.RankInterval(n, q.level())
		g.boundedBelow, g.boundedAbove = low >= 1, high <= n+1e-6
		segments = append(segments, g)
		return err
	})
	return segments, err
}

// vitalsNumeric is what alert rules take: one value a segment. A segment with too few samples is absent, as a null
// would be NoData and page people.
func (q *question) vitalsNumeric(segments []segment) *data.Frame {
	var keys [][]string
	var values []float64
	few := 0
	for _, g := range segments {
		if g.samples < q.enough {
			few++
			continue
		}
		keys, values = append(keys, g.key), append(values, g.value)
	}
	frame := newFrame(data.FrameTypeNumericLong, append(q.groupColumns(keys), q.valueColumn(values))...)
	if few > 0 {
		frame.AppendNotices(info("%d of %d segments have fewer than %d samples (minSamples) and are left out.",
			few, len(segments), q.enough))
	}
	return frame
}

// valueColumn is the percentile itself; values are []float64 or []*float64.
func (q *question) valueColumn(values any) *data.Field {
	var field *data.Field
	name := q.metric.Name + " " + q.percentileName()
	switch v := values.(type) {
	case []float64:
		field = column("value", name, q.metric.Unit, v)
	case []*float64:
		field = column("value", name, q.metric.Unit, v)
	}
	field.Config.Thresholds = q.metric.thresholds()
	return field
}

// vitalsTable is the whole story of each segment. With too few samples there is no number, only how many there were.
func (q *question) vitalsTable(ctx context.Context, conn driver.Conn, segments []segment) (*data.Frame, error) {
	if err := q.vitalsBaseline(ctx, conn, segments); err != nil {
		return nil, err
	}
	var keys [][]string
	var samples []int64
	var value, lower, upper, good, needsImprovement, poor, change []*float64
	for _, g := range segments {
		enough := g.samples >= q.enough
		share := func(weight uint64) *float64 {
			return pointerIf(enough && q.metric.rated, float64(weight)/float64(g.weight))
		}
		keys, samples = append(keys, g.key), append(samples, int64(g.samples))
		value = append(value, pointerIf(enough, g.value))
		lower = append(lower, pointerIf(enough && g.boundedBelow, g.lower))
		upper = append(upper, pointerIf(enough && g.boundedAbove, g.upper))
		good = append(good, share(g.good))
		needsImprovement = append(needsImprovement, share(g.needsImprovement))
		poor = append(poor, share(g.poor))
		change = append(change, pointerIf(enough && g.previousSamples >= q.enough, g.value/g.previous-1))
	}
	fields := append(q.groupColumns(keys),
		q.valueColumn(value),
		column("samples", "Samples", unitShort, samples),
		column("lower", "Lower bound (95 %)", q.metric.Unit, lower),
		column("upper", "Upper bound (95 %)", q.metric.Unit, upper),
		column("good", "Good", unitShare, good),
		column("needsImprovement", "Needs improvement", unitShare, needsImprovement),
		column("poor", "Poor", unitShare, poor))
	if !q.baseline.empty() {
		fields = append(fields, column("change", "Change", unitShare, change))
	}
	for _, field := range fields[len(q.groups):] {
		field.Config.NoValue = "not enough data"
	}
	return newFrame(data.FrameTypeTable, fields...), nil
}

// vitalsBaseline adds the same segments' percentile in the window they are compared with.
func (q *question) vitalsBaseline(ctx context.Context, conn driver.Conn, segments []segment) error {
	if q.baseline.empty() || len(segments) == 0 {
		return nil
	}
	var s statement
	sql := fmt.Sprintf(`SELECT %[1]scount() AS samples, quantileExactWeighted(%[2]s)(value, weight) AS percentile
FROM vitals FINAL
WHERE %[3]s%[4]s
%[5]s
LIMIT %[6]s`,
		q.selectGroups(), s.bind("level", "Float64", q.level()),
		q.vitalsWhere(&s, q.baseline), q.amongTopVitals(&s), q.groupBy(),
		s.bind("limit", "UInt64", q.limit()+1))
	place := make(map[string]int, len(segments))
	for i, g := range segments {
		place[fmt.Sprintf("%q", g.key)] = i
	}
	return q.rows(ctx, conn, &s, sql, func(rows driver.Rows) error {
		var samples uint64
		var value float64
		key, err := q.scanned(rows, &samples, &value)
		if i, ok := place[fmt.Sprintf("%q", key)]; ok {
			segments[i].previous, segments[i].previousSamples = value, samples
		}
		return err
	})
}

// knowCustomTiming refuses a metric nobody ever sent: it is a typing error, which an empty answer would hide.
func (q *question) knowCustomTiming(ctx context.Context, conn driver.Conn) error {
	var s statement
	known := metricKeys()
	sql := fmt.Sprintf("SELECT metric AS m FROM vitals WHERE app = %s GROUP BY m ORDER BY m LIMIT 1000",
		s.bind("app", "String", q.App))
	found := false
	err := q.rows(ctx, conn, &s, sql, func(rows driver.Rows) error {
		var name string
		err := rows.Scan(&name)
		found = found || name == q.metric.Key
		if _, ok := rum.MetricByKey(name); !ok {
			known = append(known, name)
		}
		return err
	})
	if err == nil && !found {
		err = unknown("metric", q.metric.Key, known)
	}
	return err
}
