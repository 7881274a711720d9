package ingest

import (
	"strconv"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/sightline-rum/sightline/pkg/enrich"
	"github.com/sightline-rum/sightline/pkg/rum"
)

// readRecord reads a log record or event into the item. Its page is url.full, but where that names something else: a
// resource.
func (d *reading) readRecord(record *plog.LogRecord, scope string) {
	i := &d.item
	i.identity(record.TraceID(), record.SpanID(), scope)
	i.ts = millis(record.Timestamp())
	i.end = float64(record.ObservedTimestamp())
	if i.ts == 0 {
		i.ts = millis(record.ObservedTimestamp())
	}
	i.level = severity(record.SeverityNumber(), record.SeverityText())
	d.readAttributes(record.Attributes())
	switch body := record.Body(); body.Type() {
	case pcommon.ValueTypeMap: // the fields of an event in earlier conventions
		d.readAttributes(body.Map())
	default:
		i.message, _ = d.scalar(body, maxAttribution)
	}
	if i.name = cut(record.EventName(), maxName); i.name == "" {
		i.name = cut(i.attribute("event.name"), maxName)
	}
	if i.name != "browser.resource_timing" {
		i.page = i.either("url.full", "page.url")
	}
}

// maxAttribution is the longest text that may hold a Web Vital's attribution, performance entries included.
const maxAttribution = 32 << 10

// severity of OpenTelemetry has four steps in each of six ranges.
func severity(number plog.SeverityNumber, text string) string {
	switch {
	case number >= plog.SeverityNumberError:
		return "error"
	case number >= plog.SeverityNumberWarn:
		return "warn"
	case number >= plog.SeverityNumberInfo:
		return "info"
	case number >= plog.SeverityNumberDebug:
		return "debug"
	case number >= plog.SeverityNumberTrace:
		return "trace"
	}
	return strings.ToLower(cut(text, maxName))
}

// takeRecord goes by the names that the semantic conventions and OpenTelemetry's browser instrumentations give their
// events; any other name is the app's own, and a record without a name is a log line.
func (d *reading) takeRecord(i *item) string {
	switch i.name {
	case "browser.web_vital":
		return d.takeWebVitalEvent(i)
	case "browser.navigation_timing":
		return d.takeNavigationTiming(i)
	case "browser.resource_timing":
		return d.takeResourceTiming(i)
	case "browser.navigation":
		return d.takeNavigationEvent(i)
	case "browser.user_action.click":
		return d.takeClick(i)
	case "browser.console":
		return d.takeConsole(i)
	case "exception":
		return d.takeExceptionRecord(i)
	}
	if i.either("exception.type", "exception.message") != "" {
		return d.takeExceptionRecord(i)
	}
	i.message = cut(i.message, maxMessage)
	if i.name == "" {
		i.kept = recordAttribute
		return d.takeLog(i)
	}
	e := next(&d.beacon.Events)
	e.Item = i.base()
	e.Kind = rum.EventCustom
	e.Name = i.name
	if session, ok := strings.CutPrefix(i.name, "session."); ok {
		e.Kind, e.Name = rum.EventSession, "session_"+session
	}
	e.Message = i.message
	e.Attributes = copyAttributes(i.attributes, recordAttribute)
	return ""
}

// recordAttribute names the attributes that are read into fields of their own.
func recordAttribute(key string) bool {
	switch key {
	case "session.id", "session.previous_id", "url.full", "page.url", "event.name":
		return true
	}
	return strings.HasPrefix(key, "user.") || strings.HasPrefix(key, "enduser.")
}

// takeWebVitalEvent reads a Web Vital. The body may hold the attribution as the web-vitals library made it.
func (d *reading) takeWebVitalEvent(i *item) string {
	const prefix = "browser.web_vital."
	value, err := strconv.ParseFloat(i.either(prefix+"value", "value"), 64)
	if err != nil {
		return "a Web Vital without a value"
	}
	i.kind = "web-vitals"
	i.values = append(i.values, measure{strings.ToLower(i.either(prefix+"name", "name")), value})
	i.attributes = append(i.attributes, attribute{"id", i.either(prefix+"id", "id")},
		attribute{"navigation_type", i.either(prefix+"navigation_type", "navigation_type")})
	if strings.HasPrefix(i.message, "{") && checkNesting([]byte(i.message)) == nil {
		d.json.ResetBytes([]byte(i.message))
		if d.decodeAttribution(&d.json, i) != nil {
			i.values = i.values[:1] // half an attribution is none
		}
	}
	// The record is stamped with when it happened; the time the page began follows from it.
	if name := i.values[0].key; name == "ttfb" || name == "fcp" || name == "lcp" {
		d.timeOrigin = i.ts - int64(value)
	}
	// Of two reports of a metric the later one counts.
	if observed := int64(i.end / 1e6); observed > i.ts {
		i.ts = observed
	}
	return d.takeMeasurement(i)
}

