package query

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/rum"
)

// Four weeks of one app as it grows: the same routes, devices, releases and endpoints, and ever more visits. Of a page
// view's eighteen events its 5 vitals, its 10 requests and, in one of seven, its error are made here; all are counted.
const growthDays = 28

// growthQuestions are the panels of a dashboard of these weeks.
var growthQuestions = []struct{ name, query string }{
	{"vitals table by route", `"groupBy":["route"],"format":"table"`},
	{"vitals table by route and device", `"groupBy":["route","device"],"format":"table"`},
	{"vitals number", `"format":"numeric"`},
	{"vitals series by device", `"groupBy":["device"]`},
	{"vitals distribution", `"format":"distribution"`},
	{"vitals table by release", `"groupBy":["release"],"format":"table"`},
	{"vitalsOverview by route", `"queryType":"vitalsOverview","groupBy":["route"]`},
	{"requests table by endpoint", `"queryType":"requests","format":"table","groupBy":["endpoint"]`},
	{"requests series by endpoint", `"queryType":"requests","groupBy":["endpoint"]`},
	{"errors series", `"queryType":"errors","format":"timeseries"`},
}

// BenchmarkGrowth asks the same dashboard of 1, 10 and 50 million events, from rows alone, from roll-ups alone, and as
// the planner has it, in turns, and prints the medians of the engine's processor time, what is stored, and how far
// percentiles are off. Run one size at a time, with -benchtime 1x; 10 million events take six minutes.
func BenchmarkGrowth(b *testing.B) {
	const turns = 5
	for _, events := range []int{1_000_000, 10_000_000, 50_000_000} {
		b.Run(fmt.Sprintf("events=%dM", events/1_000_000), func(b *testing.B) {
			app := fmt.Sprintf("growth%d", events)
			w := window{seeded.today.Add(-growthDays * 24 * time.Hour), seeded.today}
			grow(b, app, events, w)
			report("| question | rows | roll-ups | planned | from | p off |\n|---|---|---|---|---|---|")
			sums := map[string]float64{}
			for _, asked := range growthQuestions {
				json := `{"app":"` + app + `",` + asked.query + `}`
				taken := map[string][]float64{}
				answers := map[string]backend.DataResponse{}
				for range turns {
					for _, way := range []string{"rows", "roll-ups", "planned"} {
						rowsBefore, ofACellBefore := fewestRows, rowsOfACell
						switch way {
						case "rows":
							fewestRows = math.MaxUint64
						case "roll-ups":
							fewestRows, rowsOfACell = 0, nil
						}
						start := engineTime(b)
						got := ask(b, everyone, json, w)
						taken[way] = append(taken[way], float64((engineTime(b) - start).Milliseconds()))
						fewestRows, rowsOfACell = rowsBefore, ofACellBefore
						require.NoError(b, got.Error)
						answers[way] = got
					}
				}
				from := "rows"
				if fromRollUps(answers["planned"]) {
					from = "roll-ups"
				}
				for way, all := range taken {
					slices.Sort(all)
					sums[way] += all[turns/2]
				}
				report(fmt.Sprintf("| %s | %.0f ms | %.0f ms | %.0f ms | %s | %.2f %% |", asked.name,
					taken["rows"][turns/2], taken["roll-ups"][turns/2], taken["planned"][turns/2], from,
					100*percentilesOff(answers["rows"], answers["roll-ups"])))
			}
			report(fmt.Sprintf("| all of them | %.0f ms | %.0f ms | %.0f ms | | |", sums["rows"], sums["roll-ups"],
				sums["planned"]))
			for way, sum := range sums {
				b.ReportMetric(sum, way+"-ms")
			}
		})
	}
}

