package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/engine/enginetest"
	"github.com/sightline-rum/sightline/pkg/plugin"
	"github.com/sightline-rum/sightline/pkg/pluginhost"
	"github.com/sightline-rum/sightline/pkg/store"
)

// provisioned is a data source as Grafana knows it once it has read a provisioning file.
type provisioned struct {
	Name           string            `yaml:"name"`
	UID            string            `yaml:"uid"`
	Type           string            `yaml:"type"`
	Access         string            `yaml:"access"`
	URL            string            `yaml:"url"`
	User           string            `yaml:"user"`
	IsDefault      bool              `yaml:"isDefault"`
	JSONData       map[string]any    `yaml:"jsonData"`
	SecureJSONData map[string]string `yaml:"secureJsonData"`
}

func (p provisioned) settings(t *testing.T) *backend.DataSourceInstanceSettings {
	t.Helper()
	open, err := json.Marshal(p.JSONData)
	require.NoError(t, err)
	return &backend.DataSourceInstanceSettings{ID: 1, UID: p.UID, Name: p.Name, Type: p.Type, JSONData: open,
		DecryptedSecureJSONData: p.SecureJSONData}
}

// readAsGrafana reads a provisioning file as Grafana's package provisioning/values does: $$ is a dollar sign, ${NAME} a
// variable, $__file{path} the content of a file.
func readAsGrafana(t *testing.T, text string) provisioned {
	t.Helper()
	var file struct {
		APIVersion  int           `yaml:"apiVersion"`
		Datasources []provisioned `yaml:"datasources"`
	}
	require.NoError(t, yaml.UnmarshalWithOptions([]byte(text), &file, yaml.Strict()), text)
	require.Equal(t, 1, file.APIVersion)
	require.Len(t, file.Datasources, 1)
	source := file.Datasources[0]
	for key, value := range source.JSONData {
		switch value := value.(type) {
		case string:
			source.JSONData[key] = expandAsGrafana(t, value)
		case []any:
			for i, element := range value {
				value[i] = expandAsGrafana(t, element.(string))
			}
		}
	}
	for key, value := range source.SecureJSONData {
		source.SecureJSONData[key] = expandAsGrafana(t, value)
	}
	return source
}

var fileVariable = regexp.MustCompile(`\$__file{([^}]+)}`)

func expandAsGrafana(t *testing.T, value string) string {
	parts := strings.Split(value, "$$")
	for i, part := range parts {
		part = fileVariable.ReplaceAllStringFunc(part, func(found string) string {
			content, err := os.ReadFile(fileVariable.FindStringSubmatch(found)[1])
			require.NoError(t, err)
			return strings.TrimSpace(string(content))
		})
		parts[i] = os.ExpandEnv(part)
	}
	return strings.Join(parts, "$")
}

func TestTheProvisionedDataSourceIsHealthy(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "gpx_sightline_rum")
	build := exec.Command("go", "build", "-o", binary, "../..")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	said, err := build.CombinedOutput()
	require.NoError(t, err, string(said))
	host, err := pluginhost.Start(t.Context(), binary, pluginhost.Options{})
	require.NoError(t, err)
	t.Cleanup(host.Stop)

	folder := t.TempDir()
	access, err := enginetest.Supervise(t, folder).Ready(t.Context())
	require.NoError(t, err)
	writer, err := store.Open(store.FromAccess(access.Address, access.Database, access.Writer.User, access.Writer.Password))
	require.NoError(t, err)
	defer writer.Close()
	require.NoError(t, writer.Migrate(t.Context()))

	secret := filepath.Join(t.TempDir(), "password")
	require.NoError(t, os.WriteFile(secret, []byte(access.Reader.Password+"\n"), 0o600))
	t.Setenv("READER", access.Reader.Password)
	withoutPassword := fmt.Sprintf("http://%s@%s/%s", access.Reader.User, access.Address, access.Database)
	for name, c := range map[string]datasourceCmd{
		"from the engine's data folder":         {Data: folder},
		"with the password in the environment":  {Data: folder, PasswordEnv: "READER"},
		"with the password in a file":           {ClickHouse: withoutPassword, PasswordFile: secret},
		"at an address of Grafana's own choice": {Data: folder, Address: "localhost:" + strings.Split(access.Address, ":")[1]},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			require.NoError(t, c.write(&out))
			require.NotContains(t, out.String(), access.Writer.Password)
			if c.PasswordEnv+c.PasswordFile != "" {
				require.NotContains(t, out.String(), access.Reader.Password)
			}
			source := readAsGrafana(t, out.String())
			require.Equal(t, plugin.ID, source.Type)
			require.Empty(t, source.URL+source.User, "Grafana's data proxy would forward to a standard url")
			health, err := host.CheckHealth(t.Context(), &backend.CheckHealthRequest{PluginContext: backend.PluginContext{
				PluginID: plugin.ID, User: &backend.User{Login: "admin", Role: "Admin"},
				DataSourceInstanceSettings: source.settings(t),
			}})
			require.NoError(t, err)
			require.Equal(t, backend.HealthStatusOk, health.Status, health.Message)
		})
	}
}

