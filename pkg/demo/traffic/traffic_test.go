package traffic

import (
	"bufio"
	"bytes"
	"encoding/json"
	"maps"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var anchor = time.Date(2026, 11, 20, 10, 30, 0, 0, time.UTC)

func simulated(t *testing.T, config Config) []Beacon {
	t.Helper()
	if config.Anchor.IsZero() {
		config.Anchor = anchor
	}
	traffic, err := New(config)
	require.NoError(t, err)
	if config.Rate > 0 {
		return slices.Collect(traffic.Live())
	}
	return slices.Collect(traffic.Past())
}

func aDay(sessions int, scenario string) Config {
	return Config{Seed: 7, Backfill: 24 * time.Hour, Sessions: sessions, Scenario: scenario}
}

func TestTheSameSeedSendsTheSameBeacons(t *testing.T) {
	first, second := simulated(t, aDay(60, "checkout-regression")), simulated(t, aDay(60, "checkout-regression"))
	require.NotEmpty(t, first)
	require.Equal(t, first, second)

	other := aDay(60, "checkout-regression")
	other.Seed = 8
	require.NotEqual(t, first[0].Body, simulated(t, other)[0].Body)
}

func TestAnotherAnchorMakesTheSameVisitsAtAnotherTime(t *testing.T) {
	config := aDay(30, "")
	config.Anchor = anchor.Add(31 * time.Hour)
	there, here := simulated(t, config), simulated(t, aDay(30, ""))
	require.Len(t, there, len(here))
	for i := range here {
		require.Equal(t, here[i].At.Add(31*time.Hour), there[i].At)
		require.Equal(t, here[i].Truth.URL, there[i].Truth.URL)
		for n, vital := range here[i].Truth.Vitals {
			require.Equal(t, vital.Value, there[i].Truth.Vitals[n].Value)
		}
		require.NotEqual(t, here[i].Truth.SessionID, there[i].Truth.SessionID, "they are other visits")
		require.Len(t, there[i].Body, len(here[i].Body))
	}
}

func TestPastBeaconsComeInOrderAndEndAtTheAnchor(t *testing.T) {
	beacons := simulated(t, aDay(400, ""))
	require.True(t, slices.IsSortedFunc(beacons, func(a, b Beacon) int { return a.At.Compare(b.At) }))
	require.False(t, beacons[len(beacons)-1].At.After(anchor))
	require.Less(t, beacons[0].At.Sub(anchor.Add(-24*time.Hour)), time.Hour)
}

func TestLiveTrafficKeepsItsRateAndItsTime(t *testing.T) {
	for _, rate := range []float64{5, 50, 400} {
		config := Config{Seed: 3, Rate: rate, Duration: time.Minute}
		beacons := simulated(t, config)
		perSecond := float64(len(beacons)) / 60
		require.InDelta(t, rate, perSecond, rate*0.25, "beacons a second")
		require.False(t, beacons[0].At.Before(anchor))
		require.True(t, slices.IsSortedFunc(beacons, func(a, b Beacon) int { return a.At.Compare(b.At) }))
	}
}

func TestTheDayHasARhythm(t *testing.T) {
	visits := map[string]time.Duration{}
	for _, b := range simulated(t, aDay(1200, "")) {
		if _, known := visits[b.Truth.SessionID]; !known {
			visits[b.Truth.SessionID] = anchor.Sub(b.At)
		}
	}
	perSixHours := map[int]int{}
	for _, before := range visits {
		perSixHours[int(before.Hours()/6)]++
	}
	require.Greater(t, perSixHours[0], 2*perSixHours[1])
	require.Greater(t, perSixHours[0], 2*perSixHours[2],
		"the afternoon before the anchor is busier than the night before it")
}

func TestPayloadsHaveTheShapesOfTheRealSDK(t *testing.T) {
	real := shapesOf(t, readLines(t, "testdata/faro-2.12.1.ndjson"))
	var bodies [][]byte
	for _, b := range simulated(t, aDay(300, "checkout-regression")) {
		bodies = append(bodies, b.Body)
	}
	simulated := shapesOf(t, bodies)

	for kind, paths := range simulated {
		known, ok := real[kind]
		if !ok {
			// What a few clicks in one Chromium did not cause.
			require.Contains(t, []string{"logs", "event faro.navigation"}, kind)
			continue
		}
		for path, valueType := range paths {
			if added[path] {
				continue
			}
			require.Contains(t, known, path, "%s has a field the real SDK does not send", kind)
			if path != "meta.browser.brands" {
				require.Equal(t, known[path], valueType, "%s: %s has another type", kind, path)
			}
		}
		for path := range known {
			if !sometimes[path] {
				require.Contains(t, paths, path, "%s lacks a field the real SDK sends", kind)
			}
		}
	}
}

// added are fields that sites, a CDN and other browsers fill in, and Chromium on a bare page did not.
var added = map[string]bool{
	"meta.geo": true, "meta.page.id": true, "meta.geo.country_iso": true, "meta.user": true, "meta.user.id": true,
	"meta.os.version":         true,
	"meta.session.attributes": true, "meta.session.attributes.connection": true,
	"meta.session.attributes.sampleRate": true, "meta.session.attributes.consent": true,
	"meta.session.attributes.synthetic": true, "attributes.user.id": true, "attributes.error.type": true,
	"values.dns_duration": true, "values.connection_duration": true, "action": true, "action.parentId": true,
	"action.name": true, "attributes.userActionKind": true, "attributes.userActionTarget": true,
}

// sometimes are fields the real SDK leaves out when they are zero, and that a simulated page never has.
var sometimes = map[string]bool{
	"values.total_paint_duration": true, "values.total_unattributed_duration": true, "action": true, "action.name": true,
	"action.parentId": true, "trace": true, "trace.trace_id": true, "trace.span_id": true,
	"context.resource_delivery_type": true,
}

// shapesOf lists, for each kind of thing in the payloads, which fields it has and of which JSON type.
func shapesOf(t *testing.T, bodies [][]byte) map[string]map[string]string {
	shapes := map[string]map[string]string{}
	add := func(kind string, value any) {
		if shapes[kind] == nil {
			shapes[kind] = map[string]string{}
		}
		fields(shapes[kind], "", value)
	}
	for _, body := range bodies {
		var p map[string]any
		require.NoError(t, json.Unmarshal(body, &p), "%s", body)
		add("meta", map[string]any{"meta": p["meta"]})
		for _, list := range []string{"events", "measurements", "exceptions", "logs"} {
			items, _ := p[list].([]any)
			for _, item := range items {
				one := item.(map[string]any)
				switch list {
				case "events":
					add("event "+one["name"].(string), one)
				case "measurements":
					add("vital "+vitalName(one), one)
				default:
					add(list, one)
				}
			}
		}
		if p["traces"] != nil {
			for _, s := range p["traces"].(map[string]any)["resourceSpans"].([]any) {
				for _, scoped := range s.(map[string]any)["scopeSpans"].([]any) {
					add("scope", scoped.(map[string]any)["scope"])
					for _, span := range scoped.(map[string]any)["spans"].([]any) {
						add("span", span)
					}
				}
			}
		}
	}
	return shapes
}

func vitalName(item map[string]any) string {
	for name := range item["values"].(map[string]any) {
		if slices.Contains([]string{"lcp", "inp", "cls", "fcp", "ttfb"}, name) {
			return name
		}
	}
	return "?"
}

func fields(into map[string]string, path string, value any) {
	switch v := value.(type) {
	case map[string]any:
		for key, inner := range v {
			at := strings.TrimPrefix(path+"."+key, ".")
			into[at] = strings.TrimPrefix(jsonType(inner), "")
			fields(into, at, inner)
		}
	case []any:
		if strings.HasSuffix(path, "frames") {
			for _, inner := range v {
				fields(into, path, inner)
			}
		}
	}
}

func jsonType(value any) string {
	switch value.(type) {
	case string:
		return "string"
	case float64:
		return "number"
	case bool:
		return "boolean"
	case []any:
		return "list"
	default:
		return "object"
	}
}

func readLines(t *testing.T, path string) [][]byte {
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	var lines [][]byte
	scanner := bufio.NewScanner(bytes.NewReader(content))
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		lines = append(lines, bytes.Clone(scanner.Bytes()))
	}
	require.NoError(t, scanner.Err())
	return lines
}

