package query

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/rum"
)

// told is a row of traces as one line.
func told(rows []map[string]any) []string {
	lines := make([]string, 0, len(rows))
	for _, row := range rows {
		text := func(key string) string {
			if row[key] == nil {
				return "-"
			}
			return row[key].(string)
		}
		lines = append(lines, fmt.Sprintf("%s %s | %s %s %s | %s | %s", row["kind"], row["name"], text("sessionId"),
			text("viewId"), text("requestId"), text("traceId"), row["reason"]))
	}
	return lines
}

func TestATraceLeadsToItsVisit(t *testing.T) {
	own, start := newOwnStore(t), hourAgo()
	own.insert(storyOf("story", start)...)
	elsewhere := window{start.Add(-50 * time.Hour), start.Add(-49 * time.Hour)}
	for _, w := range []window{around(start), elsewhere} {
		rows := own.rows(`{"queryType":"traces","traceId":"`+traceOfPage+`"}`, w)
		require.Equal(t, []string{"view /products/7 | story v1 - | " + traceOfPage + " | "}, told(rows))
		require.Equal(t, start, rows[0]["time"])
		require.InDelta(t, 1200, rows[0]["duration"], 0)
		require.InDelta(t, 80, rows[0]["server"], 0)
		require.Equal(t, "shop", rows[0]["app"])
		require.Equal(t, "production", rows[0]["environment"])
		require.Equal(t, "00f067aa0ba902b7", rows[0]["spanId"])
	}
	shouted := strings.ToUpper(traceOfBuying)
	require.Equal(t, []string{"fetch POST api.shop/buy | story v1 - | " + traceOfBuying + " | not sampled (-00)"},
		told(own.rows(`{"queryType":"traces","traceId":" `+shouted+`"}`, around(start))))
}

// A trace may be all that an error names, and it may reach over apps: whoever comes from a trace knows neither.
func TestATraceIsFoundInWhicheverAppAndKindItIs(t *testing.T) {
	own, start := newOwnStore(t), hourAgo()
	for _, app := range []string{"blog", "shop"} {
		own.insert(&rum.Beacon{ReceivedAt: start.UnixMilli(),
			Context: rum.Context{App: app, Environment: "staging", SessionID: "of-" + app, Traffic: rum.TrafficBot},
			Errors: []rum.Error{{Item: rum.Item{TS: start.UnixMilli(), ViewID: "v", TraceID: traceOfPage}, Kind: "exception",
				Type: "TypeError", Fingerprint: "g"}}})
	}
	question := `{"queryType":"traces","traceId":"` + traceOfPage + `"}`
	require.Equal(t, []string{"error TypeError | of-blog v - | " + traceOfPage + " | ",
		"error TypeError | of-shop v - | " + traceOfPage + " | "}, told(own.rows(question, around(start))))

	own.runner.Settings.Apps = []string{"shop"}
	require.Equal(t, []string{"error TypeError | of-shop v - | " + traceOfPage + " | "},
		told(own.rows(question, around(start))))
	require.Equal(t, backend.StatusForbidden,
		own.ask(`{"queryType":"traces","app":"blog","traceId":"`+traceOfPage+`"}`, around(start)).Status)
}

func TestWhyThereIsNoTrace(t *testing.T) {
	own, start := newOwnStore(t), hourAgo()
	unheard := `{"queryType":"traces","traceId":"ffffffffffffffffffffffffffffffff"}`
	require.Equal(t, "none sent", own.rows(unheard, around(start))[0]["reason"], "an empty store")

	story := storyOf("story", start)
	story[0].Views[0].TraceID = ""
	own.insert(story...)
	rows := own.rows(`{"queryType":"traces","sessionId":"story"}`, around(start))
	require.Equal(t, []string{
		"view /products/7 | story v1 - | - | no Server-Timing",
		"fetch GET api.shop/items | story v1 request-2 | - | none sent",
		"fetch POST api.shop/buy | story v1 - | " + traceOfBuying + " | not sampled (-00)",
		"xhr GET api.shop/late | story v9 - | - | none sent",
	}, told(rows), "in order of time, without images and third parties, which nobody traces")

	got := own.rows(unheard, around(start))
	require.Len(t, got, 1)
	require.Equal(t, "none sent", got[0]["reason"])
	require.Nil(t, got[0]["sessionId"])
	require.Nil(t, got[0]["time"])
	require.Contains(t, own.notices(unheard, around(start))[0], "Server-Timing")
	require.Contains(t, own.notices(unheard, around(start))[0], "are no longer kept",
		"the range begins before what is kept")
	before := window{start.Add(-90 * 24 * time.Hour), start.Add(-80 * 24 * time.Hour)}
	require.Equal(t, "expired", own.rows(unheard, before)[0]["reason"])
	require.Contains(t, own.notices(unheard, before)[0], "the oldest are of")
}

