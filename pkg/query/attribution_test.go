package query

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/query/stats"
	"github.com/sightline-rum/sightline/pkg/rum"
)

// glimpse is one vital as the store should see it.
type glimpse struct {
	rum.Vital
	view       string
	weight     uint32
	dimensions map[string]string
}

func (g glimpse) poor() bool {
	m, _ := rum.MetricByKey(g.Metric)
	return g.Value > m.Poor
}

// glimpses are the last reports of a metric in a window, of real people in production.
func (k *kiosk) glimpses(w window, metric string) []glimpse {
	last := map[string]glimpse{}
	for _, b := range append(slices.Clone(k.first), k.second...) {
		for _, v := range b.Vitals {
			if v.Metric != metric || b.Context.Environment != "production" || b.Context.Traffic != rum.TrafficReal ||
				v.TS < w.from.UnixMilli() || v.TS >= w.to.UnixMilli() || v.ReportedAt < last[v.MetricID].ReportedAt {
				continue
			}
			g := glimpse{Vital: v, view: b.Context.SessionID + v.ViewID, weight: b.Context.Weight,
				dimensions: dimensionsOfItem(b.Context, v.Item)}
			g.dimensions["element"], g.dimensions["script"], g.dimensions["party"] = v.Target, v.ScriptURL, ""
			if v.ThirdParty {
				g.dimensions["party"] = "third"
			} else if v.ScriptURL != "" || v.TargetURL != "" {
				g.dimensions["party"] = "first"
			}
			last[v.MetricID] = g
		}
	}
	var all []glimpse
	for _, g := range last {
		all = append(all, g)
	}
	return all
}

func segmented[T any](all []T, keys []string, of func(T) map[string]string) map[string][]T {
	segments := map[string][]T{}
	for _, one := range all {
		var name []string
		for _, key := range keys {
			name = append(name, of(one)[key])
		}
		segments[strings.Join(name, "\x00")] = append(segments[strings.Join(name, "\x00")], one)
	}
	return segments
}

func weightOf[T any](all []T, weight func(T) uint32, keep func(T) bool) (sum float64) {
	for _, one := range all {
		if keep(one) {
			sum += float64(weight(one))
		}
	}
	return sum
}

func nameOf(row map[string]any, keys []string) string {
	var name []string
	for _, key := range keys {
		name = append(name, row[key].(string))
	}
	return strings.Join(name, "\x00")
}

// naiveParts are the means of the sub-parts over the middle half of the poor views that tell them.
func naiveParts(metric string, poor []glimpse) (value float64, parts []float64, told int) {
	names := map[string][]string{
		"lcp": {"time_to_first_byte", "resource_load_delay", "resource_load_duration", "element_render_delay"},
		"inp": {"input_delay", "processing_duration", "presentation_delay"},
		"cls": {"largest_shift_value", ""},
	}[metric]
	var samples []stats.Sample
	for _, g := range poor {
		if g.Parts != nil {
			samples = append(samples, stats.Sample{Value: g.Value, Weight: g.weight})
		}
	}
	low, high := stats.Percentile(samples, 0.25), stats.Percentile(samples, 0.75)
	parts, sum := make([]float64, len(names)), 0.0
	for _, g := range poor {
		if g.Parts == nil || g.Value < low || g.Value > high {
			continue
		}
		sum += float64(g.weight)
		value += float64(g.weight) * g.Value
		for i, name := range names {
			part := float64(g.Parts[name])
			if name == "" {
				part = max(0, g.Value-float64(g.Parts["largest_shift_value"]))
			}
			parts[i] += float64(g.weight) * part
		}
	}
	for i := range parts {
		parts[i] /= sum
	}
	return value / sum, parts, len(samples)
}

