package query

import (
	"encoding/json"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"
)

// sessionTrace is the timeline as a trace that Grafana's trace view draws as a waterfall:
//
//	session
//	├─ view                    from its start to the last thing that happened in it
//	│  ├─ page load            as long as it took; vitals and blocking scripts are events of the view
//	│  ├─ action               from the click to the end of what it caused
//	│  │  └─ request, error
//	│  └─ request, error
//
// Field names and types are those of TraceSpanRow in @grafana/data, 10.1 to 13: times in ms since 1970, tags and logs
// as JSON. traceId and requestId beside them hold the ids of the traces that the back end made of it, for links.
func (q *question) sessionTrace(moments []happening) *data.Frame {
	spans := waterfall(moments)
	n := len(spans)
	traceID, spanID, parent := make([]string, n), make([]string, n), make([]string, n)
	operation, service, kind := make([]string, n), make([]string, n), make([]string, n)
	status, message := make([]int64, n), make([]string, n)
	serviceTags, tags, logs := make([]json.RawMessage, n), make([]json.RawMessage, n), make([]json.RawMessage, n)
	start, duration := make([]float64, n), make([]float64, n)
	trace, request := make([]*string, n), make([]*string, n)
	var client json.RawMessage
	for i, s := range spans {
		if i == 0 {
			client = encode(s.of.client())
		}
		traceID[i], spanID[i] = q.SessionID, s.id
		if s.parent != nil {
			parent[i] = s.parent.id
		}
		operation[i], service[i], kind[i] = s.operation, q.App, "internal"
		if s.of.kind == kindRequest {
			kind[i] = "client"
		}
		if s.failed {
			status[i], message[i] = statusError, s.message
			s.tag("error", true)
		}
		serviceTags[i], tags[i], logs[i] = client, encode(s.tags), encode(s.logs)
		start[i], duration[i] = unixMilli(s.start), float64(s.end.Sub(s.start))/float64(time.Millisecond)
		trace[i], request[i] = textIf(s.traceID), textIf(s.requestID)
	}
	frame := newFrame(data.FrameTypeTable,
		column("traceID", "", unitNone, traceID),
		column("spanID", "", unitNone, spanID),
		column("parentSpanID", "", unitNone, parent),
		column("operationName", "", unitNone, operation),
		column("serviceName", "", unitNone, service),
		column("kind", "", unitNone, kind),
		column("statusCode", "", unitNone, status),
		column("statusMessage", "", unitNone, message),
		column("serviceTags", "", unitNone, serviceTags),
		column("startTime", "", unitNone, start),
		column("duration", "", unitNone, duration),
		column("logs", "", unitNone, logs),
		column("tags", "", unitNone, tags),
		column("traceId", "Trace", unitNone, trace),
		column("requestId", "Request", unitNone, request))
	frame.Meta.PreferredVisualization = data.VisTypeTrace
	return frame
}

// statusError is OpenTelemetry's status code of a span that failed.
const statusError = 2

// client is what all of a session has in common.
func (h *happening) client() []keyValue {
	var common span
	for _, c := range []keyValue{{"environment", h.environment}, {"release", h.release}, {"browser", h.browser},
		{"browserVersion", h.browserVersion}, {"os", h.os}, {"device", h.device}, {"country", h.country},
		{"region", h.region}, {"connection", h.connection}, {"traffic", h.traffic}} {
		common.tag(c.Key, c.Value)
	}
	return common.tags
}
