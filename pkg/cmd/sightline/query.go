package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/hashicorp/go-hclog"

	"github.com/sightline-rum/sightline/pkg/engine"
	"github.com/sightline-rum/sightline/pkg/frametext"
	"github.com/sightline-rum/sightline/pkg/plugin"
	"github.com/sightline-rum/sightline/pkg/pluginhost"
	"github.com/sightline-rum/sightline/pkg/store"
)

// queryCmd asks the built plugin what a panel would ask: it starts the binary over go-plugin, as Grafana does, and
// stands in for Grafana's user, alert evaluation and data source settings.
type queryCmd struct {
	Query string `arg:"" optional:"" help:"The query as JSON, or an array of queries; - reads it from standard input."`

	Data       string `xor:"store" placeholder:"./data" type:"path" help:"Ask the engine that runs on this data folder, as its reader."`
	ClickHouse string `xor:"store" name:"clickhouse" placeholder:"DSN" help:"Ask a ClickHouse server: clickhouse://user:password@host:9000/sightline"`

	From   string `default:"now-1h" help:"Start: a Grafana time (now-6h, now-1d/d), RFC 3339, or Unix milliseconds."`
	To     string `default:"now" help:"End, written like --from."`
	Output string `default:"table" enum:"table,json" help:"table for people; json for Grafana's data-frame JSON."`

	Role      string   `default:"Admin" enum:"Admin,Editor,Viewer,None," help:"Ask as somebody with this Grafana role: Admin, Editor, Viewer or None."`
	FromAlert bool     `help:"Ask as an alert rule does."`
	App       []string `sep:"none" placeholder:"NAME" help:"Ask a data source that is limited to this app (repeat for more)."`
	TempoURL  string   `name:"tempo-url" placeholder:"URL" help:"Let lists of traces say which ones this Tempo does not have, such as http://127.0.0.1:3200"`
	Health    bool     `help:"Check the data source as its Save & test button does. Needs no query."`

	Plugin    string `placeholder:"FILE" type:"path" help:"The plugin binary. By default the one in ../dist beside this program, or in ./dist."`
	PluginLog bool   `help:"Show the plugin's own log on standard error."`
}

// Help is the text below the flags of --help.
func (c *queryCmd) Help() string {
	return `A query names its type, the app, and where the type has them metric, groupBy, filters and format; what it leaves
out is filled in as for a panel. With an array, queries are told apart by refId (A, B, C … when left out).

Examples:

  Which apps are there, and which routes does one have?
    sightline query '{"queryType":"variable","dimension":"app"}'
    sightline query '{"queryType":"variable","app":"shop","dimension":"route"}'

  How long does the largest paint take, and where is it worst?
    sightline query '{"queryType":"vitals","app":"shop","metric":"lcp","groupBy":["route"],"format":"table"}'

  The same over a day, one spark line for each browser:
    sightline query --from now-1d '{"queryType":"vitals","app":"shop","metric":"lcp","groupBy":["browser"]}'

  Which errors do people on phones see?
    sightline query '{"queryType":"errors","app":"shop",
                      "filters":[{"key":"device","operator":"=","values":["mobile"]}]}'

  What explains the change since the last deploy? What should be fixed first?
    sightline query --from now-1d '{"queryType":"impact","app":"shop","compare":"deploy"}'
    sightline query '{"queryType":"attribution","app":"shop"}'

  What may a Viewer see of single sessions? And an alert rule?
    sightline query --role Viewer '{"queryType":"sessions","app":"shop"}'
    sightline query --from-alert '{"queryType":"sessions","app":"shop"}'

  Is the store reachable and up to date?
    sightline query --health

--output json prints data frames as Grafana's own API has them: for one query an array of frames, for an array of
queries an object that holds such an array under each refId. The program exits with 1 and the plugin's message when a
query is answered with an error; answers to the others are still printed.`
}

