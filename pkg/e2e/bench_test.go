package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/demo/traffic"
	"github.com/sightline-rum/sightline/pkg/engine"
	"github.com/sightline-rum/sightline/pkg/plugin"
	"github.com/sightline-rum/sightline/pkg/pluginhost"
)

// BenchmarkFirstAnswer is how long a new installation takes from nothing to its first answer: an empty folder, one
// beacon, one question through the plugin.
func BenchmarkFirstAnswer(b *testing.B) {
	for range b.N {
		began := time.Now()
		s := newSidecar(b)
		s.start()
		s.waitReady()
		b.ReportMetric(float64(time.Since(began).Milliseconds()), "ms-to-ready")
		require.True(b, post(s, fmt.Sprintf("v5-%d-1", time.Now().UnixMilli())))
		taken := time.Now()
		for s.ask(map[string]any{"queryType": "vitals", "app": "shop", "format": "table", "minSamples": 1})[0].Rows() == 0 {
			time.Sleep(10 * time.Millisecond)
		}
		b.ReportMetric(float64(time.Since(taken).Milliseconds()), "ms-beacon-to-answer")
		b.ReportMetric(float64(time.Since(began).Milliseconds()), "ms-to-first-answer")
		b.ReportMetric(0, "ns/op")
		s.stop()
	}
}

// BenchmarkDay is a day of the demo's shop: how fast it is taken and stored, what that costs, and how long the
// questions of its story take through the plugin.
func BenchmarkDay(b *testing.B) {
	s := newSidecar(b)
	s.start()
	s.waitReady()
	pids := []int{s.process.Process.Pid, engineOf(s)}

	b.Run("ingest", func(b *testing.B) {
		for round := range b.N {
			plan, err := traffic.New(traffic.Config{Seed: uint64(round) + 1, Anchor: time.Now(), Backfill: 24 * time.Hour,
				Sessions: 5000, Scenario: "checkout-regression"})
			require.NoError(b, err)
			// Made beforehand: the simulation's own work is not the sidecar's.
			beacons := slices.Collect(plan.Past())
			size := 0
			for _, beacon := range beacons {
				size += len(beacon.Body)
			}
			cpu := []float64{cpuSeconds(b, pids[0]), cpuSeconds(b, pids[1])}
			began := time.Now()
			sent, err := (&traffic.Sender{URL: s.url("/collect"), Workers: 32}).Send(b.Context(), slices.Values(beacons), false,
				func(traffic.Summary, time.Time) {})
			require.NoError(b, err)
			taken := time.Since(began)
			s.waitDrained()
			stored := time.Since(began)
			n := float64(sent.Acknowledged)
			b.ReportMetric(float64(size)/n, "B/beacon")
			b.ReportMetric(n/taken.Seconds(), "acknowledged/s")
			b.ReportMetric(n/stored.Seconds(), "stored/s")
			b.ReportMetric(float64(sent.Items)/stored.Seconds(), "items-stored/s")
			b.ReportMetric(n/(cpuSeconds(b, pids[0])-cpu[0]), "beacons/CPU-s-sidecar")
			b.ReportMetric(n/(cpuSeconds(b, pids[1])-cpu[1]), "beacons/CPU-s-engine")
			b.ReportMetric(float64(sent.Latency(0.99).Microseconds())/1000, "ms-ack-p99")
			b.ReportMetric(residentMB(b, pids[0]), "MB-sidecar")
			b.ReportMetric(residentMB(b, pids[1]), "MB-engine")
			b.ReportMetric(0, "ns/op")
		}
	})

	host, err := pluginhost.Start(b.Context(), pluginBinary, pluginhost.Options{})
	require.NoError(b, err)
	defer host.Stop()
	for _, asked := range []struct{ name, query string }{
		{"LCP by route", `{"queryType":"vitals","metric":"lcp","groupBy":["route"],"format":"table"}`},
		{"LCP over time", `{"queryType":"vitals","metric":"lcp","format":"timeseries"}`},
		{"errors", `{"queryType":"errors","format":"table"}`},
		{"errors over time", `{"queryType":"errors","format":"timeseries"}`},
		{"worst sessions", `{"queryType":"sessions"}`},
		{"routes", `{"queryType":"variable","dimension":"route"}`},
	} {
		b.Run("query/"+strings.ReplaceAll(asked.name, " ", "-"), func(b *testing.B) {
			request := s.request(b, asked.query)
			for range b.N {
				answer, err := host.QueryData(b.Context(), request)
				require.NoError(b, err)
				require.NoError(b, answer.Responses["A"].Error)
			}
		})
	}
	s.stop()
}

// request asks one thing about the last day, as an Editor's panel would.
func (s *sidecar) request(t testing.TB, query string) *backend.QueryDataRequest {
	access, err := engine.ReadAccess(s.data)
	require.NoError(t, err)
	settings, err := json.Marshal(map[string]any{"address": access.Address, "username": access.Reader.User, "defaultApp": "shop"})
	require.NoError(t, err)
	now := time.Now()
	return &backend.QueryDataRequest{
		PluginContext: backend.PluginContext{PluginID: plugin.ID, User: &backend.User{Login: "editor", Role: "Editor"},
			DataSourceInstanceSettings: &backend.DataSourceInstanceSettings{UID: "sightline", JSONData: settings,
				DecryptedSecureJSONData: map[string]string{"password": access.Reader.Password}}},
		Queries: []backend.DataQuery{{RefID: "A", JSON: []byte(query), MaxDataPoints: 200, Interval: 10 * time.Minute,
			TimeRange: backend.TimeRange{From: now.Add(-24 * time.Hour), To: now}}},
	}
}

func engineOf(s *sidecar) int {
	access, err := engine.ReadAccess(s.data)
	require.NoError(s.t, err)
	return access.PID
}

// cpuSeconds is the processor time a process has used, user and system, from Linux's /proc: clock ticks of 10 ms.
func cpuSeconds(t testing.TB, pid int) float64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Skip("processor time is read from /proc, which only Linux has")
	}
	// The fields after the command's name, which may hold blanks and ends with the last bracket.
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	var user, system float64
	_, err = fmt.Sscan(fields[11]+" "+fields[12], &user, &system)
	require.NoError(t, err)
	return (user + system) / 100
}

func residentMB(t testing.TB, pid int) float64 {
	bytes, err := resident(pid)
	require.NoError(t, err)
	return float64(bytes) / (1 << 20)
}
