package traffic

import "time"

// viewVitals are the metrics that are final only when the page is left: LCP, INP and CLS.
type viewVitals struct {
	load    loadTimes
	watched time.Time // what their ids begin with

	lcpID   string
	lcp     float64 // 0: none, the page was never seen
	lcpSent bool

	inpID         string
	inp, inpSent  float64 // 0: nobody interacted, and so there is none
	inpTarget     string
	clsID         string
	cls, clsSent  float64
	hasCLS        bool // only Chromium measures it
	clsReported   bool
	shiftAt       float64
	interactionAt float64
}

func (v *viewing) newVitals(load loadTimes, hidden bool) *viewVitals {
	d := v.dice
	vitals := &viewVitals{load: load, watched: v.start.Add(after(load.fcp * 0.7))}
	vitals.lcpID, vitals.inpID, vitals.clsID = vitalID(d, vitals.watched), vitalID(d, vitals.watched), vitalID(d,
		vitals.watched)
	if hidden {
		return vitals
	}
	vitals.lcp = load.lcp
	vitals.hasCLS = v.visitor.client.chromium()
	if vitals.hasCLS && d.chance(0.55) {
		vitals.cls = d.logNormal(v.page.shift, 0.9)
		vitals.shiftAt = tenth(load.fcp + d.between(50, 900))
	}
	return vitals
}

// interact draws the delay of the slowest interaction.
func (m *viewVitals) interact(v *viewing) {
	delay := v.dice.logNormal(v.page.inp*v.visitor.client.speed, 0.6)
	m.inp = eighth(delay * v.traffic.scenario.slows(v.visitor, v.route))
	m.inpTarget = v.page.clickTarget
	m.interactionAt = tenth(m.load.loadEnd + v.dice.between(900, 5000))
}

// change is what happens to the metrics between two reports. Shifts only add up; the interaction that counts may turn
// out to be a faster one, because the slowest of very many is left out as an outlier.
func (m *viewVitals) change(d dice) {
	if m.inp > 0 && d.chance(0.6) {
		m.inp = eighth(m.inp * d.between(0.6, 1.6))
	}
	if m.hasCLS && d.chance(0.3) {
		m.cls += d.logNormal(0.02, 0.5)
		m.shiftAt += 4000
	}
}

// reportLCP reports the largest paint, once.
func (m *viewVitals) reportLCP(v *viewing, at time.Time) {
	if m.lcpSent || m.lcp == 0 {
		return
	}
	m.lcpSent = true
	l := m.load
	image, initiator := "", ""
	if v.page.lcpImage != "" {
		image, initiator = v.traffic.config.SiteURL+v.page.lcpImage, "img"
	}
	v.report("lcp", m.lcpID, m.watched, at, m.lcp, 0, map[string]float64{
		"time_to_first_byte": l.ttfb, "resource_load_delay": l.resourceDelay, "resource_load_duration": l.resourceDuration,
		"element_render_delay": tenth(m.lcp - l.ttfb - l.resourceDelay - l.resourceDuration),
	}, map[string]string{"element": v.page.lcpElement, "resource_url": image, "resource_initiator_type": initiator})
}

// report reports what has changed since the last time, as the SDK does whenever the page is hidden.
func (m *viewVitals) report(v *viewing, at time.Time) {
	m.reportLCP(v, at)
	if m.inp > 0 && m.inp != m.inpSent {
		named := ""
		input, presentation := tenth(m.inp*0.12), tenth(m.inp*0.2)
		about := map[string]string{
			"interaction_target": m.inpTarget, "interaction_type": "pointer", "load_state": "complete",
		}
		parts := map[string]float64{
			"interaction_time": m.interactionAt, "input_delay": input, "presentation_delay": presentation,
			"processing_duration": tenth(m.inp - input - presentation), "next_paint_time": m.interactionAt + m.inp,
		}
		if v.visitor.client.chromium() && m.inp > 150 { // long animation frames, which only Chromium has
			script := "/assets/shop.js"
			if v.route == "/checkout" {
				script = "/assets/pay.js"
			}
			about["longest_script_subpart"] = "processing-duration"
			about["longest_script_invoker_type"] = "event-listener"
			about["longest_script_invoker"] = "BUTTON" + m.inpTarget + ".onclick"
			named = script
			about["longest_script_source_url"] = v.traffic.config.SiteURL + script
			about["longest_script_source_char_position"] = "1826"
			parts["total_script_duration"] = tenth(m.inp * 0.6)
			parts["longest_script_intersecting_duration"] = tenth(m.inp * 0.55)
			parts["total_style_and_layout_duration"] = tenth(m.inp * 0.05)
		}
		v.report("inp", m.inpID, m.watched, at, m.inp, m.inpSent, parts, about)
		v.truth.Vitals[len(v.truth.Vitals)-1].Script = named
		m.inpSent = m.inp
	}
	if m.hasCLS && (!m.clsReported || m.cls != m.clsSent) {
		parts, about := map[string]float64{}, map[string]string{}
		if m.cls > 0 {
			parts["largest_shift_value"], parts["largest_shift_time"] = m.cls*0.8, m.shiftAt
			about["largest_shift_target"], about["load_state"] = v.page.shiftTarget, "complete"
		}
		v.report("cls", m.clsID, m.watched, at, m.cls, m.clsSent, parts, about)
		m.clsReported, m.clsSent = true, m.cls
	}
}
