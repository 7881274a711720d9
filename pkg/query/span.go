package query

import (
	"context"
	"errors"
	"net"
	"regexp"
	"strconv"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/grafana/grafana-plugin-sdk-go/backend/tracing"
	"github.com/grafana/grafana-plugin-sdk-go/data"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.37.0"
	"go.opentelemetry.io/otel/trace"
)

// What the spans of an answer say, beside OpenTelemetry's conventions for databases. No span holds the value of a
// filter, an id or an error's text: a trace store has other readers than the data source has.
const (
	spanType   = attribute.Key("sightline.query_type")
	spanApp    = attribute.Key("sightline.app")
	spanFormat = attribute.Key("sightline.format")
	spanFrames = attribute.Key("sightline.frames")
	spanRows   = attribute.Key("sightline.rows")
)

// describeSpan says on the span of the whole answer what is asked.
func (q *question) describeSpan(ctx context.Context) {
	trace.SpanFromContext(ctx).SetAttributes(spanType.String(q.kind.name), spanApp.String(q.App), spanFormat.String(q.Format))
}

// measureSpan says there how large the answer is.
func measureSpan(ctx context.Context, frames data.Frames) {
	rows := 0
	for _, frame := range frames {
		rows += frame.Rows()
	}
	trace.SpanFromContext(ctx).SetAttributes(spanFrames.Int(len(frames)), spanRows.Int(rows))
}

// readsFrom finds the first table that a statement reads: enough to tell the statements of one answer apart.
var readsFrom = regexp.MustCompile(`\bFROM ([a-z_]\w*)`)

// startStatement begins the span of one statement. Its text has placeholders where values go.
func (q *question) startStatement(ctx context.Context, sql string) (context.Context, trace.Span) {
	summary := "SELECT"
	attributes := []attribute.KeyValue{semconv.DBSystemNameClickHouse, semconv.DBOperationName("SELECT"), semconv.DBQueryText(sql)}
	if found := readsFrom.FindStringSubmatch(sql); found != nil {
		summary += " " + found[1]
		attributes = append(attributes, semconv.DBCollectionName(found[1]))
	}
	attributes = append(append(attributes, semconv.DBQuerySummary(summary)), q.store.attributes()...)
	return tracing.DefaultTracer().Start(ctx, summary, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(attributes...))
}

// endStatement ends it with what came back.
func endStatement(span trace.Span, rows int, err error) {
	span.SetAttributes(semconv.DBResponseReturnedRows(rows))
	if err != nil {
		span.SetAttributes(errorType(err)...)
		span.SetStatus(codes.Error, "")
	}
	span.End()
}

// errorType is the store's own code of an error, or else what kind of error it is.
func errorType(err error) []attribute.KeyValue {
	var exception *clickhouse.Exception
	switch {
	case errors.As(err, &exception):
		code := strconv.Itoa(int(exception.Code))
		return []attribute.KeyValue{semconv.DBResponseStatusCode(code), semconv.ErrorTypeKey.String(code)}
	case errors.Is(err, context.DeadlineExceeded):
		return []attribute.KeyValue{semconv.ErrorTypeKey.String("timeout")}
	case errors.Is(err, context.Canceled):
		return []attribute.KeyValue{semconv.ErrorTypeKey.String("cancelled")}
	}
	return []attribute.KeyValue{semconv.ErrorTypeOther}
}

// Store says in spans where statements go.
type Store struct {
	Address  string // host:port; of several, the first
	Database string
}

func (s Store) attributes() []attribute.KeyValue {
	if s.Address == "" {
		return nil
	}
	attributes := []attribute.KeyValue{semconv.DBNamespace(s.Database)}
	host, port, err := net.SplitHostPort(s.Address)
	if err != nil {
		return append(attributes, semconv.ServerAddress(s.Address))
	}
	attributes = append(attributes, semconv.ServerAddress(host))
	if number, err := strconv.Atoi(port); err == nil {
		attributes = append(attributes, semconv.ServerPort(number))
	}
	return attributes
}