// takeNavigationTiming turns a page load into a view. Its phases are in ms since the page began; the record itself is
// stamped with when it was sent, soon after the load event.
func (d *reading) takeNavigationTiming(i *item) string {
	const document, resource = "browser.navigation_timing.", "browser.resource_timing."
	url := i.attribute("url.full")
	end := i.number(document + "load_event_end")
	v := next(&d.beacon.Views)
	v.Item = i.base()
	v.TS -= int64(end)
	if d.timeOrigin != 0 {
		v.TS = d.timeOrigin
	}
	v.Kind = rum.ViewLoad
	v.ViewID = "n" + strconv.FormatInt(v.TS, 36) + randomID()[:6]
	v.Navigation = navigationType(i.attribute(document + "type"))
	v.Path = pathOfURL(cut(url, maxURL))
	v.Duration = float32(end)
	v.DNS = i.phase(resource+"domain_lookup_start", resource+"domain_lookup_end")
	v.TCP, v.TLS = i.handshakes(resource)
	v.Request = i.phase(resource+"request_start", resource+"response_start")
	v.Response = i.phase(resource+"response_start", resource+"response_end")
	v.DOM = i.phase(resource+"response_end", document+"dom_complete")
	v.DOMContentLoaded = i.phase(document+"dom_content_loaded_event_start", document+"dom_content_loaded_event_end")
	v.Load = i.phase(document+"load_event_start", document+"load_event_end")
	v.TTFB = float32(i.number(resource + "response_start"))
	v.TransferSize = i.size(resource + "transfer_size")
	d.navigations = append(d.navigations, navigation{id: v.ViewID, start: v.TS, page: cut(url, maxURL), teller: "navigation-timing"})
	return ""
}

// takeResourceTiming turns a resource's timing into a request. When it was asked for is known in ms since the page
// began; the record is stamped with when it was sent.
func (d *reading) takeResourceTiming(i *item) string {
	const prefix = "browser.resource_timing."
	url := i.attribute("url.full")
	if url == "" {
		return "a resource without url.full"
	}
	host, path := hostAndPath(url)
	r := rum.Request{Item: i.base(), Kind: resourceKind(i.attribute(prefix+"initiator_type"), url),
		Host: cut(host, maxName), Path: cut(path, maxURL)}
	r.Duration = i.millis(prefix + "duration")
	r.TS -= int64(r.Duration)
	r.DNS = i.phase(prefix+"domain_lookup_start", prefix+"domain_lookup_end")
	r.TCP, r.TLS = i.handshakes(prefix)
	r.Wait = i.phase(prefix+"request_start", prefix+"response_start")
	r.Response = i.phase(prefix+"response_start", prefix+"response_end")
	r.TransferSize = i.size(prefix + "transfer_size")
	r.EncodedSize = i.size(prefix + "encoded_body_size")
	r.DecodedSize = i.size(prefix + "decoded_body_size")
	r.Protocol = cut(i.attribute(prefix+"next_hop_protocol"), 32)
	r.RenderBlocking = i.attribute(prefix+"render_blocking_status") == "blocking"
	if start := i.number(prefix + "fetch_start"); start > 0 {
		d.sinceOrigin = append(d.sinceOrigin, sinceOrigin{len(d.beacon.Requests), start})
	}
	return d.addRequest(i, r, sourceTiming)
}

// phase is the time from one mark of a timing to another in ms, 0 unless both are known in this order.
func (i *item) phase(from, to string) float32 {
	start, end := i.number(from), i.number(to)
	if start <= 0 || end < start {
		return 0
	}
	return float32(end - start)
}

// handshakes are how long TCP and TLS took. There was no TLS where secureConnectionStart is 0.
func (i *item) handshakes(prefix string) (tcp, tls float32) {
	tls = i.phase(prefix+"secure_connection_start", prefix+"connect_end")
	return max(0, i.phase(prefix+"connect_start", prefix+"connect_end")-tls), tls
}

// takeNavigationEvent turns a change of the page's address without a load into a view. Loads have timings of their
// own, and a change of the fragment is no change of the route.
func (d *reading) takeNavigationEvent(i *item) string {
	url := i.attribute("url.full")
	same, hash := i.attribute("browser.navigation.same_document") == "true", i.attribute("browser.navigation.hash_change") == "true"
	if !same || hash || url == "" {
		return d.viewEvent(i, "", pathOfURL(enrich.CleanURL(url)))
	}
	v := next(&d.beacon.Views)
	v.Item = i.base()
	v.Kind = rum.ViewRouteChange
	v.Navigation = rum.ViewRouteChange
	v.Path = pathOfURL(cut(url, maxURL))
	v.ViewID = "r" + strconv.FormatInt(i.ts, 36) + randomID()[:6]
	return ""
}

// takeClick turns a click into an action. Where it was on the page is not kept, nor the element's own attributes.
func (d *reading) takeClick(i *item) string {
	if d.told.click(d.claims.appName, d.claims.sessionID, i.ts, "event", "span") {
		return d.skip("click told twice")
	}
	a := next(&d.beacon.Actions)
	a.Item = i.base()
	a.ActionID = randomID()
	a.Kind = "click"
	a.Name = "click"
	a.Target = cut(i.either("browser.css_selector", "browser.tag_name"), maxSelector)
	return ""
}

// takeConsole turns what a page wrote to the console into a log line, or an error where it was console.error.
func (d *reading) takeConsole(i *item) string {
	i.message = cut(i.message, maxMessage)
	if i.attribute("browser.console.method") == "error" {
		i.level, i.message = "error", consolePrefix+i.message
	}
	i.kept = recordAttribute
	return d.takeLog(i)
}

// takeExceptionRecord turns an exception, on its own or recorded on a span, into an error.
func (d *reading) takeExceptionRecord(i *item) string {
	kind, message := cut(i.attribute("exception.type"), maxName), cut(i.attribute("exception.message"), maxMessage)
	if message == "" {
		message = cut(i.message, maxMessage)
	}
	if kind == "" && message == "" {
		return "an exception without exception.type and exception.message"
	}
	e := next(&d.beacon.Errors)
	e.Item = i.base()
	e.Kind, e.Type, e.Message = "exception", kind, message
	e.Handled = i.attribute("exception.escaped") == "false"
	e.Frames = parseStack(i.attribute("exception.stacktrace"), nil)
	e.Attributes = copyAttributes(i.attributes, func(key string) bool {
		return strings.HasPrefix(key, "exception.") || recordAttribute(key)
	})
	return ""
}
