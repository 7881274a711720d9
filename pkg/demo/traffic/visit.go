package traffic

import (
	"encoding/json"
	"math"
	"time"
)

// visit works out one session from its first page to its last, and returns its beacons in the order they are sent.
func (t *Traffic) visit(d dice, start time.Time, hurry float64) []Beacon {
	start = start.Truncate(time.Millisecond)
	visitor := t.newVisitor(d, start)
	route := pick(d, entrances, func(s step) float64 { return s.share }).route
	if visitor.leavesBefore(route) {
		route = "/"
	}
	now, previous := start, "unknown"
	var sent []Beacon
	for number := 0; route != "" && number < 25; number++ {
		v := &viewing{
			traffic: t, dice: d, visitor: visitor, page: pages[route], start: now, first: number == 0, hurry: hurry,
			previousNavigation: previous,
		}
		v.incident = t.scenario.hits(visitor, route)
		v.walk()
		sent = append(sent, v.sent...)
		previous, now = v.navigationID, v.end.Add(after(d.between(30, 400)))

		route = pick(d, pages[route].next, func(s step) float64 { return s.share }).route
		if visitor.kind == kindBot && number >= 1 || v.gaveUp || visitor.leavesBefore(route) {
			route = ""
		}
	}
	return sent
}

// viewing is one page view while it happens.
type viewing struct {
	traffic            *Traffic
	dice               dice
	visitor            *visitor
	page               page
	start              time.Time
	end                time.Time
	first              bool
	hurry              float64
	incident           bool // the incident shows on this view
	gaveUp             bool // the visitor leaves for good
	previousNavigation string

	url, route      string
	navigationID    string
	vitalNavigation string // web-vitals' name of how the page was reached

	body  payload // what the next beacon will hold
	truth Truth
	sent  []Beacon
}

// after turns milliseconds into a duration of whole ones.
func after(millis float64) time.Duration {
	return time.Duration(millis+0.5) * time.Millisecond
}

// walk lives through the view: it loads, settles, is used, perhaps put aside for a while, and left.
func (v *viewing) walk() {
	d := v.dice
	v.route, v.navigationID = v.page.route, d.shortID(10)
	v.url = v.traffic.config.SiteURL + v.page.path(d)
	hidden := !v.first && d.chance(0.03) // opened in a background tab: nothing is painted while nobody looks
	kind := pick(d, []step{{"navigate", 0.88}, {"reload", 0.04}, {"back-forward", 0.08}},
		func(s step) float64 { return s.share }).route
	if v.first {
		kind = "navigate"
	}
	v.vitalNavigation = kind

	factor := 1.0
	if v.incident {
		factor = v.traffic.scenario.incident.LCPFactor
	}
	load := timesOf(d, v.visitor, v.page, !v.first, v.incident, factor)
	loaded := v.start.Add(after(load.loadEnd))
	v.settle(load, loaded, kind, hidden)

	// A page's own call starts once its script has run.
	var calls []call
	if v.page.api != "" {
		median := v.page.apiMillis
		if v.incident {
			median *= 2.2
		}
		c := v.fetch(v.page.api, median, v.start.Add(after(load.domInteractive)), nil)
		v.timed(c)
		calls = append(calls, c)
	}
	v.usualFaults(loaded)
	v.send(loaded.Add(after(250)))

	vitals := v.newVitals(load, hidden)
	now := loaded.Add(after(d.logNormal(6000, 0.8) * v.hurry))
	if !hidden && d.chance(v.interacts()) {
		now = v.use(now, vitals, &calls)
	}
	for _, c := range calls {
		v.traced(c)
	}
	if len(calls) > 0 {
		last := calls[len(calls)-1]
		v.send(latest(now, last.start.Add(after(last.millis))).Add(after(1300)))
	}
	now = latest(now, loaded).Add(after(d.logNormal(9000, 0.9)*v.hurry) + 1700*time.Millisecond)

	if v.route == "/category/:slug" && d.chance(0.12) {
		now = v.routeChange(now)
	}
	// Put aside and taken up again: everything is reported, and later once more under the same ids.
	if !hidden && d.chance(0.12) {
		vitals.report(v, now)
		v.send(now)
		now = now.Add(after(d.logNormal(15000, 0.7) * v.hurry))
		vitals.change(d)
	}
	vitals.report(v, now)
	v.send(now)
	v.end = now
}

