package query

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/query/stats"
	"github.com/sightline-rum/sightline/pkg/rum"
	"github.com/sightline-rum/sightline/pkg/store"
)

// kept filters events as a question would, in plain Go.
func kept(events []event, w window, keep func(event) bool) []event {
	return slices.DeleteFunc(slices.Clone(events), func(e event) bool {
		return e.at.Before(w.from) || !e.at.Before(w.to) || !keep(e)
	})
}

func production(metric string) func(event) bool {
	return func(e event) bool {
		return e.metric == metric && e.within("shop", "production") && e.dimensions["traffic"] == rum.TrafficReal
	}
}

// bySegment sorts events into segments, the largest first.
func bySegment(events []event, keys ...string) (segments [][]event, names [][]string) {
	found := map[string][]event{}
	for _, e := range events {
		var name []string
		for _, key := range keys {
			name = append(name, e.dimensions[key])
		}
		id := strings.Join(name, "\x00")
		found[id] = append(found[id], e)
	}
	var ids []string
	for id := range found {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b string) int {
		return cmp.Or(cmp.Compare(len(found[b]), len(found[a])), strings.Compare(a, b))
	})
	for _, id := range ids {
		segments, names = append(segments, found[id]), append(names, strings.Split(id, "\x00"))
	}
	return segments, names
}

func samplesOf(events []event) (samples []stats.Sample, sum, squares float64) {
	for _, e := range events {
		samples = append(samples, stats.Sample{Value: e.value, Weight: e.weight})
		sum += float64(e.weight)
		squares += float64(e.weight) * float64(e.weight)
	}
	return samples, sum, squares
}

func percentile(events []event, p float64) float64 {
	samples, _, _ := samplesOf(events)
	return stats.Percentile(samples, p)
}

func day() window { return window{seeded.today, seeded.today.Add(24 * time.Hour)} }

func TestVitalsTableEqualsTheNaiveComputation(t *testing.T) {
	for _, c := range []struct {
		metric  string
		p       float64
		groupBy []string
	}{
		{"lcp", 75, nil}, {"inp", 75, []string{"route"}}, {"cls", 90, []string{"route", "browser"}},
		{"ttfb", 50, []string{"device", "country", "release"}}, {"lcp", 99, []string{"browser"}},
		{"hero", 75, []string{"route"}},
	} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			got := frames(t, jsonOf(map[string]any{"metric": c.metric, "percentile": c.p, "groupBy": c.groupBy,
				"format": "table", "compare": "previous", "minSamples": 5}))
			require.Len(t, got, 1)
			require.Equal(t, data.FrameTypeTable, got[0].Meta.Type)
			rows := rowsOf(got[0])
			segments, names := bySegment(kept(seeded.measured(), day(), production(c.metric)), c.groupBy...)
			before := kept(seeded.measured(), day().before(), production(c.metric))
			require.Len(t, rows, len(segments))
			for i, events := range segments {
				for j, key := range c.groupBy {
					require.Equal(t, names[i][j], rows[i][key])
				}
				require.EqualValues(t, len(events), rows[i]["samples"])
				if len(events) < 5 {
					require.Nil(t, rows[i]["value"])
					require.Nil(t, rows[i]["good"])
					continue
				}
				require.Equal(t, percentile(events, c.p/100), rows[i]["value"])

				samples, sum, squares := samplesOf(events)
				n := stats.EffectiveSize(sum, squares)
				low, high := stats.RankInterval(n, c.p/100)
				bound := func(rank float64, bounded bool) any {
					if !bounded {
						return nil
					}
					return stats.AtWeight(samples, uint64(max(1, math.Ceil(rank*squares/sum-0.5))))
				}
				require.Equal(t, bound(low, low >= 1), rows[i]["lower"])
				require.Equal(t, bound(high, high <= n+1e-6), rows[i]["upper"])

				m, rated := rum.MetricByKey(c.metric)
				shares := map[string]float64{}
				for _, e := range events {
					shares[m.Rating(e.value)] += float64(e.weight) / sum
				}
				if !rated {
					require.Nil(t, rows[i]["good"])
				} else {
					require.InDelta(t, shares[rum.RatingGood], rows[i]["good"], 1e-12)
					require.InDelta(t, shares[rum.RatingNeedsImprovement], rows[i]["needsImprovement"], 1e-12)
					require.InDelta(t, shares[rum.RatingPoor], rows[i]["poor"], 1e-12)
				}

				same := slices.DeleteFunc(slices.Clone(before), func(e event) bool {
					return slices.ContainsFunc(c.groupBy, func(key string) bool {
						return e.dimensions[key] != events[0].dimensions[key]
					})
				})
				if len(same) < 5 {
					require.Nil(t, rows[i]["change"])
				} else {
					require.InDelta(t, percentile(events, c.p/100)/percentile(same, c.p/100)-1, rows[i]["change"], 1e-12)
				}
			}
		})
	}
}

