package store

import (
	"strconv"

	"github.com/sightline-rum/sightline/pkg/rum"
)

// sessionEvent is one short row for anything that happened in a session.
//
// These rows are written here and not by views of the raw tables: seven views would insert seven small blocks a batch,
// and the views of session_events behind them twenty-one more. A batch of a thousand rows then costs the store three
// times the time.
type sessionEvent struct {
	item       *rum.Item
	reportedAt int64
	kind       string
	name       string
	value      float64
	state      string
	detail     string
	metricID   string
	finger     string
	frustrated bool
	failed     bool
}

func newSessionEvents() *table[sessionEvent] {
	return &table[sessionEvent]{name: "session_events", fields: []field[sessionEvent]{
		sharedWord[sessionEvent]("app", func(b *rum.Beacon) string { return b.Context.App }),
		sharedWord[sessionEvent]("environment", func(b *rum.Beacon) string { return b.Context.Environment }),
		sharedText[sessionEvent]("session_id", func(b *rum.Beacon) string { return b.Context.SessionID }),
		timestamp("ts", func(_ *rum.Beacon, e *sessionEvent) int64 { return e.item.TS }),
		timestamp("reported_at", func(_ *rum.Beacon, e *sessionEvent) int64 { return e.reportedAt }),
		word("kind", func(e *sessionEvent) string { return e.kind }),
		text("name", func(e *sessionEvent) string { return e.name }),
		number("value", func(e *sessionEvent) float64 { return e.value }),
		word("state", func(e *sessionEvent) string { return e.state }),
		text("detail", func(e *sessionEvent) string { return e.detail }),
		text("metric_id", func(e *sessionEvent) string { return e.metricID }),
		text("fingerprint", func(e *sessionEvent) string { return e.finger }),
		flag("frustrated", func(e *sessionEvent) bool { return e.frustrated }),
		flag("failed", func(e *sessionEvent) bool { return e.failed }),
		text("view_id", func(e *sessionEvent) string { return e.item.ViewID }),
		text("action_id", func(e *sessionEvent) string { return e.item.ActionID }),
		text("trace_id", func(e *sessionEvent) string { return e.item.TraceID }),
		text("span_id", func(e *sessionEvent) string { return e.item.SpanID }),
		flag("trace_sampled", func(e *sessionEvent) bool { return traceSampled(e.item) }),
		text("request_id", func(e *sessionEvent) string { return e.item.RequestID }),
		sharedText[sessionEvent]("user_key", func(b *rum.Beacon) string { return b.Context.UserKey }),
		sharedWord[sessionEvent]("release", func(b *rum.Beacon) string { return b.Context.Release }),
		word("route", func(e *sessionEvent) string { return e.item.Route }),
		word("journey", func(e *sessionEvent) string { return e.item.Journey }),
		sharedWord[sessionEvent]("browser", func(b *rum.Beacon) string { return b.Context.Browser }),
		sharedWord[sessionEvent]("browser_version", func(b *rum.Beacon) string { return b.Context.BrowserVersion }),
		sharedWord[sessionEvent]("os", func(b *rum.Beacon) string { return b.Context.OS }),
		sharedWord[sessionEvent]("device", func(b *rum.Beacon) string { return b.Context.Device }),
		sharedWord[sessionEvent]("country", func(b *rum.Beacon) string { return b.Context.Country }),
		sharedWord[sessionEvent]("region", func(b *rum.Beacon) string { return b.Context.Region }),
		sharedWord[sessionEvent]("connection", func(b *rum.Beacon) string { return b.Context.Connection }),
		sharedWord[sessionEvent]("traffic", func(b *rum.Beacon) string { return b.Context.Traffic }),
		field[sessionEvent]{"weight", &plain[sessionEvent, uint32]{typeName: "UInt32", of: weight[sessionEvent]}},
	}}
}

// sessionEvents appends a row for every item of a beacon.
func sessionEvents(to []sessionEvent, b *rum.Beacon) []sessionEvent {
	for i := range b.Views {
		v := &b.Views[i]
		to = append(to, sessionEvent{item: &v.Item, reportedAt: b.ReceivedAt, kind: "view",
			name: v.Path, value: float64(v.Duration), state: v.Kind})
	}
	for i := range b.Vitals {
		v := &b.Vitals[i]
		to = append(to, sessionEvent{item: &v.Item, reportedAt: v.ReportedAt, kind: "vital",
			name: v.Metric, value: v.Value, state: rating(v), detail: v.Target, metricID: v.MetricID})
	}
	for i := range b.Requests {
		r := &b.Requests[i]
		to = append(to, sessionEvent{item: &r.Item, reportedAt: b.ReceivedAt, kind: "request",
			name: r.Method + " " + r.Host + r.Path, value: float64(r.Duration), state: outcome(r), detail: r.Kind,
			failed: r.Failure != "" || r.Status >= 400})
	}
	for i := range b.Blocking {
		s := &b.Blocking[i]
		to = append(to, sessionEvent{item: &s.Item, reportedAt: b.ReceivedAt, kind: "blocking",
			name: s.ScriptURL, value: float64(s.Blocking), state: party(s.ThirdParty), detail: s.Invoker})
	}
	for i := range b.Errors {
		e := &b.Errors[i]
		to = append(to, sessionEvent{item: &e.Item, reportedAt: b.ReceivedAt, kind: "error",
			name: e.Type, state: e.Kind, detail: e.Message, finger: e.Fingerprint})
	}
	for i := range b.Actions {
		a := &b.Actions[i]
		name := a.Name
		if name == "" {
			name = a.Target
		}
		to = append(to, sessionEvent{item: &a.Item, reportedAt: b.ReceivedAt, kind: "action",
			name: name, value: float64(a.Duration), state: a.Kind, detail: a.Target,
			frustrated: a.Kind == "rage" || a.Kind == "dead" || a.Kind == "error"})
	}
	for i := range b.Events {
		e := &b.Events[i]
		state := e.Kind
		if e.Kind == rum.EventLog {
			state = e.Level
		}
		to = append(to, sessionEvent{item: &e.Item, reportedAt: b.ReceivedAt, kind: "event",
			name: e.Name, state: state, detail: e.Message})
	}
	return to
}

// outcome of a request: its status, or why there was no answer.
func outcome(r *rum.Request) string {
	if r.Failure != "" && (r.Failure != "http" || r.Status == 0) {
		return r.Failure
	}
	return strconv.Itoa(int(r.Status))
}
