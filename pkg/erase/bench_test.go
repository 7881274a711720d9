package erase

import (
	"cmp"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// BenchmarkErasure erases visits out of as many rows as ERASURE_ROWS says (2,000,000 if left out), half of them requests
// and half entries of timelines, over a week. It prints, in seconds, until when a visit's rows were in no answer, and until
// when they were out of every part, groups were counted anew and all was verified.
func BenchmarkErasure(b *testing.B) {
	rows, err := strconv.Atoi(cmp.Or(os.Getenv("ERASURE_ROWS"), "2000000"))
	require.NoError(b, err)
	w := newWorld(b)
	const slice = 500_000
	const common = `toDateTime64(toStartOfDay(now('UTC')) - INTERVAL 8 DAY, 3, 'UTC') + INTERVAL intDiv(number * 604800, %[2]d) SECOND AS ts`
	for at := 0; at < rows/2; at += slice {
		for _, sql := range []string{
			`INSERT INTO session_events (app, environment, ts, reported_at, session_id, kind, name, value, view_id, route, release, traffic, weight)
			SELECT 'shop', 'production', ` + common + `, ts, concat('s-', toString(intDiv(number, 50))), 'request', 'GET /api', 80, toString(intDiv(number, 12)),
			concat('/route-', toString(number %% 50)), '1.0', 'real', 1000 FROM numbers(%[1]d, %[3]d)`,
			`INSERT INTO requests (app, environment, ts, received_at, session_id, kind, method, host, path, endpoint, duration, view_id, route, release, traffic, weight)
			SELECT 'shop', 'production', ` + common + `, ts, concat('s-', toString(intDiv(number, 50))), 'fetch', 'GET', 'api.shop', '/api', '/api', number %% 900,
			toString(intDiv(number, 12)), concat('/route-', toString(number %% 50)), '1.0', 'real', 1000 FROM numbers(%[1]d, %[3]d)`,
		} {
			require.NoError(b, w.store.Conn().Exec(b.Context(), fmt.Sprintf(sql, at, rows/2, min(slice, rows/2-at))))
		}
	}
	n := 0
	w.running(func() {
		for b.Loop() {
			n++
			session := fmt.Sprint("s-", 37*n%(rows/100))
			require.Equal(b, "50", w.ask("SELECT count() FROM requests WHERE session_id = '"+session+"'"))
			began := time.Now()
			id, err := w.erasures.Ask(Request{App: "shop", Session: session})
			require.NoError(b, err)
			const left = "SELECT count() FROM (SELECT 1 FROM requests WHERE session_id = '%[1]s' UNION ALL SELECT 1 FROM session_events " +
				"WHERE app = 'shop' AND session_id = '%[1]s' UNION ALL SELECT 1 FROM sessions WHERE session_id = '%[1]s')"
			for w.ask(fmt.Sprintf(left, session)) != "0" {
				time.Sleep(10 * time.Millisecond)
			}
			hidden := time.Since(began)
			w.verified(id)
			b.ReportMetric(hidden.Seconds(), "s-hidden")
			b.ReportMetric(time.Since(began).Seconds(), "s-verified")
		}
	})
	b.ReportMetric(float64(rows), "rows")
}
