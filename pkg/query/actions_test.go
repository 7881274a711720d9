package query

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/query/stats"
	"github.com/sightline-rum/sightline/pkg/rum"
)

const galleryActions = `"queryType":"actions","app":"gallery"`

func sessionOf[T any](one thing[T]) string { return one.SessionID }

func ofKinds(kinds ...string) func(thing[rum.Action]) bool {
	return func(a thing[rum.Action]) bool { return slices.Contains(kinds, a.of.Kind) }
}

// started are the calls that these actions started, and those of them that failed, each by its weight.
func started(requests []thing[rum.Request], actions []thing[rum.Action]) (calls, failed float64) {
	of := map[string]bool{}
	for _, a := range actions {
		of[a.SessionID+" "+a.ActionID] = a.ActionID != ""
	}
	for _, r := range requests {
		if !of[r.SessionID+" "+r.ActionID] || r.of.Kind == "img" {
			continue
		}
		calls += float64(r.Weight) / rum.FullWeight
		if r.of.Failure != "" || r.of.Status >= 400 {
			failed += float64(r.Weight) / rum.FullWeight
		}
	}
	return calls, failed
}

func TestActionsTableEqualsTheNaiveComputation(t *testing.T) {
	g := theGallery(t)
	requests := g.fetched(window{g.opened.Add(-48 * time.Hour), g.opened.Add(48 * time.Hour)})
	for _, c := range []struct {
		groupBy, by []string
		least       int
	}{
		{nil, []string{"target", "route"}, 30}, {[]string{"kind"}, []string{"kind"}, 100},
		{[]string{"route"}, []string{"route"}, 30},
		{[]string{"target", "browser", "device"}, []string{"target", "browser", "device"}, 30},
	} {
		t.Run(fmt.Sprint(c.by), func(t *testing.T) {
			got := frames(t, fmt.Sprintf(`{%s,"format":"table","minSamples":%d,"groupBy":%s}`, galleryActions, c.least,
				jsonOf(c.groupBy)), g.day())
			require.Len(t, got, 1)
			require.Equal(t, data.FrameTypeTable, got[0].Meta.Type)
			rows := rowsOf(got[0])
			requireRanked(t, rows, "count")
			segments := segmentsOf(g.acted(g.day()), c.by...)
			require.Len(t, rows, len(segments))
			for _, row := range rows {
				all := segments[segmentName(row, c.by...)]
				n, effective, sessions := distinct(all, sessionOf)
				require.InDelta(t, weighed(all, everything), row["count"], 1e-9)
				require.InDelta(t, sessions, row["sessions"], 1e-9)
				require.EqualValues(t, n, row["sessionSamples"])
				share := func(field string, kinds ...string) {
					_, _, hit := distinct(only(all, ofKinds(kinds...)), sessionOf)
					if int(n) < c.least {
						require.Nil(t, row[field])
						require.Nil(t, row[field+"Lower"])
						require.Nil(t, row[field+"Upper"])
						return
					}
					lower, upper := stats.Wilson(hit/sessions*effective, effective)
					require.InDelta(t, hit/sessions, row[field], 1e-9)
					require.InDelta(t, lower, row[field+"Lower"], 1e-9)
					require.InDelta(t, upper, row[field+"Upper"], 1e-9)
				}
				share("frustrationRate", "rage", "dead", "error")
				for _, kind := range frustrations {
					require.InDelta(t, weighed(all, ofKinds(kind)), row[kind], 1e-9)
					share(kind+"Share", kind)
				}
				calls, failed := started(requests, all)
				require.InDelta(t, calls, row["requests"], 1e-9)
				require.InDelta(t, failed, row["failedRequests"], 1e-9)

				timed := only(all, func(a thing[rum.Action]) bool { return a.of.Duration > 0 })
				require.EqualValues(t, len(timed), row["samples"])
				if len(timed) < c.least {
					require.Nil(t, row["value"])
				} else {
					require.Equal(t, percentileOf(timed, 0.75, func(a rum.Action) float32 { return a.Duration }), row["value"])
				}
			}
		})
	}
}

func TestActionsOverTimeAreZeroWhereNothingHappened(t *testing.T) {
	g := theGallery(t)
	got := frames(t, `{`+galleryActions+`,"groupBy":["target"],"filters":[{"key":"kind","values":["rage"]}]}`, g.day())
	segments := segmentsOf(only(g.acted(g.day()), ofKinds("rage")), "target")
	require.Len(t, got, len(segments))
	zeros := 0
	for _, frame := range got {
		require.Equal(t, data.FrameTypeTimeSeriesMulti, frame.Meta.Type)
		require.Len(t, frame.Fields, 2, "alert rules take one value field")
		require.Equal(t, "count", frame.Fields[1].Name)
		require.Equal(t, 24, frame.Rows())
		for row := range frame.Rows() {
			at := frame.Fields[0].At(row).(time.Time)
			count := weighed(segments[frame.Fields[1].Labels["target"]], func(a thing[rum.Action]) bool {
				return time.UnixMilli(a.TS).UTC().Truncate(time.Hour).Equal(at)
			})
			require.InDelta(t, count, frame.Fields[1].At(row), 1e-9)
			if count == 0 {
				zeros++
			}
		}
	}
	require.Positive(t, zeros)
}

