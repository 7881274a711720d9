package query

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/sightline-rum/sightline/pkg/rum"
)

// The score of a session ranks the visits worth looking at: what a person suffered, worst first. Of each Core Web
// Vital the worst view counts, by the last report of it: 10 when it is poor and 3 when it needs improvement, nothing
// when it was not measured. Each error counts 5, each moment of frustration (rage, dead and error clicks) 5, each
// failed request 2. Of each of the last three, ten count at most: an error thrown in a loop is one broken visit, not a
// thousand.
const (
	scorePoor             = 10
	scoreNeedsImprovement = 3
	scoreError            = 5
	scoreFrustration      = 5
	scoreFailedRequest    = 2
	scoreAtMost           = 10
)

// sessions lists slow, broken and frustrated sessions that were alive within the window, worst first: by their score, or
// by the slowest call that each waited for.
func askSessions(ctx context.Context, conn driver.Conn, q *question) (data.Frames, error) {
	if len(q.groups) > 0 {
		return nil, badRequest("sessions lists single sessions: groupBy is for other types, filters narrow it down")
	}
	ranked := q.worstSessions
	if q.Metric == sessionsBySlowestCall {
		ranked = q.slowestSessions
	}
	sessions, sure, err := ranked(ctx, conn)
	if err != nil {
		return nil, err
	}
	cut := len(sessions) > q.limit()
	if cut {
		sessions = sessions[:q.limit()]
	}
	frame := sessionsTable(sessions)
	if q.Metric == sessionsBySlowestCall {
		frame.Fields = append(frame.Fields, slowestCallColumn(sessions))
	}
	if cut {
		frame.AppendNotices(q.cutNotice("sessions"))
	}
	if !sure {
		frame.AppendNotices(info("Too many sessions may be as bad as these to compare them all: others as bad may be "+
			"missing. A shorter time range or a filter makes the ranking exact. Compared: %d.", maxCandidates))
	}
	return data.Frames{frame}, nil
}

type session struct {
	id, route, browser, device, country, release, traceID string
	start, end                                            time.Time
	views, errors, frustrations, failedRequests           uint64
	lcp, inp, cls                                         *float64 // of the worst view; nil where none was measured
	slowest                                               float64  // ms, of the slowest call; 0 unless ranked by it
	score                                                 float64
	bound                                                 float64 // what the score is at most
}

// worse orders sessions for the list: the higher score first, then the newer.
func worse(a, b session, scoreOfA, scoreOfB float64) int {
	return cmp.Or(cmp.Compare(scoreOfB, scoreOfA), b.start.Compare(a.start), cmp.Compare(a.id, b.id))
}

// How many sessions are compared by their exact score: at first, and at most.
const (
	firstCandidates = 1000
	maxCandidates   = 64_000
)

// worstSessions ranks sessions by their exact score, and says whether none that was not compared could rank among the
// first.
//
// The sessions table keeps the largest value ever reported of a metric. A later report may be smaller (INP can fall),
// so a score made of it is a bound. Candidates are read in order of that bound, with the values that count. Once the
// last one listed scores no less than the bound of the last candidate, no other session can come before it.
func (q *question) worstSessions(ctx context.Context, conn driver.Conn) ([]session, bool, error) {
	most := max(maxCandidates, q.limit()+1)
	for n := min(max(firstCandidates, 2*q.limit()+1), most); ; n = min(4*n, most) {
		candidates, err := q.candidates(ctx, conn, candidateOrder{by: "bound", limit: n})
		if err != nil {
			return nil, false, err
		}
		var last session
		if len(candidates) > 0 {
			last = slices.MaxFunc(candidates, func(a, b session) int { return worse(a, b, a.bound, b.bound) })
		}
		slices.SortFunc(candidates, func(a, b session) int { return worse(a, b, a.score, b.score) })
		complete := len(candidates) < n
		if !complete {
			lowest := candidates[q.limit()-1]
			complete = worse(lowest, last, lowest.score, last.bound) <= 0
		}
		if complete || n == most {
			return candidates[:min(len(candidates), q.limit()+1)], complete, nil
		}
	}
}

