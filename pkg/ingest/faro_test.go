package ingest

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/rum"
)

// The captures in testdata/faro were taken from faro-web-sdk and faro-web-tracing 2.12.1 in Chromium: one visit of two
// pages with all instrumentations on. Only host names were changed.
var captured = time.Date(2026, 11, 23, 1, 3, 56, 0, time.UTC).UnixMilli()

var testLimits = Limits{BodyBytes: DefaultBodyBytes, Items: DefaultItems}

// read decodes one payload with a memory of its own, or a given one.
func read(t *testing.T, payload string, memory ...*told) (rum.Beacon, []rejection) {
	t.Helper()
	m := newTold(nil)
	if len(memory) > 0 {
		m = memory[0]
	}
	d := new(faroDecoder)
	d.limits, d.told = testLimits, m
	require.NoError(t, decodeFaro(d, []byte(payload)))
	return d.beacon, slices.Clone(d.rejected)
}

// decodeFaro decodes a payload and fills in what the server would, but for the key's part.
func decodeFaro(d *faroDecoder, body []byte) error {
	d.reset(captured, 0)
	if err := d.decode(&payload{body: body, received: captured}); err != nil {
		return err
	}
	d.context()
	d.beacon.Context.App = d.claims.appName
	d.finish()
	return nil
}

func capture(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "faro", name))
	require.NoError(t, err)
	return string(text)
}

