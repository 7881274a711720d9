package drain

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/engine"
	"github.com/sightline-rum/sightline/pkg/engine/enginetest"
	"github.com/sightline-rum/sightline/pkg/rum"
	"github.com/sightline-rum/sightline/pkg/spool"
	"github.com/sightline-rum/sightline/pkg/store"
)

var access engine.Access

func TestMain(m *testing.M) {
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

func migrated(t *testing.T, access engine.Access, database string) *store.Store {
	t.Helper()
	s, err := store.Open(store.FromAccess(access.Address, database, access.Writer.User, access.Writer.Password))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	require.NoError(t, s.Migrate(t.Context()))
	return s
}

// fixture is a spool, a store, and a drainer between them.
type fixture struct {
	*Drainer
	t     *testing.T
	spool *spool.Spool
	store *store.Store
	dir   string
}

var quick = spool.Options{Gather: 10 * time.Millisecond}

func newFixture(t *testing.T, enrich func(*rum.Beacon)) *fixture {
	t.Helper()
	dir := t.TempDir()
	s, err := spool.Open(filepath.Join(dir, "spool"), quick)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	into := migrated(t, access, fmt.Sprintf("drain_%d", databases.Add(1)))
	return &fixture{
		t: t, spool: s, store: into, dir: dir,
		Drainer: New(s, into, enrich, Options{
			DeadLetters: filepath.Join(dir, "dead-letter"), Registerer: prometheus.NewRegistry(), FirstPause: time.Millisecond,
		}),
	}
}

func (f *fixture) append(records ...rum.Record) {
	f.t.Helper()
	for _, r := range records {
		raw, err := r.MarshalMsg(nil)
		require.NoError(f.t, err)
		require.NoError(f.t, f.spool.Append(f.t.Context(), raw))
	}
}

// drain runs the drainer until the spool is empty.
func (f *fixture) drain() {
	f.t.Helper()
	ctx, stop := context.WithTimeout(f.t.Context(), 2*time.Minute)
	ended := make(chan error, 1)
	go func() { ended <- f.Run(ctx) }()
	require.NoError(f.t, f.Flush(ctx))
	stop()
	require.ErrorIs(f.t, <-ended, context.Canceled)
}

func (f *fixture) ask(query string) (answer uint64) {
	f.t.Helper()
	require.NoError(f.t, f.store.Conn().QueryRow(f.t.Context(), query).Scan(&answer))
	return answer
}

func (f *fixture) deadLetters() (letters []buried) {
	f.t.Helper()
	files, err := filepath.Glob(filepath.Join(f.dir, "dead-letter", "*.json"))
	require.NoError(f.t, err)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(f.t, err)
		var letter buried
		require.NoError(f.t, json.Unmarshal(text, &letter))
		letters = append(letters, letter)
	}
	return letters
}

var noon = time.Now().UTC().Truncate(24 * time.Hour).Add(-7*24*time.Hour + 12*time.Hour).UnixMilli()

// visit has one view and as many events as days, each a day later.
func visit(n, days int) rum.Record {
	b := &rum.Beacon{
		ReceivedAt: noon, Context: rum.Context{App: "shop", SessionID: fmt.Sprint(n)},
		Views: []rum.View{{Item: rum.Item{TS: noon, ViewID: fmt.Sprint(n)}, Kind: rum.ViewLoad}},
	}
	for day := range days {
		at := rum.Item{TS: noon + int64(day)*24*3_600_000}
		b.Events = append(b.Events, rum.Event{Item: at, Kind: rum.EventCustom, Name: fmt.Sprint(n)})
	}
	return rum.Record{Beacon: b}
}

func TestWhatIsInTheSpoolComesIntoTheStoreEnriched(t *testing.T) {
	f := newFixture(t, func(b *rum.Beacon) { b.Context.Browser = "Chrome" })
	for n := range 30 {
		f.append(visit(n, 1))
	}
	f.append(rum.Record{Deploy: &rum.Deploy{TS: noon, App: "shop", Release: "2"}},
		rum.Record{Counts: []rum.Count{{Minute: noon, App: "shop", Counter: "accepted", Value: 30}}})
	f.drain()

	require.Equal(t, uint64(30), f.ask("SELECT uniqExact(view_id) FROM views WHERE browser = 'Chrome'"))
	require.Equal(t, uint64(30), f.ask("SELECT count() FROM events"))
	require.Equal(t, uint64(1), f.ask("SELECT count() FROM deploys"))
	require.Equal(t, uint64(30), f.ask("SELECT toUInt64(sum(value)) FROM telemetry_1m"))
	require.Zero(t, f.spool.Depth())
	require.Equal(t, 30.0, valueOf(t, f.metrics.rows.WithLabelValues("views")))
	require.Zero(t, valueOf(t, f.metrics.retries))
	require.Empty(t, f.deadLetters())
}

