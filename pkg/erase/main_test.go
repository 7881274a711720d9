package erase

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/drain"
	"github.com/sightline-rum/sightline/pkg/engine"
	"github.com/sightline-rum/sightline/pkg/engine/enginetest"
	"github.com/sightline-rum/sightline/pkg/enrich"
	"github.com/sightline-rum/sightline/pkg/quarantine"
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

// world is a sidecar's inside: a spool, a drainer and a store, with erasures among them.
type world struct {
	t        testing.TB
	name     string            // of the store
	further  map[string]string // the dead letters of the sidecar's other stores
	folder   string
	store    *store.Store
	spool    *spool.Spool
	erasures *Erasures
	drainer  *drain.Drainer
	rejected *quarantine.Quarantine
	erased   atomic.Int64 // items that were dropped when drained
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, folder: t.TempDir()}
	s, err := store.Open(store.FromAccess(access.Address, fmt.Sprintf("erase_%d", databases.Add(1)), access.Writer.User, access.Writer.Password))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	require.NoError(t, s.Migrate(t.Context()))
	w.store = s
	w.spool, err = spool.Open(filepath.Join(w.folder, "spool"), spool.Options{Gather: time.Millisecond})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, w.spool.Close()) })
	w.rejected = quarantine.Open(filepath.Join(w.folder, "quarantine"), quarantine.Options{})
	t.Cleanup(func() { require.NoError(t, w.rejected.Close()) })
	w.restart()
	return w
}

func (w *world) deadLetters() string { return filepath.Join(w.folder, "dead-letters") }

// restart begins again from what is on disk.
func (w *world) restart() {
	w.t.Helper()
	stores := map[string]string{"": w.deadLetters()}
	for name, folder := range w.further {
		stores[name] = folder
	}
	var err error
	w.erasures, err = Open(Options{Folder: filepath.Join(w.folder, "erasures"), Stores: stores,
		Logger: slog.New(slog.DiscardHandler), Quarantine: w.rejected})
	require.NoError(w.t, err)
	w.drains()
}

func (w *world) drains() {
	w.t.Helper()
	pipeline, err := enrich.New(enrich.Config{Erased: w.erasures.Erased, Count: func(_, _, counter, _ string, n int64) {
		if counter == "erased" {
			w.erased.Add(n)
		}
	}})
	require.NoError(w.t, err)
	w.drainer = drain.New(w.spool, w.store, pipeline.AtDrain, drain.Options{DeadLetters: w.deadLetters()})
}

func (w *world) append(beacons ...*rum.Beacon) {
	w.t.Helper()
	for _, b := range beacons {
		raw, err := (&rum.Record{Beacon: b}).MarshalMsg(nil)
		require.NoError(w.t, err)
		require.NoError(w.t, w.spool.Append(w.t.Context(), raw))
	}
}

// running does something while the drainer and the erasures run as in a sidecar.
func (w *world) running(do func()) {
	w.t.Helper()
	require.NoError(w.t, w.erasures.Resume(w.t.Context(), w.name, w.store))
	ctx, stop := context.WithCancel(w.t.Context())
	ended := make(chan struct{}, 2)
	go func() { _ = w.drainer.Run(ctx); ended <- struct{}{} }()
	go func() { w.erasures.Run(ctx, w.name, w.store, w.drainer.Hold); ended <- struct{}{} }()
	do()
	require.NoError(w.t, w.drainer.Flush(ctx))
	stop()
	<-ended
	<-ended
}

// erase asks for an erasure and waits until it is verified.
func (w *world) erase(r Request) Status {
	w.t.Helper()
	id, err := w.erasures.Ask(r)
	require.NoError(w.t, err)
	return w.verified(id)
}

func (w *world) verified(id string) (told Status) {
	w.t.Helper()
	require.Eventually(w.t, func() bool {
		told, _ = w.erasures.Status(id)
		return told.State == StateVerified
	}, time.Minute, 10*time.Millisecond)
	return told
}

