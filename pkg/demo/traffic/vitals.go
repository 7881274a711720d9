package traffic

import (
	"fmt"
	"math"
	"time"

	"github.com/sightline-rum/sightline/pkg/rum"
)

// loadTimes is how one page load went: the moments since navigation start (ms).
type loadTimes struct {
	dns, connect, tls float64 // durations
	ttfb              float64
	responseEnd       float64
	fcp, lcp          float64
	resourceDelay     float64 // of the largest image, after the first byte
	resourceDuration  float64
	domInteractive    float64
	domComplete       float64
	loadEnd           float64
}

// timesOf draws a page load. Values are log-normal, as real ones are, around a median that depends on the page, the
// device, the distance and the network.
func timesOf(d dice, v *visitor, p page, warm, incident bool, slower float64) loadTimes {
	var l loadTimes
	network := v.country.distance * v.connection.slow
	if !warm {
		l.dns = d.logNormal(18*v.connection.slow, 0.6)
		l.connect = d.logNormal(38*network, 0.4)
		l.tls = l.connect * d.between(0.5, 0.8)
	}
	server := d.logNormal(130, 0.5)
	l.ttfb = tenth(l.dns + l.connect + server + d.logNormal(55*network, 0.45))
	l.responseEnd = l.ttfb + d.logNormal(22*v.connection.slow, 0.5)
	l.fcp = tenth(l.ttfb + d.logNormal(430*v.client.speed*(0.6+0.4*v.connection.slow), 0.4))

	// What the page itself takes after its first byte, with a part for the machine and one for the network.
	own := (p.lcp - 330) * (0.45*v.client.speed + 0.55*network)
	lcp := l.ttfb + d.logNormal(max(own, 200), 0.42)
	if incident {
		lcp = l.ttfb + (lcp-l.ttfb)*slower + d.logNormal(900, 0.3)
	}
	l.lcp = tenth(max(lcp, l.fcp))
	if p.lcpImage != "" {
		waiting := l.lcp - l.ttfb
		l.resourceDelay = tenth(waiting * d.between(0.2, 0.45))
		l.resourceDuration = tenth(waiting * d.between(0.2, 0.4))
	}
	l.domInteractive = l.responseEnd + d.logNormal(260*v.client.speed, 0.4)
	l.domComplete = max(l.domInteractive+d.logNormal(300*v.client.speed, 0.5), l.lcp*d.between(0.8, 1.1))
	l.loadEnd = l.domComplete + d.between(0, 8)
	return l
}

// tenth rounds to 0.1 ms, the resolution browsers give to pages.
func tenth(ms float64) float64 { return math.Round(ms*10) / 10 }

// eighth rounds up to 8 ms, the resolution of event timings.
func eighth(ms float64) float64 { return 8 * math.Ceil(ms/8) }

// vitalID is made as web-vitals makes it: the moment it began to watch, and a random number.
func vitalID(d dice, at time.Time) string {
	return fmt.Sprintf("v6-%d-%d", at.UnixMilli(), 1_000_000_000_000+d.ids.Int64N(8_999_999_999_999))
}

// report is one measurement of a Web Vital together with its truth.
func (v *viewing) report(name, id string, createdAt, at time.Time, value, before float64, parts map[string]float64,
	about map[string]string) {
	m, ok := rum.MetricByKey(name)
	if !ok {
		panic("traffic: no such metric: " + name)
	}
	values := map[string]float64{name: value, "delta": value - before}
	for part, ms := range parts {
		if ms != 0 { // the SDK leaves out what is zero
			values[part] = ms
		}
	}
	context := map[string]string{
		"id": id, "rating": m.Rating(value), "navigation_type": v.vitalNavigation, "navigation_entry_id": v.navigationID,
	}
	target := ""
	for key, value := range about {
		if value == "" {
			continue
		}
		context[key] = value
		if key == "element" || key == "interaction_target" || key == "largest_shift_target" {
			target = value
		}
	}
	v.body.Measurements = append(v.body.Measurements, measurement{
		Type: "web-vitals", Values: values, Timestamp: iso(at), Context: context,
	})
	v.truth.Vitals = append(v.truth.Vitals, TruthVital{
		Metric: name, MetricID: id, Value: value, CreatedAt: ms(createdAt), ReportedAt: ms(at), Target: target,
	})
}
