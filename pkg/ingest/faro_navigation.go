package ingest

import (
	"strconv"

	"github.com/sightline-rum/sightline/pkg/enrich"
	"github.com/sightline-rum/sightline/pkg/rum"
)

// takeNavigation turns a page load's navigation timing into a view. The event's timestamp is when the navigation
// began. What Faro's attributes mean (createFaroNavigationTiming in faro-web-sdk), in ms:
//
//	duration                   navigation start to the end of the load event
//	pageLoadTime               fetchStart to domComplete; stands in where duration is missing
//	tcpHandshakeTime           connectEnd - connectStart, which includes TLS
//	tlsNegotiationTime         connectEnd - secureConnectionStart, and so nonsense where there was no TLS
//	requestTime, responseTime  request sent to first byte, first to last byte
//	documentParsingTime        parsing, up to domInteractive; unknown in some browsers
//	domProcessingTime          domInteractive to domComplete
//	ttfb                       navigation start (or prerender activation) to first byte
func (d *reading) takeNavigation(i *item) string {
	v := next(&d.beacon.Views)
	v.Item = i.base()
	v.Kind = rum.ViewLoad
	v.ViewID = safeID(i.attribute("faroNavigationId"))
	v.PreviousViewID = safeID(i.attribute("faroPreviousNavigationId"))
	v.Navigation = navigationType(i.attribute("type"))
	v.Path = pathOfURL(cut(i.attribute("name"), maxURL))
	if v.Duration = i.millis("duration"); v.Duration == 0 {
		v.Duration = i.millis("pageLoadTime")
	}
	v.Redirect = i.millis("redirectTime")
	v.DNS = i.millis("dnsLookupTime")
	v.TCP, v.TLS = connection(i)
	v.Request = i.millis("requestTime")
	v.Response = i.millis("responseTime")
	v.DOM = i.millis("documentParsingTime") + i.millis("domProcessingTime")
	v.DOMContentLoaded = i.millis("domContentLoadHandlerTime")
	v.Load = i.millis("onLoadTime")
	v.TTFB = i.millis("ttfb")
	v.Server = i.serverTime()
	v.TransferSize = i.size("transferSize")
	if v.ViewID != "" {
		d.navigations = append(d.navigations, navigation{id: v.ViewID, previous: v.PreviousViewID, start: v.TS})
	}
	return ""
}

// connection splits the handshake time into TCP and TLS. The handshake contains the negotiation, so a longer
// negotiation was computed from a secureConnectionStart of 0: there was none.
func connection(i *item) (tcp, tls float32) {
	tcp, tls = i.millis("tcpHandshakeTime"), i.millis("tlsNegotiationTime")
	if tls > tcp {
		return tcp, 0
	}
	return tcp - tls, tls
}

// takeSoftNavigation turns a route change that Faro observed (the URL changed after an interaction, and the page with
// it) into a view. The event is sent when the page has come to rest, so the change began its duration earlier.
func (d *reading) takeSoftNavigation(i *item) string {
	to := i.attribute("toUrl")
	if to == "" {
		return "a navigation without toUrl"
	}
	duration := i.millis("duration")
	v := next(&d.beacon.Views)
	v.Item = i.base()
	v.TS -= int64(duration)
	v.Kind = rum.ViewRouteChange
	v.Navigation = rum.ViewRouteChange
	v.Path = pathOfURL(cut(to, maxURL))
	v.Duration = duration
	v.ViewID = "r" + strconv.FormatInt(i.ts, 36) + randomID()[:6]
	return ""
}

// takeRouteChange turns the route change that a router integration reports into a view. It knows the route's name, but
// not how long the change took. The first route of a page is no change: the page load has its own view.
func (d *reading) takeRouteChange(i *item) string {
	to, route := i.attribute("toUrl"), cut(i.attribute("toRoute"), maxName)
	if to == "" && route == "" {
		return "a route change without toUrl and toRoute"
	}
	if i.either("fromUrl", "fromRoute") == "" {
		return d.viewEvent(i, route, pathOfURL(enrich.CleanURL(to)))
	}
	v := next(&d.beacon.Views)
	v.Item = i.base()
	v.Kind = rum.ViewRouteChange
	v.Navigation = rum.ViewRouteChange
	v.Path = pathOfURL(cut(to, maxURL))
	v.Duration = i.millis("duration")
	if v.ViewID == "" {
		v.ViewID = safeID(i.attribute("viewId"))
	}
	v.PreviousViewID = safeID(i.either("faroPreviousNavigationId", "previousViewId"))
	if v.ViewID == "" {
		v.ViewID = "r" + strconv.FormatInt(i.ts, 36) + randomID()[:6]
	}
	if route != "" {
		v.Attributes = map[string]string{enrich.RouteAttribute: route}
	}
	return ""
}

// takeViewChanged keeps the change of the app's view name on the timeline. It is not a view: Faro sends one on every
// plain page load too, as the initial name is set.
func (d *reading) takeViewChanged(i *item) string {
	return d.viewEvent(i, "", cut(i.either("toView", "name"), maxName))
}

func (d *reading) viewEvent(i *item, route, message string) string {
	e := next(&d.beacon.Events)
	e.Item = i.base()
	e.Kind = rum.EventView
	e.Name = i.name
	e.Message = message
	if route != "" {
		e.Attributes = map[string]string{enrich.RouteAttribute: route}
	}
	return ""
}
