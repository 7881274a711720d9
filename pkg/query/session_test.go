package query

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/rum"
)

func TestASessionReadsAsLogLines(t *testing.T) {
	own, start := newOwnStore(t), hourAgo()
	own.insert(storyOf("story", start)[0])
	own.insert(storyOf("story", start)[1])
	own.insert(storyOf("another", start)...)

	got := own.ask(`{"queryType":"session","sessionId":"story"}`, around(start))
	require.NoError(t, got.Error)
	require.Len(t, got.Frames, 1)
	require.Equal(t, data.FrameTypeLogLines, got.Frames[0].Meta.Type)
	require.EqualValues(t, data.VisTypeLogs, got.Frames[0].Meta.PreferredVisualization)

	var lines []string
	for _, row := range rowsOf(got.Frames[0]) {
		lines = append(lines, fmt.Sprintf("%5d %-7s %s", row["timestamp"].(time.Time).Sub(start).Milliseconds(),
			row["severity"], row["body"]))
		require.Equal(t, "story", row["sessionId"])
	}
	require.Equal(t, []string{
		"    0 info    page load of /products/7 in 1200 ms",
		"    0 info    CLS 0 (good) at img.hero",
		"    0 info    INP 120 ms (good) at img.hero",
		"    0 warning LCP 4800 ms (poor) at img.hero",
		"  100 info    GET shop/hero.jpg → 200 in 4000 ms",
		"  500 info    GET api.shop/items → 200 in 90 ms",
		"  600 info    main thread blocked by https://ads.example/ads.js for 220 ms",
		"  700 info    GET ads.example/a → 200 in 2500 ms",
		" 2000 info    click on button#buy",
		" 2010 error   POST api.shop/buy → 503 in 400 ms",
		" 2450 error   TypeError: order is undefined",
		" 3000 warning rage click on button#buy",
		" 5000 info    route change to /sorry in 70 ms",
		" 6000 error   gave up",
		" 6500 warning basket kept",
		" 7000 error   GET api.shop/late → network in 30 ms",
	}, lines)
}

func TestALogLineHoldsItsIDsAndDetails(t *testing.T) {
	own, start := newOwnStore(t), hourAgo()
	own.insert(storyOf("story", start)...)
	rows := own.rows(`{"queryType":"session","sessionId":"story","filters":[{"key":"kind","values":["request","error"]}]}`,
		around(start))
	require.Len(t, rows, 7)
	ids := map[string]bool{}
	for _, row := range rows {
		ids[row["id"].(string)] = true
	}
	require.Len(t, ids, len(rows), "every line has an id of its own")

	buying := rows[3]
	require.Equal(t, traceOfBuying, buying["traceId"])
	require.Equal(t, "v1", buying["viewId"])
	require.Equal(t, "a1", buying["actionId"])
	require.Nil(t, buying["requestId"])
	require.Nil(t, buying["stack"])
	require.InDelta(t, 400, buying["value"], 0)
	require.Equal(t, "1.1.0", buying["release"])
	require.JSONEq(t, `{"kind":"request","route":"/products/:id","release":"1.1.0"}`,
		string(buying["labels"].(json.RawMessage)))
	require.Equal(t, "request-2", rows[1]["requestId"])
	require.Equal(t, "group-buy", rows[4]["fingerprint"])
	require.Contains(t, rows[4]["stack"], "app.js")
	require.Nil(t, rows[4]["value"])
}

// spanOf finds spans by their names, with the name of what they hang under.
type spanOf struct {
	row    map[string]any
	parent string
	tags   map[string]any
	logs   []map[string]any
}

