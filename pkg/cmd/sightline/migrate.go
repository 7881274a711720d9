package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/sightline-rum/sightline/pkg/engine"
	"github.com/sightline-rum/sightline/pkg/store"
)

type migrateCmd struct {
	Data         string   `help:"Data folder of a running engine." type:"path" xor:"store"`
	ClickHouse   string   `name:"clickhouse" help:"DSN, such as clickhouse://user:password@host:9000/sightline." xor:"store"`
	PasswordFile string   `name:"clickhouse-password-file" help:"Read that server's password from this file, and not from the DSN." placeholder:"FILE"`
	Cluster      string   `help:"Lay the tables out for this cluster." env:"SIGHTLINE_CLUSTER" placeholder:"NAME"`
	Shards       []string `help:"Addresses of the cluster's shards in its order, as serve takes them." sep:";" env:"SIGHTLINE_SHARDS" placeholder:"ADDR,…"`
	Unreplicated bool     `help:"The cluster's shards are single servers, without replicas and without a keeper." env:"SIGHTLINE_UNREPLICATED"`
	Print        bool     `help:"Print the statements instead of running them."`
}

func (c *migrateCmd) Run(ctx context.Context) error {
	if c.Print {
		return c.print()
	}
	config, err := c.config()
	if err != nil {
		return err
	}
	opened, err := store.Open(config)
	if err != nil {
		return err
	}
	cluster := store.Cluster{Name: c.Cluster, Shards: c.Shards, Unreplicated: c.Unreplicated}
	if err := cluster.Check(); err != nil {
		return err
	}
	opened = opened.OnCluster(cluster)
	defer opened.Close()
	if err := opened.Migrate(ctx); err != nil {
		return err
	}
	version, err := opened.SchemaVersion(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("%s at %s is at schema version %d.\n", config.Database, config.Address, version)
	return nil
}

func (c *migrateCmd) print() error {
	statements, err := store.Statements(store.Layout{Cluster: c.Cluster, Unreplicated: c.Unreplicated})
	if err != nil {
		return err
	}
	for _, statement := range statements {
		if _, err := fmt.Fprintf(os.Stdout, "%s;\n\n", statement); err != nil {
			return err
		}
	}
	return nil
}

func (c *migrateCmd) config() (store.Config, error) {
	switch {
	case c.ClickHouse != "":
		return clickHouse(c.ClickHouse, c.PasswordFile)
	case c.Data != "":
		access, err := engine.ReadAccess(c.Data)
		if err != nil {
			return store.Config{}, err
		}
		return store.FromAccess(access.Address, access.Database, access.Writer.User, access.Writer.Password), nil
	default:
		return store.Config{}, errors.New("say which store: --data DIR of a running engine, or --clickhouse DSN")
	}
}
