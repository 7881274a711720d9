package traffic

import (
	"strconv"
	"time"
)

// sdkVersion is the Faro Web SDK whose payloads these are; testdata holds some that it sent from a real browser.
const sdkVersion = "2.12.1"

// payload is one request body of the SDK.
type payload struct {
	Meta         meta          `json:"meta"`
	Traces       *traces       `json:"traces,omitempty"`
	Events       []event       `json:"events,omitempty"`
	Measurements []measurement `json:"measurements,omitempty"`
	Exceptions   []exception   `json:"exceptions,omitempty"`
	Logs         []logLine     `json:"logs,omitempty"`
}

type meta struct {
	SDK     metaSDK     `json:"sdk"`
	App     metaApp     `json:"app"`
	User    *metaUser   `json:"user,omitempty"`
	Browser metaBrowser `json:"browser"`
	OS      metaOS      `json:"os"`
	Page    metaPage    `json:"page"`
	Session metaSession `json:"session"`
	Geo     metaGeo     `json:"geo"`
}

type metaSDK struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

type metaApp struct {
	Name        string `json:"name"`
	Version     string `json:"version"`
	Environment string `json:"environment"`
}

type metaUser struct {
	ID string `json:"id"`
}

type metaBrowser struct {
	Name           string `json:"name"`
	Version        string `json:"version"`
	OS             string `json:"os"`
	UserAgent      string `json:"userAgent"`
	Language       string `json:"language"`
	Mobile         bool   `json:"mobile"`
	Brands         any    `json:"brands"` // a list, or "unknown" where the browser has none
	ViewportWidth  string `json:"viewportWidth"`
	ViewportHeight string `json:"viewportHeight"`
}

type brand struct {
	Brand   string `json:"brand"`
	Version string `json:"version"`
}

type metaOS struct {
	Name    string `json:"name"`
	Version string `json:"version,omitempty"`
}

// metaPage holds an id where the site names its page (generatePageId), which is how Faro's users name a route.
type metaPage struct {
	URL string `json:"url"`
	ID  string `json:"id,omitempty"`
}

type metaSession struct {
	ID         string            `json:"id"`
	Attributes map[string]string `json:"attributes,omitempty"`
	Overrides  map[string]string `json:"overrides"`
}

// metaGeo is not the browser's: a CDN in front of the collector, or the site, knows it.
type metaGeo struct {
	CountryISO string `json:"country_iso"`
}

type traceContext struct {
	TraceID string `json:"trace_id"`
	SpanID  string `json:"span_id"`
}

type action struct {
	ID       string `json:"id,omitempty"`
	Name     string `json:"name"`
	ParentID string `json:"parentId,omitempty"`
}

type event struct {
	Name       string            `json:"name"`
	Domain     string            `json:"domain"`
	Attributes map[string]string `json:"attributes,omitempty"`
	Timestamp  string            `json:"timestamp"`
	Trace      *traceContext     `json:"trace,omitempty"`
	Action     *action           `json:"action,omitempty"`
}

type measurement struct {
	Type      string             `json:"type"`
	Values    map[string]float64 `json:"values"`
	Timestamp string             `json:"timestamp"`
	Context   map[string]string  `json:"context,omitempty"`
}

type exception struct {
	Type       string      `json:"type"`
	Value      string      `json:"value"`
	Timestamp  string      `json:"timestamp"`
	Stacktrace *stacktrace `json:"stacktrace,omitempty"`
	Action     *action     `json:"action,omitempty"`
}

type stacktrace struct {
	Frames []frame `json:"frames"`
}

type frame struct {
	Filename string `json:"filename"`
	Function string `json:"function"`
	Line     int    `json:"lineno"`
	Column   int    `json:"colno"`
}

type logLine struct {
	Message   string `json:"message"`
	Level     string `json:"level"`
	Timestamp string `json:"timestamp"`
}

// The SDK's tracing sends each fetch twice in one body: as an event, and as the OTLP span it was made from.
type traces struct {
	ResourceSpans []resourceSpans `json:"resourceSpans"`
}

type resourceSpans struct {
	Resource   resource     `json:"resource"`
	ScopeSpans []scopeSpans `json:"scopeSpans"`
}

type resource struct {
	Attributes             []attribute `json:"attributes"`
	DroppedAttributesCount int         `json:"droppedAttributesCount"`
}

type scopeSpans struct {
	Scope scope  `json:"scope"`
	Spans []span `json:"spans"`
}

type scope struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

type span struct {
	TraceID                string      `json:"traceId"`
	SpanID                 string      `json:"spanId"`
	Name                   string      `json:"name"`
	Kind                   int         `json:"kind"`
	StartTimeUnixNano      string      `json:"startTimeUnixNano"`
	EndTimeUnixNano        string      `json:"endTimeUnixNano"`
	Attributes             []attribute `json:"attributes"`
	DroppedAttributesCount int         `json:"droppedAttributesCount"`
	Events                 []string    `json:"events"`
	DroppedEventsCount     int         `json:"droppedEventsCount"`
	Status                 status      `json:"status"`
	Links                  []string    `json:"links"`
	DroppedLinksCount      int         `json:"droppedLinksCount"`
	Flags                  int         `json:"flags"`
}

type status struct {
	Code int `json:"code"`
}

type attribute struct {
	Key   string `json:"key"`
	Value any    `json:"value"`
}

func text(key, value string) attribute {
	return attribute{key, map[string]string{"stringValue": value}}
}

func number(key string, value int) attribute {
	return attribute{key, map[string]int{"intValue": value}}
}

// iso is how the SDK writes times: UTC with milliseconds.
func iso(at time.Time) string { return at.UTC().Format("2006-01-02T15:04:05.000Z") }

// whole is how it writes timings in event attributes: rounded, as a string.
func whole(ms float64) string { return strconv.Itoa(int(max(0, ms) + 0.5)) }
