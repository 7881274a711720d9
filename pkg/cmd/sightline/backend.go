package main

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"go.opentelemetry.io/otel"

	"github.com/sightline-rum/sightline/pkg/demo/backend"
)

// backendFlags say where the demo shop's services send their spans and log lines, and what goes wrong in them.
type backendFlags struct {
	Tempo string `env:"TEMPO_URL" placeholder:"URL" help:"A Tempo, by the address that Grafana asks (http://127.0.0.1:3200). The shop's spans go to port 4318 of its host, unless OTEL_EXPORTER_OTLP_TRACES_ENDPOINT names another address."`
	Loki  string `env:"LOKI_URL" placeholder:"URL" help:"A Loki, by the address that Grafana asks (http://127.0.0.1:3100). The shop's log lines go to /otlp/v1/logs there, unless OTEL_EXPORTER_OTLP_LOGS_ENDPOINT names another address."`

	SlowPayments    float64       `default:"0" placeholder:"SHARE" help:"Share of payments, from 0 to 1, that the shop's bank is slow with."`
	SlowBy          time.Duration `default:"2s" help:"How slow that is."`
	FailingPayments float64       `default:"0" placeholder:"SHARE" help:"Share of payments that fail behind the shop."`
	Unsampled       float64       `default:"0" placeholder:"SHARE" help:"Share of traces that the shop's services do not record."`
}

// start runs the services behind the shop. Their telemetry is kept below data, too, unless that is "". unsent is told
// once when some cannot be sent.
func (f *backendFlags) start(ctx context.Context, data, release string, unsent func(error)) (*backend.Backend, error) {
	config := backend.Config{Release: release, Faults: backend.Faults{SlowPayments: f.SlowPayments, SlowBy: f.SlowBy,
		FailingPayments: f.FailingPayments, Unsampled: f.Unsampled}}
	if data != "" {
		config.Folder = filepath.Join(data, "backend")
	}
	if f.Tempo != "" && os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") == "" {
		tempo, err := url.Parse(f.Tempo)
		if err != nil || tempo.Hostname() == "" {
			return nil, fmt.Errorf("--tempo %q is no address such as http://127.0.0.1:3200", f.Tempo)
		}
		config.Traces = "http://" + tempo.Hostname() + ":4318/v1/traces"
	}
	if f.Loki != "" && os.Getenv("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT") == "" {
		loki, err := url.Parse(f.Loki)
		if err != nil || loki.Hostname() == "" {
			return nil, fmt.Errorf("--loki %q is no address such as http://127.0.0.1:3100", f.Loki)
		}
		config.Logs = loki.JoinPath("otlp/v1/logs").String()
	}
	var once sync.Once
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { once.Do(func() { unsent(err) }) }))
	return backend.Start(ctx, config)
}

// stopBackend gives what has not been sent yet a moment.
func stopBackend(b *backend.Backend) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_ = b.Stop(ctx) // what could not be sent has been told
}
