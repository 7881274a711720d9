package query

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/rum"
)

// visited is one session as plain Go sees it.
type visited struct {
	context                             rum.Context
	start, end                          int64
	views, errors, frustrations, failed int64
	last                                map[string]rum.Vital // the last report of each metric of each view
	worst                               map[string]float64
	routes                              []string
	score                               float64
}

func (s *shop) visits() map[string]*visited {
	all := map[string]*visited{}
	for _, b := range append(s.first[:len(s.first):len(s.first)], s.second...) {
		v := all[b.Context.SessionID]
		if v == nil {
			v = &visited{context: b.Context, start: math.MaxInt64, last: map[string]rum.Vital{}, worst: map[string]float64{}}
			all[b.Context.SessionID] = v
		}
		see := func(i rum.Item) {
			v.start, v.end = min(v.start, i.TS), max(v.end, i.TS)
			v.routes = append(v.routes, i.Route)
		}
		for _, i := range b.Views {
			see(i.Item)
			v.views++
		}
		for _, i := range b.Vitals {
			see(i.Item)
			if last, ok := v.last[i.MetricID]; !ok || i.ReportedAt >= last.ReportedAt {
				v.last[i.MetricID] = i
			}
		}
		for _, i := range b.Errors {
			see(i.Item)
			v.errors++
		}
		for _, i := range b.Actions {
			see(i.Item)
			v.frustrations++
		}
		for _, i := range b.Requests {
			see(i.Item)
			v.failed++
		}
	}
	for _, v := range all {
		for _, i := range v.last {
			v.worst[i.Metric] = max(v.worst[i.Metric], i.Value)
		}
		for _, m := range rum.Metrics[:3] {
			switch m.Rating(v.worst[m.Key]) {
			case rum.RatingPoor:
				v.score += scorePoor
			case rum.RatingNeedsImprovement:
				v.score += scoreNeedsImprovement
			}
		}
		v.score += scoreError * float64(min(v.errors, 10))
		v.score += scoreFrustration * float64(min(v.frustrations, 10))
		v.score += scoreFailedRequest * float64(min(v.failed, 10))
	}
	return all
}

func (v *visited) within(w window) bool {
	return v.context.App == "shop" && v.context.Environment == "production" && v.context.Traffic == rum.TrafficReal &&
		v.end >= w.from.UnixMilli() && v.start < w.to.UnixMilli()
}

func TestSessionsEqualTheNaiveComputation(t *testing.T) {
	got := frames(t, `{"queryType":"sessions","limit":5000}`)
	require.Len(t, got, 1)
	require.Equal(t, data.FrameTypeTable, got[0].Meta.Type)
	rows := rowsOf(got[0])
	want := 0
	visits := seeded.visits()
	for _, v := range visits {
		if v.within(day()) {
			want++
		}
	}
	require.Len(t, rows, want)
	for _, row := range rows {
		v := visits[row["sessionId"].(string)]
		require.Equal(t, time.UnixMilli(v.start).UTC(), row["start"])
		require.EqualValues(t, v.end-v.start, row["duration"])
		require.Equal(t, v.views, row["views"])
		require.Equal(t, v.errors, row["errors"])
		require.Equal(t, v.frustrations, row["frustrations"])
		require.Equal(t, v.failed, row["failedRequests"])
		require.Equal(t, v.worst["lcp"], row["lcp"])
		require.Equal(t, v.worst["cls"], row["cls"])
		require.Equal(t, v.context.Browser, row["browser"])
		require.Equal(t, v.context.Device, row["device"])
		require.Equal(t, v.context.Country, row["country"])
		require.Equal(t, v.context.Release, row["release"])
		require.Contains(t, v.routes, row["route"])
		require.Equal(t, v.score, row["score"])
		require.Equal(t, v.failed > 0, row["traceId"] != nil)
		if v.worst["inp"] == 0 {
			require.Nil(t, row["inp"], "nobody interacted")
		}
	}
	require.True(t, slices.IsSortedFunc(rows, func(a, b map[string]any) int {
		if byScore := b["score"].(float64) - a["score"].(float64); byScore != 0 {
			return int(byScore)
		}
		return b["start"].(time.Time).Compare(a["start"].(time.Time))
	}), "worst first, then newest")
}

func TestOneLoopingErrorDoesNotRuleTheList(t *testing.T) {
	rows := rowsOf(frames(t, `{"queryType":"sessions","limit":1}`, whole())[0])
	require.Len(t, rows, 1)
	looping := seeded.visits()["session-0007"]
	require.GreaterOrEqual(t, looping.errors, int64(40))
	require.Less(t, looping.score, float64(scoreError*looping.errors))
}

func TestSessionFilters(t *testing.T) {
	type visit = rum.Context
	in := func(keep func(visit) bool) func(*visited) bool {
		return func(v *visited) bool { return keep(v.context) }
	}
	at := func(route string) func(*visited) bool {
		return func(v *visited) bool { return slices.Contains(v.routes, route) }
	}
	for filter, keep := range map[string]func(*visited) bool{
		`{"key":"route","values":["/checkout"]}`:                 at("/checkout"),
		`{"key":"route","operator":"!=","values":["/checkout"]}`: func(v *visited) bool { return !at("/checkout")(v) },
		`{"key":"browser","operator":"=~","values":["Chr.*"]}`:   in(func(c visit) bool { return c.Browser[0] == 'C' }),
		`{"key":"browser","operator":"=~","values":["Chr.*","S.f.*"]}`: in(func(c visit) bool {
			return c.Browser[0] == 'C' || c.Browser[0] == 'S'
		}),
		`{"key":"device","values":["mobile","tablet"]}`:            in(func(c visit) bool { return c.Device != "desktop" }),
		`{"key":"release","operator":"!~","values":["1\\.0\\.0"]}`: in(func(c visit) bool { return c.Release == "1.1.0" }),
	} {
		want := 0
		for _, v := range seeded.visits() {
			if v.within(whole()) && keep(v) {
				want++
			}
		}
		require.Positive(t, want)
		got := frames(t, `{"queryType":"sessions","limit":5000,"filters":[`+filter+`]}`, whole())
		require.Equal(t, want, got[0].Rows(), filter)
	}
}

