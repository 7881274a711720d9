package engine_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/engine"
)

func TestClientShakesHands(t *testing.T) {
	for _, user := range []engine.Login{shared.Writer, shared.Reader} {
		conn := client(t, shared, user, clickhouse.CompressionLZ4)
		require.NoError(t, conn.Ping(context.Background()))
		version, err := conn.ServerVersion()
		require.NoError(t, err)
		require.Equal(t, "sightline", version.DisplayName)
		require.GreaterOrEqual(t, version.Version.Major, uint64(26))
	}
}

func TestWrongPasswordIsAnAuthenticationError(t *testing.T) {
	err := client(t, shared, engine.Login{User: engine.ReaderUser, Password: "guess"},
		clickhouse.CompressionLZ4).Ping(context.Background())
	requireCode(t, 516, err)
}

func requireCode(t *testing.T, code int32, err error) {
	t.Helper()
	var exception *clickhouse.Exception
	require.ErrorAs(t, err, &exception)
	require.Equal(t, code, exception.Code, exception.Message)
}

// everyType has a column of each type the store uses.
const everyType = `CREATE TABLE %s
(
    ts DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)), minute DateTime('UTC'), day Date,
    app LowCardinality(String), id String,
    u8 UInt8, u16 UInt16, u32 UInt32, u64 UInt64, i16 Int16, i64 Int64, f32 Float32, f64 Float64,
    attributes Map(LowCardinality(String), String), parts Map(LowCardinality(String), Float32), list Array(String),
    maybe Nullable(Float64), largest SimpleAggregateFunction(max, Float64),
    routes SimpleAggregateFunction(groupUniqArrayArray(50), Array(String))
)
ENGINE = MergeTree PARTITION BY toDate(ts) ORDER BY (app, ts)`

func TestEveryColumnTypeSurvivesTheRoundTrip(t *testing.T) {
	ctx := context.Background()
	at := time.Date(2026, 3, 29, 1, 30, 0, 123e6, time.UTC)
	for name, compression := range map[string]clickhouse.CompressionMethod{
		"plain": clickhouse.CompressionNone, "lz4": clickhouse.CompressionLZ4, "zstd": clickhouse.CompressionZSTD,
		"gzip": clickhouse.CompressionGZIP,
	} {
		t.Run(name, func(t *testing.T) {
			conn := client(t, shared, shared.Writer, compression)
			table := "types_" + name
			require.NoError(t, conn.Exec(ctx, fmt.Sprintf(everyType, table)))
			batch, err := conn.PrepareBatch(ctx, "INSERT INTO "+table)
			require.NoError(t, err)
			half := 0.5
			require.NoError(t, batch.Append(at, at, at, "shop", "tab\there 'quoted' \\ naïve 🛒", uint8(255),
				uint16(65535), uint32(1)<<31,
				uint64(1)<<63, int16(-32768), int64(-1)<<62, float32(1.5), 1e-300, map[string]string{"plan": "free",
					"": "ü"},
				map[string]float32{"ttfb": 12.5}, []string{"a", ""}, &half, 7.25, []string{"/", "/p"}))
			require.NoError(t, batch.Append(at.Add(24*time.Hour), at, at, "", "", uint8(0), uint16(0), uint32(0),
				uint64(0), int16(0), int64(0),
				float32(0), 0.0, map[string]string{}, map[string]float32{}, []string{}, nil, 0.0, []string{}))
			require.NoError(t, batch.Send())

			row := struct {
				ts, minute, day time.Time
				app, id         string
				u8              uint8
				u16             uint16
				u32             uint32
				u64             uint64
				i16             int16
				i64             int64
				f32             float32
				f64, largest    float64
				attributes      map[string]string
				parts           map[string]float32
				list, routes    []string
				maybe           *float64
			}{}
			require.NoError(t, conn.QueryRow(ctx,
				"SELECT * FROM "+table+" WHERE app = {app:String} AND ts >= {from:DateTime64(3, 'UTC')}",
				clickhouse.Named("app", "shop"), clickhouse.Named("from", "2026-03-29 01:30:00.123")).Scan(
				&row.ts, &row.minute, &row.day, &row.app, &row.id, &row.u8, &row.u16, &row.u32,
				&row.u64, &row.i16, &row.i64, &row.f32, &row.f64,
				&row.attributes, &row.parts, &row.list, &row.maybe, &row.largest, &row.routes))
			require.Equal(t, at, row.ts)
			require.Equal(t, at.Truncate(time.Second), row.minute)
			require.Equal(t, at.Truncate(24*time.Hour), row.day)
			require.Equal(t, "tab\there 'quoted' \\ naïve 🛒", row.id)
			require.Equal(t, []any{uint8(255), uint16(65535), uint32(1) << 31, uint64(1) << 63, int16(-32768),
				int64(-1) << 62},
				[]any{row.u8, row.u16, row.u32, row.u64, row.i16, row.i64})
			require.Equal(t, []float64{1.5, 1e-300, 7.25, 0.5}, []float64{float64(row.f32), row.f64, row.largest,
				*row.maybe})
			require.Equal(t, map[string]string{"plan": "free", "": "ü"}, row.attributes)
			require.Equal(t, map[string]float32{"ttfb": 12.5}, row.parts)
			require.Equal(t, []string{"a", ""}, row.list)
			require.Equal(t, []string{"/", "/p"}, row.routes)
		})
	}
}