// candidateOrder is which sessions are read: the first of them by some measure, the largest first.
type candidateOrder struct {
	by    string
	limit int
	calls func(*statement) string // the slowest call of each session, to which the sessions are kept; nil keeps all
}

// candidates reads the sessions that come first. Each has one row a day and part, put together before anything is
// decided about it.
func (q *question) candidates(ctx context.Context, conn driver.Conn, order candidateOrder) ([]session, error) {
	var s statement
	scope := "app = " + s.bind("app", "String", q.App)
	if q.Environment != anyEnvironment {
		scope += " AND environment = " + s.bind("environment", "String", q.Environment)
	}
	from, to := s.moment("from", q.window.from), s.moment("to", q.window.to)
	having := append([]string{"s_end >= " + from, "s_start < " + to}, q.conditions(&s)...)
	var measured, worst, exact []string
	for _, key := range coreVitals() {
		metric := s.bind(key, "String", key)
		measured = append(measured, metric)
		worst = append(worst, fmt.Sprintf("maxOrNullIf(last, name = %s) AS %s", metric, key))
		exact = append(exact, "v."+key)
	}
	slow, joined, slowest := "", "", "toFloat64(0) AS s_slowest, max(trace_id) AS s_trace"
	if order.calls != nil {
		slow = "slow AS (\n" + order.calls(&s) + "\n), "
		joined = " INNER JOIN slow USING (session_id)"
		slowest = "any(call_duration) AS s_slowest, any(call_trace) AS s_trace"
	}
	sql := fmt.Sprintf(`WITH %[11]scandidates AS (
  SELECT session_id, min(start) AS s_start, max(end) AS s_end,
    sum(views) AS s_views, sum(errors) AS s_errors,
    sum(frustrations) AS s_frustrations, sum(failed_requests) AS s_failed,
    max(worst_lcp) AS s_lcp, max(worst_inp) AS s_inp, max(worst_cls) AS s_cls,
    argMinMerge(first_route) AS s_route, max(browser) AS s_browser, max(device) AS s_device, max(country) AS s_country,
    max(release) AS s_release, %[12]s,
    %[1]s AS suffered,
    suffered + %[2]s AS bound
  FROM sessions%[13]s
  WHERE %[3]s AND day >= toDate(%[4]s) - 1 AND day <= toDate(%[5]s) + 1
  GROUP BY session_id
  HAVING %[6]s
  ORDER BY %[14]s DESC, s_start DESC, session_id
  LIMIT %[7]s
)
SELECT c.session_id, s_start, s_end, s_views, s_errors, s_frustrations, s_failed,
  s_route, s_browser, s_device, s_country, s_release, s_trace,
  toFloat64(s_slowest), toFloat64(suffered), toFloat64(bound), %[8]s
FROM candidates AS c
LEFT JOIN (
  SELECT session_id, %[9]s
  FROM (
    SELECT session_id, toString(name) AS name, argMax(value, (reported_at, value)) AS last
    FROM session_events
    WHERE %[3]s AND session_id IN (SELECT session_id FROM candidates)
    AND ts >= toDate(%[4]s) - 1 AND ts < toDate(%[5]s) + 2
    AND kind = 'vital' AND name IN (%[10]s)
    GROUP BY session_id, name, metric_id
  )
  GROUP BY session_id
) AS v ON v.session_id = c.session_id`,
		sufferedExpr(), boundExpr(&s), scope, from, to, strings.Join(having, "\n    AND "),
		s.bind("candidates", "UInt64", order.limit), strings.Join(exact, ", "), strings.Join(worst, ", "),
		strings.Join(measured, ", "), slow, slowest, joined, order.by)
	var all []session
	err := q.rows(ctx, conn, &s, sql, func(rows driver.Rows) error {
		var r session
		err := rows.Scan(&r.id, &r.start, &r.end, &r.views, &r.errors, &r.frustrations, &r.failedRequests,
			&r.route, &r.browser, &r.device, &r.country, &r.release, &r.traceID, &r.slowest, &r.score, &r.bound,
			&r.lcp, &r.inp, &r.cls)
		for key, value := range map[string]*float64{"lcp": r.lcp, "inp": r.inp, "cls": r.cls} {
			r.score += vitalScore(key, value)
		}
		all = append(all, r)
		return err
	})
	return all, err
}

