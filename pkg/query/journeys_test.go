package query

import (
	"cmp"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/query/stats"
	"github.com/sightline-rum/sightline/pkg/rum"
)

// TestJourneysEqualANaiveReplay holds every count of the table to a replay of the sessions, event by event.
func TestJourneysEqualANaiveReplay(t *testing.T) {
	now := time.Now().UTC().Truncate(time.Millisecond)
	all, own := plantPaths(t, now)
	for name, w := range map[string]window{
		"until now":  {now.Add(-20 * time.Hour), now},
		"a part":     {now.Add(-9 * time.Hour), now.Add(-5 * time.Hour)},
		"the future": {now.Add(-40 * time.Minute), now.Add(time.Hour)},
	} {
		for query, c := range map[string]struct {
			keep func(*walker) bool
			key  func(*walker) string
			by   string
		}{
			``:                       {realOnes, func(*walker) string { return "" }, ""},
			`,"groupBy":["browser"]`: {realOnes, func(w *walker) string { return w.context.Browser }, "browser"},
			`,"groupBy":["journey","traffic"],"filters":[{"key":"device","operator":"!=","values":["tablet"]}]`: {
				func(w *walker) bool { return w.context.Environment == "production" && w.context.Device != "tablet" },
				func(w *walker) string { return w.context.Traffic }, "traffic"},
			`,"environment":"*","groupBy":["environment"]`: {
				func(w *walker) bool { return w.context.Traffic == rum.TrafficReal },
				func(w *walker) string { return w.context.Environment }, "environment"},
		} {
			t.Run(name+query, func(t *testing.T) {
				rows := own.rows(`{`+aboutPaths+`,"minSamples":10`+query+`}`, w)
				want := map[string]map[string][]fared{}
				n := 0
				for journey := range plantedPaths {
					want[journey] = replayAll(all, w, now, journey, c.keep, func(w *walker, _ time.Time) string { return c.key(w) })
					n += len(want[journey]) * len(plantedPaths[journey])
				}
				require.Len(t, rows, n)
				running := 0.0
				for _, row := range rows {
					segment, _ := row[c.by].(string)
					journey, i := row["journey"].(string), int(row["step"].(int64))-1
					steps := want[journey][segment]
					require.NotNil(t, steps, "%s %s", journey, segment)
					f, first := steps[i], steps[0]
					require.Equal(t, plantedNames[journey][i], row["name"])
					for field, value := range map[string]float64{"entered": f.entered, "completed": f.completed,
						"abandoned": f.abandoned, "running": f.running, "errors": f.errors, "errorSessions": f.affected} {
						require.InDelta(t, value, row[field], 1e-6, "%s of %s %s", field, journey, row["name"])
					}
					require.EqualValues(t, f.sessions, row["samples"])
					require.InDelta(t, f.entered, row["completed"].(float64)+row["abandoned"].(float64)+row["running"].(float64), 1e-6)
					running += f.running
					if first.sessions < 10 {
						require.Nil(t, row["reached"])
					} else {
						require.InDelta(t, f.entered/first.entered, row["reached"], 1e-9)
					}
					if f.settled < 10 || i == len(steps)-1 {
						require.Nil(t, row["completionRate"])
						continue
					}
					require.InDelta(t, f.completed/f.known, row["completionRate"], 1e-9)
					size := stats.EffectiveSize(f.known, f.squares)
					low, high := stats.Wilson(f.completed/f.known*size, size)
					require.InDelta(t, low, row["completionRateLower"], 1e-9)
					require.InDelta(t, high, row["completionRateUpper"], 1e-9)
				}
				if w.to.Equal(now) {
					require.NotZero(t, running, "some are on their way")
				}
			})
		}
	}
}

func TestTheVitalsOfAStepAreThoseOfItsPages(t *testing.T) {
	now := time.Now().UTC().Truncate(time.Millisecond)
	all, own := plantPaths(t, now)
	w := window{now.Add(-20 * time.Hour), now.Add(-time.Hour)}
	rows := own.rows(`{`+aboutPaths+`,"minSamples":5,"groupBy":["device"]}`, w)
	seen := 0
	for _, row := range rows {
		journey, i := row["journey"].(string), int(row["step"].(int64))-1
		step := plantedPaths[journey][i]
		for _, metric := range []string{"lcp", "inp", "cls"} {
			var samples []stats.Sample
			for _, one := range all {
				for _, v := range one.beacon().Vitals {
					at := time.UnixMilli(v.TS)
					if v.Metric == metric && v.ReportedAt == v.TS+90 && realOnes(one) && one.context.Device == row["device"] &&
						!at.Before(w.from) && at.Before(w.to) && stepMatches(step, walked{name: v.Route}) {
						samples = append(samples, stats.Sample{Value: v.Value, Weight: one.context.Weight})
					}
				}
			}
			require.EqualValues(t, len(samples), row[metric+"Samples"], "%s %v", journey, row["name"])
			if len(samples) < 5 {
				require.Nil(t, row[metric])
				continue
			}
			seen++
			require.Equal(t, stats.Percentile(samples, 0.75), row[metric])
		}
	}
	require.Greater(t, seen, 20)
	for _, row := range rows {
		if row["name"] == "pay_now" {
			require.Nil(t, row["lcp"], "an action has no page")
		}
	}
}

