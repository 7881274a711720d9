package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/sightline-rum/sightline/pkg/demo/shop"
)

// shopCmd runs the demo shop with the services behind it, beside a sidecar that runs elsewhere.
type shopCmd struct {
	Listen      string `default:"127.0.0.1:8080" help:"Address of the shop."`
	Collector   string `default:"http://127.0.0.1:8787/collect" env:"SIGHTLINE_COLLECTOR" placeholder:"URL" help:"Where the visitors' browsers reach the sidecar, with the app's key if it has one: …/collect/KEY."`
	App         string `default:"shop" help:"App name in the beacons."`
	Environment string `default:"production" help:"Environment in the beacons."`
	Release     string `default:"2.5.0" help:"Release in the beacons, and version of the services."`
	Data        string `type:"path" placeholder:"DIR" help:"Keep the spans and log lines of the shop's services here, in backend/spans.jsonl and backend/logs.jsonl."`
	Bundle      string `type:"path" placeholder:"FILE" help:"The Faro SDK's script, for the pages that it measures. By default demo/faro.js beside this program, or bin/demo/faro.js."`

	Backend backendFlags `embed:"" group:"The services behind the shop:"`
}

// Help says what a page's address can ask for.
func (shopCmd) Help() string {
	text := &strings.Builder{}
	fmt.Fprint(text, "Every page is measured by the sidecar's agent, and /help by the Grafana Faro Web SDK. Any page's address can "+
		"ask for another: ?sdk=agent, ?sdk=faro or ?sdk=none. With ?consent=required nothing is measured before the visitor "+
		"allows it, and with ?fault=NAME something goes wrong, or several things with commas between them:\n\n")
	for _, fault := range shop.Faults {
		fmt.Fprintf(text, "  %-16s %s\n", fault.Name, fault.What)
	}
	return text.String()
}

// Run serves the shop until Ctrl-C.
func (c *shopCmd) Run(ctx context.Context) error {
	bundle := c.Bundle
	if bundle == "" {
		bundle, _ = beside("demo/faro.js", "bin/demo/faro.js") // the pages that need it say when it is missing
	}
	pages, err := shop.New(shop.Config{CollectorURL: c.Collector, FaroBundle: bundle, App: c.App,
		Environment: c.Environment, Release: c.Release})
	if err != nil {
		return err
	}
	services, err := c.Backend.start(ctx, c.Data, c.Release, func(err error) {
		fmt.Fprintf(os.Stderr, "sightline shop: telemetry not sent: %v\n", err)
	})
	if err != nil {
		return err
	}
	defer stopBackend(services)
	listener, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return fmt.Errorf("start the shop: %w; choose another address with --listen", err)
	}
	fmt.Printf("sightline shop: http://%s, reporting to %s\n", listener.Addr(), c.Collector)
	server := &http.Server{Handler: services.Handler(pages), ReadHeaderTimeout: 10 * time.Second}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve the shop: %w", err)
	}
	return nil
}
