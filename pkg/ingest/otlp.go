package ingest

import (
	"fmt"
	"math"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// otlpLogsDecoder reads log records and events, which is how OpenTelemetry's browser instrumentations report.
type otlpLogsDecoder struct{ reading }

func (d *otlpLogsDecoder) decode(p *payload) error {
	logs, err := decodeOTLP(p, protoLogs, (&plog.ProtoUnmarshaler{}).UnmarshalLogs, (&plog.JSONUnmarshaler{}).UnmarshalLogs)
	if err != nil {
		return err
	}
	d.otel = true
	index := 0
	for n, resource := range logs.ResourceLogs().All() {
		d.claimResource(resource.Resource().Attributes())
		for _, scope := range resource.ScopeLogs().All() {
			for _, record := range scope.LogRecords().All() {
				if d.begin("logRecords", index) {
					d.readRecord(&record, scope.Scope().Name())
					d.usePart(n, d.item.attribute("session.id"), d.item.page)
					d.take((*reading).takeRecord)
				}
				index++
			}
		}
	}
	return nil
}

// otlpTracesDecoder reads spans.
type otlpTracesDecoder struct{ reading }

func (d *otlpTracesDecoder) decode(p *payload) error {
	traces, err := decodeOTLP(p, protoTraces, (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces, (&ptrace.JSONUnmarshaler{}).UnmarshalTraces)
	if err != nil {
		return err
	}
	d.otel = true
	if d.forward {
		d.traces, d.protobuf = p.body, p.mediaType == mediaProtobuf
	}
	index := 0
	for n, resource := range traces.ResourceSpans().All() {
		d.claimResource(resource.Resource().Attributes())
		for _, scope := range resource.ScopeSpans().All() {
			for _, span := range scope.Spans().All() {
				if d.begin("spans", index) {
					d.readSpan(&span, scope.Scope().Name())
					d.usePart(n, d.item.attribute("session.id"), d.item.page)
					d.take((*reading).takeSpan)
					d.takeExceptions(&span)
				}
				index++
			}
		}
	}
	return nil
}

func decodeOTLP[T any](p *payload, shape *protoShape, protobuf, json func([]byte) (T, error)) (decoded T, err error) {
	if p.mediaType == mediaProtobuf {
		if err := shape.checkNesting(p.body); err != nil {
			return decoded, err
		}
		if decoded, err = protobuf(p.body); err != nil {
			return decoded, fmt.Errorf("the payload is not valid OTLP in protobuf: %w", err)
		}
		return decoded, nil
	}
	if err := checkNesting(p.body); err != nil {
		return decoded, err
	}
	if decoded, err = json(p.body); err != nil {
		return decoded, fmt.Errorf("the payload is not valid OTLP in JSON: %w", err)
	}
	return decoded, nil
}

// claimResource reads what a resource says of the app and the browser. It is for all parts that follow, until the next
// resource's.
func (d *reading) claimResource(attributes pcommon.Map) {
	m := &d.resource
	m.reset()
	m.appHint = "set the resource attribute service.name"
	for key, value := range attributes.All() {
		if key == "browser.brands" {
			m.brands = d.brands(value)
			continue
		}
		text, scalar := d.scalar(value, maxMessage)
		if !scalar {
			continue
		}
		switch key {
		case "service.name":
			if !strings.HasPrefix(text, "unknown_service") {
				m.appName = cut(text, maxName)
			}
		case "service.version":
			m.version = cut(text, maxName)
		case "deployment.environment.name", "deployment.environment":
			m.environment = cut(text, maxName)
		case "telemetry.sdk.name":
			m.sdkName = cut(text, 32)
		case "telemetry.sdk.version":
			m.sdkVersion = cut(text, 32)
		case "session.id":
			m.sessionID = cut(text, maxName)
		case "user.id", "enduser.id", "user.hash":
			m.userID = text
		case "user_agent.original":
			m.userAgent = cut(text, maxSelector)
		case "browser.platform":
			m.platform = cut(text, 64)
		case "browser.mobile":
			m.mobile = text == "true"
		case "browser.language":
			m.language = cut(text, 35)
		case "os.name":
			m.osName = cut(text, 64)
		case "geo.country.iso_code":
			m.country = cut(text, 8)
		case "geo.region.iso_code":
			m.subdivision = cut(text, 8)
		default:
			if len(m.session) < maxAttributes && !described(key) {
				m.session = append(m.session, attribute{cut(key, maxName), cut(text, maxAttribute)})
			}
		}
	}
}

// described says whether a resource attribute describes the program that reports and not the visit.
func described(key string) bool {
	for _, prefix := range [...]string{"telemetry.", "service.", "process.", "host.", "device.", "os.", "user.", "container.", "k8s."} {
		if strings.HasPrefix(key, prefix) {
			return true
		}
	}
	return false
}

// brands reads the client hints' brands: OpenTelemetry writes each with its version, "Chromium 130".
func (d *reading) brands(value pcommon.Value) string {
	if value.Type() != pcommon.ValueTypeSlice {
		text, _ := d.scalar(value, maxSelector)
		return text
	}
	var all strings.Builder
	for n, brand := range value.Slice().All() {
		text, _ := d.scalar(brand, 96)
		if space := strings.LastIndexByte(text, ' '); space > 0 {
			text = text[:space] + "/" + text[space+1:]
		}
		if n > 0 {
			all.WriteString(", ")
		}
		if all.Len()+len(text) > maxSelector {
			break
		}
		all.WriteString(text)
	}
	return all.String()
}

// scalar is a value as text, of a list the first, which is how a header's values are told. Maps are left out, as
// everywhere.
func (d *reading) scalar(value pcommon.Value, limit int) (text string, ok bool) {
	switch value.Type() {
	case pcommon.ValueTypeStr:
		text := value.Str()
		if len(text) > limit {
			text = cut(text, limit)
		}
		return strings.ToValidUTF8(text, "\uFFFD"), true
	case pcommon.ValueTypeBool, pcommon.ValueTypeInt, pcommon.ValueTypeDouble:
		return value.AsString(), true
	case pcommon.ValueTypeSlice:
		if list := value.Slice(); list.Len() > 0 && list.At(0).Type() != pcommon.ValueTypeSlice {
			return d.scalar(list.At(0), limit)
		}
		return "", false
	default:
		return "", false
	}
}

// readAttributes reads the attributes of a span or record into the item.
func (d *reading) readAttributes(attributes pcommon.Map) {
	for key, value := range attributes.All() {
		if len(d.item.attributes) >= maxAttributes {
			return
		}
		if text, scalar := d.scalar(value, maxMessage); scalar {
			d.item.attributes = append(d.item.attributes, attribute{strings.ToValidUTF8(cut(key, maxName), "\uFFFD"), text})
		}
	}
}

// identity is the ids that a span and a record have in the same place.
func (i *item) identity(trace pcommon.TraceID, span pcommon.SpanID, scope string) {
	if !trace.IsEmpty() {
		i.traceID = trace.String()
	}
	if !span.IsEmpty() {
		i.spanID = span.String()
	}
	i.scope = cut(scope, maxName)
}

func (d *reading) readSpan(span *ptrace.Span, scope string) {
	i := &d.item
	i.identity(span.TraceID(), span.SpanID(), scope)
	if parent := span.ParentSpanID(); !parent.IsEmpty() {
		i.parentID = parent.String()
	}
	i.name = cut(span.Name(), maxName)
	if span.Kind() == ptrace.SpanKindClient {
		i.kind = clientSpan
	}
	i.start, i.end = float64(span.StartTimestamp()), float64(span.EndTimestamp())
	i.ts = millis(span.StartTimestamp())
	i.unsampled = unsampled(span.Flags())
	d.readAttributes(span.Attributes())
	for _, event := range span.Events().All() {
		if len(i.moments) >= maxAttributes {
			break
		}
		i.moments = append(i.moments, moment{cut(event.Name(), maxName), float64(event.Timestamp())})
	}
	if i.name == "documentLoad" || i.name == "documentFetch" || i.attribute("target_xpath") != "" {
		i.page = i.attribute("url.full")
	}
}

// takeExceptions turns the exceptions that were recorded on a span into errors.
func (d *reading) takeExceptions(span *ptrace.Span) {
	for _, event := range span.Events().All() {
		if event.Name() != "exception" || !d.begin("exceptions", d.index) {
			continue
		}
		d.item.identity(span.TraceID(), span.SpanID(), "")
		d.item.ts = millis(event.Timestamp())
		d.readAttributes(event.Attributes())
		d.take((*reading).takeExceptionRecord)
	}
}

// millis is a timestamp in Unix milliseconds; one beyond all clocks is so far ahead that it is refused.
func millis(t pcommon.Timestamp) int64 {
	return int64(min(uint64(t), math.MaxInt64) / 1e6)
}
