package alerts

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/demo/traffic"
	"github.com/sightline-rum/sightline/pkg/engine"
	"github.com/sightline-rum/sightline/pkg/engine/enginetest"
	"github.com/sightline-rum/sightline/pkg/enrich"
	"github.com/sightline-rum/sightline/pkg/ingest"
	"github.com/sightline-rum/sightline/pkg/pluginhost"
	"github.com/sightline-rum/sightline/pkg/rum"
	"github.com/sightline-rum/sightline/pkg/store"
)

// What all tests share: a real engine, and the plugin's binary as Grafana starts it.
var (
	access engine.Access
	host   *pluginhost.Host
)

func TestMain(m *testing.M) {
	os.Exit(func() int {
		if os.Getenv("GRAFANA_URL") != "" { // the check of a live Grafana brings its own
			return m.Run()
		}
		if err := prepare(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer stopEngine()
		defer host.Stop()
		return m.Run()
	}())
}

var stopEngine func()

func prepare() (err error) {
	if access, stopEngine, err = enginetest.StartMain(); err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "sightline-alerts-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder) // the process keeps what it has opened
	binary := filepath.Join(folder, "gpx_sightline_rum")
	build := exec.Command("go", "build", "-o", binary, "..")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if said, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build the plugin: %w\n%s", err, said)
	}
	host, err = pluginhost.Start(context.Background(), binary, pluginhost.Options{})
	return err
}

// world is a store with one scenario in it, in a database of its own.
type world struct {
	database string
	id       int64 // of its data source: the plugin keeps an instance for each
}

var worlds atomic.Int64

// change alters what was measured before it is stored.
type change func(*rum.Beacon)

// newWorld plays a scenario up to its anchor. The beacons go through the sidecar's own handler; only the clock is the
// scenario's, so that the pipeline's counters, too, are of the minutes in which the beacons were sent.
func newWorld(t *testing.T, database string, plan *traffic.Traffic, change change) world {
	t.Helper()
	config := store.FromAccess(access.Address, database, access.Writer.User, access.Writer.Password)
	root, err := store.Open(store.FromAccess(access.Address, access.Database, access.Writer.User, access.Writer.Password))
	require.NoError(t, err)
	defer root.Close()
	require.NoError(t, root.Conn().Exec(t.Context(), "CREATE DATABASE IF NOT EXISTS "+database))
	to, err := store.Open(config)
	require.NoError(t, err)
	defer to.Close()
	require.NoError(t, to.Migrate(t.Context()))

	pipeline, err := enrich.New(enrich.Config{})
	require.NoError(t, err)
	spool := &memory{}
	server, err := ingest.New(ingest.Options{Spool: spool, Pipeline: pipeline, Counters: ingest.NewCounters(),
		UserKey: []byte("a key for tests"), Logger: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry()})
	require.NoError(t, err)
	handler := server.Handler()
	accepted := map[int64]int64{}
	batch, batches := store.NewBatch(), 0
	flush := func() {
		batches++
		require.NoError(t, to.Insert(t.Context(), fmt.Sprintf("%s:%d", database, batches), batch))
		batch.Reset()
	}
	for _, d := range plan.Deploys() {
		batch.AddDeploy(rum.Deploy{TS: d.At.UnixMilli(), App: d.App, Environment: d.Environment, Release: d.Release,
			Title: d.Title, URL: d.URL})
	}
	sent := 0
	for b := range plan.Past() {
		request := httptest.NewRequest("POST", "/collect", strings.NewReader(string(b.Body)))
		request.RemoteAddr = "127.0.0.1:40000"
		request.Header.Set("Content-Type", "application/json")
		for name, value := range b.Header {
			request.Header.Set(name, value)
		}
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, request)
		text, _ := io.ReadAll(answer.Body)
		require.Equal(t, 202, answer.Code, "%s", text)
		var said struct{ Accepted int64 }
		require.NoError(t, json.Unmarshal(text, &said))
		accepted[b.At.Truncate(time.Minute).UnixMilli()] += said.Accepted
		beacon := spool.take()
		require.NotNil(t, beacon)
		pipeline.AtDrain(beacon)
		if change != nil {
			change(beacon)
		}
		batch.Add(beacon)
		if sent++; sent%20_000 == 0 {
			flush()
		}
	}
	var counts []rum.Count
	for minute, n := range accepted {
		counts = append(counts, rum.Count{Minute: minute, App: "shop", Environment: "production", Counter: "accepted",
			Value: n})
	}
	batch.AddCounts(counts)
	flush()
	return world{database, worlds.Add(1)}
}

