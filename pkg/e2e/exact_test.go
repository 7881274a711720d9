package e2e

import (
	"cmp"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/demo/traffic"
)

// What the plugin answers is held against a computation of its own over what was sent: the last report of each metric
// of each view, real traffic of one environment, each weighted by the sample rate of its session.
func TestAnswersEqualWhatWasSent(t *testing.T) {
	s := startSidecar(t)
	anchor := time.Now()
	plan, err := traffic.New(traffic.Config{Seed: 7, Anchor: anchor, Backfill: 6 * time.Hour, Sessions: 400, Scenario: "checkout-regression"})
	require.NoError(t, err)
	sender := &traffic.Sender{URL: s.url("/collect"), Workers: 8}
	sent, err := sender.Send(t.Context(), plan.Past(), false, func(traffic.Summary, time.Time) {})
	require.NoError(t, err)
	require.Equal(t, sent.Sent, sent.Acknowledged, "every beacon of the simulation is a good one")
	s.waitDrained()

	from, to := anchor.Add(-7*time.Hour), anchor
	span := []string{"--from", from.UTC().Format(time.RFC3339Nano), "--to", to.UTC().Format(time.RFC3339Nano)}
	truth := collect(plan, from, to)
	for _, metric := range []string{"lcp", "inp", "cls", "ttfb"} {
		frames := s.ask(map[string]any{"queryType": "vitals", "app": "shop", "metric": metric, "format": "table",
			"groupBy": []string{"route"}, "minSamples": 1, "limit": 1000}, span...)
		require.Len(t, frames, 1)
		answered := frames[0]
		require.Equal(t, len(truth.vitals[metric]), answered.Rows(), "routes with %s", metric)
		for row := range answered.Rows() {
			route := at[string](t, answered, "route", row)
			samples := truth.vitals[metric][route]
			require.Equal(t, int64(len(samples)), at[int64](t, answered, "samples", row), "%s of %s: samples", metric, route)
			want := percentile(samples, 0.75)
			got := at[float64](t, answered, "value", row)
			require.InDelta(t, want, got, math.Max(0.01*want, 1e-9), "p75 %s of %s", metric, route)
		}
	}

	errors := s.ask(map[string]any{"queryType": "errors", "app": "shop", "format": "table", "groupBy": []string{"errorType"},
		"limit": 1000}, span...)[0]
	counted := map[string]float64{}
	for row := range errors.Rows() {
		counted[at[string](t, errors, "errorType", row)] += number(t, errors, "count", row)
	}
	require.Equal(t, truth.errors, counted, "errors by type")

	sessions := s.ask(map[string]any{"queryType": "sessions", "app": "shop", "limit": 10000}, span...)[0]
	require.Equal(t, len(truth.sessions), sessions.Rows(), "sessions")
}

type sample struct {
	value, weight float64
	reportedAt    int64
}

// expected is what the store should answer with, worked out from the beacons themselves.
type expected struct {
	vitals   map[string]map[string][]sample // by metric and route
	errors   map[string]float64             // weighted, by type
	sessions map[string]bool
}

func collect(plan *traffic.Traffic, from, to time.Time) expected {
	type id struct{ metric, id string }
	last := map[id]sample{}
	routes := map[id]string{}
	e := expected{vitals: map[string]map[string][]sample{}, errors: map[string]float64{}, sessions: map[string]bool{}}
	for beacon := range plan.Past() {
		truth := beacon.Truth
		if truth.Traffic != "real" || truth.Environment != "production" {
			continue
		}
		e.sessions[truth.SessionID] = true
		weight := math.Round(1000/cmp.Or(truth.SampleRate, 1)) / 1000
		for _, v := range truth.Vitals {
			key := id{v.Metric, v.MetricID}
			if v.CreatedAt < from.UnixMilli() || v.CreatedAt >= to.UnixMilli() || v.ReportedAt < last[key].reportedAt {
				continue
			}
			last[key] = sample{v.Value, weight, v.ReportedAt}
			routes[key] = truth.Route
		}
		for _, occurred := range truth.Errors {
			e.errors[occurred.Type] += weight
		}
	}
	for key, found := range last {
		if e.vitals[key.metric] == nil {
			e.vitals[key.metric] = map[string][]sample{}
		}
		e.vitals[key.metric][routes[key]] = append(e.vitals[key.metric][routes[key]], found)
	}
	for kind, count := range e.errors {
		e.errors[kind] = math.Round(count)
	}
	return e
}

// percentile is the smallest value that at least this share of the weight does not exceed.
func percentile(samples []sample, share float64) float64 {
	sorted := slices.SortedFunc(slices.Values(samples), func(a, b sample) int { return cmp.Compare(a.value, b.value) })
	total := 0.0
	for _, s := range sorted {
		total += s.weight
	}
	upTo := 0.0
	for _, s := range sorted {
		if upTo += s.weight; upTo >= share*total-1e-9 {
			return s.value
		}
	}
	return math.NaN()
}

// at reads one value of a frame, through the pointer where the field may be null.
func at[T any](t testing.TB, frame *data.Frame, field string, row int) T {
	t.Helper()
	found, index := frame.FieldByName(field)
	require.GreaterOrEqual(t, index, 0, "no field %q in the answer", field)
	value, ok := found.ConcreteAt(row)
	require.True(t, ok, "%s of row %d is null", field, row)
	typed, ok := value.(T)
	require.True(t, ok, "%s is a %T", field, value)
	return typed
}

func number(t testing.TB, frame *data.Frame, field string, row int) float64 {
	t.Helper()
	found, index := frame.FieldByName(field)
	require.GreaterOrEqual(t, index, 0, "no field %q in the answer", field)
	value, err := found.FloatAt(row)
	require.NoError(t, err)
	return value
}