// grow makes the app's rows in the store itself, merges them, and rolls them up.
func grow(b *testing.B, app string, events int, w window) {
	ctx, views := b.Context(), events/eventsOfAView
	var goods, poors, middles []string
	for _, m := range rum.Metrics {
		_, last := rum.RatingEdges(m.Key)
		good, _ := rum.RatingEdges("")
		goods, poors = append(goods, fmt.Sprint(m.Good)), append(poors, fmt.Sprint(m.Poor))
		middles = append(middles, fmt.Sprint(last-good))
	}
	bucket := func(good, poor, middle string) string { // as rum.Bucket has it
		steps := func(ratio string) string { return "toInt64(floor(log(" + ratio + ") / log(1.02) + 1e-9))" }
		return fmt.Sprintf("multiIf(x = 0, 0, x <= %[1]s, greatest(1, 1000 - %[4]s), "+
			"x <= %[2]s, greatest(1001, 1000 + %[3]s - %[5]s), least(4000, 1001 + %[3]s + %[6]s))",
			good, poor, middle, steps(good+" / x"), steps(poor+" / x"), steps("x / "+poor))
	}
	of := func(list []string) string { return "[" + strings.Join(list, ", ") + "][1 + i % 5]" }
	shared := fmt.Sprintf(`fromUnixTimestamp64Milli(toInt64(%d + intDiv(v * %d, %d)), 'UTC') AS ts, ts, '%s', 'production',
  if(v < %d, '1.0.0', '1.1.0'), concat('s-', toString(intDiv(v, 4))), concat('v-', toString(v)),
  ['/', '/product/:id', '/cart', '/checkout', '/search', '/account', '/help', '/offers'][1 + cityHash64(v, 1) %% 8],
  ['Chrome', 'Firefox', 'Safari', 'Edge'][1 + h %% 4], ['desktop', 'mobile', 'tablet'][1 + intDiv(h, 256) %% 3],
  ['DE', 'GB', 'US', 'FR', 'IN'][1 + intDiv(h, 1024) %% 5], 'real', if(intDiv(h, 65536) %% 4 = 0, 3000, 1000)`,
		w.from.UnixMilli(), w.length().Milliseconds(), views, app, views*7/10)
	for _, into := range []struct {
		table, columns, values string
		items                  int
		keep                   string
	}{
		{"vitals", "metric, metric_id, reported_at, value, rating, bucket",
			fmt.Sprintf(`['lcp', 'inp', 'cls', 'fcp', 'ttfb'][1 + i %% 5], concat('v6-', toString(i)), ts,
  round(exp([7.5, 5, -2.6, 7.2, 6][1 + i %% 5] + randNormal(0, 0.6)), 4) AS x,
  multiIf(x <= %[1]s, 'good', x <= %[2]s, 'needs-improvement', 'poor'), %[3]s`,
				of(goods), of(poors), bucket(of(goods), of(poors), of(middles))), 5, "1"},
		{"requests", "kind, method, host, endpoint, path, party, status, duration, server, bucket",
			`'fetch', 'GET', 'api', concat('/api/', toString(i % 20)) AS e, e, 'first', if(rand(1) % 50 = 0, 503, 200),
  toFloat32(round(exp(randNormal(5, 0.8)))) AS x, x * 0.5, ` + bucket("1", "1", "0"), 10, "1"},
		{"errors", "kind, error_type, message, fingerprint",
			`'error', 'TypeError', 'no', hex(cityHash64(v, 3) % 30)`, 1, "v % 7 = 0"},
	} {
		require.NoError(b, seeder.Conn().Exec(ctx, fmt.Sprintf(`INSERT INTO %s (ts, received_at, app, environment, release,
  session_id, view_id, route, browser, device, country, traffic, weight, %s)
SELECT %s, %s
FROM (SELECT number AS i, intDiv(number, %d) AS v, cityHash64(intDiv(v, 4)) AS h FROM numbers(%d) WHERE %s)
SETTINGS max_execution_time = 0`, into.table, into.columns, shared, into.values, into.items, views*into.items, into.keep)),
			into.table)
	}
	require.NoError(b, seeder.Conn().Exec(ctx, fmt.Sprintf(`INSERT INTO hour_inserts (app, hour, rows)
SELECT '%s', toDateTime(%d + number * 3600, 'UTC'), %d FROM numbers(%d)`, app, w.from.Unix(),
		events/growthDays/24, growthDays*24)))
	tables := []string{"vitals", "requests", "errors"}
	for day := w; day.from.Before(w.to); day.from = day.to { // a day at a time takes less memory
		day.to = day.from.Add(24 * time.Hour)
		rollUp(b, seeder, app, window{day.from, day.to})
	}
	for i := range rollups {
		tables = append(tables, rollups[i].name)
	}
	for _, table := range tables {
		require.NoError(b, seeder.Conn().Exec(ctx, "OPTIMIZE TABLE "+table+" FINAL SETTINGS max_execution_time = 0"), table)
		var rows, bytes uint64
		require.NoError(b, seeder.Conn().QueryRow(ctx, "SELECT ifNull(total_rows, 0), ifNull(total_bytes, 0)\n"+
			"FROM system.tables WHERE database = currentDatabase() AND name = '"+table+"'").Scan(&rows, &bytes))
		report(fmt.Sprintf("| %s | %d rows | %.1f MB |", table, rows, float64(bytes)/1e6))
	}
}

// engineTime is the processor time the engine has taken so far: on a busy machine that says more than a clock does.
func engineTime(b *testing.B) time.Duration {
	b.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	require.NoError(b, err)
	for _, path := range stats {
		line, err := os.ReadFile(path)
		_, rest, found := strings.Cut(string(line), ") ")
		fields := strings.Fields(rest)
		if err != nil || !found || fields[1] != fmt.Sprint(os.Getpid()) || !strings.Contains(string(line), "query.test") {
			continue
		}
		var user, system int64
		_, err = fmt.Sscan(fields[11]+" "+fields[12], &user, &system)
		require.NoError(b, err)
		return time.Duration(user+system) * 10 * time.Millisecond // clock ticks of Linux
	}
	b.Fatal("the engine's processor time is only known on Linux")
	return 0
}

// report prints a line of a table: a benchmark's own log keeps only its last lines.
func report(line string) { fmt.Println(line) }

// percentilesOff is how far the percentiles of one answer are from those of another at most, as a share.
func percentilesOff(exact, other backend.DataResponse) (most float64) {
	for i, frame := range exact.Frames {
		for j, field := range frame.Fields {
			_, vital := rum.MetricByKey(field.Name)
			if field.Name != "value" && !vital || i >= len(other.Frames) {
				continue
			}
			for k := range min(field.Len(), other.Frames[i].Fields[j].Len()) {
				want, _ := field.NullableFloatAt(k)
				got, _ := other.Frames[i].Fields[j].NullableFloatAt(k)
				if want != nil && got != nil && *want > 0 {
					most = max(most, math.Abs(*got / *want - 1))
				}
			}
		}
	}
	return most
}
