package traffic

import (
	"fmt"
	"math"
	"net/url"
	"strings"
	"time"
)

// timing is what the SDK reads from a resource's or a navigation's performance entry.
type timing struct {
	url              string
	initiator        string
	dns, tcp, tls    float64
	wait, response   float64 // request sent to first byte, first to last byte
	queued           float64 // before the request was sent
	status           int
	encoded, decoded int
	cached           bool
	blocking         bool
	visible          bool
	protocol         string
	duration         float64 // 0: worked out from the parts
}

// attributes are stringified the way the SDK does.
func (t timing) attributes() map[string]string {
	site, err := url.Parse(t.url)
	if err != nil {
		panic("traffic: bad address " + t.url)
	}
	transfer, cache := t.encoded+300, "fullLoad"
	if t.cached {
		transfer, cache = 0, "cache"
	}
	blocking, visibility := "non-blocking", "visible"
	if t.blocking {
		blocking = "blocking"
	}
	if !t.visible {
		visibility = "hidden"
	}
	return map[string]string{
		"name": t.url, "httpHost": site.Host, "duration": whole(t.length()), "tcpHandshakeTime": whole(t.tcp),
		"dnsLookupTime": whole(t.dns), "tlsNegotiationTime": whole(t.tls), "responseStatus": fmt.Sprint(t.status),
		"redirectTime": "0", "requestTime": whole(t.wait), "responseTime": whole(t.response),
		"fetchTime": whole(t.length()), "serviceWorkerTime": "0", "decodedBodySize": fmt.Sprint(t.decoded),
		"encodedBodySize": fmt.Sprint(t.encoded), "cacheHitStatus": cache, "renderBlockingStatus": blocking,
		"protocol": t.protocol, "initiatorType": t.initiator, "visibilityState": visibility,
		"ttfb": whole(t.wait), "transferSize": fmt.Sprint(transfer),
	}
}

func (t timing) length() float64 {
	if t.duration > 0 {
		return t.duration
	}
	return t.queued + t.dns + t.tcp + t.wait + t.response
}

// resource records one resource timing; trace may be nil, and so may cause.
func (v *viewing) resource(start time.Time, t timing, trace *traceContext, cause *action) {
	attributes := t.attributes()
	attributes["faroNavigationId"] = v.navigationID
	attributes["faroResourceId"] = v.dice.shortID(10)
	v.body.Events = append(v.body.Events, event{
		Name: "faro.performance.resource", Domain: "browser", Attributes: attributes, Timestamp: iso(start), Trace: trace,
		Action: cause,
	})
	truth := TruthRequest{At: ms(start), Source: "resource", Kind: t.initiator, URL: t.url, Status: t.status,
		Duration: math.Round(t.length())}
	if trace != nil {
		truth.TraceID = trace.TraceID
	}
	if cause != nil {
		truth.ActionID = cause.ParentID
	}
	v.truth.Requests = append(v.truth.Requests, truth)
}

// call is one fetch to the shop's API.
type call struct {
	method, path string
	start        time.Time
	millis       float64
	status       int
	trace        *traceContext // nil where nothing is traced
	cause        *action
}

// fetch draws how a call goes.
func (v *viewing) fetch(api string, median float64, start time.Time, cause *action) call {
	method, path, _ := strings.Cut(api, " ")
	c := call{method: method, path: path, start: start, status: 200, cause: cause}
	c.millis = tenth(v.dice.logNormal(median, 0.45) +
		v.dice.logNormal(45*v.visitor.country.distance*v.visitor.connection.slow, 0.4))
	if v.dice.chance(0.006) {
		c.status = 503
	}
	if v.visitor.traced() {
		c.trace = &traceContext{TraceID: v.dice.hex(32), SpanID: v.dice.hex(16)}
	}
	return c
}