func TestJourneysOverTimeEqualANaiveReplay(t *testing.T) {
	now := time.Now().UTC().Truncate(time.Millisecond)
	all, own := plantPaths(t, now)
	w := window{now.Add(-14*time.Hour - 7*time.Minute), now}
	step := 15 * time.Minute
	for metric, of := range map[string]func(fared) float64{
		"entered":        func(f fared) float64 { return f.entered },
		"completed":      func(f fared) float64 { return f.completed },
		"abandoned":      func(f fared) float64 { return f.abandoned },
		"running":        func(f fared) float64 { return f.running },
		"completionRate": func(f fared) float64 { return f.completed / f.known },
	} {
		for _, by := range []string{``, `,"groupBy":["browser","step"]`, `,"filters":[{"key":"step","values":["Address"]}]`} {
			t.Run(metric+by, func(t *testing.T) {
				got := own.runner.Answer(t.Context(), everyone, backend.DataQuery{RefID: "A", JSON: []byte(
					`{` + aboutPaths + `,"format":"timeseries","minSamples":3,"metric":"` + metric + `"` + by + `}`),
					TimeRange: backend.TimeRange{From: w.from, To: w.to}, Interval: time.Minute, MaxDataPoints: 60})
				require.NoError(t, got.Error)
				perStep := by != ""
				sum := 0.0
				for _, frame := range got.Frames {
					checkFrame(t, frame)
					require.Equal(t, metric, frame.Fields[1].Name)
					labels := frame.Fields[1].Labels
					journey := labels["journey"]
					i := slices.Index(plantedNames[journey], labels["step"])
					want := replayAll(all, w, now, journey, func(w *walker) bool {
						return realOnes(w) && (labels["browser"] == "" || labels["browser"] == w.context.Browser)
					}, func(_ *walker, at time.Time) string { return at.Truncate(step).Format(time.RFC3339) })
					require.Equal(t, len(w.grid(step)), frame.Rows())
					for row := range frame.Rows() {
						steps := want[frame.Fields[0].At(row).(time.Time).Format(time.RFC3339)]
						value := frame.Fields[1].At(row).(*float64)
						f := wholly(steps)
						if perStep && steps != nil {
							f = steps[i]
						}
						if metric == "completionRate" && f.settled < 3 {
							require.Nil(t, value)
							continue
						}
						require.NotNil(t, value, "nobody is a real 0")
						require.InDelta(t, of(f), *value, 1e-9)
						sum += *value
					}
				}
				require.NotZero(t, sum)
				switch by {
				case ``:
					require.Len(t, got.Frames, 3)
				case `,"groupBy":["browser","step"]`:
					require.Len(t, got.Frames, map[bool]int{false: 4 * (3 + 1 + 1), true: 4 * (4 + 2 + 1)}[metric == "entered"])
				default:
					require.Len(t, got.Frames, 1)
				}
			})
		}
	}
}

// wholly is a journey as a whole: entered at the first step, completed at the last.
func wholly(steps []fared) (all fared) {
	if len(steps) == 0 {
		return all
	}
	first, last := steps[0], steps[len(steps)-1]
	all = fared{entered: first.entered, completed: last.entered, sessions: first.sessions, settled: first.sessions}
	for i, f := range steps {
		if i < len(steps)-1 {
			all.abandoned += f.abandoned
			all.running += f.running
			all.settled -= f.sessions - f.settled
		}
	}
	all.known = all.completed + all.abandoned
	return all
}

