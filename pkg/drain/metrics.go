package drain

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/sightline-rum/sightline/pkg/spool"
)

type metrics struct {
	rows        *prometheus.CounterVec
	batches     prometheus.Counter
	retries     prometheus.Counter
	deadLetters prometheus.Counter
	seconds     prometheus.Histogram
	lag         prometheus.Histogram
}

func newMetrics(s *spool.Spool, registerer prometheus.Registerer) *metrics {
	m := &metrics{
		rows: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sightline_inserted_rows_total", Help: "Rows inserted into the store, by table.",
		}, []string{"table"}),
		batches: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "sightline_drained_batches_total", Help: "Batches drained from the spool into the store.",
		}),
		retries: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "sightline_drain_retries_total", Help: "Failed tries that were, or will be, tried again.",
		}),
		deadLetters: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "sightline_dead_letters_total", Help: "Records set aside because the store can never take them.",
		}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "sightline_drain_batch_seconds",
			Help:    "Time from reading a batch to having it in the store, tries and pauses included.",
			Buckets: prometheus.ExponentialBuckets(0.01, 2, 14),
		}),
		lag: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "sightline_store_lag_seconds",
			Help:    "Time from taking a beacon to having it in the store.",
			Buckets: []float64{.25, .5, 1, 1.5, 2, 3, 4, 5, 7.5, 10, 30, 60, 300, 1800, 7200, 86400},
		}),
	}
	if registerer == nil {
		return m
	}
	registerer.MustRegister(m.rows, m.batches, m.retries, m.deadLetters, m.seconds, m.lag,
		gauge("sightline_spool_records", "Records on disk that are not in the store yet.",
			func() float64 { return float64(s.Depth()) }),
		gauge("sightline_spool_bytes", "Bytes of the records on disk that are not in the store yet.",
			func() float64 { return float64(s.Bytes()) }),
		gauge("sightline_spool_fill_ratio", "How much of what may wait is waiting, or how near the disk is to its reserve: "+
			"from 0.5 on visits are sampled, at 1 beacons are refused.", s.Fill),
		gauge("sightline_spool_lag_seconds", "Age of the oldest record that is not in the store yet.",
			func() float64 { return s.Lag().Seconds() }),
		counter("sightline_spool_commits_total", "Groups of records written to the spool, each with one fsync.", s.Commits),
		counter("sightline_spool_damaged_total", "Entries of the spool that the disk returned damaged.", s.Damaged),
	)
	return m
}

func gauge(name, help string, value func() float64) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value)
}

func counter(name, help string, value func() uint64) prometheus.Collector {
	return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, func() float64 { return float64(value()) })
}
