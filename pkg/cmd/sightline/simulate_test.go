package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/demo/traffic"
)

func TestDurationsAreShort(t *testing.T) {
	for d, want := range map[time.Duration]string{
		24 * time.Hour: "24h", 90 * time.Minute: "1h30m", 10 * time.Minute: "10m", 72*time.Second + 400*time.Millisecond: "1m12s",
		10 * time.Second: "10s", 4240 * time.Millisecond: "4.2s", 3140 * time.Microsecond: "3.1ms", 0: "0s",
	} {
		require.Equal(t, want, shortDuration(d))
	}
}

func TestBeaconsThatWereNotTakenAreAnError(t *testing.T) {
	var out strings.Builder
	require.NoError(t, sendResult(&out, "Backfill", traffic.Summary{Sent: 3, Acknowledged: 3, Items: 9, Took: time.Second}, nil))
	require.Contains(t, out.String(), "3 beacons sent, 3 acknowledged (9 items), 0 rejected, 0 errors")
	require.ErrorContains(t, sendResult(&out, "Backfill", traffic.Summary{Sent: 3, Acknowledged: 2, Rejected: 1, LastReason: "it was full"}, nil),
		"1 beacons were not taken; the last one because it was full")
	require.ErrorContains(t, sendResult(&out, "Backfill", traffic.Summary{Sent: 1, Errors: 1, LastReason: "connection refused"}, nil),
		"sightline serve")
}

func TestProgressOutsideATerminalIsPlainLines(t *testing.T) {
	var out strings.Builder
	p := &progress{out: &out, name: "Backfill"}
	p.show(0.1, "1 beacon")
	require.Empty(t, out.String(), "what is over at once needs no progress")
	p.last = time.Now().Add(-time.Minute)
	p.show(0.5, "5 beacons")
	p.show(0.6, "6 beacons")
	require.Equal(t, "Backfill: 50 %, 5 beacons\n", out.String())
}

func TestVisitsAreSentToASidecarThatTakesNoDeployMarkersFromUs(t *testing.T) {
	var beacons atomic.Int64
	sidecar := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/deploys" {
			http.Error(w, "wrong admin token", http.StatusUnauthorized)
			return
		}
		beacons.Add(1)
		w.WriteHeader(http.StatusAccepted)
	}))
	defer sidecar.Close()
	c := simulateCmd{To: sidecar.URL + "/collect/key", Scenario: "checkout-regression", Backfill: 4 * time.Hour, Sessions: 20,
		Seed: 1, App: "shop", Env: "production", Workers: 2}
	require.NoError(t, c.Run(t.Context()))
	require.Positive(t, beacons.Load())
}
