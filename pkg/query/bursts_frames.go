package query

import (
	"cmp"
	"fmt"
	"html"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/sightline-rum/sightline/pkg/query/stats"
)

// burstsTable has a burst a row, the least likely first. Observed, expected, ratio and score are of the window that
// ends now, everything else of the time since the onset. A burst that goes on has no end.
func (q *question) burstsTable(bursts []*burst) *data.Frame {
	n := len(bursts)
	keys, kinds, types, messages := make([][]string, n), make([]string, n), make([]string, n), make([]string, n)
	observed, expected, ratio := make([]float64, n), make([]float64, n), make([]float64, n)
	score, count, sessions := make([]float64, n), make([]float64, n), make([]float64, n)
	now := [][]float64{observed, expected, ratio, score}
	onset, end, first := make([]time.Time, n), make([]*time.Time, n), make([]time.Time, n)
	release, firstRelease, baseline := make([]string, n), make([]string, n), make([]string, n)
	affected, segments := make([]string, n), make([]string, n)
	sessionID, traceID := make([]string, n), make([]string, n)
	for i, b := range bursts {
		keys[i], kinds[i] = b.group.key, string(b.kind)
		types[i], messages[i] = b.facts.errorType, b.facts.message
		observed[i], expected[i] = b.shown.Observed, b.shown.Expected
		ratio[i], score[i], baseline[i] = b.shown.Ratio, b.shown.Score, string(b.shown.Baseline)
		if q.fewIn(b.group, 0) {
			for _, numbers := range now {
				numbers[i] = math.NaN()
			}
		}
		count[i], sessions[i] = b.count, b.facts.sessions
		onset[i], first[i], firstRelease[i] = b.onset, b.group.firstSeen, b.group.release
		if b.ended {
			end[i] = &b.end
		}
		release[i], affected[i], segments[i] = b.facts.most("release"), b.facts.most("route"), b.facts.segments()
		sessionID[i], traceID[i] = b.facts.sessionID, b.facts.traceID
	}
	likely := q.numbers("score", "Score", unitShort, score)
	likely.Config.Description = fmt.Sprintf("How unlikely so many are, in standard deviations: a group surges above %v. "+
		"New and regressed groups need no score, only %d sessions.", stats.BurstScore, stats.BurstSessions)
	over := func(name, people string, values []string) *data.Field {
		field := column(name, people, unitNone, values)
		field.Config.Description = "What the affected sessions have more often than the others, beyond chance."
		return field
	}
	fields := append([]*data.Field{column("kind", "Kind", unitNone, kinds)}, q.groupColumns(keys)...)
	if !q.groupsBy("errorType") {
		fields = append(fields, column("errorType", "Error type", unitNone, types))
	}
	// What is asked first comes first: what, since when, in which release, for how many, and where.
	fields = append(fields,
		sentences("message", "Message", messages),
		column("onset", "Onset", unitTime, onset))
	if !q.groupsBy("release") {
		fields = append(fields, over("release", "Release", release))
	}
	fields = append(fields,
		q.numbers("observed", "Observed", unitShort, observed),
		q.numbers("expected", "Expected", unitShort, expected),
		column("sessions", "Sessions", unitShort, sessions),
		over("routes", "Routes", affected),
		over("segments", "Segments", segments),
		q.numbers("ratio", "Ratio", unitShort, ratio),
		likely,
		column("baseline", "Baseline", unitNone, baseline),
		column("end", "End", unitTime, end),
		column("count", "Since onset", unitShort, count),
		column("firstSeen", "First seen", unitTime, first),
		column("firstRelease", "First release", unitNone, firstRelease),
		column("sessionId", "Session", unitNone, sessionID),
		column("traceId", "Trace", unitNone, traceID))
	return newFrame(data.FrameTypeTable, fields...)
}

// burstsAnnotations are regions from onset to end, or to now. Grafana shows an annotation's title and text as HTML, and
// anybody who visits the site can choose what an error's message says.
func (q *question) burstsAnnotations(bursts []*burst) *data.Frame {
	var at []time.Time
	var end []*time.Time
	var titles, texts, tags, ids []string
	for _, b := range bursts {
		at, end = append(at, b.onset), append(end, &b.end)
		titles = append(titles, fmt.Sprintf("%s: %s", kindNames[b.kind], html.EscapeString(cmp.Or(b.facts.errorType, "error"))))
		texts, tags = append(texts, html.EscapeString(b.text(q.groups))), append(tags, b.tags())
		ids = append(ids, fmt.Sprintf("%s/%s/%d", q.App, strings.Join(b.group.key, "/"), b.onset.UnixMilli()))
	}
	return newFrame(data.FrameTypeTable,
		column("time", "Time", unitNone, at),
		column("timeEnd", "End", unitNone, end),
		column("title", "Title", unitNone, titles),
		column("text", "Text", unitNone, texts),
		column("tags", "Tags", unitNone, tags),
		column("id", "Id", unitNone, ids))
}

