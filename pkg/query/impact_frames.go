package query

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/sightline-rum/sightline/pkg/query/stats"
)

// The kinds of rows, in their order. What real, mix and rest rows contribute adds up to the change of the whole, as do
// the mix and real of each dimension.
const (
	impactWhole     = "whole"
	impactReal      = "real"
	impactMix       = "mix"
	impactRest      = "rest"
	impactDimension = "dimension"
)

// impactRow is one row of the answer, contributions in the unit of the measure. NaN is what a row does not have.
type impactRow struct {
	kind, segment, alike, reason string
	contribution, mix, real      float64
	deviation                    float64 // of the contribution
	value, before                float64 // the measure in the segment
	now, then                    stats.Sums
	of, place                    stats.Segment // where to read the measure; nil is nowhere
}

// mostAlike segments are listed beside one that is named, and mostMoved of a shift of traffic.
const (
	mostAlike = 5
	mostMoved = 5
)

// explained are the rows of an explanation.
func (m *impactOf) explained() []impactRow {
	e, unit := m.found, m.perScore()
	nan := math.NaN()
	whole := impactRow{kind: impactWhole, segment: "everything", contribution: m.change(), mix: e.Mix * unit,
		real: e.Real * unit, deviation: e.Deviation * math.Abs(unit), value: m.value(m.now), before: m.value(m.then),
		now: e.Total.Now, then: e.Total.Before}
	whole.now.Samples, whole.then.Samples = float64(m.now.samples), float64(m.then.samples)
	rest := impactRow{kind: impactRest, segment: "everything else", mix: whole.mix, deviation: nan, value: nan,
		before: nan, real: e.Rest * unit, reason: "Spread over everything, beyond no segment's share of chance"}
	rows := []impactRow{whole}
	for _, c := range e.Named {
		rows = append(rows, m.namedRow(c, unit))
	}
	for _, c := range m.shifted {
		row := impactRow{kind: impactMix, segment: m.name(c.Segment), contribution: c.Mix * unit, mix: c.Mix * unit,
			deviation: nan, value: c.Now.Mean(), before: c.Before.Mean(), now: c.Now, then: c.Before,
			of: c.Segment, place: c.Segment,
			reason: fmt.Sprintf("Traffic moved: %.0f %% of it is here after %.0f %%", 100*c.Now.Weight/e.Total.Now.Weight,
				100*c.Before.Weight/e.Total.Before.Weight)}
		rest.mix -= row.mix
		rows = append(rows, row)
	}
	rest.contribution = rest.mix + rest.real
	rows[0].reason = m.summary(len(rows) - 1)
	if len(rows) > 1 {
		rows = append(rows, rest)
	}
	for d := range e.Splits {
		s := &e.Splits[d]
		rows = append(rows, impactRow{kind: impactDimension, segment: m.dimensions[d].key,
			mix: s.Mix * unit, real: s.Real * unit,
			contribution: (s.Mix + s.Real) * unit, deviation: nan, value: nan, before: nan,
			reason: m.aboutDimension(d)})
	}
	return rows
}

func (m *impactOf) namedRow(c stats.Contribution, unit float64) impactRow {
	alike := make([]string, 0, mostAlike)
	for _, s := range c.Alike[:min(mostAlike, len(c.Alike))] {
		alike = append(alike, m.name(s))
	}
	if more := len(c.Alike) - len(alike); more > 0 {
		alike = append(alike, fmt.Sprintf("and %d more", more))
	}
	reason := fmt.Sprintf("Changed unlike everything else, by %.1f standard errors", math.Abs(c.Z))
	for _, condition := range c.Segment {
		if !slices.Contains(c.Place, condition) {
			reason += fmt.Sprintf("; compared with all that was there before %s", m.name(stats.Segment{condition}))
		}
	}
	if len(c.Place) == 0 {
		reason = fmt.Sprintf("Everything changed alike since %s came", m.name(c.Segment))
	}
	return impactRow{kind: impactReal, segment: m.name(c.Segment), alike: strings.Join(alike, "; "), reason: reason,
		contribution: c.Real * unit, real: c.Real * unit, deviation: c.Deviation * math.Abs(unit),
		now: c.Now, then: c.Before, value: c.Now.Mean(), before: c.Before.Mean(), of: c.Segment, place: c.Place}
}

// moved are the segments whose traffic moved beyond chance and so that it matters.
func (m *impactOf) moved() (moved []stats.Contribution) {
	if m.found.Shift == nil {
		return nil
	}
	for _, c := range m.found.Shift.Parts {
		rare := slices.ContainsFunc(c.Segment, func(c stats.Condition) bool {
			return int(c.Value) == m.population.Dimensions[c.Dimension].Rest
		})
		if !rare && m.found.Matters(c.Mix) && c.Beyond(len(m.found.Shift.Parts)) && len(moved) < mostMoved {
			moved = append(moved, c)
		}
	}
	return moved
}

// name writes a segment as people read it: browser=Safari, release=2.4.1.
func (m *impactOf) name(s stats.Segment) string {
	parts := make([]string, 0, len(s))
	for _, c := range s {
		value := m.population.Dimensions[c.Dimension].Values[c.Value]
		if value == "" {
			value = "(unknown)"
		}
		parts = append(parts, m.dimensions[c.Dimension].key+"="+value)
	}
	return strings.Join(parts, ", ")
}

