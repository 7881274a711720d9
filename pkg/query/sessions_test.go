package query

import (
	"math"
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
	worst                               map[string]float64
	routes                              []string
	score                               float64
}

func (s *shop) visits() map[string]*visited {
	all := map[string]*visited{}
	for _, b := range append(s.first[:len(s.first):len(s.first)], s.second...) {
		v := all[b.Context.SessionID]
		if v == nil {
			v = &visited{context: b.Context, start: math.MaxInt64, worst: map[string]float64{}}
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
			v.worst[i.Metric] = max(v.worst[i.Metric], i.Value)
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
		require.Equal(t, v.failed > 0, row["traceId"] != "")
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
		`{"key":"route","values":["/checkout"]}`:                   at("/checkout"),
		`{"key":"route","operator":"!=","values":["/checkout"]}`:   func(v *visited) bool { return !at("/checkout")(v) },
		`{"key":"browser","operator":"=~","values":["Chr.*"]}`:     in(func(c visit) bool { return c.Browser[0] == 'C' }),
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