// An SDK that traces tells its calls to another origin only where the site lets it, and may make the browser refuse them.
func TestWhyACallHasNoTrace(t *testing.T) {
	own, start := newOwnStore(t), hourAgo()
	story := storyOf("story", start)[:1]
	story[0].Requests = nil
	story[0].Context.SDK = "faro-web/2.12.1"
	call := func(path, trace, failure string, crossOrigin bool) {
		item := story[0].Views[0].Item
		item.TS, item.TraceID = item.TS+int64(len(story[0].Requests)), trace
		story[0].Requests = append(story[0].Requests, rum.Request{Item: item, Kind: "fetch", Path: path, Failure: failure,
			CrossOrigin: crossOrigin, Duration: 10})
	}
	call("/own", "", "", false)
	call("/other", "", "", true)
	call("/refused", traceOfBuying, "network", true)
	call("/offline", traceOfBuying, "network", false)
	own.insert(story...)
	bare := storyOf("bare", start)[:1]
	bare[0].Context.SDK, bare[0].Requests = "faro-web/1.0.0", []rum.Request{{Item: rum.Item{TS: start.UnixMilli(), ViewID: "v1"},
		Kind: "xhr", Path: "/bare", CrossOrigin: true, Duration: 5}}
	own.insert(bare...)

	reasons := map[string]string{}
	for _, row := range own.rows(`{"queryType":"traces","filters":[{"key":"kind","operator":"!=","value":"view"}]}`,
		around(start)) {
		reasons[row["name"].(string)] = row["reason"].(string)
	}
	require.Equal(t, map[string]string{"/own": "none sent", "/other": "no header (cross-origin)",
		"/refused": "blocked (CORS or network)", "/offline": "", "/bare": "SDK without tracing"}, reasons)
}

// From a slow interaction or a click to the requests it started and their traces.
func TestAnActionLeadsToTheRequestsItStarted(t *testing.T) {
	own, start := newOwnStore(t), hourAgo()
	story := storyOf("story", start)
	for _, b := range story {
		for i := range b.Vitals {
			if b.Vitals[i].Metric == "inp" {
				b.Vitals[i].Parts = map[string]float32{"interaction_time": 1990} // 10 ms before the click was noticed
			}
		}
	}
	own.insert(story...)

	lines := own.rows(`{"queryType":"session","sessionId":"story","filters":[{"key":"kind","values":["vital","action"]}]}`,
		around(start))
	require.NotEmpty(t, lines)
	whole := own.rows(`{"queryType":"session","sessionId":"story"}`, around(start))
	for _, line := range whole {
		switch {
		case strings.HasPrefix(line["body"].(string), "INP"):
			require.Equal(t, "a1", line["actionId"], "the click that was slow")
		case strings.HasPrefix(line["body"].(string), "LCP"):
			require.Nil(t, line["actionId"])
		}
	}
	rows := own.rows(`{"queryType":"traces","sessionId":"story","filters":[{"key":"actionId","value":"a1"}]}`, around(start))
	require.Equal(t, []string{"fetch POST api.shop/buy | story v1 - | " + traceOfBuying + " | not sampled (-00)"}, told(rows))
	require.Equal(t, "a1", rows[0]["actionId"])
	ofAction := own.rows(`{"queryType":"session","sessionId":"story","filters":[{"key":"actionId","value":"a1"}]}`, around(start))
	require.Len(t, ofAction, 4, "the click, its request, its error and its change of route")

	spans := readTrace(t, own.ask(`{"queryType":"session","sessionId":"story","format":"trace"}`, around(start)).Frames[0])
	var inp map[string]any
	for _, log := range spans["click on button#buy"].logs {
		if strings.HasPrefix(fmt.Sprint(log["message"]), "INP") {
			inp = log
		}
	}
	require.NotNil(t, inp, "it lies on the click, at the time of the interaction")
	require.InDelta(t, float64(start.UnixMilli())+1990, inp["timestamp"], 0)
}

