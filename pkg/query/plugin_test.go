package query

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/pluginhost"
)

// plugin is the built binary, started as Grafana starts it when the first test asks it something.
var plugin struct {
	start sync.Once
	host  *pluginhost.Host
	err   error
}

func startPlugin() {
	folder, err := os.MkdirTemp("", "sightline-query-")
	if err != nil {
		plugin.err = err
		return
	}
	defer os.RemoveAll(folder) // the process keeps what it has opened
	binary := filepath.Join(folder, "gpx_sightline_rum")
	build := exec.Command("go", "build", "-o", binary, "..")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if said, err := build.CombinedOutput(); err != nil {
		plugin.err = fmt.Errorf("build the plugin: %w\n%s", err, said)
		return
	}
	plugin.host, plugin.err = pluginhost.Start(context.Background(), binary, pluginhost.Options{})
}

func stopPlugin() {
	if plugin.host != nil {
		plugin.host.Stop()
	}
}

// askPlugin asks what ask asks, of the plugin's binary, with a data source set up like the tests' runner.
func askPlugin(t testing.TB, query string, windows ...window) backend.DataResponse {
	t.Helper()
	plugin.start.Do(startPlugin)
	require.NoError(t, plugin.err)
	settings, err := json.Marshal(map[string]any{
		"address": access.Address, "username": access.Reader.User, "defaultApp": shopSettings.DefaultApp,
		"defaultEnvironment": shopSettings.DefaultEnvironment, "apps": shopSettings.Apps, "minSamples": 1,
	})
	require.NoError(t, err)
	w := window{from: seeded.today, to: seeded.today.Add(24 * time.Hour)}
	if len(windows) > 0 {
		w = windows[0]
	}
	answer, err := plugin.host.QueryData(t.Context(), &backend.QueryDataRequest{
		PluginContext: backend.PluginContext{
			PluginID: "sightline-rum-datasource", User: &backend.User{Login: "admin", Role: "Admin"},
			DataSourceInstanceSettings: &backend.DataSourceInstanceSettings{
				JSONData: settings, DecryptedSecureJSONData: map[string]string{"password": access.Reader.Password}},
		},
		Queries: []backend.DataQuery{{RefID: "A", JSON: []byte(query), Interval: time.Hour, MaxDataPoints: 1000,
			TimeRange: backend.TimeRange{From: w.from, To: w.to}}},
	})
	require.NoError(t, err)
	return answer.Responses["A"]
}
