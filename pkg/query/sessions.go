package query

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/sightline-rum/sightline/pkg/rum"
)

// The score of a session ranks the visits worth looking at: what a person suffered, worst first. Each Core Web Vital
// that was ever reported as poor counts 10 and one that needed improvement 3; each error 5, each moment of frustration
// (rage, dead and error clicks) 5, each failed request 2. Of each of the last three, ten count at most: an error thrown
// in a loop is one broken visit, not a thousand.
const (
	scorePoor             = 10
	scoreNeedsImprovement = 3
	scoreError            = 5
	scoreFrustration      = 5
	scoreFailedRequest    = 2
	scoreAtMost           = 10
)

// sessions lists slow, broken and frustrated sessions that were alive within the window, worst first.
func askSessions(ctx context.Context, conn driver.Conn, q *question) (data.Frames, error) {
	if len(q.groups) > 0 {
		return nil, badRequest("sessions lists single sessions: groupBy is for other types, filters narrow it down")
	}
	sessions, err := q.sessionRows(ctx, conn)
	if err != nil {
		return nil, err
	}
	cut := len(sessions) > q.limit()
	if cut {
		sessions = sessions[:q.limit()]
	}
	frame := sessionsTable(sessions)
	if cut {
		frame.AppendNotices(q.cutNotice("sessions"))
	}
	return data.Frames{frame}, nil
}

type session struct {
	id, route, browser, device, country, release, traceID string
	start, end                                            time.Time
	views, errors, frustrations, failedRequests           uint64
	lcp, inp, cls                                         float64
	score                                                 float64
}

// sessionRows puts each session's rows together (it has one a day and part) before anything is decided about it.
func (q *question) sessionRows(ctx context.Context, conn driver.Conn) ([]session, error) {
	var s statement
	scope := "app = " + s.bind("app", "String", q.App)
	if q.Environment != anyEnvironment {
		scope += " AND environment = " + s.bind("environment", "String", q.Environment)
	}
	from, to := s.moment("from", q.window.from), s.moment("to", q.window.to)
	having := append([]string{"s_end >= " + from, "s_start < " + to}, q.conditions(&s)...)
	sql := fmt.Sprintf(`SELECT session_id, min(start) AS s_start, max(end) AS s_end,
  sum(views) AS s_views, sum(errors) AS s_errors, sum(frustrations) AS s_frustrations, sum(failed_requests) AS s_failed,
  max(worst_lcp) AS s_lcp, max(worst_inp) AS s_inp, max(worst_cls) AS s_cls,
  argMinMerge(first_route) AS s_route, max(browser) AS s_browser, max(device) AS s_device, max(country) AS s_country,
  max(release) AS s_release, max(trace_id) AS s_trace,
  toFloat64(%[1]s) AS score
FROM sessions
WHERE %[2]s AND day >= toDate(%[3]s) - 1 AND day <= toDate(%[4]s) + 1
GROUP BY session_id
HAVING %[5]s
ORDER BY score DESC, s_start DESC, session_id
LIMIT %[6]s`, scoreExpr(&s), scope, from, to, strings.Join(having, "\n  AND "), s.bind("limit", "UInt64", q.limit()+1))
	var all []session
	err := q.rows(ctx, conn, &s, sql, func(rows driver.Rows) error {
		var r session
		err := rows.Scan(&r.id, &r.start, &r.end, &r.views, &r.errors, &r.frustrations, &r.failedRequests,
			&r.lcp, &r.inp, &r.cls, &r.route, &r.browser, &r.device, &r.country, &r.release, &r.traceID, &r.score)
		all = append(all, r)
		return err
	})
	return all, err
}

func scoreExpr(s *statement) string {
	var parts []string
	for _, m := range rum.Metrics {
		if m.Core {
			parts = append(parts, fmt.Sprintf("multiIf(s_%[1]s > %[2]s, %[4]d, s_%[1]s > %[3]s, %[5]d, 0)", m.Key,
				s.bind(m.Key+"_poor", "Float64", m.Poor), s.bind(m.Key+"_good", "Float64", m.Good),
				scorePoor, scoreNeedsImprovement))
		}
	}
	for _, counted := range []struct {
		column string
		points int
	}{{"s_errors", scoreError}, {"s_frustrations", scoreFrustration}, {"s_failed", scoreFailedRequest}} {
		parts = append(parts, fmt.Sprintf("%d * least(%s, %d)", counted.points, counted.column, scoreAtMost))
	}
	return strings.Join(parts, " + ")
}

// sessionsTable has a session a row. LCP and INP are empty where none was measured; a CLS of 0 is a real one.
func sessionsTable(sessions []session) *data.Frame {
	n := len(sessions)
	id, route, browser, device := make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	country, release, traceID := make([]string, n), make([]string, n), make([]string, n)
	start, duration := make([]time.Time, n), make([]float64, n)
	views, errors, frustrations, failed := make([]int64, n), make([]int64, n), make([]int64, n), make([]int64, n)
	lcp, inp, cls, score := make([]*float64, n), make([]*float64, n), make([]*float64, n), make([]float64, n)
	for i, s := range sessions {
		id[i], route[i], browser[i], device[i] = s.id, s.route, s.browser, s.device
		country[i], release[i], traceID[i] = s.country, s.release, s.traceID
		start[i], duration[i] = s.start, float64(s.end.Sub(s.start).Milliseconds())
		views[i], errors[i] = int64(s.views), int64(s.errors)
		frustrations[i], failed[i] = int64(s.frustrations), int64(s.failedRequests)
		lcp[i], inp[i], cls[i] = pointerIf(s.lcp > 0, s.lcp), pointerIf(s.inp > 0, s.inp), pointerIf(true, s.cls)
		score[i] = s.score
	}
	worst := func(key string, values []*float64) *data.Field {
		m, _ := rum.MetricByKey(key)
		field := column(key, "Worst "+strings.ToUpper(key), m.Unit, values)
		field.Config.Thresholds = metric{Metric: m, rated: true}.thresholds()
		return field
	}
	ranking := column("score", "Score", unitShort, score)
	ranking.Config.Description = fmt.Sprintf("Poor Core Web Vitals × %d, needing improvement × %d, errors × %d, "+
		"frustrations × %d, failed requests × %d; at most %d of each of the last three.",
		scorePoor, scoreNeedsImprovement, scoreError, scoreFrustration, scoreFailedRequest, scoreAtMost)
	return newFrame(data.FrameTypeTable,
		column("sessionId", "Session", unitNone, id),
		column("start", "Start", unitTime, start),
		column("duration", "Duration", unitMilliseconds, duration),
		column("views", "Views", unitShort, views),
		column("errors", "Errors", unitShort, errors),
		column("frustrations", "Frustrations", unitShort, frustrations),
		column("failedRequests", "Failed requests", unitShort, failed),
		worst("lcp", lcp), worst("inp", inp), worst("cls", cls),
		column("route", "Entry route", unitNone, route),
		column("browser", "Browser", unitNone, browser),
		column("device", "Device", unitNone, device),
		column("country", "Country", unitNone, country),
		column("release", "Release", unitNone, release),
		ranking,
		column("traceId", "Trace", unitNone, traceID))
}
