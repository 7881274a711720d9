package e2e

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/demo/traffic"
)

// The release of the regression scenario throws an error nobody had seen: a new burst, first seen in that release, which
// begins within one window of the first occurrence that was sent.
func TestTheBurstBeginsWhereTheErrorsBegin(t *testing.T) {
	const window = 30 * time.Minute
	s := startSidecar(t)
	anchor := time.Now()
	plan, err := traffic.New(traffic.Config{Seed: 3, Anchor: anchor, Backfill: 6 * time.Hour, Sessions: 1200, Scenario: "checkout-regression"})
	require.NoError(t, err)
	_, err = (&traffic.Sender{URL: s.url("/collect"), Workers: 16}).Send(t.Context(), plan.Past(), false,
		func(traffic.Summary, time.Time) {})
	require.NoError(t, err)
	s.waitDrained()

	incident := plan.Incident()
	first := anchor
	for beacon := range plan.Past() {
		for _, occurred := range beacon.Truth.Errors {
			if at := time.UnixMilli(occurred.At); occurred.Message == incident.ErrorMessage && beacon.Truth.Traffic == "real" && at.Before(first) {
				first = at
			}
		}
	}
	require.True(t, first.Before(anchor), "the scenario throws its error")

	bursts := s.ask(map[string]any{"queryType": "errorBursts", "app": "shop", "window": "30m"},
		"--from", anchor.Add(-3*time.Hour).UTC().Format(time.RFC3339Nano), "--to", anchor.UTC().Format(time.RFC3339Nano))[0]
	require.Equal(t, 1, bursts.Rows(), "errors that go on at their usual rate are no burst, however short the history")
	require.Equal(t, incident.ErrorMessage, at[string](t, bursts, "message", 0))
	require.Equal(t, "new", at[string](t, bursts, "kind", 0))
	require.Equal(t, incident.Release, at[string](t, bursts, "firstRelease", 0))
	require.WithinDuration(t, first, at[time.Time](t, bursts, "onset", 0), window)
	require.Greater(t, at[float64](t, bursts, "observed", 0), at[float64](t, bursts, "expected", 0))
}
