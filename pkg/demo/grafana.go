package demo

import (
	"cmp"
	"fmt"
	"net"
	"os"
	"path/filepath"
)

// Grafana is a Grafana on this machine, set up for the demo: our plugin, the data sources, dashboards and alert rules of
// provisioning/, and the demo's engine behind them. Everything it writes lies in Folder.
type Grafana struct {
	Home         string // where it is unpacked: holds bin/grafana, conf and public
	Folder       string
	Address      string // it listens here, host:port
	Plugin       string // our built plugin, dist/
	Provisioning string // our provisioning/
	Dashboards   string // folder of dashboard files

	Engine   string // host:port of the ClickHouse HTTP interface
	Database string
	User     string
	Password string
	App      string

	Tempo, Loki, Prometheus string // addresses; "" for where each is by its own defaults
}

// Admin is the user and the password of the demo's Grafana.
const Admin = "admin"

const pluginID = "sightline-rum-datasource"

// program finds the server: one program with subcommands since Grafana 9.4, bin/grafana-server before.
func (g *Grafana) program() (path string, args []string, err error) {
	for _, candidate := range []struct {
		name string
		args []string
	}{{"grafana", []string{"server"}}, {"grafana-server", nil}} {
		path := filepath.Join(g.Home, "bin", candidate.name)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			return path, append(candidate.args, "--homepath", g.Home), nil
		}
	}
	return "", nil, fmt.Errorf("GRAFANA_HOME is %s, but there is no bin/grafana in it: set it to the folder of an unpacked Grafana", g.Home)
}

// Start writes the provisioning files and starts the server.
func (g *Grafana) Start() (*Process, error) {
	program, args, err := g.program()
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(g.Plugin, "plugin.json")); err != nil {
		return nil, fmt.Errorf("the plugin is not built (no plugin.json in %s): build it with `go tool mage build`", g.Plugin)
	}
	if err := g.provision(); err != nil {
		return nil, fmt.Errorf("set up Grafana: %w", err)
	}
	host, port, err := net.SplitHostPort(g.Address)
	if err != nil {
		return nil, fmt.Errorf("set up Grafana: %w", err)
	}
	variables, err := g.variables()
	if err != nil {
		return nil, fmt.Errorf("set up Grafana: %w", err)
	}
	return StartProcess("Grafana", filepath.Join(g.Folder, "grafana.log"), append(variables,
		"GF_PATHS_DATA="+filepath.Join(g.Folder, "data"),
		"GF_PATHS_LOGS="+filepath.Join(g.Folder, "logs"),
		"GF_PATHS_PLUGINS="+filepath.Join(g.Folder, "plugins"),
		"GF_PATHS_PROVISIONING="+filepath.Join(g.Folder, "provisioning"),
		"GF_PLUGINS_ALLOW_LOADING_UNSIGNED_PLUGINS="+pluginID,
		"GF_SERVER_HTTP_ADDR="+host,
		"GF_SERVER_HTTP_PORT="+port,
		"GF_SECURITY_ADMIN_USER="+Admin,
		"GF_SECURITY_ADMIN_PASSWORD="+Admin,
		"GF_AUTH_ANONYMOUS_ENABLED=false",
		"GF_ANALYTICS_REPORTING_ENABLED=false",
		"GF_ANALYTICS_CHECK_FOR_UPDATES=false",
		"GF_ANALYTICS_CHECK_FOR_PLUGIN_UPDATES=false",
		"GF_NEWS_NEWS_FEED_ENABLED=false",
	), program, args...)
}

// variables are what provisioning/ leaves open. Tempo, Loki and Prometheus are not part of the demo: they are looked for
// where their own defaults are, or where the demo was told that they are.
func (g *Grafana) variables() ([]string, error) {
	dashboards, err := filepath.Abs(g.Dashboards)
	if err != nil {
		return nil, err
	}
	set := []string{
		"SIGHTLINE_ADDRESS=" + g.Engine,
		"SIGHTLINE_DATABASE=" + g.Database,
		"SIGHTLINE_READER=" + g.User,
		"SIGHTLINE_READER_PASSWORD=" + g.Password,
		"SIGHTLINE_APP=" + g.App,
		"SIGHTLINE_DASHBOARDS=" + dashboards,
	}
	return append(set,
		"TEMPO_URL="+cmp.Or(g.Tempo, "http://127.0.0.1:3200"),
		"LOKI_URL="+cmp.Or(g.Loki, "http://127.0.0.1:3100"),
		"PROMETHEUS_URL="+cmp.Or(g.Prometheus, "http://127.0.0.1:9090")), nil
}

// provision puts in place what Grafana reads at its start. Plugin and provisioning files are linked, not copied: what was
// changed is used at the next start.
func (g *Grafana) provision() error {
	for _, folder := range []string{"data", "logs", "plugins", "provisioning/plugins", "provisioning/notifiers"} {
		if err := os.MkdirAll(filepath.Join(g.Folder, filepath.FromSlash(folder)), 0o755); err != nil {
			return err
		}
	}
	if err := g.link("plugins/"+pluginID, g.Plugin); err != nil {
		return err
	}
	for _, kind := range []string{"datasources", "dashboards", "alerting"} {
		if err := g.link("provisioning/"+kind, filepath.Join(g.Provisioning, kind)); err != nil {
			return err
		}
	}
	return nil
}

// link points a name in Folder to a file or folder, replacing what it pointed to before.
func (g *Grafana) link(name, to string) error {
	to, err := filepath.Abs(to)
	if err != nil {
		return err
	}
	link := filepath.Join(g.Folder, filepath.FromSlash(name))
	// A folder here, and not a link, is from before the files were linked; everything in it was written by the demo.
	if err := os.RemoveAll(link); err != nil {
		return err
	}
	return os.Symlink(to, link)
}
