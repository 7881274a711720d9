// Package backend is what answers behind the demo shop's pages: the shop's API, and a payment service that it calls over
// HTTP. Both are instrumented with OpenTelemetry as two services of their own, so that a visit can be followed from the
// browser through both. What they export goes to Tempo and Loki where there are any, and to files, which tests read.
package backend

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// The services, as their spans, log lines and metrics name them.
const (
	ShopService    = "shop"
	PaymentService = "payment"
)

// Config says where telemetry goes, and what goes wrong.
type Config struct {
	Release string // of both services; "" means "2.5.0"

	// Folder is where SpansFile and LogsFile are appended to. "" writes no files.
	Folder string
	// Traces and Logs are addresses that take OTLP over HTTP, such as http://127.0.0.1:4318/v1/traces and
	// http://127.0.0.1:3100/otlp/v1/logs; "" sends nothing. OpenTelemetry's own variables (OTEL_EXPORTER_OTLP_ENDPOINT and
	// those for one signal) come before both.
	Traces, Logs string

	Faults Faults
}

// Backend is the running services.
type Backend struct {
	shop, payment *telemetry
	metrics       *metrics
	faults        Faults
	paymentServer *http.Server
	charges       string // address of the payment service's only endpoint
	client        *http.Client
}

// Start runs the payment service on a port of its own and prepares the shop, which Handler answers for.
func Start(ctx context.Context, config Config) (*Backend, error) {
	if err := config.Faults.check(); err != nil {
		return nil, fmt.Errorf("start the shop's back end: %w", err)
	}
	b := &Backend{metrics: newMetrics(), faults: config.Faults}
	var err error
	if b.shop, err = startTelemetry(ctx, ShopService, config); err != nil {
		return nil, fmt.Errorf("start the shop's back end: %w", err)
	}
	if b.payment, err = startTelemetry(ctx, PaymentService, config); err != nil {
		return nil, errors.Join(fmt.Errorf("start the payment service: %w", err), b.shop.stop(ctx))
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start the payment service: %w", err), b.shop.stop(ctx), b.payment.stop(ctx))
	}
	b.charges = "http://" + listener.Addr().String() + "/charges"
	b.paymentServer = &http.Server{Handler: b.paymentHandler(), ReadHeaderTimeout: 10 * time.Second}
	b.client = &http.Client{Transport: b.shop.transport(), Timeout: paymentTimeout}
	go func() { _ = b.paymentServer.Serve(listener) }()
	return b, nil
}

// Handler answers for the shop: its API under /api/, Prometheus metrics at /metrics, and pages for everything else.
// Pages and API calls have spans; scripts, styles and pictures have none, as they ask nothing of the service.
func (b *Backend) Handler(pages http.Handler) http.Handler {
	measured := http.NewServeMux()
	b.registerAPI(measured)
	measured.Handle("/", pages)

	traced := b.shop.traced(b.metrics.measured(ShopService, b.shop.logger, measured))

	untraced := http.NewServeMux()
	untraced.Handle("GET /assets/", pages)
	untraced.Handle("GET /images/", pages)
	untraced.Handle("GET /metrics", promhttp.HandlerFor(b.metrics.registry, promhttp.HandlerOpts{EnableOpenMetrics: true}))
	// Not by a mux over both: that would leave its own pattern in the request, and OpenTelemetry names the span by it.
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if handler, pattern := untraced.Handler(r); pattern != "" {
			handler.ServeHTTP(w, r)
			return
		}
		traced.ServeHTTP(w, r)
	})
}

// Stop ends the payment service and sends what has not been sent yet.
func (b *Backend) Stop(ctx context.Context) error {
	b.client.CloseIdleConnections()
	return errors.Join(b.paymentServer.Shutdown(ctx), b.shop.stop(ctx), b.payment.stop(ctx))
}
