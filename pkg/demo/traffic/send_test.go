package traffic

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestABeaconIsAcknowledgedOnlyWith202(t *testing.T) {
	for status, want := range map[int]Summary{
		http.StatusAccepted:            {Acknowledged: 1},
		http.StatusOK:                  {Rejected: 1},
		http.StatusBadRequest:          {Rejected: 1},
		http.StatusInternalServerError: {Rejected: 1},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
		got := sent(t, server.URL, simulated(t, aDay(1, ""))[:1], nil)
		server.Close()
		require.Equal(t, want.Acknowledged, got.Acknowledged, "status %d", status)
		require.Equal(t, want.Rejected, got.Rejected, "status %d", status)
		require.Zero(t, got.Retries, "status %d", status)
	}
}

func TestASidecarUnderPressureIsAskedAgainWhenItSays(t *testing.T) {
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if asked.Add(1) <= 2 {
			w.Header().Set("Retry-After", "0")
			w.WriteHeader([]int{http.StatusTooManyRequests, http.StatusServiceUnavailable}[asked.Load()-1])
			return
		}
		w.WriteHeader(http.StatusAccepted)
	}))
	defer server.Close()
	got := sent(t, server.URL, simulated(t, aDay(1, ""))[:1], nil)
	require.Equal(t, 1, got.Acknowledged)
	require.Equal(t, 2, got.Retries)
}

func TestASidecarThatStaysFullIsGivenUpOn(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "0")
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	defer server.Close()
	got := sent(t, server.URL, simulated(t, aDay(1, ""))[:1], nil)
	require.Equal(t, 1, got.Rejected)
	require.Equal(t, maxTries-1, got.Retries)
	require.Contains(t, got.LastReason, "503")
}

func TestNoSidecarIsAnErrorForEachBeacon(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	address := server.URL
	server.Close()
	got := sent(t, address, simulated(t, aDay(1, ""))[:1], nil)
	require.Equal(t, 1, got.Errors)
	require.Zero(t, got.Acknowledged)
}

func TestTheRecordingHoldsWhatWasAcknowledged(t *testing.T) {
	var mu sync.Mutex
	order := map[string][]string{}
	var refused atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		session := r.Header.Get("X-Faro-Session-Id")
		order[session] = append(order[session], r.Header.Get("Idempotency-Key"))
		mu.Unlock()
		if refused.Add(1)%7 == 0 {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		w.WriteHeader(http.StatusAccepted)
	}))
	defer server.Close()
	beacons := simulated(t, aDay(40, ""))
	var recording bytes.Buffer
	got := sent(t, server.URL, beacons, &recording)
	require.Equal(t, len(beacons), got.Sent)
	require.NotZero(t, got.Rejected)
	require.NotZero(t, got.Latency(0.5))

	acknowledged, items := 0, 0
	decoder := json.NewDecoder(&recording)
	for decoder.More() {
		var line Recorded
		require.NoError(t, decoder.Decode(&line))
		if line.Acknowledged {
			acknowledged++
			items += line.Truth.Len()
		}
	}
	require.Equal(t, got.Acknowledged, acknowledged)
	require.Equal(t, got.Items, items)

	wanted := map[string][]string{}
	for _, b := range beacons {
		wanted[b.Truth.SessionID] = append(wanted[b.Truth.SessionID], b.Header["Idempotency-Key"])
	}
	require.Equal(t, wanted, order, "each visit's beacons arrive in the order they were sent")
}

func sent(t *testing.T, url string, beacons []Beacon, record *bytes.Buffer) Summary {
	t.Helper()
	sender := Sender{URL: url, Workers: 4}
	if record != nil {
		sender.Record = record
	}
	got, err := sender.Send(context.Background(), slices.Values(beacons), false, nil)
	require.NoError(t, err)
	return got
}