func (v *viewing) interacts() float64 {
	switch {
	case v.visitor.kind == kindBot:
		return 0
	case v.route == "/checkout":
		return 0.95
	default:
		return 0.72
	}
}

// settle records what the SDK reports once the page has loaded: session, navigation, resources, first byte and paint.
func (v *viewing) settle(load loadTimes, loaded time.Time, kind string, hidden bool) {
	d := v.dice
	name := "session_resume"
	if v.first {
		name = "session_start"
	}
	begun := v.start.Add(after(load.fcp * 0.8))
	v.body.Events = append(v.body.Events, event{Name: name, Domain: "browser", Timestamp: iso(begun)})
	v.truth.Events = append(v.truth.Events, TruthEvent{At: ms(begun), Kind: "session", Name: name})

	v.navigated(load, kind, hidden)
	v.resources(load, hidden)

	watching := v.start.Add(after(load.fcp * 0.7))
	v.report("ttfb", vitalID(d, watching), watching, loaded, load.ttfb, 0, map[string]float64{
		"dns_duration": tenth(load.dns), "connection_duration": tenth(load.connect),
		"request_duration": tenth(load.ttfb - load.dns - load.connect), "waiting_duration": 0.8,
	}, nil)
	if !hidden {
		v.report("fcp", vitalID(d, watching), watching, loaded, load.fcp, 0, map[string]float64{
			"first_byte_to_fcp": tenth(load.fcp - load.ttfb), "time_to_first_byte": load.ttfb,
		}, map[string]string{"load_state": "dom-interactive"})
	}
}

func (v *viewing) navigated(load loadTimes, kind string, hidden bool) {
	d := v.dice
	t := timing{
		url: v.url, initiator: "navigation", dns: load.dns, tcp: load.connect, tls: load.tls,
		wait: load.ttfb - load.dns - load.connect, response: load.responseEnd - load.ttfb, status: 200,
		encoded: 8_400, decoded: 31_000, visible: !hidden, protocol: "h2", duration: load.loadEnd,
	}
	attributes := t.attributes()
	attributes["fetchTime"] = whole(load.responseEnd)
	attributes["ttfb"] = whole(load.ttfb)
	attributes["pageLoadTime"] = whole(load.domComplete)
	attributes["documentParsingTime"] = whole(load.domInteractive - load.responseEnd)
	attributes["domProcessingTime"] = whole(load.domComplete - load.domInteractive)
	attributes["domContentLoadHandlerTime"] = whole(d.between(0, 12))
	attributes["onLoadTime"] = whole(load.loadEnd - load.domComplete)
	attributes["type"] = map[string]string{"back-forward": "back_forward"}[kind]
	if attributes["type"] == "" {
		attributes["type"] = kind
	}
	attributes["faroNavigationId"] = v.navigationID
	attributes["faroPreviousNavigationId"] = v.previousNavigation
	truth := TruthView{At: ms(v.start), Kind: "load", Duration: math.Round(load.loadEnd), TTFB: math.Round(load.ttfb)}
	var trace *traceContext
	if d.chance(0.7) && v.visitor.traced() { // where the server named the trace in Server-Timing
		trace = &traceContext{TraceID: d.hex(32), SpanID: d.hex(16)}
		truth.TraceID = trace.TraceID
	}
	v.body.Events = append(v.body.Events, event{
		Name: "faro.performance.navigation", Domain: "browser", Attributes: attributes, Timestamp: iso(v.start), Trace: trace,
	})
	v.truth.Views = append(v.truth.Views, truth)
}