// timed records the call as the browser's resource timing shows it. Server-Timing carries the trace, with the server's
// own span.
func (v *viewing) timed(c call) {
	wait := c.millis * 0.96
	var trace *traceContext
	if c.trace != nil {
		trace = &traceContext{TraceID: c.trace.TraceID, SpanID: v.dice.hex(16)}
	}
	v.resource(c.start, timing{
		url: v.traffic.config.SiteURL + c.path, initiator: "fetch", wait: wait, response: c.millis - wait, duration: c.millis,
		status: c.status, encoded: 640, decoded: 1480, visible: true, protocol: "h2",
	}, trace, c.cause)
}

// traced records the call as the SDK's tracing tells it: as an event, stamped with the fetch's end, and as a span.
func (v *viewing) traced(c call) {
	if c.trace == nil {
		return
	}
	end := c.start.Add(time.Duration(c.millis * float64(time.Millisecond)))
	address := v.traffic.config.SiteURL + c.path
	site, _ := url.Parse(address)
	nanos := time.Duration(c.millis * float64(time.Millisecond)).Nanoseconds()
	attributes := map[string]string{
		"http.request.method": c.method, "url.full": address, "session.id": v.visitor.sessionID,
		"http.response.status_code": fmt.Sprint(c.status), "server.address": site.Hostname(), "server.port": "443",
		"duration_ns": fmt.Sprint(nanos),
	}
	spanAttributes := []attribute{
		text("http.request.method", c.method), text("url.full", address), text("session.id", v.visitor.sessionID),
		number("http.response.status_code", c.status), text("server.address", site.Hostname()), number("server.port", 443),
	}
	if v.visitor.userID != "" {
		attributes["user.id"] = v.visitor.userID
		spanAttributes = append(spanAttributes, text("user.id", v.visitor.userID))
	}
	outcome := status{}
	if c.status >= 400 {
		attributes["error.type"] = fmt.Sprint(c.status)
		spanAttributes = append(spanAttributes, text("error.type", fmt.Sprint(c.status)))
		outcome.Code = 2
	}
	v.body.Events = append(v.body.Events, event{
		Name: "faro.tracing.fetch", Domain: "browser", Attributes: attributes, Timestamp: iso(end), Trace: c.trace,
		Action: c.cause,
	})
	if v.body.Traces == nil {
		v.body.Traces = &traces{ResourceSpans: []resourceSpans{{
			Resource: v.resourceAttributes(),
			ScopeSpans: []scopeSpans{{
				Scope: scope{Name: "@opentelemetry/instrumentation-fetch", Version: "0.222.0"},
			}},
		}}}
	}
	spans := &v.body.Traces.ResourceSpans[0].ScopeSpans[0].Spans
	*spans = append(*spans, span{
		TraceID: c.trace.TraceID, SpanID: c.trace.SpanID, Name: c.method, Kind: 3,
		StartTimeUnixNano: fmt.Sprint(c.start.UnixNano()), EndTimeUnixNano: fmt.Sprint(c.start.UnixNano() + nanos),
		Attributes: spanAttributes, Events: []string{}, Links: []string{}, Status: outcome, Flags: 257,
	})
	truth := TruthRequest{
		At: ms(c.start), Source: "trace", Kind: "fetch", URL: address, Status: c.status, Duration: c.millis,
		TraceID: c.trace.TraceID,
	}
	if c.cause != nil {
		truth.ActionID = c.cause.ParentID
	}
	v.truth.Requests = append(v.truth.Requests, truth)
}

func (v *viewing) resourceAttributes() resource {
	return resource{Attributes: []attribute{
		text("service.name", v.traffic.config.App), text("service.version", v.visitor.release),
		text("deployment.environment.name", v.traffic.config.Environ), text("deployment.environment",
			v.traffic.config.Environ),
		text("browser.language", v.visitor.country.language), text("user_agent.original", v.visitor.client.userAgent),
		text("telemetry.distro.name", "faro-web-sdk"), text("telemetry.distro.version", sdkVersion),
		text("telemetry.sdk.language", "webjs"), text("telemetry.sdk.name", "opentelemetry"),
		text("telemetry.sdk.version", "2.11.0"),
	}}
}