func TestTruthSaysWhatThePayloadSays(t *testing.T) {
	for _, b := range simulated(t, aDay(150, "checkout-regression")) {
		var p payload
		require.NoError(t, json.Unmarshal(b.Body, &p))
		require.Equal(t, len(p.Events)+len(p.Measurements)+len(p.Exceptions)+len(p.Logs), b.Truth.Len())
		require.Equal(t, p.Meta.Session.ID, b.Truth.SessionID)
		require.Equal(t, p.Meta.App.Version, b.Truth.Release)
		require.Equal(t, p.Meta.Page.URL, b.Truth.URL)
		require.Equal(t, b.Header["User-Agent"], p.Meta.Browser.UserAgent)
		for i, vital := range b.Truth.Vitals {
			require.Equal(t, vital.Value, p.Measurements[i].Values[vital.Metric])
			require.Equal(t, vital.MetricID, p.Measurements[i].Context["id"])
			require.False(t, math.IsNaN(vital.Value) || vital.Value < 0)
		}
		for _, m := range p.Measurements {
			for part, value := range m.Values {
				require.True(t, value >= 0 || part == "delta", "%s %v", part, m)
			}
		}
	}
}

// last returns the last report of each metric of each view: what is meant to be stored.
func last(beacons []Beacon, keep func(Truth) bool) map[string][]float64 {
	type key struct{ metric, id string }
	values := map[key]float64{}
	for _, b := range beacons { // in the order they were sent
		if keep(b.Truth) {
			for _, v := range b.Truth.Vitals {
				values[key{v.Metric, v.MetricID}] = v.Value
			}
		}
	}
	byMetric := map[string][]float64{}
	for k, value := range values {
		byMetric[k.metric] = append(byMetric[k.metric], value)
	}
	for _, all := range byMetric {
		slices.Sort(all)
	}
	return byMetric
}

