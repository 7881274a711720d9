package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/sightline-rum/sightline/pkg/engine"
	"github.com/sightline-rum/sightline/pkg/plugin"
	"github.com/sightline-rum/sightline/pkg/store"
)

// datasourceCmd prints a file for Grafana's provisioning/datasources. A Grafana that runs as another user may not read
// the engine's access file, and one on another host cannot; this is how address and login get there.
type datasourceCmd struct {
	Data       string `xor:"store" placeholder:"./data" type:"path" help:"For the engine that runs on this data folder, as its reader."`
	ClickHouse string `xor:"store" name:"clickhouse" placeholder:"DSN" help:"For a ClickHouse server: clickhouse://user:password@host:9000/sightline. Name a user who may only read."`

	Address      string `placeholder:"HOST:PORT" help:"Where Grafana reaches the store, if that is not the address it listens on here."`
	PasswordEnv  string `xor:"password" placeholder:"NAME" help:"Leave the password out; Grafana takes it from this environment variable."`
	PasswordFile string `xor:"password" placeholder:"FILE" help:"Leave the password out; Grafana reads it from this file on its own machine, such as a secret."`

	CAFile string `name:"ca-file" placeholder:"FILE" help:"Grafana trusts the certificate authority in this file on its own machine, for a DSN with secure=true."`

	Name        string   `default:"Sightline" help:"Name of the data source."`
	UID         string   `default:"sightline" name:"uid" help:"Its uid. The dashboards and the links from Tempo expect the default."`
	Default     bool     `help:"Make it Grafana's default data source."`
	App         string   `placeholder:"NAME" help:"The app that is asked about unless another is named."`
	Environment string   `default:"production" help:"The environment that is asked about unless another is named."`
	Only        []string `sep:"none" placeholder:"NAME" help:"Answer for this app alone (repeat for more)."`
	Tempo       string   `name:"tempo" placeholder:"UID" help:"Link trace ids to this Tempo data source."`
	Loki        string   `name:"loki" placeholder:"UID" help:"Link trace ids to their log lines in this Loki data source."`
	LokiQuery   string   `name:"loki-query" placeholder:"LOGQL" help:"What finds those lines, with $${traceId} for the id. Any service's unless you say so."`

	LokiRequestQuery   string `name:"loki-request-query" placeholder:"LOGQL" help:"What finds the lines of a request id, on sites without tracing, with $${requestId} for the id. Any service's unless you say so."`
	TempoURL           string `name:"tempo-url" placeholder:"URL" help:"Let the plugin itself ask this Tempo, as Grafana's machine reaches it, which traces it does not have: http://tempo:3200."`
	TempoRetentionDays uint16 `name:"tempo-retention-days" placeholder:"DAYS" help:"How long that Tempo keeps traces, so that an older one is not asked for."`

	Prometheus string `name:"prometheus" placeholder:"UID" help:"Link endpoints and hosts to how busy their service is in this Prometheus data source."`

	PrometheusQuery string `name:"prometheus-query" placeholder:"PROMQL" help:"What tells that, with $${value} for the endpoint or host. The CPU time of every job unless you say so."`
}

// Help is the text below the flags of --help.
func (c *datasourceCmd) Help() string {
	return `The output is a whole file. Put it where Grafana looks when it starts, readable by Grafana's user alone:

  Grafana from a package, on this machine
    sightline datasource --data /var/lib/sightline |
      sudo install -m 0640 -g grafana /dev/stdin /etc/grafana/provisioning/datasources/sightline.yaml
    sudo systemctl restart grafana-server

  Grafana that takes the password from its environment, so that the file holds no secret
    sightline datasource --data ./data --password-env SIGHTLINE_READER_PASSWORD > sightline.yaml

  Grafana in a container or on another host, with a ClickHouse server
    sightline datasource --clickhouse clickhouse://sightline_reader@db.internal:9000/sightline \
      --password-file /run/secrets/sightline_reader_password > sightline.yaml

The embedded engine speaks no TLS and listens on this machine only, so --address is for a tunnel, a proxy, or a container
network. For a Grafana elsewhere use a ClickHouse server.

Check the result before Grafana sees it: sightline query --health with the same --data or --clickhouse.`
}

// Run prints the file.
func (c *datasourceCmd) Run(context.Context) error { return c.write(os.Stdout) }

