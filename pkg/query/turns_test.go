package query

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/stretchr/testify/require"
)

// benchRows is how many rows a benchmark fills the store with: BENCH_ROWS, or what is usual for it.
func benchRows(b *testing.B, usual int) int {
	rows, err := strconv.Atoi(cmp.Or(os.Getenv("BENCH_ROWS"), strconv.Itoa(usual)))
	require.NoError(b, err, "BENCH_ROWS")
	return rows
}

// turns lets contestants take turns, b.N rounds of them (-benchtime 5x), and reports the medians of the clock and of the
// engine's processor time, which counts in ticks of 10 ms: each turn asks so often in a row.
func turns(b *testing.B, often int, names []string, ask func(name string)) {
	b.Helper()
	clock, engine := map[string][]float64{}, map[string][]float64{}
	for b.Loop() {
		for _, name := range names {
			began, start := time.Now(), engineTime(b)
			for range often {
				ask(name)
			}
			clock[name] = append(clock[name], time.Since(began).Seconds()*1e3/float64(often))
			engine[name] = append(engine[name], (engineTime(b)-start).Seconds()*1e3/float64(often))
		}
	}
	for _, name := range names {
		b.ReportMetric(middle(clock[name]), name+"-ms")
		b.ReportMetric(middle(engine[name]), name+"-engine-CPU-ms")
	}
	b.ReportMetric(0, "ns/op")
}

func middle(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

// BenchmarkLookups finds a visit's timeline and the visit of a trace among BENCH_ROWS events (1,000,000 if left out):
// the whole question in the plugin, and the engine's part of it.
func BenchmarkLookups(b *testing.B) {
	app := seeded.fillApp(b, benchRows(b, 1_000_000))
	w := window{seeded.today.Add(-costDays * 24 * time.Hour), seeded.today}
	var trace string
	require.NoError(b, seeder.Conn().QueryRow(b.Context(), "SELECT trace_id FROM trace_sessions WHERE app = {app:String}\n"+
		"ORDER BY cityHash64(trace_id) LIMIT 1", clickhouse.Named("app", app)).Scan(&trace))
	questions := map[string]string{
		"timeline": `"queryType":"session","sessionId":"s-77"`,
		"trace":    `"queryType":"traces","traceId":"` + trace + `"`,
	}
	turns(b, 20, []string{"timeline", "trace"}, func(name string) {
		got := ask(b, everyone, `{"app":"`+app+`",`+questions[name]+`}`, w)
		require.NoError(b, got.Error)
		require.NotZero(b, got.Frames[0].Rows(), name)
	})
	// The statements alone, as the plugin sends them.
	for name, sql := range map[string]string{
		"timeline": "SELECT * FROM session_events WHERE app = {app:String} AND session_id = 's-77' ORDER BY ts LIMIT 2000",
		"trace":    "SELECT session_id FROM trace_sessions WHERE app = {app:String} AND trace_id = {trace:String} LIMIT 1",
	} {
		var took []float64
		for range 20 {
			began := time.Now()
			rows, err := runner.Conn.Query(b.Context(), sql, clickhouse.Named("app", app), clickhouse.Named("trace", trace))
			require.NoError(b, err)
			found := 0
			for rows.Next() {
				found++
			}
			require.NoError(b, rows.Close())
			require.NotZero(b, found)
			took = append(took, time.Since(began).Seconds()*1e3)
		}
		b.ReportMetric(middle(took), name+"-statement-ms")
	}
}

// BenchmarkDashboard asks all panels of the Experience dashboard at once, as Grafana does when somebody opens it, of the
// plugin's binary, about eight days of BENCH_ROWS events (1,000,000 if left out).
func BenchmarkDashboard(b *testing.B) {
	app := seeded.fillApp(b, benchRows(b, 1_000_000))
	queries := experience(b, app)
	askPlugin(b, queries[0]) // builds and starts the plugin
	var all []float64
	start, own, asked := engineTime(b), pluginTime(b), 0
	for b.Loop() {
		// A window of its own each time: nothing that was answered before answers it.
		w := window{seeded.today.Add(-costDays * 24 * time.Hour), seeded.today.Add(-time.Duration(asked) * time.Minute)}
		began := time.Now()
		var running sync.WaitGroup
		for _, query := range queries {
			running.Go(func() {
				got := askPlugin(b, query, w)
				if got.Error != nil {
					b.Error(query, got.Error)
				}
			})
		}
		running.Wait()
		asked++
		all = append(all, time.Since(began).Seconds()*1e3)
	}
	first := all[0]
	b.ReportMetric(first, "first-ms")
	b.ReportMetric(middle(all), "dashboard-ms")
	b.ReportMetric((engineTime(b)-start).Seconds()*1e3/float64(asked), "engine-CPU-ms")
	b.ReportMetric((pluginTime(b)-own).Seconds()*1e3/float64(asked), "plugin-CPU-ms")
	b.ReportMetric(float64(len(queries)), "queries")
	b.ReportMetric(0, "ns/op")
}

// pluginTime is the processor time that the plugin's process says it has used.
func pluginTime(b *testing.B) time.Duration {
	b.Helper()
	text, err := plugin.host.CollectMetrics(b.Context())
	require.NoError(b, err)
	for line := range strings.Lines(string(text)) {
		var seconds float64
		if said, found := strings.CutPrefix(line, "process_cpu_seconds_total "); found {
			_, err := fmt.Sscan(said, &seconds)
			require.NoError(b, err)
			return time.Duration(seconds * float64(time.Second))
		}
	}
	b.Fatal("the plugin does not say what it has used")
	return 0
}

// experience is what the panels of the dashboard ask with all of its filters left at All.
func experience(b *testing.B, app string) (queries []string) {
	text, err := os.ReadFile("../../src/dashboards/experience.json")
	require.NoError(b, err)
	var board struct {
		Panels []struct{ Targets []map[string]any }
	}
	require.NoError(b, json.Unmarshal(text, &board))
	for _, panel := range board.Panels {
		for _, target := range panel.Targets {
			delete(target, "filters")
			delete(target, "datasource")
			target["app"], target["environment"] = app, "production"
			for key, value := range target {
				if strings.Contains(fmt.Sprint(value), "$") {
					delete(target, key)
				}
			}
			query, err := json.Marshal(target)
			require.NoError(b, err)
			queries = append(queries, string(query))
		}
	}
	require.NotEmpty(b, queries)
	return queries
}
