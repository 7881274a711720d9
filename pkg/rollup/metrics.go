package rollup

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	rolled   prometheus.Counter
	failures prometheus.Counter
	behind   prometheus.Gauge
	seconds  prometheus.Histogram
}

func newMetrics(registerer prometheus.Registerer) *metrics {
	m := &metrics{
		rolled: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "sightline_rollup_hours_total", Help: "Hours of an app that were rolled up, each in all tables that were behind.",
		}),
		failures: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "sightline_rollup_failures_total", Help: "Rounds in which some hour could not be rolled up.",
		}),
		behind: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "sightline_rollup_hours_behind", Help: "Hours with rows that the roll-ups have not counted yet.",
		}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "sightline_rollup_seconds", Help: "Time to roll one hour of an app up.",
			Buckets: prometheus.ExponentialBuckets(0.01, 2, 14),
		}),
	}
	if registerer != nil {
		registerer.MustRegister(m.rolled, m.failures, m.behind, m.seconds)
	}
	return m
}