func TestARecordThatCannotBeReadBecomesADeadLetter(t *testing.T) {
	f := newFixture(t, func(b *rum.Beacon) {
		if b.Context.SessionID == "3" {
			panic("odd beacon")
		}
	})
	for n := range 6 {
		f.append(visit(n, 0))
	}
	require.NoError(t, f.spool.Append(t.Context(), []byte("not a record")))
	f.append(rum.Record{})
	f.drain()

	require.Equal(t, uint64(5), f.ask("SELECT count() FROM views"))
	letters := f.deadLetters()
	require.Len(t, letters, 3)
	require.Equal(t, 3.0, valueOf(t, f.metrics.deadLetters))
	require.Contains(t, letters[0].Reason, "odd beacon")
	require.Equal(t, 3, letters[0].Index)
	require.Contains(t, letters[1].Reason, "decode")
	require.Equal(t, "not a record", string(letters[1].Record))
	require.Contains(t, letters[2].Reason, "neither")
}

func TestHowLongBeaconsWaitAndWhatIsSetAsideIsCounted(t *testing.T) {
	f := newFixture(t, nil)
	counted := map[string]int64{}
	f.options.Count = func(app, environment, counter, reason string, n int64) {
		counted[strings.Join([]string{app, environment, counter, reason}, "|")] += n
	}
	waited := time.Now().UnixMilli()
	for n := range 3 {
		r := visit(n, 0)
		r.Beacon.ReceivedAt = waited - 60_000
		f.append(r)
	}
	require.NoError(t, f.spool.Append(t.Context(), []byte("not a record")))
	f.append(rum.Record{Counts: []rum.Count{{Minute: noon, App: "shop", Counter: "accepted", Value: 30}}})
	f.drain()
	took := time.Now().UnixMilli() - waited
	require.EqualValues(t, 3, counted["shop||store_lag_observed|"], "of beacons only")
	require.GreaterOrEqual(t, counted["shop||store_lag|"], int64(3*60_000))
	require.LessOrEqual(t, counted["shop||store_lag|"], 3*(60_000+took))
	require.EqualValues(t, 1, counted["||dead_letters|"])
	require.Len(t, counted, 3)
}

// What a request is called at the gate is in the log of its batch, of the batch's inserts, and in its dead letter.
func TestARequestCanBeFollowedToItsInsertsAndItsDeadLetter(t *testing.T) {
	f := newFixture(t, nil)
	var said bytes.Buffer
	f.options.Logger = slog.New(slog.NewJSONHandler(&said, &slog.HandlerOptions{Level: slog.LevelDebug}))
	good, bad := visit(0, 1), visit(1, 150)
	good.Request, bad.Request = "abcdefgh-1", "abcdefgh-2"
	f.append(good, bad)
	f.drain()

	lines := map[string][]map[string]any{}
	for line := range strings.Lines(said.String()) {
		var one map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &one))
		lines[one["msg"].(string)] = append(lines[one["msg"].(string)], one)
	}
	batch := lines["drain: a batch is read"][0]["batch"].(string)
	var held []any
	for _, line := range lines["drain: a batch holds"] {
		require.Equal(t, batch, line["batch"])
		held = append(held, line["request"])
	}
	require.Equal(t, []any{"abcdefgh-1", "abcdefgh-2"}, held)
	var inserts []any
	for _, line := range lines["drain: inserted"] {
		inserts = append(inserts, line["insert"])
	}
	require.Contains(t, inserts, batch+":views", "of the whole batch")
	require.Contains(t, inserts, batch+"/0-0:events", "of the piece that the table took")
	letters := f.deadLetters()
	require.Len(t, letters, 2)
	for _, letter := range letters {
		require.Equal(t, "abcdefgh-2", letter.Request)
		require.Equal(t, batch, letter.Token)
	}
	for _, line := range lines["drain: a record cannot be stored and is kept as a dead letter"] {
		require.Equal(t, "abcdefgh-2", line["request"])
		require.Equal(t, batch, line["batch"])
	}
	require.Equal(t, batch, lines["drain: a batch is stored"][0]["batch"])
}