func TestWhoGivesUpDiffersInBrowserAndError(t *testing.T) {
	now := time.Now().UTC().Truncate(time.Millisecond)
	all, own := plantPaths(t, now)
	w := window{now.Add(-20 * time.Hour), now}
	rows := own.rows(`{`+aboutPaths+`,"section":"differences","journey":"checkout"}`, w)
	require.NotEmpty(t, rows)
	found := map[string]map[string]any{}
	for _, row := range rows {
		require.Equal(t, "checkout", row["journey"])
		require.Greater(t, row["atLeast"], 1.0)
		found[fmt.Sprint(row["name"], " ", row["dimension"], " ", row["segment"])] = row
	}
	require.Contains(t, found, "Address browser Firefox")
	require.Contains(t, found, "Address error address")
	require.Equal(t, "TypeError: no address", found["Address error address"]["message"])
	for name := range found {
		require.NotContains(t, name, "device", "the devices do not differ")
	}

	// The same by counting.
	var gone, stayed, goneFirefox, stayedFirefox, goneError, stayedError float64
	for _, one := range all {
		times := one.replay(plantedPaths["checkout"])
		if !realOnes(one) || len(times) < 2 {
			continue
		}
		met := slices.ContainsFunc(one.errors, func(at time.Time) bool {
			return !at.Before(times[1]) && (len(times) == 2 || at.Before(times[2]))
		})
		count := func(total, firefox, failed *float64) {
			*total++
			if one.context.Browser == "Firefox" {
				*firefox++
			}
			if met {
				*failed++
			}
		}
		switch {
		case len(times) > 2:
			count(&stayed, &stayedFirefox, &stayedError)
		case now.Sub(one.last) > 30*time.Minute:
			count(&gone, &goneFirefox, &goneError)
		}
	}
	for name, want := range map[string][2]float64{
		"Address browser Firefox": {goneFirefox, stayedFirefox}, "Address error address": {goneError, stayedError},
	} {
		row := found[name]
		require.EqualValues(t, want[0], row["abandoned"])
		require.EqualValues(t, want[1], row["completed"])
		require.InDelta(t, want[0]/gone, row["abandonedShare"], 1e-12)
		require.InDelta(t, want[1]/stayed, row["completedShare"], 1e-12)
		low, high := stats.Wilson(want[0], gone)
		require.InDelta(t, low, row["abandonedShareLower"], 1e-12)
		require.InDelta(t, high, row["abandonedShareUpper"], 1e-12)
	}
	require.True(t, slices.IsSortedFunc(rows, func(a, b map[string]any) int {
		return cmp.Compare(a["step"].(int64), b["step"].(int64))
	}))
}

// TestGoldenJourneysAndTelemetry holds whole answers of the plugin's binary to what they were.
func TestGoldenJourneysAndTelemetry(t *testing.T) {
	noon := seeded.today.Add(12 * time.Hour)
	_, own := plantPaths(t, noon)
	w := window{noon.Add(-10 * time.Hour), noon.Add(-4 * time.Hour)}
	for name, query := range map[string]string{
		"journeys":             `{` + aboutPaths + `,"journey":"checkout","groupBy":["browser"],"limit":2}`,
		"journeys_series":      `{` + aboutPaths + `,"format":"timeseries","metric":"abandoned"}`,
		"journeys_differences": `{` + aboutPaths + `,"section":"differences"}`,
		"journeys_none":        `{"queryType":"journeys","app":"empty"}`,
		"journeys_unknown":     `{` + aboutPaths + `,"journey":"chekout"}`,
	} {
		t.Run(name, func(t *testing.T) { holdGolden(t, name, own.askPlugin(query, w)) })
	}
	p := newPipe(t)
	for name, query := range map[string]string{
		"telemetry":             `{` + aboutPipe + `}`,
		"telemetry_series":      `{` + aboutPipe + `,"format":"timeseries"}`,
		"telemetry_numeric":     `{` + aboutPipe + `,"format":"numeric","metric":"refused","groupBy":["reason"]}`,
		"telemetry_cardinality": `{` + aboutPipe + `,"section":"cardinality"}`,
		"telemetry_traces":      `{` + aboutPipe + `,"section":"traces"}`,
	} {
		t.Run(name, func(t *testing.T) {
			holdGolden(t, name, p.askPlugin(query, window{noon.Add(30 * time.Minute), noon.Add(3 * time.Hour)}))
		})
	}
}

// askPlugin asks the plugin's binary about this store.
func (o *ownStore) askPlugin(query string, w window) backend.DataResponse {
	o.t.Helper()
	plugin.start.Do(startPlugin)
	require.NoError(o.t, plugin.err)
	settings := jsonOf(map[string]any{"address": access.Address, "username": access.Writer.User, "database": o.database,
		"minSamples": 5})
	answer, err := plugin.host.QueryData(o.t.Context(), &backend.QueryDataRequest{
		PluginContext: backend.PluginContext{
			PluginID: "sightline-rum-datasource", User: &backend.User{Login: "admin", Role: "Admin"},
			DataSourceInstanceSettings: &backend.DataSourceInstanceSettings{ID: int64(databases.Load()), UID: o.database,
				JSONData: []byte(settings), DecryptedSecureJSONData: map[string]string{"password": access.Writer.Password}},
		},
		Queries: []backend.DataQuery{{RefID: "A", JSON: []byte(query), Interval: time.Hour, MaxDataPoints: 1000,
			TimeRange: backend.TimeRange{From: w.from, To: w.to}}},
	})
	require.NoError(o.t, err)
	return answer.Responses["A"]
}

