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
	"github.com/sightline-rum/sightline/pkg/store"
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

// BenchmarkGrowth asks the same dashboard of four weeks of 1, 10 and 50 million events, from rows alone, from roll-ups
// alone, and as the planner has it, in turns, and prints the medians of the engine's processor time, what is stored, and
// how far percentiles are off. Run one size at a time, with -benchtime 1x; 10 million events take six minutes.
func BenchmarkGrowth(b *testing.B) {
	for _, events := range []int{1_000_000, 10_000_000, 50_000_000} {
		b.Run(fmt.Sprintf("events=%dM", events/1_000_000), func(b *testing.B) {
			w := window{seeded.today.Add(-growthDays * 24 * time.Hour), seeded.today}
			g := grown{app: fmt.Sprintf("growth%d", events), window: w, views: events / eventsOfAView, metrics: growthMetrics}
			g.insert(b)
			g.askInTurns(b, w)
		})
	}
}

// BenchmarkHistory asks the same dashboard of the last week, and for one visit and one trace, of an app that has been
// there for one week, ten and fifty, with a million events a week: what is asked for is the same, what is stored is not.
func BenchmarkHistory(b *testing.B) {
	const week, aWeek = 7 * 24 * time.Hour, 1_000_000
	changes, err := seeder.RetentionChanges(b.Context(), store.Retention{Raw: 400})
	require.NoError(b, err)
	require.NoError(b, seeder.ApplyRetention(b.Context(), changes))
	for _, weeks := range []int{1, 10, 50} {
		b.Run(fmt.Sprintf("events=%dM", weeks), func(b *testing.B) {
			last := window{seeded.today.Add(-week), seeded.today}
			g := grown{app: fmt.Sprintf("history%d", weeks), window: window{last.to.Add(-time.Duration(weeks) * week), last.to},
				views: weeks * aWeek / eventsOfAView, metrics: growthMetrics, visits: true}
			g.insert(b)
			g.askInTurns(b, last)
			newest := g.views/viewsOfASession - 77
			for _, one := range []struct{ name, query string }{
				{"a visit's timeline", fmt.Sprintf(`"queryType":"session","sessionId":"s-%d"`, newest)},
				{"an old visit's timeline", `"queryType":"session","sessionId":"s-77"`},
				{"the visit of a trace", fmt.Sprintf(`"queryType":"traces","traceId":"%032x"`, newest*viewsOfASession+1)},
				{"the visit of an old trace", fmt.Sprintf(`"queryType":"traces","traceId":"%032x"`, 77*viewsOfASession+1)},
			} {
				var taken []float64
				for range 3 * growthTurns {
					start := engineTime(b)
					for range 10 {
						got := ask(b, everyone, `{"app":"`+g.app+`",`+one.query+`}`, last)
						require.NoError(b, got.Error)
						require.NotZero(b, got.Frames[0].Rows())
					}
					taken = append(taken, float64((engineTime(b)-start).Milliseconds())/10)
				}
				slices.Sort(taken)
				report(fmt.Sprintf("| %s | %.0f ms |", one.name, taken[len(taken)/2]))
			}
		})
	}
}

// BenchmarkDense asks for the LCP of four weeks of which every hour has a thousand samples of each route and device.
func BenchmarkDense(b *testing.B) {
	const days, segments, samples = 28, 8 * 3, 1_000
	w := window{seeded.today.Add(-days * 24 * time.Hour), seeded.today}
	g := grown{app: "dense", window: w, views: days * 24 * segments * samples, metrics: []string{"lcp"}}
	g.insert(b)
	g.askInTurns(b, w)
}

// growthTurns is how often each way is measured; the median counts.
const growthTurns = 5

// grown is an app whose rows the benchmarks make.
type grown struct {
	app     string
	window  window   // in which its views are spread evenly
	views   int      // with one sample of each metric; and, with several metrics, ten requests and now and then an error
	metrics []string // keys
	visits  bool     // with timelines, and traces of one request in ten
}

var growthMetrics = []string{"lcp", "inp", "cls", "fcp", "ttfb"}

// askInTurns asks the dashboard of a window from rows, from roll-ups and as it is planned, and prints the medians.
func (g grown) askInTurns(b *testing.B, w window) {
	report("| question | rows | roll-ups | planned | from | p off |\n|---|---|---|---|---|---|")
	sums := map[string]float64{}
	for _, asked := range growthQuestions {
		if !g.several() && strings.Contains(asked.query, "queryType") {
			continue
		}
		json := `{"app":"` + g.app + `",` + asked.query + `}`
		taken := map[string][]float64{}
		answers := map[string]backend.DataResponse{}
		for range growthTurns {
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
			sums[way] += all[growthTurns/2]
		}
		report(fmt.Sprintf("| %s | %.0f ms | %.0f ms | %.0f ms | %s | %.2f %% |", asked.name,
			taken["rows"][growthTurns/2], taken["roll-ups"][growthTurns/2], taken["planned"][growthTurns/2], from,
			100*percentilesOff(answers["rows"], answers["roll-ups"])))
	}
	report(fmt.Sprintf("| all of them | %.0f ms | %.0f ms | %.0f ms | | |", sums["rows"], sums["roll-ups"],
		sums["planned"]))
	for way, sum := range sums {
		b.ReportMetric(sum, way+"-ms")
	}
}