func p75(values []float64) float64 { return values[len(values)*3/4] }

func TestVitalsDifferBySegment(t *testing.T) {
	beacons := simulated(t, aDay(1800, "steady"))
	segment := func(device, country string) map[string][]float64 {
		return last(beacons, func(s Truth) bool {
			return s.Traffic == kindReal && s.Device == device && (country == "" || s.Country == country)
		})
	}
	desktop, mobile := segment("desktop", ""), segment("mobile", "")
	require.Greater(t, p75(mobile["lcp"]), 1.15*p75(desktop["lcp"]))
	require.Greater(t, p75(segment("desktop", "IN")["ttfb"]), 1.2*p75(segment("desktop", "DE")["ttfb"]))
	require.InDelta(t, 2100, p75(desktop["lcp"]), 600)
	require.InDelta(t, 3000, p75(mobile["lcp"]), 900)
	require.InDelta(t, 150, p75(desktop["inp"]), 60)
	require.Less(t, len(desktop["inp"]), len(desktop["lcp"]), "views without an interaction have no INP")

	firefox := last(beacons, func(s Truth) bool { return s.Browser == "Firefox" })
	require.NotEmpty(t, firefox["lcp"])
	require.Empty(t, firefox["cls"], "only Chromium measures layout shifts")
}

func TestTrafficHasWhatRealTrafficHas(t *testing.T) {
	var reports, fell int
	seen := map[string]float64{}
	kinds, sessions, errors, signedIn := map[string]int{}, map[string]Truth{}, map[string]int{}, 0
	traced, untraced, navigations := 0, 0, map[string]int{}
	for _, b := range simulated(t, aDay(1800, "steady")) {
		if _, known := sessions[b.Truth.SessionID]; !known {
			kinds[b.Truth.Traffic]++
			if b.Truth.UserID != "" {
				signedIn++
			}
		}
		sessions[b.Truth.SessionID] = b.Truth
		require.Equal(t, b.Truth.Traffic == kindSynthetic, b.Header[SyntheticHeader] != "")
		for _, v := range b.Truth.Vitals {
			if before, again := seen[v.MetricID]; again {
				reports++
				if v.Metric == "inp" && v.Value < before {
					fell++
				}
			}
			seen[v.MetricID] = v.Value
		}
		for _, e := range b.Truth.Errors {
			errors[e.Message]++
		}
		for _, r := range b.Truth.Requests {
			if r.Source == "resource" && r.Kind == "fetch" && r.TraceID != "" {
				traced++
			} else if r.Source == "resource" && r.Kind == "fetch" {
				untraced++
			}
		}
		for _, v := range b.Truth.Views {
			navigations[v.Kind]++
		}
	}
	require.Greater(t, reports, 200, "metrics are reported again")
	require.Greater(t, fell, 20, "and INP falls now and then")
	require.InDelta(t, 0.03, float64(kinds[kindBot])/1800, 0.015)
	require.InDelta(t, 0.015, float64(kinds[kindSynthetic])/1800, 0.01)
	require.InDelta(t, 0.29, float64(signedIn)/1800, 0.05)
	require.GreaterOrEqual(t, len(errors), 4)
	require.Greater(t, traced, 2*untraced)
	require.NotZero(t, untraced)
	require.NotZero(t, navigations["route-change"])
	require.Equal(t, []string{"load", "route-change"}, slices.Sorted(maps.Keys(navigations)))
	sampled := 0
	for _, s := range sessions {
		if s.SampleRate < 1 {
			sampled++
		}
	}
	require.InDelta(t, 0.1, float64(sampled)/float64(len(sessions)), 0.03)
}

