package query

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/grafana/grafana-plugin-sdk-go/data"
)

// session answers what happened in one session, in order: as log lines, or as a trace whose spans are its views, what
// was done there, and what that caused.
//
// A session is named by its id and shown whole, whenever it was: a link to it still works when "the last hour" has
// moved on. What is read is bounded by the id, which is what the table is ordered by, and by the limit.
func askSession(ctx context.Context, conn driver.Conn, q *question) (data.Frames, error) {
	if len(q.groups) > 0 {
		return nil, badRequest("session is one session's timeline: groupBy is for other types, filters narrow it down")
	}
	moments, err := q.sessionMoments(ctx, conn)
	if err != nil {
		return nil, err
	}
	cut := len(moments) > q.limit()
	if cut {
		moments = moments[:q.limit()]
	}
	for _, add := range []func(context.Context, driver.Conn, []happening) error{q.addStacks, q.addInteractions} {
		if err := add(ctx, conn, moments); err != nil {
			return nil, err
		}
	}
	frame := q.sessionLines(moments)
	if q.Format == formatTrace {
		frame = q.sessionTrace(moments)
	}
	switch {
	case len(moments) == 0:
		why, err := q.whyNoSession(ctx, conn)
		if err != nil {
			return nil, err
		}
		frame.AppendNotices(info("%s", why))
	case cut:
		frame.AppendNotices(q.cutNotice("events of the session"))
	}
	if n := len(moments); n > 0 {
		if first, last := moments[0].at, moments[n-1].at; last.Before(q.window.from) || !first.Before(q.window.to) {
			frame.AppendNotices(info("This session is not in the time range: it began at %s.", first.Format(time.RFC3339)))
		}
	}
	return data.Frames{frame}, nil
}

// readIDs checks the ids that name one session or one trace. Other types have no use for them and do not look at them.
func (q *question) readIDs(Settings) error {
	switch q.kind.name {
	case "session":
		q.TraceID = ""
		if q.SessionID == "" || q.SessionID == templateAll {
			return badRequest("session needs a sessionId: choose one, as from an answer of type sessions")
		}
	case "traces":
		if q.SessionID == templateAll {
			q.SessionID = ""
		}
		if err := q.readTraceID(); err != nil {
			return err
		}
	default:
		q.SessionID, q.TraceID = "", ""
	}
	if len(q.SessionID) > maxNameLength || !utf8.ValidString(q.SessionID) {
		return badRequest("sessionId: at most %d bytes of UTF-8", maxNameLength)
	}
	return nil
}

// namesOne says that the question is about one session or one trace by its id, in whichever environment that was and
// whoever made it.
func (q *question) namesOne() bool { return q.SessionID != "" || q.TraceID != "" }

// The kinds of what happens in a session, as the store writes them.
const (
	kindView     = "view"
	kindVital    = "vital"
	kindAction   = "action"
	kindRequest  = "request"
	kindError    = "error"
	kindBlocking = "blocking"
	kindEvent    = "event"
)

// happening is one row of a session's timeline: what name, value, state and detail hold depends on its kind
// (see session_events in package store).
type happening struct {
	at, reported                time.Time
	happened                    time.Time // of an INP: when somebody interacted, if that is known
	kind, name, state, detail   string
	value                       float64
	fingerprint, stack          string
	frustrated, failed, sampled bool
	viewID, actionID, traceID   string
	requestID                   string
	environment, release, route string
	browser, browserVersion     string
	os, device, country, region string
	connection, traffic         string
}

// scopeOfSession is the condition on the session's rows: the start of the table's order, then what was asked for.
func (q *question) scopeOfSession(s *statement) string {
	conditions := []string{"app = " + s.bind("app", "String", q.App),
		"session_id = " + s.bind("session", "String", q.SessionID)}
	if q.Environment != anyEnvironment {
		conditions = append(conditions, "environment = "+s.bind("environment", "String", q.Environment))
	}
	return strings.Join(conditions, " AND ")
}

// sessionMoments reads the limit + 1 first. A metric that was reported several times counts once: its last report wins.
func (q *question) sessionMoments(ctx context.Context, conn driver.Conn) ([]happening, error) {
	var s statement
	where := strings.Join(append([]string{q.scopeOfSession(&s)}, q.conditions(&s)...), "\n  AND ")
	const columns = `ts, reported_at, toString(kind) AS kind, name, toString(state) AS state, detail, value, metric_id,
    fingerprint, frustrated, failed, trace_sampled, view_id, action_id, trace_id, request_id,
    toString(environment) AS environment, toString(release) AS release, toString(route) AS route,
    toString(browser) AS browser, toString(browser_version) AS browser_version, toString(os) AS os,
    toString(device) AS device, toString(country) AS country, toString(region) AS region,
    toString(connection) AS connection, toString(traffic) AS traffic`
	sql := fmt.Sprintf(`SELECT ts, reported_at, kind, name, state, detail, value,
  fingerprint, frustrated > 0, failed > 0, trace_sampled > 0, view_id, action_id, trace_id, request_id,
  environment, release, route, browser, browser_version, os, device, country, region, connection, traffic
FROM (
  SELECT %[1]s
  FROM session_events
  WHERE %[2]s
  AND metric_id = ''
  UNION ALL
  SELECT %[1]s
  FROM session_events
  WHERE %[2]s
  AND metric_id != ''
  ORDER BY reported_at DESC, value DESC
  LIMIT 1 BY name, metric_id
)
ORDER BY ts, indexOf([%[3]s], kind), name, view_id, state, detail, value, reported_at
LIMIT %[4]s`, columns, where, kindsInOrder, s.bind("limit", "UInt64", q.limit()+1))
	var all []happening
	err := q.rows(ctx, conn, &s, sql, func(rows driver.Rows) error {
		var h happening
		err := rows.Scan(&h.at, &h.reported, &h.kind, &h.name, &h.state, &h.detail, &h.value,
			&h.fingerprint, &h.frustrated, &h.failed, &h.sampled, &h.viewID, &h.actionID, &h.traceID, &h.requestID,
			&h.environment, &h.release, &h.route, &h.browser, &h.browserVersion, &h.os, &h.device, &h.country, &h.region,
			&h.connection, &h.traffic)
		all = append(all, h)
		return err
	})
	return all, err
}