func (v *viewing) resources(load loadTimes, hidden bool) {
	d := v.dice
	wanted := commonFiles
	if v.route == "/checkout" {
		wanted = append(wanted[:len(wanted):len(wanted)], checkoutFile)
	}
	if v.page.lcpImage != "" {
		wanted = append(wanted[:len(wanted):len(wanted)], file{v.page.lcpImage, "img", 46_000, max(load.resourceDuration,
			20), false, ""})
	}
	for _, f := range wanted {
		cached := !v.first && f.initiator != "img" && d.chance(0.85)
		took := d.logNormal(f.millis*v.visitor.connection.slow, 0.4)
		address := v.traffic.config.SiteURL + f.path
		if f.thirdParty != "" {
			address = "https://" + f.thirdParty + f.path
		}
		t := timing{
			url: address, initiator: f.initiator, wait: took * 0.6, response: took * 0.3, queued: took * 0.1, status: 200,
			encoded: f.bytes, decoded: f.bytes * 3, cached: cached, blocking: f.blocking, visible: !hidden, protocol: "h2",
		}
		if cached {
			t.wait, t.response, t.queued = 0.4, 0.3, 0.2
		}
		v.resource(v.start.Add(after(load.responseEnd+d.between(1, 60))), t, nil, nil)
	}
}

func (v *viewing) usualFaults(loaded time.Time) {
	for _, f := range faults {
		if (f.route == "" || f.route == v.route) && v.dice.chance(f.share) {
			v.fail(loaded.Add(-after(v.dice.between(0, 20))), f.kind, f.message, f.frames)
		}
	}
	if v.dice.chance(0.004) {
		line := "[basket] storage is full, keeping the basket in memory"
		v.body.Logs = append(v.body.Logs, logLine{Message: line, Level: "warn", Timestamp: iso(loaded)})
		v.truth.Events = append(v.truth.Events, TruthEvent{At: ms(loaded), Kind: "log", Name: line})
	}
}

// use is what people do on a page: click, and on some pages something worth naming. The largest paint is final from
// then on and is reported at once. Returns when it is over.
func (v *viewing) use(now time.Time, vitals *viewVitals, calls *[]call) time.Time {
	vitals.interact(v)
	vitals.reportLCP(v, now)
	v.letDown(now)
	var name, api string
	median := 80.0
	switch {
	case v.route == "/product/:id" && v.dice.chance(0.5):
		name, api = "add-to-cart", "POST /api/cart/items"
	case v.route == "/cart" && v.dice.chance(0.15):
		name = "apply-voucher"
	case v.route == "/checkout" && v.dice.chance(paid):
		name, api, median = "pay", "POST /api/checkout/pay", 420
	default:
		v.send(now.Add(after(250)))
		return now
	}
	// Those the incident makes wait give up before they pay more often than others.
	if v.incident && name == "pay" && v.dice.chance(0.3) {
		v.gaveUp = true
		v.send(now.Add(after(250)))
		return now
	}
	return v.act(now, name, api, median, calls)
}

// act is one named user action with the request it causes.
func (v *viewing) act(now time.Time, name, api string, median float64, calls *[]call) time.Time {
	id := v.dice.shortID(10)
	cause := &action{Name: name, ParentID: id}
	done := now.Add(after(v.dice.between(20, 60)))
	if api != "" {
		c := v.fetch(api, median, now.Add(after(4)), cause)
		v.timed(c)
		*calls = append(*calls, c)
		done = c.start.Add(after(c.millis))
	}
	failed := v.incident && name == "pay" && v.dice.chance(v.traffic.scenario.incident.ErrorShare)
	if failed {
		i := v.traffic.scenario.incident
		v.fail(done, i.ErrorType, i.ErrorMessage, walletFrames)
		v.gaveUp = v.dice.chance(0.85)
		v.paymentFailed(now, done)
	}
	v.acted(id, name, "pointerdown", now, done)
	if name == "pay" && !failed {
		// The page says thank you: an action the app reports by itself, which ends the checkout.
		v.acted(id+"-paid", "order-placed", "faroApiCall", done.Add(after(30)), done.Add(after(31)))
	}
	v.send(done.Add(after(250)))
	return done
}

