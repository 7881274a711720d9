package ingest

import (
	"github.com/sightline-rum/sightline/pkg/rum"
)

// takeDocumentSpan turns the two spans of a page load into a view. documentLoad has the phases of the document as
// events, from fetchStart on; its child documentFetch has those of the network and ends first. Whichever is read first
// makes the view, and the other adds to it: they are in one payload, since one waits for the other.
func (d *reading) takeDocumentSpan(i *item, url string) string {
	id := hexID(i.traceID, 32)
	load := i.name == "documentLoad"
	v := d.viewOfTrace(id)
	if v == nil {
		v = next(&d.beacon.Views)
		v.Item = i.base()
		v.Kind = rum.ViewLoad
		v.Path = pathOfURL(cut(url, maxURL))
		v.ViewID = v.SpanID
		if v.ViewID == "" {
			v.ViewID = randomID()
		}
		d.navigations = append(d.navigations, navigation{id: v.ViewID, start: v.TS, page: cut(url, maxURL), teller: "document-load"})
	} else {
		defer d.skip("span of a page load's document") // a part of the view, not a row of its own
	}
	if load {
		v.Duration = float32((i.end - i.start) / 1e6)
		v.DOM = i.between("fetchStart", "domComplete") - i.between("fetchStart", "domInteractive")
		v.DOMContentLoaded = i.between("domContentLoadedEventStart", "domContentLoadedEventEnd")
		v.Load = i.between("loadEventStart", "loadEventEnd")
		return ""
	}
	v.DNS, v.TCP, v.TLS = i.connection()
	v.Request = i.between("requestStart", "responseStart")
	v.Response = i.between("responseStart", "responseEnd")
	v.TTFB = i.between("fetchStart", "responseStart")
	v.TransferSize = i.size("http.response_content_length")
	return ""
}

func (d *reading) viewOfTrace(id string) *rum.View {
	for n := range d.beacon.Views {
		if v := &d.beacon.Views[n]; id != "" && v.TraceID == id && v.Kind == rum.ViewLoad {
			return v
		}
	}
	return nil
}

// takeResourceSpan turns a resource that document-load found into a request. The span does not say what started it.
func (d *reading) takeResourceSpan(i *item, url string) string {
	return d.addRequest(i, i.spanRequest(resourceKind("", url), url), sourceResourceSpan)
}

// takeInteraction turns the span of a DOM event's handler into an action. Each handler of an event has a span, one in the
// other: they are in one trace, which begins with the event, and so is whatever they start.
func (d *reading) takeInteraction(i *item) string {
	key := spanKey{trace: hexID(i.traceID, 32), span: "interaction"}
	if key.trace != "" && d.told.span(key) {
		return d.skip("another handler of the same event")
	}
	d.spans = append(d.spans, key)
	if d.told.click(d.claims.appName, d.claims.sessionID, i.ts, "span", "event") {
		return d.skip("click told twice")
	}
	a := next(&d.beacon.Actions)
	a.Item = i.base()
	if a.ActionID = actionOfTrace(i.traceID); a.ActionID == "" {
		a.ActionID = randomID()
	}
	a.Kind = actionKind(i.attribute("event_type"))
	a.Name = cut(i.attribute("event_type"), maxName)
	a.Target = cut(i.attribute("target_xpath"), maxSelector)
	a.Duration = float32((i.end - i.start) / 1e6)
	return ""
}

// actionOfTrace is the id of the action that a trace begins with.
func actionOfTrace(trace string) string {
	if trace = hexID(trace, 32); trace == "" {
		return ""
	}
	return trace[:16]
}