func captures(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/faro/*.json")
	require.NoError(t, err)
	require.Len(t, files, 8)
	all := make([]string, len(files))
	for i := range files {
		all[i] = capture(t, filepath.Base(files[i]))
	}
	return all
}

func TestAVisitWithTheRealSDKIsCountedOnce(t *testing.T) {
	memory := newTold(map[string]bool{"shop": true})
	var all rum.Beacon
	for _, payload := range captures(t) {
		b, rejected := read(t, payload, memory)
		require.Empty(t, rejected)
		all.Views = append(all.Views, b.Views...)
		all.Vitals = append(all.Vitals, b.Vitals...)
		all.Requests = append(all.Requests, b.Requests...)
		all.Errors = append(all.Errors, b.Errors...)
		all.Actions = append(all.Actions, b.Actions...)
		all.Events = append(all.Events, b.Events...)
	}

	require.Len(t, all.Views, 2, "two page loads")
	kinds := map[string]int{}
	traced := map[string]int{}
	for _, r := range all.Requests {
		kinds[r.Kind]++
		if r.TraceID != "" && (r.Kind == "fetch" || r.Kind == "xhr") {
			traced[r.Method+" "+r.Host+r.Path]++
		}
	}
	require.Equal(t, map[string]int{"css": 2, "img": 6, "script": 4, "fetch": 3, "xhr": 1}, kinds)
	require.Equal(t, map[string]int{
		"POST shop.example/api/cart/42": 1, "GET shop.example/api/stock/42": 1, "GET shop.example/api/missing": 1, "GET api.shop.example/nope": 1,
	}, traced, "span, event and timing of a request are one request")

	reports := map[string]map[string]bool{}
	for _, v := range all.Vitals {
		if reports[v.Metric] == nil {
			reports[v.Metric] = map[string]bool{}
		}
		reports[v.Metric][v.MetricID] = true
	}
	for _, metric := range []string{"lcp", "fcp", "cls", "ttfb"} {
		require.Len(t, reports[metric], 2, "%s once a page", metric)
	}
	require.Len(t, reports["inp"], 1)
	require.Len(t, reports["checkout.cart_ready"], 1)
	require.Len(t, all.Actions, 1)
	require.Len(t, all.Errors, 5, "a violation, a console error, an error of the app's, a rejection and an exception")
}

func TestPageLoad(t *testing.T) {
	b, rejected := read(t, capture(t, "01-page-load.json"))
	require.Empty(t, rejected)

	c := b.Context
	require.Equal(t, "1.4.2", c.Release)
	require.Equal(t, "q7CPDaXhfU", c.SessionID)
	require.Equal(t, "Not:A-Brand/8, Chromium/156", c.Brands)
	require.Equal(t, "Linux", c.Platform)
	require.Equal(t, "1280x720", c.Viewport)
	require.Equal(t, "faro-web/2.12.1", c.SDK)

	require.Len(t, b.Views, 1)
	v := b.Views[0]
	require.Equal(t, rum.ViewLoad, v.Kind)
	require.Equal(t, "navigate", v.Navigation)
	require.Equal(t, "/category/shoes", v.Path)
	require.Equal(t, at("2026-11-23T01:03:47.146Z"), v.TS)
	require.EqualValues(t, 146, v.Duration)
	require.EqualValues(t, 0, v.TLS, "there was no TLS, whatever connectEnd - 0 is")
	require.Equal(t, "0af7651916cd43dd8448eb211c80319c", v.TraceID, "from the page's Server-Timing")
	require.Equal(t, "b7ad6b7169203331", v.SpanID)

	require.Len(t, b.Vitals, 4)
	for _, vital := range b.Vitals {
		require.Equal(t, v.ViewID, vital.ViewID, vital.Metric)
		require.Less(t, vital.TS, vital.ReportedAt+1, vital.Metric)
	}
	fcp := b.Vitals[0]
	require.Equal(t, "fcp", fcp.Metric)
	require.EqualValues(t, 100, fcp.Value)
	require.Equal(t, "v6-1795395827259-9409545885695", fcp.MetricID)
	require.EqualValues(t, 1795395827259, fcp.TS, "the time inside the id")
	require.Equal(t, at("2026-11-23T01:03:47.288Z"), fcp.ReportedAt)
	require.InDelta(t, 89.7, fcp.Parts["first_byte_to_fcp"], 0.01)
	require.NotContains(t, fcp.Parts, "delta")

	require.Len(t, b.Requests, 5)
	require.Equal(t, "css", b.Requests[0].Kind)
	require.Equal(t, "/style.css", b.Requests[0].Path)
	require.Equal(t, "shop.example", b.Requests[0].Host)
	require.EqualValues(t, 200, b.Requests[0].Status)
	require.Equal(t, v.ViewID, b.Requests[0].ViewID)

	require.Len(t, b.Events, 1)
	require.Equal(t, rum.EventSession, b.Events[0].Kind)
	require.Equal(t, "session_start", b.Events[0].Name)
}

func TestVitalsReadBeforeTheirPageIsNamedBelongToIt(t *testing.T) {
	first, _ := read(t, capture(t, "01-page-load.json"))
	second, _ := read(t, capture(t, "07-second-page-load.json"))
	require.NotEqual(t, first.Views[0].ViewID, second.Views[0].ViewID)
	require.Equal(t, first.Views[0].ViewID, second.Views[0].PreviousViewID)
	for _, v := range second.Vitals {
		require.Equal(t, second.Views[0].ViewID, v.ViewID, "%s still names the page before", v.Metric)
	}
}

func TestInteraction(t *testing.T) {
	b, _ := read(t, capture(t, "04-interaction.json"))
	inp := b.Vitals[0]
	require.Equal(t, "inp", inp.Metric)
	require.EqualValues(t, 192, inp.Value)
	require.Equal(t, "#buy", inp.Target)
	require.Equal(t, "pointer", inp.InteractionType)
	require.InDelta(t, 126.7, inp.Parts["processing_duration"], 0.01)
	require.Equal(t, "BUTTON#buy.onclick", inp.ScriptInvoker)

	require.Len(t, b.Actions, 1)
	a := b.Actions[0]
	require.Equal(t, "click", a.Kind)
	require.Equal(t, "add-to-cart", a.Name)
	require.EqualValues(t, 1795395829890, a.TS)
	require.EqualValues(t, 324, a.Duration)
	require.NotEmpty(t, a.ActionID)
	caused := 0
	for _, r := range b.Requests {
		if r.ActionID == a.ActionID {
			caused++
		}
	}
	require.Equal(t, 3, caused, "what the action started carries its id")
}

func TestErrorsAndLogs(t *testing.T) {
	b, _ := read(t, capture(t, "05-errors-and-logs.json"))
	require.Len(t, b.Errors, 4)
	console := b.Errors[0]
	require.Equal(t, "console", console.Kind)
	require.Equal(t, "payment failed [object Object]", console.Message)
	null := b.Errors[3]
	require.Equal(t, "exception", null.Kind)
	require.Equal(t, "TypeError", null.Type)
	require.Equal(t, "Cannot read properties of null (reading 'x')", null.Message)
	require.Equal(t, "", null.Frames[0].Function, `"?" is no name`)
	require.EqualValues(t, 19, null.Frames[0].Line)
	require.EqualValues(t, 155, null.Frames[0].Column)

	timing := b.Vitals[0]
	require.Equal(t, "checkout.cart_ready", timing.Metric)
	require.InDelta(t, 123.5, timing.Value, 1e-9)
	require.NotEmpty(t, timing.MetricID)

	require.Equal(t, rum.EventCustom, b.Events[0].Kind)
	require.Equal(t, "newsletter", b.Events[0].Name)
	require.Equal(t, "weekly", b.Events[0].Attributes["list"])
	require.Equal(t, rum.EventLog, b.Events[1].Kind)
	require.Equal(t, "warn", b.Events[1].Level)
}

func TestTracedRequests(t *testing.T) {
	b, _ := read(t, capture(t, "06-traces.json"))
	require.Len(t, b.Requests, 4, "each span is there as a span and as an event")
	cart := b.Requests[slices.IndexFunc(b.Requests, func(r rum.Request) bool { return r.Path == "/api/cart/42" })]
	require.Equal(t, "fetch", cart.Kind)
	require.Equal(t, "POST", cart.Method)
	require.EqualValues(t, 200, cart.Status)
	require.Equal(t, "47fae4688608d0f2", cart.SpanID)
	require.Len(t, cart.TraceID, 32)
	require.False(t, cart.Unsampled)
	require.InDelta(t, at("2026-11-23T01:03:50.063Z"), float64(cart.TS)+float64(cart.Duration), 2)
	require.Empty(t, cart.Attributes, "the SDK copies the user's name into a span's attributes")
	nope := b.Requests[slices.IndexFunc(b.Requests, func(r rum.Request) bool { return r.Path == "/nope" })]
	require.Equal(t, "network", nope.Failure)
	missing := b.Requests[slices.IndexFunc(b.Requests, func(r rum.Request) bool { return r.Path == "/api/missing" })]
	require.Equal(t, "http", missing.Failure)
	require.EqualValues(t, 404, missing.Status)
	stock := b.Requests[slices.IndexFunc(b.Requests, func(r rum.Request) bool { return r.Path == "/api/stock/42" })]
	require.Equal(t, "xhr", stock.Kind)
}

func TestATimingThatCameFirstGivesItsPhasesToTheSpan(t *testing.T) {
	memory := newTold(map[string]bool{"shop": true})
	timings, _ := read(t, capture(t, "04-interaction.json"), memory)
	for _, r := range timings.Requests {
		require.NotEqual(t, "fetch", r.Kind, "%s is told by its span", r.Path)
	}
	spans, _ := read(t, capture(t, "06-traces.json"), memory)
	cart := spans.Requests[slices.IndexFunc(spans.Requests, func(r rum.Request) bool { return r.Path == "/api/cart/42" })]
	require.NotZero(t, cart.Wait)
	require.NotZero(t, cart.TransferSize)
	require.NotEmpty(t, cart.ViewID)
}

func TestAnEndpointIsLearnedToBeTraced(t *testing.T) {
	memory := newTold(nil)
	first, _ := read(t, capture(t, "04-interaction.json"), memory)
	fetches := func(b rum.Beacon) (n int) {
		for _, r := range b.Requests {
			if r.Kind == "fetch" || r.Kind == "xhr" {
				n++
			}
		}
		return n
	}
	require.Equal(t, 2, fetches(first), "nothing is known of these endpoints yet")
	_, _ = read(t, capture(t, "06-traces.json"), memory)
	again, _ := read(t, capture(t, "04-interaction.json"), memory)
	require.Zero(t, fetches(again))
}

func TestPolicyViolation(t *testing.T) {
	b, _ := read(t, capture(t, "03-policy-violation.json"))
	require.Len(t, b.Errors, 1)
	e := b.Errors[0]
	require.Equal(t, "csp-violation", e.Kind)
	require.Equal(t, "img-src", e.Type)
	require.Equal(t, "blocked https://evil.example/pixel.png by img-src", e.Message)
}

func TestItems(t *testing.T) {
	const now = `"timestamp":"2026-11-23T01:03:50Z"`
	cases := []struct {
		name, payload string
		check         func(t *testing.T, b rum.Beacon)
	}{
		{"several metrics in one measurement become one vital each",
			`{"measurements":[{"type":"web-vitals",` + now + `,"values":{"lcp":2100,"cls":0.1,"ttfb":300,"delta":7,"element_render_delay":5},
				"context":{"id":"v5-1795395827259-1","element":"img.hero","navigation_type":"back_forward_cache"}}]}`,
			func(t *testing.T, b rum.Beacon) {
				require.Len(t, b.Vitals, 3)
				require.Equal(t, "img.hero", b.Vitals[0].Target)
				require.Equal(t, "back-forward-cache", b.Vitals[1].Navigation)
				require.Equal(t, map[string]float32{"element_render_delay": 5}, b.Vitals[0].Parts)
			}},
		{"an id whose time makes no sense does not move its vital",
			`{"measurements":[{"type":"web-vitals",` + now + `,"values":{"lcp":1},"context":{"id":"v5-1-1"}}]}`,
			func(t *testing.T, b rum.Beacon) {
				require.Equal(t, at("2026-11-23T01:03:50Z"), b.Vitals[0].TS)
				require.Equal(t, "v5-1-1", b.Vitals[0].MetricID)
			}},
		{"a custom timing never takes a Web Vital's name",
			`{"measurements":[{"type":"custom",` + now + `,"values":{"lcp":9,"ready":3}}]}`,
			func(t *testing.T, b rum.Beacon) {
				require.Equal(t, "custom.lcp", b.Vitals[0].Metric)
				require.Equal(t, "ready", b.Vitals[1].Metric)
				require.NotEqual(t, b.Vitals[0].MetricID, b.Vitals[1].MetricID)
			}},
		{"a client's fingerprint and handled flag are kept",
			`{"exceptions":[{"type":"E","value":"m",` + now + `,"fingerprint":"mine","fatal":false,"context":{"kind":"resource","sku":"a1"}}]}`,
			func(t *testing.T, b rum.Beacon) {
				e := b.Errors[0]
				require.Equal(t, "mine", e.Fingerprint)
				require.True(t, e.Handled)
				require.Equal(t, "resource", e.Kind)
				require.Equal(t, map[string]string{"sku": "a1"}, e.Attributes)
			}},
		{"a console error that was sent as a log is an error",
			`{"logs":[{"message":"console.error: no stock",` + now + `,"level":"error","context":{"type":"StockError"}}]}`,
			func(t *testing.T, b rum.Beacon) {
				require.Empty(t, b.Events)
				require.Equal(t, "console", b.Errors[0].Kind)
				require.Equal(t, "StockError", b.Errors[0].Type)
				require.Equal(t, "no stock", b.Errors[0].Message)
			}},
		{"an app's own error line stays a log line",
			`{"logs":[{"message":"retrying",` + now + `,"level":"error"}]}`,
			func(t *testing.T, b rum.Beacon) { require.Equal(t, "error", b.Events[0].Level) }},
		{"a soft navigation is a view that began its duration before it was reported",
			`{"events":[{"name":"faro.navigation",` + now + `,"attributes":{"fromUrl":"https://s.example/a","toUrl":"https://s.example/b?x=1","sameDocument":"true","duration":"250.4"}}]}`,
			func(t *testing.T, b rum.Beacon) {
				v := b.Views[0]
				require.Equal(t, rum.ViewRouteChange, v.Kind)
				require.Equal(t, "/b", v.Path)
				require.InDelta(t, 250.4, v.Duration, 0.01)
				require.Equal(t, at("2026-11-23T01:03:50Z")-250, v.TS)
				require.NotEmpty(t, v.ViewID)
			}},
		{"a router's report and Faro's own of the same change are one view",
			`{"meta":{"session":{"id":"s"}},"events":[
				{"name":"route_change",` + now + `,"attributes":{"fromRoute":"/","fromUrl":"https://s.example/","toRoute":"/p/:id","toUrl":"https://s.example/p/1"}},
				{"name":"faro.navigation",` + now + `,"attributes":{"toUrl":"https://s.example/p/1","duration":"90"}}]}`,
			func(t *testing.T, b rum.Beacon) {
				require.Len(t, b.Views, 1)
				require.EqualValues(t, 90, b.Views[0].Duration)
				require.Equal(t, "/p/:id", b.Views[0].Attributes["route"])
				require.Empty(t, b.Events)
			}},
		{"the first route of a page is no view of its own",
			`{"events":[{"name":"route_change",` + now + `,"attributes":{"toRoute":"/","toUrl":"https://s.example/"}}]}`,
			func(t *testing.T, b rum.Beacon) {
				require.Empty(t, b.Views)
				require.Equal(t, rum.EventView, b.Events[0].Kind)
			}},
		{"a changed view name is no page view",
			`{"events":[{"name":"view_changed",` + now + `,"attributes":{"fromView":"unknown","toView":"checkout"}}]}`,
			func(t *testing.T, b rum.Beacon) {
				require.Empty(t, b.Views)
				require.Equal(t, "checkout", b.Events[0].Message)
			}},
		{"a recording is not kept",
			`{"events":[{"name":"faro.session_recording.event",` + now + `,"attributes":{"event":"{}"}}]}`,
			func(t *testing.T, b rum.Beacon) { require.Zero(t, b.Len()) }},
		{"the old OpenTelemetry names are read too",
			`{"events":[{"name":"faro.tracing.xml-http-request",` + now + `,"trace":{"trace_id":"0AF7651916CD43DD8448EB211C80319C","span_id":"b7ad6b7169203331"},
				"attributes":{"http.method":"get","http.url":"https://api.example/v1/x?k=1","http.status_code":"503","duration_ns":"1500000000"}}]}`,
			func(t *testing.T, b rum.Beacon) {
				r := b.Requests[0]
				require.Equal(t, "xhr", r.Kind)
				require.Equal(t, "GET", r.Method)
				require.Equal(t, "/v1/x", r.Path)
				require.Equal(t, "http", r.Failure)
				require.EqualValues(t, 1500, r.Duration)
				require.Equal(t, "0af7651916cd43dd8448eb211c80319c", r.TraceID)
				require.Equal(t, at("2026-11-23T01:03:48.5Z"), r.TS)
			}},
		{"a span that was not sampled says so, and an internal span is no request",
			`{"traces":{"resourceSpans":[{"scopeSpans":[{"scope":{"name":"x"},"spans":[
				{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203332","kind":3,"flags":256,"startTimeUnixNano":"1795395829000000000","endTimeUnixNano":"1795395829100000000",
					"attributes":[{"key":"url.full","value":{"stringValue":"https://a.example/q"}},{"key":"http.response.status_code","value":{"intValue":204}}]},
				{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203333","kind":1,"startTimeUnixNano":"1795395829000000000","endTimeUnixNano":"1795395829100000000"}]}]}]}}`,
			func(t *testing.T, b rum.Beacon) {
				require.Len(t, b.Requests, 1)
				require.True(t, b.Requests[0].Unsampled)
				require.EqualValues(t, 204, b.Requests[0].Status)
				require.EqualValues(t, 100, b.Requests[0].Duration)
			}},
		{"the meta object may come last, and unknown fields do not matter",
			`{"future":{"a":[1,{"b":null}]},"events":[{"name":"x",` + now + `,"new":{"y":1}}],"meta":{"app":{"name":"late"},"session":{"id":"s1","attributes":{"sampling_rate":"0.25","synthetic":"true","tier":"gold"}},
				"page":{"url":"https://s.example/a","id":"/a/:id","attributes":{"plan":"b"}},"geo":{"country_iso":"de","subdivision_iso":"DE-BE"}}}`,
			func(t *testing.T, b rum.Beacon) {
				require.EqualValues(t, 4000, b.Context.Weight)
				require.Equal(t, "synthetic", b.Context.Synthetic)
				require.Equal(t, "/a/:id", b.Context.RouteName)
				require.Equal(t, "DE", b.Context.Country)
				require.Equal(t, "BE", b.Context.Region)
				require.Equal(t, map[string]string{"tier": "gold", "plan": "b"}, b.Context.Attributes)
			}},
		{"a long text is cut with a mark",
			`{"logs":[{"message":"` + repeat("ü", 5000) + `",` + now + `}]}`,
			func(t *testing.T, b rum.Beacon) {
				require.LessOrEqual(t, len(b.Events[0].Message), maxMessage)
				require.Contains(t, b.Events[0].Message, cutMark)
			}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b, rejected := read(t, c.payload)
			require.Empty(t, rejected)
			c.check(t, b)
		})
	}
}

func TestABadItemIsRejectedAndTheGoodOnesAreKept(t *testing.T) {
	const good = `{"type":"web-vitals","timestamp":"2026-11-23T01:03:50Z","values":{"lcp":1200}}`
	cases := []struct{ name, item, reason string }{
		{"negative", `{"type":"web-vitals","values":{"lcp":-1}}`, "a value is not a number of 0 or more: lcp"},
		{"NaN, which JSON has as null", `{"type":"web-vitals","values":{"inp":null}}`, "a value is not a number of 0 or more: inp"},
		{"a number as text", `{"type":"web-vitals","values":{"cls":"0.1"}}`, "a value is not a number of 0 or more: cls"},
		{"beyond all numbers", `{"type":"web-vitals","values":{"lcp":1e999}}`, "a value is not a number of 0 or more: lcp"},
		{"no vital", `{"type":"web-vitals","values":{"fid":1}}`, "no Web Vital among its values"},
		{"no values", `{"type":"x"}`, "a measurement without values"},
		{"too old", `{"type":"x","values":{"a":1},"timestamp":"2026-11-01T00:00:00Z"}`, "the timestamp is more than 7 days old"},
		{"no time", `{"type":"x","values":{"a":1},"timestamp":"yesterday"}`, "the timestamp is not an RFC 3339 time"},
		{"no object", `7`, "not an object"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b, rejected := read(t, `{"measurements":[`+good+`,`+c.item+`,`+good+`]}`)
			require.Len(t, b.Vitals, 2)
			require.Equal(t, []rejection{{List: "measurements", Index: 1, Reason: c.reason}}, withoutParts(rejected))
		})
	}
}

// withoutParts leaves of rejections what the client is told.
func withoutParts(rejected []rejection) []rejection {
	told := slices.Clone(rejected)
	for n := range told {
		told[n].part = nil
	}
	return told
}

func TestBrokenPayloadsAreRefusedWhole(t *testing.T) {
	for _, payload := range []string{``, `[]`, `null`, `{`, `{"events":[}`, `{"meta":{}} {}`, `{"events":[{"name":"x}]}`, "{\"a\":\x00}"} {
		d := new(faroDecoder)
		d.limits, d.told = testLimits, newTold(nil)
		require.Error(t, decodeFaro(d, []byte(payload)), "%q", payload)
	}
}

func at(text string) int64 {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		panic(err)
	}
	return t.UnixMilli()
}

func repeat(s string, n int) string {
	out := make([]byte, 0, len(s)*n)
	for range n {
		out = append(out, s...)
	}
	return string(out)
}
