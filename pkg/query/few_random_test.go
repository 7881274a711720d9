package query

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/stretchr/testify/require"
)

// crowdQuestions are of every type that tells segments apart, with what a row of theirs is of, counted in page views.
var crowdQuestions = []struct {
	json    string
	has     func(row map[string]any, p plantedView) bool
	counted func(plantedView) bool // the page views that the type's filters are judged by; nil is all
}{
	{`"queryType":"vitals","metric":"lcp","format":"table"`, anyView, nil},
	{`"queryType":"vitals","metric":"inp","format":"timeseries"`, func(_ map[string]any, p plantedView) bool { return p.interacted }, nil},
	{`"queryType":"vitalsOverview"`, anyView, nil},
	{`"queryType":"pages","format":"table"`, anyView, nil},
	{`"queryType":"requests","format":"table"`, func(row map[string]any, p plantedView) bool { return namedIn(row, "endpoint", p.endpoints...) }, func(p plantedView) bool { return len(p.endpoints) > 0 }},
	{`"queryType":"errors"`, func(row map[string]any, p plantedView) bool { return namedIn(row, "fingerprint", p.errors...) }, withError},
	{`"queryType":"actions","format":"table"`, func(row map[string]any, p plantedView) bool { return namedIn(row, "target", p.targets...) }, func(p plantedView) bool { return len(p.targets) > 0 }},
	{`"queryType":"evidence"`, ofFact, nil},
	{`"queryType":"evidence","compare":"previous","metric":"errors"`, ofFact, nil},
	{`"queryType":"errorBursts"`, ofBurst, withError},
	{`"queryType":"errorBursts","format":"numeric"`, ofBurst, withError},
	{`"queryType":"releases"`, ofRelease, nil},
	{`"queryType":"impact","metric":"lcp"`, anyView, nil},
	{`"queryType":"impact","metric":"inp","measure":"poor"`, func(_ map[string]any, p plantedView) bool { return p.interacted }, nil},
	{`"queryType":"telemetry","section":"traces"`, anyView, nil},
}

func withError(p plantedView) bool { return len(p.errors) > 0 }

func anyView(map[string]any, plantedView) bool { return true }

// namedIn says that a row is of one of the things that a page view had; a row that names none is of all that had any.
func namedIn(row map[string]any, column string, had ...string) bool {
	name, _ := row[column].(string)
	return slices.Contains(had, name) || (name == "" || name == fewName) && len(had) > 0
}

func ofFact(row map[string]any, p plantedView) bool {
	switch fingerprint, _ := row["fingerprint"].(string); {
	case fingerprint != "":
		return slices.Contains(p.errors, fingerprint)
	case row["fact"] == "slowest" && row["endpoint"] != "":
		return slices.ContainsFunc(p.endpoints, func(api string) bool { return row["endpoint"] == "GET api.crowd"+api })
	}
	return true
}

func ofBurst(row map[string]any, p plantedView) bool {
	if onset, ok := row["onset"].(time.Time); ok && p.at.Before(onset) {
		return false
	}
	return namedIn(row, "fingerprint", p.errors...)
}

func ofRelease(row map[string]any, p plantedView) bool {
	if _, grouped := row["fingerprint"]; grouped {
		return namedIn(row, "fingerprint", p.errors...)
	}
	return row["release"] == nil || row["release"] == p.of["release"]
}

// TestNoAnswerTellsOfFewPageViews asks at random, as a Viewer, and counts the page views of whatever comes back.
func TestNoAnswerTellsOfFewPageViews(t *testing.T) {
	random := rand.New(rand.NewPCG(8, 21))
	c := newFewCrowd(t, 31)
	checked, merged := map[string]int{}, 0
	for i := range 4 * len(crowdQuestions) {
		asked := crowdQuestions[i%len(crowdQuestions)]
		c.runner.Settings.MinViews = []int{5, 20, 60}[random.IntN(3)]
		keys := []string{"browser", "country", "device", "route", "release"}
		random.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
		groups := keys[:random.IntN(3)]
		if strings.Contains(asked.json, `"releases"`) {
			groups = slices.DeleteFunc(slices.Clone(groups), func(key string) bool { return key == "release" })
		}
		if strings.Contains(asked.json, `"telemetry"`) {
			groups = nil
		}
		filter := c.filter(random, keys[4], asked.json)
		query := fmt.Sprintf(`{%s,"app":"crowd","groupBy":%s%s}`, asked.json, jsonOf(groups), filter.json())
		w := window{c.now.Add(-time.Duration(1+random.IntN(6)) * time.Hour), c.now}
		judged := w
		if strings.Contains(asked.json, `"errorBursts"`) {
			judged.from = c.now.Add(-13 * 5 * time.Minute) // the windows judged, and the hour before
		}
		passes := c.passes(filter, judged, asked.counted)
		got := c.viewerAsks(query, w)
		require.NoError(t, got.Error, query)
		c.namesNobody(t, query, got.Frames)
		if len(got.Frames[0].Meta.Notices) > 0 && got.Frames[0].Rows() == 0 {
			continue
		}
		kind := strings.Split(asked.json, `"`)[3]
		for _, frame := range got.Frames {
			all := cellRows(frame)
			for _, row := range all {
				if kind != "evidence" { // whose numbers of samples are of calls and sessions
					c.namesNoFewSamples(t, query, row)
				}
				of, rest := segmentIn(row)
				if rest {
					merged++
					continue // what is left is checked by what all others leave of the whole
				}
				n := c.within(w, func(p plantedView) bool { return passes(p) && like(of)(p) && asked.has(row, p) })
				if kind == "impact" && row["kind"] == "dimension" || n == 0 {
					continue
				}
				require.GreaterOrEqual(t, n, uint64(c.runner.Settings.MinViews), "%s\n%v", query, row)
				checked[kind]++
			}
		}
	}
	for _, kind := range []string{"vitals", "vitalsOverview", "pages", "requests", "errors", "actions", "evidence",
		"errorBursts", "releases", "impact", "telemetry"} {
		require.Positive(t, checked[kind], kind)
	}
	require.Positive(t, merged)
}

