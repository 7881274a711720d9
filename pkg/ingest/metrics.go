package ingest

import (
	"github.com/prometheus/client_golang/prometheus"
)

// metrics are what Prometheus sees of the HTTP side. Apps are not a label: an open key lets clients invent them.
type metrics struct {
	requests *prometheus.CounterVec
	items    *prometheus.CounterVec
	bytes    prometheus.Counter
	commit   prometheus.Histogram
}

func newMetrics(registry prometheus.Registerer) *metrics {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sightline_requests_total", Help: "Requests by format and status answered.",
		}, []string{"format", "status"}),
		items: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sightline_items_total", Help: "Items of beacons by what became of them: accepted, skipped or rejected.",
		}, []string{"result"}),
		bytes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "sightline_body_bytes_total", Help: "Bytes of beacons taken, unpacked.",
		}),
		commit: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "sightline_commit_seconds", Help: "Time from a decoded beacon to its record on disk.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}),
	}
	registry.MustRegister(m.requests, m.items, m.bytes, m.commit)
	return m
}
