package query

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/stretchr/testify/require"
)

// Eight days of one app: a page view is a view, 4 vitals, 10 requests, 2 actions, a blocking script and, one in seven,
// an error.
const (
	costDays        = 8
	eventsOfAView   = 18
	viewsOfASession = 4
)

// BenchmarkCost asks every type of question about the last four of eight days, by what it is usually asked by, and by
// comparison with the four before where it compares.
func BenchmarkCost(b *testing.B) {
	for _, events := range []int{1_000_000, 10_000_000} {
		b.Run(fmt.Sprintf("events=%dM", events/1_000_000), func(b *testing.B) {
			app := seeded.fillApp(b, events)
			to := seeded.today
			w := window{to.Add(-costDays / 2 * 24 * time.Hour), to}
			for _, c := range []struct{ name, query string }{
				{"vitals/series", `"groupBy":["route"]`},
				{"vitals/table", `"groupBy":["route"],"format":"table"`},
				{"vitals/compare", `"groupBy":["route"],"format":"table","compare":"previous"`},
				{"vitals/exemplars", `"groupBy":["route"],"exemplars":true`},
				{"requests/exemplars", `"queryType":"requests","groupBy":["endpoint"],"exemplars":true`},
				{"vitalsOverview", `"queryType":"vitalsOverview","groupBy":["route"]`},
				{"requests/series", `"queryType":"requests","groupBy":["endpoint"]`},
				{"requests/table", `"queryType":"requests","format":"table","groupBy":["endpoint"]`},
				{"errors/table", `"queryType":"errors"`},
				{"errors/series", `"queryType":"errors","format":"timeseries"`},
				{"errorBursts", `"queryType":"errorBursts"`},
				{"sessions", `"queryType":"sessions"`},
				{"sessions/slowest", `"queryType":"sessions","metric":"slowestRequest"`},
				{"session", `"queryType":"session","sessionId":"s-77"`},
				{"traces/session", `"queryType":"traces","sessionId":"s-77"`},
				{"traces/slowest", `"queryType":"traces","filters":[{"key":"route","values":["/checkout"]}]`},
				{"evidence", `"queryType":"evidence","filters":[{"key":"route","values":["/checkout"]}]`},
				{"deploys", `"queryType":"deploys"`},
				{"variable", `"queryType":"variable","dimension":"route"`},
				{"attribution", `"queryType":"attribution","filters":[{"key":"route","values":["/checkout"]}]`},
				{"attribution/inp", `"queryType":"attribution","metric":"inp","groupBy":["route"]`},
				{"pages/series", `"queryType":"pages"`},
				{"pages/table", `"queryType":"pages","format":"table","groupBy":["route"],"compare":"previous"`},
				{"resources", `"queryType":"resources"`},
				{"actions/table", `"queryType":"actions","format":"table"`},
				{"actions/series", `"queryType":"actions"`},
				{"releases", `"queryType":"releases"`},
				{"impact", `"queryType":"impact","compare":"previous"`},
				{"journeys/table", `"queryType":"journeys"`},
				{"journeys/series", `"queryType":"journeys","format":"timeseries"`},
				{"telemetry", `"queryType":"telemetry"`},
			} {
				b.Run(c.name, func(b *testing.B) {
					for b.Loop() {
						got := ask(b, everyone, `{"app":"`+app+`",`+c.query+`}`, w)
						require.NoError(b, got.Error)
						require.Equal(b, backend.StatusOK, got.Status)
						require.NotEmpty(b, got.Frames)
					}
				})
			}
		})
	}
}

