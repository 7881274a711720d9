package query

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/rum"
	"github.com/sightline-rum/sightline/pkg/store"
)

// plantedView is a page view as it was plantedView, to be counted without the store.
type plantedView struct {
	at                 time.Time
	session, view      string
	of                 map[string]string // dimensions
	errors, endpoints  []string
	targets            []string
	interacted, failed bool
}

// fewCrowd is a morning of a site with a few large segments and many small ones: values are drawn so that each is about
// half as frequent as the one before.
type fewCrowd struct {
	*ownStore
	now   time.Time
	views []plantedView
}

var crowdValues = map[string][]string{
	"browser": {"Chrome", "Safari", "Firefox", "Edge", "Opera", "Vivaldi", "Lynx"},
	"country": {"DE", "GB", "FR", "AT", "CH", "MT", "SM", "VA"},
	"device":  {"desktop", "mobile", "tablet", "tv"},
	"release": {"2.0.0", "1.9.0", "1.8.0", "1.7.0"},
	"route":   {"/", "/cart", "/pay", "/help", "/jobs", "/imprint"},
	"error":   {"basket", "payment", "layout", "worker", "quota", "codec"},
	"api":     {"/api/cart", "/api/pay", "/api/me", "/api/jobs", "/api/old"},
}

func newFewCrowd(t testing.TB, seed uint64) *fewCrowd {
	c := &fewCrowd{ownStore: newOwnStore(t), now: time.Now().UTC().Truncate(time.Minute).Add(-time.Minute)}
	c.runner.Settings.Apps = nil
	require.NoError(t, c.writer.WriteJourneys(t.Context(), []store.JourneyStep{
		{App: "crowd", Journey: "buy", Step: 1, Name: "Enter", Kind: "route", Pattern: "/", Version: 1},
		{App: "crowd", Journey: "buy", Step: 2, Name: "Basket", Kind: "route", Pattern: "/cart", Version: 1},
		{App: "crowd", Journey: "buy", Step: 3, Name: "Pay", Kind: "route", Pattern: "/pay", Version: 1},
		{App: "crowd", Journey: "rare", Step: 1, Name: "Imprint", Kind: "route", Pattern: "/imprint", Version: 1},
	}))
	random := rand.New(rand.NewPCG(seed, 5))
	rare := func(of string) string {
		values := crowdValues[of]
		i := 0
		for i < len(values)-1 && random.IntN(5) < 2 {
			i++
		}
		return values[i]
	}
	var beacons []*rum.Beacon
	for i := range 1400 {
		start := c.now.Add(-time.Duration(random.Int64N(int64(6*time.Hour)) + int64(time.Minute)))
		of := map[string]string{"browser": rare("browser"), "country": rare("country"), "device": rare("device"),
			"release": rare("release")}
		context := rum.Context{App: "crowd", Environment: "production", SessionID: fmt.Sprintf("visitor-%04d", i),
			Release: of["release"], Browser: of["browser"], Country: of["country"], Device: of["device"], OS: "Linux",
			Traffic: rum.TrafficReal, Weight: rum.FullWeight}
		b := &rum.Beacon{ReceivedAt: start.UnixMilli(), Context: context}
		for v := range 1 + random.IntN(3) {
			c.views = append(c.views, c.visit(random, rare, b, start.Add(time.Duration(v)*5*time.Second), v, of))
		}
		beacons = append(beacons, b)
	}
	for part := range slices.Chunk(beacons, 350) {
		c.insert(part...)
	}
	return c
}

func (c *fewCrowd) visit(
	random *rand.Rand, rare func(string) string, b *rum.Beacon, at time.Time, place int, of map[string]string,
) plantedView {
	p := plantedView{at: at, session: b.Context.SessionID, view: fmt.Sprintf("look-%s-%d", b.Context.SessionID, place),
		of: map[string]string{"route": rare("route")}}
	for key, value := range of {
		p.of[key] = value
	}
	item := func(offset int64) rum.Item {
		return rum.Item{TS: at.UnixMilli() + offset, ViewID: p.view, Route: p.of["route"], Navigation: "navigate",
			TraceID: fmt.Sprintf("%032x", random.Uint64()|1)}
	}
	slow := 1.0
	if of["release"] == "2.0.0" && p.of["route"] == "/cart" {
		slow = 2
	}
	b.Views = append(b.Views, rum.View{Item: item(0), Kind: rum.ViewLoad, Path: p.of["route"], Duration: 900, Server: 100})
	for metric, typical := range map[string]float64{"lcp": 1500, "inp": 150, "cls": 0.08} {
		if metric == "inp" {
			if p.interacted = random.IntN(3) > 0; !p.interacted {
				continue
			}
		}
		b.Vitals = append(b.Vitals, rum.Vital{Item: item(0), Metric: metric, MetricID: p.view + metric, ReportedAt: at.UnixMilli(),
			Target: "#" + p.of["route"], Value: typical * slow * (0.3 + random.ExpFloat64())})
	}
	late := at.After(c.now.Add(-20 * time.Minute))
	if random.IntN(8) == 0 || late && random.IntN(2) == 0 {
		group := rare("error")
		p.errors = append(p.errors, group)
		b.Errors = append(b.Errors, rum.Error{Item: item(100), Kind: "exception", Type: "Error", Message: group + " is broken",
			Fingerprint: group})
	}
	if random.IntN(2) == 0 {
		api := rare("api")
		p.endpoints = append(p.endpoints, api)
		request := rum.Request{Item: item(50), Kind: "fetch", Method: "GET", Host: "api.crowd", Path: api, Endpoint: api,
			Status: 200, Duration: 80 + 40*float32(random.ExpFloat64()), Server: 20}
		if random.IntN(6) == 0 {
			request.Status, p.failed = 503, true
		}
		b.Requests = append(b.Requests, request)
	}
	if random.IntN(4) == 0 {
		target := "button#" + strings.Trim(p.of["route"], "/")
		p.targets = append(p.targets, target)
		b.Actions = append(b.Actions, rum.Action{Item: item(200), Kind: "click", Target: target})
	}
	return p
}

// within counts the page views that meet a condition, in a window.
func (c *fewCrowd) within(w window, that func(plantedView) bool) (n uint64) {
	for _, p := range c.views {
		if !p.at.Before(w.from) && p.at.Before(w.to) && that(p) {
			n++
		}
	}
	return n
}

// like is the condition that a page view has the values that a row of an answer names.
func like(of map[string]string) func(plantedView) bool {
	return func(p plantedView) bool {
		for key, value := range of {
			if p.of[key] != value {
				return false
			}
		}
		return true
	}
}
