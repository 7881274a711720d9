package correlate

import "net/http"

// Transport carries the trace and the id of a request on to the services that its handler calls, by the context of the
// outgoing request. Headers that are there already stay: with OpenTelemetry its own transport sets them.
type Transport struct {
	Base http.RoundTripper // nil means http.DefaultTransport
}

// RoundTrip sends the request with traceparent, tracestate and the header of the request id.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	base := t.Base
	if base == nil {
		base = http.DefaultTransport
	}
	ids, ok := r.Context().Value(identityKey{}).(*identity)
	if !ok {
		return base.RoundTrip(r)
	}
	r = r.Clone(r.Context()) // a round tripper must leave the request as it was
	if trace, ok := ids.current(r.Context()); ok && r.Header.Get("Traceparent") == "" {
		r.Header.Set("Traceparent", trace.String())
		if trace.State != "" {
			r.Header.Set("Tracestate", trace.State)
		}
	}
	if ids.request != "" && r.Header.Get(ids.header) == "" {
		r.Header.Set(ids.header, ids.request)
	}
	return base.RoundTrip(r)
}