// readTrace reads a trace frame as Grafana does, holding what its view needs: unique ids, parents that exist, and
// durations that are not negative.
func readTrace(t *testing.T, frame *data.Frame) map[string]spanOf {
	t.Helper()
	require.EqualValues(t, data.VisTypeTrace, frame.Meta.PreferredVisualization)
	for name, kind := range map[string]data.FieldType{
		"traceID": data.FieldTypeString, "spanID": data.FieldTypeString, "parentSpanID": data.FieldTypeString,
		"operationName": data.FieldTypeString, "serviceName": data.FieldTypeString, "kind": data.FieldTypeString,
		"statusCode": data.FieldTypeInt64, "statusMessage": data.FieldTypeString, "serviceTags": data.FieldTypeJSON,
		"startTime": data.FieldTypeFloat64, "duration": data.FieldTypeFloat64, "logs": data.FieldTypeJSON,
		"tags": data.FieldTypeJSON,
	} {
		field, _ := frame.FieldByName(name)
		require.NotNil(t, field, name)
		require.Equal(t, kind, field.Type(), name)
	}
	spans, names, ends := map[string]spanOf{}, map[string]string{}, map[string]float64{}
	for i, row := range rowsOf(frame) {
		id, parent := row["spanID"].(string), row["parentSpanID"].(string)
		require.NotContains(t, names, id, "span ids are unique")
		require.Equal(t, i == 0, parent == "", "one root, which comes first")
		if parent != "" {
			require.Contains(t, names, parent, "a span comes after its parent")
			require.GreaterOrEqual(t, ends[parent], row["startTime"].(float64)+row["duration"].(float64))
		}
		require.GreaterOrEqual(t, row["duration"], 0.0)
		names[id], ends[id] = row["operationName"].(string), row["startTime"].(float64)+row["duration"].(float64)
		s := spanOf{row: row, parent: names[parent], tags: map[string]any{}}
		var tags []keyValue
		require.NoError(t, json.Unmarshal(row["tags"].(json.RawMessage), &tags))
		for _, tag := range tags {
			s.tags[tag.Key] = tag.Value
		}
		var logs []spanLog
		require.NoError(t, json.Unmarshal(row["logs"].(json.RawMessage), &logs))
		for _, log := range logs {
			fields := map[string]any{"timestamp": log.Timestamp}
			for _, field := range log.Fields {
				fields[field.Key] = field.Value
			}
			s.logs = append(s.logs, fields)
		}
		spans[names[id]] = s
	}
	return spans
}

func TestASessionIsATraceOfWhatCausedWhat(t *testing.T) {
	own, start := newOwnStore(t), hourAgo()
	own.insert(storyOf("story", start)...)
	got := own.ask(`{"queryType":"session","sessionId":"story","format":"trace"}`, around(start))
	require.NoError(t, got.Error)
	spans := readTrace(t, got.Frames[0])

	parents := map[string]string{}
	for name, s := range spans {
		parents[name] = s.parent
	}
	require.Equal(t, map[string]string{
		"session":                  "",
		"view /products/:id":       "session",
		"page load":                "view /products/:id",
		"route change":             "view /products/:id",
		"GET shop/hero.jpg":        "view /products/:id",
		"GET api.shop/items":       "view /products/:id",
		"GET ads.example/a":        "view /products/:id",
		"click on button#buy":      "view /products/:id",
		"POST api.shop/buy":        "click on button#buy",
		"TypeError":                "click on button#buy",
		"rage click on button#buy": "view /products/:id",
		"console":                  "view /products/:id",
		"GET api.shop/late":        "view /products/:id",
	}, parents)

	ms := float64(start.UnixMilli())
	require.Equal(t, ms, spans["session"].row["startTime"])
	require.InDelta(t, 7030, spans["session"].row["duration"], 0, "until the last request ended")
	require.InDelta(t, 450, spans["click on button#buy"].row["duration"], 0, "until the error it caused")
	require.InDelta(t, 400, spans["POST api.shop/buy"].row["duration"], 0)
	require.Equal(t, traceOfBuying, spans["POST api.shop/buy"].row["traceId"])
	require.Equal(t, "not sampled (-00)", spans["POST api.shop/buy"].tags["trace"])
	require.Equal(t, true, spans["POST api.shop/buy"].tags["error"])
	require.EqualValues(t, 2, spans["TypeError"].row["statusCode"])
	require.Equal(t, "order is undefined", spans["TypeError"].row["statusMessage"])
	require.Contains(t, spans["TypeError"].logs[0]["exception.stacktrace"], "app.js")
	require.NotContains(t, spans["GET api.shop/items"].tags, "error")
	require.Equal(t, "story", spans["session"].row["traceID"])
	require.Contains(t, string(spans["session"].row["serviceTags"].(json.RawMessage)), "Firefox")
}

