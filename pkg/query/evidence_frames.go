package query

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"
)

// fact is one row of the evidence. Values are in its unit; samples say how much each rests on.
type fact struct {
	segment                   *segmentEvidence
	name, text, unit          string
	value, samples            *threefold
	at                        time.Time
	release, endpoint         string
	fingerprint, message      string
	sessionID, traceID, share string
	number                    float64 // what alert rules get: never absent
}

// factsOf tells what is known of a segment, in the order of evidenceFacts.
func (e *evidenceOf) factsOf(s *segmentEvidence) []fact {
	span := lasted(e.spans.before.length())
	before := span + " before"
	if !e.baseline.empty() {
		before = "time compared with"
	}
	onset := fact{name: factOnset, unit: "minutes ago",
		text: "No onset: errors and failed requests are no more than in the " + before}
	switch {
	case s.onsetFew:
		onset.text = fmt.Sprintf("Fewer than %d page views meet an error or a failed request: too few to tell of", e.few)
	case !s.onset.IsZero():
		onset.at, onset.number = s.onset, e.window.to.Sub(s.onset).Minutes()
		onset.value = &threefold{onset.number, math.NaN(), math.NaN()}
		onset.text = "Errors and failed requests went up at " + s.onset.Format(time.RFC3339)
	}
	all := []fact{onset}

	for _, d := range s.deploys {
		all = append(all, fact{name: factDeploys, text: d.name() + ", " + e.distance(s, d), unit: "minutes before",
			value: &threefold{e.anchor(s).Sub(d.at).Minutes(), math.NaN(), math.NaN()},
			at:    d.at, release: d.release, number: float64(len(s.deploys))})
	}
	if len(s.deploys) == 0 {
		all = append(all, fact{name: factDeploys, text: "No deploy within an hour of it", unit: "minutes before"})
	}

	rate := fact{name: factErrorRate, unit: "share", value: &s.requests.rate, samples: &s.requests.calls,
		endpoint: s.failing.name, number: s.requests.rate[0]}
	rate.text = fmt.Sprintf("%s of API calls fail, %s in the %s, %s yesterday at this time",
		share(s.requests.rate[0], s.requests.calls[0]), share(s.requests.rate[1], s.requests.calls[1]), before,
		share(s.requests.rate[2], s.requests.calls[2]))
	if x := s.failing; x.name != "" {
		rate.text += fmt.Sprintf("; %s most: %s, %s in the %s", x.name, share(x.rate[0], x.calls[0]),
			share(x.rate[1], x.calls[1]), before)
	}
	all = append(all, rate)

	for _, g := range s.groups {
		all = append(all, fact{name: factErrors, unit: "count", value: &g.count, fingerprint: g.fingerprint,
			message: g.message, number: g.count[0],
			text: fmt.Sprintf("%s %s: %s, %s in the %s, %s yesterday at this time", cmp.Or(g.errorType, "Error"), g.message,
				amount(g.count[0]), amount(g.count[1]), before, amount(g.count[2]))})
	}
	switch {
	case len(s.groups) == 0 && s.groupsFew:
		all = append(all, fact{name: factErrors, unit: "count",
			text: fmt.Sprintf("No error that %d page views or more meet", e.few)})
	case len(s.groups) == 0:
		all = append(all, fact{name: factErrors, text: "No errors", unit: "count", value: &s.errors})
	}

	slow := fact{name: factSlowest, unit: "ms", text: "No endpoint with enough API calls to tell"}
	if x := s.slowest; x.name != "" {
		slow.value, slow.samples, slow.endpoint, slow.number = &s.slowest.p75, &s.slowest.calls, x.name, x.p75[0]
		slow.text = fmt.Sprintf("%s is slowest: p75 %.0f ms, %s in the %s",
			x.name, x.p75[0], ms(x.p75[1], x.calls[1]), before)
		if x.timed > 0 {
			slow.share = fmt.Sprintf("%.0f %%", 100*x.server)
			slow.text += fmt.Sprintf("; the server takes %s of it", slow.share)
		} else {
			slow.text += "; its visits report no server time"
		}
	}
	all = append(all, slow, s.backend(before, e.few))

	all = append(all, fact{name: factSessions, unit: "count", value: &s.affected, samples: &s.visitors,
		sessionID: s.sessionID, number: s.affected[0],
		text: fmt.Sprintf("%s of %s sessions meet an error or a failed request, %s of %s in the %s", amount(s.affected[0]),
			amount(s.visitors[0]), amount(s.affected[1]), amount(s.visitors[1]), before)})

	trace := fact{name: factTrace, text: "No affected session has a trace", unit: "count", sessionID: s.sessionID}
	switch {
	case e.few > 0:
		trace.text = "A trace is of one visit: it needs the data source's sessionRole"
	case s.traceID != "":
		trace.traceID, trace.number, trace.text = s.traceID, 1, "A trace of an affected session"
	}
	all = append(all, trace)

	switch e.Metric {
	case factTopError:
		top := all[slices.IndexFunc(all, func(f fact) bool { return f.name == factErrors })]
		top.name = factTopError
		all = append(all, top)
	case factLastDeploy:
		all = append(all, e.lastDeploy(s))
	}
	for i := range all {
		all[i].segment = s
	}
	return slices.DeleteFunc(all, func(f fact) bool { return e.Metric != "" && f.name != e.Metric })
}

