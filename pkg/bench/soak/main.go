// Command soak runs the sidecar with its embedded engine and the plugin for hours under the demo's traffic, and looks
// at what they hold: memory, descriptors, goroutines, parts, files. What grows without end is found by time alone.
//
//	go run ./pkg/bench/soak run --for 2h --folder /tmp/soak
//	go run ./pkg/bench/soak draw --folder /tmp/soak --into docs/img
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

type commands struct {
	Run  runCmd  `cmd:"" help:"Run the soak; its samples go into a CSV file. Ends with 1 where something grew."`
	Draw drawCmd `cmd:"" help:"Draw the samples and judge them, also those of a soak that is still running."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var cli commands
	parsed := kong.Parse(&cli, kong.Name("soak"), kong.BindTo(ctx, (*context.Context)(nil)))
	if err := parsed.Run(); err != nil {
		fmt.Fprintf(os.Stderr, "soak: %v\n", err)
		os.Exit(1)
	}
}