func TestParametersAreValuesAndNeverSQL(t *testing.T) {
	ctx := context.Background()
	conn := reader(t)
	for _, value := range []string{"", "'", "\\", "\\'", "a\tb\nc", "{x:String}", "'; DROP TABLE x --",
		"file('/etc/passwd')", "naïve\x00end", "\\N"} {
		var back string
		require.NoError(t, conn.QueryRow(ctx, "SELECT {v:String}", clickhouse.Named("v", value)).Scan(&back), "%q",
			value)
		require.Equal(t, value, back)
	}
	var list []string
	require.NoError(t, conn.QueryRow(ctx, "SELECT {list:Array(String)}", clickhouse.Named("list", []string{"a",
		"it's", ""})).Scan(&list))
	require.Equal(t, []string{"a", "it's", ""}, list)
	var sum uint64
	require.NoError(t, conn.QueryRow(ctx, "SELECT toUInt64({a:UInt64} + {b:UInt32})", clickhouse.Named("a", "40"),
		clickhouse.Named("b", "2")).Scan(&sum))
	require.Equal(t, uint64(42), sum)
}

func TestConcurrentParametersAreNotMixedUp(t *testing.T) {
	ctx := context.Background()
	conn := reader(t)
	var group sync.WaitGroup
	for worker := range 8 {
		group.Go(func() {
			for i := range 50 {
				sent := fmt.Sprintf("worker %d query %d", worker, i)
				var back string
				if err := conn.QueryRow(ctx, "SELECT {v:String}", clickhouse.Named("v",
					sent)).Scan(&back); err != nil || back != sent {
					t.Errorf("sent %q, got %q, %v", sent, back, err)
				}
			}
		})
	}
	group.Wait()
}

func TestErrorsCarryTheirCodes(t *testing.T) {
	ctx := context.Background()
	for sql, code := range map[string]int32{
		"SELECT nope":                        47,
		"SELECT * FROM nope":                 60,
		"SELECT * FROM nope.nope":            81,
		"SELEC 1":                            62,
		"SELECT 1 +":                         62,
		"SELECT nope()":                      46,
		"SELECT toUInt8('x')":                6,
		"SELECT throwIf(1)":                  395,
		"SELECT * FROM url('http://x', CSV)": 497,
	} {
		requireCode(t, code, reader(t).Exec(ctx, sql))
		rows, err := reader(t).Query(ctx, sql)
		if err == nil {
			rows.Next()
			err = errors.Join(rows.Err(), rows.Close())
		}
		requireCode(t, code, err)
	}
	_, err := writer(t).PrepareBatch(ctx, "INSERT INTO nope")
	requireCode(t, 60, err)
	requireCode(t, 115, reader(t).Exec(clickhouse.Context(ctx,
		clickhouse.WithSettings(clickhouse.Settings{"no_such_setting": 1})), "SELECT 1"))
}

func TestAnErrorInTheMiddleOfAResultIsReported(t *testing.T) {
	for name, compression := range map[string]clickhouse.CompressionMethod{"plain": clickhouse.CompressionNone,
		"lz4": clickhouse.CompressionLZ4} {
		t.Run(name, func(t *testing.T) {
			rows, err := client(t, shared, shared.Reader, compression).Query(context.Background(),
				"SELECT number, throwIf(number = 900000) FROM numbers(1000000)")
			require.NoError(t, err)
			for rows.Next() {
			}
			requireCode(t, 395, rows.Err())
		})
	}
}