// backend is the server's part of the segment's time, against the network's and the browser's.
func (s *segmentEvidence) backend(before string, few uint64) fact {
	p := &s.phases
	f := fact{name: factBackend, unit: "share", value: &p.server, samples: &p.loads, number: p.server[0]}
	switch {
	case math.IsNaN(p.loads[0]):
		f.number = 0
		f.text = fmt.Sprintf("Fewer than %d page loads say what the server took: too few to tell of", few)
	case p.loads[0] == 0:
		f.text = "No page load says what the server took: visits report no server time"
	default:
		f.share = fmt.Sprintf("%.0f %%", 100*p.server[0])
		f.text = fmt.Sprintf("Page loads take %.0f ms on average: server %s, network %.0f %%, browser %.0f %%; "+
			"the server %s in the %s, %s yesterday at this time", p.took[0], f.share, 100*p.network[0], 100*p.browser[0],
			share(p.server[1], p.loads[1]), before, share(p.server[2], p.loads[2]))
	}
	if s.requests.timed > 0 {
		f.text += fmt.Sprintf("; of API calls, the server takes %.0f %%", 100*s.requests.server)
	}
	return f
}

// noDeploy is the number of the last deploy's fact when none is known. A 0 would be a deploy just now.
const noDeploy = -1

// lastDeploy is how long before the end of the time range the last deploy was.
func (e *evidenceOf) lastDeploy(s *segmentEvidence) fact {
	if s.last.at.IsZero() {
		return fact{name: factLastDeploy, text: "No deploy is known", unit: "minutes before", number: noDeploy}
	}
	since := e.window.to.Sub(s.last.at)
	return fact{name: factLastDeploy, text: s.last.name() + ", " + lasted(since) + " ago", unit: "minutes before",
		value: &threefold{since.Minutes(), math.NaN(), math.NaN()}, at: s.last.at, release: s.last.release,
		number: since.Minutes()}
}

// distance is how long a deploy lies before or after the onset.
func (e *evidenceOf) distance(s *segmentEvidence, d deploy) string {
	what := "the onset"
	if s.onset.IsZero() {
		what = "the time range begins"
	}
	if d.at.After(e.anchor(s)) {
		return lasted(d.at.Sub(e.anchor(s))) + " after " + what
	}
	return lasted(e.anchor(s).Sub(d.at)) + " before " + what
}

func share(rate, calls float64) string {
	switch {
	case calls == 0:
		return "none of 0"
	case math.IsNaN(calls):
		return fewName
	}
	return fmt.Sprintf("%s %% of %.0f", amount(100*rate), calls)
}

func ms(value, calls float64) string {
	switch {
	case calls == 0:
		return "not called"
	case math.IsNaN(calls):
		return fewName
	}
	return fmt.Sprintf("%.0f ms", value)
}

