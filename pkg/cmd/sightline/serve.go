package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/sightline-rum/sightline/pkg/ingest"
)

type serveCmd struct {
	Data         string `help:"Data folder: the spool, the secret that users are hashed with, and the embedded engine's tables." default:"./data" env:"SIGHTLINE_DATA"`
	Listen       string `help:"Address to take beacons at." default:"127.0.0.1:8787" env:"SIGHTLINE_LISTEN"`
	AdminListen  string `help:"Answer admin endpoints and metrics at this address, and no longer at --listen." env:"SIGHTLINE_ADMIN_LISTEN" placeholder:"ADDR"`
	EngineListen string `help:"Address of the embedded engine's ClickHouse HTTP interface." default:"127.0.0.1:8123" env:"SIGHTLINE_ENGINE_LISTEN"`
	Clickhouse   string `help:"Store in this ClickHouse server instead of the embedded engine. Prefer the variable: a command line can be seen by others." env:"SIGHTLINE_CLICKHOUSE" placeholder:"DSN"`
	PasswordFile string `name:"clickhouse-password-file" help:"Read that server's password from this file, such as a secret, and not from the DSN." env:"SIGHTLINE_CLICKHOUSE_PASSWORD_FILE" placeholder:"FILE"`
	clusterFlags
	Config      string `help:"Configuration file (YAML); see docs/config.example.yaml." env:"SIGHTLINE_CONFIG" placeholder:"FILE"`
	ForwardTo   string `name:"forward-traces" help:"Pass the spans that pages report on to this OTLP/HTTP endpoint, such as Tempo's http://tempo:4318/v1/traces." env:"SIGHTLINE_FORWARD_TRACES" placeholder:"URL"`
	CheckConfig bool   `help:"Check the configuration and exit."`
	LogFormat   string `help:"Log as text or json." enum:"text,json" default:"text" env:"SIGHTLINE_LOG_FORMAT"`
	LogLevel    string `help:"Least level logged: debug, info, warn or error." enum:"debug,info,warn,error" default:"info" env:"SIGHTLINE_LOG_LEVEL"`
}

func (c *serveCmd) Run(ctx context.Context) error {
	config, version, err := c.config()
	if err != nil {
		return err
	}
	if c.CheckConfig {
		fmt.Println("the configuration is valid")
		return nil
	}
	s := &sidecar{flags: c, config: config, version: version, logger: c.logger()}
	return s.run(ctx)
}

// config reads the configuration file, if there is one, and the environment. Its version is the file's time: journeys of the same file have
// the same version however often they are written.
func (c *serveCmd) config() (ingest.Config, uint64, error) {
	config, err := ingest.ReadConfig(c.Config, os.Environ(), flagVariables())
	if err != nil {
		return ingest.Config{}, 0, err
	}
	if err := checkStores(config); err != nil {
		return ingest.Config{}, 0, err
	}
	if err := c.cluster().Check(); err != nil {
		return ingest.Config{}, 0, err
	}
	if c.Config == "" {
		return config, uint64(time.Now().UnixMilli()), nil
	}
	info, err := os.Stat(c.Config)
	if err != nil {
		return ingest.Config{}, 0, fmt.Errorf("read config: %w", err)
	}
	return config, uint64(info.ModTime().UnixMilli()), nil
}

func (c *serveCmd) logger() *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(c.LogLevel)) // one of the enum
	options := &slog.HandlerOptions{Level: level}
	if c.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(os.Stderr, options))
	}
	return slog.New(slog.NewTextHandler(os.Stderr, options))
}