// A table takes rows of at most 100 days at once. One record that spans more is to blame; the rest is not.
func TestATableThatRefusesLosesOnlyTheRecordToBlame(t *testing.T) {
	f := newFixture(t, nil)
	for n := range 9 {
		f.append(visit(n, 2))
	}
	f.append(visit(9, 150), visit(10, 2))
	for range 2 { // and again after a crash before Done
		batch, err := f.spool.Next(t.Context())
		require.NoError(t, err)
		require.NoError(t, f.deliver(t.Context(), batch))
	}
	f.drain()

	require.Equal(t, uint64(11), f.ask("SELECT count() FROM views"), "other tables take the record")
	require.Equal(t, uint64(20), f.ask("SELECT count() FROM events"))
	require.Equal(t, uint64(30), f.ask("SELECT count() FROM session_events"))
	require.Zero(t, f.ask(`SELECT countIf(marked <= happened) FROM
		(SELECT toStartOfHour(ts) AS hour, count() AS happened FROM session_events GROUP BY hour) AS events
		LEFT JOIN (SELECT hour, sum(rows) AS marked FROM hour_inserts GROUP BY hour) AS hours USING hour`),
		"what was rolled up before the last piece was in is rolled up again")
	letters := f.deadLetters()
	require.Len(t, letters, 2, "one for each table that refused it")
	require.Equal(t, "session_events", letters[1].Table)
	require.Equal(t, "events", letters[0].Table)
	require.Equal(t, 9, letters[0].Index)
	require.Contains(t, letters[0].Reason, "partitions")
	var kept rum.Record
	_, err := kept.UnmarshalMsg(letters[0].Record)
	require.NoError(t, err)
	require.Equal(t, "9", kept.Beacon.Context.SessionID)
}

func TestAStoreThatIsAwayIsWaitedFor(t *testing.T) {
	f := newFixture(t, nil)
	require.NoError(t, f.store.Conn().Exec(t.Context(), "RENAME TABLE views TO views_away"))
	f.append(visit(1, 1))
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	go func() { _ = f.Run(ctx) }()
	require.Eventually(t, func() bool { return valueOf(t, f.metrics.retries) > 2 }, 30*time.Second, time.Millisecond)
	require.Equal(t, int64(1), f.spool.Depth())

	require.NoError(t, f.store.Conn().Exec(t.Context(), "RENAME TABLE views_away TO views"))
	require.NoError(t, f.Flush(ctx))
	require.Equal(t, uint64(1), f.ask("SELECT count() FROM views"))
	require.Equal(t, uint64(1), f.ask("SELECT count() FROM events"))
}

// The engine dies again and again while records arrive and are drained.
func TestKillingTheEngineWhileDrainingLosesAndDoublesNothing(t *testing.T) {
	kills := 5
	if testing.Short() {
		kills = 2
	}
	supervisor := enginetest.Supervise(t, t.TempDir())
	access, err := supervisor.Ready(t.Context())
	require.NoError(t, err)
	dir := t.TempDir()
	queue, err := spool.Open(filepath.Join(dir, "spool"), spool.Options{Gather: 10 * time.Millisecond, BatchRecords: 100})
	require.NoError(t, err)
	defer queue.Close()
	f := &fixture{t: t, spool: queue, store: migrated(t, access, access.Database), dir: dir}
	f.Drainer = New(queue, f.store, nil, Options{DeadLetters: filepath.Join(dir, "dead-letter"), LongestPause: time.Second})
	ctx, stop := context.WithTimeout(t.Context(), 3*time.Minute)
	defer stop()
	go func() { _ = f.Run(ctx) }()

	appended := 0
	for range kills {
		for until := time.Now().Add(700 * time.Millisecond); time.Now().Before(until); appended++ {
			f.append(visit(appended, 1))
		}
		access, err := supervisor.Ready(ctx)
		require.NoError(t, err)
		_ = syscall.Kill(access.PID, syscall.SIGKILL)
	}
	require.NoError(t, f.Flush(ctx))
	require.Equal(t, uint64(appended), f.ask("SELECT count() FROM views"))
	require.Equal(t, uint64(appended), f.ask("SELECT uniqExact(view_id) FROM views"))
	require.Equal(t, uint64(2*appended), f.ask("SELECT sum(items) FROM sessions"))
	require.Equal(t, uint64(2*appended), f.ask("SELECT sum(rows) FROM hour_inserts"))
	require.Empty(t, f.deadLetters())
	t.Logf("%d kills, %d records, %v tries that failed", kills, appended, valueOf(t, f.metrics.retries))
}

func valueOf(t *testing.T, metric prometheus.Metric) float64 {
	t.Helper()
	var out dto.Metric
	require.NoError(t, metric.Write(&out))
	return out.GetCounter().GetValue()
}
