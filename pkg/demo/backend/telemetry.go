package backend

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"time"

	"go.opentelemetry.io/contrib/bridges/otelslog"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/sightline-rum/sightline/pkg/correlate"
	"github.com/sightline-rum/sightline/pkg/correlate/otelspan"
)

// exportEvery is how long spans and lines are gathered. Short, as somebody who has just clicked looks for them.
const exportEvery = 500 * time.Millisecond

// telemetry is what one service reports by.
type telemetry struct {
	service string
	traces  *sdktrace.TracerProvider
	lines   *sdklog.LoggerProvider
	tracer  trace.Tracer
	logger  *slog.Logger
}

func startTelemetry(ctx context.Context, service string, config Config) (*telemetry, error) {
	about := resource.NewSchemaless(semconv.ServiceName(service), semconv.ServiceVersion(cmp.Or(config.Release, "2.5.0")),
		semconv.ServiceNamespace("slow-goods"))
	// By the trace's id, so that both services leave out the same traces, also of those that the browser records. What the
	// browser does not record they do not either.
	some := sdktrace.TraceIDRatioBased(1 - config.Faults.Unsampled)
	traces := []sdktrace.TracerProviderOption{sdktrace.WithResource(about),
		sdktrace.WithSampler(sdktrace.ParentBased(some, sdktrace.WithRemoteParentSampled(some)))}
	lines := []sdklog.LoggerProviderOption{sdklog.WithResource(about)}

	var sentTo [][]otlptracehttp.Option
	if configured("TRACES") {
		sentTo = append(sentTo, nil)
	} else if config.Traces != "" {
		sentTo = append(sentTo, []otlptracehttp.Option{otlptracehttp.WithEndpointURL(config.Traces)})
	}
	var linesTo [][]otlploghttp.Option
	if configured("LOGS") {
		linesTo = append(linesTo, nil)
	} else if config.Logs != "" {
		linesTo = append(linesTo, []otlploghttp.Option{otlploghttp.WithEndpointURL(config.Logs)})
	}
	if config.Folder != "" {
		spansFile, logsFile, err := openFiles(config.Folder)
		if err != nil {
			return nil, err
		}
		sentTo = append(sentTo, []otlptracehttp.Option{otlptracehttp.WithEndpointURL("http://file/v1/traces"),
			otlptracehttp.WithCompression(otlptracehttp.NoCompression), otlptracehttp.WithHTTPClient(spansFile)})
		linesTo = append(linesTo, []otlploghttp.Option{otlploghttp.WithEndpointURL("http://file/v1/logs"),
			otlploghttp.WithCompression(otlploghttp.NoCompression), otlploghttp.WithHTTPClient(logsFile)})
	}
	for _, options := range sentTo {
		exporter, err := otlptracehttp.New(ctx, options...)
		if err != nil {
			return nil, err
		}
		traces = append(traces, sdktrace.WithBatcher(exporter, sdktrace.WithBatchTimeout(exportEvery)))
	}
	for _, options := range linesTo {
		exporter, err := otlploghttp.New(ctx, options...)
		if err != nil {
			return nil, err
		}
		lines = append(lines, sdklog.WithProcessor(sdklog.NewBatchProcessor(exporter, sdklog.WithExportInterval(exportEvery))))
	}
	t := &telemetry{service: service, traces: sdktrace.NewTracerProvider(traces...), lines: sdklog.NewLoggerProvider(lines...)}
	t.tracer = t.traces.Tracer("github.com/sightline-rum/sightline/pkg/demo/backend")
	t.logger = slog.New(readable{otelslog.NewHandler(service, otelslog.WithLoggerProvider(t.lines))})
	return t, nil
}

// configured says whether OpenTelemetry's variables name an address for a signal.
func configured(signal string) bool {
	return os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") != "" || os.Getenv("OTEL_EXPORTER_OTLP_"+signal+"_ENDPOINT") != ""
}

func (t *telemetry) stop(ctx context.Context) error {
	return errors.Join(t.traces.Shutdown(ctx), t.lines.Shutdown(ctx))
}

// traced gives every request a span, continues the browser's trace, and names the span in the answer.
func (t *telemetry) traced(next http.Handler) http.Handler {
	return otelhttp.NewHandler(
		correlate.Handler(next, correlate.Config{Active: otelspan.Active, Logger: t.logger}), t.service,
		otelhttp.WithTracerProvider(t.traces), otelhttp.WithPropagators(propagation.TraceContext{}))
}

// transport gives every outgoing request a span, and carries the trace on.
func (t *telemetry) transport() http.RoundTripper {
	return otelhttp.NewTransport(http.DefaultTransport.(*http.Transport).Clone(),
		otelhttp.WithTracerProvider(t.traces), otelhttp.WithPropagators(propagation.TraceContext{}))
}

// step is a span inside of a service.
func (t *telemetry) step(ctx context.Context, name string, attributes ...attribute.KeyValue) (context.Context, trace.Span) {
	return t.tracer.Start(ctx, name, trace.WithAttributes(attributes...))
}

// readable writes a line's facts and its trace into the text of the line. OTLP carries them beside the text as well, but
// Loki's line filter and the derived fields of Grafana 10.1 read the text alone.
type readable struct{ slog.Handler }

func (h readable) Handle(ctx context.Context, record slog.Record) error {
	text := []byte(record.Message)
	record.Attrs(func(a slog.Attr) bool {
		text = append(append(append(append(text, ' '), a.Key...), '='), quoted(a.Value.String())...)
		return true
	})
	if span := trace.SpanContextFromContext(ctx); span.IsValid() {
		text = append(append(text, " trace_id="...), span.TraceID().String()...)
	}
	record = record.Clone()
	record.Message = string(text)
	return h.Handler.Handle(ctx, record)
}

func (h readable) WithAttrs(a []slog.Attr) slog.Handler { return readable{h.Handler.WithAttrs(a)} }
func (h readable) WithGroup(g string) slog.Handler      { return readable{h.Handler.WithGroup(g)} }