// table has a fact a row.
func (e *evidenceOf) table(segments []*segmentEvidence) *data.Frame {
	var keys [][]string
	var names, texts, units, releases, endpoints, fingerprints, messages, sessions, traces []string
	var values, samples [3][]*float64
	var at []*time.Time
	for _, s := range segments {
		for _, f := range e.factsOf(s) {
			keys, names, texts, units = append(keys, s.key), append(names, f.name), append(texts, f.text), append(units, f.unit)
			releases, endpoints = append(releases, f.release), append(endpoints, f.endpoint)
			fingerprints, messages = append(fingerprints, f.fingerprint), append(messages, f.message)
			sessions, traces = append(sessions, f.sessionID), append(traces, f.traceID)
			var moment *time.Time
			if !f.at.IsZero() {
				moment = &f.at
			}
			at = append(at, moment)
			for i := range 3 {
				// A rate or a percentile of nothing is no number.
				some := f.value != nil && (f.samples == nil || f.samples[i] > 0 || f.unit == "count")
				var value, n float64
				if f.value != nil {
					value = f.value[i]
				}
				if f.samples != nil {
					n = f.samples[i]
				}
				values[i] = append(values[i], pointerIf(some, value))
				samples[i] = append(samples[i], pointerIf(f.samples != nil, n))
			}
		}
	}
	fields := append(e.groupColumns(keys),
		column("fact", "Fact", unitNone, names),
		sentences("text", "Evidence", texts),
		column("value", "Now", unitNone, values[0]),
		column("before", "Before", unitNone, values[1]),
		column("yesterday", "Yesterday", unitNone, values[2]),
		column("unit", "Unit", unitNone, units),
		column("samples", "Samples now", unitShort, samples[0]),
		column("samplesBefore", "Samples before", unitShort, samples[1]),
		column("samplesYesterday", "Samples yesterday", unitShort, samples[2]),
		column("time", "Time", unitTime, at))
	for _, c := range []struct {
		name, people string
		values       []string
	}{
		{"release", "Release", releases}, {"endpoint", "Endpoint", endpoints}, {"fingerprint", "Error group", fingerprints},
		{"message", "Message", messages}, {"sessionId", "Session", sessions}, {"traceId", "Trace", traces},
	} {
		if !e.groupsBy(c.name) {
			fields = append(fields, column(c.name, c.people, unitNone, c.values))
		}
	}
	return newFrame(data.FrameTypeTable, fields...)
}

// numeric has a number and its labels a row. Labels are named as alert rules write them; those of the segment,
// of the dimensions grouped by and of filters on a single value, are named as everywhere.
func (e *evidenceOf) numeric(segments []*segmentEvidence) *data.Frame {
	var keys [][]string
	var all []fact
	for _, s := range segments {
		told := map[string]bool{}
		for _, f := range e.factsOf(s) {
			if f.name == factDeploys && told[f.name] {
				continue // the nearest stands for all: their number is its value
			}
			told[f.name] = true
			keys, all = append(keys, s.key), append(all, f)
		}
	}
	if len(all) == 0 { // no segment has anything to tell
		s := &segmentEvidence{key: make([]string, len(e.groups))}
		for _, f := range e.factsOf(s) {
			keys, all = append(keys, s.key), append(all, f)
		}
	}
	fields := e.groupColumns(keys)
	add := func(name, people string, of func(fact) string) {
		if slices.ContainsFunc(fields, func(f *data.Field) bool { return f.Name == name }) {
			return
		}
		values := make([]string, 0, len(all))
		for _, f := range all {
			values = append(values, of(f))
		}
		fields = append(fields, column(name, people, unitNone, values))
	}
	if e.Section == sectionNumbers {
		if e.Metric == "" {
			add("fact", "Fact", func(f fact) string { return f.name })
		}
		if e.Metric == "" || e.Metric == factErrors {
			add("fingerprint", "Error group", func(f fact) string { return f.fingerprint })
		}
		return e.numbers(fields, all)
	}
	for _, f := range e.filters {
		if f.operator == "=" && len(f.values) == 1 {
			add(f.key, f.name, func(fact) string { return f.values[0] })
		}
	}
	add("fact", "Fact", func(f fact) string { return f.name })
	add("text", "Evidence", func(f fact) string { return f.text })
	add("release", "Release", func(f fact) string { return f.release })
	add("endpoint", "Endpoint", func(f fact) string { return f.endpoint })
	add("server_share", "Server share", func(f fact) string { return f.share })
	add("fingerprint", "Error group", func(f fact) string { return f.fingerprint })
	add("top_error", "Error", func(f fact) string { return f.message })
	add("session_id", "Session", func(f fact) string { return f.sessionID })
	add("trace_id", "Trace", func(f fact) string { return f.traceID })
	// Where a link to the time has to lead, as Grafana's addresses have it: with as long a time before, to compare.
	from, to := fmt.Sprint(e.window.before().from.UnixMilli()), fmt.Sprint(e.window.to.UnixMilli())
	add("from", "From", func(fact) string { return from })
	add("to", "To", func(fact) string { return to })
	return e.numbers(fields, all)
}

// numbers puts each fact's number beside its labels.
func (e *evidenceOf) numbers(fields []*data.Field, all []fact) *data.Frame {
	numbers := make([]float64, 0, len(all))
	for _, f := range all {
		numbers = append(numbers, f.number)
	}
	return newFrame(data.FrameTypeNumericLong, append(fields, column("value", "Evidence", unitNone, numbers))...)
}