// coreVitals are the metrics that count for the score.
func coreVitals() []string {
	var keys []string
	for _, m := range rum.Metrics {
		if m.Core {
			keys = append(keys, m.Key)
		}
	}
	return keys
}

func vitalScore(key string, value *float64) float64 {
	m, ok := rum.MetricByKey(key)
	if !ok || value == nil {
		return 0
	}
	switch m.Rating(*value) {
	case rum.RatingPoor:
		return scorePoor
	case rum.RatingNeedsImprovement:
		return scoreNeedsImprovement
	}
	return 0
}

// boundExpr is what the vitals count at most, by the largest value ever reported.
func boundExpr(s *statement) string {
	var parts []string
	for _, m := range rum.Metrics {
		if m.Core {
			parts = append(parts, fmt.Sprintf("multiIf(s_%[1]s > %[2]s, %[4]d, s_%[1]s > %[3]s, %[5]d, 0)", m.Key,
				s.bind(m.Key+"_poor", "Float64", m.Poor), s.bind(m.Key+"_good", "Float64", m.Good),
				scorePoor, scoreNeedsImprovement))
		}
	}
	return strings.Join(parts, " + ")
}

// sufferedExpr is the rest of the score, which the sessions table has as it is.
func sufferedExpr() string {
	var parts []string
	for _, counted := range []struct {
		column string
		points int
	}{{"s_errors", scoreError}, {"s_frustrations", scoreFrustration}, {"s_failed", scoreFailedRequest}} {
		parts = append(parts, fmt.Sprintf("%d * least(%s, %d)", counted.points, counted.column, scoreAtMost))
	}
	return strings.Join(parts, " + ")
}

// sessionsTable has a session a row. A metric that was not measured is empty; a CLS of 0 is a real one.
func sessionsTable(sessions []session) *data.Frame {
	n := len(sessions)
	id, route, browser, device := make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	country, release, traceID := make([]string, n), make([]string, n), make([]*string, n)
	start, duration := make([]time.Time, n), make([]float64, n)
	views, errors, frustrations, failed := make([]int64, n), make([]int64, n), make([]int64, n), make([]int64, n)
	lcp, inp, cls, score := make([]*float64, n), make([]*float64, n), make([]*float64, n), make([]float64, n)
	for i, s := range sessions {
		id[i], route[i], browser[i], device[i] = s.id, s.route, s.browser, s.device
		country[i], release[i], traceID[i] = s.country, s.release, textIf(s.traceID)
		start[i], duration[i] = s.start, float64(s.end.Sub(s.start).Milliseconds())
		views[i], errors[i] = int64(s.views), int64(s.errors)
		frustrations[i], failed[i] = int64(s.frustrations), int64(s.failedRequests)
		lcp[i], inp[i], cls[i], score[i] = s.lcp, s.inp, s.cls, s.score
	}
	worst := func(key string, values []*float64) *data.Field {
		m, _ := rum.MetricByKey(key)
		field := column(key, "Worst "+strings.ToUpper(key), m.Unit, values)
		field.Config.Thresholds = metric{Metric: m, rated: true}.thresholds()
		return field
	}
	ranking := column("score", "Score", unitShort, score)
	ranking.Config.Description = fmt.Sprintf("Poor Core Web Vitals × %d, needing improvement × %d (the worst view's, by "+
		"its last report), errors × %d, frustrations × %d, failed requests × %d; at most %d of each of the last three.",
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
