package query

import (
	"context"
	"fmt"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/sightline-rum/sightline/pkg/query/stats"
	"github.com/sightline-rum/sightline/pkg/rum"
)

// traced is how many page loads, or calls, of a segment have a trace that can be looked at. Counts are by weight.
type traced struct {
	samples                      uint64
	all, usable, unsampled, none float64
	squares                      float64
	views                        uint64 // page views behind them: below a threshold of them only
}

// traceability has a row a route: the share of its page loads, and of the calls its scripts make to the site's own
// hosts, whose trace the browser knows and was told is recorded; and why the others have none. Only these can have a
// trace: nobody sends one to a third party, and a route change asks the back end for nothing.
func (q *question) traceability(ctx context.Context, conn driver.Conn) (data.Frames, error) {
	if len(q.groups) == 0 {
		d, err := q.dimension("route")
		if err != nil {
			return nil, err
		}
		q.groups = []dimension{d}
	}
	var s statement
	behind, viewColumns := "", ""
	if q.few > 0 {
		behind = fmt.Sprintf(", uniqIf(%[1]s, kind = 'loads'), uniqIf(%[1]s, kind = 'calls')", theView)
		viewColumns = ", session_id, view_id"
	}
	facts := func(kind string) string {
		return fmt.Sprintf(`countIf(kind = '%[1]s') AS %[1]s_n, sumIf(w, kind = '%[1]s'),
  sumIf(w, kind = '%[1]s' AND trace_id != '' AND trace_sampled),
  sumIf(w, kind = '%[1]s' AND trace_id != '' AND NOT trace_sampled),
  sumIf(w, kind = '%[1]s' AND trace_id = ''), sumIf(toFloat64(w) * w, kind = '%[1]s')`, kind)
	}
	branch := func(from table, kind, condition string) string {
		of := q.ofTable(from)
		return fmt.Sprintf(`SELECT %s'%s' AS kind, toUInt64(weight) AS w, trace_id, trace_sampled > 0 AS trace_sampled%s FROM %s
  WHERE %s
    AND %s`, q.selectGroups(), kind, viewColumns, from, strings.ReplaceAll(of.where(&s, q.window), "\n", "\n  "), condition)
	}
	sql := fmt.Sprintf(`SELECT %[1]s%[2]s,
  %[3]s%[9]s
FROM (
  %[4]s
  UNION ALL
  %[5]s
)
%[6]s
ORDER BY loads_n + calls_n DESC, %[7]s
LIMIT %[8]s`, q.groupNames(), facts("loads"), facts("calls"),
		branch(tableViews, "loads", "views.kind = "+s.bind("load", "String", rum.ViewLoad)),
		branch(tableRequests, "calls", s.among("requests.kind", "call", callKinds)+" AND party = 'first'"), q.groupBy(),
		strings.TrimSuffix(q.groupNames(), ", "), s.bind("limit", "UInt64", q.limit()+1), behind)
	var keys [][]string
	var loads, calls []traced
	err := q.rows(ctx, conn, &s, sql, func(rows driver.Rows) error {
		var counts [2][5]uint64
		var both [2]traced
		into := []any{
			&counts[0][0], &counts[0][1], &counts[0][2], &counts[0][3], &counts[0][4], &both[0].squares,
			&counts[1][0], &counts[1][1], &counts[1][2], &counts[1][3], &counts[1][4], &both[1].squares,
		}
		if q.few > 0 {
			into = append(into, &both[0].views, &both[1].views)
		}
		key, err := q.scanned(rows, into...)
		for i, c := range counts {
			both[i].samples = c[0]
			both[i].all, both[i].usable = float64(c[1])/rum.FullWeight, float64(c[2])/rum.FullWeight
			both[i].unsampled, both[i].none = float64(c[3])/rum.FullWeight, float64(c[4])/rum.FullWeight
		}
		keys, loads, calls = append(keys, key), append(loads, both[0]), append(calls, both[1])
		return err
	})
	if err != nil {
		return nil, err
	}
	cut := len(keys) > q.limit()
	if cut {
		keys, loads, calls = keys[:q.limit()], loads[:q.limit()], calls[:q.limit()]
	}
	fields := q.groupColumns(keys)
	fields = append(fields, q.tracedColumns("views", "Page loads", reasonNoServerTiming, loads)...)
	fields = append(fields, q.tracedColumns("requests", "Requests", reasonNoneSent, calls)...)
	frame := newFrame(data.FrameTypeTable, fields...)
	if cut {
		frame.AppendNotices(q.cutNotice("rows"))
	}
	return data.Frames{frame}, nil
}

// tracedColumns are the counts and shares of page loads or of requests.
func (q *question) tracedColumns(key, people, whyNone string, all []traced) []*data.Field {
	var samples []int64
	var counts []float64
	var shares [5][]*float64
	for _, t := range all {
		enough := t.samples >= q.enough && t.samples > 0
		if q.hasFew(t.views) {
			t.samples, t.all, enough, q.leftOut = t.views, leave, false, true
		}
		samples, counts = append(samples, int64(t.samples)), append(counts, t.all)
		n := stats.EffectiveSize(t.all*rum.FullWeight, t.squares)
		low, high := stats.Wilson(t.usable/t.all*n, n)
		for i, share := range []float64{t.usable / t.all, low, high, t.unsampled / t.all, t.none / t.all} {
			shares[i] = append(shares[i], pointerIf(enough, share))
		}
	}
	fields := []*data.Field{
		q.numbers(key, people, unitShort, counts),
		q.samples(samples)(key+"Samples", people+": samples"),
		column(key+"Traced", people+" with a trace", unitShare, shares[0]),
		column(key+"TracedLower", "Lower bound (95 %)", unitShare, shares[1]),
		column(key+"TracedUpper", "Upper bound (95 %)", unitShare, shares[2]),
		column(key+"Unsampled", people+": "+reasonNotSampled, unitShare, shares[3]),
		column(key+"Untraced", people+": "+whyNone, unitShare, shares[4]),
	}
	for _, field := range fields {
		field.Config.NoValue = "not enough data"
	}
	return fields
}
