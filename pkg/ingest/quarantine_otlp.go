package ingest

import (
	"encoding/json"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/sightline-rum/sightline/pkg/enrich"
)

// logsItemOf makes OTLP logs, in JSON, of one record.
func logsItemOf(p *payload) itemOf {
	logs, err := decodeOTLP(p, protoLogs, (&plog.ProtoUnmarshaler{}).UnmarshalLogs, (&plog.JSONUnmarshaler{}).UnmarshalLogs)
	if err != nil {
		return nothingOf
	}
	return func(r rejection) json.RawMessage {
		index := 0
		for _, resource := range logs.ResourceLogs().All() {
			for _, scope := range resource.ScopeLogs().All() {
				for _, record := range scope.LogRecords().All() {
					if index++; index-1 != r.Index {
						continue
					}
					alone := plog.NewLogs()
					of := alone.ResourceLogs().AppendEmpty()
					keepAttributes(resource.Resource().Attributes(), of.Resource().Attributes())
					in := of.ScopeLogs().AppendEmpty()
					in.Scope().SetName(enrich.CleanText(cut(scope.Scope().Name(), maxName)))
					keepRecord(record, in.LogRecords().AppendEmpty())
					text, err := (&plog.JSONMarshaler{}).MarshalLogs(alone)
					if err != nil {
						return nil
					}
					return text
				}
			}
		}
		return nil
	}
}

func keepRecord(from, to plog.LogRecord) {
	to.SetTimestamp(from.Timestamp())
	to.SetObservedTimestamp(from.ObservedTimestamp())
	to.SetSeverityNumber(from.SeverityNumber())
	to.SetSeverityText(enrich.CleanText(cut(from.SeverityText(), maxName)))
	to.SetEventName(enrich.CleanText(cut(from.EventName(), maxName)))
	to.SetTraceID(from.TraceID())
	to.SetSpanID(from.SpanID())
	keepAttributes(from.Attributes(), to.Attributes())
	if from.Body().Type() == pcommon.ValueTypeMap {
		keepAttributes(from.Body().Map(), to.Body().SetEmptyMap())
		return
	}
	keepValue(from.Body(), to.Body())
}

// tracesItemOf makes OTLP traces, in JSON, of one span. The exceptions that were recorded on it are items of their own.
func tracesItemOf(p *payload) itemOf {
	traces, err := decodeOTLP(p, protoTraces, (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces, (&ptrace.JSONUnmarshaler{}).UnmarshalTraces)
	if err != nil {
		return nothingOf
	}
	return func(r rejection) json.RawMessage {
		if r.List != "spans" {
			return nil
		}
		index := 0
		for _, resource := range traces.ResourceSpans().All() {
			for _, scope := range resource.ScopeSpans().All() {
				for _, span := range scope.Spans().All() {
					if index++; index-1 != r.Index {
						continue
					}
					alone := ptrace.NewTraces()
					of := alone.ResourceSpans().AppendEmpty()
					keepAttributes(resource.Resource().Attributes(), of.Resource().Attributes())
					in := of.ScopeSpans().AppendEmpty()
					in.Scope().SetName(enrich.CleanText(cut(scope.Scope().Name(), maxName)))
					keepSpan(span, in.Spans().AppendEmpty())
					text, err := (&ptrace.JSONMarshaler{}).MarshalTraces(alone)
					if err != nil {
						return nil
					}
					return text
				}
			}
		}
		return nil
	}
}

func keepSpan(from, to ptrace.Span) {
	to.SetTraceID(from.TraceID())
	to.SetSpanID(from.SpanID())
	to.SetParentSpanID(from.ParentSpanID())
	to.SetFlags(from.Flags())
	to.SetName(enrich.CleanText(cut(from.Name(), maxName)))
	to.SetKind(from.Kind())
	to.SetStartTimestamp(from.StartTimestamp())
	to.SetEndTimestamp(from.EndTimestamp())
	keepAttributes(from.Attributes(), to.Attributes())
	for _, event := range from.Events().All() {
		if event.Name() == "exception" || to.Events().Len() >= maxAttributes {
			continue
		}
		moment := to.Events().AppendEmpty()
		moment.SetName(enrich.CleanText(cut(event.Name(), maxName)))
		moment.SetTimestamp(event.Timestamp())
	}
}

// keepAttributes leaves out the user, who is known by a hash alone.
func keepAttributes(from, to pcommon.Map) {
	for key, value := range from.All() {
		if to.Len() >= maxAttributes {
			return
		}
		if strings.HasPrefix(key, "user.") || strings.HasPrefix(key, "enduser.") || enrich.PrivateKey(key) {
			continue
		}
		keepValue(value, to.PutEmpty(enrich.CleanText(cut(key, maxName))))
	}
}

// keepValue keeps a scalar, and of a list its scalars.
func keepValue(from, to pcommon.Value) {
	switch from.Type() {
	case pcommon.ValueTypeStr:
		to.SetStr(plain(from.Str()).(string))
	case pcommon.ValueTypeBool, pcommon.ValueTypeInt, pcommon.ValueTypeDouble:
		from.CopyTo(to)
	case pcommon.ValueTypeSlice:
		kept := to.SetEmptySlice()
		for n, element := range from.Slice().All() {
			if n < maxAttributes && element.Type() != pcommon.ValueTypeSlice {
				keepValue(element, kept.AppendEmpty())
			}
		}
	}
}
