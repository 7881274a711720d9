package query

import (
	"context"
	"fmt"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/sightline-rum/sightline/pkg/rum"
)

// pages answers where the time goes while pages load, phase by phase. Its table is one row a route unless the query
// groups by something else. A route change loads no document: it has no phases, and is only counted.
func askPages(ctx context.Context, conn driver.Conn, q *question) (data.Frames, error) {
	if q.Format == formatSeries {
		return q.pagesSeries(ctx, conn)
	}
	if len(q.groups) == 0 {
		route, err := q.dimension("route")
		if err != nil {
			return nil, err
		}
		q.groups = []dimension{route}
	}
	around, err := q.aroundDeploy(ctx, conn)
	if err != nil {
		return nil, err
	}
	rows, err := q.pageRows(ctx, conn)
	if err != nil {
		return nil, err
	}
	cut := len(rows) > q.limit()
	if cut {
		rows = rows[:q.limit()]
	}
	if err := q.pagePercentiles(ctx, conn, rows); err != nil {
		return nil, err
	}
	frame := q.pagesTable(rows)
	frame.AppendNotices(around...)
	if cut {
		frame.AppendNotices(q.cutNotice("segments"))
	}
	return data.Frames{frame}, nil
}

// Conditions on views. A load without a duration comes from a client that tells no timings: it is counted, but the
// zeros of its phases are not times. In a load that has one, a phase of 0 is a phase that was not needed, such as DNS on
// a connection that was open already.
const (
	pageLoad    = "kind = '" + rum.ViewLoad + "'"
	routeChange = "kind = '" + rum.ViewRouteChange + "'"
	timedLoad   = pageLoad + " AND duration > 0"
)

// pageRank orders segments: those with the most page loads first, and of those without any, the most route changes.
const pageRank = "(sumIf(toUInt64(weight), " + pageLoad + "), sum(toUInt64(weight)))"

// amongTopPages keeps a statement to the segments that pageRows answers with.
func (q *question) amongTopPages(s *statement) string {
	return q.amongTop(s, "views", pageRank, q.where)
}

// pageRow is one segment: what happened, by weight, and the percentiles by measure; before are those it is compared
// with.
type pageRow struct {
	key                   []string
	loads, changes        float64
	samples               uint64  // page loads that told their timings
	serverSamples         uint64  // of these, those whose server told its time
	serverTime, firstByte float64 // of those, what the server took and when the first byte came
	now, before           map[string]ranked
}

// pageRows counts the views of the limit + 1 segments with the most page loads.
func (q *question) pageRows(ctx context.Context, conn driver.Conn) ([]*pageRow, error) {
	var s statement
	told := timedLoad + " AND server > 0 AND ttfb > 0"
	sql := fmt.Sprintf(`SELECT %[1]ssumIf(toUInt64(weight), %[2]s), sumIf(toUInt64(weight), %[3]s), countIf(%[4]s),
  countIf(%[5]s), sumIf(toFloat64(weight) * server, %[5]s), sumIf(toFloat64(weight) * ttfb, %[5]s)
FROM (
  SELECT %[6]skind, duration, server, ttfb, weight
  FROM views
  WHERE %[7]s
)
%[8]s
HAVING count() > 0
ORDER BY %[9]s DESC%[10]s
LIMIT %[11]s`,
		q.groupNames(), pageLoad, routeChange, timedLoad, told, q.selectGroups(), q.where(&s, q.window), q.groupBy(),
		pageRank, strings.TrimSuffix(", "+q.groupNames(), ", "), s.bind("limit", "UInt64", q.limit()+1))
	var all []*pageRow
	err := q.rows(ctx, conn, &s, sql, func(rows driver.Rows) (err error) {
		var r pageRow
		var loads, changes uint64
		r.key, err = q.scanned(rows, &loads, &changes, &r.samples, &r.serverSamples, &r.serverTime, &r.firstByte)
		r.loads, r.changes = float64(loads)/rum.FullWeight, float64(changes)/rum.FullWeight
		all = append(all, &r)
		return err
	})
	return all, err
}