func TestVitalsSeriesEqualsTheNaiveComputation(t *testing.T) {
	for _, c := range []struct {
		enough int
		step   time.Duration
	}{
		{2, time.Hour},     // as asked
		{4, 2 * time.Hour}, // widened: few hours have as many
	} {
		t.Run(fmt.Sprintf("at least %d samples", c.enough), func(t *testing.T) { seriesEqualNaive(t, c.enough, c.step) })
	}
}

func seriesEqualNaive(t *testing.T, enough int, step time.Duration) {
	got := frames(t, fmt.Sprintf(`{"metric":"lcp","groupBy":["route"],"minSamples":%d}`, enough))
	segments, names := bySegment(kept(seeded.measured(), day(), production("lcp")), "route")
	require.Len(t, got, len(segments))
	for i, frame := range got {
		require.Equal(t, data.FrameTypeTimeSeriesMulti, frame.Meta.Type)
		require.Len(t, frame.Fields, 2, "alert rules take one value field")
		require.Equal(t, data.Labels{"route": names[i][0]}, frame.Fields[1].Labels)
		require.Equal(t, int(24*time.Hour/step), frame.Rows())
		some := false
		for row := range frame.Rows() {
			at := frame.Fields[0].At(row).(time.Time)
			events := kept(segments[i], window{at, at.Add(step)}, func(event) bool { return true })
			value := frame.Fields[1].At(row).(*float64)
			if len(events) < enough {
				require.Nil(t, value)
				continue
			}
			some = true
			require.Equal(t, percentile(events, 0.75), *value)
		}
		require.True(t, some)
	}
}

func TestVitalsNumericLeavesOutWhatIsNoNumber(t *testing.T) {
	segments, names := bySegment(kept(seeded.measured(), day(), production("inp")), "route", "browser", "country")
	least := len(segments[len(segments)/2])
	got := frames(t, fmt.Sprintf(
		`{"metric":"inp","groupBy":["route","browser","country"],"format":"numeric","minSamples":%d}`, least))
	require.Len(t, got, 1)
	require.Equal(t, data.FrameTypeNumericLong, got[0].Meta.Type)
	require.Len(t, got[0].Fields, 4)
	rows := rowsOf(got[0])
	for i, events := range segments {
		if len(events) < least {
			require.Len(t, rows, i)
			break
		}
		require.Equal(t, names[i], []string{
			rows[i]["route"].(string), rows[i]["browser"].(string), rows[i]["country"].(string)})
		require.Equal(t, percentile(events, 0.75), rows[i]["value"])
	}
	require.NotEmpty(t, got[0].Meta.Notices)
}

func TestVitalsDistributionEqualsTheNaiveComputation(t *testing.T) {
	got := frames(t, `{"metric":"cls","groupBy":["device"],"format":"distribution"}`)
	segments, names := bySegment(kept(seeded.measured(), day(), production("cls")), "device")
	require.Len(t, got, len(segments))
	for i, frame := range got {
		require.Equal(t, data.Labels{"device": names[i][0]}, frame.Fields[2].Labels)
		want := map[float64]float64{}
		for _, e := range segments[i] {
			_, high := rum.BucketBounds("cls", rum.Bucket("cls", e.value))
			want[high] += float64(e.weight) / 1000
		}
		require.Len(t, want, frame.Rows())
		for _, row := range rowsOf(frame) {
			require.InDelta(t, want[row["xMax"].(float64)], row["count"], 1e-9)
		}
	}
}