func TestTracesOfARouteAreTheSlowestFirst(t *testing.T) {
	own, start := newOwnStore(t), hourAgo()
	story := storyOf("story", start)
	story[0].Requests[0].Route = "/other"
	own.insert(story...)
	rows := own.rows(`{"queryType":"traces","filters":[{"key":"route","values":["/products/:id"]}]}`, around(start))
	require.Equal(t, []string{
		"view /products/7 | story v1 - | " + traceOfPage + " | ",
		"fetch POST api.shop/buy | story v1 - | " + traceOfBuying + " | not sampled (-00)",
		"xhr GET api.shop/late | story v9 - | - | none sent",
	}, told(rows))
	require.Equal(t, []any{"", "503", "network"}, []any{rows[0]["status"], rows[1]["status"], rows[2]["status"]})

	there := own.rows(`{"queryType":"traces","filters":[{"key":"reason","values":[""]}]}`, around(start))
	require.Equal(t, []string{"view /products/7 | story v1 - | " + traceOfPage + " | "}, told(there))
	failed := own.rows(`{"queryType":"traces","filters":[{"key":"statusClass","values":["5xx"]}]}`, around(start))
	require.Len(t, failed, 1)
	require.Empty(t, own.rows(`{"queryType":"traces"}`, window{start.Add(-3 * time.Hour), start.Add(-2 * time.Hour)}))
}

func TestTracesEqualTheNaiveComputation(t *testing.T) {
	type row struct {
		took    float64
		at      int64
		session string
		trace   string
	}
	var want []row
	for _, b := range seeded.first {
		c := b.Context
		if c.App != "shop" || c.Environment != "production" || c.Traffic != rum.TrafficReal {
			continue
		}
		within := func(i rum.Item) bool { return i.TS >= day().from.UnixMilli() && i.TS < day().to.UnixMilli() }
		for _, v := range b.Views {
			if within(v.Item) {
				want = append(want, row{float64(v.Duration), v.TS, c.SessionID, v.TraceID})
			}
		}
		for _, r := range b.Requests {
			if within(r.Item) {
				want = append(want, row{float64(r.Duration), r.TS, c.SessionID, r.TraceID})
			}
		}
	}
	slices.SortFunc(want, func(a, b row) int {
		return cmp.Or(cmp.Compare(b.took, a.took), cmp.Compare(a.at, b.at), cmp.Compare(a.session, b.session))
	})
	rows := rowsOf(frames(t, `{"queryType":"traces","limit":10000}`)[0])
	require.Len(t, rows, len(want))
	for i, got := range rows {
		require.InDelta(t, want[i].took, got["duration"], 0)
		require.Equal(t, want[i].at, got["time"].(time.Time).UnixMilli())
		require.Equal(t, want[i].session, got["sessionId"])
		if want[i].trace == "" {
			require.Nil(t, got["traceId"])
			require.Equal(t, reasonNoServerTiming, got["reason"])
			continue
		}
		require.Equal(t, want[i].trace, got["traceId"])
		require.Equal(t, "", got["reason"])
	}
}

func TestTraceQuestionsThatAreRefused(t *testing.T) {
	for json, text := range map[string]string{
		`{"queryType":"traces","traceId":"abc"}`:                             `traceId "abc" is no trace id`,
		`{"queryType":"traces","traceId":"` + traceOfPage + `0"}`:            "32 hexadecimal digits",
		`{"queryType":"traces","traceId":"` + strings.Repeat("0", 32) + `"}`: "not all 0",
		`{"queryType":"traces","traceId":"` + strings.Repeat("g", 32) + `"}`: "is no trace id",
		`{"queryType":"traces","groupBy":["route"]}`:                         "groupBy is for other types",
	} {
		got := ask(t, everyone, json)
		require.ErrorContains(t, got.Error, text)
		require.Equal(t, backend.StatusBadRequest, got.Status)
	}
	unknown := frames(t, `{"queryType":"traces","sessionId":"nobody"}`)
	require.Contains(t, unknown[0].Meta.Notices[0].Text, "session 'nobody' unknown")
}