// acted reports a named action that began and ended then: a click, on what the page has to click on, or one that the app
// reports by itself.
func (v *viewing) acted(id, name, trigger string, began, ended time.Time) {
	took := float64(ended.Sub(began).Milliseconds())
	attributes := map[string]string{
		"userActionName": name, "userActionStartTime": whole(float64(ms(began))),
		"userActionEndTime":  whole(float64(ms(ended))),
		"userActionDuration": whole(took), "userActionTrigger": trigger, "userActionImportance": "normal",
	}
	truth := TruthAction{At: ms(began), ID: id, Kind: "custom", Name: name, Duration: took}
	if trigger == "pointerdown" {
		truth.Kind, truth.Target = "click", v.page.clickTarget
		attributes["userActionTarget"] = truth.Target
	}
	v.body.Events = append(v.body.Events, event{Name: "faro.user.action", Domain: "browser", Timestamp: iso(began),
		Action: &action{ID: id, Name: name}, Attributes: attributes})
	v.truth.Actions = append(v.truth.Actions, truth)
}

// routeChange is a change of filters that the page handles itself, under a new address.
func (v *viewing) routeChange(now time.Time) time.Time {
	from, took := v.url, v.dice.logNormal(180*v.visitor.client.speed, 0.4)
	v.url = from + "?sort=price"
	v.body.Events = append(v.body.Events, event{
		Name: "faro.navigation", Domain: "browser", Timestamp: iso(now.Add(after(took))),
		Attributes: map[string]string{"fromUrl": from, "toUrl": v.url, "sameDocument": "true", "duration": whole(took)},
	})
	v.truth.Views = append(v.truth.Views, TruthView{At: ms(now.Add(after(took))), Kind: "route-change",
		Duration: float64(int(took + 0.5))})
	v.send(now.Add(after(took + 350)))
	return now.Add(after(v.dice.logNormal(8000, 0.6)*v.hurry + took + 400))
}

// send hands over what has gathered as one beacon.
func (v *viewing) send(at time.Time) {
	if v.truth.Len() == 0 {
		return
	}
	body, truth := v.body, v.truth
	body.Meta = v.traffic.meta(v.visitor)
	body.Meta.Page = metaPage{URL: v.url, ID: v.page.name}
	encoded, err := json.Marshal(body)
	if err != nil {
		panic("traffic: encode beacon: " + err.Error()) // plain structs of finite numbers
	}
	c := v.visitor
	truth.App, truth.Environment, truth.Release = v.traffic.config.App, v.traffic.config.Environ, c.release
	truth.SessionID, truth.UserID, truth.Traffic = c.sessionID, c.userID, c.kind
	truth.Browser, truth.OS, truth.Device = c.client.browser, c.client.osName, c.client.device
	truth.Country, truth.SampleRate = c.country.code, c.sampleRate
	if c.client.chromium() {
		truth.Connection = c.connection.name
	}
	truth.URL, truth.Route, truth.ViewID = v.url, v.route, v.navigationID

	header := map[string]string{
		"User-Agent": c.client.userAgent, "Origin": v.traffic.config.SiteURL, "X-Faro-Session-Id": c.sessionID,
		"Idempotency-Key": v.dice.shortID(20),
	}
	if c.kind == kindSynthetic {
		header[SyntheticHeader] = syntheticTool
	}
	v.sent = append(v.sent, Beacon{At: at, Body: encoded, Header: header, Truth: truth})
	v.body, v.truth = payload{}, Truth{}
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
