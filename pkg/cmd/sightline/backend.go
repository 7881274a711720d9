package main

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"sync"
	"time"

	"go.opentelemetry.io/otel"

	"github.com/sightline-rum/sightline/pkg/demo/backend"
)

// backendFlags say where the demo shop's services send their spans and log lines, and what goes wrong in them.
type backendFlags struct {
	Tempo string `env:"TEMPO_URL" placeholder:"URL" help:"A Tempo, by the address that Grafana asks (http://127.0.0.1:3200). The shop's spans go to port 4318 of its host, unless OTEL_EXPORTER_OTLP_ENDPOINT or OTEL_EXPORTER_OTLP_TRACES_ENDPOINT names another address."`
	Loki  string `env:"LOKI_URL" placeholder:"URL" help:"A Loki, by the address that Grafana asks (http://127.0.0.1:3100). The shop's log lines go to /otlp/v1/logs there, unless OTEL_EXPORTER_OTLP_ENDPOINT or OTEL_EXPORTER_OTLP_LOGS_ENDPOINT names another address."`

	SlowPayments    float64       `default:"0" placeholder:"SHARE" help:"Share of payments, from 0 to 1, that the shop's bank is slow with."`
	SlowBy          time.Duration `default:"2s" help:"How slow that is."`
	FailingPayments float64       `default:"0" placeholder:"SHARE" help:"Share of payments that fail behind the shop."`
	Unsampled       float64       `default:"0" placeholder:"SHARE" help:"Share of traces that the shop's services do not record."`
}

// config is what the flags ask for. The services' telemetry is kept below data, too, unless that is "".
func (f *backendFlags) config(data, release string) (backend.Config, error) {
	config := backend.Config{Release: release, Faults: backend.Faults{SlowPayments: f.SlowPayments, SlowBy: f.SlowBy,
		FailingPayments: f.FailingPayments, Unsampled: f.Unsampled}}
	if data != "" {
		config.Folder = filepath.Join(data, "backend")
	}
	if f.Tempo != "" {
		tempo, err := address("tempo", f.Tempo, "http://127.0.0.1:3200")
		if err != nil {
			return config, err
		}
		config.Traces = "http://" + net.JoinHostPort(tempo.Hostname(), "4318") + "/v1/traces"
	}
	if f.Loki != "" {
		loki, err := address("loki", f.Loki, "http://127.0.0.1:3100")
		if err != nil {
			return config, err
		}
		config.Logs = loki.JoinPath("otlp/v1/logs").String()
	}
	return config, nil
}

func address(flag, given, example string) (*url.URL, error) {
	parsed, err := url.Parse(given)
	if err != nil || parsed.Hostname() == "" {
		return nil, fmt.Errorf("--%s %q is no address: it looks like %s", flag, given, example)
	}
	return parsed, nil
}

// start runs the services behind the shop. unsent is told once when some of their telemetry cannot be sent.
func (f *backendFlags) start(ctx context.Context, data, release string, unsent func(error)) (*backend.Backend, error) {
	config, err := f.config(data, release)
	if err != nil {
		return nil, err
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
