package query

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/grafana/grafana-plugin-sdk-go/data"
)

// traces leads from a trace to the session, view and request it belongs to, and from visits to their traces: by trace
// id, whenever it was and of whichever app; of one session, in order of time; or of a time range and its filters
// (route, endpoint, …), slowest first. Where there is no trace to be looked at, reason says why.
func askTraces(ctx context.Context, conn driver.Conn, q *question) (data.Frames, error) {
	if len(q.groups) > 0 {
		return nil, badRequest("traces lists single traces: groupBy is for other types, filters narrow it down")
	}
	rows, why, err := q.tracesFound(ctx, conn)
	if err != nil {
		return nil, err
	}
	cut := len(rows) > q.limit()
	if cut {
		rows = rows[:q.limit()]
	}
	notices := q.askTempo(ctx, rows)
	frame := q.tracesTable(rows)
	frame.AppendNotices(notices...)
	if why != "" {
		frame.AppendNotices(info("%s", why))
	}
	if cut {
		frame.AppendNotices(q.cutNotice("traces"))
	}
	return data.Frames{frame}, nil
}

// ofTraces are the dimensions of views and of requests, which are put together as rows of the same columns.
var ofTraces = append(append(common[:len(common):len(common)], own[tableRequests]...),
	dimension{key: "actionId", name: "Action", expr: "action_id"},
	dimension{key: "reason", name: "Reason", expr: "reason"})

var traceID = regexp.MustCompile(`^[0-9a-f]{32}$`)

func (q *question) readTraceID() error {
	if q.TraceID == templateAll {
		q.TraceID = ""
	}
	if q.TraceID == "" {
		return nil
	}
	written := q.TraceID
	q.TraceID = strings.ToLower(strings.TrimSpace(written))
	if !traceID.MatchString(q.TraceID) || strings.Trim(q.TraceID, "0") == "" {
		return badRequest("traceId %.80q is no trace id: it has 32 hexadecimal digits, not all 0", written)
	}
	return nil
}

// traceRow is a view or request (or what else named a trace) with its trace, or the reason for having none.
type traceRow struct {
	at                                *time.Time
	kind, name, route, status, reason string
	duration, server                  float64
	session, view, action, request    string
	trace, span                       string
	app, environment                  string
}

// reach is where rows are looked for.
type reach struct {
	apps           []string
	window         window
	session, trace string
	kinds          []string // of events that name the trace, where that is known; else views and requests
	chronicle      bool     // in order of time, else the slowest first
}

// tracesFound reads the limit + 1 rows, or says why there are none.
func (q *question) tracesFound(ctx context.Context, conn driver.Conn) ([]traceRow, string, error) {
	where := reach{apps: []string{q.App}, window: q.window, session: q.SessionID, trace: q.TraceID}
	switch {
	case q.TraceID != "":
		found, err := q.findTrace(ctx, conn, &where)
		if err != nil {
			return nil, "", err
		}
		if !found {
			return q.missingTrace(ctx, conn)
		}
	case q.SessionID != "":
		span, err := q.spanOfSession(ctx, conn)
		if err != nil {
			return nil, "", err
		}
		if span.events == 0 {
			why, err := q.whyNoSession(ctx, conn)
			return nil, why, err
		}
		where.window = window{span.first, span.last.Add(time.Millisecond)}
		where.chronicle = true
	}
	rows, err := q.traceRows(ctx, conn, where)
	if err == nil && len(rows) == 0 && q.SessionID != "" {
		return nil, fmt.Sprintf("session '%s' has no page load and no request of its own that match", q.SessionID), nil
	}
	return rows, "", err
}

// findTrace looks up where a trace was seen and on what kinds of events, which keeps the read of the raw tables to a
// moment and to those that have it.
func (q *question) findTrace(ctx context.Context, conn driver.Conn, where *reach) (bool, error) {
	var s statement
	conditions := []string{"trace_id = " + s.bind("trace", "String", q.TraceID)}
	switch {
	case q.App != "":
		conditions = append(conditions, "app = "+s.bind("app", "String", q.App))
	case len(q.allowed) > 0:
		conditions = append(conditions, s.among("app", "allowed", q.allowed))
	}
	if q.Environment != anyEnvironment {
		conditions = append(conditions, "environment = "+s.bind("environment", "String", q.Environment))
	}
	sql := fmt.Sprintf(`SELECT toString(app) AS a, min(ts), max(ts), groupUniqArray(toString(kind))
FROM trace_sessions
WHERE %s
GROUP BY a
ORDER BY a
LIMIT 100`, strings.Join(conditions, " AND "))
	where.apps, where.window, where.chronicle = nil, window{}, true
	err := q.rows(ctx, conn, &s, sql, func(rows driver.Rows) error {
		var app string
		var first, last time.Time
		var kinds []string
		err := rows.Scan(&app, &first, &last, &kinds)
		if len(where.apps) == 0 || first.Before(where.window.from) {
			where.window.from = first
		}
		if end := last.Add(time.Millisecond); end.After(where.window.to) {
			where.window.to = end
		}
		where.apps, where.kinds = append(where.apps, app), append(where.kinds, kinds...)
		return err
	})
	return len(where.apps) > 0, err
}