// memory is a spool of the last record.
type memory struct{ last *rum.Beacon }

func (m *memory) Append(_ context.Context, encoded []byte) error {
	var record rum.Record
	if _, err := record.UnmarshalMsg(slices.Clone(encoded)); err != nil {
		return err
	}
	m.last = record.Beacon
	return nil
}

func (m *memory) take() *rum.Beacon {
	taken := m.last
	m.last = nil
	return taken
}

// ask asks the plugin what Grafana's scheduler would at a time, and returns the numbers by refId.
func (w world) ask(t testing.TB, at time.Time, parts ...part) map[string][]number {
	t.Helper()
	// The engine lets its reader see one database only; that readers may ask is for the tests of pkg/query.
	settings, err := json.Marshal(map[string]any{"address": access.Address, "username": access.Writer.User,
		"database": w.database, "defaultApp": "shop"})
	require.NoError(t, err)
	request := &backend.QueryDataRequest{
		Headers: map[string]string{"FromAlert": "true"},
		PluginContext: backend.PluginContext{PluginID: "sightline-rum-datasource",
			User: &backend.User{Login: "grafana_scheduler", Role: "Admin"},
			DataSourceInstanceSettings: &backend.DataSourceInstanceSettings{ID: w.id, UID: w.database, JSONData: settings,
				DecryptedSecureJSONData: map[string]string{"password": access.Writer.Password}}},
	}
	for _, p := range parts {
		model, err := json.Marshal(p.Model)
		require.NoError(t, err)
		request.Queries = append(request.Queries, backend.DataQuery{RefID: p.RefID, JSON: model,
			Interval: time.Second, MaxDataPoints: 43200, TimeRange: backend.TimeRange{
				From: at.Add(-time.Duration(p.Range.From) * time.Second), To: at.Add(-time.Duration(p.Range.To) * time.Second)}})
	}
	answer, err := host.QueryData(context.Background(), request)
	require.NoError(t, err)
	values := map[string][]number{}
	for _, p := range parts {
		response := answer.Responses[p.RefID]
		require.NoError(t, response.Error, p.RefID)
		values[p.RefID] = numbersOf(t, response.Frames)
	}
	return values
}

// conditionOf are the alerts of a rule at a time: what its condition holds for.
func (w world) conditionOf(t testing.TB, r rule, at time.Time) (alerts []number) {
	t.Helper()
	for _, n := range w.judge(t, r, at) {
		if n.value != 0 {
			alerts = append(alerts, n)
		}
	}
	return alerts
}

// judge is a rule's condition at a time, 0 or 1 for each segment. One query without an answer is "no data" for the
// whole rule.
func (w world) judge(t testing.TB, r rule, at time.Time) []number {
	t.Helper()
	expression := r.part(t, r.Condition).expression()
	var parts []part
	asked := map[string]bool{}
	for _, name := range references(expression) {
		if !asked[name] {
			asked[name] = true
			parts = append(parts, r.part(t, name))
		}
	}
	values := w.ask(t, at, parts...)
	for _, numbers := range values {
		if len(numbers) == 0 {
			return nil
		}
	}
	results, err := evaluate(expression, values)
	require.NoError(t, err)
	return results
}