func TestAttributionOfAVitalEqualsTheNaiveComputation(t *testing.T) {
	k := openKiosk(t)
	before, after := kioskDays()
	fields := map[string][]string{"lcp": {"ttfb", "loadDelay", "load", "renderDelay"},
		"inp": {"inputDelay", "processing", "presentation"}, "cls": {"largestShift", "otherShifts"}}
	for _, c := range []struct {
		metric  string
		groupBy []string
		by      []string // what the rows are by
	}{
		{"lcp", nil, []string{"route", "element"}}, {"inp", nil, []string{"route", "element"}},
		{"cls", nil, []string{"route", "element"}},
		{"inp", []string{"browser", "device"}, []string{"browser", "device", "element"}},
		{"inp", []string{"script"}, []string{"script"}}, {"inp", []string{"route", "party"}, []string{"route", "party"}},
		{"lcp", []string{"party", "element"}, []string{"party", "element"}},
	} {
		t.Run(fmt.Sprint(c.metric, c.by), func(t *testing.T) {
			rows := rowsOf(frames(t, jsonOf(map[string]any{"queryType": "attribution", "app": "kiosk", "metric": c.metric,
				"groupBy": c.groupBy, "minSamples": 12, "compare": "previous", "limit": 1000}), after)[0])
			all := k.glimpses(after, c.metric)
			of := func(g glimpse) map[string]string { return g.dimensions }
			weight := func(g glimpse) uint32 { return g.weight }
			allPoor := weightOf(all, weight, glimpse.poor)
			segments, earlier := segmented(all, c.by, of), segmented(k.glimpses(before, c.metric), c.by, of)
			withPoor := 0
			for _, segment := range segments {
				if slices.ContainsFunc(segment, glimpse.poor) {
					withPoor++
				}
			}
			require.Len(t, rows, withPoor, "every cause of a poor view has a row, and no other has")
			require.True(t, slices.IsSortedFunc(rows, func(a, b map[string]any) int {
				return cmp.Compare(b["poorViews"].(float64), a["poorViews"].(float64))
			}), "the most poor views first")
			sum := 0.0
			for _, row := range rows {
				segment := segments[nameOf(row, c.by)]
				sum += row["responsibility"].(float64)
				total := weightOf(segment, weight, func(glimpse) bool { return true })
				poor := slices.DeleteFunc(slices.Clone(segment), func(g glimpse) bool { return !g.poor() })
				poorWeight := weightOf(segment, weight, glimpse.poor)
				require.Equal(t, c.metric, row["metric"])
				require.EqualValues(t, len(segment), row["samples"])
				require.InDelta(t, total/1000, row["views"], 1e-9)
				require.InDelta(t, poorWeight/1000, row["poorViews"], 1e-9)
				require.InDelta(t, poorWeight/allPoor, row["responsibility"], 1e-12)
				checkScript(t, row, poor, c.by)

				value, parts, told := naiveParts(c.metric, poor)
				if told < 10 {
					require.Nil(t, row["poorValue"])
					require.Empty(t, row["dominant"])
					require.Empty(t, row["todo"])
				} else {
					require.InDelta(t, value, row["poorValue"], 1e-6*value)
					added := 0.0
					for i, name := range fields[c.metric] {
						require.InDelta(t, parts[i], row[name], 1e-6*value, name)
						added += row[name].(float64)
					}
					require.InDelta(t, value, added, 1e-5*value, "sub-parts add up to the value they are of")
				}
				if len(segment) < 12 {
					require.Nil(t, row["value"])
					require.Nil(t, row["poor"])
					require.Nil(t, row["change"])
					continue
				}
				require.Equal(t, p75Of(segment), row["value"])
				require.InDelta(t, poorWeight/total, row["poor"], 1e-12)
				was := earlier[nameOf(row, c.by)]
				if len(was) < 12 {
					require.Nil(t, row["change"])
					require.Nil(t, row["poorChange"])
					continue
				}
				wasPoor := weightOf(was, weight, glimpse.poor) / weightOf(was, weight, func(glimpse) bool { return true })
				require.InDelta(t, p75Of(segment)/p75Of(was)-1, row["change"], 1e-12)
				require.InDelta(t, poorWeight/total-wasPoor, row["poorChange"], 1e-12)
			}
			require.InDelta(t, 1, sum, 1e-9, "together they are responsible for all poor views")
		})
	}
}

func p75Of(all []glimpse) float64 {
	var samples []stats.Sample
	for _, g := range all {
		samples = append(samples, stats.Sample{Value: g.Value, Weight: g.weight})
	}
	return stats.Percentile(samples, 0.75)
}

// checkScript holds the script a row names to the poor views: the one most of those that name any name.
func checkScript(t *testing.T, row map[string]any, poor []glimpse, by []string) {
	t.Helper()
	if row["metric"] != "inp" || slices.Contains(by, "script") {
		return
	}
	weights, total, samples := map[string]float64{}, 0.0, 0
	for _, g := range poor {
		if g.ScriptURL != "" {
			weights[g.ScriptURL] += float64(g.weight)
			total += float64(g.weight)
			samples++
		}
	}
	require.EqualValues(t, samples, row["scriptSamples"])
	if samples == 0 {
		require.Empty(t, row["script"])
		require.Nil(t, row["scriptShare"])
		return
	}
	most := 0.0
	for _, weight := range weights {
		most = max(most, weight)
	}
	require.Equal(t, most, weights[row["script"].(string)])
	require.InDelta(t, most/total, row["scriptShare"], 1e-12)
}

