package ingest

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/sightline-rum/sightline/pkg/rum"
)

// What leads from an item to the back end beside Faro's own trace object, in attributes that a client may add:
//
//	requestId, request_id           the server's own name of the request, on sites without tracing
//	http.response.header.<name>     the same, as OpenTelemetry calls a captured header; Config.RequestIDHeaders names it
//	traceparent                     W3C: 00-<trace id>-<span id>-<flags>; the flags say whether the trace was sampled
//	serverTiming                    the Server-Timing of the response: as the header has it, or as a browser gives it in
//	                                JSON. Of its entries count traceparent and reqid, and the longest duration
//
// Faro's SDK reads the traceparent of Server-Timing itself, but sends it without its flags.
var correlating = map[string]bool{viewAttribute: true, "requestId": true, "request_id": true, "traceparent": true, "serverTiming": true}

func isCorrelating(key string) bool { return correlating[key] }

// correlate adds to an item what its attributes say about the back end.
func (i *item) correlate(item *rum.Item) {
	timing := readServerTiming(i.attribute("serverTiming"))
	for _, traceparent := range []string{timing.traceparent, i.attribute("traceparent")} {
		if parent, ok := readTraceparent(traceparent); ok {
			adoptTrace(item, parent.trace, parent.span, parent.unsampled)
		}
	}
	item.RequestID = safeRequestID(i.either("requestId", "request_id"))
	if item.RequestID == "" {
		item.RequestID = timing.requestID
	}
}

// adoptTrace takes what the server said of its trace. When it is not the one the browser sent, the header never got
// there and the server began its own, which is the one that holds the server's spans.
func adoptTrace(item *rum.Item, trace, span string, unsampled bool) {
	if item.TraceID == trace {
		item.Unsampled = item.Unsampled || unsampled
		return
	}
	item.TraceID, item.SpanID, item.Unsampled = trace, span, unsampled
}

// requestHeader is the request id in a captured response header, the first of the configured ones that has one.
func (d *reading) requestHeader(i *item) string {
	for _, key := range d.headers {
		if id := safeRequestID(strings.Trim(i.attribute(key), `[]"`)); id != "" {
			return id
		}
	}
	return ""
}

// headerAttributes are the attributes in which OpenTelemetry puts response headers.
func headerAttributes(headers []string) []string {
	keys := make([]string, 0, len(headers))
	for _, header := range headers {
		keys = append(keys, "http.response.header."+strings.ToLower(header))
	}
	return keys
}

// serverTime is how long the server took: what the client says, or the longest entry of Server-Timing. Entries overlap,
// so that their sum may be longer than the request.
func (i *item) serverTime() float32 {
	if told := i.millis("serverTime"); told > 0 {
		return told
	}
	return readServerTiming(i.attribute("serverTiming")).longest
}

type serverTiming struct {
	traceparent, requestID string
	longest                float32 // ms
}

// maxTimings is how many entries of one Server-Timing are read.
const maxTimings = 32

// readServerTiming reads a header's text, or the JSON of PerformanceResourceTiming.serverTiming.
func readServerTiming(text string) (t serverTiming) {
	if strings.HasPrefix(text, "[") {
		var entries []struct {
			Name, Description string
			Duration          float64
		}
		if json.Unmarshal([]byte(text), &entries) != nil {
			return t
		}
		for _, e := range entries[:min(len(entries), maxTimings)] {
			t.entry(e.Name, e.Description, e.Duration)
		}
		return t
	}
	for range maxTimings {
		if text == "" {
			break
		}
		var entry, name string
		entry, text = cutUnquoted(text, ',')
		name, entry = cutUnquoted(entry, ';')
		var description string
		var duration float64
		for entry != "" {
			var parameter string
			parameter, entry = cutUnquoted(entry, ';')
			key, value, _ := strings.Cut(parameter, "=")
			value = unquote(strings.TrimSpace(value))
			switch strings.ToLower(strings.TrimSpace(key)) {
			case "desc":
				description = value
			case "dur":
				duration, _ = strconv.ParseFloat(value, 64)
			}
		}
		t.entry(strings.TrimSpace(name), description, duration)
	}
	return t
}

func (t *serverTiming) entry(name, description string, duration float64) {
	switch {
	case name == "traceparent":
		t.traceparent = description
	case name == "reqid" && t.requestID == "":
		t.requestID = safeRequestID(description)
	}
	if rum.Valid(duration) && float32(duration) > t.longest {
		t.longest = float32(duration)
	}
}

// cutUnquoted cuts at the first separator outside a quoted string (RFC 9110, 5.6.4).
func cutUnquoted(text string, separator byte) (before, after string) {
	quoted := false
	for i := 0; i < len(text); i++ {
		switch ch := text[i]; {
		case ch == '\\' && quoted:
			i++
		case ch == '"':
			quoted = !quoted
		case ch == separator && !quoted:
			return text[:i], text[i+1:]
		}
	}
	return text, ""
}

func unquote(text string) string {
	if len(text) < 2 || text[0] != '"' || text[len(text)-1] != '"' {
		return text
	}
	var b strings.Builder
	text = text[1 : len(text)-1]
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' && i+1 < len(text) {
			i++
		}
		b.WriteByte(text[i])
	}
	return b.String()
}

type traceparent struct {
	trace, span string
	unsampled   bool
}

// readTraceparent reads W3C Trace Context. A later version may say more after the flags.
func readTraceparent(text string) (traceparent, bool) {
	parts := strings.Split(strings.TrimSpace(text), "-")
	if len(parts) < 4 || len(parts[0]) != 2 || parts[0] == "ff" || parts[0] == "00" && len(parts) > 4 {
		return traceparent{}, false
	}
	flags, err := strconv.ParseUint(parts[3], 16, 8)
	p := traceparent{trace: hexID(parts[1], 32), span: hexID(parts[2], 16), unsampled: flags&1 == 0}
	return p, err == nil && p.trace != "" && p.span != ""
}

// safeRequestID keeps a request id of at most 64 characters that mean nothing in a query, an address or a mail: it is
// put into the links that search for it. Anything else is dropped, as an id that was altered would find other lines.
func safeRequestID(s string) string {
	if len(s) > maxID {
		return ""
	}
	for i := range len(s) {
		switch ch := s[i]; {
		case ch >= 'a' && ch <= 'z', ch >= 'A' && ch <= 'Z', ch >= '0' && ch <= '9', strings.IndexByte("-_.:/+=~", ch) >= 0:
		default:
			return ""
		}
	}
	return s
}