func (g grown) several() bool { return len(g.metrics) > 1 }

// insert makes the app's rows in the store itself, merges them, and rolls them up.
func (g grown) insert(b *testing.B) {
	ctx := b.Context()
	var goods, poors, middles []string
	for _, key := range g.metrics {
		m, _ := rum.MetricByKey(key)
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
	of := func(list []string) string {
		return fmt.Sprintf("[%s][1 + i %% %d]", strings.Join(list, ", "), len(g.metrics))
	}
	shared := fmt.Sprintf(`fromUnixTimestamp64Milli(toInt64(%d + intDiv(v * %d, %d)), 'UTC') AS at, at, '%s', 'production',
  if(v < %d, '1.0.0', '1.1.0'), concat('s-', toString(intDiv(v, 4))), concat('v-', toString(v)),
  ['/', '/product/:id', '/cart', '/checkout', '/search', '/account', '/help', '/offers'][1 + cityHash64(v, 1) %% 8],
  ['Chrome', 'Firefox', 'Safari', 'Edge'][1 + h %% 4], ['desktop', 'mobile', 'tablet'][1 + intDiv(h, 256) %% 3],
  ['DE', 'GB', 'US', 'FR', 'IN'][1 + intDiv(h, 1024) %% 5], 'real', if(intDiv(h, 65536) %% 4 = 0, 3000, 1000)`,
		g.window.from.UnixMilli(), g.window.length().Milliseconds(), g.views, g.app, g.views*7/10)
	type made struct {
		table, columns, values string
		items                  int
		keep                   string
	}
	all := []made{{"vitals", "metric, metric_id, reported_at, value, rating, bucket",
		fmt.Sprintf(`%[4]s AS m, concat('v6-', toString(i)), at,
  round(exp(transform(m, ['lcp', 'inp', 'cls', 'fcp', 'ttfb'], [7.5, 5, -2.6, 7.2, 6], 0) + randNormal(0, 0.6)), 4) AS x,
  multiIf(x <= %[1]s, 'good', x <= %[2]s, 'needs-improvement', 'poor'), %[3]s`,
			of(goods), of(poors), bucket(of(goods), of(poors), of(middles)), of(quoted(g.metrics))), len(g.metrics), "1"}}
	trace := "''" // of one request in ten
	if g.visits {
		trace = "if(i % 10 = 0, leftPad(lower(hex(intDiv(i, 10))), 32, '0'), '')"
	}
	if g.several() {
		all = append(all, made{"requests", "trace_id, kind, method, host, endpoint, path, party, status, duration, server, bucket",
			trace + `, 'fetch', 'GET', 'api', concat('/api/', toString(i % 20)) AS e, e, 'first', if(rand(1) % 50 = 0, 503, 200),
  toFloat32(round(exp(randNormal(5, 0.8)))) AS x, x * 0.5, ` + bucket("1", "1", "0"), 10, "1"},
			made{"errors", "kind, error_type, message, fingerprint",
				`'error', 'TypeError', 'no', hex(cityHash64(v, 3) % 30)`, 1, "v % 7 = 0"})
	}
	if g.visits {
		all = append(all, made{"session_events", "kind, name, value, state, trace_id",
			`['request', 'vital', 'action'][1 + i % 3], concat('/api/', toString(i % 20)),
  round(exp(randNormal(5, 0.8))), '200', ` + trace, 10, "1"})
	}
	const week = 7 * 24 * time.Hour // one insert may not reach into a hundred days
	for from := g.window.from; from.Before(g.window.to); from = from.Add(week) {
		part := func(at time.Time) int {
			return int(int64(g.views) * int64(min(at.Sub(g.window.from), g.window.length())/time.Hour) /
				int64(g.window.length()/time.Hour))
		}
		first, after := part(from), part(from.Add(week))
		for _, into := range all {
			columns := "ts, received_at, "
			if into.table == "session_events" {
				columns = "ts, reported_at, "
			}
			require.NoError(b, seeder.Conn().Exec(ctx, fmt.Sprintf(`INSERT INTO %s (%sapp, environment, release,
  session_id, view_id, route, browser, device, country, traffic, weight, %s)
SELECT %s, %s
FROM (SELECT number AS i, intDiv(number, %d) AS v, cityHash64(intDiv(v, 4)) AS h FROM numbers(%d, %d) WHERE %s)
SETTINGS max_execution_time = 0`, into.table, columns, into.columns, shared, into.values, into.items, first*into.items, (after-first)*into.items, into.keep)), into.table)
		}
	}
	hours := int(g.window.length().Hours())
	require.NoError(b, seeder.Conn().Exec(ctx, fmt.Sprintf(`INSERT INTO hour_inserts (app, hour, rows)
SELECT '%s', toDateTime(%d + number * 3600, 'UTC'), %d FROM numbers(%d)`, g.app, g.window.from.Unix(),
		g.views*eventsOfAView/hours, hours)))
	for day := g.window; day.from.Before(g.window.to); day.from = day.to { // a day at a time takes less memory
		day.to = day.from.Add(24 * time.Hour)
		rollUp(b, seeder, g.app, window{day.from, day.to})
	}
	tables := []string{"sessions", "trace_sessions"}
	for i := range all {
		tables = append(tables, all[i].table)
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

func quoted(words []string) (in []string) {
	for _, word := range words {
		in = append(in, "'"+word+"'")
	}
	return in
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
