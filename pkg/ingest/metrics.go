package ingest

import (
	"github.com/prometheus/client_golang/prometheus"
)

// metrics are what Prometheus sees of the HTTP side. Apps are not a label: an open key lets clients invent them.
type metrics struct {
	requests *prometheus.CounterVec
	refused  *prometheus.CounterVec
	items    *prometheus.CounterVec
	bytes    prometheus.Counter
	commit   prometheus.Histogram
}

func newMetrics(registry prometheus.Registerer) *metrics {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sightline_requests_total", Help: "Requests by format and status answered.",
		}, []string{"format", "status"}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sightline_refused_total", Help: "Requests that were refused, by the reason.",
		}, []string{"reason"}),
		items: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sightline_items_total",
			Help: "Items of beacons by what became of them: accepted, skipped, rejected or sampled out under pressure; " +
				"of the rejected, those quarantined.",
		}, []string{"result"}),
		bytes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "sightline_body_bytes_total", Help: "Bytes of beacons taken, unpacked.",
		}),
		commit: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "sightline_commit_seconds", Help: "Time from a decoded beacon to its record on disk.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}),
	}
	// A series that begins with its first event has no rate for it, and an alert on its absence no meaning.
	for _, result := range []string{"accepted", "skipped", "rejected", "sampled"} {
		m.items.WithLabelValues(result)
	}
	registry.MustRegister(m.requests, m.refused, m.items, m.bytes, m.commit)
	return m
}