func TestVitalsFilters(t *testing.T) {
	all := seeded.measured()
	real := production("lcp")
	for filters, keep := range map[string]func(event) bool{
		`[{"key":"browser","operator":"=","values":["Chrome","Firefox"]}]`: func(e event) bool {
			return real(e) && (e.dimensions["browser"] == "Chrome" || e.dimensions["browser"] == "Firefox")
		},
		`[{"key":"browser","operator":"=~","values":["Chr.*"]},
		  {"key":"route","operator":"!=","values":["/"]}]`: func(e event) bool {
			return real(e) && strings.HasPrefix(e.dimensions["browser"], "Chr") && e.dimensions["route"] != "/"
		},
		`[{"key":"browser","operator":"=~","values":["Chrome"]}]`: func(e event) bool {
			return real(e) && e.dimensions["browser"] == "Chrome"
		},
		`[{"key":"browser","operator":"!~","values":["Chr.*","Saf.*"]}]`: func(e event) bool {
			return real(e) && e.dimensions["browser"] == "Firefox"
		},
		`[{"key":"country","operator":"=","values":[""]}]`: func(e event) bool {
			return real(e) && e.dimensions["country"] == ""
		},
		`[{"key":"traffic","operator":"=","values":["bot","synthetic"]}]`: func(e event) bool {
			return e.metric == "lcp" && e.within("shop", "production") && e.dimensions["traffic"] != "real"
		},
		`[{"key":"environment","operator":"=","values":["staging"]}]`: func(e event) bool {
			return e.metric == "lcp" && e.within("shop", "staging") && e.dimensions["traffic"] == "real"
		},
	} {
		rows := rowsOf(frames(t, `{"format":"table","filters":`+filters+`}`, whole())[0])
		want := kept(all, whole(), keep)
		require.NotEmpty(t, want, filters)
		require.Len(t, rows, 1)
		require.EqualValues(t, len(want), rows[0]["samples"], filters)
		require.Equal(t, percentile(want, 0.75), rows[0]["value"], filters)
	}
}

