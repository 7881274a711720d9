package enrich

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sightline-rum/sightline/pkg/rum"
)

// step is one step of the pipeline with its measures.
type step struct {
	name    string
	do      func(*Pipeline, *rum.Beacon)
	beacons prometheus.Counter
	seconds prometheus.Counter
}

// run does the steps in their order. One look at the clock ends a step and begins the next.
func (p *Pipeline) run(steps []step, b *rum.Beacon) {
	began := time.Now()
	for i := range steps {
		s := &steps[i]
		s.do(p, b)
		ended := time.Now()
		s.beacons.Inc()
		s.seconds.Add(ended.Sub(began).Seconds())
		began = ended
	}
}

// metrics are what Prometheus sees of the steps. Apps are not a label: an open key lets clients invent them.
type metrics struct {
	beacons, seconds *prometheus.CounterVec
	versions         *prometheus.GaugeVec
}

func newMetrics(registerer prometheus.Registerer) *metrics {
	m := &metrics{
		beacons: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sightline_enrich_beacons_total", Help: "Beacons that went through a step of the enrichment.",
		}, []string{"step"}),
		seconds: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sightline_enrich_seconds_total", Help: "Time spent in a step of the enrichment.",
		}, []string{"step"}),
		versions: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "sightline_enrich_rule_version", Help: "Version of a rule that names or groups what comes in.",
		}, []string{"rule"}),
	}
	m.versions.WithLabelValues("route").Set(RouteVersion)
	m.versions.WithLabelValues("fingerprint").Set(FingerprintVersion)
	if registerer != nil {
		registerer.MustRegister(m.beacons, m.seconds, m.versions)
	}
	return m
}

func (m *metrics) steps(all []step) []step {
	for i := range all {
		all[i].beacons = m.beacons.WithLabelValues(all[i].name)
		all[i].seconds = m.seconds.WithLabelValues(all[i].name)
	}
	return all
}
