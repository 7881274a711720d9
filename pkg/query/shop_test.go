package query

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/sightline-rum/sightline/pkg/rum"
)

// The seeded data: two days of a shop's visits and another app's, with everything that makes counting hard. Sessions
// are sampled at two rates, some are bots and synthetic runs, a few belong to staging, many metrics are reported twice
// (and the second report may be smaller), and one error is thrown in a loop.
type shop struct {
	today   time.Time // the start of the second day
	first   []*rum.Beacon
	second  []*rum.Beacon // what is reported again, in a later insert
	errors  int
	vitals  int
	session int
}

var (
	routes    = []string{"/", "/products/:id", "/cart", "/checkout"}
	browsers  = []string{"Chrome", "Chrome Mobile", "Firefox", "Safari"}
	devices   = []string{"desktop", "mobile", "tablet"}
	countries = []string{"DE", "GB", ""}
)

func newShop(today time.Time) *shop {
	s := &shop{today: today}
	random := rand.New(rand.NewPCG(7, 11))
	pick := func(from []string) string { return from[random.IntN(len(from))] }
	for i := range 900 {
		start := today.Add(-24*time.Hour + time.Duration(random.Int64N(int64(47*time.Hour))))
		context := rum.Context{
			App: "shop", Environment: "production", Release: "1.0.0", SessionID: fmt.Sprintf("session-%04d", i),
			Browser: pick(browsers), BrowserVersion: "130", OS: "Linux", Device: pick(devices), Country: pick(countries),
			Traffic: rum.TrafficReal, Weight: rum.FullWeight, SDK: "faro", Connection: "4g",
		}
		switch {
		case i%15 == 0:
			context.Environment = "staging"
		case i%16 == 1:
			context.Traffic = rum.TrafficBot
		case i%17 == 2:
			context.Traffic = rum.TrafficSynthetic
		case i%18 == 3:
			context.App = "blog"
		}
		if i%3 == 0 {
			context.Weight = 3333
		}
		if start.After(today) {
			context.Release = "1.1.0"
		}
		s.visit(random, context, start)
	}
	return s
}

func (s *shop) visit(random *rand.Rand, context rum.Context, start time.Time) {
	s.session++
	b := &rum.Beacon{ReceivedAt: start.UnixMilli(), Context: context}
	again := &rum.Beacon{ReceivedAt: start.UnixMilli() + 60_000, Context: context}
	for v := range 1 + random.IntN(3) {
		at := start.Add(time.Duration(v) * 20 * time.Second).UnixMilli()
		route := routes[random.IntN(len(routes))]
		item := func(offset int64) rum.Item {
			return rum.Item{TS: at + offset, ViewID: fmt.Sprintf("%s-%d", context.SessionID, v), Route: route,
				Navigation: "navigate"}
		}
		b.Views = append(b.Views, rum.View{Item: item(0), Kind: rum.ViewLoad, Path: route, Duration: 1200})
		slow := 1.0
		if route == "/checkout" && context.Release == "1.1.0" {
			slow = 2
		}
		for _, m := range []struct {
			metric string
			scale  float64
		}{{"lcp", 2000}, {"cls", 0.1}, {"inp", 180}, {"ttfb", 500}, {"hero", 900}} {
			if m.metric == "inp" && random.IntN(3) == 0 || m.metric == "hero" && random.IntN(4) > 0 {
				continue
			}
			value := m.scale * slow * (0.2 + random.ExpFloat64())
			if m.metric == "cls" && random.IntN(4) == 0 {
				value = 0
			}
			vital := rum.Vital{Item: item(0), Metric: m.metric, Value: value, ReportedAt: at + 5000,
				MetricID: fmt.Sprintf("v5-%d-%s-%s-%d", at, context.SessionID, m.metric, v)}
			b.Vitals = append(b.Vitals, vital)
			s.vitals++
			if random.IntN(3) == 0 {
				vital.ReportedAt += 30_000
				vital.Value *= 0.5 + random.Float64()
				again.Vitals = append(again.Vitals, vital)
			}
		}
		for range s.errorsOf(random, context) {
			kind := random.IntN(3)
			b.Errors = append(b.Errors, rum.Error{Item: item(1000 + int64(len(b.Errors))), Kind: "exception",
				Type: []string{"TypeError", "RangeError", "Error"}[kind], Message: fmt.Sprintf("it's broken: %d", kind),
				Fingerprint: fmt.Sprintf("group-%d", kind),
				Frames:      []rum.Frame{{Function: "pay", File: "app.js", Line: 3, Column: 7}}})
			s.errors++
		}
		if random.IntN(5) == 0 {
			b.Actions = append(b.Actions, rum.Action{Item: item(2000), Kind: "rage", Target: "button#pay"})
		}
		if random.IntN(4) == 0 {
			request := rum.Request{Item: item(500), Kind: "fetch", Method: "GET", Host: "api.shop", Path: "/pay",
				Status: 503, Duration: 90}
			request.TraceID = fmt.Sprintf("%032x", random.Uint64())
			b.Requests = append(b.Requests, request)
		}
	}
	s.first, s.second = append(s.first, b), append(s.second, again)
}

func (s *shop) errorsOf(random *rand.Rand, context rum.Context) int {
	switch {
	case context.SessionID == "session-0007":
		return 40
	case context.Release == "1.0.0" && random.IntN(10) > 0, random.IntN(4) > 0:
		return 0
	}
	return 1 + random.IntN(2)
}

// event is one row as the store should see it, with its dimensions by key.
type event struct {
	at         time.Time
	dimensions map[string]string
	session    string
	weight     uint32
	metric     string
	id         string
	value      float64
}

func (e event) within(app, environment string) bool {
	return e.dimensions["app"] == app && e.dimensions["environment"] == environment
}

func dimensionsOfItem(c rum.Context, i rum.Item) map[string]string {
	return map[string]string{
		"app": c.App, "environment": c.Environment, "release": c.Release, "route": i.Route, "journey": i.Journey,
		"browser": c.Browser, "browserVersion": c.BrowserVersion, "os": c.OS, "device": c.Device, "country": c.Country,
		"region": c.Region, "connection": c.Connection, "navigationType": i.Navigation, "traffic": c.Traffic,
	}
}

// measured are the vitals that count: the last report of each.
func (s *shop) measured() []event {
	last := map[string]event{}
	reported := map[string]int64{}
	for _, b := range append(s.first[:len(s.first):len(s.first)], s.second...) {
		for _, v := range b.Vitals {
			if v.ReportedAt < reported[v.MetricID] {
				continue
			}
			reported[v.MetricID] = v.ReportedAt
			last[v.MetricID] = event{at: time.UnixMilli(v.TS).UTC(), dimensions: dimensionsOfItem(b.Context, v.Item),
				session: b.Context.SessionID, weight: b.Context.Weight, metric: v.Metric, id: v.MetricID, value: v.Value}
		}
	}
	events := make([]event, 0, len(last))
	for _, e := range last {
		events = append(events, e)
	}
	return events
}

// thrown are the errors.
func (s *shop) thrown() []event {
	var events []event
	for _, b := range s.first {
		for _, e := range b.Errors {
			dimensions := dimensionsOfItem(b.Context, e.Item)
			dimensions["fingerprint"], dimensions["errorType"] = e.Fingerprint, e.Type
			events = append(events, event{at: time.UnixMilli(e.TS).UTC(), dimensions: dimensions,
				session: b.Context.SessionID, weight: b.Context.Weight})
		}
	}
	return events
}