// fillApp inserts the app's events in the store itself, merges them, and returns its name.
func (s *shop) fillApp(b *testing.B, events int) string {
	app := fmt.Sprintf("cost%d", events)
	ctx := b.Context()
	var there uint64
	require.NoError(b, seeder.Conn().QueryRow(ctx, "SELECT count() FROM views WHERE app = '"+app+"'").Scan(&there))
	if there > 0 {
		return app
	}
	views := events / eventsOfAView
	spread := costDays * 24 * time.Hour.Milliseconds() * viewsOfASession / int64(views) // between the starts of sessions
	start := s.today.Add(-costDays * 24 * time.Hour).UnixMilli()
	// One row of %d items of each view: i its number, v its view, s its session.
	source := func(items int) string {
		return fmt.Sprintf(`FROM (
  SELECT number AS i, intDiv(number, %d) AS v, intDiv(v, %d) AS s, cityHash64(s) AS h, v %% %[2]d AS step,
    fromUnixTimestamp64Milli(toInt64(%d + s * %d + step * 60000 + i %% 50000), 'UTC') AS at,
    if(cityHash64(v, 1) %% 3 = 0, concat('/section-', toString(cityHash64(v, 2) %% 26)),
      ['/', '/product/:id', '/cart', '/checkout'][1 + step]) AS way
  FROM numbers(%d))`, items, viewsOfASession, start, spread, views*items)
	}
	common := []string{"ts", "received_at", "app", "environment", "release", "session_id", "view_id", "route", "browser",
		"browser_version", "os", "device", "country", "connection", "traffic", "weight"}
	values := fmt.Sprintf(`at, at, '%s', 'production', if(s * 10 < %d, '1.0.0', '1.1.0'), concat('s-', toString(s)),
  concat('v-', toString(v)), way, ['Chrome', 'Firefox', 'Safari', 'Edge'][1 + h %% 4],
  toString(100 + intDiv(h, 4) %% 10), ['Windows', 'Android', 'iOS', 'macOS'][1 + intDiv(h, 64) %% 4],
  ['desktop', 'mobile', 'tablet'][1 + intDiv(h, 256) %% 3], ['DE', 'GB', 'US', 'FR', 'IN'][1 + intDiv(h, 1024) %% 5],
  ['4g', '3g', ''][1 + intDiv(h, 8192) %% 3], if(intDiv(h, 32768) %% 20 = 0, 'bot', 'real'),
  if(intDiv(h, 65536) %% 4 = 0, 3000, 1000)`, app, 7*views/viewsOfASession)
	for _, into := range []struct {
		table, columns, values string
		items                  int
	}{
		{"views", "kind, path, duration, dns, tcp, request, response, dom, load, ttfb, server, transfer_size, trace_id",
			`if(step = 2, 'route-change', 'load'), way, round(exp(randNormal(7.5, 0.6))), rand(1) % 40, rand(2) % 60,
  round(exp(randNormal(5, 0.6))), rand(3) % 90, round(exp(randNormal(6.8, 0.6))), rand(4) % 12,
  round(exp(randNormal(5.2, 0.6))), rand(5) % 200, rand(6) % 90000, lower(hex(MD5(toString(i))))`, 1},
		{"vitals", "metric, metric_id, reported_at, value, rating, bucket, target, target_url, script_url, parts",
			`['lcp', 'inp', 'cls', 'ttfb'][1 + i % 4] AS m, concat('v6-', toString(i)), at,
  round(exp([7.5, 5, 0, 6][1 + i % 4] + randNormal(0, 0.6)) / if(m = 'cls', 15, 1), 4) AS x,
  multiIf(x <= [2500, 200, 0.1, 800][1 + i % 4], 'good', x <= [4000, 500, 0.25, 1800][1 + i % 4],
    'needs-improvement', 'poor'), 0, concat('#part-', toString(cityHash64(way, i % 3) % 40)),
  if(m = 'lcp', concat('/img/', toString(cityHash64(way) % 60), '.webp'), ''),
  if(m = 'inp', concat('https://cdn.example/', toString(i % 30), '.js'), ''),
  map('ttfb', toFloat32(x * 0.3), 'loadDelay', toFloat32(x * 0.1), 'load', toFloat32(x * 0.4), 'renderDelay',
    toFloat32(x * 0.2), 'inputDelay', toFloat32(x * 0.2), 'processing', toFloat32(x * 0.5), 'presentation', toFloat32(x * 0.3))`, 4},
		{"requests", "kind, method, host, endpoint, path, party, status, duration, wait, server, transfer_size, cache, action_id, trace_id",
			`['script', 'css', 'img', 'fetch', 'fetch'][1 + i % 5] AS k, if(k = 'fetch', 'GET', ''),
  concat('host-', toString(i % 10)), if(k = 'fetch', concat('/api/', toString(i % 40)), '') AS e, e,
  if(i % 10 < 6, 'first', 'third'), if(k = 'fetch' AND rand(1) % 50 = 0, 503, 200), round(exp(randNormal(5, 0.8))) AS d,
  d * 0.7, d * 0.5, rand(2) % 60000, if(rand(3) % 3 = 0, 'cache', 'fullLoad'),
  if(i % 10 = 9, concat('a-', toString(v)), ''), if(k = 'fetch', lower(hex(MD5(toString(i)))), '')`, 10},
		{"actions", "kind, name, target, action_id, duration",
			`['click', 'click', 'click', 'submit', 'rage', 'dead', 'error'][1 + rand(1) % 7], 'click',
  concat('#button-', toString(rand(2) % 40)), concat('a-', toString(v)), round(exp(randNormal(5.5, 0.8)))`, 2},
		{"blocking", "script_url, host, party, invoker, blocking, duration, frames",
			`concat('https://cdn.example/', toString(i % 30), '.js'), concat('host-', toString(i % 10)),
  if(i % 10 < 6, 'first', 'third'), 'event-listener', round(exp(randNormal(4, 0.8))) AS t, t + 50, 1 + rand(1) % 3`, 1},
	} {
		require.NoError(b, seeder.Conn().Exec(ctx, fmt.Sprintf("INSERT INTO %s (%s, %s)\nSELECT %s, %s\n%s",
			into.table, strings.Join(common, ", "), into.columns, values, into.values, source(into.items))), into.table)
	}
	require.NoError(b, seeder.Conn().Exec(ctx, fmt.Sprintf(`INSERT INTO errors (%s, kind, error_type, message, fingerprint,
  stack, trace_id)
SELECT %s, 'error', 'TypeError', concat('no ', toString(cityHash64(v, 3) %% 300)), hex(cityHash64(v, 3) %% 300),
  'at pay (checkout.js:1:2)', lower(hex(MD5(toString(i))))
%s WHERE v %% 7 = 0`, strings.Join(common, ", "), values, source(1))))
	for _, from := range []struct{ table, kind, name, value, rest string }{
		{"views", "view", "path", "duration", "'', 0, 0, '', trace_id"},
		{"vitals", "vital", "toString(metric)", "value", "rating, 0, 0, '', ''"},
		{"requests", "request", "concat(method, ' ', host, path)", "duration", "toString(status), 0, status >= 500, action_id, trace_id"},
		{"actions", "action", "name", "duration", "kind, kind IN ('rage', 'dead', 'error'), 0, action_id, ''"},
		{"errors", "error", "error_type", "0", "kind, 0, 0, '', trace_id"},
	} {
		shared := append([]string{}, common...)
		shared[1] = "reported_at"
		read := strings.Replace(strings.Join(common, ", "), "received_at", "ts", 1)
		require.NoError(b, seeder.Conn().Exec(ctx, fmt.Sprintf(`INSERT INTO session_events (%s, kind, name, value, state,
  frustrated, failed, action_id, trace_id)
SELECT %s, '%s', %s, %s, %s FROM %s WHERE app = '%s'`, strings.Join(shared, ", "), read, from.kind, from.name, from.value,
			from.rest, from.table, app)), from.table)
	}
	require.NoError(b, seeder.Conn().Exec(ctx, fmt.Sprintf(`INSERT INTO deploys (ts, app, environment, release, title)
SELECT fromUnixTimestamp64Milli(%d, 'UTC'), '%s', 'production', '1.1.0', 'one more release'`,
		start+int64(costDays*24*time.Hour.Milliseconds())*7/10, app)))
	for i, step := range []string{"/", "/product/:id", "/cart", "/checkout"} {
		require.NoError(b, seeder.Conn().Exec(ctx, "INSERT INTO journeys (app, journey, step, name, kind, pattern, version)\n"+
			fmt.Sprintf("SELECT '%s', 'purchase', %d, '%s', 'route', '%[3]s', 1", app, i+1, step)))
	}
	for _, table := range []string{"views", "vitals", "requests", "actions", "blocking", "errors", "session_events", "sessions",
		"trace_sessions"} {
		require.NoError(b, seeder.Conn().Exec(ctx, "OPTIMIZE TABLE "+table+" FINAL"), table)
	}
	return app
}
