package ingest

import (
	"strings"

	"github.com/sightline-rum/sightline/pkg/rum"
)

// clientSpan is the kind of a span that waits for a server (OTLP: SPAN_KIND_CLIENT).
const clientSpan = "3"

// scopeXHR is in the name of the instrumentation that reports XMLHttpRequests.
const scopeXHR = "xml-http-request"

// takeSpan turns the spans of browser instrumentations into what they tell: client spans with a URL are requests, those
// of document-load are the page's load and its resources, and those of user-interaction are actions. All others say what
// the page did itself and become no row.
func (d *reading) takeSpan(i *item) string {
	url := i.either("url.full", "http.url")
	client := (i.kind == clientSpan || i.kind == "SPAN_KIND_CLIENT") && url != ""
	_, interaction := i.find("target_xpath")
	switch {
	case client, interaction:
	case i.name == "documentLoad", i.name == "documentFetch", i.name == "resourceFetch" && url != "":
	default:
		return d.skip("span of no request")
	}
	if !(i.start > 0) || !(i.end >= i.start) {
		return "a span without start and end"
	}
	switch {
	case client:
		return d.takeClientSpan(i, url)
	case interaction:
		return d.takeInteraction(i)
	case i.name == "resourceFetch":
		return d.takeResourceSpan(i, url)
	default:
		return d.takeDocumentSpan(i, url)
	}
}

// takeClientSpan turns the span of a fetch or XHR into a request with its trace. Attributes follow the OpenTelemetry
// HTTP conventions, old or new.
func (d *reading) takeClientSpan(i *item, url string) string {
	i.actionParent = i.attribute("faro.action.user.parentId")
	if i.actionParent == "" && i.parentID != "" {
		i.actionParent = actionOfTrace(i.traceID)
	}
	kind := "fetch"
	if strings.Contains(i.scope, scopeXHR) {
		kind = "xhr"
	}
	r := i.spanRequest(kind, url)
	r.Method = method(i.either("http.request.method", "http.method"))
	_, reported := i.find("http.response.status_code", "http.status_code")
	r.Status = status(max(i.number("http.response.status_code"), i.number("http.status_code")))
	r.Failure = failure(r.Status, !reported, i.attribute("error.type"))
	return d.addRequest(i, r, sourceSpan)
}

// spanRequest is what a span tells of a request: where it went, how long it took, and its phases.
func (i *item) spanRequest(kind, url string) rum.Request {
	host, path := hostAndPath(url)
	r := rum.Request{Item: i.base(), Kind: kind, Host: cut(host, maxName), Path: cut(path, maxURL)}
	r.Duration = float32((i.end - i.start) / 1e6)
	r.Server = i.serverTime()
	r.DNS, r.TCP, r.TLS = i.connection()
	r.Wait = i.between("requestStart", "responseStart")
	r.Response = i.between("responseStart", "responseEnd")
	r.EncodedSize = i.size("http.response_content_length")
	r.DecodedSize = i.size("http.response_content_length_uncompressed")
	if r.DecodedSize == 0 {
		r.DecodedSize = r.EncodedSize
	}
	return r
}

// unsampled reads a span's flags: the low byte is W3C's; the others say that it was set at all.
func unsampled(flags uint32) bool { return flags != 0 && flags&1 == 0 }

// moment is when a span's event happened, in Unix nanoseconds; 0 when it did not.
func (i *item) moment(name string) float64 {
	for n := range i.moments {
		if i.moments[n].name == name {
			return i.moments[n].at
		}
	}
	return 0
}

// between is the time from one event of a span to another in ms, 0 unless both happened in this order.
func (i *item) between(from, to string) float32 {
	start, end := i.moment(from), i.moment(to)
	if start <= 0 || end < start {
		return 0
	}
	return float32((end - start) / 1e6)
}

// connection is how long a span's DNS lookup, TCP and TLS handshakes took. A secureConnectionStart before connectStart
// was computed from 0: there was no TLS.
func (i *item) connection() (dns, tcp, tls float32) {
	dns = i.between("domainLookupStart", "domainLookupEnd")
	if i.moment("secureConnectionStart") >= i.moment("connectStart") {
		tls = i.between("secureConnectionStart", "connectEnd")
	}
	return dns, max(0, i.between("connectStart", "connectEnd")-tls), tls
}
