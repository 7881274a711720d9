package rum

// Metric is one Web Vital: what it is called, its unit, and the thresholds of its ratings.
type Metric struct {
	Key  string  // as in the wire formats and the query JSON
	Name string  // as people read it
	Unit string  // a Grafana unit: "ms", or "none" for a score
	Good float64 // rating is good up to and including this
	Poor float64 // rating is poor above this
	Core bool    // one of the three that decide whether a page passes
}

// Metrics are the Web Vitals in the order people read them. Thresholds: https://web.dev/articles/vitals and the
// pages of each metric it links to.
var Metrics = []Metric{
	{Key: "lcp", Name: "Largest Contentful Paint", Unit: "ms", Good: 2500, Poor: 4000, Core: true},
	{Key: "inp", Name: "Interaction to Next Paint", Unit: "ms", Good: 200, Poor: 500, Core: true},
	{Key: "cls", Name: "Cumulative Layout Shift", Unit: "none", Good: 0.1, Poor: 0.25, Core: true},
	{Key: "fcp", Name: "First Contentful Paint", Unit: "ms", Good: 1800, Poor: 3000},
	{Key: "ttfb", Name: "Time to First Byte", Unit: "ms", Good: 800, Poor: 1800},
}

// MetricByKey finds a Web Vital; anything else is a custom timing, which has no thresholds.
func MetricByKey(key string) (Metric, bool) {
	for _, m := range Metrics {
		if m.Key == key {
			return m, true
		}
	}
	return Metric{}, false
}

// Ratings, as web-vitals spells them. A custom timing has none.
const (
	RatingGood             = "good"
	RatingNeedsImprovement = "needs-improvement"
	RatingPoor             = "poor"
)

// Rating of a value in the metric's own unit. The thresholds themselves belong to the better rating.
func (m Metric) Rating(value float64) string {
	switch {
	case value <= m.Good:
		return RatingGood
	case value <= m.Poor:
		return RatingNeedsImprovement
	default:
		return RatingPoor
	}
}
