package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/sightline-rum/sightline/pkg/doctor"
	"github.com/sightline-rum/sightline/pkg/engine"
	"github.com/sightline-rum/sightline/pkg/ingest"
	"github.com/sightline-rum/sightline/pkg/rollup"
	"github.com/sightline-rum/sightline/pkg/store"
)

// doctorCmd says what is wrong with an installation and how to mend it. Its flags and variables are those of serve.
type doctorCmd struct {
	Data         string `help:"Data folder of the sidecar." default:"./data" env:"SIGHTLINE_DATA"`
	Config       string `help:"Its configuration file." env:"SIGHTLINE_CONFIG" placeholder:"FILE"`
	Listen       string `help:"The address it takes beacons at." default:"127.0.0.1:8787" env:"SIGHTLINE_LISTEN"`
	AdminListen  string `help:"The address it answers operators at, where that is another." env:"SIGHTLINE_ADMIN_LISTEN" placeholder:"ADDR"`
	Clickhouse   string `help:"The ClickHouse server it stores in, where that is not the embedded engine." env:"SIGHTLINE_CLICKHOUSE" placeholder:"DSN"`
	PasswordFile string `name:"clickhouse-password-file" help:"File with that server's password." env:"SIGHTLINE_CLICKHOUSE_PASSWORD_FILE" placeholder:"FILE"`
	Output       string `help:"Print text or json." enum:"text,json" default:"text"`

	FromURL string        `name:"from-url" group:"From outside" help:"Check an installation as a visitor's browser sees it: the address that pages send to, such as https://shop.example/rum/collect/KEY." placeholder:"URL"`
	Origin  string        `group:"From outside" help:"The origin of a page that sends; that of the URL if left out." placeholder:"ORIGIN"`
	App     string        `group:"From outside" help:"App of the test beacon, where the key does not decide it; with --rollups, the app whose hours are compared." env:"SIGHTLINE_APP"`
	CAFile  string        `name:"ca-file" group:"From outside" help:"Trust the certificate authority in this file instead of this machine's." placeholder:"FILE"`
	Wait    time.Duration `group:"From outside" help:"How long the test beacon may take into the store." default:"30s"`
	Store   bool          `group:"From outside" help:"Look for the test beacon in the store that --data or --clickhouse names."`

	Rollups      bool `group:"Roll-ups" help:"Compare the roll-ups with the rows, hour by hour. Reads all rows."`
	clusterFlags `group:"Roll-ups"`
	rolledHours  `group:"Roll-ups"`
}

// Help is the text below the flags of --help.
func (c *doctorCmd) Help() string {
	return `On the sidecar's machine, with the flags, the variables and the user of serve:

  sightline doctor --data /var/lib/sightline --config /etc/sightline/config.yaml

From anywhere, as a visitor's browser: TLS, CORS, the path, and one beacon, marked as synthetic so that no answer counts it:

  sightline doctor --from-url https://shop.example/rum/collect/KEY

Whether the counts that long time ranges are answered from are those of the rows, hour by hour (--app, --from, --to):

  sightline doctor --rollups --data /var/lib/sightline

With --store, --from-url looks for that beacon in the store, too. Each finding says what is wrong, where, and what to do; the exit
code is 1 when there is a problem, and 0 when there are warnings at most.`
}

// Run prints the report and fails when there are problems.
func (c *doctorCmd) Run(ctx context.Context) error { return c.write(ctx, os.Stdout) }

func (c *doctorCmd) write(ctx context.Context, out io.Writer) error {
	examine := c.inside
	switch {
	case c.Rollups && c.FromURL != "":
		return errors.New("--rollups and --from-url are two examinations: ask for one at a time")
	case c.Rollups:
		examine = c.rollups
	case c.FromURL != "":
		examine = c.outside
	}
	report, err := examine(ctx)
	if err != nil {
		return err
	}
	if c.Output == "json" {
		err = printJSON(out, report)
	} else {
		err = report.Write(out)
	}
	if problems := report.Count(doctor.Problem); err == nil && problems > 0 {
		err = errors.New("there are problems; mend the first one first: others may come of it")
	}
	return err
}

func (c *doctorCmd) inside(ctx context.Context) (*doctor.Report, error) {
	inside := doctor.Inside{
		ConfigPath: c.Config, Data: c.Data, Listen: c.Listen, AdminListen: c.AdminListen, Embedded: c.Clickhouse == "",
		Stores: map[string]store.Config{},
	}
	inside.Config, inside.ConfigError = ingest.ReadConfig(c.Config, os.Environ(), flagVariables())
	add := func(name, dsn, passwordFile string) {
		config, err := clickHouse(dsn, passwordFile)
		if err != nil {
			inside.ConfigError = errors.Join(inside.ConfigError, err)
			return
		}
		inside.Stores[name] = config
	}
	if c.Clickhouse != "" {
		add("", c.Clickhouse, c.PasswordFile)
	}
	for name, further := range inside.Config.Stores {
		add(name, further.ClickHouse, further.PasswordFile)
	}
	return inside.Examine(ctx), nil
}

func (c *doctorCmd) outside(ctx context.Context) (*doctor.Report, error) {
	outside := doctor.Outside{URL: c.FromURL, Origin: c.Origin, App: c.App, Wait: c.Wait}
	if c.CAFile != "" {
		text, err := os.ReadFile(c.CAFile)
		if err != nil {
			return nil, fmt.Errorf("--ca-file: %w", err)
		}
		outside.Roots = x509.NewCertPool()
		if !outside.Roots.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("--ca-file %s holds no PEM certificate", c.CAFile)
		}
	}
	if c.Store || c.Clickhouse != "" {
		config, err := c.store()
		if err != nil {
			return nil, err
		}
		outside.Store = &config
	}
	return outside.Examine(ctx), nil
}

func (c *doctorCmd) rollups(ctx context.Context) (*doctor.Report, error) {
	in, err := c.in(c.App, time.Now())
	if err != nil {
		return nil, err
	}
	config, err := c.store()
	if err != nil {
		return nil, err
	}
	kept, _, err := (&migrateCmd{Config: c.Config}).retention()
	if err != nil {
		return nil, err
	}
	checked := doctor.Rollups{Store: config, Cluster: c.cluster(), Hours: in, AppDays: kept.Apps}
	told := time.Now()
	checked.Progress = func(t rollup.Table, done, of int) {
		if time.Since(told) >= time.Second {
			told = time.Now()
			fmt.Fprintf(os.Stderr, "%s: %d of %d hours\n", t.Name, done, of)
		}
	}
	return checked.Examine(ctx), nil
}

func (c *doctorCmd) store() (store.Config, error) {
	if c.Clickhouse != "" {
		return clickHouse(c.Clickhouse, c.PasswordFile)
	}
	access, err := engine.ReadAccess(c.Data)
	if err != nil {
		return store.Config{}, err
	}
	return store.FromAccess(access.Address, access.Database, access.Reader.User, access.Reader.Password), nil
}
