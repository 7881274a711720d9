package query

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/query/stats"
	"github.com/sightline-rum/sightline/pkg/rum"
	"github.com/sightline-rum/sightline/pkg/store"
)

// insertMisleading stores vitals of the blog's environment "misleading": each is reported three times as slow and at last as
// fast, so that most rows a sample meets before the store has merged them are outdated.
func (s *shop) insertMisleading(ctx context.Context, to *store.Store) error {
	for report := range 4 {
		batch := store.NewBatch()
		b := &rum.Beacon{ReceivedAt: s.today.UnixMilli(), Context: rum.Context{App: "blog", Environment: "misleading",
			Traffic: rum.TrafficReal, Weight: rum.FullWeight, SessionID: "m", SDK: "faro"}}
		for i := range 1000 {
			at := s.today.Add(time.Duration(i) * time.Second).UnixMilli()
			value := float64(100_000 + i)
			if report == 3 {
				value = float64(i + 1)
			}
			b.Vitals = append(b.Vitals, rum.Vital{Item: rum.Item{TS: at, Route: "/"}, Metric: "lcp", Value: value,
				MetricID: fmt.Sprintf("v5-%d-m%d", at, i), ReportedAt: at + int64(report)*1000})
		}
		batch.Add(b)
		if err := to.Insert(ctx, fmt.Sprintf("misleading:%d", report), batch); err != nil {
			return err
		}
	}
	return nil
}

func TestAMisleadingSampleDoesNotMislead(t *testing.T) {
	frame := frames(t, `{"app":"blog","environment":"misleading","format":"table"}`)[0]
	row := rowsOf(frame)[0]
	require.EqualValues(t, 1000, row["samples"])
	require.Equal(t, 750.0, row["value"])
	low, high := stats.RankInterval(1000, 0.75)
	require.Equal(t, low, row["lower"])
	require.Equal(t, high, row["upper"])
	if strings.Count(frame.Meta.ExecutedQueryString, "arrayFirstIndex") < 2 {
		t.Log("the store has merged the reports already: the sample did not mislead")
	}
}

func TestWholeDaysOfAWindow(t *testing.T) {
	at := func(day, hour int) time.Time { return time.Date(2026, 3, day, hour, 0, 0, 0, time.UTC) }
	for name, c := range map[string]struct{ w, before, days, after window }{
		"days": {window{at(1, 0), at(3, 0)}, window{}, window{at(1, 0), at(3, 0)}, window{}},
		"with edges": {window{at(1, 5), at(3, 7)},
			window{at(1, 5), at(2, 0)}, window{at(2, 0), at(3, 0)}, window{at(3, 0), at(3, 7)}},
		"within a day": {window{at(1, 5), at(1, 7)}, window{at(1, 5), at(1, 7)}, window{}, window{}},
		"at midnight":  {window{at(1, 5), at(2, 7)}, window{at(1, 5), at(2, 7)}, window{}, window{}},
	} {
		before, days, after := c.w.wholeDays()
		for i, pair := range [][2]window{{c.before, before}, {c.days, days}, {c.after, after}} {
			require.Equal(t, pair[0].empty(), pair[1].empty(), "%s %d", name, i)
			if !pair[0].empty() {
				require.Equal(t, pair[0], pair[1], name)
			}
		}
	}
}

// BenchmarkVitalsTable holds the table by route to the bare quantileExact over the same BENCH_ROWS rows (3,000,000 if left
// out, 3,000,000 a day), merged, in turns.
func BenchmarkVitalsTable(b *testing.B) {
	w := seeded.fill(b, benchRows(b, 3_000_000))
	q := question{limits: DefaultLimits, Query: Query{App: "bench", Environment: "production"}, kind: &queryTypes[0]}
	asked := map[string]string{
		"table":    `"groupBy":["route"],"format":"table"`,
		"numeric":  `"groupBy":["route"],"format":"numeric"`,
		"overview": `"queryType":"vitalsOverview","groupBy":["route"]`,
	}
	turns(b, 1, []string{"bare", "table", "numeric", "overview"}, func(name string) {
		if name == "bare" {
			var s statement
			rows := 0
			require.NoError(b, q.rows(b.Context(), runner.Conn, &s, fmt.Sprintf(
				"SELECT route, quantileExact(0.75)(value) FROM vitals FINAL WHERE metric = 'lcp' AND %s GROUP BY route",
				q.where(&s, w)), func(driver.Rows) error { rows++; return nil }))
			require.Equal(b, 30, rows)
			return
		}
		got := ask(b, everyone, `{"app":"bench",`+asked[name]+`}`, w)
		require.NoError(b, got.Error)
		require.Equal(b, 30, got.Frames[0].Rows())
	})
}

// fill inserts days of a metric of 30 routes, of different speed and traffic and sampled at two rates, in the store
// itself, and merges each.
func (s *shop) fill(b *testing.B, rows int) window {
	days := max(1, rows/3_000_000)
	w := window{s.today.Add(-time.Duration(days+1) * 24 * time.Hour), s.today.Add(-24 * time.Hour)}
	ctx := b.Context()
	var there uint64
	require.NoError(b, seeder.Conn().QueryRow(ctx, "SELECT count() FROM vitals WHERE app = 'bench'").Scan(&there))
	if there > 0 {
		return w
	}
	require.NoError(b, seeder.Conn().Exec(ctx, fmt.Sprintf(`INSERT INTO vitals (ts, received_at, app, environment, release,
  session_id, view_id, route, browser, device, country, traffic, weight, metric, metric_id, reported_at, value, rating)
SELECT at, at, 'bench', 'production', '1.0.0', hex(intDiv(number, 5)), hex(number), concat('/section-', toString(r)),
  ['Chrome', 'Firefox', 'Safari'][1 + rand(2) %% 3], ['desktop', 'mobile'][1 + rand(3) %% 2],
  ['DE', 'GB', 'US'][1 + rand(4) %% 3], if(rand(5) %% 20 = 0, 'bot', 'real'), if(rand(6) %% 4 = 0, 1000, 3333), 'lcp',
  concat('v5-', toString(toUnixTimestamp64Milli(at)), '-', hex(rand64(7))), at, v,
  multiIf(v <= 2500, 'good', v <= 4000, 'needs-improvement', 'poor')
FROM (
  SELECT number, toUInt8(least(29, floor(-6 * log(1 - (rand(8) + 0.5) / 4294967296)))) AS r,
    fromUnixTimestamp64Milli(%d + rand64(9) %% %d, 'UTC') AS at,
    round(exp(randNormal(7.5, 0.6)) * (0.5 + 0.08 * r), 1) AS v
  FROM numbers(%d)) SETTINGS max_execution_time = 0`, w.from.UnixMilli(), w.length().Milliseconds(), rows)))
	for day := w.from; day.Before(w.to); day = day.Add(24 * time.Hour) {
		require.NoError(b, seeder.Conn().Exec(ctx,
			fmt.Sprintf("OPTIMIZE TABLE vitals PARTITION '%s' FINAL SETTINGS max_execution_time = 0", day.Format(time.DateOnly))))
	}
	return w
}
