package backend

import (
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/felixge/httpsnoop"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// metrics are those of both services, named as OpenTelemetry's semantic conventions name them in Prometheus: dashboards
// and rules that read them here read them from any service that follows the conventions.
type metrics struct {
	registry *prometheus.Registry
	active   *prometheus.GaugeVec
	duration *prometheus.HistogramVec
	used     *prometheus.GaugeVec
	most     *prometheus.GaugeVec
	pending  *prometheus.GaugeVec
}

const labelPool = "db_client_connection_pool_name"

func newMetrics() *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		active: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "http_server_active_requests",
			Help: "Requests that are being answered."}, []string{"service_name"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "http_server_request_duration_seconds",
			Help: "How long requests took.", Buckets: []float64{.005, .01, .025, .05, .075, .1, .25, .5, .75, 1, 2.5, 5, 7.5, 10}},
			[]string{"service_name", "http_request_method", "http_route", "http_response_status_code"}),
		used: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "db_client_connection_count",
			Help: "Connections of a pool, used and idle."}, []string{labelPool, "db_client_connection_state"}),
		most: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "db_client_connection_max",
			Help: "Connections that a pool may have."}, []string{labelPool}),
		pending: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "db_client_connection_pending_requests",
			Help: "Who waits for a connection of a pool."}, []string{labelPool}),
	}
	m.registry.MustRegister(m.active, m.duration, m.used, m.most, m.pending, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// measured counts, times, names and logs what a mux answers. The mux puts the pattern that matched into the request that
// it is given, which is how its name is known here.
func (m *metrics) measured(service string, logger *slog.Logger, mux http.Handler) http.Handler {
	active := m.active.WithLabelValues(service)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		active.Inc()
		defer active.Dec()
		answer := httpsnoop.CaptureMetrics(mux, w, r)

		method, route := r.Method, "/"
		if _, pattern, ok := strings.Cut(r.Pattern, " "); ok {
			route = strings.TrimSuffix(pattern, "{$}")
		}
		ctx := r.Context()
		span := trace.SpanFromContext(ctx)
		span.SetName(method + " " + route)
		span.SetAttributes(semconv.HTTPRoute(route))

		observer := m.duration.WithLabelValues(service, method, route, strconv.Itoa(answer.Code))
		if id := span.SpanContext(); id.IsSampled() {
			observer.(prometheus.ExemplarObserver).ObserveWithExemplar(answer.Duration.Seconds(),
				prometheus.Labels{"trace_id": id.TraceID().String()})
		} else {
			observer.Observe(answer.Duration.Seconds())
		}
		level := slog.LevelInfo
		if answer.Code >= http.StatusInternalServerError {
			level = slog.LevelError
		}
		logger.Log(ctx, level, "Answered", "method", method, "route", route, "status", answer.Code,
			"ms", answer.Duration.Round(time.Millisecond).Milliseconds())
	})
}