// Run starts the plugin, asks, and prints.
func (c *queryCmd) Run(ctx context.Context) error {
	terminal := newTerminal(os.Stdout)
	return c.ask(ctx, os.Stdin, os.Stdout, terminal)
}

func (c *queryCmd) ask(ctx context.Context, in io.Reader, out io.Writer, text frametext.Options) error {
	if c.Query == "" && !c.Health {
		return errors.New(`say what to ask, as in: sightline query '{"queryType":"vitals","metric":"lcp"}' (see --help)`)
	}
	if c.Query == "-" {
		written, err := io.ReadAll(in)
		if err != nil {
			return fmt.Errorf("read the query: %w", err)
		}
		c.Query = string(written)
	}
	settings, err := c.dataSource()
	if err != nil {
		return err
	}
	var request *backend.QueryDataRequest
	single := false
	if c.Query != "" {
		if request, single, err = c.request(settings, time.Now()); err != nil {
			return err
		}
		fmt.Fprint(os.Stderr, unknownFields(request))
	}
	binary, err := c.pluginBinary()
	if err != nil {
		return err
	}
	options := pluginhost.Options{}
	if c.PluginLog {
		options.Logger = hclog.New(&hclog.LoggerOptions{Name: "plugin", Level: hclog.Debug, Output: os.Stderr})
	}
	host, err := pluginhost.Start(ctx, binary, options)
	if err != nil {
		return err
	}
	defer host.Stop()

	if c.Health {
		if err := c.checkHealth(ctx, host, settings, out); err != nil || request == nil {
			return err
		}
	}
	answers, err := host.QueryData(ctx, request)
	if err != nil {
		if ctx.Err() != nil {
			return errors.New("stopped before the answer came")
		}
		return err
	}
	if c.Output == "json" {
		err = writeJSON(out, request, answers, single)
	} else {
		err = writeTables(out, request, answers, text)
	}
	return errors.Join(err, failures(request, answers, single))
}

// dataSource is what Grafana would hold for a data source on this store. With a data folder the plugin connects as the
// reader, as it does in a provisioned Grafana.
func (c *queryCmd) dataSource() (backend.DataSourceInstanceSettings, error) {
	var config store.Config
	if c.ClickHouse != "" {
		parsed, err := store.ParseDSN(c.ClickHouse)
		if err != nil {
			return backend.DataSourceInstanceSettings{}, fmt.Errorf("--clickhouse: %w", err)
		}
		config = parsed
	} else {
		if c.Data == "" {
			c.Data = "./data"
		}
		access, err := engine.ReadAccess(c.Data)
		if err != nil {
			return backend.DataSourceInstanceSettings{}, err
		}
		config = store.FromAccess(access.Address, access.Database, access.Reader.User, access.Reader.Password)
	}
	settings := plugin.SettingsFor(config)
	settings.Apps, settings.TempoURL = c.App, c.TempoURL
	if len(c.App) > 0 {
		settings.DefaultApp = c.App[0]
	}
	return settings.Grafana()
}

// pluginBinary finds the built plugin: where --plugin says, beside this program, or below the working folder.
func (c *queryCmd) pluginBinary() (string, error) {
	if c.Plugin != "" {
		return c.Plugin, nil
	}
	name := fmt.Sprintf("gpx_sightline_rum_%s_%s", runtime.GOOS, runtime.GOARCH)
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	places := []string{filepath.Join("dist", name)}
	if self, err := os.Executable(); err == nil {
		if real, err := filepath.EvalSymlinks(self); err == nil {
			self = real
		}
		places = append([]string{filepath.Join(filepath.Dir(self), "..", "dist", name)}, places...)
	}
	for _, place := range places {
		if info, err := os.Stat(place); err == nil && info.Mode().IsRegular() {
			return filepath.Abs(place)
		}
	}
	return "", fmt.Errorf("the plugin is not built (looked for %s): build it with `go tool mage build`, or name it with --plugin",
		strings.Join(places, " and "))
}