func TestAttributionFindsThePlantedShares(t *testing.T) {
	k := openKiosk(t)
	_, after := kioskDays()
	guilty, poor := 0.0, 0.0
	for _, g := range k.glimpses(after, "inp") {
		if g.poor() {
			poor += float64(g.weight)
			if g.ScriptURL == guiltyScript {
				guilty += float64(g.weight)
			}
		}
	}
	rows := rowsOf(frames(t, `{"queryType":"attribution","app":"kiosk","metric":"inp","groupBy":["script"],
		"filters":[{"key":"script","values":["`+guiltyScript+`"]}]}`, after)[0])
	require.Len(t, rows, 1)
	require.InDelta(t, guilty/poor, rows[0]["responsibility"], 1e-12,
		"a filter on the script leaves the poor views of others in the whole")

	hero := rowsOf(frames(t, `{"queryType":"attribution","app":"kiosk","metric":"lcp"}`, after)[0])[0]
	require.Equal(t, "img.hero", hero["element"])
	require.Equal(t, "third", hero["party"])
	require.Equal(t, "load delay", hero["dominant"], "60 %% of each such paint")
	require.Contains(t, hero["todo"], "load delay: let the browser find the resource at once")
	require.InDelta(t, 0.6, hero["loadDelay"].(float64)/hero["poorValue"].(float64), 0.05)

	goods := rowsOf(frames(t, `{"queryType":"attribution","app":"kiosk","metric":"cls",
		"filters":[{"key":"element","values":["ul.goods"]}]}`, after)[0])
	require.Len(t, goods, 1)
	require.Contains(t, goods[0]["todo"], "largest shift: reserve the element's space")
}

func TestAttributionSaysNothingItDoesNotKnow(t *testing.T) {
	_, after := kioskDays()
	// The shop's vitals come without parts, elements and scripts.
	for _, row := range rowsOf(frames(t, `{"queryType":"attribution"}`)[0]) {
		require.Empty(t, row["element"])
		require.Empty(t, row["todo"])
		require.Empty(t, row["dominant"])
	}
	// In a quarter of an hour there are too few poor views to say which part is most of them.
	short := window{after.from, after.from.Add(after.length() / 96)}
	few := rowsOf(frames(t, `{"queryType":"attribution","app":"kiosk","minSamples":50}`, short)[0])
	require.NotEmpty(t, few)
	for _, row := range few {
		require.Empty(t, row["todo"])
		require.Nil(t, row["value"])
		require.Nil(t, row["poor"])
	}
}

func TestAllMetricsAreRankedTogetherByPoorViews(t *testing.T) {
	openKiosk(t)
	_, after := kioskDays()
	together := frames(t, `{"queryType":"attribution","app":"kiosk","limit":12}`, after)[0]
	require.Equal(t, data.FrameTypeTable, together.Meta.Type)
	rows := rowsOf(together)
	require.Len(t, rows, 12)
	require.Contains(t, together.Meta.Notices[len(together.Meta.Notices)-1].Text, "Only the first 12 causes")
	var apart []map[string]any
	metrics := map[any]int{}
	for _, metric := range attributable[1:] {
		one := frames(t, `{"queryType":"attribution","app":"kiosk","metric":"`+metric+`"}`, after)
		apart = append(apart, rowsOf(one[0])...)
	}
	slices.SortStableFunc(apart, func(a, b map[string]any) int {
		return cmp.Compare(b["poorViews"].(float64), a["poorViews"].(float64))
	})
	for i, row := range rows {
		metrics[row["metric"]]++
		for name, value := range apart[i] {
			require.Equal(t, value, row[name], "%s of row %d", name, i)
		}
		require.Positive(t, row["poorViews"])
		require.False(t, math.IsNaN(row["poorViews"].(float64)))
	}
	require.Len(t, metrics, 4, "each metric has a cause among the first: %v", metrics)
	named := frames(t, `{"queryType":"attribution","app":"kiosk","limit":12,"metric":"all"}`, after)
	require.Equal(t, rows, rowsOf(named[0]), "no metric means all")
}

