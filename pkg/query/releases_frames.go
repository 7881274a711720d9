package query

import (
	"fmt"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/sightline-rum/sightline/pkg/query/stats"
	"github.com/sightline-rum/sightline/pkg/rum"
)

// compared says in a notice what was held against what.
func (r *releasesOf) compared() string {
	text := fmt.Sprintf("Release %s is compared with %s on the same pages and devices, %s", r.newer.release,
		r.older.release, r.hours.said)
	if !r.baseline.empty() {
		text += fmt.Sprintf("; %s from %s to %s", r.older.release, r.baseline.from.Format(time.RFC3339),
			r.baseline.to.Format(time.RFC3339))
	}
	return text + fmt.Sprintf(". %.0f %% of the newer release's views have such a counterpart.", 100*r.matched)
}

// verdicts has, for each segment, the verdict with its reason, both releases with their share of the views, and for
// each Core Web Vital and for errorRate (the share of page visits that met an error) the value, <key>Before,
// <key>Difference with <key>Lower and <key>Upper, <key>Verdict, <key>Samples and <key>SamplesBefore. Values are those
// of the traffic both releases have in common.
func (r *releasesOf) verdicts(segments []*releaseSegment) *data.Frame {
	var keys [][]string
	var verdicts, reasons, newer, older []string
	var share, shareBefore, matched []*float64
	counts := map[string][]int64{}
	perView := [2][]*float64{}
	for _, s := range segments {
		keys = append(keys, s.key)
		verdicts, reasons = append(verdicts, string(s.verdict)), append(reasons, s.reason)
		newer, older = append(newer, r.newer.release), append(older, r.older.release)
		share = append(share, pointerIf(true, r.newer.views[0]/r.all[0]))
		shareBefore = append(shareBefore, pointerIf(true, r.older.views[1]/r.all[1]))
		matched = append(matched, pointerIf(true, r.matched))
		for _, kind := range []string{groupNew, groupGone, groupMore, groupLess} {
			var n int64
			for _, g := range s.groups {
				if g.kind == kind {
					n++
				}
			}
			counts[kind] = append(counts[kind], n)
		}
		for i := range perView {
			perView[i] = append(perView[i], pointerIf(true, s.errors[i].errors/s.errors[i].views))
		}
	}
	verdict := column("verdict", "Verdict", unitNone, verdicts)
	verdict.Config.Mappings = verdictColours
	fields := append(r.groupColumns(keys), verdict,
		column("reason", "Reason", unitNone, reasons),
		column("release", "Release", unitNone, newer),
		column("releaseBefore", "Compared with", unitNone, older),
		column("share", "Share of views", unitShare, share),
		column("shareBefore", "Share of views, before", unitShare, shareBefore),
		column("matched", "Views with a counterpart", unitShare, matched))
	for _, m := range rum.Metrics {
		if m.Core {
			of := r.comparisons(segments, m.Key, strings.ToUpper(m.Key)+" "+r.percentileName(), m.Unit)
			for _, field := range of[:2] {
				field.Config.Thresholds = metric{Metric: m, rated: true}.thresholds()
			}
			fields = append(fields, of...)
		}
	}
	fields = append(fields, r.comparisons(segments, keyErrorRate, "Page visits with an error", unitShare)...)
	fields = append(fields,
		column("errorsPerView", "Errors per view", unitNone, perView[0]),
		column("errorsPerViewBefore", "Errors per view, before", unitNone, perView[1]),
		column("newGroups", "New error groups", unitShort, counts[groupNew]),
		column("goneGroups", "Gone error groups", unitShort, counts[groupGone]),
		column("moreGroups", "Error groups met more", unitShort, counts[groupMore]),
		column("lessGroups", "Error groups met less", unitShort, counts[groupLess]))
	frame := newFrame(data.FrameTypeTable, fields...)
	frame.Name = partVerdict
	return frame
}

var verdictColours = data.ValueMappings{data.ValueMapper{
	string(stats.Worse):   {Text: "worse", Color: "red", Index: 0},
	string(stats.Better):  {Text: "better", Color: "green", Index: 1},
	string(stats.Same):    {Text: "same", Color: "text", Index: 2},
	string(stats.Unknown): {Text: "not enough data", Color: "text", Index: 3},
}}

