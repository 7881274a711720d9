package plugin

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/engine"
	"github.com/sightline-rum/sightline/pkg/engine/enginetest"
	"github.com/sightline-rum/sightline/pkg/pluginhost"
	"github.com/sightline-rum/sightline/pkg/rum"
	"github.com/sightline-rum/sightline/pkg/store"
)

// What the tests share: a real engine, and the built plugin started on its own as Grafana starts it.
var (
	access engine.Access
	binary string
	host   *pluginhost.Host
)

func TestMain(m *testing.M) {
	code, err := testMain(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func testMain(m *testing.M) (code int, err error) {
	folder, err := os.MkdirTemp("", "sightline-plugin-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(folder)
	binary = filepath.Join(folder, "gpx_sightline_rum")
	build := exec.Command("go", "build", "-o", binary, "..")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if said, err := build.CombinedOutput(); err != nil {
		return 1, fmt.Errorf("build the plugin: %w\n%s", err, said)
	}

	var stop func()
	if access, stop, err = enginetest.StartMain(); err != nil {
		return 1, err
	}
	defer stop()
	if host, err = pluginhost.Start(context.Background(), binary, pluginhost.Options{}); err != nil {
		return 1, err
	}
	defer host.Stop()
	return m.Run(), nil
}

var databases atomic.Int32

// emptyStore opens a store of its own for a test, without tables, as its writer.
func emptyStore(t testing.TB) (writer *store.Store, database string) {
	t.Helper()
	database = fmt.Sprintf("plugin_%d", databases.Add(1))
	writer, err := store.Open(store.FromAccess(access.Address, database, access.Writer.User, access.Writer.Password))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, writer.Close()) })
	return writer, database
}

// migratedStore is a store with tables and nothing in them.
func migratedStore(t testing.TB) (writer *store.Store, database string) {
	t.Helper()
	writer, database = emptyStore(t)
	require.NoError(t, writer.Migrate(t.Context()))
	return writer, database
}

// visit stores one short visit to an app: a view with its LCP and an error, received at a time.
func visit(t testing.TB, writer *store.Store, app, environment string, at time.Time) {
	t.Helper()
	ms := at.UnixMilli()
	item := rum.Item{TS: ms, ViewID: "view-" + app, Route: "/checkout", TraceID: "0af7651916cd43dd8448eb211c80319c"}
	batch := store.NewBatch()
	batch.Add(&rum.Beacon{
		ReceivedAt: ms,
		Context: rum.Context{App: app, Environment: environment, SessionID: "session-" + app, Traffic: rum.TrafficReal,
			Browser: "Chrome", OS: "Linux", Device: "desktop", Country: "DE", Weight: rum.FullWeight},
		Views:  []rum.View{{Item: item, Kind: rum.ViewLoad, Path: "/checkout", Duration: 1200}},
		Vitals: []rum.Vital{{Item: item, Metric: "lcp", MetricID: "v5-" + app, ReportedAt: ms, Value: 1800}},
		Errors: []rum.Error{{Item: item, Kind: "exception", Type: "TypeError", Message: "x is undefined", Fingerprint: "f1"}},
	})
	require.NoError(t, writer.Insert(t.Context(), fmt.Sprintf("visit:%s:%s:%d", app, environment, ms), batch))
}

// dataSource is what Grafana would hold for a data source on a database, and more as a test says. It logs in as the
// engine's writer, because its reader sees the one database that engines are for.
func dataSource(t testing.TB, database string, more map[string]any) *backend.DataSourceInstanceSettings {
	t.Helper()
	jsonData := map[string]any{"address": access.Address, "username": access.Writer.User, "database": database, "minSamples": 1}
	for key, value := range more {
		jsonData[key] = value
	}
	encoded, err := json.Marshal(jsonData)
	require.NoError(t, err)
	return &backend.DataSourceInstanceSettings{
		ID: int64(databases.Add(1)), UID: t.Name(), Name: "Sightline", Type: ID, Updated: time.Now(), JSONData: encoded,
		DecryptedSecureJSONData: map[string]string{"password": access.Writer.Password},
	}
}

// as is the context of a request by somebody with a role.
func as(role string, source *backend.DataSourceInstanceSettings) backend.PluginContext {
	return backend.PluginContext{Namespace: "default", PluginID: ID, DataSourceInstanceSettings: source,
		User: &backend.User{Login: "mara", Role: role}}
}

// ask sends queries, each as its JSON under its refId, about the last hour.
func ask(t testing.TB, context backend.PluginContext, headers map[string]string, queries map[string]string) backend.Responses {
	t.Helper()
	response, err := host.QueryData(t.Context(), request(context, headers, queries))
	require.NoError(t, err)
	return response.Responses
}

func request(context backend.PluginContext, headers map[string]string, queries map[string]string) *backend.QueryDataRequest {
	now := time.Now()
	request := &backend.QueryDataRequest{PluginContext: context, Headers: headers}
	for refID, text := range queries {
		request.Queries = append(request.Queries, backend.DataQuery{
			RefID: refID, JSON: []byte(text), MaxDataPoints: 100, Interval: time.Minute,
			TimeRange: backend.TimeRange{From: now.Add(-time.Hour), To: now.Add(time.Minute)},
		})
	}
	return request
}
