package query

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/sightline-rum/sightline/pkg/rum"
)

// vitalsOverview answers whether people get a good experience: every Web Vital by segment, the segments with the most
// traffic first, and whether each passes.
func askVitalsOverview(ctx context.Context, conn driver.Conn, q *question) (data.Frames, error) {
	around, err := q.aroundDeploy(ctx, conn)
	if err != nil {
		return nil, err
	}
	segments, err := q.overviewSegments(ctx, conn, q.overviewRanking(), q.window)
	if err != nil {
		return nil, err
	}
	cut := len(segments) > q.limit()
	if cut {
		segments = segments[:q.limit()]
	}
	if !q.baseline.empty() && len(segments) > 0 {
		before := q.overviewRanking()
		before.among = q.amongTopOverview
		baseline, err := q.overviewSegments(ctx, conn, before, q.baseline)
		if err != nil {
			return nil, err
		}
		for _, now := range segments {
			i := slices.IndexFunc(baseline, func(b *overview) bool { return slices.Equal(b.key, now.key) })
			if i >= 0 {
				now.before = baseline[i].vitals
			}
		}
	}
	frame := q.overviewTable(segments)
	frame.AppendNotices(around...)
	if cut {
		frame.AppendNotices(q.cutNotice("segments"))
	}
	return data.Frames{frame}, nil
}

// overview is one segment with its Web Vitals by metric key; a metric nobody reported is absent.
type overview struct {
	key            []string
	vitals, before map[string]ranked
}

// weight is the segment's traffic: that of its most often reported metric. Not every page view reports each of them.
func (o *overview) weight() uint64 {
	var most uint64
	for _, r := range o.vitals {
		most = max(most, r.weight)
	}
	return most
}

// overviewRanking reads all Web Vitals of the limit + 1 segments with the most traffic.
func (q *question) overviewRanking() ranking {
	traffic := "max(total) OVER ()"
	if len(q.groups) > 0 {
		traffic = fmt.Sprintf("max(total) OVER (PARTITION BY %s)", strings.TrimSuffix(q.groupNames(), ", "))
	}
	return ranking{
		from: "vitals FINAL", value: "value", columns: []string{"metric", "rating"},
		also: overviewMetrics, keys: []string{"metric"}, facts: ratingFacts,
		order: traffic, limit: len(rum.Metrics) * (q.limit() + 1), histogram: q.vitalsHistogram(),
	}
}

// overviewMetrics is the condition that leaves custom timings out.
func overviewMetrics(s *statement) string {
	return s.among("metric", "metric", metricKeys())
}

// amongTopOverview keeps a statement to the segments with the most traffic in the question's own window.
func (q *question) amongTopOverview(s *statement) string {
	var weights []string
	for _, m := range rum.Metrics {
		weights = append(weights, fmt.Sprintf("sumIf(toUInt64(weight), metric = %s)", s.bind("metric", "String", m.Key)))
	}
	rank := "greatest(" + strings.Join(weights, ", ") + ")"
	if p := q.planOf(q.window); p.rolls() {
		return cells{plan: p, keys: []string{"metric"}}.amongTop(q, s, rank)
	}
	return q.amongTop(s, "vitals FINAL", rank,
		func(s *statement, w window) string { return overviewMetrics(s) + "\n  AND " + q.where(s, w) })
}

// overviewSegments puts the metrics of each segment together, in the order of the ranking.
func (q *question) overviewSegments(
	ctx context.Context, conn driver.Conn, r ranking, w window,
) (segments []*overview, err error) {
	rows, err := q.ranks(ctx, conn, r, w)
	for _, row := range rows {
		key, metric := row.key[:len(q.groups)], row.key[len(q.groups)]
		if last := len(segments) - 1; last < 0 || !slices.Equal(segments[last].key, key) {
			segments = append(segments, &overview{key: key, vitals: map[string]ranked{}})
		}
		segments[len(segments)-1].vitals[metric] = row
	}
	return segments, err
}

// Verdicts of the Core Web Vitals assessment.
const (
	verdictPass    = "pass"
	verdictFail    = "fail"
	verdictUnknown = "not enough data"
)

// verdict follows https://developers.google.com/speed/docs/insights/v5/about: a segment passes when the percentile of
// each Core Web Vital is good. INP may lack data, as a page that nobody interacts with has none; without enough of the
// others nothing is said, except that one bad metric fails a segment whatever the others are.
func (q *question) verdict(vitals map[string]ranked) string {
	verdict := verdictPass
	for _, m := range rum.Metrics {
		r := vitals[m.Key]
		switch {
		case !m.Core:
		case r.samples >= q.enough && r.value > m.Good:
			return verdictFail
		case r.samples < q.enough && m.Key != "inp":
			verdict = verdictUnknown
		}
	}
	return verdict
}

// overviewTable has, beside the verdict and the traffic, five fields for each metric: its percentile under its own key,
// and <key>Samples, <key>Good, <key>NeedsImprovement, <key>Poor; with a comparison <key>Change as well.
func (q *question) overviewTable(segments []*overview) *data.Frame {
	var keys [][]string
	var verdicts []string
	var counts []float64
	for _, o := range segments {
		keys = append(keys, o.key)
		verdicts = append(verdicts, q.verdict(o.vitals))
		counts = append(counts, float64(o.weight())/rum.FullWeight)
	}
	pass := column("pass", "Core Web Vitals ("+q.percentileName()+")", unitNone, verdicts)
	pass.Config.Mappings = data.ValueMappings{data.ValueMapper{
		verdictPass:    {Text: "pass", Color: "green", Index: 0},
		verdictFail:    {Text: "fail", Color: "red", Index: 1},
		verdictUnknown: {Text: "not enough data", Color: "text", Index: 2},
	}}
	fields := append(q.groupColumns(keys), pass, column("count", "Page views measured", unitShort, counts))
	for _, m := range rum.Metrics {
		fields = append(fields, q.overviewColumns(m, segments)...)
	}
	return newFrame(data.FrameTypeTable, fields...)
}

func (q *question) overviewColumns(m rum.Metric, segments []*overview) []*data.Field {
	var samples []int64
	var value, good, needsImprovement, poor, change []*float64
	for _, o := range segments {
		now, before := o.vitals[m.Key], o.before[m.Key]
		enough := now.samples >= q.enough && now.samples > 0
		share := func(rating int) *float64 {
			if !enough {
				return nil
			}
			return pointerIf(true, now.facts[rating]/float64(now.weight))
		}
		samples = append(samples, int64(now.samples))
		value = append(value, pointerIf(enough, now.value))
		good, needsImprovement, poor = append(good, share(0)), append(needsImprovement, share(1)), append(poor, share(2))
		change = append(change, pointerIf(enough && before.samples >= q.enough, now.value/before.value-1))
	}
	name := strings.ToUpper(m.Key)
	percentile := column(m.Key, name+" "+q.percentileName(), m.Unit, value)
	percentile.Config.Thresholds = metric{Metric: m, rated: true}.thresholds()
	percentile.Config.Description = m.Name
	fields := []*data.Field{
		percentile,
		q.samplesBut(samples, q.tooFewOf(samples))(m.Key+"Samples", name+" samples"),
		column(m.Key+"Good", name+" good", unitShare, good),
		column(m.Key+"NeedsImprovement", name+" needs improvement", unitShare, needsImprovement),
		column(m.Key+"Poor", name+" poor", unitShare, poor),
	}
	if !q.baseline.empty() {
		fields = append(fields, column(m.Key+"Change", name+" change", unitShare, change))
	}
	for _, field := range fields {
		field.Config.NoValue = verdictUnknown
	}
	return fields
}