// kindNames are the kinds as a headline says them.
var kindNames = map[stats.Kind]string{stats.New: "New", stats.Regressed: "Back", stats.Surging: "Surging"}

// text is the burst in one line, as an annotation shows it.
func (b *burst) text(groups []dimension) string {
	facts := []string{b.facts.message,
		fmt.Sprintf("%s in %s, %s expected", amount(b.count), lasted(b.end.Sub(b.onset)), amount(b.expected)),
		amount(b.facts.sessions) + " sessions"}
	for i, d := range groups {
		if d.key != "fingerprint" {
			facts = append(facts, d.name+" "+cmp.Or(b.group.key[i], "(unknown)"))
		}
	}
	if !b.ended {
		facts = append(facts, "going on")
	}
	return strings.Join(slices.DeleteFunc(facts, func(fact string) bool { return fact == "" }), " · ")
}

// tags are separated by commas, as Grafana reads them from a frame; a comma within one would make two of it.
func (b *burst) tags() string {
	tags := []string{string(b.kind)}
	for _, value := range append(slices.Clone(b.group.key), b.facts.errorType) {
		if value != "" {
			tags = append(tags, strings.ReplaceAll(value, ",", " "))
		}
	}
	return strings.Join(tags, ",")
}

// amount is a number as people say it: 3, 0.2, 1200.
func amount(n float64) string {
	if math.IsNaN(n) {
		return fewName
	}
	if n >= 10 || n == float64(int64(n)) {
		return fmt.Sprintf("%.0f", n)
	}
	return fmt.Sprintf("%.2g", n)
}

// burstsNumeric is what alert rules take: a row a group met lately, 0 unless it bursts now. The labels are the group
// and the query's dimensions and nothing else, so that an alert stays the same one while its numbers change.
func (q *question) burstsNumeric(h *burstHistory) *data.Frame {
	type row struct {
		group    *burstGroup
		observed float64
	}
	var all []row
	for _, g := range h.groups {
		r := row{group: g}
		if b := h.burstNow(g); b != nil {
			if q.fewIn(g, 0) {
				continue
			}
			r.observed = b.shown.Observed
		}
		all = append(all, r)
	}
	slices.SortStableFunc(all, func(a, b row) int {
		return cmp.Or(cmp.Compare(b.observed, a.observed), cmp.Compare(b.group.lately, a.group.lately))
	})
	cut := len(all) > q.limit()
	if cut {
		all = all[:q.limit()]
	}
	if len(all) == 0 {
		all = []row{{group: q.noGroup()}}
	}
	var keys [][]string
	var observed []float64
	for _, r := range all {
		keys, observed = append(keys, r.group.key), append(observed, r.observed)
	}
	frame := newFrame(data.FrameTypeNumericLong,
		append(q.groupColumns(keys), column("observed", "Errors in a burst", unitShort, observed))...)
	if cut {
		frame.AppendNotices(q.cutNotice("error groups"))
	}
	return frame
}

// noGroup stands in the answer when no group was met.
func (q *question) noGroup() *burstGroup { return &burstGroup{key: make([]string, len(q.groups))} }

// burstsSeries is the same for every window of the time range; each is named by its start.
func (q *question) burstsSeries(h *burstHistory) data.Frames {
	within := q.tiles.within
	times := make([]int64, within)
	for i := range times {
		times[i] = q.tiles.start(within - 1 - i).UnixMilli()
	}
	type row struct {
		group    *burstGroup
		values   []float64
		observed float64
	}
	var all []row
	for _, g := range h.groups {
		r := row{group: g, values: make([]float64, within)}
		for _, b := range h.burstsWithin(g) {
			newest := b.last
			if b.goesOn() {
				newest = 0
			}
			for at := min(b.first, within-1); at >= newest; at-- {
				if q.fewIn(g, at) {
					r.values[within-1-at] = math.NaN()
					continue
				}
				r.values[within-1-at] = g.counts[at]
				r.observed += g.counts[at]
			}
		}
		all = append(all, r)
	}
	slices.SortStableFunc(all, func(a, b row) int {
		return cmp.Or(cmp.Compare(b.observed, a.observed), cmp.Compare(b.group.lately, a.group.lately))
	})
	cut := len(all) > q.limit()
	if cut {
		all = all[:q.limit()]
	}
	if len(all) == 0 {
		all = []row{{group: q.noGroup(), values: make([]float64, within)}}
	}
	frames := make(data.Frames, 0, len(all))
	for _, r := range all {
		value := q.numbers("observed", "Errors in a burst", unitShort, r.values)
		q.label(value, r.group.key)
		value.Config.Interval = float64(q.tiles.size.Milliseconds())
		frames = append(frames, series(times, value))
	}
	if cut {
		frames[0].AppendNotices(q.cutNotice("series"))
	}
	return frames
}