func TestTheIncidentHitsWhomItSaysFromItsOnsetOn(t *testing.T) {
	config := aDay(8000, "checkout-regression")
	traffic, err := New(Config{Seed: config.Seed, Anchor: anchor, Backfill: config.Backfill, Sessions: config.Sessions,
		Scenario: config.Scenario})
	require.NoError(t, err)
	incident := traffic.Incident()
	require.Equal(t, anchor.Add(-150*time.Minute), incident.Onset)
	require.Len(t, traffic.Deploys(), 1)
	require.Equal(t, incident.Onset, traffic.Deploys()[0].At)

	beacons := slices.Collect(traffic.Past())
	hit := func(s Truth) bool {
		return s.Traffic == kindReal && s.Release == incident.Release && s.Route == incident.Route &&
			s.Browser == incident.Browser &&
			s.Device == incident.Device
	}
	before := last(beacons, func(s Truth) bool {
		return s.Traffic == kindReal && s.Release != incident.Release && s.Route == incident.Route &&
			s.Browser == incident.Browser && s.Device == incident.Device
	})
	others := last(beacons, func(s Truth) bool {
		return s.Traffic == kindReal && s.Release == incident.Release && s.Route == incident.Route &&
			s.Browser != incident.Browser
	})
	after := last(beacons, hit)
	require.Greater(t, len(after["lcp"]), 50, "enough samples to say something")
	require.Greater(t, p75(after["lcp"]), 2*p75(before["lcp"]))
	require.Greater(t, p75(after["inp"]), 2*p75(before["inp"]))
	require.Less(t, p75(others["lcp"]), 1.5*p75(before["lcp"]), "other browsers are well")

	thrown := 0
	for _, b := range beacons {
		for _, e := range b.Truth.Errors {
			if e.Message == incident.ErrorMessage {
				thrown++
				require.True(t, hit(b.Truth))
				require.GreaterOrEqual(t, e.At, incident.Onset.UnixMilli())
			}
		}
		if b.Truth.Release == incident.Release {
			require.False(t, b.At.Before(incident.Onset))
		}
	}
	require.Greater(t, thrown, 15)
}

func TestPeopleAreLetDown(t *testing.T) {
	traffic, err := New(Config{Seed: 7, Anchor: anchor, Backfill: 24 * time.Hour, Sessions: 4000,
		Scenario: "checkout-regression"})
	require.NoError(t, err)
	incident := traffic.Incident()
	usual, atPay, thrown := map[string]int{}, map[string]int{}, 0
	for b := range traffic.Past() {
		hit := b.Truth.Release == incident.Release && b.Truth.Route == incident.Route &&
			b.Truth.Browser == incident.Browser && b.Truth.Device == incident.Device
		for _, a := range b.Truth.Actions {
			if hit && a.Target == incident.Target {
				atPay[a.Kind]++
			} else {
				usual[a.Kind]++
			}
		}
		for _, e := range b.Truth.Errors {
			if e.Message == incident.ErrorMessage {
				thrown++
			}
		}
	}
	require.Equal(t, thrown, atPay["error"], "every failed payment was clicked for")
	require.Greater(t, atPay["rage"], thrown/3)
	require.Positive(t, usual["dead"])
	require.Positive(t, usual["rage"])
	require.Zero(t, usual["error"])
	require.Greater(t, usual["click"], 20*(usual["dead"]+usual["rage"]), "and mostly they are not")
}

func TestAConfigurationThatCannotWorkIsRefused(t *testing.T) {
	for _, config := range []Config{
		{},
		{Anchor: anchor, Scenario: "chaos"},
		{Anchor: anchor, Rate: -1},
		{Anchor: anchor, Backfill: time.Hour},
		{Anchor: anchor, Sessions: 5},
	} {
		_, err := New(config)
		require.Error(t, err)
	}
}

func BenchmarkPast(b *testing.B) {
	beacons, size := 0, 0
	for b.Loop() {
		traffic, err := New(Config{Seed: 7, Anchor: anchor, Backfill: 24 * time.Hour, Sessions: 200})
		require.NoError(b, err)
		for beacon := range traffic.Past() {
			beacons++
			size += len(beacon.Body)
		}
	}
	b.ReportMetric(float64(beacons)/b.Elapsed().Seconds(), "beacons/s")
	b.ReportMetric(float64(size)/float64(beacons), "B/beacon")
}