// pagePercentiles adds to each row its percentiles, and those of the window it is compared with.
func (q *question) pagePercentiles(ctx context.Context, conn driver.Conn, rows []*pageRow) (err error) {
	if len(rows) == 0 {
		return nil
	}
	now, err := q.pageMeasured(ctx, conn, q.window)
	if err != nil {
		return err
	}
	var before map[string]map[string]ranked
	if !q.baseline.empty() {
		if before, err = q.pageMeasured(ctx, conn, q.baseline); err != nil {
			return err
		}
	}
	for _, r := range rows {
		name := fmt.Sprintf("%q", r.key)
		r.now, r.before = now[name], before[name]
	}
	return nil
}

// pageMeasured reads the percentiles of all measures, by segment and measure.
func (q *question) pageMeasured(ctx context.Context, conn driver.Conn, w window) (map[string]map[string]ranked, error) {
	all, err := q.ranks(ctx, conn, ranking{
		from: viewsByMeasure(), value: "took", columns: []string{"measure"},
		also: func(*statement) string { return timedLoad },
		keys: []string{"measure"}, order: "total", limit: len(pageMeasures) * (q.limit() + 1),
		among: q.amongTopPages,
	}, w)
	measured := map[string]map[string]ranked{}
	for _, r := range all {
		segment, measure := fmt.Sprintf("%q", r.key[:len(q.groups)]), r.key[len(q.groups)]
		if measured[segment] == nil {
			measured[segment] = map[string]ranked{}
		}
		measured[segment][measure] = r
	}
	return measured, err
}

// pagesTable has, beside what was counted, the percentile of the load as a whole with its interval, and that of each
// phase under its own key; with a comparison the change of each as well. The percentiles of the phases do not add up to
// that of the whole: the slowest quarter of one phase are not the same loads as those of another.
func (q *question) pagesTable(rows []*pageRow) *data.Frame {
	var keys [][]string
	var views, loads, changes []float64
	var samples, serverSamples []int64
	var lower, upper, serverShare []*float64
	for _, r := range rows {
		whole, enough := r.now["duration"], r.samples >= q.enough && r.samples > 0
		keys = append(keys, r.key)
		views, loads, changes = append(views, r.loads+r.changes), append(loads, r.loads), append(changes, r.changes)
		samples, serverSamples = append(samples, int64(r.samples)), append(serverSamples, int64(r.serverSamples))
		lower = append(lower, pointerIf(enough && whole.boundedBelow, whole.lower))
		upper = append(upper, pointerIf(enough && whole.boundedAbove, whole.upper))
		serverShare = append(serverShare, pointerIf(r.serverSamples >= q.enough, min(1, r.serverTime/r.firstByte)))
	}
	share := column("serverShare", "Server share", unitShare, serverShare)
	share.Config.Description = "Of the time to the first byte, in page loads whose Server-Timing says what the server took"
	fields := append(q.groupColumns(keys),
		column("views", "Page views", unitShort, views),
		column("count", "Page loads", unitShort, loads),
		column("routeChanges", "Route changes", unitShort, changes),
		column("samples", "Samples", unitShort, samples))
	fields = append(fields, q.pageColumns(pageMeasures[0], "value", "change", rows)...)
	fields = append(fields,
		column("lower", "Lower bound (95 %)", unitMilliseconds, lower),
		column("upper", "Upper bound (95 %)", unitMilliseconds, upper))
	for _, m := range pageMeasures[1:] {
		fields = append(fields, q.pageColumns(m, m.key, m.key+"Change", rows)...)
	}
	fields = append(fields, share, column("serverSamples", "Samples with server time", unitShort, serverSamples))
	for _, field := range fields[len(q.groups):] {
		field.Config.NoValue = "not enough data"
	}
	return newFrame(data.FrameTypeTable, fields...)
}

// pageColumns are a measure's percentile and, with a comparison, its change.
func (q *question) pageColumns(m pageMeasure, field, changeField string, rows []*pageRow) []*data.Field {
	var value, change []*float64
	for _, r := range rows {
		now, before := r.now[m.key], r.before[m.key]
		enough := now.samples >= q.enough && now.samples > 0
		value = append(value, pointerIf(enough, now.value))
		change = append(change, pointerIf(enough && before.samples >= q.enough, now.value/before.value-1))
	}
	fields := []*data.Field{column(field, m.name+" "+q.percentileName(), m.unit, value)}
	if !q.baseline.empty() {
		fields = append(fields, column(changeField, m.name+" change", unitShare, change))
	}
	return fields
}