// missingTrace is one row that says why a trace id is not known here. Rows of before the oldest one kept have expired.
func (q *question) missingTrace(ctx context.Context, conn driver.Conn) ([]traceRow, string, error) {
	var oldest time.Time
	var s statement
	err := q.rows(ctx, conn, &s, "SELECT min(ts) FROM trace_sessions", func(rows driver.Rows) error {
		return rows.Scan(&oldest)
	})
	if err != nil {
		return nil, "", err
	}
	row := traceRow{trace: q.TraceID, reason: reasonNoneSent, app: q.App}
	why := "No beacon names this trace id: it began elsewhere, its visit was sampled out, or its page came without " +
		"Server-Timing."
	if kept := oldest.Unix() > 0; kept && !q.window.to.After(oldest) {
		row.reason = reasonExpired
		why = fmt.Sprintf("Beacons of this time range are no longer kept: the oldest are of %s.", oldest.Format(time.RFC3339))
	} else if kept && q.window.from.Before(oldest) {
		why += fmt.Sprintf(" Beacons of before %s are no longer kept.", oldest.Format(time.RFC3339))
	}
	return []traceRow{row}, why, nil
}

// traceRows puts views and requests together. Of views without a trace id only page loads count, as a route change asks
// the back end for nothing; of requests only the site's own calls: nobody sends a trace id to a third party.
func (q *question) traceRows(ctx context.Context, conn driver.Conn, in reach) ([]traceRow, error) {
	var s statement
	scope := []string{s.among("src.app", "app", in.apps)}
	if q.Environment != anyEnvironment {
		scope = append(scope, "src.environment = "+s.bind("environment", "String", q.Environment))
	}
	scope = append(scope, "src.ts >= "+s.moment("from", in.window.from), "src.ts < "+s.moment("to", in.window.to))
	if in.session != "" {
		scope = append(scope, "src.session_id = "+s.bind("session", "String", in.session))
	}
	if in.trace != "" {
		scope = append(scope, "src.trace_id = "+s.bind("trace", "String", in.trace))
	}
	base := strings.Join(scope, " AND ")
	kinds := in.kinds
	if len(kinds) == 0 {
		kinds = []string{"view", "request"}
	}
	var branches []string
	for _, of := range []struct{ table, kind, columns, where string }{
		{"views", "view", `'view' AS kind, src.path AS name, toFloat64(src.duration) AS took, toFloat64(src.server) AS server,
    '' AS method, '' AS host, '' AS endpoint, 'first' AS party, 0 AS status, '' AS failure, 0 AS cross_origin`,
			" AND (src.kind = 'load' OR src.trace_id != '')"},
		{"requests", "request", `toString(src.kind) AS kind, trimBoth(concat(src.method, ' ', src.host, src.path)) AS name,
    toFloat64(src.duration) AS took, toFloat64(src.server) AS server, toString(src.method) AS method,
    toString(src.host) AS host, toString(src.endpoint) AS endpoint, toString(src.party) AS party,
    toInt32(src.status) AS status, toString(src.failure) AS failure, src.cross_origin AS cross_origin`,
			" AND (src.kind IN ('fetch', 'xhr') AND src.party = 'first' OR src.trace_id != '')"},
		{"errors", "error", untimed("error", "src.error_type"), ""},
		{"actions", "action", untimed("action", "src.name"), ""},
		{"events", "event", untimed("event", "src.name"), ""},
		{"vitals", "vital", untimed("vital", "src.metric"), ""},
		{"blocking", "blocking", untimed("blocking", "src.script_url"), ""},
	} {
		if slices.Contains(kinds, of.kind) {
			branches = append(branches, branch(of.table, of.columns, base+of.where))
		}
	}
	order := "took DESC, ts"
	if in.chronicle {
		order = "ts, took DESC"
	}
	having := "1"
	if conditions := q.conditions(&s); len(conditions) > 0 {
		having = strings.Join(conditions, "\n  AND ")
	}
	sql := fmt.Sprintf(`SELECT ts, kind, name, route, multiIf(failure != '' AND (failure != 'http' OR status = 0), failure,
    status > 0, toString(status), ''),
  reason, took, server, session_id, view_id, action_id, request_id, trace_id, span_id, app, environment
FROM (
  SELECT *, %s AS reason
  FROM (
    %s
  )
)
WHERE %s
ORDER BY %s, kind, name, session_id, view_id, span_id
LIMIT %s`, q.reasonExpr(&s, in), strings.Join(branches, "\n    UNION ALL\n    "), having, order,
		s.bind("limit", "UInt64", q.limit()+1))
	var all []traceRow
	err := q.rows(ctx, conn, &s, sql, func(rows driver.Rows) error {
		var r traceRow
		var at time.Time
		err := rows.Scan(&at, &r.kind, &r.name, &r.route, &r.status, &r.reason, &r.duration, &r.server,
			&r.session, &r.view, &r.action, &r.request, &r.trace, &r.span, &r.app, &r.environment)
		r.at = &at
		all = append(all, r)
		return err
	})
	return all, err
}

