package query

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/sightline-rum/sightline/pkg/query/stats"
	"github.com/sightline-rum/sightline/pkg/rum"
)

const (
	// evidenceBuckets is how many buckets the time range is divided into when the onset is looked for.
	evidenceBuckets = 60

	// nearDeploy is how far from the onset a deploy may be to be named: a release needs a while to reach everybody, and
	// what was done about it belongs to the story as well.
	nearDeploy = time.Hour

	// topErrors are the error groups that are told of.
	topErrors = 3

	// mostSegments are read per statement, whatever the limit: the worst are picked from them.
	mostSegments = 1000
)

// suffering are the errors and failed requests of a span as rows of the query's dimensions and what else is named.
func (e *evidenceOf) suffering(s *statement, w window, columns string) string {
	return fmt.Sprintf(`  SELECT %[1]s%[2]s FROM errors
  WHERE %[3]s
  UNION ALL
  SELECT %[1]s%[2]s FROM requests
  WHERE %[4]s
    AND %[5]s AND %[6]s`, e.selectGroups(), columns, e.ofTable(tableErrors).where(s, w),
		e.ofTable(tableRequests).where(s, w), s.among("kind", "kind", callKinds), failedCall)
}

// readOnsets finds since when each segment has more errors and failed requests than the window before explains.
func (e *evidenceOf) readOnsets(ctx context.Context, conn driver.Conn) error {
	size := max(time.Second, e.window.length()/evidenceBuckets)
	buckets := int((e.window.length() + size - 1) / size)
	start := e.window.to.Add(-time.Duration(2*buckets) * size)
	var s statement
	sql := fmt.Sprintf(`SELECT %[1]sintDiv(toUnixTimestamp64Milli(ts) - %[2]s, %[3]s) AS bucket, sum(weight)
FROM (
%[4]s
)
%[5]s
LIMIT %[6]s`, e.groupNames(), s.bind("start", "Int64", start.UnixMilli()), s.bind("size", "Int64", size.Milliseconds()),
		e.suffering(&s, window{from: start, to: e.window.to}.clamped(), "ts, weight"), e.groupBy("bucket"),
		s.bind("most", "UInt64", mostSegments*2*evidenceBuckets))
	series := map[*segmentEvidence][]float64{}
	err := e.rows(ctx, conn, &s, sql, func(rows driver.Rows) error {
		var bucket int64
		var weight uint64
		key, err := e.scanned(rows, &bucket, &weight)
		segment := e.of(key)
		if series[segment] == nil {
			series[segment] = make([]float64, 2*buckets)
		}
		if bucket >= 0 && bucket < int64(2*buckets) {
			series[segment][bucket] += float64(weight) / rum.FullWeight
		}
		return err
	})
	for segment, counts := range series {
		usual := stats.History{Window: size, Recent: counts[:buckets]}.Expect()
		expected := slices.Repeat([]float64{usual.Count}, len(counts))
		onset, ok := stats.FindOnset(counts, expected, usual.Dispersion, buckets)
		if ok && onset.Excess >= stats.BurstEvents {
			segment.onset = start.Add(time.Duration(onset.Start) * size).UTC()
		}
	}
	return err
}

// readRequests reads the segment's API calls, all of them and by endpoint.
func (e *evidenceOf) readRequests(ctx context.Context, conn driver.Conn) error {
	var s statement
	named := e.spans.named(&s)
	var columns []string
	for _, span := range inSpans {
		columns = append(columns, fmt.Sprintf(`countIf(%[1]s), sumIf(weight, %[1]s), sumIf(weight, %[1]s AND %[2]s),
  quantileExactWeightedIf(0.75)(duration, weight, %[1]s)`, span, failedCall))
	}
	var views [3]uint64
	seen, seenInto := "", []any(nil)
	if e.few > 0 {
		seen, seenInto = viewsIn(&views, "1")
	}
	sql := fmt.Sprintf(`%[1]s
SELECT %[2]sarrayJoin(['', concat(method, ' ', host, endpoint)]) AS name,
  %[3]s,
  countIf(in_now AND server > 0), sumIf(toFloat64(server) * weight, in_now AND server > 0),
  sumIf(toFloat64(duration) * weight, in_now AND server > 0)%[10]s
FROM requests
WHERE %[4]s
  AND %[5]s AND %[6]s
%[7]s
ORDER BY count() DESC, name
LIMIT 200 BY %[8]s
LIMIT %[9]s`, named, e.selectGroups(), strings.Join(columns, ",\n  "),
		e.ofTable(tableRequests).where(&s, e.spans.hull()), s.among("kind", "kind", callKinds), inAnySpan, e.groupBy("name"),
		e.limitBy(), s.bind("most", "UInt64", mostSegments*20), seen)
	return e.rows(ctx, conn, &s, sql, func(rows driver.Rows) error {
		var name string
		var calls, weight, failed [3]uint64
		var p75 [3]float32
		var timed uint64
		var server, all float64
		into := []any{&name}
		for i := range calls {
			into = append(into, &calls[i], &weight[i], &failed[i], &p75[i])
		}
		key, err := e.scanned(rows, append(append(into, &timed, &server, &all), seenInto...)...)
		if err != nil {
			return err
		}
		x := endpointEvidence{name: name, timed: float64(timed), failure: float64(failed[0]) / rum.FullWeight}
		for i := range calls {
			x.calls[i] = float64(calls[i])
			if weight[i] > 0 {
				x.rate[i], x.p75[i] = float64(failed[i])/float64(weight[i]), float64(p75[i])
			}
		}
		if all > 0 {
			x.server = min(1, server/all)
		}
		if e.few > 0 {
			e.leaveFew(views, &x.calls, &x.rate, &x.p75)
			if !e.met(views) && name != "" {
				return nil
			}
			if e.hasFew(views[0]) {
				x.timed = 0
			}
		}
		e.of(key).about(x, float64(e.enough))
		return nil
	})
}