func TestNoValueInjectsAnything(t *testing.T) {
	for _, value := range []string{
		`'`, `\'`, `\`, "\n\t\r", "'; DROP TABLE vitals; --", `{app:String}`, "x\x00y", "ü🙂", `%s %d %[1]s`, `$1`, `?`,
	} {
		for _, operator := range []string{"=", "!="} {
			rows := rowsOf(frames(t, jsonOf(map[string]any{"format": "table", "filters": []any{
				map[string]any{"key": "route", "operator": operator, "values": []string{value}}}}))[0])
			if operator == "=" {
				require.Empty(t, rows, "%q", value)
			} else {
				require.Len(t, rows, 1, "%q", value)
			}
		}
		foreign := jsonOf(map[string]any{"format": "table", "app": value + "x", "environment": value})
		require.Empty(t, rowsOf(frames(t, foreign)[0]))
	}
}

func TestEnvironmentsAreKeptApart(t *testing.T) {
	count := func(environment string) any {
		return rowsOf(frames(t, `{"format":"table","environment":"`+environment+`"}`)[0])[0]["samples"]
	}
	require.Equal(t, count("*").(int64), count("").(int64)+count("staging").(int64))
	require.Equal(t, count(""), count("production"))
}

func TestALimitThatCutsIsSaid(t *testing.T) {
	for _, format := range []string{"table", "numeric", "timeseries", "distribution"} {
		got := frames(t, `{"groupBy":["route","browser"],"limit":3,"format":"`+format+`"}`)
		if format == "table" || format == "numeric" {
			require.Equal(t, 3, got[0].Rows())
		} else {
			require.Len(t, got, 3)
		}
		require.Contains(t, got[0].Meta.Notices[0].Text, "Only the first 3", format)
	}
}

func TestNothingFoundIsATypedFrameWithoutRows(t *testing.T) {
	for format, kind := range map[string]data.FrameType{"timeseries": data.FrameTypeTimeSeriesMulti,
		"numeric": data.FrameTypeNumericLong, "table": data.FrameTypeTable, "distribution": data.FrameTypeTable} {
		got := frames(t, `{"groupBy":["route"],"app":"shpo","format":"`+format+`"}`)
		require.Len(t, got, 1)
		require.Equal(t, kind, got[0].Meta.Type)
		require.Zero(t, got[0].Rows())
		require.NotEmpty(t, got[0].Fields)
		require.Contains(t, got[0].Meta.Notices[0].Text, `app 'shpo' unknown: did you mean 'shop'?`)
	}
}

func TestWhyAnAnswerIsEmpty(t *testing.T) {
	why := func(json string, w window) string {
		got := frames(t, json, w)
		require.NotEmpty(t, got[0].Meta.Notices, json)
		return got[0].Meta.Notices[0].Text
	}
	later := window{seeded.today.Add(48 * time.Hour), seeded.today.Add(49 * time.Hour)}
	require.Contains(t, why(`{}`, later), "no data in range, which is in the future; last beacon of app 'shop' in environment 'production' ")
	require.Contains(t, why(`{"environment":"prodction"}`, day()), `environment 'prodction' unknown: did you mean 'production'?`)
	require.Contains(t, why(`{"filters":[{"key":"os","values":["BeOS"]}]}`, day()), "none that matches")
}

func TestAMetricNobodySentIsRefusedWithTheKnownOnes(t *testing.T) {
	got := ask(t, everyone, `{"metric":"hreo"}`)
	require.ErrorContains(t, got.Error, `did you mean "hero"? Valid: lcp, inp, cls, fcp, ttfb, hero`)
	require.Equal(t, backend.StatusBadRequest, got.Status)
}

func TestCapsAreTheStores(t *testing.T) {
	strict := *runner
	strict.Settings.Limits.MaxRowsRead = 10
	got := strict.Answer(t.Context(), everyone, backend.DataQuery{
		TimeRange: backend.TimeRange{From: day().from, To: day().to}})
	require.ErrorContains(t, got.Error, "maxRowsRead")
	require.Equal(t, backend.StatusBadRequest, got.Status)
	require.Equal(t, backend.ErrorSourceDownstream, got.ErrorSource)
}

func TestAStoreThatIsAwayIsSaidSo(t *testing.T) {
	away, err := store.Open(store.FromAccess("127.0.0.1:1", "sightline", "nobody", ""))
	require.NoError(t, err)
	defer away.Close()
	lost := Runner{Conn: away.Conn(), Settings: shopSettings}
	got := lost.Answer(t.Context(), everyone, asking(`{}`))
	require.ErrorContains(t, got.Error, "cannot reach the store")
	require.Equal(t, backend.StatusBadGateway, got.Status)
	require.Equal(t, backend.ErrorSourceDownstream, got.ErrorSource)
}

func TestASeriesAnswerIsBoundedAsAWhole(t *testing.T) {
	query := asking(`{"groupBy":["route","browser"],"limit":10000}`)
	query.TimeRange.From, query.MaxDataPoints = query.TimeRange.To.Add(-30*24*time.Hour), 5000
	q, err := read(query, shopSettings)
	require.NoError(t, err)
	require.LessOrEqual(t, q.limit()*len(q.window.grid(q.step)), maxCells)
}

func TestTheShareOfPoorViewsIsANumberForAlertRules(t *testing.T) {
	byBrowser := `{"metric":"lcp","groupBy":["browser"],"minSamples":20,"format":`
	table := map[string]map[string]any{}
	for _, row := range rowsOf(frames(t, byBrowser+`"table"}`)[0]) {
		table[row["browser"].(string)] = row
	}
	for _, measure := range []string{"good", "needsImprovement", "poor"} {
		got := frames(t, byBrowser+`"numeric","measure":"`+measure+`"}`)[0]
		checkFrame(t, got)
		require.Equal(t, len(table), got.Rows())
		for _, row := range rowsOf(got) {
			require.InDelta(t, table[row["browser"].(string)][measure], row[measure], 1e-12)
		}
	}
	require.Equal(t, frames(t, byBrowser+`"numeric"}`)[0].Fields[1].Name,
		frames(t, byBrowser+`"numeric","measure":"percentile"}`)[0].Fields[1].Name)
	few := frames(t, `{"metric":"lcp","groupBy":["browser"],"minSamples":100000,"format":"numeric","measure":"poor"}`)[0]
	require.Zero(t, few.Rows(), "a share of too few is absent")
}

func TestTheShareOfPoorViewsOverTime(t *testing.T) {
	got := frames(t, `{"metric":"lcp","measure":"poor","filters":[{"key":"route","values":["/checkout"]}]}`)[0]
	views, poor := map[int64]float64{}, map[int64]float64{}
	for _, e := range seeded.measured() {
		if e.metric != "lcp" || !e.within("shop", "production") || e.dimensions["route"] != "/checkout" ||
			e.dimensions["traffic"] != "real" {
			continue
		}
		step := e.at.Truncate(time.Duration(got.Fields[1].Config.Interval) * time.Millisecond).UnixMilli()
		views[step] += float64(e.weight)
		if e.value > 4000 {
			poor[step] += float64(e.weight)
		}
	}
	some := 0
	for i := range got.Rows() {
		at, _ := got.Fields[0].ConcreteAt(i)
		if value, ok := got.Fields[1].ConcreteAt(i); ok {
			step := at.(time.Time).UnixMilli()
			require.InDelta(t, poor[step]/views[step], value, 1e-12)
			some++
		}
	}
	require.Positive(t, some)
}

func TestRefusedMeasures(t *testing.T) {
	require.ErrorContains(t, ask(t, everyone, `{"metric":"lcp","measure":"bad"}`).Error,
		"Valid: percentile, good, needsImprovement, poor")
	require.ErrorContains(t, ask(t, everyone, `{"metric":"hero","measure":"poor"}`).Error, "only Web Vitals are rated")
}