// untimed are the columns of an event that only names a trace.
func untimed(kind, name string) string {
	return fmt.Sprintf(`'%s' AS kind, toString(%s) AS name, 0. AS took,
    0. AS server, '' AS method, '' AS host, '' AS endpoint, '' AS party, 0 AS status, '' AS failure, 0 AS cross_origin`,
		kind, name)
}

// branch reads one raw table: the columns all of them have, and its own.
func branch(table, columns, where string) string {
	shared := []string{"src.ts AS ts"}
	for _, d := range common {
		shared = append(shared, fmt.Sprintf("toString(src.%[1]s) AS %[1]s", d.expr))
	}
	shared = append(shared, "toString(src.sdk) AS sdk")
	for _, id := range []string{"session_id", "view_id", "action_id", "request_id", "trace_id", "span_id", "trace_sampled"} {
		shared = append(shared, fmt.Sprintf("src.%[1]s AS %[1]s", id))
	}
	return fmt.Sprintf("SELECT %s,\n    %s\n    FROM %s AS src\n    WHERE %s",
		strings.Join(shared, ", "), columns, table, where)
}

// tracesTable has null where there is nothing, so that an empty cell is no link.
func (q *question) tracesTable(found []traceRow) *data.Frame {
	n := len(found)
	at, duration, server := make([]*time.Time, n), make([]*float64, n), make([]*float64, n)
	kind, name, route, status := make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	session, view, action, request := make([]*string, n), make([]*string, n), make([]*string, n), make([]*string, n)
	trace, span, reason := make([]*string, n), make([]*string, n), make([]string, n)
	app, environment := make([]string, n), make([]string, n)
	for i, r := range found {
		at[i], duration[i], server[i] = r.at, pointerIf(r.duration > 0, r.duration), pointerIf(r.server > 0, r.server)
		kind[i], name[i], route[i], status[i] = r.kind, cmp.Or(r.name, r.route), r.route, r.status
		session[i], view[i], action[i] = textIf(r.session), textIf(r.view), textIf(r.action)
		request[i] = textIf(r.request)
		trace[i], span[i], reason[i] = textIf(r.trace), textIf(r.span), r.reason
		app[i], environment[i] = r.app, r.environment
	}
	why := column("reason", "No trace because", unitNone, reason)
	why.Config.Description = "Empty: the browser knows of a trace that was sampled. Reasons: docs/queries/traces.md."
	return newFrame(data.FrameTypeTable,
		column("time", "Time", unitTime, at),
		column("kind", "Kind", unitNone, kind),
		column("name", "Page or request", unitNone, name),
		column("duration", "Duration", unitMilliseconds, duration),
		column("traceId", "Trace", unitNone, trace),
		why,
		column("route", "Route", unitNone, route),
		column("server", "Of it on the server", unitMilliseconds, server),
		column("status", "Status", unitNone, status),
		column("sessionId", "Session", unitNone, session),
		column("viewId", "View", unitNone, view),
		column("actionId", "Action", unitNone, action),
		column("requestId", "Request", unitNone, request),
		column("spanId", "Span", unitNone, span),
		column("app", "App", unitNone, app),
		column("environment", "Environment", unitNone, environment))
}
