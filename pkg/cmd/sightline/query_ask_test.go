package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/engine/enginetest"
	"github.com/sightline-rum/sightline/pkg/frametext"
	"github.com/sightline-rum/sightline/pkg/rum"
	"github.com/sightline-rum/sightline/pkg/store"
)

// The command as an operator uses it: a running engine on a data folder, and the plugin as it is built.
func TestQueryAsksTheBuiltPlugin(t *testing.T) {
	plugin := filepath.Join(t.TempDir(), "gpx_sightline_rum")
	build := exec.Command("go", "build", "-o", plugin, "../..")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	said, err := build.CombinedOutput()
	require.NoError(t, err, string(said))

	folder := t.TempDir()
	access, err := enginetest.Supervise(t, folder).Ready(t.Context())
	require.NoError(t, err)
	writer, err := store.Open(store.FromAccess(access.Address, access.Database, access.Writer.User, access.Writer.Password))
	require.NoError(t, err)
	defer writer.Close()

	// A whole hour that is over and within the retention of the raw tables.
	hour := time.Now().UTC().Truncate(time.Hour).Add(-2 * time.Hour)
	ask := func(c queryCmd, in string) (string, error) {
		c.Plugin = plugin
		if c.Data == "" && c.ClickHouse == "" {
			c.Data = folder
		}
		if c.From == "" {
			c.From, c.To = hour.Format(time.RFC3339), hour.Add(time.Hour).Format(time.RFC3339)
		}
		if c.Output == "" {
			c.Output = "table"
		}
		if c.Role == "" {
			c.Role = "Admin"
		}
		var out bytes.Buffer
		err := c.ask(t.Context(), strings.NewReader(in), &out, frametext.Options{})
		return out.String(), err
	}

	out, err := ask(queryCmd{Health: true}, "")
	require.ErrorContains(t, err, "run `sightline migrate`")
	require.Contains(t, out, "ERROR: Database sightline at")

	require.NoError(t, writer.Migrate(t.Context()))
	require.NoError(t, writer.Insert(t.Context(), "seed", slowCheckout(hour)))

	const byRoute = `{"queryType":"vitals","app":"shop","metric":"lcp","groupBy":["route"],"format":"table","minSamples":20}`
	t.Run("a table for people", func(t *testing.T) {
		out, err := ask(queryCmd{Query: byRoute}, "")
		require.NoError(t, err)
		require.Regexp(t, `(?m)^/checkout +3\.\d+ s `, out)
		require.Regexp(t, `(?m)^/account +not enough data `, out)
		require.Contains(t, out, " %")
	})
	t.Run("series as spark lines", func(t *testing.T) {
		out, err := ask(queryCmd{Query: `{"queryType":"vitals","app":"shop","metric":"lcp","groupBy":["route"],"intervalMs":600000,"minSamples":1}`}, "")
		require.NoError(t, err)
		require.Regexp(t, `(?m)^/checkout +[▁▂▃▄▅▆▇█ ]+ +[\d.]+ s +[\d.]+ s `, out)
	})
	t.Run("frame JSON, an array for one query", func(t *testing.T) {
		out, err := ask(queryCmd{Query: byRoute, Output: "json"}, "")
		require.NoError(t, err)
		var frames data.Frames
		require.NoError(t, json.Unmarshal([]byte(out), &frames))
		require.Len(t, frames, 1)
		require.Equal(t, "A", frames[0].RefID)
		route, _ := frames[0].FieldByName("route")
		require.NotNil(t, route)
		require.Equal(t, data.FrameTypeTable, frames[0].Meta.Type)
	})
	t.Run("frame JSON by refId for an array of queries", func(t *testing.T) {
		out, err := ask(queryCmd{Output: "json", Query: `[` + byRoute + `,{"refId":"apps","queryType":"variable","dimension":"app"}]`}, "")
		require.NoError(t, err)
		var byRefID map[string]data.Frames
		require.NoError(t, json.Unmarshal([]byte(out), &byRefID))
		require.Len(t, byRefID, 2)
		require.Equal(t, "shop", byRefID["apps"][0].At(0, 0))
	})
	t.Run("a query on standard input", func(t *testing.T) {
		out, err := ask(queryCmd{Query: "-", Output: "json"}, byRoute+"\n")
		require.NoError(t, err)
		require.Contains(t, out, "/checkout")
	})
	t.Run("the plugin's own words on an error, and nothing else", func(t *testing.T) {
		for _, output := range []string{"table", "json"} {
			out, err := ask(queryCmd{Query: `{"queryType":"vitels","app":"shop"}`, Output: output}, "")
			require.ErrorContains(t, err, `unknown queryType "vitels", did you mean "vitals"?`)
			require.Empty(t, out)
		}
	})
	t.Run("the other answers of an array, beside the one that failed", func(t *testing.T) {
		out, err := ask(queryCmd{Query: `[{"queryType":"nothing"},` + byRoute + `]`, Output: "json"}, "")
		require.ErrorContains(t, err, `A: unknown queryType "nothing"`)
		require.Contains(t, out, "/checkout")
		out, err = ask(queryCmd{Query: `[{"queryType":"nothing"},` + byRoute + `]`}, "")
		require.Error(t, err)
		require.Contains(t, out, "B  vitals\n")
	})
	t.Run("no sessions for a Viewer or an alert rule", func(t *testing.T) {
		const sessions = `{"queryType":"sessions","app":"shop"}`
		out, err := ask(queryCmd{Query: sessions}, "")
		require.NoError(t, err)
		require.Contains(t, out, "session-")
		_, err = ask(queryCmd{Query: sessions, Role: "Viewer"}, "")
		require.ErrorContains(t, err, "sessionRole")
		_, err = ask(queryCmd{Query: sessions, FromAlert: true}, "")
		require.ErrorContains(t, err, "idsInAlerts")
	})
	t.Run("a data source limited to an app", func(t *testing.T) {
		_, err := ask(queryCmd{Query: byRoute, App: []string{"blog"}}, "")
		require.ErrorContains(t, err, `app "shop" is not one this data source may answer for`)
		out, err := ask(queryCmd{Query: `{"queryType":"vitals","format":"table","minSamples":1}`, App: []string{"shop"}}, "")
		require.NoError(t, err)
		require.NotContains(t, out, "No data")
	})
	t.Run("an empty answer says why", func(t *testing.T) {
		out, err := ask(queryCmd{Query: `{"queryType":"vitals","app":"shp","format":"table"}`}, "")
		require.NoError(t, err)
		require.Contains(t, out, "No data")
		require.Contains(t, out, "did you mean 'shop'?")
	})
	t.Run("a server by its DSN", func(t *testing.T) {
		dsn := fmt.Sprintf("http://%s@%s/%s", url.UserPassword(access.Reader.User, access.Reader.Password), access.Address, access.Database)
		out, err := ask(queryCmd{Query: byRoute, ClickHouse: dsn}, "")
		require.NoError(t, err)
		require.Contains(t, out, "/checkout")
		_, err = ask(queryCmd{Query: byRoute, ClickHouse: "mysql://localhost/x"}, "")
		require.ErrorContains(t, err, "--clickhouse: ")
	})
	t.Run("health", func(t *testing.T) {
		out, err := ask(queryCmd{Health: true}, "")
		require.NoError(t, err)
		require.Contains(t, out, "OK: Connected: the last beacon came ")
		out, err = ask(queryCmd{Health: true, Output: "json"}, "")
		require.NoError(t, err)
		require.True(t, json.Valid([]byte(out)), out)
	})
	t.Run("what is missing is named", func(t *testing.T) {
		_, err := ask(queryCmd{}, "")
		require.ErrorContains(t, err, "say what to ask")
		_, err = ask(queryCmd{Query: byRoute, Data: t.TempDir()}, "")
		require.ErrorContains(t, err, "no engine runs on")
	})
	t.Run("an operator who gives up", func(t *testing.T) {
		stopped, stop := context.WithCancel(t.Context())
		stop()
		c := queryCmd{Query: byRoute, Data: folder, Plugin: plugin, From: "now-1h", To: "now", Output: "table", Role: "Admin"}
		require.ErrorIs(t, c.ask(stopped, nil, &bytes.Buffer{}, frametext.Options{}), context.Canceled)
	})
}