func TestALargeResultIsStreamed(t *testing.T) {
	ctx := context.Background()
	before := resident(t, shared.PID)
	rows, err := reader(t).Query(ctx, "SELECT number, repeat('x', 100) FROM numbers(10000000)")
	require.NoError(t, err)
	var (
		number, count uint64
		text          string
		peak          int64
	)
	for rows.Next() {
		if count%100000 == 0 {
			peak = max(peak, resident(t, shared.PID))
		}
		if count%50000 == 0 {
			require.NoError(t, rows.Scan(&number, &text))
			require.Equal(t, count, number)
		}
		count++
	}
	require.NoError(t, rows.Err())
	require.Equal(t, uint64(10000000), count)
	t.Logf("1.1 GB of rows, engine grew by %d MB", (peak-before)>>20)
	require.Less(t, peak-before, int64(300<<20), "the engine holds the result instead of streaming it")
}

func TestATimeLimitEndsAQuery(t *testing.T) {
	ctx := clickhouse.Context(context.Background(),
		clickhouse.WithSettings(clickhouse.Settings{"max_execution_time": 1}))
	start := time.Now()
	requireCode(t, 159, reader(t).Exec(ctx,
		"SELECT count() FROM numbers(100000000000) WHERE NOT ignore(cityHash64(number))"))
	require.Less(t, time.Since(start), 8*time.Second)
}

func TestACancelledQueryStops(t *testing.T) {
	for name, sql := range map[string]string{
		"while computing":   "SELECT count() FROM numbers(100000000000) WHERE NOT ignore(cityHash64(number))",
		"while streaming":   "SELECT number FROM numbers(100000000000)",
		"while aggregating": "SELECT uniqExact(number % 1000000) FROM numbers(100000000000)",
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(context.Background())
			time.AfterFunc(300*time.Millisecond, cancel)
			rows, err := reader(t).Query(ctx, sql)
			if err == nil {
				for rows.Next() {
				}
				_ = rows.Close()
			}
			require.Error(t, ctx.Err())
			require.Eventually(t, func() bool { return !isRunning(t, sql) }, 5*time.Second, 50*time.Millisecond)
		})
	}
}

// isRunning reports whether the engine is running a statement that starts like this one.
func isRunning(t *testing.T, sql string) bool {
	t.Helper()
	var count uint64
	require.NoError(t, writer(t).QueryRow(context.Background(),
		"SELECT count() FROM system.processes WHERE startsWith(query, {sql:String})", clickhouse.Named("sql",
			sql)).Scan(&count))
	return count > 0
}

func TestAnAbandonedInsertLeavesNothing(t *testing.T) {
	ctx := context.Background()
	require.NoError(t, writer(t).Exec(ctx, "CREATE TABLE abandoned (a UInt64) ENGINE = MergeTree ORDER BY a"))
	body := &endlessRows{until: 100_000}
	status, code, _ := askReader(t, shared, shared.Writer, "INSERT INTO abandoned FORMAT TabSeparated", body)
	require.Zero(t, status, code)
	time.Sleep(200 * time.Millisecond)
	var rows uint64
	require.NoError(t, writer(t).QueryRow(ctx, "SELECT count() FROM abandoned").Scan(&rows))
	require.Zero(t, rows)
}

