package ingest

import (
	"github.com/sightline-rum/sightline/pkg/rum"
)

// source is where a request was read from; see told.
type source uint8

const (
	sourceTiming source = iota
	sourceSpan
	sourceResourceSpan // a resource that document-load tells by a span
)

// finish fills in what needs the whole payload.
func (d *reading) finish() {
	if d.otel {
		d.linkLoads()
	}
	d.nameViews()
	d.countRequestsOnce()
	d.countRouteChangesOnce()
}

// nameViews gives items their page view. Faro names the page load on vitals and resources only, and reads it there
// from the session storage, where it is still the previous page's until the new page has loaded. So a vital that began
// after the load in this same beacon belongs to that load; and where a beacon holds exactly one page load, so do the
// items that name none, because Faro never puts two pages' items into one beacon.
func (d *reading) nameViews() {
	b := &d.beacon
	for n := range b.Vitals {
		v := &b.Vitals[n]
		for _, load := range d.navigations {
			if v.ViewID != "" && v.ViewID == load.previous && v.TS >= load.start {
				v.ViewID = load.id
			}
		}
	}
	only := d.onlyNavigation()
	if only == "" {
		return
	}
	eachTold(b, func(item *rum.Item) {
		if item.ViewID == "" {
			item.ViewID = only
		}
	})
}

// onlyNavigation is the one page load that the beacon's items name, or "" when they name none or several.
func (d *reading) onlyNavigation() string {
	only := ""
	several := false
	see := func(id string) {
		switch {
		case id == "" || id == only:
		case only == "":
			only = id
		default:
			several = true
		}
	}
	for n := range d.navigations {
		see(d.navigations[n].id)
	}
	for n := range d.beacon.Vitals {
		see(d.beacon.Vitals[n].ViewID)
	}
	for n := range d.beacon.Requests {
		see(d.beacon.Requests[n].ViewID)
	}
	for n := range d.beacon.Views {
		if d.beacon.Views[n].Kind == rum.ViewRouteChange {
			several = true
		}
	}
	if several {
		return ""
	}
	return only
}

// countRequestsOnce drops the requests that are told twice, spans first: a timing in the same beacon as its span finds
// it told.
func (d *reading) countRequestsOnce() {
	b := &d.beacon
	if len(b.Requests) == 0 {
		return
	}
	drop := func(n int, reason string) {
		d.skip(reason)
		d.dropped[n] = true
	}
	d.dropped = append(d.dropped[:0], make([]bool, len(b.Requests))...)
	for n := range b.Requests {
		if d.sources[n] != sourceSpan {
			continue
		}
		if key, ok := keyOfSpan(&b.Requests[n].Item); ok {
			if d.told.span(key) {
				drop(n, "span told twice")
				continue
			}
			d.spans = append(d.spans, key)
		}
		// A timing of the same beacon has its say first.
		for m := range b.Requests {
			r := &b.Requests[m]
			if d.sources[m] == sourceTiming && !d.dropped[m] && r.Host == b.Requests[n].Host && r.Path == b.Requests[n].Path &&
				(r.Kind == "fetch" || r.Kind == "xhr") && abs(r.TS-b.Requests[n].TS) <= sameRequest.Milliseconds() {
				d.told.endpoints.Add(endpointKey(&b.Context, r), r.TS)
				d.told.timing(&b.Context, r)
				drop(m, "timing told by its span")
				break
			}
		}
		r := &b.Requests[n]
		browsers := r.TraceID
		d.told.request(&b.Context, r)
		if r.TraceID == browsers && !d.told.sent(&b.Context, r) {
			r.TraceID, r.SpanID, r.Unsampled = "", "", false
		}
	}
	kept := b.Requests[:0]
	for n := range b.Requests {
		r := &b.Requests[n]
		if !d.dropped[n] && d.sources[n] == sourceTiming && (r.Kind == "fetch" || r.Kind == "xhr") && d.told.timing(&b.Context, r) {
			drop(n, "timing told by its span")
		}
		if d.otel && !d.dropped[n] && r.Kind != "fetch" && r.Kind != "xhr" && d.told.resource(&b.Context, r, d.sources[n]) {
			drop(n, "resource told twice")
		}
		if !d.dropped[n] {
			kept = append(kept, *r)
		}
	}
	b.Requests = kept
}

// countRouteChangesOnce keeps the first report of a route change as the view, and the second on the timeline only.
// Within one beacon the router's report knows the route and Faro's own the duration: they become one.
func (d *reading) countRouteChangesOnce() {
	b := &d.beacon
	kept := b.Views[:0]
	for n := range b.Views {
		v := b.Views[n]
		if v.Kind != rum.ViewRouteChange {
			kept = append(kept, v)
			continue
		}
		if d.told.routeChange(&b.Context, v.Path, v.TS) {
			if m := sameChange(kept, &v); m != nil {
				if m.Duration == 0 {
					m.Duration, m.TS = v.Duration, v.TS
				}
				if m.Attributes == nil {
					m.Attributes = v.Attributes
				}
				continue
			}
			e := next(&b.Events)
			e.Item = v.Item
			e.ViewID = ""
			e.Kind, e.Name, e.Message = rum.EventView, "route_change", v.Path
			continue
		}
		kept = append(kept, v)
	}
	b.Views = kept
}

func sameChange(views []rum.View, v *rum.View) *rum.View {
	for n := range views {
		if views[n].Kind == rum.ViewRouteChange && views[n].Path == v.Path {
			return &views[n]
		}
	}
	return nil
}
