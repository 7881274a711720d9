package traffic

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/enrich"
	"github.com/sightline-rum/sightline/pkg/ingest"
	"github.com/sightline-rum/sightline/pkg/rum"
)

// kept is a spool in memory.
type kept struct {
	mu      sync.Mutex
	beacons []rum.Beacon
}

func (k *kept) Append(_ context.Context, encoded []byte) error {
	var record rum.Record
	if _, err := record.UnmarshalMsg(slices.Clone(encoded)); err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if record.Beacon != nil {
		k.beacons = append(k.beacons, *record.Beacon)
	}
	return nil
}

// taken sends beacons through the sidecar's own HTTP handler and steps, and returns what would be inserted.
func taken(t *testing.T, beacons []Beacon) []rum.Beacon {
	t.Helper()
	pipeline, err := enrich.New(enrich.Config{})
	require.NoError(t, err)
	spool := &kept{}
	server, err := ingest.New(ingest.Options{
		Spool: spool, Pipeline: pipeline, Counters: ingest.NewCounters(), UserKey: []byte("a key for tests"),
		Logger: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry(),
	})
	require.NoError(t, err)
	handler := server.Handler()
	for _, b := range beacons {
		request := httptest.NewRequest("POST", "/collect", strings.NewReader(string(b.Body)))
		request.RemoteAddr = "127.0.0.1:40000"
		request.Header.Set("Content-Type", "application/json")
		for name, value := range b.Header {
			request.Header.Set(name, value)
		}
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, request)
		text, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		require.Equal(t, 202, answer.Code, "%s", text)
		var said struct{ Rejected []any }
		require.NoError(t, json.Unmarshal(text, &said))
		require.Empty(t, said.Rejected, "%s\n%s", text, b.Body)
	}
	for i := range spool.beacons {
		pipeline.AtDrain(&spool.beacons[i])
	}
	return spool.beacons
}

func TestTheSidecarReadsInThePayloadsWhatTheTruthSays(t *testing.T) {
	sent := simulated(t, Config{Seed: 7, Anchor: time.Now(), Backfill: 24 * time.Hour, Sessions: 400,
		Scenario: "checkout-regression"})
	stored := taken(t, sent)
	require.Len(t, stored, len(sent))

	requests, expected := 0, 0
	for i, b := range sent {
		truth, got := b.Truth, stored[i]
		c := got.Context
		require.Equal(t, truth.App, c.App)
		require.Equal(t, truth.Environment, c.Environment)
		require.Equal(t, truth.Release, c.Release)
		require.Equal(t, truth.SessionID, c.SessionID)
		require.Equal(t, truth.Country, c.Country)
		require.Equal(t, truth.Connection, c.Connection)
		require.Equal(t, truth.Traffic, c.Traffic)
		require.Equal(t, truth.UserID != "", c.UserKey != "")
		require.NotContains(t, c.UserKey, "customer")
		require.Equal(t, strings.TrimPrefix(truth.Browser, "Mobile "), c.Browser)
		if truth.Traffic != kindBot { // crawlers do not say what they run on
			require.Equal(t, truth.Device, c.Device)
			require.Equal(t, truth.OS, c.OS)
		}
		weight := c.Weight
		if weight == 0 {
			weight = rum.FullWeight
		}
		require.EqualValues(t, rum.FullWeight/truth.SampleRate, weight)

		require.Len(t, got.Vitals, len(truth.Vitals))
		for n, vital := range truth.Vitals {
			require.Equal(t, vital.Metric, got.Vitals[n].Metric)
			require.Equal(t, vital.MetricID, got.Vitals[n].MetricID)
			require.Equal(t, vital.Value, got.Vitals[n].Value)
			require.Equal(t, vital.CreatedAt, got.Vitals[n].TS)
			require.Equal(t, vital.ReportedAt, got.Vitals[n].ReportedAt)
			require.Equal(t, vital.Target, got.Vitals[n].Target)
			require.Equal(t, vital.Script, strings.TrimPrefix(got.Vitals[n].ScriptURL, "https://shop.example"))
			require.Equal(t, truth.Route, got.Vitals[n].Route)
		}
		require.Len(t, got.Views, len(truth.Views))
		for n, view := range truth.Views {
			require.Equal(t, view.Kind, got.Views[n].Kind)
			require.EqualValues(t, view.Duration, got.Views[n].Duration)
			require.Equal(t, view.TraceID, got.Views[n].TraceID)
			require.Equal(t, truth.Route, got.Views[n].Route)
		}
		require.Len(t, got.Errors, len(truth.Errors))
		for n, e := range truth.Errors {
			require.Equal(t, e.Type, got.Errors[n].Type)
			require.Equal(t, e.Message, got.Errors[n].Message)
			require.Equal(t, e.At, got.Errors[n].TS)
			require.NotEmpty(t, got.Errors[n].Fingerprint)
		}
		require.Len(t, got.Actions, len(truth.Actions))
		for n, action := range truth.Actions {
			require.Equal(t, action.Name, got.Actions[n].Name)
			require.Equal(t, action.ID, got.Actions[n].ActionID)
			require.Equal(t, action.Kind, got.Actions[n].Kind)
			require.Equal(t, action.Target, got.Actions[n].Target)
			require.Equal(t, action.At, got.Actions[n].TS)
			require.EqualValues(t, action.Duration, got.Actions[n].Duration)
		}
		require.Len(t, got.Events, len(truth.Events))
		requests += len(got.Requests)
		for _, r := range truth.Requests {
			if r.Source == "trace" || r.Kind != "fetch" || r.TraceID == "" {
				expected++
			}
		}
	}
	// The first calls of an endpoint may be told twice before the sidecar has learned that it is traced.
	require.GreaterOrEqual(t, requests, expected-5)
	require.LessOrEqual(t, requests, expected+40)
}