// ask returns the result of a query, a line a row.
func (w *world) ask(query string) string {
	w.t.Helper()
	rows, err := w.store.Conn().Query(w.t.Context(), query)
	require.NoError(w.t, err)
	defer rows.Close()
	var lines []string
	for rows.Next() {
		cells := make([]any, len(rows.ColumnTypes()))
		for i, c := range rows.ColumnTypes() {
			cells[i] = reflect.New(c.ScanType()).Interface()
		}
		require.NoError(w.t, rows.Scan(cells...))
		texts := make([]string, len(cells))
		for i, c := range cells {
			texts[i] = fmt.Sprint(reflect.ValueOf(c).Elem().Interface())
		}
		lines = append(lines, strings.Join(texts, "\t"))
	}
	require.NoError(w.t, rows.Err())
	return strings.Join(lines, "\n")
}

// everything is what the store holds of sessions, errors and visits, in an order of its own.
func (w *world) everything() string {
	var all []string
	for _, table := range []string{"views", "vitals", "requests", "blocking", "errors", "actions", "events", "session_events"} {
		all = append(all, table, w.ask("SELECT session_id, user_key, ts FROM "+table+" ORDER BY ALL"))
	}
	return strings.Join(append(all, w.ask("SELECT trace_id, session_id FROM trace_sessions ORDER BY ALL"),
		w.ask("SELECT session_id, sum(items), sum(errors), min(start), max(end) FROM sessions GROUP BY session_id ORDER BY session_id"),
		w.ask("SELECT release, sum(views), min(first_seen), max(last_seen) FROM releases GROUP BY release ORDER BY release"),
		w.ask(`SELECT fingerprint, sum(count), sum(weight), min(first_seen), max(last_seen), argMinMerge(first_release),
			max(kind), max(error_type), max(message) FROM error_groups GROUP BY fingerprint ORDER BY fingerprint`)), "\n")
}

var noon = time.Now().UTC().Truncate(24 * time.Hour).Add(-36 * time.Hour).UnixMilli()

// visit is a beacon with an item of every kind. Sessions n and n+3 share an error group.
func visit(n int) *rum.Beacon {
	at := rum.Item{TS: noon + int64(n)*60_000, ViewID: fmt.Sprint("view", n)}
	traced := at
	traced.TraceID = fmt.Sprintf("%032x", n+1)
	return &rum.Beacon{
		ReceivedAt: at.TS + 1000,
		Context: rum.Context{App: "shop", Environment: "production", Release: fmt.Sprint("1.", n), SessionID: fmt.Sprint("session-", n),
			PageURL: "https://shop.example/", Weight: 2000},
		Views:    []rum.View{{Item: at, Kind: rum.ViewLoad, Path: "/"}},
		Vitals:   []rum.Vital{{Item: at, Metric: "lcp", MetricID: fmt.Sprint("v", n), ReportedAt: at.TS, Value: 900}},
		Requests: []rum.Request{{Item: traced, Kind: "fetch", Host: "shop.example", Path: "/api"}},
		Blocking: []rum.Blocking{{Item: at, ScriptURL: "https://shop.example/app.js"}},
		Errors:   []rum.Error{{Item: at, Kind: "exception", Type: "TypeError", Message: fmt.Sprint("of ", n), Fingerprint: fmt.Sprint("group-", n%3)}},
		Actions:  []rum.Action{{Item: at, Kind: "click", Target: "button"}},
		Events:   []rum.Event{{Item: at, Kind: rum.EventCustom, Name: "x"}},
	}
}

const itemsOfAVisit = 7

// comingAgain is a visit that happens after whatever was erased.
func comingAgain(b *rum.Beacon) *rum.Beacon {
	b.ReceivedAt = time.Now().Add(time.Minute).UnixMilli()
	b.EachItem(func(item *rum.Item) { item.TS = b.ReceivedAt })
	b.Vitals[0].ReportedAt = b.ReceivedAt
	return b
}
