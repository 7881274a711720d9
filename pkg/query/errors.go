package query

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/sightline-rum/sightline/pkg/rum"
)

// errors answers how often what went wrong, for how many sessions. Its table is one row an error group unless the
// query groups by something else; its series are counts over time, where nothing is a real 0.
func askErrors(ctx context.Context, conn driver.Conn, q *question) (data.Frames, error) {
	if q.Format == formatSeries {
		return q.countsSeries(ctx, conn, "Errors")
	}
	if len(q.groups) == 0 {
		group, err := q.dimension("fingerprint")
		if err != nil {
			return nil, err
		}
		q.groups = []dimension{group}
	}
	rows, err := q.errorRows(ctx, conn)
	if err != nil {
		return nil, err
	}
	cut := len(rows) > q.limit()
	if cut {
		rows = rows[:q.limit()]
	}
	histories, err := q.errorHistories(ctx, conn)
	if err != nil {
		return nil, err
	}
	frame := q.errorsTable(rows, histories)
	if cut {
		frame.AppendNotices(q.cutNotice("rows"))
	}
	return data.Frames{frame}, nil
}

// errorRow is one row of the table: counts by weight, within the window.
type errorRow struct {
	key             []string
	count, sessions float64
	first, last     time.Time
}

// errorRows counts the limit + 1 most frequent. A session is kept or left out as a whole, so the weight of any of its
// errors is the number of sessions it stands for.
func (q *question) errorRows(ctx context.Context, conn driver.Conn) ([]errorRow, error) {
	var s statement
	sql := fmt.Sprintf(`SELECT %[1]ssum(w) AS total, sumIf(heaviest, session != '') AS affected, min(first), max(last)
FROM (
  SELECT %[2]ssession_id AS session, sum(weight) AS w, max(weight) AS heaviest, min(ts) AS first, max(ts) AS last
  FROM errors
  WHERE %[3]s
  %[4]s
)
%[5]s
ORDER BY total DESC, %[1]saffected
LIMIT %[6]s`,
		q.groupNames(), q.selectGroups(), q.where(&s, q.window), q.groupBy("session"), q.groupBy(),
		s.bind("limit", "UInt64", q.limit()+1))
	var all []errorRow
	err := q.rows(ctx, conn, &s, sql, func(rows driver.Rows) (err error) {
		var r errorRow
		var count, sessions uint64
		r.key, err = q.scanned(rows, &count, &sessions, &r.first, &r.last)
		r.count, r.sessions = float64(count)/rum.FullWeight, float64(sessions)/rum.FullWeight
		all = append(all, r)
		return err
	})
	return all, err
}

// history is an error group's latest occurrence in the window, and what is known of it beyond.
type history struct {
	errorType, message, stack string
	first, last               time.Time
	firstRelease              string
	session, trace, request   string // of an occurrence in the window
}

