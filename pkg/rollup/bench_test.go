package rollup

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const benchRows = 125_000

// busyHour is an hour of 125,000 vitals and as many requests, of 40 routes and 60 endpoints, in ten parts, and 1,000 errors.
func busyHour(b *testing.B) *Rollups {
	b.Helper()
	s := migrated(b)
	run := func(sql string, of int) {
		for part := range 10 {
			require.NoError(b, s.Conn().Exec(b.Context(), fmt.Sprintf(sql, noon.Format(time.DateTime), of/10*part, of/10)))
		}
	}
	const common = `toDateTime64('%s', 3, 'UTC') + cityHash64(number) %% 3600 AS ts, 'shop' AS app, 'production' AS environment,
		'real' AS traffic, concat('/', toString(floor(40 * pow(rand64(1) / 18446744073709551616., 2)))) AS route,
		['mobile', 'desktop', 'tablet'][1 + rand64(2) %% 3] AS device, ['2.0', '2.1'][1 + rand64(3) %% 2] AS release,
		['DE', 'NL', 'FR', 'US', 'GB'][1 + rand64(4) %% 5] AS country, ['Chrome', 'Safari', 'Firefox'][1 + rand64(5) %% 3] AS browser,
		toUInt32(1000) AS weight, toString(rand64(6)) AS session_id,
		toInt16(900 + 40 * log(1e-6 + rand64(7) / 18446744073709551616.) + 100 * rand64(8) / 18446744073709551616.) AS bucket`
	run(`INSERT INTO vitals (ts, app, environment, traffic, route, device, release, country, browser, weight, session_id, bucket,
		metric, metric_id) SELECT `+common+`, ['lcp', 'inp', 'cls', 'fcp', 'ttfb'][1 + number %% 5], toString(number)
		FROM numbers(%d, %d)`, benchRows)
	run(`INSERT INTO requests (ts, app, environment, traffic, route, device, release, country, browser, weight, session_id, bucket,
		kind, host, method, endpoint, duration, server) SELECT `+common+`, 'fetch', 'api.shop', 'GET',
		concat('/api/', toString(rand64(9) %% 60)), rand64(10) %% 900, rand64(11) %% 200 FROM numbers(%d, %d)`, benchRows)
	run(`INSERT INTO errors (ts, app, environment, traffic, route, device, release, country, browser, weight, session_id,
		fingerprint) SELECT * EXCEPT bucket FROM (SELECT `+common+`, concat('f', toString(rand64(9) %% 50)) FROM numbers(%d, %d))`, 1000)
	require.NoError(b, s.Conn().Exec(b.Context(), "INSERT INTO hour_inserts SELECT 'shop', fromUnixTimestamp({hour:Int64}), 251000",
		named("hour", noon.Unix())))
	return Of(s)
}

// BenchmarkRoll rolls a busy hour that has changed in nothing, in each table. bytes are those of its roll-up after the
// first roll and a merge.
func BenchmarkRoll(b *testing.B) {
	r := busyHour(b)
	for _, t := range Tables {
		b.Run(t.Name, func(b *testing.B) {
			h := Hour{"shop", noon}
			began := time.Now()
			_, err := r.Roll(b.Context(), t, h)
			require.NoError(b, err)
			first := time.Since(began)
			for b.Loop() {
				_, err := r.Repair(b.Context(), t, h)
				require.NoError(b, err)
			}
			require.NoError(b, r.store.Conn().Exec(b.Context(), "OPTIMIZE TABLE "+t.Name+" FINAL"))
			var cells, bytes uint64
			require.NoError(b, r.store.Conn().QueryRow(b.Context(), `SELECT sum(rows), sum(data_compressed_bytes) FROM system.parts
				WHERE database = currentDatabase() AND active AND table = {table:String}`, named("table", t.Name)).Scan(&cells, &bytes))
			b.ReportMetric(float64(first.Milliseconds()), "first-ms")
			b.ReportMetric(float64(cells), "cells")
			b.ReportMetric(float64(bytes), "bytes")
		})
	}
}

// BenchmarkFinal reads the buckets of a metric of a busy hour, with the last report of each and without looking, from
// ten parts and from one.
func BenchmarkFinal(b *testing.B) {
	r := busyHour(b)
	for _, merged := range []bool{false, true} {
		if merged {
			require.NoError(b, r.store.Conn().Exec(b.Context(), "OPTIMIZE TABLE vitals FINAL"))
		}
		for _, from := range []string{"vitals", "vitals FINAL"} {
			b.Run(fmt.Sprintf("%s/merged=%t", from, merged), func(b *testing.B) {
				for b.Loop() {
					var cells uint64
					require.NoError(b, r.store.Conn().QueryRow(exactly(b.Context(), nil), "SELECT count() FROM (SELECT route, bucket, "+
						"sum(weight) FROM "+from+" WHERE app = 'shop' AND metric != '' GROUP BY route, bucket)").Scan(&cells))
				}
			})
		}
	}
}