func (c *datasourceCmd) write(out io.Writer) error {
	config, err := c.store()
	if err != nil {
		return err
	}
	settings := plugin.SettingsFor(config)
	if c.Address != "" {
		if _, _, err := net.SplitHostPort(c.Address); err != nil {
			return fmt.Errorf("--address %s is not host:port, such as sightline.internal:8123", c.Address)
		}
		settings.Address = c.Address
	}
	if err := plugin.CheckTempoURL(c.TempoURL); err != nil {
		return fmt.Errorf("--tempo-url: %w", err)
	}
	settings.DefaultApp, settings.DefaultEnvironment, settings.Apps = c.App, c.Environment, c.Only
	settings.TempoUID, settings.LokiUID, settings.PrometheusUID = c.Tempo, c.Loki, c.Prometheus
	settings.LokiQuery, settings.LokiRequestQuery = c.LokiQuery, c.LokiRequestQuery
	settings.TempoURL, settings.TempoRetentionDays = c.TempoURL, int(c.TempoRetentionDays)
	settings.PrometheusQuery = c.PrometheusQuery
	password, err := c.password(settings.Password)
	if err != nil {
		return err
	}
	text, err := yaml.Marshal(c.file(settings, password))
	if err != nil {
		return fmt.Errorf("write the data source as YAML: %w", err)
	}
	_, err = fmt.Fprintf(out, "# Written by `sightline datasource`, for Grafana's provisioning/datasources folder.\n%s", text)
	return err
}

// store is where the data source looks: never as the engine's writer.
func (c *datasourceCmd) store() (store.Config, error) {
	if c.ClickHouse != "" {
		config, err := store.ParseDSN(c.ClickHouse)
		if err != nil {
			return store.Config{}, fmt.Errorf("--clickhouse: %w", err)
		}
		return config, nil
	}
	data := c.Data
	if data == "" {
		data = "./data"
	}
	access, err := engine.ReadAccess(data)
	if err != nil {
		return store.Config{}, err
	}
	return store.FromAccess(access.Address, access.Database, access.Reader.User, access.Reader.Password), nil
}

// password is what stands in the file: the password itself, or where Grafana finds it.
func (c *datasourceCmd) password(known string) (string, error) {
	switch {
	case c.PasswordEnv != "":
		return "${" + c.PasswordEnv + "}", nil
	case c.PasswordFile != "":
		return fileReference(c.PasswordFile), nil
	case known == "":
		return "", errors.New("the DSN has no password: add one, or say where Grafana finds it with --password-env or " +
			"--password-file")
	default:
		return literal(known), nil
	}
}

// fileReference is how Grafana is told to read a file when it starts.
func fileReference(path string) string { return "$__file{" + path + "}" }

// literal keeps Grafana from taking a dollar sign for the start of a variable.
func literal(text string) string { return strings.ReplaceAll(text, "$", "$$") }

// file is the provisioning file as Grafana reads it. The keys keep their order, for people who read it.
func (c *datasourceCmd) file(s plugin.Settings, password string) yaml.MapSlice {
	settings := yaml.MapSlice{
		{Key: "address", Value: literal(s.Address)},
		{Key: "protocol", Value: s.Protocol},
		{Key: "database", Value: literal(s.Database)},
		{Key: "username", Value: literal(s.Username)},
	}
	add := func(key string, value any, wanted bool) {
		if wanted {
			settings = append(settings, yaml.MapItem{Key: key, Value: value})
		}
	}
	add("secure", true, s.Secure)
	add("tlsSkipVerify", true, s.TLSSkipVerify)
	add("tlsServerName", literal(s.TLSServerName), s.TLSServerName != "")
	add("defaultApp", literal(s.DefaultApp), s.DefaultApp != "")
	add("defaultEnvironment", literal(s.DefaultEnvironment), s.DefaultEnvironment != "")
	add("apps", literals(s.Apps), len(s.Apps) > 0)
	add("tempoUid", literal(s.TempoUID), s.TempoUID != "")
	add("lokiUid", literal(s.LokiUID), s.LokiUID != "")
	add("lokiQuery", literal(s.LokiQuery), s.LokiQuery != "")
	add("lokiRequestQuery", literal(s.LokiRequestQuery), s.LokiRequestQuery != "")
	add("tempoUrl", literal(s.TempoURL), s.TempoURL != "")
	add("tempoRetentionDays", s.TempoRetentionDays, s.TempoRetentionDays != 0)
	add("prometheusUid", literal(s.PrometheusUID), s.PrometheusUID != "")
	add("prometheusQuery", literal(s.PrometheusQuery), s.PrometheusQuery != "")

	secrets := yaml.MapSlice{{Key: "password", Value: password}}
	if c.CAFile != "" {
		secrets = append(secrets, yaml.MapItem{Key: "tlsCACert", Value: fileReference(c.CAFile)})
	}
	source := yaml.MapSlice{
		{Key: "name", Value: literal(c.Name)},
		{Key: "uid", Value: literal(c.UID)},
		{Key: "type", Value: plugin.ID},
		{Key: "access", Value: "proxy"},
		{Key: "isDefault", Value: c.Default},
		{Key: "jsonData", Value: settings},
		{Key: "secureJsonData", Value: secrets},
	}
	return yaml.MapSlice{{Key: "apiVersion", Value: 1}, {Key: "datasources", Value: []yaml.MapSlice{source}}}
}

func literals(texts []string) []string {
	escaped := make([]string, len(texts))
	for i, text := range texts {
		escaped[i] = literal(text)
	}
	return escaped
}