// errorHistories reads them for the groups in the table. Without fingerprints in the answer there is nothing to read.
func (q *question) errorHistories(ctx context.Context, conn driver.Conn) (map[string]*history, error) {
	if !q.groupsBy("fingerprint") {
		return nil, nil
	}
	histories := map[string]*history{}

	var latest statement
	const sample = "(trace_id != '', trace_sampled, request_id != '', session_id != '', ts, session_id)"
	sql := fmt.Sprintf(`SELECT fingerprint, argMax(toString(error_type), ts), argMax(message, ts),
  argMax(if(mapped != '', mapped, stack), ts),
  argMax(session_id, `+sample+`), argMax(trace_id, `+sample+`), argMax(request_id, `+sample+`)
FROM errors
WHERE %s%s
GROUP BY fingerprint
LIMIT %s`, q.where(&latest, q.window), q.amongTopErrors(&latest), latest.bind("limit", "UInt64", q.limit()+1))
	err := q.rows(ctx, conn, &latest, sql, func(rows driver.Rows) error {
		var fingerprint string
		var h history
		err := rows.Scan(&fingerprint, &h.errorType, &h.message, &h.stack, &h.session, &h.trace, &h.request)
		histories[fingerprint] = &h
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := q.addTracesOfSessions(ctx, conn, histories); err != nil {
		return nil, err
	}

	var beyond statement
	scope := "app = " + beyond.bind("app", "String", q.App)
	if q.Environment != anyEnvironment {
		scope += " AND environment = " + beyond.bind("environment", "String", q.Environment)
	}
	sql = fmt.Sprintf(`SELECT fingerprint, min(first_seen), max(last_seen), argMinMerge(first_release)
FROM error_groups
WHERE %s AND fingerprint IN (
  SELECT fingerprint FROM errors
  WHERE %s%s)
GROUP BY fingerprint
LIMIT %s`, scope, q.where(&beyond, q.window), q.amongTopErrors(&beyond), beyond.bind("limit", "UInt64", q.limit()+1))
	err = q.rows(ctx, conn, &beyond, sql, func(rows driver.Rows) error {
		var fingerprint, release string
		var first, last time.Time
		err := rows.Scan(&fingerprint, &first, &last, &release)
		if h := histories[fingerprint]; h != nil {
			h.first, h.last, h.firstRelease = first, last, release
		}
		return err
	})
	return histories, err
}

// addTracesOfSessions gives the samples whose error named no trace one of their visit: of a request that failed if there
// is one, as that is often what the error is about.
func (q *question) addTracesOfSessions(ctx context.Context, conn driver.Conn, histories map[string]*history) error {
	var without []string
	for _, h := range histories {
		if h.trace == "" && h.session != "" {
			without = append(without, h.session)
		}
	}
	slices.Sort(without)
	without = slices.Compact(without)
	traces, err := q.tracesOf(ctx, conn, without[:min(len(without), mostSegments)], q.window)
	for _, h := range histories {
		if h.trace == "" {
			h.trace = traces[h.session]
		}
	}
	return err
}

// amongTopErrors keeps a statement to the rows errorRows answers with.
func (q *question) amongTopErrors(s *statement) string {
	return q.amongTop(s, "errors", "sum(weight)", q.where)
}

// errorsTable puts both together. firstSeen, lastSeen and firstRelease are an error group's own, whenever that was; of
// any other segment the first and last within the window are known.
func (q *question) errorsTable(rows []errorRow, histories map[string]*history) *data.Frame {
	var keys [][]string
	var types, messages, releases, stacks []string
	var counts, sessions []float64
	var first, last []time.Time
	var visits, traces, requests []*string
	for _, r := range rows {
		h := &history{}
		for i, d := range q.groups {
			if found := histories[r.key[i]]; d.key == "fingerprint" && found != nil {
				h = found
			}
		}
		if !h.first.IsZero() {
			r.first, r.last = h.first, h.last
		}
		keys = append(keys, r.key)
		types, messages, stacks = append(types, h.errorType), append(messages, h.message), append(stacks, h.stack)
		counts, sessions = append(counts, r.count), append(sessions, r.sessions)
		first, last, releases = append(first, r.first), append(last, r.last), append(releases, h.firstRelease)
		visits = append(visits, textIf(h.session))
		traces, requests = append(traces, textIf(h.trace)), append(requests, textIf(h.request))
	}
	fields := q.groupColumns(keys)
	byGroup := q.groupsBy("fingerprint")
	if byGroup && !q.groupsBy("errorType") {
		fields = append(fields, column("errorType", "Error type", unitNone, types))
	}
	if byGroup {
		fields = append(fields, sentences("message", "Message", messages))
	}
	fields = append(fields,
		column("count", "Count", unitShort, counts),
		column("sessions", "Sessions", unitShort, sessions),
		column("firstSeen", "First seen", unitTime, first),
		column("lastSeen", "Last seen", unitTime, last))
	if byGroup {
		fields = append(fields,
			column("firstRelease", "First release", unitNone, releases),
			column("stack", "Latest stack", unitNone, stacks),
			column("sessionId", "Session", unitNone, visits),
			column("traceId", "Trace", unitNone, traces),
			column("requestId", "Request", unitNone, requests))
	}
	return newFrame(data.FrameTypeTable, fields...)
}