func TestVitalsAndScriptsAreEventsOfTheirView(t *testing.T) {
	own, start := newOwnStore(t), hourAgo()
	own.insert(storyOf("story", start)...)
	got := own.ask(`{"queryType":"session","sessionId":"story","format":"trace","filters":[
		{"key":"kind","values":["view","vital","blocking"]}]}`, around(start))
	require.NoError(t, got.Error)
	rows := rowsOf(got.Frames[0])
	require.Len(t, rows, 5, "the session, two views and their loads")
	var logs []spanLog
	require.NoError(t, json.Unmarshal(rows[1]["logs"].(json.RawMessage), &logs))
	events := map[any]float64{}
	for _, log := range logs {
		events[log.Fields[1].Value] = log.Timestamp - float64(start.UnixMilli())
	}
	require.Equal(t, map[any]float64{
		"LCP 4800 ms (poor)": 4800, "INP 120 ms (good)": 0, "CLS 0 (good)": 0,
		"main thread blocked by https://ads.example/ads.js for 220 ms": 600,
	}, trimmedTargets(events))
	require.InDelta(t, 4800, rows[1]["duration"], 0)
	require.Contains(t, string(rows[1]["tags"].(json.RawMessage)), "LCP 4800 ms (poor)")
	require.Contains(t, string(rows[3]["tags"].(json.RawMessage)), `"/sorry"`)
}

func trimmedTargets(events map[any]float64) map[any]float64 {
	trimmed := map[any]float64{}
	for text, at := range events {
		trimmed[strings.TrimSuffix(text.(string), " at img.hero")] = at
	}
	return trimmed
}

// Every session of the seed, against plain Go: each item once, the last report of each metric, in order.
func TestTimelinesEqualTheNaiveComputation(t *testing.T) {
	visits := seeded.visits()
	for i := 0; i < 900; i += 17 {
		id := fmt.Sprintf("session-%04d", i)
		v := visits[id]
		want := int(v.views+v.errors+v.frustrations+v.failed) + len(v.last)
		question := fmt.Sprintf(`{"queryType":"session","sessionId":%q,"app":%q}`, id, v.context.App)
		rows := rowsOf(frames(t, question)[0])
		require.Len(t, rows, want, id)
		require.True(t, slices.IsSortedFunc(rows, func(a, b map[string]any) int {
			return a["timestamp"].(time.Time).Compare(b["timestamp"].(time.Time))
		}))
		values := map[float64]int{}
		for _, last := range v.last {
			values[last.Value]++
		}
		for _, row := range rows {
			if row["kind"] == kindVital {
				values[row["value"].(float64)]--
			}
		}
		for value, n := range values {
			require.Zero(t, n, "%s: %v", id, value)
		}
		spans := readTrace(t, frames(t, strings.TrimSuffix(question, "}")+`,"format":"trace"}`)[0])
		require.Contains(t, spans, "session")
	}
}

func TestASessionIsShownWheneverItWas(t *testing.T) {
	later := window{seeded.today.Add(48 * time.Hour), seeded.today.Add(49 * time.Hour)}
	got := frames(t, `{"queryType":"session","sessionId":"session-0004"}`, later)
	require.Positive(t, got[0].Rows())
	require.Contains(t, got[0].Meta.Notices[0].Text, "not in the time range: it began at")
	for _, staging := range []string{`"staging"`, `""`, `"*"`} {
		got := frames(t, `{"queryType":"session","sessionId":"session-0015","environment":`+staging+`}`)
		require.Positive(t, got[0].Rows(), "an id names the environment too")
	}
}

func TestAnUnknownSessionIsSaidSo(t *testing.T) {
	why := func(json string) string {
		got := frames(t, json)
		require.Len(t, got, 1)
		require.Zero(t, got[0].Rows())
		require.Len(t, got[0].Meta.Notices, 1, json)
		return got[0].Meta.Notices[0].Text
	}
	for _, format := range []string{"logs", "trace"} {
		require.Contains(t, why(`{"queryType":"session","sessionId":"nobody","format":"`+format+`"}`),
			"session 'nobody' unknown: sessions of app 'shop' are kept since 20")
	}
	require.Contains(t, why(`{"queryType":"session","sessionId":"session-0003"}`),
		"session 'session-0003' is not one of app 'shop': it is one of 'blog'")
	require.Contains(t, why(`{"queryType":"session","sessionId":"session-0015","environment":"production"}`),
		"is not in environment 'production': it is in 'staging'")
	filtered := `{"queryType":"session","sessionId":"session-0004","filters":[{"key":"route","values":["/x"]}]}`
	require.Contains(t, why(filtered), "but none of what is asked for")
	require.Contains(t, why(`{"queryType":"session","sessionId":"session-0004","app":"shpo"}`), "it is one of 'shop'")

	restricted := *runner
	restricted.Settings.Apps = []string{"shop"}
	got := restricted.Answer(t.Context(), everyone, backend.DataQuery{
		TimeRange: backend.TimeRange{From: day().from, To: day().to},
		JSON:      []byte(`{"queryType":"session","sessionId":"session-0003"}`)})
	require.NoError(t, got.Error)
	require.NotContains(t, got.Frames[0].Meta.Notices[0].Text, "blog", "an app this data source may not answer for")
}

