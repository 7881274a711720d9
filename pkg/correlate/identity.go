package correlate

import (
	"context"
	"log/slog"
	"net/http"
	"strconv"
	"time"
)

// identity is what the middleware knows of a request.
type identity struct {
	trace   Trace
	request string // its id; "" for none
	header  string // that carries the id on; "" for none
	active  func(context.Context) (Trace, bool)
	logger  *slog.Logger
}

type identityKey struct{}

func (c *Config) identify(r *http.Request) *identity {
	ids := &identity{header: c.RequestID, logger: c.Logger}
	if c.RequestID != "" {
		if ids.request = r.Header.Get(c.RequestID); !usableID(ids.request) {
			ids.request = newRequestID()
		}
	}
	if c.Untraced {
		return ids
	}
	if ids.active = c.Active; c.Active != nil {
		if trace, ok := c.Active(r.Context()); ok {
			ids.trace = trace
			return ids
		}
	}
	// Two headers contradict each other: the specification has the trace restarted.
	if sent := r.Header["Traceparent"]; len(sent) == 1 {
		if caller, err := ParseTraceparent(sent[0]); err == nil {
			ids.trace = caller.child()
			ids.trace.State = joined(r.Header["Tracestate"])
			return ids
		}
	}
	ids.trace = newTrace(c.Sampled == nil || c.Sampled(r))
	return ids
}

// current is the innermost span of a context: handlers start spans of their own.
func (i *identity) current(ctx context.Context) (Trace, bool) {
	if i.active != nil {
		if trace, ok := i.active(ctx); ok {
			return trace, true
		}
	}
	return i.trace, i.trace.IsValid()
}

// serverTiming is the header's value, such as `app;dur=12.3, traceparent;desc="00-…-01"`.
func (i *identity) serverTiming(took time.Duration) string {
	line := make([]byte, 0, 160)
	line = append(line, "app;dur="...)
	line = strconv.AppendFloat(line, float64(took)/float64(time.Millisecond), 'f', 1, 64)
	if i.trace.IsValid() {
		line = append(line, `, traceparent;desc="`...)
		line = i.trace.append(line)
		line = append(line, '"')
	}
	if i.request != "" {
		line = append(line, `, reqid;desc="`...)
		line = append(line, i.request...) // usableID leaves nothing in it that would have to be quoted
		line = append(line, '"')
	}
	return string(line)
}
