package query

import (
	"context"
	"fmt"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/grafana/grafana-plugin-sdk-go/data"
)

// What sessions are ranked by; the query names it as its metric.
const (
	sessionsByScore       = "score"
	sessionsBySlowestCall = "slowestRequest"
)

var sessionRankings = []string{sessionsByScore, sessionsBySlowestCall}

// slowestSessions ranks sessions by their slowest call within the window, and says whether none that was not compared
// could rank among the first. Sessions without a call have no place in it. A filter holds for the session and for the
// call: on a route, the slowest call that was made there counts.
func (q *question) slowestSessions(ctx context.Context, conn driver.Conn) ([]session, bool, error) {
	of, err := q.ofItsCalls()
	if err != nil {
		return nil, false, err
	}
	sessions, err := q.candidates(ctx, conn, candidateOrder{
		by: "s_slowest", limit: q.limit() + 1, calls: func(s *statement) string { return of.slowestCalls(s, maxCandidates) },
	})
	if err != nil || len(sessions) > q.limit() {
		return sessions, true, err
	}
	all, err := of.sessionsWithCalls(ctx, conn, maxCandidates)
	q.executed = append(q.executed, of.executed...)
	return sessions, all < maxCandidates, err
}

// ofItsCalls is the question about requests with the same filters.
func (q *question) ofItsCalls() (*question, error) {
	kind, err := typeByName("requests")
	if err != nil {
		return nil, err
	}
	of := &question{Query: q.Query, kind: kind, window: q.window, limits: q.limits}
	for _, f := range q.filters {
		d, err := of.dimension(f.key)
		if err != nil {
			return nil, err
		}
		of.filters = append(of.filters, filter{dimension: d, operator: f.operator, values: f.values})
	}
	return of, nil
}

// slowestCalls is the statement for the slowest call of each session, of the sessions with the slowest. A call that
// nobody recorded a trace of has none to be looked at.
func (q *question) slowestCalls(s *statement, most int) string {
	return fmt.Sprintf(`SELECT session_id, max(duration) AS call_duration,
  argMax(if(trace_sampled > 0, trace_id, ''), (duration, ts, trace_id)) AS call_trace
FROM requests
WHERE %s
  AND session_id != ''
GROUP BY session_id
ORDER BY call_duration DESC, session_id
LIMIT %s`, q.requestsWhere(s, q.window), s.bind("compared", "UInt64", most))
}

// sessionsWithCalls counts the sessions that were there to compare, as far as most.
func (q *question) sessionsWithCalls(ctx context.Context, conn driver.Conn, most int) (n int, err error) {
	var s statement
	sql := fmt.Sprintf(`SELECT count() FROM (
  SELECT DISTINCT session_id FROM requests
  WHERE %s
  AND session_id != ''
  LIMIT %s)`, q.requestsWhere(&s, q.window), s.bind("compared", "UInt64", most))
	err = q.rows(ctx, conn, &s, sql, func(rows driver.Rows) error {
		var counted uint64
		err := rows.Scan(&counted)
		n = int(counted)
		return err
	})
	return n, err
}

// slowestCallColumn is what the sessions were ranked by.
func slowestCallColumn(sessions []session) *data.Field {
	durations := make([]float64, 0, len(sessions))
	for _, s := range sessions {
		durations = append(durations, s.slowest)
	}
	field := column("slowestRequest", "Slowest request", unitMilliseconds, durations)
	field.Config.Description = "The slowest call (fetch, XHR) that the filters let pass. The trace is this call's."
	return field
}
