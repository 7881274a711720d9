package rollup

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/engine"
	"github.com/sightline-rum/sightline/pkg/engine/enginetest"
	"github.com/sightline-rum/sightline/pkg/rum"
	"github.com/sightline-rum/sightline/pkg/store"
)

var access engine.Access

func TestMain(m *testing.M) {
	// A history takes seconds on a real engine: fewer than rapid's hundred, unless the command line says otherwise.
	_ = flag.Set("rapid.checks", "6")
	var stop func()
	var err error
	if access, stop, err = enginetest.StartMain(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	stop()
	os.Exit(code)
}

var databases atomic.Int32

// migrated is a store of its own with empty tables.
func migrated(t testing.TB) *store.Store {
	t.Helper()
	return open(t, access, fmt.Sprintf("rollup_%d", databases.Add(1)))
}

func open(t testing.TB, at engine.Access, database string) *store.Store {
	t.Helper()
	s, err := store.Open(store.FromAccess(at.Address, database, at.Writer.User, at.Writer.Password))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	require.NoError(t, s.Migrate(context.Background()))
	return s
}

// noon of a day within every table's retention.
var noon = time.Now().UTC().Truncate(24 * time.Hour).Add(-36 * time.Hour)

// visit is a beacon of a session with a vital, two requests and an error. Neither its time nor its metric's id are ever
// those of another n.
func visit(n int, at time.Time) *rum.Beacon {
	item := rum.Item{TS: at.UnixMilli(), ViewID: fmt.Sprint("view-", n), Route: fmt.Sprint("/", n%3)}
	return &rum.Beacon{
		ReceivedAt: at.UnixMilli() + 1000,
		Context: rum.Context{
			App: "shop", Environment: "production", Release: fmt.Sprint("1.", n%2), SessionID: fmt.Sprint("session-", n%10),
			Device: []string{"desktop", "mobile"}[n%2], Country: "NL", Browser: "Chrome", Traffic: rum.TrafficReal,
			Weight: uint32(1000 * (1 + n%4)),
		},
		Vitals: []rum.Vital{{Item: item, Metric: "lcp", MetricID: fmt.Sprint("v5-", n), ReportedAt: at.UnixMilli(),
			Value: float64(500 + n*37%5000)}},
		Requests: []rum.Request{
			{Item: item, Kind: "fetch", Method: "GET", Host: "api.shop", Endpoint: "/api/basket",
				Status: uint16(200 + 300*(n%5/4)), Duration: float32(n%400) + 0.25, Server: float32(n%3) * 1.7},
			{Item: item, Kind: "img", Host: "cdn.shop", Endpoint: "/a.png", Duration: 12},
		},
		Errors: []rum.Error{{Item: item, Kind: "exception", Type: "TypeError", Message: "x",
			Fingerprint: fmt.Sprint("f", n%3)}},
	}
}

// insert stores beacons under a token.
func insert(t testing.TB, into *store.Store, token string, beacons ...*rum.Beacon) {
	t.Helper()
	batch := store.NewBatch()
	for _, b := range beacons {
		batch.Add(b)
	}
	require.NoError(t, into.Insert(context.Background(), token, batch))
}

// again is a beacon that reports the same metric later, from another page.
func again(n int, at time.Time, value float64, route string) *rum.Beacon {
	b := visit(n, at)
	b.Requests, b.Errors = nil, nil
	b.Vitals[0].Value, b.Vitals[0].ReportedAt, b.Vitals[0].Route = value, at.Add(time.Minute).UnixMilli(), route
	return b
}

// held is what a roll-up has: the sums of every cell that is not empty.
func held(t testing.TB, s *store.Store, sql string) map[string][2]int64 {
	t.Helper()
	cells := map[string][2]int64{}
	require.NoError(t, Of(s).scan(context.Background(), sql, func(rows driver.Rows) error {
		var key string
		var sums [2]int64
		err := rows.Scan(&key, &sums[0], &sums[1])
		cells[key] = sums
		return err
	}))
	return cells
}

// naive counts beacons as the roll-ups should, in plain Go.
type naive struct{ vitals, failed, errors map[string][2]int64 }

func count(beacons []*rum.Beacon) naive {
	all := naive{map[string][2]int64{}, map[string][2]int64{}, map[string][2]int64{}}
	type report struct {
		vital   rum.Vital
		context rum.Context
	}
	last := map[string]report{}
	add := func(to map[string][2]int64, samples, weight int64, cell string) {
		to[cell] = [2]int64{to[cell][0] + samples, to[cell][1] + weight}
	}
	hourOf := func(ts, size int64) int64 { return ts / 1000 / size * size }
	for _, b := range beacons {
		for _, v := range b.Vitals {
			if before, ok := last[v.MetricID]; !ok || v.ReportedAt >= before.vital.ReportedAt {
				last[v.MetricID] = report{v, b.Context}
			}
		}
		for _, r := range b.Requests {
			failed := int64(0)
			if r.Status >= 400 {
				failed = int64(b.Context.Weight)
			}
			add(all.failed, 1, failed, fmt.Sprintf("%d|%s|%s|%s|%d", hourOf(r.TS, 3600), r.Kind, r.Endpoint, r.Route,
				rum.Bucket("", float64(r.Duration))))
		}
		for _, e := range b.Errors {
			add(all.errors, 1, int64(b.Context.Weight),
				fmt.Sprintf("%d|%s|%s", hourOf(e.TS, 60), e.Fingerprint, b.Context.Release))
		}
	}
	for _, id := range slices.Sorted(maps.Keys(last)) {
		v, c := last[id].vital, last[id].context
		add(all.vitals, 1, int64(c.Weight), fmt.Sprintf("%d|%s|%s|%s|%d", hourOf(v.TS, 3600), v.Metric, v.Route, c.Device,
			rum.Bucket(v.Metric, v.Value)))
	}
	return all
}

// requireExact holds the roll-ups to a count of the same beacons in Go, and every one of them to the raw rows.
func requireExact(t testing.TB, s *store.Store, beacons []*rum.Beacon) {
	t.Helper()
	want := count(beacons)
	require.Equal(t, want.vitals, held(t, s, `
		SELECT concatWithSeparator('|', toString(toUnixTimestamp(hour)), metric, route, device, toString(bucket)) AS cell,
		  sum(samples), sum(weight) AS w
		FROM hist_1h_route_device WHERE metric != '' GROUP BY cell HAVING w != 0`))
	require.Equal(t, want.failed, held(t, s, `
		SELECT concatWithSeparator('|', toString(toUnixTimestamp(hour)), kind, endpoint, route, toString(bucket)) AS cell,
		  sum(samples) AS n, sum(failed)
		FROM hist_1h_endpoint_route WHERE kind != '' GROUP BY cell HAVING n != 0`))
	require.Equal(t, want.errors, held(t, s, `
		SELECT concatWithSeparator('|', toString(toUnixTimestamp(minute)), fingerprint, release) AS cell,
		  sum(samples), sum(weight) AS w
		FROM errors_1m WHERE fingerprint != '' GROUP BY cell HAVING w != 0`))
	checked, err := Of(s).Check(context.Background(), Range{}, nil)
	require.NoError(t, err)
	require.Zero(t, checked.Behind)
	require.Empty(t, checked.Differences)
}

// backfill rolls whatever is behind.
func backfill(t testing.TB, s *store.Store) Progress {
	t.Helper()
	told := 0
	p, err := Of(s).Backfill(context.Background(), Range{}, false, func(Progress) { told++ })
	require.NoError(t, err)
	require.Equal(t, p.Of, told)
	return p
}