func TestTheProvisionedDataSourceSaysWhatTheDSNSays(t *testing.T) {
	c := datasourceCmd{
		ClickHouse: "clickhouse://reader:pa$$w%24rd@db-1:9440,db-2/sightline?secure=true", CAFile: "/etc/ssl/ours.pem",
		Name: "RUM", UID: "rum", Default: true, App: "shop", Environment: "staging", Only: []string{"shop", "b$og"},
		Tempo: "tempo", Loki: "loki", LokiQuery: `{job=~".+"} |= "${traceId}"`,
		LokiRequestQuery: `{job="shop"} |= "${requestId}"`, TempoURL: "https://tempo:3200", TempoRetentionDays: 14,
		Prometheus: "prometheus", PrometheusQuery: `up{instance="${value}"}`,
	}
	var out bytes.Buffer
	require.NoError(t, c.write(&out))
	require.Contains(t, out.String(), "tlsCACert: $__file{/etc/ssl/ours.pem}")

	written := strings.ReplaceAll(out.String(), "$__file{/etc/ssl/ours.pem}", "")
	source := readAsGrafana(t, written)
	require.Equal(t, "RUM", source.Name)
	require.Equal(t, "rum", source.UID)
	require.True(t, source.IsDefault)
	settings, err := plugin.ParseSettings(*source.settings(t))
	require.NoError(t, err)
	require.Equal(t, "db-1:9440,db-2:9440", settings.Address)
	require.Equal(t, "native", settings.Protocol)
	require.True(t, settings.Secure)
	require.Equal(t, "reader", settings.Username)
	require.Equal(t, "pa$$w$rd", settings.Password)
	require.Equal(t, []string{"shop", "b$og"}, settings.Apps)
	require.Equal(t, "staging", settings.DefaultEnvironment)
	require.Equal(t, "tempo", settings.TempoUID)
	require.Equal(t, "loki", settings.LokiUID)
	require.Equal(t, `{job=~".+"} |= "${traceId}"`, settings.LokiQuery)
	require.Equal(t, `{job="shop"} |= "${requestId}"`, settings.LokiRequestQuery)
	require.Equal(t, "https://tempo:3200", settings.TempoURL)
	require.Equal(t, 14, settings.TempoRetentionDays)
	require.Equal(t, "prometheus", settings.PrometheusUID)
	require.Equal(t, `up{instance="${value}"}`, settings.PrometheusQuery)
}

func TestADataSourceThatCouldNotWorkIsRefused(t *testing.T) {
	for message, c := range map[string]datasourceCmd{
		"no engine runs on":                      {Data: t.TempDir()},
		"--clickhouse: ":                         {ClickHouse: "mysql://db/sightline"},
		"the DSN has no password":                {ClickHouse: "clickhouse://reader@db:9000/sightline"},
		"--address db.internal is not host:port": {ClickHouse: "clickhouse://u:p@db:9000/s", Address: "db.internal"},
		"--tempo-url: tempoUrl must be":          {ClickHouse: "clickhouse://u:p@db:9000/s", TempoURL: "tempo:3200"},
	} {
		var out bytes.Buffer
		require.ErrorContains(t, c.write(&out), message)
		require.Empty(t, out.String())
	}
}
