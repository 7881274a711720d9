package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/sightline-rum/sightline/pkg/engine"
	"github.com/sightline-rum/sightline/pkg/ingest"
	"github.com/sightline-rum/sightline/pkg/store"
)

type migrateCmd struct {
	Data         string `help:"Data folder of a running engine." type:"path" xor:"store"`
	ClickHouse   string `name:"clickhouse" help:"DSN, such as clickhouse://user:password@host:9000/sightline." xor:"store"`
	PasswordFile string `name:"clickhouse-password-file" help:"Read that server's password from this file, and not from the DSN." placeholder:"FILE"`
	clusterFlags
	Config string `help:"Change for how long rows are kept to what this configuration file says." env:"SIGHTLINE_CONFIG" placeholder:"FILE"`
	DryRun bool   `help:"Say what would be changed, and change nothing."`
	Print  bool   `help:"Print the statements that make the tables from nothing, instead of running any."`
}

func (*migrateCmd) Help() string {
	return `
Tables of an older version are brought up to date with their rows in place. With --config, they then keep their rows for as
long as its section "retention" says, and rows of apps with "retention_days" and values of sensitive columns that are older
are removed. What a shorter retention removes cannot be brought back: try --dry-run first.

Examples:
  sightline migrate --clickhouse clickhouse://user:password@host:9000/sightline
  sightline migrate --data ./data --config config.yaml --dry-run
  sightline migrate --print --config config.yaml --cluster main
`
}

func (c *migrateCmd) Run(ctx context.Context) error {
	retention, said, err := c.retention()
	if err != nil {
		return err
	}
	if c.Print {
		return c.print(retention)
	}
	config, err := c.config()
	if err != nil {
		return err
	}
	opened, err := store.Open(config)
	if err != nil {
		return err
	}
	if err := c.cluster().Check(); err != nil {
		return err
	}
	opened = opened.OnCluster(c.cluster()).WithRetention(retention)
	defer opened.Close()
	if c.DryRun {
		return c.wouldDo(ctx, opened, retention, said)
	}
	if err := opened.Migrate(ctx); err != nil {
		return err
	}
	version, err := opened.SchemaVersion(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("%s at %s is at schema version %d.\n", config.Database, config.Address, version)
	return retain(ctx, opened, retention, said)
}

// retention is what the configuration says of it, if one is named.
func (c *migrateCmd) retention() (r store.Retention, said bool, err error) {
	if c.Config == "" {
		return r, false, nil
	}
	config, err := ingest.ReadConfig(c.Config, os.Environ(), flagVariables())
	if err != nil {
		return r, false, err
	}
	r, said = config.KeptFor()
	return r, said, nil
}

// wouldDo says what a run without --dry-run would change.
func (c *migrateCmd) wouldDo(ctx context.Context, opened *store.Store, r store.Retention, said bool) error {
	found, err := opened.SchemaVersion(ctx)
	if err != nil {
		return err
	}
	if latest := store.LatestVersion(); found != latest {
		fmt.Printf("would bring the tables from version %d to %d\n", found, latest)
	}
	if !said {
		return nil
	}
	changes, err := opened.RetentionChanges(ctx, r)
	if err != nil {
		return err
	}
	for _, change := range changes {
		fmt.Printf("would keep %s\n", change)
		for _, statement := range change.Statements() {
			fmt.Printf("  %s;\n", statement)
		}
	}
	if len(changes) == 0 && found == store.LatestVersion() {
		fmt.Println("would change nothing: the tables keep their rows as the configuration says")
	}
	return nil
}

// retain changes for how long rows are kept, and removes what is then too old.
func retain(ctx context.Context, opened *store.Store, r store.Retention, said bool) error {
	if said {
		changes, err := opened.RetentionChanges(ctx, r)
		if err != nil {
			return err
		}
		if err := opened.ApplyRetention(ctx, changes); err != nil {
			return err
		}
		for _, change := range changes {
			fmt.Printf("kept: %s\n", change)
		}
	}
	removed, err := opened.Expire(ctx, r, time.Now())
	for _, one := range removed {
		fmt.Printf("removed: %s\n", one)
	}
	return err
}

func (c *migrateCmd) print(r store.Retention) error {
	statements, err := store.Statements(store.Layout{Cluster: c.Cluster, Unreplicated: c.Unreplicated, Days: r.Days()})
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
