package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// The suite runs in the project's folder, which its captured beacons are found from.
func TestMain(m *testing.M) {
	if err := os.Chdir("../../.."); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

func TestPartsAreChosenByName(t *testing.T) {
	all, err := chosen(nil)
	require.NoError(t, err)
	require.Len(t, all, len(parts))
	some, err := chosen([]string{"insert", "ingest"})
	require.NoError(t, err)
	require.Equal(t, []string{"ingest", "insert"}, []string{some[0].name, some[1].name}, "in the order of the page")
	_, err = chosen([]string{"speed"})
	require.ErrorContains(t, err, `there is no part "speed"; there are ingest, collector`)
	seen := map[string]bool{}
	for _, p := range parts {
		require.False(t, seen[p.name], p.name)
		seen[p.name] = true
		require.NotEmpty(t, p.about, p.name)
	}
}

func TestBeaconsOfOnePayloadAreDifferentVisits(t *testing.T) {
	p, err := readPayload("01-page-load.json", 1)
	require.NoError(t, err)
	require.Equal(t, 10, p.items)
	require.Contains(t, p.name, "kB, 10 items")
	for _, template := range []string{p.faro, p.otlp} {
		all := bodies(template, "run", 3)
		require.NotEqual(t, all[0], all[1])
		for _, body := range all {
			require.True(t, json.Valid(body))
			for _, placeholder := range []string{visitHere, whenHere, nanosHere} {
				require.NotContains(t, string(body), placeholder)
			}
		}
	}
	require.Equal(t, p.items, strings.Count(p.otlp, `"eventName"`), "OTLP has the same items")
	require.Equal(t, 4, strings.Count(p.otlp, `"browser.web_vital.id"`))
}

func TestThePlainReceiverMakesARowOfEachRecord(t *testing.T) {
	p, err := readPayload("01-page-load.json", 1)
	require.NoError(t, err)
	var rows bytes.Buffer
	require.NoError(t, plainRows(bytes.NewReader(bodies(p.otlp, "run", 1)[0]), &rows))
	lines := strings.Split(strings.TrimSpace(rows.String()), "\n")
	require.Len(t, lines, p.items)
	var row plainRow
	require.NoError(t, json.Unmarshal([]byte(lines[0]), &row))
	require.Equal(t, "shop", row.ServiceName)
	require.Equal(t, "session_start", row.EventName)
	require.Equal(t, "run-0", row.LogAttributes["session.id"])
	require.Error(t, plainRows(strings.NewReader("{"), &rows))
}

func TestEveryBeaconIsSentOnceAndARefusalEndsTheTurn(t *testing.T) {
	var taken atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if taken.Add(1) > 500 {
			http.Error(w, "full", http.StatusServiceUnavailable)
			return
		}
		w.WriteHeader(http.StatusAccepted)
	}))
	defer server.Close()
	all := bodies(visitHere, "run", 500)
	s, err := post(t.Context(), server.URL, "text/plain", all)
	require.NoError(t, err)
	require.EqualValues(t, 500, taken.Load())
	require.Len(t, s.latencies, 500)
	require.Positive(t, s.percentile(0.99))
	_, err = post(t.Context(), server.URL, "text/plain", all[:1])
	require.ErrorContains(t, err, "503 Service Unavailable: full")
}

func TestWhatGoBenchmarksReportIsRead(t *testing.T) {
	found := readBenchmarks(`goos: linux
cpu: AMD EPYC
BenchmarkInsert/rows=48000-2         	      20	  7000000 ns/op	         9.5 engine-µs/row	     70123 rows/CPU-s
BenchmarkInsert/rows=48000-2         	      20	  8000000 ns/op	        10.5 engine-µs/row	     60123 rows/CPU-s
BenchmarkInsert/rows=48000/no-views-2         	      20	  5000000 ns/op	     181000 rows/CPU-s
PASS
`)
	require.Equal(t, []float64{70123, 60123}, found["Insert/rows=48000"]["rows/CPU-s"])
	require.Equal(t, []float64{9.5, 10.5}, found["Insert/rows=48000"]["engine-µs/row"])
	require.Equal(t, []float64{181000}, found["Insert/rows=48000/no-views"]["rows/CPU-s"])
	require.Len(t, found, 2)
}

func TestTheDiskIsAskedForEachBlock(t *testing.T) {
	took, err := fdatasyncs(t.TempDir(), 3)
	require.NoError(t, err)
	require.Len(t, took, 3)
}
