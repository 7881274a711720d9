package query

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/sightline-rum/sightline/pkg/rum"
)

// sessionLines is the timeline as log lines. Grafana recognises them by the names timestamp, body, severity, id and
// labels; what else there is shows up among a line's details, where the ids are links. Null hides a detail.
func (q *question) sessionLines(moments []happening) *data.Frame {
	n := len(moments)
	at, body, severity, id := make([]time.Time, n), make([]string, n), make([]string, n), make([]string, n)
	labels, kind, value := make([]json.RawMessage, n), make([]string, n), make([]*float64, n)
	route, release := make([]*string, n), make([]*string, n)
	session, view, action := make([]string, n), make([]*string, n), make([]*string, n)
	trace, request := make([]*string, n), make([]*string, n)
	fingerprint, stack := make([]*string, n), make([]*string, n)
	for i := range moments {
		h := &moments[i]
		at[i], body[i], severity[i], id[i] = h.at, h.text(), h.severity(), spanID(h.kind, i)
		labels[i] = encode(map[string]string{"kind": h.kind, "route": h.route, "release": h.release})
		kind[i], value[i] = h.kind, pointerIf(h.kind != kindError && h.kind != kindEvent, h.value)
		route[i], release[i] = textIf(h.route), textIf(h.release)
		session[i], view[i], action[i] = q.SessionID, textIf(h.viewID), textIf(h.actionID)
		trace[i], request[i] = textIf(h.traceID), textIf(h.requestID)
		fingerprint[i], stack[i] = textIf(h.fingerprint), textIf(h.stack)
	}
	frame := newFrame(data.FrameTypeLogLines,
		column("timestamp", "Time", unitNone, at),
		column("body", "What happened", unitNone, body),
		column("severity", "Severity", unitNone, severity),
		column("id", "Line", unitNone, id),
		column("labels", "Labels", unitNone, labels),
		column("kind", "Kind", unitNone, kind),
		column("value", "Duration or value", unitNone, value),
		column("route", "Route", unitNone, route),
		column("release", "Release", unitNone, release),
		column("sessionId", "Session", unitNone, session),
		column("viewId", "View", unitNone, view),
		column("actionId", "Action", unitNone, action),
		column("traceId", "Trace", unitNone, trace),
		column("requestId", "Request", unitNone, request),
		column("fingerprint", "Error group", unitNone, fingerprint),
		column("stack", "Stack", unitNone, stack))
	frame.Meta.PreferredVisualization = data.VisTypeLogs
	return frame
}

// text is the line that people read.
func (h *happening) text() string {
	switch h.kind {
	case kindView:
		return fmt.Sprintf("%s %s", h.viewVerb(), cmp.Or(h.name, h.route)) + after(" in ", h.value)
	case kindVital:
		return h.vitalText() + joined(" at ", h.detail)
	case kindAction:
		return h.actionName()
	case kindRequest:
		return fmt.Sprintf("%s → %s", strings.TrimSpace(h.name), cmp.Or(h.state, "?")) + after(" in ", h.value)
	case kindError:
		return strings.TrimPrefix(h.name+joined(": ", h.detail), ": ")
	case kindBlocking:
		return fmt.Sprintf("main thread blocked by %s", cmp.Or(h.name, "an unknown script")) + after(" for ", h.value)
	}
	return strings.TrimPrefix(h.name+joined(": ", h.detail), ": ")
}

func (h *happening) viewVerb() string {
	if h.state == rum.ViewRouteChange {
		return "route change to"
	}
	return "page load of"
}

// actionName is what somebody did and with what: "rage click on button#pay", or the name the site gave it.
func (h *happening) actionName() string {
	what := cmp.Or(h.state, "action")
	switch what {
	case "rage", "dead", "error":
		what += " click"
	}
	if h.name != "" && h.name != h.detail {
		what += " " + h.name
	}
	return what + joined(" on ", h.detail)
}

// vitalText is a metric as people write it: "LCP 4200 ms (poor)", "CLS 0.31 (poor)".
func (h *happening) vitalText() string {
	m, ok := rum.MetricByKey(h.name)
	if !ok {
		return fmt.Sprintf("%s %.0f ms", h.name, h.value)
	}
	value := fmt.Sprintf("%.0f %s", h.value, m.Unit)
	if m.Unit == "none" {
		value = fmt.Sprintf("%.3g", h.value)
	}
	return fmt.Sprintf("%s %s (%s)", strings.ToUpper(m.Key), value, m.Rating(h.value))
}

// severity is how bad it was, in Grafana's words: what failed is an error, what a person suffered from a warning.
func (h *happening) severity() string {
	switch {
	case h.kind == kindError, h.kind == kindRequest && h.failed && !strings.HasPrefix(h.state, "4"):
		return "error"
	case h.failed, h.frustrated, h.poor():
		return "warning"
	case h.kind == kindEvent:
		switch level := strings.ToLower(h.state); level {
		case "trace", "debug", "info", "error":
			return level
		case "warn", "warning":
			return "warning"
		case "fatal", "critical":
			return "critical"
		}
	}
	return "info"
}

// poor says that it is a Web Vital beyond its threshold.
func (h *happening) poor() bool {
	m, ok := rum.MetricByKey(h.name)
	return h.kind == kindVital && ok && m.Rating(h.value) == rum.RatingPoor
}

// after is a duration in ms with what leads to it, or nothing when it was not measured.
func after(lead string, ms float64) string {
	if ms <= 0 {
		return ""
	}
	return fmt.Sprintf("%s%.0f ms", lead, ms)
}

func joined(lead, text string) string {
	if text == "" {
		return ""
	}
	return lead + text
}

// textIf is a text worth showing; nil otherwise.
func textIf(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// encode is for what Grafana takes as JSON in a cell. Texts, numbers and maps of them always encode.
func encode(v any) json.RawMessage {
	encoded, err := json.Marshal(v)
	if err != nil {
		return json.RawMessage("null")
	}
	return encoded
}