// about keeps the endpoint when it is the one that fails most or is slowest.
func (s *segmentEvidence) about(x endpointEvidence, enough float64) {
	switch {
	case x.name == "":
		s.requests = x
		return
	case x.failure > s.failing.failure:
		s.failing = x
	}
	if x.calls[0] >= enough && x.p75[0] > s.slowest.p75[0] {
		s.slowest = x
	}
}

// limitBy is what a statement's LIMIT BY counts for: the segments, or everything.
func (q *question) limitBy() string {
	if len(q.groups) == 0 {
		return "tuple()"
	}
	return strings.TrimSuffix(q.groupNames(), ", ")
}

// readErrors reads the error groups that are met most now.
func (e *evidenceOf) readErrors(ctx context.Context, conn driver.Conn) error {
	var s statement
	named := e.spans.named(&s)
	var views [3]uint64
	seen, seenInto := "", []any(nil)
	if e.few > 0 {
		seen, seenInto = viewsIn(&views, "1")
	}
	sql := fmt.Sprintf(`%[1]s
SELECT %[2]sarrayJoin(['', fingerprint]) AS name, argMax(toString(error_type), ts), argMax(message, ts),
  sumIf(weight, in_now) AS total, sumIf(weight, in_before), sumIf(weight, in_yesterday)%[9]s
FROM errors
WHERE %[3]s
  AND %[4]s
%[5]s
ORDER BY name = '' DESC, total DESC, name
LIMIT %[6]d BY %[7]s
LIMIT %[8]s`, named, e.selectGroups(), e.ofTable(tableErrors).where(&s, e.spans.hull()), inAnySpan,
		e.groupBy("name"), topErrors+1, e.limitBy(),
		s.bind("most", "UInt64", mostSegments*(topErrors+1)), seen)
	return e.rows(ctx, conn, &s, sql, func(rows driver.Rows) error {
		var g groupEvidence
		var count [3]uint64
		key, err := e.scanned(rows, append([]any{&g.fingerprint, &g.errorType, &g.message, &count[0], &count[1],
			&count[2]}, seenInto...)...)
		for i := range count {
			g.count[i] = float64(count[i]) / rum.FullWeight
		}
		if e.few > 0 {
			e.leaveFew(views, &g.count)
			if count[0] > 0 && !e.met(views) {
				e.of(key).groupsFew = true
				return err
			}
		}
		switch segment := e.of(key); {
		case g.fingerprint == "":
			segment.errors = g.count
		case count[0] > 0:
			segment.groups = append(segment.groups, g)
		}
		return err
	})
}

// readAffected counts the sessions that met an error or a failed request, and picks one: with a trace when there is
// any, the one that suffered most, then the latest.
func (e *evidenceOf) readAffected(ctx context.Context, conn driver.Conn) error {
	var s statement
	named := e.spans.named(&s)
	hitColumns, viewColumns, viewColumn := "", "", ""
	if e.few > 0 {
		for i, span := range inSpans {
			hitColumns += fmt.Sprintf(", sum(views%d)", i)
			viewColumns += fmt.Sprintf(", uniqIf(view_id, %s) AS views%d", span, i)
		}
		viewColumn = ", view_id"
	}
	sql := fmt.Sprintf(`SELECT %[1]ssumIf(heaviest, hits > 0) AS affected,
  sumIf(heaviest, hits_before > 0), sumIf(heaviest, hits_yesterday > 0),
  argMaxIf(session_id, (trace != '', hits, latest, session_id), hits > 0),
  argMaxIf(trace, (trace != '', hits, latest, session_id), hits > 0)%[8]s
FROM (
  %[2]s
  SELECT %[1]ssession_id, max(weight) AS heaviest, max(ts) AS latest,
    countIf(in_now) AS hits, countIf(in_before) AS hits_before, countIf(in_yesterday) AS hits_yesterday,
    argMaxIf(trace_id, (trace_sampled, ts, trace_id), trace_id != '' AND in_now) AS trace%[9]s
  FROM (
%[3]s
  )
  WHERE session_id != '' AND %[4]s
  %[5]s
)
%[6]s
ORDER BY affected DESC
LIMIT %[7]s`, e.groupNames(), named,
		e.suffering(&s, e.spans.hull(), "session_id, ts, weight, trace_id, trace_sampled"+viewColumn), inAnySpan,
		e.groupBy("session_id"), e.groupBy(), s.bind("most", "UInt64", mostSegments), hitColumns, viewColumns)
	var without []string
	err := e.rows(ctx, conn, &s, sql, func(rows driver.Rows) error {
		var affected, hit [3]uint64
		var session, trace string
		into := []any{&affected[0], &affected[1], &affected[2], &session, &trace}
		if e.few > 0 {
			into = append(into, &hit[0], &hit[1], &hit[2])
		}
		key, err := e.scanned(rows, into...)
		segment := e.of(key)
		segment.sessionID, segment.traceID, segment.hit = session, trace, hit
		for i := range affected {
			segment.affected[i] = float64(affected[i]) / rum.FullWeight
		}
		if session != "" && trace == "" && len(without) < e.limit() {
			without = append(without, session)
		}
		return err
	})
	if err != nil {
		return err
	}
	traces, err := e.tracesOf(ctx, conn, without, e.window)
	for _, segment := range e.segments {
		if segment.traceID == "" {
			segment.traceID = traces[segment.sessionID]
		}
	}
	return err
}

