package query

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// BenchmarkPagesResourcesActions asks about a week of one app, with as many views, requests and actions each.
func BenchmarkPagesResourcesActions(b *testing.B) {
	for _, rows := range []int{1_000_000, 10_000_000} {
		b.Run(fmt.Sprintf("rows=%d", rows), func(b *testing.B) {
			app, w := seeded.fillWeek(b, rows)
			for name, query := range map[string]string{
				"pages/table":   `"queryType":"pages","format":"table"`,
				"pages/compare": `"queryType":"pages","format":"table","compare":"previous"`,
				"pages/series":  `"queryType":"pages"`,
				"pages/dom":     `"queryType":"pages","metric":"dom","groupBy":["route"]`,
				"resources":     `"queryType":"resources"`,
				"actions/table": `"queryType":"actions","format":"table"`,
				"actions/rage":  `"queryType":"actions","filters":[{"key":"kind","values":["rage"]}]`,
			} {
				b.Run(name, func(b *testing.B) {
					for b.Loop() {
						got := ask(b, everyone, `{"app":"`+app+`",`+query+`}`, w)
						require.NoError(b, got.Error)
						require.NotZero(b, got.Frames[0].Rows())
					}
				})
			}
		})
	}
}

// fillWeek inserts, in the store itself, an app's views, requests and actions: loads in whole milliseconds of which
// most phases have none, requests of which most come from the cache at once, actions of which some start calls.
func (s *shop) fillWeek(b *testing.B, rows int) (app string, w window) {
	app, w = fmt.Sprintf("bench%d", rows), window{s.today.Add(-14 * 24 * time.Hour), s.today.Add(-7 * 24 * time.Hour)}
	var there uint64
	counted := seeder.Conn().QueryRow(b.Context(), "SELECT count() FROM views WHERE app = '"+app+"'")
	require.NoError(b, counted.Scan(&there))
	if there > 0 {
		return app, w
	}
	common := fmt.Sprintf(`at AS ts, at AS received_at, '%s' AS app, 'production' AS environment, '1.0.0' AS release,
  hex(intDiv(number, 50)) AS session_id, hex(intDiv(number, 10)) AS view_id, concat('/section-', toString(r)) AS route,
  ['Chrome', 'Firefox', 'Safari'][1 + number %% 3] AS browser, ['desktop', 'mobile'][1 + number %% 2] AS device,
  if(intDiv(number, 50) %% 20 = 0, 'bot', 'real') AS traffic,
  if(intDiv(number, 50) %% 4 = 0, 1000, 3333) AS weight`, app)
	source := fmt.Sprintf(`FROM (
  SELECT number, toUInt8(least(29, floor(-6 * log(1 - (rand(8) + 0.5) / 4294967296)))) AS r,
    fromUnixTimestamp64Milli(%d + rand(9) %% 604800000, 'UTC') AS at
  FROM numbers(%d))`, w.from.UnixMilli(), rows)
	columns := "ts, received_at, app, environment, release, session_id, view_id, route, browser, device, traffic, weight, "
	for _, into := range []string{
		`views (` + columns + `kind, duration, redirect, dns, tcp, tls, request, response, dom, load, ttfb, server,
  transfer_size)
SELECT ` + common + `, if(rand(1) % 5 = 0, 'route-change', 'load'), round(exp(randNormal(7.5, 0.6))),
  if(rand(2) % 20 = 0, 90, 0), if(rand(3) % 5 = 0, rand(10) % 60, 0), if(rand(3) % 5 = 0, rand(11) % 90, 0),
  if(rand(3) % 5 = 0, rand(12) % 90, 0), round(exp(randNormal(5, 0.6))), round(exp(randNormal(3, 0.8))),
  round(exp(randNormal(6.8, 0.6))), rand(13) % 12, round(exp(randNormal(5.2, 0.6))), 100, 5000 + rand(14) % 20000
` + source,
		`requests (` + columns + `action_id, kind, host, party, duration, transfer_size, decoded_size, cache, render_blocking,
  status)
SELECT ` + common + `, if(number % 10 = 9, hex(number), ''),
  ['script', 'css', 'img', 'font', 'fetch'][1 + intDiv(number, 2) % 5],
  concat('host-', toString(number % 10)), if(number % 10 < 4, 'first', 'third'),
  if(rand(1) % 100 < 85, 0, round(exp(randNormal(5, 0.8)))), if(rand(1) % 100 < 85, 0, 30000), 90000,
  if(rand(1) % 100 < 85, 'cache', 'fullLoad'), number % 7 = 0, if(rand(2) % 50 = 0, 503, 200)
` + source,
		`actions (` + columns + `action_id, kind, target, duration)
SELECT ` + common + `, hex(number),
  ['click', 'click', 'click', 'click', 'submit', 'custom', 'rage', 'dead', 'error'][1 + rand(1) % 9],
  concat('#button-', toString(rand(2) % 40)), round(exp(randNormal(5.5, 0.8)))
` + source,
	} {
		require.NoError(b, seeder.Conn().Exec(b.Context(), "INSERT INTO "+into))
	}
	return app, w
}