func TestAPluginThatIsNotBuiltIsToldWithTheCommandThatBuildsIt(t *testing.T) {
	t.Chdir(t.TempDir())
	_, err := (&queryCmd{}).pluginBinary()
	require.ErrorContains(t, err, "go tool mage build")
}

// slowCheckout is an hour of visits to a shop: many to a slow checkout, a few to an account page.
func slowCheckout(start time.Time) *store.Batch {
	batch := store.NewBatch()
	for i := range 65 {
		route, value := "/checkout", 2000+30*float64(i)
		if i >= 60 {
			route, value = "/account", 900
		}
		ms := start.Add(time.Duration(i%60) * time.Minute).UnixMilli()
		item := rum.Item{TS: ms, ViewID: fmt.Sprint("view-", i), Route: route}
		batch.Add(&rum.Beacon{
			ReceivedAt: ms,
			Context: rum.Context{App: "shop", Environment: "production", SessionID: fmt.Sprint("session-", i),
				Traffic: rum.TrafficReal, Browser: "Safari", OS: "iOS", Device: "mobile", Weight: rum.FullWeight},
			Views:  []rum.View{{Item: item, Kind: rum.ViewLoad, Path: route, Duration: 1200}},
			Vitals: []rum.Vital{{Item: item, Metric: "lcp", MetricID: fmt.Sprint("v5-", i), ReportedAt: ms, Value: value}},
		})
	}
	return batch
}
