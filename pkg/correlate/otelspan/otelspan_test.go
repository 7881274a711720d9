package otelspan_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/propagation"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/sightline-rum/sightline/pkg/correlate"
	"github.com/sightline-rum/sightline/pkg/correlate/otelspan"
)

func TestTheAnswerNamesTheSpanThatOpenTelemetryExports(t *testing.T) {
	for name, sampler := range map[string]sdk.Sampler{"sampled": sdk.AlwaysSample(), "not sampled": sdk.NeverSample()} {
		t.Run(name, func(t *testing.T) {
			recorded := tracetest.NewSpanRecorder()
			provider := sdk.NewTracerProvider(sdk.WithSpanProcessor(recorded), sdk.WithSampler(sampler))
			var inside correlate.Trace
			mux := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				ctx, span := provider.Tracer("shop").Start(r.Context(), "read orders")
				inside, _ = correlate.FromContext(ctx)
				span.End()
			})
			server := httptest.NewServer(otelhttp.NewHandler(correlate.Handler(mux, correlate.Config{Active: otelspan.Active}),
				"shop", otelhttp.WithTracerProvider(provider), otelhttp.WithPropagators(propagation.TraceContext{})))
			defer server.Close()
			request, err := http.NewRequest(http.MethodGet, server.URL, nil)
			require.NoError(t, err)
			request.Header.Set("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
			answer, err := http.DefaultClient.Do(request)
			require.NoError(t, err)
			answer.Body.Close()

			timing := answer.Header.Get("Server-Timing")
			require.Contains(t, timing, `traceparent;desc="00-0af7651916cd43dd8448eb211c80319c-`)
			if name == "not sampled" {
				require.Regexp(t, `-00"$`, timing, "nobody looks for what was not recorded")
				require.Empty(t, recorded.Ended())
				return
			}
			spans := recorded.Ended()
			require.Len(t, spans, 2)
			require.Equal(t, trace.SpanID(inside.SpanID), spans[0].SpanContext().SpanID(), "inside of a handler its own spans count")
			require.Contains(t, timing, spans[1].SpanContext().SpanID().String()+`-01"`)
		})
	}
}

func TestACallersSpanIsNotOurs(t *testing.T) {
	ctx := trace.ContextWithRemoteSpanContext(t.Context(), trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}}))
	_, ok := otelspan.Active(ctx)
	require.False(t, ok)
	_, ok = otelspan.Active(t.Context())
	require.False(t, ok)
}
