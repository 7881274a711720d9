package query

import (
	"context"
	"fmt"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/grafana/grafana-plugin-sdk-go/data"

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
	around, err := q.aroundDeploy(ctx, conn)
	if err != nil {
		return nil, err
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
	frame.AppendNotices(around...)
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
	ranked
	good, needsImprovement, poor float64 // weights by rating
	previous                     float64
	previousSamples              uint64
}

// amongTopVitals keeps a statement to the segments that vitalsSegments answers with.
func (q *question) amongTopVitals(s *statement) string {
	if p := q.planOf(q.window); p.rolls() {
		return cells{plan: p}.amongTop(q, s, "sum(samples)")
	}
	return q.amongTop(s, "vitals FINAL", "count()", q.vitalsWhere)
}

// vitalsRanking is how the percentiles of this metric are read: the segments with the most samples first.
func (q *question) vitalsRanking() ranking {
	return ranking{
		from: "vitals FINAL", value: "value", columns: []string{"rating"},
		also:  func(s *statement) string { return "metric = " + s.bind("metric", "String", q.metric.Key) },
		facts: ratingFacts, order: "samples", limit: q.limit() + 1, histogram: q.vitalsHistogram(),
	}
}

// ratingFacts are the weights by rating, the best first.
var ratingFacts = []string{
	"sumIf(toUInt64(weight), rating = '" + rum.RatingGood + "')",
	"sumIf(toUInt64(weight), rating = '" + rum.RatingNeedsImprovement + "')",
	"sumIf(toUInt64(weight), rating = '" + rum.RatingPoor + "')",
}

// vitalsSegments reads the limit + 1 segments with the most samples.
func (q *question) vitalsSegments(ctx context.Context, conn driver.Conn) ([]segment, error) {
	all, err := q.ranks(ctx, conn, q.vitalsRanking(), q.window)
	segments := make([]segment, 0, len(all))
	for _, r := range all {
		segments = append(segments, segment{ranked: r, good: r.facts[0], needsImprovement: r.facts[1], poor: r.facts[2]})
	}
	return segments, err
}

// vitalsNumeric is what alert rules take: one value a segment. A segment with too few samples is absent, as a null
// would be NoData and page people.
func (q *question) vitalsNumeric(segments []segment) *data.Frame {
	var keys [][]string
	var values []float64
	few, of := 0, q.vitalMeasure().of
	for _, g := range segments {
		if g.samples < q.enough {
			few++
			continue
		}
		keys, values = append(keys, g.key), append(values, of(g))
	}
	frame := newFrame(data.FrameTypeNumericLong, append(q.groupColumns(keys), q.measureColumn(values))...)
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
		share := func(weight float64) *float64 {
			return pointerIf(enough && q.metric.rated, weight/float64(g.weight))
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
	before := q.vitalsRanking()
	before.among = q.amongTopVitals
	all, err := q.ranks(ctx, conn, before, q.baseline)
	if err != nil {
		return err
	}
	place := make(map[string]int, len(segments))
	for i, g := range segments {
		place[fmt.Sprintf("%q", g.key)] = i
	}
	for _, r := range all {
		if i, ok := place[fmt.Sprintf("%q", r.key)]; ok {
			segments[i].previous, segments[i].previousSamples = r.value, r.samples
		}
	}
	return nil
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