// kindsInOrder puts what happens at the same millisecond the way people tell it: the page, then what was done there,
// then what came of it.
const kindsInOrder = "'" + kindView + "', '" + kindAction + "', '" + kindRequest + "', '" + kindError + "', '" +
	kindBlocking + "', '" + kindEvent + "', '" + kindVital + "'"

// addStacks reads the stacks of the session's errors, which its timeline does not hold. They lie between its first and
// its last moment, so little is read for them.
func (q *question) addStacks(ctx context.Context, conn driver.Conn, moments []happening) error {
	var first, last time.Time
	for _, h := range moments {
		if h.kind == kindError {
			if first.IsZero() {
				first = h.at
			}
			last = h.at
		}
	}
	if first.IsZero() {
		return nil
	}
	var s statement
	sql := fmt.Sprintf(`SELECT DISTINCT ts, fingerprint, view_id, if(mapped != '', mapped, stack)
FROM errors
WHERE %s
  AND ts >= %s AND ts < %s
LIMIT %s`, q.scopeOfSession(&s), s.moment("from", first), s.moment("to", last.Add(time.Millisecond)),
		s.bind("limit", "UInt64", q.limit()+1))
	type place struct {
		ms                int64
		fingerprint, view string
	}
	stacks := map[place]string{}
	err := q.rows(ctx, conn, &s, sql, func(rows driver.Rows) error {
		var at time.Time
		var p place
		var stack string
		err := rows.Scan(&at, &p.fingerprint, &p.view, &stack)
		p.ms = at.UnixMilli()
		stacks[p] = stack
		return err
	})
	for i := range moments {
		if h := &moments[i]; h.kind == kindError {
			h.stack = stacks[place{h.at.UnixMilli(), h.fingerprint, h.viewID}]
		}
	}
	return err
}

// sessionSpan is when a session's first and last events were; there is nothing of an unknown one.
type sessionSpan struct {
	events      uint64
	first, last time.Time
}

func (q *question) spanOfSession(ctx context.Context, conn driver.Conn) (sessionSpan, error) {
	var s statement
	var span sessionSpan
	sql := fmt.Sprintf("SELECT count(), min(ts), max(ts) FROM session_events\nWHERE %s", q.scopeOfSession(&s))
	err := q.rows(ctx, conn, &s, sql, func(rows driver.Rows) error {
		return rows.Scan(&span.events, &span.first, &span.last)
	})
	return span, err
}

// whyNoSession says what is known of a session without an answer: where it is instead, or since when sessions are kept.
func (q *question) whyNoSession(ctx context.Context, conn driver.Conn) (string, error) {
	var s statement
	apps := "app IN (SELECT app FROM hour_inserts GROUP BY app)"
	if len(q.allowed) > 0 {
		apps = s.among("app", "allowed", q.allowed)
	}
	sql := fmt.Sprintf(`SELECT toString(app) AS a, toString(environment) AS e, count(), min(ts) AS first
FROM session_events
WHERE %s AND session_id = %s
GROUP BY a, e
ORDER BY a = %s DESC, first DESC
LIMIT 1`, apps, s.bind("session", "String", q.SessionID), s.bind("app", "String", q.App))
	var app, environment string
	var events uint64
	var first time.Time
	err := q.rows(ctx, conn, &s, sql, func(rows driver.Rows) error {
		return rows.Scan(&app, &environment, &events, &first)
	})
	switch {
	case err != nil:
		return "", err
	case events > 0 && app != q.App:
		return fmt.Sprintf("session '%s' is not one of app '%s': it is one of '%s', begun at %s",
			q.SessionID, q.App, app, first.Format(time.RFC3339)), nil
	case events > 0 && q.Environment != anyEnvironment && environment != q.Environment:
		return fmt.Sprintf("session '%s' is not in environment '%s': it is in '%s', begun at %s",
			q.SessionID, q.Environment, environment, first.Format(time.RFC3339)), nil
	case events > 0:
		return fmt.Sprintf("session '%s' has %d events, but none of what is asked for", q.SessionID, events), nil
	}

	var oldest time.Time
	s = statement{}
	sql = "SELECT toDateTime64(min(day), 3, 'UTC') FROM sessions WHERE app = " + s.bind("app", "String", q.App)
	err = q.rows(ctx, conn, &s, sql, func(rows driver.Rows) error { return rows.Scan(&oldest) })
	if err != nil {
		return "", err
	}
	text := fmt.Sprintf("session '%s' unknown", q.SessionID)
	if oldest.Unix() <= 0 {
		return text + fmt.Sprintf(": there are no sessions of app '%s'", q.App), nil
	}
	return text + fmt.Sprintf(": sessions of app '%s' are kept since %s; an older one is gone, and one that was sampled "+
		"out was never here", q.App, oldest.Format(time.DateOnly)), nil
}
