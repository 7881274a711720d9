// Command sightline is the operator's program: the ingestion sidecar, its embedded engine, and the tools around them.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"
)

// commands are in the order of their use: run it, look after it, ask it, try it.
type commands struct {
	Serve  serveCmd  `cmd:"" help:"Run the ingestion sidecar: take beacons, store them in ClickHouse."`
	Ready  readyCmd  `cmd:"" help:"Succeed when the sidecar is ready; for health checks."`
	Doctor doctorCmd `cmd:"" help:"Say what is wrong with an installation, and how to mend it."`

	Deploy     deployCmd     `cmd:"" help:"Record a deploy, so that answers can be compared across it."`
	Sourcemap  sourcemapCmd  `cmd:"" help:"Upload source maps, with which stacks are read."`
	Erase      eraseCmd      `cmd:"" help:"Erase a visit or a user, and wait until that is verified."`
	Rollup     rollupCmd     `cmd:"" help:"Count the hours that the roll-ups lack, with progress."`
	Quarantine quarantineCmd `cmd:"" help:"Look at rejected items, and send them through the pipeline again."`
	Scrub      scrubCmd      `cmd:"" help:"Try what is masked in a text, and by which rule."`

	Query      queryCmd      `cmd:"" help:"Ask the built plugin a question without Grafana."`
	Datasource datasourceCmd `cmd:"" help:"Print the file that adds this store to a Grafana as a data source."`
	Migrate    migrateCmd    `cmd:"" help:"Bring the store's tables up to date, or print the statements."`
	Engine     engineCmd     `cmd:"" help:"Run the embedded ClickHouse engine on a data folder (serve starts it by itself)."`

	Demo     demoCmd     `cmd:"" help:"Start everything with a demo shop, and walk through an incident."`
	Shop     shopCmd     `cmd:"" help:"Run the demo shop alone, beside a sidecar."`
	Simulate simulateCmd `cmd:"" help:"Send realistic shop traffic to a sidecar."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	var cli commands
	parsed := kong.Parse(&cli,
		kong.Name("sightline"),
		kong.Description("Real user monitoring inside Grafana. Start with: sightline serve --data ./data"),
		kong.UsageOnError(),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.BindTo(ctx, (*context.Context)(nil)),
	)
	if err := parsed.Run(); err != nil {
		command, _, _ := strings.Cut(parsed.Command(), " ") // without the names of its arguments
		fmt.Fprintf(os.Stderr, "sightline %s: %v\n", command, err)
		os.Exit(1)
	}
}
