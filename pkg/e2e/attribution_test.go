package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/demo/traffic"
)

// Asked what to fix first since the deploy of the regression scenario, attribution names the checkout's pay button with
// the planted script, and holds it responsible for as many of the poor interactions as were planted.
func TestAttributionNamesTheGuiltyScript(t *testing.T) {
	s := startSidecar(t)
	anchor := time.Now()
	plan, err := traffic.New(traffic.Config{Seed: 3, Anchor: anchor, Backfill: 6 * time.Hour, Sessions: 1500,
		Scenario: "checkout-regression"})
	require.NoError(t, err)
	sender := &traffic.Sender{URL: s.url("/collect"), Workers: 16}
	_, err = sender.Send(t.Context(), plan.Past(), false, func(traffic.Summary, time.Time) {})
	require.NoError(t, err)
	s.waitDrained()

	incident := plan.Incident()
	poor, ofCheckout, named := poorInteractions(plan, incident.Onset)
	require.NotZero(t, named[incident.Script], "the simulation plants its script")

	found := s.ask(map[string]any{"queryType": "attribution", "app": "shop", "metric": "inp", "minSamples": 1},
		"--from", incident.Onset.UTC().Format(time.RFC3339Nano), "--to", anchor.UTC().Format(time.RFC3339Nano))[0]
	require.Equal(t, incident.Route, at[string](t, found, "route", 0))
	require.Equal(t, "#pay", at[string](t, found, "element", 0))
	require.True(t, strings.HasSuffix(at[string](t, found, "script", 0), incident.Script))
	require.Equal(t, "first", at[string](t, found, "party", 0))
	require.InDelta(t, ofCheckout/poor, number(t, found, "responsibility", 0), 0.05)
	require.InDelta(t, poor, number(t, found, "poorViews", 0)/number(t, found, "responsibility", 0), 0.01*poor)
	require.Equal(t, "processing", at[string](t, found, "dominant", 0), "two thirds of each interaction are its handlers")
	require.Contains(t, at[string](t, found, "todo", 0), "pay.js")

	scripts := s.ask(map[string]any{"queryType": "attribution", "app": "shop", "metric": "inp", "minSamples": 1,
		"groupBy": []string{"script"}, "filters": []any{
			map[string]any{"key": "script", "operator": "!=", "values": []string{""}}}},
		"--from", incident.Onset.UTC().Format(time.RFC3339Nano), "--to", anchor.UTC().Format(time.RFC3339Nano))[0]
	require.True(t, strings.HasSuffix(at[string](t, scripts, "script", 0), incident.Script), "the first of all scripts")
	require.InDelta(t, named[incident.Script]/poor, number(t, scripts, "responsibility", 0), 0.05)
}

// poorInteractions adds up the weights of the poor views since the onset: all, those of the pay button, and by the
// script that they name.
func poorInteractions(plan *traffic.Traffic, onset time.Time) (all, ofPay float64, named map[string]float64) {
	type report struct {
		vital  traffic.TruthVital
		weight float64
	}
	last := map[string]report{}
	for beacon := range plan.Past() {
		for _, v := range beacon.Truth.Vitals {
			if beacon.Truth.Traffic == "real" && v.Metric == "inp" && v.CreatedAt >= onset.UnixMilli() &&
				v.ReportedAt >= last[v.MetricID].vital.ReportedAt {
				last[v.MetricID] = report{v, 1 / beacon.Truth.SampleRate}
			}
		}
	}
	named = map[string]float64{}
	for _, r := range last {
		if r.vital.Value <= 500 {
			continue
		}
		all += r.weight
		named[r.vital.Script] += r.weight
		if r.vital.Target == "#pay" {
			ofPay += r.weight
		}
	}
	return all, ofPay, named
}