// summary says in a sentence what happened.
func (m *impactOf) summary(named int) string {
	e := m.found
	switch {
	case len(e.Named) > 0 && e.Shift != nil:
		return "Traffic moved" + m.along(e.Shift) + ", and segments changed"
	case named > 0 && e.Shift != nil:
		return "Traffic moved" + m.along(e.Shift)
	case named > 0:
		return "Segments changed; traffic did not move so that it matters"
	case m.leftOut:
		return "What changed, or where traffic moved, is too few page views to be named"
	case !e.Changed:
		return "Within chance: nothing changed as far as can be told"
	case e.Shift != nil:
		return "Traffic moved" + m.along(e.Shift) + ", a little everywhere"
	default:
		return "Everything changed: no segment stands out beyond chance"
	}
}

func (m *impactOf) along(s *stats.Split) string {
	var keys []string
	for _, d := range s.Dimensions {
		keys = append(keys, m.dimensions[d].key)
	}
	return " along " + strings.Join(keys, " and ")
}

// aboutDimension says what a dimension has to do with the change.
func (m *impactOf) aboutDimension(d int) string {
	s := m.found.Splits[d]
	var said []string
	of := func(c stats.Contribution) bool {
		return slices.ContainsFunc(c.Segment, func(c stats.Condition) bool { return c.Dimension == d })
	}
	switch {
	case slices.ContainsFunc(m.found.Named, of):
		said = append(said, "a segment of it is named")
	case s.Shows && len(m.found.Named) > 0:
		said = append(said, "differs only by what is named")
	case s.Shows:
		said = append(said, "its values changed differently")
	}
	if s.Moved {
		said = append(said, "traffic moved between its values")
	}
	if len(said) == 0 {
		return "Unaffected"
	}
	text := strings.Join(said, "; ")
	return strings.ToUpper(text[:1]) + text[1:]
}

// table has for each row its contribution to the change in the unit of the measure, as share of the change, and
// as mix and real; lower and upper bounds of it (95 %); the measure in the segment now and before; samples and the
// share of the traffic, now and before (of the sessions that were looked at); segments that only show what is named;
// and the reason in words.
func (m *impactOf) table() *data.Frame {
	rows := m.rows[:min(len(m.rows), m.limit())]
	var kinds, segments, alike, reasons []string
	var contribution, share, mix, real, lower, upper, value, before, traffic, trafficBefore []*float64
	var samples, samplesBefore []*int64
	change := 0.0
	if len(rows) > 0 && m.found.Changed {
		change = rows[0].contribution
	}
	count := func(s stats.Sums) *int64 {
		if n := int64(s.Samples); n > 0 {
			return &n
		}
		return nil
	}
	for _, r := range rows {
		kinds, segments = append(kinds, r.kind), append(segments, r.segment)
		alike, reasons = append(alike, r.alike), append(reasons, r.reason)
		contribution, share = append(contribution, steady(r.contribution)), append(share, steady(r.contribution/change))
		mix, real = append(mix, steady(r.mix)), append(real, steady(r.real))
		lower = append(lower, steady(r.contribution-stats.Z95*r.deviation))
		upper = append(upper, steady(r.contribution+stats.Z95*r.deviation))
		value, before = append(value, steady(r.value)), append(before, steady(r.before))
		samples, samplesBefore = append(samples, count(r.now)), append(samplesBefore, count(r.then))
		traffic = append(traffic, pointerIf(r.now.Samples > 0, r.now.Weight/m.found.Total.Now.Weight))
		trafficBefore = append(trafficBefore, pointerIf(r.then.Samples > 0, r.then.Weight/m.found.Total.Before.Weight))
	}
	unit, name := m.metric.Unit, m.metric.Name+" "+m.percentileName()
	if m.Measure == measurePoor {
		unit, name = unitShare, m.metric.Name+", poor"
	}
	now, then := column("value", name, unit, value), column("before", name+", before", unit, before)
	if m.Measure == measurePercentile {
		now.Config.Thresholds, then.Config.Thresholds = m.metric.thresholds(), m.metric.thresholds()
	}
	frame := newFrame(data.FrameTypeTable,
		column("kind", "Kind", unitNone, kinds),
		sentences("segment", "Segment", segments),
		column("contribution", "Contribution", unit, contribution),
		column("share", "Share of the change", unitShare, share),
		column("mix", "By traffic that moved", unit, mix),
		column("real", "By what changed", unit, real),
		column("lower", "Lower bound (95 %)", unit, lower),
		column("upper", "Upper bound (95 %)", unit, upper),
		now, then,
		column("samples", "Samples", unitShort, samples),
		column("samplesBefore", "Samples, before", unitShort, samplesBefore),
		column("traffic", "Share of traffic", unitShare, traffic),
		column("trafficBefore", "Share of traffic, before", unitShare, trafficBefore),
		column("alike", "Shown by", unitNone, alike),
		column("reason", "Reason", unitNone, reasons))
	if len(rows) < len(m.rows) {
		frame.AppendNotices(m.cutNotice("rows"))
	}
	return frame
}
