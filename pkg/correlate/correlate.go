// Package correlate lets a browser name the work that your back end did for it. Its middleware starts or continues the
// W3C trace of every request, tells the browser the trace in Server-Timing, and puts the ids on the logger:
//
//	http.ListenAndServe(":8080", correlate.Handler(mux, correlate.Config{}))
//
// That is all a service without tracing needs. Where OpenTelemetry traces the service, the middleware goes inside of
// OpenTelemetry's and names its span:
//
//	otelhttp.NewHandler(correlate.Handler(mux, correlate.Config{Active: otelspan.Active}), "shop")
//
// The package itself does not depend on OpenTelemetry.
package correlate

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"
)

// Config says what the middleware tells and whom. Its zero value is what most services want.
type Config struct {
	// Active returns the span that is under way, if any; otelspan.Active asks OpenTelemetry. A request without one, and
	// every request when Active is nil, continues the trace of its traceparent header, or starts one.
	Active func(context.Context) (Trace, bool)

	// Sampled decides whether services further down should record a trace that starts here. Nil means that all should.
	// A trace that started elsewhere, and one of Active, keep what was decided there.
	Sampled func(*http.Request) bool

	// RequestID is the header that carries the id of a request, such as X-Request-Id. It is taken from the request, made
	// when there is none that can be used, and returned in the same header and as Server-Timing's reqid. "" is for none.
	RequestID string

	// Untraced leaves traces out, for sites that have request ids alone.
	Untraced bool

	// TimingAllowOrigin are the origins of pages that may read Server-Timing although this service is another origin than
	// theirs, such as https://shop.example; "*" is for all. Pages of the same origin always may.
	TimingAllowOrigin []string

	// Logger is what Logger adds the ids to. Nil means slog.Default().
	Logger *slog.Logger
}

// Handler answers as next does, with Server-Timing added: traceparent with the span that answers, reqid with the id of the
// request, and app with the time in milliseconds until the answer began.
func Handler(next http.Handler, config Config) http.Handler {
	allowed := strings.Join(config.TimingAllowOrigin, ", ")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		ids := config.identify(r)
		told, finish := whenItBegins(w, func(header http.Header) {
			header.Add("Server-Timing", ids.serverTiming(time.Since(began)))
			if config.RequestID != "" {
				header.Set(config.RequestID, ids.request)
			}
			if allowed != "" {
				header.Set("Timing-Allow-Origin", allowed)
			}
		})
		next.ServeHTTP(told, r.WithContext(context.WithValue(r.Context(), identityKey{}, ids)))
		finish()
	})
}

// FromContext returns the span that a request's context is in: OpenTelemetry's where the middleware was told to ask it,
// else the one that the middleware made. It reports false outside of the middleware, and where traces are left out.
func FromContext(ctx context.Context) (Trace, bool) {
	ids, ok := ctx.Value(identityKey{}).(*identity)
	if !ok {
		return Trace{}, false
	}
	return ids.current(ctx)
}

// RequestID returns the id of the request that a context belongs to; "" without one.
func RequestID(ctx context.Context) string {
	if ids, ok := ctx.Value(identityKey{}).(*identity); ok {
		return ids.request
	}
	return ""
}