func TestJourneysThatAreNotAsked(t *testing.T) {
	own := newOwnStore(t)
	writePaths(t, own.writer, "paths")
	for query, text := range map[string]string{
		`"journey":"chekout"`:                           `"chekout", did you mean "checkout"? Valid: checkout, help, search`,
		`"journey":"secret"`:                            `unknown journey "secret". Valid: checkout, help, search`,
		`"metric":"lcp"`:                                `Valid: completionRate, entered, completed, abandoned, running`,
		`"groupBy":["route"]`:                           `Valid: journey, step, environment, release`,
		`"section":"differences","groupBy":["browser"]`: `groupBy is for the section steps`,
		`"filters":[{"key":"step","value":"a"},{"key":"step","value":"b"}]`: `filters name step twice`,
	} {
		got := own.ask(`{`+aboutPaths+`,`+query+`}`, around(hourAgo()))
		require.Equal(t, backend.StatusBadRequest, got.Status, query)
		require.ErrorContains(t, got.Error, text)
	}
	got := own.ask(`{"queryType":"journeys","app":"empty","journey":"buy"}`, around(hourAgo()))
	require.ErrorContains(t, got.Error, `unknown journey "buy": app "empty" has none. Name its steps in the sidecar's`)
	require.Contains(t, own.notices(`{"queryType":"journeys","app":"empty"}`, around(hourAgo()))[0], "has no journeys")
}

// Nobody on a journey is a count of 0, and no rate.
func TestAJourneyNobodyTravels(t *testing.T) {
	own := newOwnStore(t)
	writePaths(t, own.writer, "paths")
	rows := own.rows(`{`+aboutPaths+`,"journey":"search"}`, around(hourAgo()))
	require.Len(t, rows, 2)
	require.Equal(t, 0.0, rows[0]["entered"])
	require.Equal(t, 0.0, rows[0]["abandoned"])
	require.Nil(t, rows[0]["completionRate"])
	require.Nil(t, rows[0]["reached"])
	require.Empty(t, own.rows(`{`+aboutPaths+`,"groupBy":["browser"]}`, around(hourAgo())))
	for metric, want := range map[string]any{"entered": 0.0, "abandoned": 0.0, "completionRate": nil} {
		got := own.ask(`{`+aboutPaths+`,"journey":"search","format":"timeseries","metric":"`+metric+`"}`,
			around(hourAgo()))
		require.NoError(t, got.Error)
		require.Len(t, got.Frames, 1)
		require.Equal(t, 120, got.Frames[0].Rows())
		require.Equal(t, want, valuesOf(got.Frames[0].Fields[1])[60])
	}
	require.Contains(t, own.notices(`{`+aboutPaths+`,"section":"differences"}`, around(hourAgo()))[0],
		"Nothing is over-represented")
}

// A visitor who goes on after the time range has not abandoned, and one who came before it does not enter again in it.
func TestASessionIsFollowedBeyondTheTimeRange(t *testing.T) {
	own := newOwnStore(t)
	writePaths(t, own.writer, "paths")
	noon := seeded.today.Add(12 * time.Hour)
	visit := func(session string, walks ...walked) {
		w := walker{walks: walks, context: rum.Context{App: "paths", Environment: "production", SessionID: session,
			Traffic: rum.TrafficReal, Weight: rum.FullWeight}}
		own.insert(w.beacon())
	}
	at := func(minutes int) time.Time { return noon.Add(time.Duration(minutes) * time.Minute) }
	visit("goes on later", walked{at(50), false, "/sale"}, walked{at(75), false, "/search"})
	visit("came before", walked{at(-20), false, "/sale"}, walked{at(10), false, "/sale"}, walked{at(20), false, "/search"})
	visit("gives up", walked{at(30), false, "/sale"})
	visit("searches only", walked{at(40), false, "/search"}, walked{at(41), true, "/search"})
	rows := own.rows(`{`+aboutPaths+`,"journey":"search"}`, window{noon, at(60)})
	require.Equal(t, []any{3.0, 1.0, 2.0, 0.0}, []any{rows[0]["entered"], rows[0]["completed"], rows[0]["abandoned"],
		rows[0]["running"]})
}