func TestALongSessionIsCut(t *testing.T) {
	for _, format := range []string{"logs", "trace"} {
		got := frames(t, `{"queryType":"session","sessionId":"session-0007","limit":10,"format":"`+format+`"}`)
		require.Contains(t, got[0].Meta.Notices[0].Text, "Only the first 10 events of the session")
		if format == "logs" {
			require.Equal(t, 10, got[0].Rows())
		}
	}
}

func TestHostileTextComesBackAsData(t *testing.T) {
	own, start := newOwnStore(t), hourAgo()
	hostile := "'; DROP TABLE views; -- {x:String} ${__value.raw} <b> \\ \"\n\u0000"
	own.insert(&rum.Beacon{ReceivedAt: start.UnixMilli(),
		Context: rum.Context{App: "shop", Environment: "production", SessionID: hostile, Release: hostile,
			Traffic: rum.TrafficReal, Weight: rum.FullWeight},
		Errors: []rum.Error{{Item: rum.Item{TS: start.UnixMilli(), ViewID: hostile, Route: hostile}, Kind: "exception",
			Type: hostile, Message: hostile, Fingerprint: hostile}}})
	question := jsonOf(map[string]any{"queryType": "session", "sessionId": hostile})
	rows := own.rows(question, around(start))
	require.Len(t, rows, 1)
	require.Equal(t, hostile, rows[0]["viewId"])
	require.Equal(t, hostile+": "+hostile, rows[0]["body"])
	traced := jsonOf(map[string]any{"queryType": "session", "sessionId": hostile, "format": "trace"})
	require.Len(t, own.rows(traced, around(start)), 3)
}

func TestSessionQuestionsThatAreRefused(t *testing.T) {
	for json, text := range map[string]string{
		`{"queryType":"session"}`:                                                "session needs a sessionId",
		`{"queryType":"session","sessionId":"$__all"}`:                           "session needs a sessionId",
		`{"queryType":"session","sessionId":"x","groupBy":["route"]}`:            "groupBy is for other types",
		`{"queryType":"session","sessionId":"x","format":"timeseries"}`:          "Valid: logs, trace",
		`{"queryType":"session","sessionId":"` + strings.Repeat("x", 300) + `"}`: "at most 256 bytes",
	} {
		got := ask(t, everyone, json)
		require.ErrorContains(t, got.Error, text)
		require.Equal(t, backend.StatusBadRequest, got.Status)
	}
}

func TestSingleVisitsAreForThoseWhoMaySeeThem(t *testing.T) {
	for _, json := range []string{`{"queryType":"sessions"}`, `{"queryType":"session","sessionId":"session-0004"}`,
		`{"queryType":"session","sessionId":"session-0004","format":"trace"}`, `{"queryType":"traces"}`,
		`{"queryType":"traces","traceId":"` + traceOfPage + `"}`} {
		for refusal, caller := range map[string]Caller{
			"sessionRole": {Role: "Viewer", IDs: true},
			"signed-in":   {},
			"idsInAlerts": {Role: "Admin", FromAlert: true},
		} {
			got := ask(t, caller, json)
			require.ErrorContains(t, got.Error, refusal, json)
			require.Equal(t, backend.StatusForbidden, got.Status)
			require.Empty(t, got.Frames)
		}
		require.NoError(t, ask(t, everyone, json).Error)
	}
	for _, json := range []string{`{"queryType":"session","sessionId":"session-0004"}`, `{"queryType":"traces"}`} {
		got := ask(t, Caller{Role: "Editor", SessionLevel: true}, json)
		require.Equal(t, backend.StatusForbidden, got.Status, "nothing is left of it without ids")
	}
}