func TestSessionsAreForThoseWhoMaySeeThem(t *testing.T) {
	got := ask(t, Caller{Role: "Viewer"}, `{"queryType":"sessions"}`)
	require.ErrorContains(t, got.Error, "sessionRole")
	require.Equal(t, backend.StatusForbidden, got.Status)
	got = ask(t, Caller{Role: "Admin", FromAlert: true}, `{"queryType":"sessions"}`)
	require.ErrorContains(t, got.Error, "idsInAlerts")
	require.Equal(t, backend.StatusForbidden, got.Status)
}

func TestIDsAreStrippedFromEveryAnswer(t *testing.T) {
	got := ask(t, Caller{SessionLevel: true}, `{"queryType":"sessions"}`)
	require.NoError(t, got.Error)
	require.Positive(t, got.Frames[0].Rows())
	for _, field := range got.Frames[0].Fields {
		require.NotContains(t, idFields, field.Name)
	}
	require.NotContains(t, jsonOf(got.Frames), "session-0")
}

// Twenty visits that went badly among ten thousand, with two thousand that looked worse until their pages reported
// again: INP and CLS that fell, an LCP that was taken back.
func TestTheWorstSessionsRankFirstAmongTenThousand(t *testing.T) {
	own, start := newOwnStore(t), hourAgo()
	random := rand.New(rand.NewPCG(3, 5))
	visit := func(id string, lcp, inp, cls float64, errors int, again bool) *rum.Beacon {
		at := start.UnixMilli() + random.Int64N(int64(40*time.Minute/time.Millisecond))
		item := rum.Item{TS: at, ViewID: id + "-1", Route: "/checkout"}
		b := &rum.Beacon{ReceivedAt: at, Context: rum.Context{App: "shop", Environment: "production", SessionID: id,
			Traffic: rum.TrafficReal, Weight: rum.FullWeight},
			Views: []rum.View{{Item: item, Kind: rum.ViewLoad, Path: "/checkout"}}}
		for metric, value := range map[string]float64{"lcp": lcp, "inp": inp, "cls": cls} {
			vital := rum.Vital{Item: item, Metric: metric, MetricID: id + metric, ReportedAt: at + 1000, Value: value}
			if again {
				vital.Value = 9000
				b.Vitals = append(b.Vitals, vital)
				vital.ReportedAt, vital.Value = at+2000, value
			}
			b.Vitals = append(b.Vitals, vital)
		}
		for range errors {
			b.Errors = append(b.Errors, rum.Error{Item: item, Kind: "exception", Type: "Error", Fingerprint: "g"})
		}
		return b
	}
	var beacons []*rum.Beacon
	planted := map[string]bool{}
	for i := range 10_000 {
		switch id := fmt.Sprintf("visit-%05d", i); {
		case i%500 == 77:
			planted[id] = true
			beacons = append(beacons, visit(id, 5200, 700, 0.4, 2, false))
		case i%5 == 1:
			beacons = append(beacons, visit(id, 1000, 90, 0.01, 3, true))
		default:
			beacons = append(beacons, visit(id, 1500+1500*random.Float64(), 150, 0.05, random.IntN(3), false))
		}
	}
	require.Len(t, planted, 20)
	own.insert(beacons...)
	rows := own.rows(`{"queryType":"sessions","limit":100}`, around(start))
	require.Len(t, rows, 100)
	for i, row := range rows {
		require.Equal(t, i < 20, planted[row["sessionId"].(string)], "place %d: %v", i, row)
		if i < 20 {
			require.InDelta(t, 3*scorePoor+2*scoreError, row["score"], 0)
		} else {
			require.InDelta(t, 3*scoreError, row["score"], 0)
			require.InDelta(t, 1000, row["lcp"], 0, "the last report wins")
		}
	}
	require.Len(t, own.notices(`{"queryType":"sessions","limit":100}`, around(start)), 1, "only that there are more")
}

func TestAMissingCLSIsNotAGoodOne(t *testing.T) {
	own, start := newOwnStore(t), hourAgo()
	for id, cls := range map[string][]float64{"absent": nil, "zero": {0}, "fallen to zero": {0.4, 0}} {
		item := rum.Item{TS: start.UnixMilli(), ViewID: "v"}
		b := &rum.Beacon{ReceivedAt: start.UnixMilli(), Context: rum.Context{App: "shop", Environment: "production",
			SessionID: id, Traffic: rum.TrafficReal}, Views: []rum.View{{Item: item, Kind: rum.ViewLoad}}}
		for i, value := range cls {
			b.Vitals = append(b.Vitals, rum.Vital{Item: item, Metric: "cls", MetricID: id, Value: value,
				ReportedAt: start.UnixMilli() + int64(i)})
		}
		own.insert(b)
	}
	for _, row := range own.rows(`{"queryType":"sessions"}`, around(start)) {
		require.InDelta(t, 0, row["score"], 0)
		if row["sessionId"] == "absent" {
			require.Nil(t, row["cls"])
		} else {
			require.Equal(t, 0.0, row["cls"], row["sessionId"])
		}
		require.Nil(t, row["lcp"])
	}
}
