// Package otelspan names OpenTelemetry's spans to package correlate. It is a package of its own, so that services without
// OpenTelemetry do not have to build it.
package otelspan

import (
	"context"

	"go.opentelemetry.io/otel/trace"

	"github.com/sightline-rum/sightline/pkg/correlate"
)

// Active returns the span that is under way in this service. It is for correlate.Config.
func Active(ctx context.Context) (correlate.Trace, bool) {
	span := trace.SpanContextFromContext(ctx)
	if !span.IsValid() || span.IsRemote() {
		return correlate.Trace{}, false
	}
	return correlate.Trace{
		TraceID: span.TraceID(), SpanID: span.SpanID(), Flags: byte(span.TraceFlags()), State: span.TraceState().String(),
	}, true
}