// readVisitors counts all sessions, which says how large a part those affected are.
func (e *evidenceOf) readVisitors(ctx context.Context, conn driver.Conn) error {
	var s statement
	named := e.spans.named(&s)
	sql := fmt.Sprintf(`SELECT %[1]ssumIf(heaviest, seen) AS visitors,
  sumIf(heaviest, seen_before), sumIf(heaviest, seen_yesterday)
FROM (
  %[2]s
  SELECT %[3]ssession_id, max(weight) AS heaviest,
    max(in_now) AS seen, max(in_before) AS seen_before, max(in_yesterday) AS seen_yesterday
  FROM views
  WHERE %[4]s
    AND session_id != '' AND %[5]s
  %[6]s
)
%[7]s
ORDER BY visitors DESC
LIMIT %[8]s`, e.groupNames(), named, e.selectGroups(), e.ofTable(tableViews).where(&s, e.spans.hull()), inAnySpan,
		e.groupBy("session_id"), e.groupBy(), s.bind("most", "UInt64", mostSegments))
	return e.rows(ctx, conn, &s, sql, func(rows driver.Rows) error {
		var visitors [3]uint64
		key, err := e.scanned(rows, &visitors[0], &visitors[1], &visitors[2])
		segment := e.of(key)
		for i := range visitors {
			segment.visitors[i] = float64(visitors[i]) / rum.FullWeight
		}
		return err
	})
}

// readDeploys finds what went out near each segment's onset, or near the time range where nothing set in.
func (e *evidenceOf) readDeploys(ctx context.Context, conn driver.Conn) error {
	e.leaveFewOnsets()
	around := window{from: e.window.before().from.Add(-nearDeploy), to: e.window.to}.clamped()
	deploys, err := e.appDeploys(ctx, conn, around, mostSegments)
	for _, segment := range e.segments {
		for _, d := range deploys {
			if d.at.Sub(e.anchor(segment)).Abs() <= nearDeploy {
				segment.deploys = append(segment.deploys, d)
			}
		}
		slices.SortStableFunc(segment.deploys, func(a, b deploy) int {
			return int(a.at.Sub(e.anchor(segment)).Abs() - b.at.Sub(e.anchor(segment)).Abs())
		})
	}
	return err
}

// readLastDeploys finds the last deploy before each segment's end, however long ago.
func (e *evidenceOf) readLastDeploys(ctx context.Context, conn driver.Conn) error {
	deploys, err := e.appDeploys(ctx, conn, window{from: firstMoment, to: e.window.to}, mostSegments)
	place := slices.IndexFunc(e.groups, func(d dimension) bool { return d.key == "release" })
	for _, segment := range e.segments {
		last := slices.IndexFunc(deploys, func(d deploy) bool { return place < 0 || d.release == segment.key[place] })
		if last >= 0 {
			segment.last = deploys[last]
		}
	}
	return err
}

// appDeploys are the whole app's deploys, the latest first: the segment's filters do not choose among them.
func (q *question) appDeploys(ctx context.Context, conn driver.Conn, w window, limit int) ([]deploy, error) {
	kind, err := typeByName("deploys")
	if err != nil {
		return nil, err
	}
	asked := question{Query: q.Query, kind: kind, limits: q.limits}
	deploys, err := asked.deploysWithin(ctx, conn, w, limit)
	q.executed = append(q.executed, asked.executed...)
	return deploys, err
}

// anchor is the onset, or where the time range begins.
func (e *evidenceOf) anchor(s *segmentEvidence) time.Time {
	if s.onset.IsZero() {
		return e.window.from
	}
	return s.onset
}
