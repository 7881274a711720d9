package demo

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"github.com/goccy/go-yaml"
)

// Grafana is a Grafana on this machine, set up for the demo: our plugin, a data source for the demo's engine, and our
// dashboards. Everything it writes lies in Folder.
type Grafana struct {
	Home       string // where it is unpacked: holds bin/grafana, conf and public
	Folder     string
	Address    string // it listens here, host:port
	Plugin     string // our built plugin, dist/
	Dashboards string // folder of dashboard files

	Engine   string // host:port of the ClickHouse HTTP interface
	Database string
	User     string
	Password string
	App      string
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
	return StartProcess("Grafana", filepath.Join(g.Folder, "grafana.log"), []string{
		"GF_PATHS_DATA=" + filepath.Join(g.Folder, "data"),
		"GF_PATHS_LOGS=" + filepath.Join(g.Folder, "logs"),
		"GF_PATHS_PLUGINS=" + filepath.Join(g.Folder, "plugins"),
		"GF_PATHS_PROVISIONING=" + filepath.Join(g.Folder, "provisioning"),
		"GF_PLUGINS_ALLOW_LOADING_UNSIGNED_PLUGINS=" + pluginID,
		"GF_SERVER_HTTP_ADDR=" + host,
		"GF_SERVER_HTTP_PORT=" + port,
		"GF_SECURITY_ADMIN_USER=" + Admin,
		"GF_SECURITY_ADMIN_PASSWORD=" + Admin,
		"GF_AUTH_ANONYMOUS_ENABLED=false",
		"GF_ANALYTICS_REPORTING_ENABLED=false",
		"GF_ANALYTICS_CHECK_FOR_UPDATES=false",
		"GF_ANALYTICS_CHECK_FOR_PLUGIN_UPDATES=false",
		"GF_NEWS_NEWS_FEED_ENABLED=false",
	}, program, args...)
}

// provision writes what Grafana reads at its start. The plugin is linked, not copied: a rebuilt one is used at the
// next start.
func (g *Grafana) provision() error {
	for _, folder := range []string{"data", "logs", "plugins", "provisioning/datasources", "provisioning/dashboards",
		"provisioning/plugins", "provisioning/alerting", "provisioning/notifiers"} {
		if err := os.MkdirAll(filepath.Join(g.Folder, filepath.FromSlash(folder)), 0o755); err != nil {
			return err
		}
	}
	plugin, err := filepath.Abs(g.Plugin)
	if err != nil {
		return err
	}
	link := filepath.Join(g.Folder, "plugins", pluginID)
	if err := os.Remove(link); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := os.Symlink(plugin, link); err != nil {
		return err
	}
	if err := g.write("provisioning/datasources/sightline.yaml", map[string]any{
		"apiVersion": 1,
		"datasources": []any{map[string]any{
			"name": "Sightline", "uid": "sightline", "type": pluginID, "access": "proxy", "isDefault": true, "editable": true,
			// Never the standard url and user: Grafana's data proxy would hand them to any viewer.
			"jsonData": map[string]any{
				"address": g.Engine, "protocol": "http", "database": g.Database, "username": g.User,
				"defaultApp": g.App, "defaultEnvironment": "production",
			},
			"secureJsonData": map[string]any{"password": g.Password},
		}},
	}); err != nil {
		return err
	}
	dashboards, err := filepath.Abs(g.Dashboards)
	if err != nil {
		return err
	}
	return g.write("provisioning/dashboards/sightline.yaml", map[string]any{
		"apiVersion": 1,
		"providers": []any{map[string]any{
			"name": "sightline", "folder": "Sightline", "type": "file", "allowUiUpdates": true,
			"options": map[string]any{"path": dashboards},
		}},
	})
}

// write writes one provisioning file, readable by its owner alone: one of them holds a password.
func (g *Grafana) write(name string, content any) error {
	text, err := yaml.Marshal(content)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(g.Folder, filepath.FromSlash(name)), text, 0o600)
}
