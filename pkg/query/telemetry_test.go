package query

import (
	"fmt"
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

// planted counters of two apps, two environments and the sidecar itself, over three hours from noon of the second day.
func plantedCounts(noon time.Time) (all []rum.Count) {
	add := func(minutes int, app, environment, counter, reason string, value int64) {
		all = append(all, rum.Count{Minute: noon.Add(time.Duration(minutes) * time.Minute).UnixMilli(), App: app,
			Environment: environment, Counter: counter, Reason: reason, Value: value})
	}
	for m := range 180 {
		if m >= 60 && m < 75 {
			continue // quiet for a quarter of an hour
		}
		add(m, "pipe", "production", "accepted", "faro", int64(100+m))
		add(m, "pipe", "production", "accepted", "faro", 1) // flushed six times a minute
		add(m, "pipe", "staging", "accepted", "faro", 7)
		add(m, "other", "production", "accepted", "faro", 1000)
		if m%10 == 0 {
			add(m, "pipe", "production", "rejected", "too old", 3)
			add(m, "pipe", "production", "rejected", "an event without a name", 2)
			add(m, "", "", "refused", "key", 4)
			add(m, "pipe", "production", "refused", "rate", 1)
			add(m, "other", "production", "refused", "rate", 50)
			add(m, "pipe", "production", "bots", "Googlebot", 9)
			add(m, "pipe", "production", "consent", "granted", 60)
			add(m, "pipe", "production", "sampled", "", 30)
			add(m, "pipe", "production", "overflow", "route", 2)
		}
		for gauge, value := range map[string]int64{"spool_records": int64(m % 20), "spool_lag": 40 * int64(m%20)} {
			add(m, "", "", gauge, "", value)
			add(m, "", "", gauge+rum.Observed, "", 1)
		}
		for dimension, value := range map[string]int64{"route": 20 + int64(m), "endpoint": 5} {
			add(m, "pipe", "", "distinct", dimension, value)
			add(m, "pipe", "", "distinct"+rum.Observed, dimension, 1)
			add(m, "pipe", "", "budget", dimension, 500)
			add(m, "pipe", "", "budget"+rum.Observed, dimension, 1)
		}
		add(m, "pipe", "production", "store_lag", "", 900)
		add(m, "pipe", "production", "store_lag"+rum.Observed, "", 3)
	}
	add(9, "", "", "dead_letters", "views", 2)
	return all
}

// pipe is what can be asked of the planted counters.
type pipe struct {
	*ownStore
	noon   time.Time
	counts []rum.Count
}

func newPipe(t testing.TB) pipe {
	t.Helper()
	p := pipe{newOwnStore(t), seeded.today.Add(12 * time.Hour), plantedCounts(seeded.today.Add(12 * time.Hour))}
	for i, part := range [][]rum.Count{p.counts[:len(p.counts)/2], p.counts[len(p.counts)/2:]} {
		batch := store.NewBatch()
		batch.AddCounts(part)
		require.NoError(t, p.writer.Insert(t.Context(), fmt.Sprint("counts:", i), batch))
	}
	return p
}

// sum adds up what was counted under a name, in plain Go.
func (p pipe) sum(w window, counter string, keep func(rum.Count) bool) (sum int64) {
	for _, c := range p.counts {
		at := time.UnixMilli(c.Minute)
		if c.Counter == counter && !at.Before(w.from) && at.Before(w.to) && keep(c) {
			sum += c.Value
		}
	}
	return sum
}

const aboutPipe = `"queryType":"telemetry","app":"pipe"`

func ofPipe(c rum.Count) bool {
	return c.App == "pipe" && (c.Environment == "production" || c.Environment == "")
}
func ofPipeOrNobody(c rum.Count) bool { return ofPipe(c) || c.App == "" }
func ofNobody(c rum.Count) bool       { return c.App == "" }

func (p pipe) series(json string, w window, interval time.Duration) data.Frames {
	p.t.Helper()
	got := p.runner.Answer(p.t.Context(), everyone, backend.DataQuery{RefID: "A", JSON: []byte(json),
		TimeRange: backend.TimeRange{From: w.from, To: w.to}, Interval: interval, MaxDataPoints: 1000})
	require.NoError(p.t, got.Error)
	for _, frame := range got.Frames {
		checkFrame(p.t, frame)
	}
	return got.Frames
}

func TestCountersOverTimeEqualTheNaiveSums(t *testing.T) {
	p := newPipe(t)
	w := window{p.noon.Add(-10 * time.Minute), p.noon.Add(3 * time.Hour)}
	for metric, c := range map[string]struct {
		stored string
		keep   func(rum.Count) bool
		gauge  bool
	}{
		"accepted": {"accepted", ofPipe, false}, "rejected": {"rejected", ofPipe, false},
		"refused": {"refused", ofPipeOrNobody, false}, "bots": {"bots", ofPipe, false}, "skipped": {"skipped", ofPipe, false},
		"sampled": {"sampled", ofPipe, false}, "consent": {"consent", ofPipe, false}, "overflow": {"overflow", ofPipe, false},
		"deadLetters": {"dead_letters", ofNobody, false}, "spoolRecords": {"spool_records", ofNobody, true},
		"spoolLag": {"spool_lag", ofNobody, true}, "storeLag": {"store_lag", ofPipe, true},
		"spoolBytes": {"spool_bytes", ofNobody, true},
	} {
		t.Run(metric, func(t *testing.T) {
			got := p.series(`{`+aboutPipe+`,"format":"timeseries","metric":"`+metric+`"}`, w, 5*time.Minute)
			require.Len(t, got, 1)
			require.Equal(t, 38, got[0].Rows())
			for row := range got[0].Rows() {
				at := got[0].Fields[0].At(row).(time.Time)
				value := got[0].Fields[1].At(row).(*float64)
				step := window{at, at.Add(5 * time.Minute)}
				sum, read := p.sum(step, c.stored, c.keep), p.sum(step, c.stored+rum.Observed, c.keep)
				switch {
				case !c.gauge:
					require.Equal(t, float64(sum), *value)
				case read == 0:
					require.Nil(t, value, "nobody read it")
				default:
					require.InDelta(t, float64(sum)/float64(read), *value, 1e-9)
				}
			}
		})
	}
}

func TestWhatIsRejectedByReason(t *testing.T) {
	p := newPipe(t)
	w := window{p.noon, p.noon.Add(3 * time.Hour)}
	got := p.series(`{`+aboutPipe+`,"format":"timeseries","metric":"rejected","groupBy":["reason"]}`,
		w, time.Hour)
	require.Len(t, got, 2)
	require.Equal(t, data.Labels{"reason": "too old"}, got[0].Fields[1].Labels)
	require.Equal(t, []any{18.0, 12.0, 18.0}, valuesOf(got[0].Fields[1]))
	require.Equal(t, data.Labels{"reason": "an event without a name"}, got[1].Fields[1].Labels)

	one := p.series(`{`+aboutPipe+`,"format":"numeric","metric":"rejected","groupBy":["reason"],
		"filters":[{"key":"reason","operator":"=~","values":["an event.*"]}]}`, w, time.Hour)
	require.Equal(t, []map[string]any{{"reason": "an event without a name", "count": 32.0}}, rowsOf(one[0]))

	both := rowsOf(p.series(`{`+aboutPipe+`,"format":"numeric","environment":"*",
		"groupBy":["environment"]}`, w, time.Hour)[0])
	require.Equal(t, []any{"production", "staging"}, []any{both[0]["environment"], both[1]["environment"]})
	require.Equal(t, float64(p.sum(w, "accepted", ofPipe)), both[0]["count"])
	require.Equal(t, 7.0*165, both[1]["count"])
}

func valuesOf(field *data.Field) (values []any) {
	for i := range field.Len() {
		value, ok := field.ConcreteAt(i)
		if !ok {
			value = nil
		}
		values = append(values, value)
	}
	return values
}

// An alert rule on a pipeline that has gone quiet needs a number, and a series that ends in zeros.
func TestAPipelineGoneQuietIsANumber(t *testing.T) {
	p := newPipe(t)
	quiet := window{p.noon.Add(61 * time.Minute), p.noon.Add(74 * time.Minute)}
	never := window{p.noon.Add(-24 * time.Hour), p.noon.Add(-23 * time.Hour)}
	for _, w := range []window{quiet, never} {
		for _, metric := range []string{"accepted", "rejected", "deadLetters"} {
			number := p.series(`{`+aboutPipe+`,"format":"numeric","metric":"`+metric+`"}`, w, time.Minute)
			require.Equal(t, []map[string]any{{"count": 0.0}}, rowsOf(number[0]))
			series := p.series(`{`+aboutPipe+`,"format":"timeseries","metric":"`+metric+`"}`, w, time.Second)
			require.Len(t, series, 1)
			require.Equal(t, int(w.length()/time.Minute), series[0].Rows(), "no step is shorter than a minute")
			for _, value := range valuesOf(series[0].Fields[1]) {
				require.Equal(t, 0.0, value)
			}
		}
		gauge := p.series(`{`+aboutPipe+`,"format":"numeric","metric":"spoolLag"}`, w, time.Minute)
		require.Zero(t, gauge[0].Rows(), "what nobody read is no number")
	}
	partly := p.series(`{`+aboutPipe+`,"format":"timeseries"}`,
		window{p.noon.Add(50 * time.Minute), p.noon.Add(74 * time.Minute)}, time.Minute)[0]
	require.Equal(t, 0.0, *partly.Fields[1].At(23).(*float64))
	require.Equal(t, 151.0, *partly.Fields[1].At(0).(*float64))
}

func TestThePipelineAsFacts(t *testing.T) {
	p := newPipe(t)
	w := window{p.noon, p.noon.Add(3 * time.Hour)}
	rows := p.rows(`{`+aboutPipe+`}`, w)
	got := map[string]any{}
	for _, row := range rows {
		require.NotEmpty(t, row["explanation"])
		require.NotEmpty(t, row["unit"])
		name := strings.TrimSuffix(fmt.Sprint(row["name"], " ", row["reason"]), " ")
		require.NotContains(t, got, name)
		got[name] = row["value"]
	}
	ofRoutes := func(c rum.Count) bool { return ofPipe(c) && c.Reason == "route" }
	mean := func(counter string, keep func(rum.Count) bool) float64 {
		return float64(p.sum(w, counter, keep)) / float64(p.sum(w, counter+rum.Observed, keep))
	}
	require.Equal(t, map[string]any{
		"accepted": float64(p.sum(w, "accepted", ofPipe)), "accepted faro": float64(p.sum(w, "accepted", ofPipe)),
		"rejected": 80.0, "rejected too old": 48.0, "rejected an event without a name": 32.0,
		"refused": 80.0, "refused key": 64.0, "refused rate": 16.0,
		"skipped": 0.0, "repeated": 0.0, "sampled": 480.0, "bots": 144.0, "bots Googlebot": 144.0, "synthetic": 0.0,
		"consent": 960.0, "consent granted": 960.0, "overflow": 32.0, "overflow route": 32.0,
		"skewed": 0.0, "sourceMapped": 0.0, "erased": 0.0,
		"deadLetters": 2.0, "deadLetters views": 2.0,
		"spoolRecords": mean("spool_records", ofNobody), "spoolBytes": nil, "spoolLag": mean("spool_lag", ofNobody),
		"storeLag":          300.0,
		"distinct route":    float64(p.sum(w, "distinct", ofRoutes)) / 165,
		"distinct endpoint": 5.0,
		"arrivalLag p50":    nil, "arrivalLag p95": nil, "erasures": 0.0,
	}, got)
	require.Empty(t, p.notices(`{`+aboutPipe+`}`, w))
	before := window{p.noon.Add(-3 * time.Hour), p.noon}
	require.Contains(t, p.notices(`{`+aboutPipe+`}`, before)[0], "No sidecar told")
}

func TestHowLateBeaconsCome(t *testing.T) {
	own, at := newOwnStore(t), hourAgo()
	var beacons []*rum.Beacon
	for i := range 100 {
		beacons = append(beacons, &rum.Beacon{ReceivedAt: at.UnixMilli() + int64(i+1)*100, Context: rum.Context{App: "pipe",
			Environment: "production", SessionID: fmt.Sprint(i), Traffic: rum.TrafficReal, Weight: rum.FullWeight},
			Views: []rum.View{{Item: rum.Item{TS: at.UnixMilli(), Route: "/"}, Kind: rum.ViewLoad}}})
	}
	own.insert(beacons...)
	late := map[any]any{}
	for _, row := range own.rows(`{`+aboutPipe+`}`, around(at)) {
		if row["name"] == "arrivalLag" {
			late[row["reason"]] = row["value"]
		}
	}
	require.InDelta(t, 5000, late["p50"], 150)
	require.InDelta(t, 9500, late["p95"], 150)
}

func TestNamesAndTheirBudgets(t *testing.T) {
	p := newPipe(t)
	item := func(route string) rum.Item { return rum.Item{TS: p.noon.Add(time.Minute).UnixMilli(), Route: route} }
	for i, route := range []string{"/", "/a", "/b", rum.Overflow, "/a"} {
		context := rum.Context{App: "pipe", Environment: "production", SessionID: "s", Traffic: rum.TrafficReal, Release: "1",
			Browser: []string{"Chrome", "Firefox"}[i%2], Weight: rum.FullWeight}
		if route == "/b" {
			context.Traffic = rum.TrafficBot
		}
		p.insert(&rum.Beacon{Context: context, Views: []rum.View{{Item: item(route), Kind: rum.ViewLoad}},
			Requests: []rum.Request{{Item: item(route), Kind: "fetch", Host: "api", Endpoint: "/x"}}})
	}
	got := map[any]map[string]any{}
	for _, row := range p.rows(`{`+aboutPipe+`,"section":"cardinality"}`,
		window{p.noon, p.noon.Add(2 * time.Hour)}) {
		got[row["dimension"]] = row
	}
	require.Equal(t, map[string]any{"dimension": "route", "distinct": int64(3), "budget": 500.0, "used": 139.0,
		"overflow": 24.0 - 2*2, "overflowShare": 0.2}, got["route"])
	require.Equal(t, map[string]any{"dimension": "endpoint", "distinct": int64(1), "budget": 500.0, "used": 5.0,
		"overflow": 0.0, "overflowShare": 0.0}, got["endpoint"])
	require.Equal(t, map[string]any{"dimension": "browser", "distinct": int64(2), "budget": nil, "used": nil,
		"overflow": nil, "overflowShare": 0.0}, got["browser"])
	require.Contains(t, p.notices(`{`+aboutPipe+`,"section":"cardinality"}`,
		window{p.noon.Add(-2 * time.Hour), p.noon})[0], "No sidecar told its budgets")
}

// The reader of the embedded engine has no grant on system tables.
func TestTheTablesAndTheirRetentionAsTheReaderSeesThem(t *testing.T) {
	rows := rowsOf(frames(t, `{"queryType":"telemetry","section":"storage"}`)[0])
	days := map[any]any{}
	for _, row := range rows {
		days[row["table"]] = row["days"]
		var count uint64
		require.NoError(t, runner.Conn.QueryRow(t.Context(), "SELECT count() FROM "+row["table"].(string)).Scan(&count))
		if row["table"] != "sessions" { // is still merging
			require.GreaterOrEqual(t, uint64(row["rows"].(int64)), count)
		}
		require.Equal(t, row["rows"].(int64) > 0, row["bytes"].(int64) > 0)
		require.Equal(t, row["rows"].(int64) > 0, row["parts"].(int64) > 0)
	}
	for table, want := range store.DefaultDays {
		require.Equal(t, float64(want), days[table], table)
	}
	require.Contains(t, days, "journeys")
	require.Nil(t, days["journeys"], "is kept")

	limited := *runner
	limited.Settings.Apps = []string{"shop"}
	got := limited.Answer(t.Context(), everyone, asking(`{"queryType":"telemetry","section":"storage"}`))
	require.Equal(t, backend.StatusForbidden, got.Status)
}

func TestTheShareWithATraceEqualsTheNaiveComputation(t *testing.T) {
	type one struct{ all, usable, unsampled, none, squares, samples float64 }
	own, at := newOwnStore(t), hourAgo()
	var want [2]map[string]*one
	want[0], want[1] = map[string]*one{}, map[string]*one{}
	id := strings.Repeat("ab", 16)
	var beacons []*rum.Beacon
	for _, route := range []string{"/", "/cart"} {
		for i := range 120 {
			weight := uint32(rum.FullWeight)
			if i%3 == 0 {
				weight = 4000
			}
			context := rum.Context{App: "traced", Environment: "production", SessionID: fmt.Sprint(route, i), Weight: weight,
				Traffic: rum.TrafficReal}
			if i%10 == 9 {
				context.Traffic = rum.TrafficBot
			}
			item := rum.Item{TS: at.UnixMilli(), Route: route}
			if i%4 > 0 {
				item.TraceID, item.Unsampled = id, i%8 == 1 || route == "/cart" && i%2 == 0
			}
			view := rum.View{Item: item, Kind: rum.ViewLoad}
			request := rum.Request{Item: item, Kind: []string{"fetch", "xhr", "img"}[i%3], ThirdParty: i%7 == 0}
			if i%5 == 0 {
				view.Kind = rum.ViewRouteChange
			}
			beacons = append(beacons, &rum.Beacon{Context: context, Views: []rum.View{view}, Requests: []rum.Request{request}})
			for kind, counts := range []bool{view.Kind == rum.ViewLoad, request.Kind != "img" && !request.ThirdParty} {
				if !counts || context.Traffic != rum.TrafficReal {
					continue
				}
				o := want[kind][route]
				if o == nil {
					o = new(one)
					want[kind][route] = o
				}
				w := float64(weight) / 1000
				o.all, o.squares, o.samples = o.all+w, o.squares+w*w, o.samples+1
				switch {
				case item.TraceID == "":
					o.none += w
				case item.Unsampled:
					o.unsampled += w
				default:
					o.usable += w
				}
			}
		}
	}
	own.insert(beacons...)
	rows := own.rows(`{"queryType":"telemetry","app":"traced","section":"traces"}`, around(at))
	require.Len(t, rows, 2)
	for _, row := range rows {
		for kind, key := range []string{"views", "requests"} {
			o := want[kind][row["route"].(string)]
			require.InDelta(t, o.all, row[key], 1e-9)
			require.EqualValues(t, o.samples, row[key+"Samples"])
			require.InDelta(t, o.usable/o.all, row[key+"Traced"], 1e-9)
			require.InDelta(t, o.unsampled/o.all, row[key+"Unsampled"], 1e-9)
			require.InDelta(t, o.none/o.all, row[key+"Untraced"], 1e-9)
			size := stats.EffectiveSize(o.all, o.squares)
			low, high := stats.Wilson(o.usable/o.all*size, size)
			require.InDelta(t, low, row[key+"TracedLower"], 1e-9)
			require.InDelta(t, high, row[key+"TracedUpper"], 1e-9)
		}
	}
	some := own.rows(`{"queryType":"telemetry","app":"traced","section":"traces","minSamples":1000}`, around(at))
	require.Nil(t, some[0]["viewsTraced"])
}

func TestPartsOfTheTelemetryThatAreNot(t *testing.T) {
	for json, text := range map[string]string{
		`"section":"spool"`:                      "Valid: pipeline, cardinality, storage, traces, rollups",
		`"metric":"lcp"`:                         "Valid: accepted, rejected, refused",
		`"groupBy":["reason"]`:                   "the section pipeline cannot be grouped by reason: leave it out",
		`"format":"numeric","groupBy":["route"]`: "a counter cannot be grouped by route, only by: environment, reason",
		`"section":"traces","filters":[{"key":"reason","value":1}]`: "only by: environment, route",
		`"groupBy":["browser"]`: "Valid: environment, reason, route",
	} {
		got := ask(t, everyone, `{"queryType":"telemetry",`+json+`}`)
		require.Equal(t, backend.StatusBadRequest, got.Status)
		require.ErrorContains(t, got.Error, text)
	}
	require.True(t, slices.ContainsFunc(Describe().QueryTypes, func(d TypeDescription) bool {
		return d.Name == "telemetry" && slices.Equal(d.Sections, telemetrySections) && slices.Equal(d.Metrics, counterKeys())
	}))
}
