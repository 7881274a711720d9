package ingest

import (
	"strconv"
	"strings"

	"github.com/sightline-rum/sightline/pkg/enrich"
	"github.com/sightline-rum/sightline/pkg/rum"
)

// takeEvent goes by the names Faro's instrumentations give their events; any other name is the app's own.
func (d *reading) takeEvent(i *item) string {
	switch i.name {
	case "":
		return "an event without a name"
	case "faro.performance.navigation":
		return d.takeNavigation(i)
	case "faro.performance.resource":
		return d.takeResource(i)
	case "faro.navigation":
		return d.takeSoftNavigation(i)
	case "route_change":
		return d.takeRouteChange(i)
	case "view_changed":
		return d.takeViewChanged(i)
	case "faro.user.action":
		return d.takeAction(i)
	case "sightline.blocking":
		return d.takeBlocking(i)
	case "securitypolicyviolation":
		return d.takePolicyViolation(i)
	case "faro.session_recording.event":
		// A recording holds what was on the screen. It is not asked for and not kept.
		return d.skip("session recording")
	}
	if instrumentation, ok := strings.CutPrefix(i.name, "faro.tracing."); ok {
		return d.takeTracedRequest(i, instrumentation)
	}
	e := next(&d.beacon.Events)
	e.Item = i.base()
	e.Kind = rum.EventCustom
	if strings.HasPrefix(i.name, "session_") {
		e.Kind = rum.EventSession
	}
	e.Name = i.name
	e.Message = cut(i.attribute("message"), maxMessage)
	e.Attributes = copyAttributes(i.attributes, func(key string) bool { return key == "message" || isCorrelating(key) })
	return ""
}

// takeAction reads Faro's user action. Its event is sent when what the action caused has come to rest, and is stamped
// with the time it began. A trigger is a DOM event's name, or faroApiCall for an action the app started itself.
func (d *reading) takeAction(i *item) string {
	a := next(&d.beacon.Actions)
	a.Item = i.base()
	a.ActionID = safeID(i.actionID)
	if a.ActionID == "" {
		a.ActionID = randomID()
	}
	if start, err := strconv.ParseInt(i.attribute("userActionStartTime"), 10, 64); err == nil &&
		d.plausible(start) == "" {
		a.TS = start
	}
	a.Name = cut(i.attribute("userActionName"), maxName)
	a.Target = cut(i.attribute("userActionTarget"), maxSelector)
	a.Duration = i.millis("userActionDuration")
	if end := i.number("userActionEndTime"); a.Duration == 0 && end > float64(a.TS) {
		a.Duration = float32(end - float64(a.TS))
	}
	switch kind := i.attribute("userActionKind"); kind {
	case "click", "submit", "rage", "dead", "error", "custom":
		a.Kind = kind
	default:
		a.Kind = actionKind(i.attribute("userActionTrigger"))
	}
	a.Attributes = copyAttributes(i.attributes,
		func(key string) bool { return strings.HasPrefix(key, "userAction") || isCorrelating(key) })
	return ""
}

// actionKind of a trigger. A key press activates what has the focus, as a click would.
func actionKind(trigger string) string {
	switch trigger {
	case "pointerdown", "pointerup", "mousedown", "click", "keydown", "touchstart":
		return "click"
	case "submit":
		return "submit"
	default:
		return "custom"
	}
}

// takePolicyViolation turns a Content Security Policy violation that the page observed into the error the Reporting
// API would report.
func (d *reading) takePolicyViolation(i *item) string {
	e := next(&d.beacon.Errors)
	e.Item = i.base()
	e.Kind = "csp-violation"
	e.Type = cut(i.either("effectiveDirective", "effective-directive", "violatedDirective", "violated-directive"), maxName)
	blocked := enrich.CleanURL(i.either("blockedURL", "blockedURI", "blocked-uri"))
	e.Message = cut("blocked "+blocked+" by "+e.Type, maxMessage)
	e.Frames = i.reportedPlace()
	e.Attributes = map[string]string{"blocked": cut(blocked, maxAttribute)}
	if disposition := i.attribute("disposition"); disposition != "" {
		e.Attributes["disposition"] = cut(disposition, maxName)
	}
	e.Handled = true
	return ""
}
