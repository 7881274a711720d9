package traffic

import "time"

// Truth is what a beacon says, in plain words and without the wire format: what the store should hold once the beacon
// is acknowledged. Times are Unix milliseconds, durations milliseconds.
type Truth struct {
	App         string  `json:"app"`
	Environment string  `json:"environment"`
	Release     string  `json:"release"`
	SessionID   string  `json:"sessionId"`
	UserID      string  `json:"userId,omitempty"`
	Traffic     string  `json:"traffic"` // real, synthetic or bot
	Browser     string  `json:"browser"` // as the SDK names it
	OS          string  `json:"os"`
	Device      string  `json:"device"`
	Country     string  `json:"country"`
	Connection  string  `json:"connection,omitempty"`
	SampleRate  float64 `json:"sampleRate"`
	URL         string  `json:"url"`
	Route       string  `json:"route"`  // the pattern of the page's address
	ViewID      string  `json:"viewId"` // the SDK's navigation id

	Views    []TruthView    `json:"views,omitempty"`
	Vitals   []TruthVital   `json:"vitals,omitempty"`
	Requests []TruthRequest `json:"requests,omitempty"`
	Errors   []TruthError   `json:"errors,omitempty"`
	Actions  []TruthAction  `json:"actions,omitempty"`
	Events   []TruthEvent   `json:"events,omitempty"`
}

// TruthView is one page load or route change.
type TruthView struct {
	At       int64   `json:"at"`
	Kind     string  `json:"kind"` // load or route-change
	Duration float64 `json:"duration"`
	TTFB     float64 `json:"ttfb,omitempty"`
	TraceID  string  `json:"traceId,omitempty"`
}

// TruthVital is one report of one metric. The same MetricID is reported again with another value, and the last counts.
type TruthVital struct {
	Metric     string  `json:"metric"`
	MetricID   string  `json:"metricId"`
	Value      float64 `json:"value"`
	CreatedAt  int64   `json:"createdAt"` // the time inside its id
	ReportedAt int64   `json:"reportedAt"`
	Target     string  `json:"target,omitempty"`
	Script     string  `json:"script,omitempty"` // the path of an interaction's longest script, where the browser tells
}

// TruthRequest is one way the SDK told of a request. A traced fetch is told of twice: by its timings (Source resource),
// and by its trace (Source trace; that item stands in the body a second time, as an OTLP span). To count requests, leave
// out the timings of a fetch that have a trace id.
type TruthRequest struct {
	At       int64   `json:"at"` // when it started
	Source   string  `json:"source"`
	Kind     string  `json:"kind"` // the initiator: fetch, img, script, link …
	URL      string  `json:"url"`
	Status   int     `json:"status"`
	Duration float64 `json:"duration"`
	TraceID  string  `json:"traceId,omitempty"`
	ActionID string  `json:"actionId,omitempty"`
}

// TruthError is one occurrence of an error.
type TruthError struct {
	At      int64  `json:"at"`
	Type    string `json:"type"`
	Message string `json:"message"`
}

// TruthAction is one user action.
type TruthAction struct {
	At       int64   `json:"at"`
	ID       string  `json:"id"`
	Kind     string  `json:"kind"` // click, rage, dead or error
	Name     string  `json:"name"`
	Target   string  `json:"target"`
	Duration float64 `json:"duration"`
}

// TruthEvent is what belongs on the session's timeline only.
type TruthEvent struct {
	At   int64  `json:"at"`
	Kind string `json:"kind"` // session or log
	Name string `json:"name"`
}

// Len counts the items of the beacon as the SDK sent them, OTLP spans apart.
func (t *Truth) Len() int {
	return len(t.Views) + len(t.Vitals) + len(t.Requests) + len(t.Errors) + len(t.Actions) + len(t.Events)
}

func ms(at time.Time) int64 { return at.UnixMilli() }
