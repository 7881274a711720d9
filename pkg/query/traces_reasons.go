package query

import (
	"fmt"
	"strings"
	"time"
)

// Why there is no trace to be looked at. Empty means that there should be one, as far as anybody asked can tell.
const (
	reasonNotSampled     = "not sampled (-00)" // the trace exists, but its flags told the back end not to record it
	reasonExpired        = "expired"           // longer ago than rows, or Tempo's traces, are kept
	reasonNotInTempo     = "not in Tempo"      // it should be there and Tempo does not have it: never exported, or lost
	reasonNoServerTiming = "no Server-Timing"  // the page's response did not carry its trace id
	reasonNoTracing      = "SDK without tracing"
	reasonNoHeader       = "no header (cross-origin)"  // another origin, to which the SDK may not send the header
	reasonBlocked        = "blocked (CORS or network)" // another origin gave no answer: the header may be why
	reasonNoneSent       = "none sent"                 // the request carried no trace id, or no beacon ever named this one
)

// knownSDKs is how long before the rows in question an SDK is looked at to tell whether it traces at all.
const knownSDKs = 24 * time.Hour

// reasonExpr is the reason of a row of traces, in SQL.
//
// An SDK that traced none of an app's calls, in the time in question and the day before, has no tracing. One that does
// sends the header to other origins only where it is told to (OpenTelemetry's propagateTraceHeaderCorsUrls), and a
// server that does not allow the header makes the browser refuse the whole request, which pages see as a network error.
func (q *question) reasonExpr(s *statement, in reach) string {
	traces := "1"
	if in.trace == "" {
		since := window{in.window.from.Add(-knownSDKs), in.window.to}.clamped()
		traces = fmt.Sprintf(`(app, sdk) IN (
      SELECT toString(app), toString(sdk) FROM requests
      WHERE %s AND ts >= %s AND ts < %s
        AND %s AND trace_id != '')`, s.among("app", "app", in.apps), s.moment("since", since.from),
			s.moment("to", since.to), s.among("kind", "call", callKinds))
	}
	reason := func(name, text string) string { return s.bind(name, "String", text) }
	return "multiIf(" + strings.Join([]string{
		"trace_id = '' AND kind = 'view'", reason("no_timing", reasonNoServerTiming),
		"trace_id = '' AND NOT " + traces, reason("no_tracing", reasonNoTracing),
		"trace_id = '' AND cross_origin", reason("no_header", reasonNoHeader),
		"trace_id = ''", reason("none", reasonNoneSent),
		"trace_sampled = 0", reason("unsampled", reasonNotSampled),
		"cross_origin AND failure = 'network' AND status = 0", reason("blocked", reasonBlocked),
	}, ",\n    ") + ", '')"
}