// drawn is a filter of a question.
type drawn struct {
	key, operator string
	values        []string
}

// filter draws one, often on a rare value, often of several.
func (c *fewCrowd) filter(random *rand.Rand, key, asked string) drawn {
	if random.IntN(2) == 0 || strings.Contains(asked, `"telemetry"`) || strings.Contains(asked, `"releases"`) {
		return drawn{}
	}
	values := slices.Clone(crowdValues[key])
	random.Shuffle(len(values), func(i, j int) { values[i], values[j] = values[j], values[i] })
	return drawn{key, []string{"=", "!="}[random.IntN(2)], values[:1+random.IntN(2)]}
}

func (d drawn) json() string {
	if d.key == "" {
		return ""
	}
	return fmt.Sprintf(`,"filters":[{"key":%q,"operator":%q,"values":%s}]`, d.key, d.operator, jsonOf(d.values))
}

// passes is what the filter is to mean below the threshold: rare values are neither found nor left out, and it is not
// applied where it takes away too few.
func (c *fewCrowd) passes(d drawn, w window, counted func(plantedView) bool) func(plantedView) bool {
	everybody := func(plantedView) bool { return true }
	if d.key == "" {
		return everybody
	}
	if counted == nil {
		counted = everybody
	}
	few := func(that func(plantedView) bool) bool {
		n := c.within(w, func(p plantedView) bool { return counted(p) && that(p) })
		return n > 0 && n < uint64(c.runner.Settings.MinViews)
	}
	values := slices.DeleteFunc(slices.Clone(d.values), func(value string) bool {
		return !(len(d.values) == 1 && d.operator == "=") && few(like(map[string]string{d.key: value}))
	})
	passes := func(p plantedView) bool { return slices.Contains(values, p.of[d.key]) == (d.operator == "=") }
	if few(func(p plantedView) bool { return !passes(p) }) {
		return everybody
	}
	return passes
}

func (c *fewCrowd) asked(query string, w window) backend.DataQuery {
	return backend.DataQuery{RefID: "A", JSON: []byte(query), TimeRange: backend.TimeRange{From: w.from, To: w.to},
		Interval: 10 * time.Minute, MaxDataPoints: 100}
}

func (c *fewCrowd) viewerAsks(query string, w window) backend.DataResponse {
	return c.runner.Answer(c.t.Context(), viewer, c.asked(query, w))
}

// namesNoFewSamples finds no number of samples below the threshold, whatever it is of.
func (c *fewCrowd) namesNoFewSamples(t *testing.T, query string, row map[string]any) {
	t.Helper()
	for name, value := range row {
		if n, told := value.(int64); told && n > 0 && strings.Contains(strings.ToLower(name), "samples") {
			require.GreaterOrEqual(t, n, int64(c.runner.Settings.MinViews), "%s\n%s of %v", query, name, row)
		}
	}
}

// namesNobody finds no id in an answer: not in what was executed, in notices, or in links.
func (c *fewCrowd) namesNobody(t *testing.T, query string, frames data.Frames) {
	t.Helper()
	for _, frame := range frames {
		for _, field := range frame.Fields {
			require.NotContains(t, idFields, field.Name, query)
		}
		whole, err := json.Marshal(frame)
		require.NoError(t, err)
		for _, id := range []string{"visitor-", "look-"} {
			require.NotContains(t, string(whole), id, query)
		}
		for _, rare := range []string{"Lynx", "VA"} {
			if c.within(window{c.now.Add(-24 * time.Hour), c.now}, func(p plantedView) bool {
				return p.of["browser"] == rare || p.of["country"] == rare
			}) < uint64(c.runner.Settings.MinViews) {
				require.NotContains(t, frame.Meta.ExecutedQueryString, "'"+rare+"'", query)
			}
		}
	}
}

// cellRows are a frame's rows with the labels of its fields as columns, without points that have no value.
func cellRows(frame *data.Frame) (all []map[string]any) {
	for _, row := range rowsOf(frame) {
		for _, field := range frame.Fields {
			for key, value := range field.Labels {
				row[key] = value
			}
		}
		if frame.Meta.Type == data.FrameTypeTimeSeriesMulti && row[frame.Fields[1].Name] == nil {
			continue
		}
		all = append(all, row)
	}
	return all
}

// segmentIn is the segment that a row names, by its columns or, of impact, in words.
func segmentIn(row map[string]any) (of map[string]string, rest bool) {
	of = map[string]string{}
	if row["kind"] == impactReal || row["kind"] == impactMix {
		for _, part := range strings.Split(row["segment"].(string), ", ") {
			key, value, _ := strings.Cut(part, "=")
			of[key] = value
		}
	}
	for key := range crowdValues {
		value, ok := row[key].(string)
		if _, compared := row["releaseBefore"]; key == "release" && (compared || row["fact"] != nil || row["observed"] != nil) {
			continue // not the row's segment, but what it tells
		}
		rest = rest || value == fewName
		if ok && value != "" && value != fewName {
			of[key] = value
		}
	}
	fingerprint, _ := row["fingerprint"].(string)
	return of, rest || fingerprint == fewName
}
