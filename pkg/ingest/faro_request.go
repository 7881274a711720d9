package ingest

import (
	"strings"

	"github.com/sightline-rum/sightline/pkg/rum"
)

// takeResource turns a resource's timing into a request. The event's timestamp is when the resource was asked for.
// Attributes are as in takeNavigation, save ttfb, which is requestTime again.
//
// A fetch or XHR that Faro's tracing also reports would be there twice; see told.
func (d *reading) takeResource(i *item) string {
	url := i.attribute("name")
	if url == "" {
		return "a resource without a name"
	}
	kind := resourceKind(i.attribute("initiatorType"), url)
	host, path := hostAndPath(url)
	r := rum.Request{Item: i.base(), Kind: kind, Host: cut(host, maxName), Path: cut(path, maxURL)}
	r.ViewID = safeID(i.attribute("faroNavigationId"))
	r.Method = method(i.attribute("method"))
	r.Status = status(i.number("responseStatus"))
	r.Failure = failure(r.Status, true, i.attribute("failure"))
	r.Duration = i.millis("duration")
	phases(&r, i)
	r.Cache = cut(i.attribute("cacheHitStatus"), maxName)
	r.RenderBlocking = i.attribute("renderBlockingStatus") == "blocking"
	return d.addRequest(i, r, sourceTiming)
}

// phases are the parts of a request's time, and its sizes.
func phases(r *rum.Request, i *item) {
	r.DNS = i.millis("dnsLookupTime")
	r.TCP, r.TLS = connection(i)
	r.Wait = i.millis("requestTime")
	r.Response = i.millis("responseTime")
	r.Server = i.serverTime()
	r.TransferSize = i.size("transferSize")
	r.EncodedSize = i.size("encodedBodySize")
	r.DecodedSize = i.size("decodedBodySize")
	r.Protocol = cut(i.attribute("protocol"), 32)
}

// takeTracedRequest turns the event that Faro's tracing sends for each client span into a request with its trace. The
// event is stamped with the end of the span. Attributes follow the OpenTelemetry HTTP conventions, old or new. The
// SDK copies the user's e-mail address and name into them: only those named here are read. Our agent adds the phases and
// sizes of the resource's timing, which Faro sends by itself.
func (d *reading) takeTracedRequest(i *item, instrumentation string) string {
	url := i.either("url.full", "http.url")
	if url == "" {
		return "a traced request without url.full or http.url"
	}
	kind := "fetch"
	if strings.Contains(instrumentation, "xml") {
		kind = "xhr"
	}
	host, path := hostAndPath(url)
	r := rum.Request{Item: i.base(), Kind: kind, Host: cut(host, maxName), Path: cut(path, maxURL)}
	r.Method = method(i.either("http.request.method", "http.method"))
	_, reported := i.find("http.response.status_code", "http.status_code")
	r.Status = status(max(i.number("http.response.status_code"), i.number("http.status_code")))
	r.Failure = failure(r.Status, !reported, i.attribute("error.type"))
	r.Duration = float32(i.number("duration_ns") / 1e6)
	r.TS -= int64(r.Duration)
	phases(&r, i)
	if r.DecodedSize == 0 {
		r.DecodedSize = i.size("http.response_content_length")
	}
	return d.addRequest(i, r, sourceSpan)
}

func (d *reading) addRequest(i *item, r rum.Request, from source) string {
	if r.RequestID == "" {
		r.RequestID = d.requestHeader(i)
	}
	d.beacon.Requests = append(d.beacon.Requests, r)
	d.sources = append(d.sources, from)
	return ""
}

// find says whether one of several attributes is there at all.
func (i *item) find(keys ...string) (string, bool) {
	for n := range i.attributes {
		for _, key := range keys {
			if i.attributes[n].key == key {
				return i.attributes[n].value, true
			}
		}
	}
	return "", false
}

// failure of a request. A status of 0 that a client reported on purpose means that no answer came.
func failure(status uint16, unknown bool, kind string) string {
	switch kind {
	case "abort", "timeout", "network":
		return kind
	case "error":
		return "network"
	}
	switch {
	case status >= 400:
		return "http"
	case status == 0 && (!unknown || kind != ""):
		return "network"
	}
	return ""
}

func status(code float64) uint16 {
	if code < 0 || code > 999 {
		return 0
	}
	return uint16(code)
}

// methods keeps a client from inventing values of a column that is meant to have ten.
var methods = map[string]bool{
	"GET": true, "HEAD": true, "POST": true, "PUT": true, "DELETE": true, "PATCH": true, "OPTIONS": true,
	"CONNECT": true, "TRACE": true,
}

func method(m string) string {
	if methods[m] {
		return m
	}
	if upper := strings.ToUpper(m); methods[upper] {
		return upper
	}
	return ""
}

// resourceKind goes by what started the request, and by the file's name where several kinds share a starter: a link
// loads style sheets, fonts and preloads, and a style sheet loads images and fonts.
func resourceKind(initiator, url string) string {
	switch initiator {
	case "fetch":
		return "fetch"
	case "xmlhttprequest":
		return "xhr"
	case "script", "iframe", "beacon", "video", "audio":
		return initiator
	case "img", "image", "input":
		return "img"
	case "frame":
		return "iframe"
	}
	_, path := hostAndPath(url)
	if dot := strings.LastIndexByte(path, '.'); dot >= 0 {
		switch strings.ToLower(path[dot+1:]) {
		case "css":
			return "css"
		case "js", "mjs":
			return "script"
		case "woff", "woff2", "ttf", "otf", "eot":
			return "font"
		case "png", "jpg", "jpeg", "gif", "webp", "avif", "svg", "ico", "bmp":
			return "img"
		case "mp4", "webm":
			return "video"
		case "mp3", "ogg":
			return "audio"
		}
	}
	return "other"
}

// hostAndPath splits an absolute URL without its query; of a relative one, the host is "".
func hostAndPath(url string) (host, path string) {
	if cut := strings.IndexAny(url, "?#"); cut >= 0 {
		url = url[:cut]
	}
	_, rest, absolute := strings.Cut(url, "://")
	if !absolute {
		return "", url
	}
	slash := strings.IndexByte(rest, '/')
	if slash < 0 {
		return withoutUser(rest), "/"
	}
	return withoutUser(rest[:slash]), rest[slash:]
}

func withoutUser(authority string) string {
	if at := strings.LastIndexByte(authority, '@'); at >= 0 {
		return authority[at+1:]
	}
	return authority
}

func pathOfURL(url string) string {
	_, path := hostAndPath(url)
	return path
}