func (r *releasesOf) comparisons(segments []*releaseSegment, key, name, unit string) []*data.Field {
	var now, before, difference, lower, upper []*float64
	var verdicts []string
	var samples, samplesBefore []int64
	for _, s := range segments {
		j, known := s.judged[key]
		if !known {
			j.verdict = stats.Unknown
		}
		enough := min(j.samples[0], j.samples[1]) >= r.enough && j.samples[0] > 0
		now = append(now, steadyIf(j.samples[0] >= r.enough, j.Now.Value))
		before = append(before, steadyIf(j.samples[1] >= r.enough, j.Before.Value))
		difference = append(difference, steadyIf(enough, j.Value))
		lower, upper = append(lower, steadyIf(enough, j.Lower)), append(upper, steadyIf(enough, j.Upper))
		verdicts = append(verdicts, string(j.verdict))
		samples, samplesBefore = append(samples, int64(j.samples[0])), append(samplesBefore, int64(j.samples[1]))
	}
	told, toldBefore := r.samples(samples), r.samples(samplesBefore)
	verdict := column(key+"Verdict", name+": verdict", unitNone, verdicts)
	verdict.Config.Mappings = verdictColours
	fields := []*data.Field{
		column(key, name, unit, now),
		column(key+"Before", name+", before", unit, before),
		column(key+"Difference", name+": difference", unit, difference),
		column(key+"Lower", name+": difference, lower bound", unit, lower),
		column(key+"Upper", name+": difference, upper bound", unit, upper),
		verdict,
		told(key+"Samples", name+": samples"),
		toldBefore(key+"SamplesBefore", name+": samples, before"),
	}
	for _, field := range fields[:5] {
		field.Config.NoValue = string(stats.Unknown)
	}
	return fields
}

// groupsFrame lists the error groups of both releases. count is how many errors there were, visits how many page visits
// met one, rate the share of page visits, on the traffic both releases have in common; lower and upper are the bounds
// of the difference of the rates.
func (r *releasesOf) groupsFrame(segments []*releaseSegment) *data.Frame {
	var keys [][]string
	var kinds, types, messages, fingerprints, releases []string
	var count, visits [2][]float64
	var rate [2][]*float64
	var lower, upper []*float64
	cut := false
	for _, s := range segments {
		for _, g := range s.byHarm() {
			if len(kinds) == r.limits.MaxRows {
				cut = true
				break
			}
			keys, kinds = append(keys, s.key), append(kinds, g.kind)
			types, messages = append(types, g.errorType), append(messages, g.message)
			fingerprints, releases = append(fingerprints, g.fingerprint), append(releases, g.firstRelease)
			difference, errors, hit := g.difference, g.errors, g.visits
			for i := range count {
				if r.hasFew(g.views[i]) {
					errors[i], hit[i] = leave, leave
					difference.Lower, difference.Upper = leave, leave
				}
				count[i], visits[i] = append(count[i], errors[i]), append(visits[i], hit[i])
			}
			rate[0] = append(rate[0], steadyIf(!r.hasFew(g.views[0]), difference.Now.Value))
			rate[1] = append(rate[1], steadyIf(!r.hasFew(g.views[1]), difference.Before.Value))
			lower, upper = append(lower, steady(difference.Lower)), append(upper, steady(difference.Upper))
		}
	}
	frame := newFrame(data.FrameTypeTable, append(r.groupColumns(keys),
		column("kind", "Change", unitNone, kinds),
		column("errorType", "Error type", unitNone, types),
		column("message", "Message", unitNone, messages),
		r.numbers("count", "Errors", unitShort, count[0]),
		r.numbers("countBefore", "Errors, before", unitShort, count[1]),
		r.numbers("visits", "Page visits hit", unitShort, visits[0]),
		r.numbers("visitsBefore", "Page visits hit, before", unitShort, visits[1]),
		column("rate", "Share of page visits", unitShare, rate[0]),
		column("rateBefore", "Share of page visits, before", unitShare, rate[1]),
		column("lower", "Difference, lower bound", unitShare, lower),
		column("upper", "Difference, upper bound", unitShare, upper),
		column("firstRelease", "First release", unitNone, releases),
		column("fingerprint", "Error group", unitNone, fingerprints))...)
	frame.Name = partErrorGroups
	if cut {
		frame.AppendNotices(r.cutNotice("error groups"))
	}
	return frame
}