func TestEveryDimensionOfAttribution(t *testing.T) {
	openKiosk(t)
	_, after := kioskDays()
	for _, d := range dimensionsOf(tableAttribution) {
		for _, metric := range []string{"inp", "blocking"} {
			got := frames(t, jsonOf(map[string]any{"queryType": "attribution", "app": "kiosk", "metric": metric,
				"groupBy": d.key, "filters": []any{map[string]any{"key": d.key, "operator": "!=", "values": []string{"x", "y"}}}}), after)
			require.Positive(t, got[0].Rows(), d.key)
			_, at := got[0].FieldByName(d.key)
			require.Positive(t, at, d.key)
		}
	}
}

func TestAttributionComparesAroundADeploy(t *testing.T) {
	got := frames(t, `{"queryType":"attribution","app":"blog","metric":"lcp","compare":"deploy"}`, whole())
	_, at := got[0].FieldByName("poorChange")
	require.Positive(t, at)
	require.Contains(t, got[0].Meta.Notices[0].Text, "are compared with")
}

func TestRefusedAttribution(t *testing.T) {
	for query, text := range map[string]string{
		`{"queryType":"attribution","metric":"fcp"}`:        "Valid: all, lcp, inp, cls, blocking",
		`{"queryType":"attribution","metric":"blockin"}`:    `did you mean "blocking"?`,
		`{"queryType":"attribution","format":"timeseries"}`: "Valid: table",
		`{"queryType":"attribution","groupBy":["host"]}`:    "element, script, party",
	} {
		got := ask(t, everyone, query)
		require.ErrorContains(t, got.Error, text)
		require.Equal(t, backend.StatusBadRequest, got.Status)
	}
}

func TestNothingToAttributeIsATypedFrameWithoutRows(t *testing.T) {
	for _, metric := range attributable {
		got := frames(t, `{"queryType":"attribution","app":"kiosk","metric":"`+metric+`"}`, whole())
		require.Zero(t, got[0].Rows())
		require.NotEmpty(t, got[0].Fields)
		require.NotEmpty(t, got[0].Meta.Notices, "it says why")
	}
}

func TestGoldenAttribution(t *testing.T) {
	openKiosk(t)
	_, after := kioskDays()
	for name, query := range map[string]string{
		"attribution":          `{"queryType":"attribution","app":"kiosk","limit":4}`,
		"attribution_lcp":      `{"queryType":"attribution","app":"kiosk","metric":"lcp","limit":2,"compare":"previous"}`,
		"attribution_inp":      `{"queryType":"attribution","app":"kiosk","metric":"inp","groupBy":["browser"],"limit":2}`,
		"attribution_cls":      `{"queryType":"attribution","app":"kiosk","metric":"cls","limit":2}`,
		"attribution_blocking": `{"queryType":"attribution","app":"kiosk","metric":"blocking","groupBy":["script"]}`,
		"attribution_refused":  `{"queryType":"attribution","metric":"ttfb"}`,
	} {
		t.Run(name, func(t *testing.T) { holdGolden(t, name, askPlugin(t, query, after)) })
	}
}

func TestATodoNeedsMostPoorViewsToAgree(t *testing.T) {
	inp, _ := rum.MetricByKey("inp")
	q := question{enough: 50}
	row := func(views uint64, agreeing float64) *culprit {
		weight := 1000 * float64(views)
		c := &culprit{metric: inp}
		c.told.parts = partsTold{samples: views, weight: weight, square: 1e6 * float64(views),
			means: []float64{100, 400, 90}, largest: []float64{0, agreeing * weight, (1 - agreeing) * weight}}
		return c
	}
	require.Contains(t, row(200, 0.6).todo(&q), "processing: shorten the event handlers")
	require.Empty(t, row(200, 0.53).todo(&q), "53 %% of 200 may be chance")
	require.Contains(t, row(2000, 0.53).todo(&q), "processing")
	require.Empty(t, row(2000, 0.45).todo(&q), "in most poor views another phase is the longest")
	require.Empty(t, row(9, 1).todo(&q), "nine poor views are too few")
	require.Equal(t, 1, row(2000, 0.45).dominant(&q), "the largest mean is named all the same")
	require.Equal(t, -1, row(9, 1).dominant(&q))

	named := row(200, 0.9)
	named.told.script, named.told.scriptShare = "https://shop.example/assets/pay.js?v=3", 0.9
	named.told.scriptWeight, named.told.scriptSquare = 4000, 4e6
	require.NotContains(t, named.todo(&q), "pay.js", "four views name a script")
	named.told.scriptWeight, named.told.scriptSquare = 40_000, 4e7
	require.True(t, strings.HasSuffix(named.todo(&q), "; longest script: pay.js"))
}