// An alert on rage clicks waits for the first: until then there are none, which is a number.
func TestNoActionsAreZeroActions(t *testing.T) {
	g := theGallery(t)
	nothing := `"filters":[{"key":"kind","values":["pinch"]}]`
	got := frames(t, `{`+galleryActions+`,`+nothing+`}`, g.day())
	require.Len(t, got, 1)
	require.Equal(t, 24, got[0].Rows())
	for _, row := range rowsOf(got[0]) {
		require.Equal(t, 0.0, row["count"])
	}
	grouped := frames(t, `{`+galleryActions+`,"groupBy":["route"],`+nothing+`}`, g.day())
	require.Len(t, grouped, 1)
	require.Zero(t, grouped[0].Rows())
	require.Zero(t, frames(t, `{`+galleryActions+`,"format":"table",`+nothing+`}`, g.day())[0].Rows())
}

// The click is within the window and what it asked the server for is not: it belongs to the click.
func TestACallBelongsToTheActionThatStartedIt(t *testing.T) {
	own, start := newOwnStore(t), hourAgo()
	at := func(after time.Duration, action string) rum.Item {
		return rum.Item{TS: start.Add(after).UnixMilli(), ViewID: "v", Route: "/cart", ActionID: action}
	}
	calls := func(kind, action string, status uint16) rum.Request {
		return rum.Request{Item: at(30*time.Second, action), Kind: kind, Status: status}
	}
	context := rum.Context{App: "shop", Environment: "production", SessionID: "s", Traffic: rum.TrafficReal}
	other := context
	other.SessionID = "t"
	own.insert(&rum.Beacon{ReceivedAt: start.UnixMilli(), Context: context,
		Actions: []rum.Action{{Item: at(-time.Second, "a"), Kind: "click", Target: "#buy"}, {Item: at(-time.Second, ""),
			Kind: "dead", Target: "#logo"}},
		Requests: []rum.Request{calls("fetch", "a", 200), calls("xhr", "a", 503), calls("img", "a", 404),
			calls("fetch", "", 500), calls("fetch", "b", 500)}},
		&rum.Beacon{ReceivedAt: start.UnixMilli(), Context: other, Requests: []rum.Request{calls("fetch", "a", 500)}})
	got := map[string][2]any{}
	for _, row := range own.rows(`{"queryType":"actions","format":"table"}`, window{start.Add(-time.Hour), start}) {
		got[row["target"].(string)] = [2]any{row["requests"], row["failedRequests"]}
	}
	require.Equal(t, map[string][2]any{"#buy": {2.0, 1.0}, "#logo": {0.0, 0.0}}, got)
}

func TestOneAngryVisitorIsOneSession(t *testing.T) {
	own, start := newOwnStore(t), hourAgo()
	for i := range 10 {
		clicks, kind := 1, "click"
		if i == 0 {
			clicks, kind = 50, "rage"
		}
		b := &rum.Beacon{ReceivedAt: start.UnixMilli(), Context: rum.Context{App: "shop", Environment: "production",
			SessionID: fmt.Sprint("s", i), Traffic: rum.TrafficReal}}
		for n := range clicks {
			b.Actions = append(b.Actions, rum.Action{Item: rum.Item{TS: start.UnixMilli() + int64(n)}, Kind: kind,
				Target: "#buy"})
		}
		own.insert(b)
	}
	row := own.rows(`{"queryType":"actions","format":"table"}`, around(start))[0]
	require.Equal(t, 59.0, row["count"])
	require.Equal(t, 50.0, row["rage"])
	require.Equal(t, 0.1, row["rageShare"])
	require.Equal(t, 0.1, row["frustrationRate"])
	require.Equal(t, 0.0, row["deadShare"])
	lower, upper := stats.Wilson(1, 10)
	require.InDelta(t, lower, row["rageShareLower"], 1e-12)
	require.InDelta(t, upper, row["rageShareUpper"], 1e-12)
}

func TestActionsBeyondTheLimit(t *testing.T) {
	g := theGallery(t)
	all := rowsOf(frames(t, `{`+galleryActions+`,"format":"table"}`, g.day())[0])
	got := frames(t, `{`+galleryActions+`,"format":"table","limit":4}`, g.day())[0]
	require.Equal(t, all[:4], rowsOf(got))
	require.Contains(t, got.Meta.Notices[0].Text, "Only the first 4 rows")
	series := frames(t, `{`+galleryActions+`,"groupBy":["target"],"limit":1}`, g.day())
	require.Len(t, series, 1)
	require.Contains(t, series[0].Meta.Notices[0].Text, "Only the first 1 series")
}
