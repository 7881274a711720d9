package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/sightline-rum/sightline/pkg/rollup"
	"github.com/sightline-rum/sightline/pkg/store"
)

// rollupCmd rolls up at once what the sidecar rolls up by and by.
type rollupCmd struct {
	rolledHours
	App   string `help:"Only this app's hours." env:"SIGHTLINE_APP"`
	Again bool   `help:"Roll every hour anew, also those that are counted: mends what doctor --rollups finds."`

	Data         string `help:"Data folder of a running engine." type:"path" xor:"store"`
	ClickHouse   string `name:"clickhouse" help:"DSN, such as clickhouse://user:password@host:9000/sightline." xor:"store"`
	PasswordFile string `name:"clickhouse-password-file" help:"Read that server's password from this file, and not from the DSN." placeholder:"FILE"`
	clusterFlags
	Config string `help:"The sidecar's configuration file: hours of apps with retention_days are left as they are once their rows may be gone." env:"SIGHTLINE_CONFIG" placeholder:"FILE"`
}

// rolledHours are the hours that a command is about.
type rolledHours struct {
	From string `help:"From this hour on, UTC: 2026-11-20, 2026-11-20T13:00, or a time ago such as 48h. Default: as far back as there are rows." placeholder:"TIME"`
	To   string `help:"Until before this hour. Default: now." placeholder:"TIME"`
}

// Help is the text below the flags of --help.
func (*rollupCmd) Help() string {
	return `
Roll-ups are counts of each hour: what long time ranges are answered from, and what is left when the rows have expired. The
sidecar keeps them by itself; this does at once what it would do by and by, such as after an upgrade:

  sightline rollup --data ./data
  sightline rollup --clickhouse clickhouse://sightline@db:9000/sightline --from 2026-11-01 --app shop

The newest hours come first. Stop it whenever you like: hours that are done stay done, and the next run goes on with those
that are left. Rows may come in meanwhile, and other rollers may run. Hours whose rows have begun to expire, or are
gone because their app has retention_days, stay as they are.

Whether the roll-ups are right, cell by cell: sightline doctor --rollups. What it finds is mended with --again.
`
}

// Run rolls up and prints how far it has come.
func (c *rollupCmd) Run(ctx context.Context) error {
	in, err := c.in(c.App, time.Now())
	if err != nil {
		return err
	}
	kept, _, err := (&migrateCmd{Config: c.Config}).retention()
	if err != nil {
		return err
	}
	config, err := (&migrateCmd{Data: c.Data, ClickHouse: c.ClickHouse, PasswordFile: c.PasswordFile}).config()
	if err != nil {
		return err
	}
	opened, err := store.Open(config)
	if err != nil {
		return err
	}
	opened = opened.OnCluster(c.cluster())
	defer opened.Close()
	if err := opened.CheckSchema(ctx); err != nil {
		return err
	}
	if err := opened.FindShards(ctx); err != nil {
		return err
	}
	for i, shard := range opened.Shards() {
		if len(opened.Shards()) > 1 {
			fmt.Printf("shard %d of %d\n", i+1, len(opened.Shards()))
		}
		if err := c.backfill(ctx, rollup.Of(shard).KeepingApps(kept.Apps), in); err != nil {
			return err
		}
	}
	return nil
}

// backfill rolls up one shard.
func (c *rollupCmd) backfill(ctx context.Context, of *rollup.Rollups, in rollup.Range) error {
	told := time.Time{}
	done, err := of.Backfill(ctx, in, c.Again, func(p rollup.Progress) {
		if time.Since(told) >= time.Second || p.Done == p.Of {
			told = time.Now()
			printProgress(os.Stdout, p)
		}
	})
	if err != nil {
		return fmt.Errorf("%w; %d of %d hours are done: run it again to go on", err, done.Done, done.Of)
	}
	if done.Of == 0 {
		fmt.Println("nothing is behind: every hour that has rows is rolled up")
		return nil
	}
	fmt.Printf("rolled up %d hours of %d rows in %s\n", done.Done, done.Rows, done.Took.Round(time.Millisecond))
	return nil
}

func printProgress(out io.Writer, p rollup.Progress) {
	fmt.Fprintf(out, "%s  %d of %d hours, %d of %d rows, about %s left\n", p.Hour, p.Done, p.Of, p.Rows, p.AllRows,
		p.Left().Round(time.Second))
}

// in reads the range.
func (h rolledHours) in(app string, now time.Time) (rollup.Range, error) {
	from, err := hourOf("--from", h.From, now)
	if err != nil {
		return rollup.Range{}, err
	}
	to, err := hourOf("--to", h.To, now)
	if err != nil {
		return rollup.Range{}, err
	}
	if !to.IsZero() && !from.Before(to) {
		return rollup.Range{}, fmt.Errorf("--from %s is not before --to %s", h.From, h.To)
	}
	return rollup.Range{App: app, From: from, To: to}, nil
}

// hourOf is the start of the hour that a text names, or zero for an empty one.
func hourOf(flag, text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if ago, err := time.ParseDuration(text); err == nil {
		return now.Add(-ago).UTC().Truncate(time.Hour), nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04", "2006-01-02 15:04", time.DateOnly} {
		if at, err := time.Parse(layout, text); err == nil {
			return at.UTC().Truncate(time.Hour), nil
		}
	}
	return time.Time{}, fmt.Errorf("%s %q is no time: write 2026-11-20, 2026-11-20T13:00, or 48h for that long ago", flag, text)
}
