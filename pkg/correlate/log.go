package correlate

import (
	"context"
	"encoding/hex"
	"log/slog"
)

// The attributes of a log line, named as OpenTelemetry names them in formats of others.
const (
	attributeTrace   = "trace_id"
	attributeSpan    = "span_id"
	attributeRequest = "request_id"
)

// Logger returns the logger for a request, whose lines carry trace_id, span_id and request_id. Outside of the middleware
// it is slog.Default().
func Logger(ctx context.Context) *slog.Logger {
	ids, ok := ctx.Value(identityKey{}).(*identity)
	if !ok {
		return slog.Default()
	}
	logger := ids.logger
	if logger == nil {
		logger = slog.Default()
	}
	return slog.New(logger.Handler().WithAttrs(ids.attributes(ctx)))
}

// Logs returns a handler that gives trace_id, span_id and request_id to the lines that are logged with a request's
// context (slog.InfoContext and its like), and hands them to next.
func Logs(next slog.Handler) slog.Handler { return &logs{next} }

type logs struct{ slog.Handler }

func (l *logs) Handle(ctx context.Context, record slog.Record) error {
	if ids, ok := ctx.Value(identityKey{}).(*identity); ok {
		record = record.Clone()
		record.AddAttrs(ids.attributes(ctx)...)
	}
	return l.Handler.Handle(ctx, record)
}

func (l *logs) WithAttrs(attributes []slog.Attr) slog.Handler {
	return &logs{l.Handler.WithAttrs(attributes)}
}

func (l *logs) WithGroup(name string) slog.Handler { return &logs{l.Handler.WithGroup(name)} }

func (i *identity) attributes(ctx context.Context) []slog.Attr {
	all := make([]slog.Attr, 0, 3)
	if trace, ok := i.current(ctx); ok {
		all = append(all, slog.String(attributeTrace, hex.EncodeToString(trace.TraceID[:])),
			slog.String(attributeSpan, hex.EncodeToString(trace.SpanID[:])))
	}
	if i.request != "" {
		all = append(all, slog.String(attributeRequest, i.request))
	}
	return all
}