func TestARetriedInsertIsStoredOnceInTheTableAndItsViews(t *testing.T) {
	ctx := context.Background()
	conn := writer(t)
	const window = "SETTINGS non_replicated_deduplication_window = 1000"
	for _, sql := range []string{
		"CREATE TABLE once (ts DateTime64(3, 'UTC'), app LowCardinality(String)) " +
			"ENGINE = MergeTree PARTITION BY toDate(ts) ORDER BY ts " + window,
		"CREATE TABLE once_events (ts DateTime64(3, 'UTC'), app LowCardinality(String)) " +
			"ENGINE = MergeTree PARTITION BY toDate(ts) ORDER BY ts " + window,
		"CREATE TABLE once_hours (app LowCardinality(String), hour DateTime('UTC'), rows UInt64) ENGINE = SummingMergeTree" +
			" ORDER BY (app, hour) " + window,
		"CREATE MATERIALIZED VIEW once_to_events TO once_events AS SELECT ts, app FROM once",
		"CREATE MATERIALIZED VIEW once_events_to_hours TO once_hours AS " +
			"SELECT app, toStartOfHour(toDateTime(ts, 'UTC')) AS hour, count() AS rows FROM once_events GROUP BY app, hour",
	} {
		require.NoError(t, conn.Exec(ctx, sql))
	}
	insert := func(token string) {
		settings := clickhouse.Settings{
			"insert_deduplication_token": token, "deduplicate_blocks_in_dependent_materialized_views": 1,
			"insert_deduplicate": 1, "async_insert": 0,
		}
		batch, err := conn.PrepareBatch(clickhouse.Context(ctx, clickhouse.WithSettings(settings)),
			"INSERT INTO once (ts, app)")
		require.NoError(t, err)
		for hour := range 240 {
			require.NoError(t, batch.Append(time.Date(2026, 1, 1, hour, 0, 0, 0, time.UTC), "shop"))
		}
		require.NoError(t, batch.Send())
	}
	counts := func() (all [3]uint64) {
		require.NoError(t, conn.QueryRow(ctx,
			"SELECT (SELECT count() FROM once), (SELECT count() FROM once_events), (SELECT sum(rows) FROM once_hours)").
			Scan(&all[0], &all[1], &all[2]))
		return all
	}
	insert("segment:1:2:once")
	require.Equal(t, [3]uint64{240, 240, 240}, counts())
	insert("segment:1:2:once")
	insert("segment:1:2:once")
	require.Equal(t, [3]uint64{240, 240, 240}, counts())
	insert("segment:3:4:once")
	require.Equal(t, [3]uint64{480, 480, 480}, counts())
}

func TestALargeInsertDoesNotHoldUpQueries(t *testing.T) {
	ctx := context.Background()
	conn := writer(t)
	require.NoError(t, conn.Exec(ctx, "CREATE TABLE busy (a UInt64, b String) ENGINE = MergeTree ORDER BY a"))
	done := make(chan error, 1)
	go func() {
		done <- conn.Exec(ctx, "INSERT INTO busy SELECT number, hex(cityHash64(number)) FROM numbers(8000000)")
	}()
	slowest := time.Duration(0)
	for queries := 0; ; queries++ {
		select {
		case err := <-done:
			require.NoError(t, err)
			t.Logf("%d queries meanwhile, slowest %s", queries, slowest)
			require.Greater(t, queries, 5)
			return
		default:
			start := time.Now()
			require.NoError(t, reader(t).Exec(ctx, "SELECT 1"))
			slowest = max(slowest, time.Since(start))
		}
	}
}

func TestTheEngineIsSetUpForDurabilityAndBoundedMemory(t *testing.T) {
	ctx := context.Background()
	get := func(sql string) (value string) {
		require.NoError(t, writer(t).QueryRow(ctx, sql).Scan(&value))
		return value
	}
	for name, value := range map[string]string{
		"fsync_after_insert": "1", "fsync_part_directory": "1", "min_rows_to_fsync_after_merge": "1", "old_parts_lifetime": "480",
	} {
		require.Equal(t, value, get("SELECT value FROM system.merge_tree_settings WHERE name = '"+name+"'"), name)
	}
	require.NotEqual(t, "0",
		get("SELECT value FROM system.merge_tree_settings WHERE name = 'min_free_disk_bytes_to_perform_insert'"))
	require.Equal(t, "false", get("SELECT toString(getSetting('async_insert'))"))
	for _, name := range []string{"max_server_memory_usage", "mark_cache_size", "primary_index_cache_size"} {
		require.Less(t, len(get("SELECT value FROM system.server_settings WHERE name = '"+name+"'")), 11, name)
		require.Equal(t, "1", get("SELECT toString(changed) FROM system.server_settings WHERE name = '"+name+"'"), name)
	}
	require.NotEqual(t, "0", get("SELECT toString(keep_free_space) FROM system.disks WHERE name = 'default'"))
	require.Contains(t, strings.ToUpper(get("SELECT timezone()")), "UTC")
}

func BenchmarkConnect(b *testing.B) {
	for b.Loop() {
		require.NoError(b, reader(b).Ping(context.Background()))
	}
	runtime.KeepAlive(b)
}
