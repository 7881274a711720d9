package ingest

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/rum"
)

const (
	pageTrace   = "0af7651916cd43dd8448eb211c80319c"
	serverTrace = "4bf92f3577b34da6a3ce929d0e0e4736"
	spanID      = "00f067aa0ba902b7"
)

func TestServerTimingIsReadAsAHeaderAndAsABrowserGivesIt(t *testing.T) {
	parent := "00-" + serverTrace + "-" + spanID + "-01"
	for text, want := range map[string]serverTiming{
		``:                           {},
		`cache`:                      {},
		`db;dur=53, app;dur=47.2`:    {longest: 53},
		`reqid;desc="a-1"`:           {requestID: "a-1"},
		`reqid;desc=a-1;dur=3,reqid`: {requestID: "a-1", longest: 3},
		`total;dur=120;desc="a, \"b\"; reqid;desc=x" , traceparent;desc="` + parent + `"`: {traceparent: parent, longest: 120},
		`[{"name":"reqid","duration":0,"description":"r/9"},{"name":"app","duration":7}]`: {requestID: "r/9", longest: 7},
		`[{"name":"traceparent","description":"` + parent + `"}]`:                         {traceparent: parent},
		`[{"name":`:                          {},
		`a;dur=-5, b;dur=NaN, c;dur=x`:       {},
		`reqid;desc="two words"`:             {},
		`reqid;desc="` + repeat("x", 65):     {},
		strings.Repeat(",", 40) + `a;dur=10`: {},
	} {
		require.Equal(t, want, readServerTiming(text), text)
	}
}

func TestTraceparentsThatAreNoneAreNotTaken(t *testing.T) {
	for text, ok := range map[string]bool{
		"00-" + serverTrace + "-" + spanID + "-01":       true,
		"00-" + serverTrace + "-" + spanID + "-00":       true,
		"cc-" + serverTrace + "-" + spanID + "-01-later": true,
		"00-" + serverTrace + "-" + spanID + "-01-later": false,
		"ff-" + serverTrace + "-" + spanID + "-01":       false,
		"00-" + repeat("0", 32) + "-" + spanID + "-01":   false,
		"00-" + serverTrace + "-" + spanID:               false,
		"00-" + serverTrace + "-" + spanID + "-zz":       false,
		"": false, "-": false,
	} {
		_, got := readTraceparent(text)
		require.Equal(t, ok, got, text)
	}
}

// decoded reads a payload with the header that a site named.
func decoded(t *testing.T, text string, memory *told) rum.Beacon {
	t.Helper()
	d := new(faroDecoder)
	d.limits, d.told, d.headers = testLimits, memory, headerAttributes([]string{"X-Correlation-Id"})
	d.reset(captured, 0)
	require.NoError(t, d.decode(&payload{body: []byte(text), received: captured}))
	d.context()
	d.beacon.Context.App = d.claims.appName
	d.finish()
	require.Empty(t, d.rejected)
	return d.beacon
}

func TestRequestIDsOfSitesWithoutTracing(t *testing.T) {
	const now = `"timestamp":"2026-11-23T01:03:50Z"`
	b := decoded(t, `{"events":[
		{"name":"faro.performance.navigation",`+now+`,"attributes":{"name":"https://s.example/","serverTiming":"reqid;desc=\"page-1\", app;dur=80"}},
		{"name":"faro.performance.resource",`+now+`,"attributes":{"name":"https://s.example/api/a","initiatorType":"fetch","requestId":"a-1"}},
		{"name":"faro.performance.resource",`+now+`,"attributes":{"name":"https://s.example/api/b","initiatorType":"fetch","request_id":"bad id"}},
		{"name":"faro.tracing.fetch",`+now+`,"attributes":{"url.full":"https://s.example/api/c","http.response.header.x-correlation-id":"c-1"}},
		{"name":"faro.user.action",`+now+`,"action":{"id":"a1","name":"buy"},"attributes":{"userActionName":"buy","requestId":"act-1"}}],
		"exceptions":[{"type":"E","value":"m",`+now+`,"context":{"requestId":"err-1","sku":"x"}}],
		"traces":{"resourceSpans":[{"scopeSpans":[{"spans":[{"kind":3,"startTimeUnixNano":"1795395830013000000","endTimeUnixNano":"1795395830063000000",
			"attributes":[{"key":"url.full","value":{"stringValue":"https://s.example/api/d"}},
				{"key":"http.response.header.x-correlation-id","value":{"arrayValue":{"values":[{"stringValue":"d-1"},{"stringValue":"d-2"}]}}}]}]}]}]}}`,
		newTold(nil))
	require.Equal(t, "page-1", b.Views[0].RequestID)
	require.EqualValues(t, 80, b.Views[0].Server)
	ids := map[string]string{}
	for _, r := range b.Requests {
		ids[r.Path] = r.RequestID
	}
	require.Equal(t, map[string]string{"/api/a": "a-1", "/api/b": "", "/api/c": "c-1", "/api/d": "d-1"}, ids)
	require.Equal(t, "act-1", b.Actions[0].RequestID)
	require.Empty(t, b.Actions[0].Attributes)
	require.Equal(t, "err-1", b.Errors[0].RequestID)
	require.Equal(t, map[string]string{"sku": "x"}, b.Errors[0].Attributes)
}

func TestATraceThatWasNotSampledIsKeptAsSuch(t *testing.T) {
	const now = `"timestamp":"2026-11-23T01:03:50Z"`
	unsampled := "00-" + serverTrace + "-" + spanID + "-00"
	b := decoded(t, `{"events":[
		{"name":"faro.performance.navigation",`+now+`,"trace":{"trace_id":"`+serverTrace+`","span_id":"`+spanID+`"},
			"attributes":{"name":"https://s.example/","serverTiming":"traceparent;desc=\"`+unsampled+`\""}},
		{"name":"faro.performance.resource",`+now+`,"attributes":{"name":"https://s.example/api/a","initiatorType":"fetch","traceparent":"`+unsampled+`"}},
		{"name":"faro.user.action",`+now+`,"trace":{"trace_id":"`+pageTrace+`","span_id":"`+spanID+`","trace_flags":0},"action":{"id":"a1"},"attributes":{}}],
		"exceptions":[{"type":"E","value":"m",`+now+`,"trace":{"trace_id":"`+pageTrace+`","span_id":"`+spanID+`","trace_flags":"01"}},
			{"type":"E","value":"m",`+now+`,"trace":{"trace_flags":0}}]}`, newTold(nil))
	require.Equal(t, serverTrace, b.Views[0].TraceID)
	require.True(t, b.Views[0].Unsampled)
	require.Equal(t, serverTrace, b.Requests[0].TraceID)
	require.True(t, b.Requests[0].Unsampled)
	require.Equal(t, pageTrace, b.Actions[0].TraceID)
	require.True(t, b.Actions[0].Unsampled)
	require.Equal(t, pageTrace, b.Errors[0].TraceID)
	require.False(t, b.Errors[0].Unsampled)
	require.False(t, b.Errors[1].Unsampled, "without a trace there is nothing to sample")
}

func TestAPageMayNameItsTraceItself(t *testing.T) {
	for flags, unsampled := range map[string]bool{"01": false, "00": true} {
		b := decoded(t, `{"events":[{"name":"faro.performance.navigation","timestamp":"2026-11-23T01:03:50Z","attributes":{
			"name":"https://s.example/","traceparent":"00-`+serverTrace+`-`+spanID+`-`+flags+`"}}]}`, newTold(nil))
		require.Equal(t, serverTrace, b.Views[0].TraceID)
		require.Equal(t, spanID, b.Views[0].SpanID)
		require.Equal(t, unsampled, b.Views[0].Unsampled, flags)
	}
}

// Tracing makes a span for every fetch, but sends its id only where the site lets it. A server that did not get it
// begins a trace of its own, which its Server-Timing names.
func TestTheServersOwnTraceWinsOverOneThatNeverGotThere(t *testing.T) {
	memory := newTold(map[string]bool{"shop": true})
	meta := `"meta":{"app":{"name":"shop"},"session":{"id":"s"}}`
	timing := decoded(t, `{`+meta+`,"events":[{"name":"faro.performance.resource","timestamp":"2026-11-23T01:03:50.014Z",
		"trace":{"trace_id":"`+serverTrace+`","span_id":"`+spanID+`"},"action":{"name":"buy","parentId":"act-1"},
		"attributes":{"name":"https://api.example/x","initiatorType":"fetch","serverTiming":"reqid;desc=r-1,app;dur=9"}}]}`, memory)
	require.Empty(t, timing.Requests, "told by its span")
	span := decoded(t, `{`+meta+`,"events":[{"name":"faro.tracing.fetch","timestamp":"2026-11-23T01:03:50.064Z",
		"trace":{"trace_id":"`+pageTrace+`","span_id":"b7ad6b7169203331"},
		"attributes":{"url.full":"https://api.example/x","http.request.method":"GET","duration_ns":"50000000"}}]}`, memory)
	require.Len(t, span.Requests, 1)
	r := span.Requests[0]
	require.Equal(t, serverTrace, r.TraceID)
	require.Equal(t, spanID, r.SpanID)
	require.Equal(t, "r-1", r.RequestID)
	require.Equal(t, "act-1", r.ActionID, "the timing knew which action it was")
	require.EqualValues(t, 9, r.Server)
}

// What faro-web-sdk and faro-web-tracing 2.12.1 sent from Chromium of four answers: its own origin's; one it was told to
// trace, whose server does not allow the header; and one that it was not told to trace, whose header was never sent.
func TestTheRealSDKNamesTracesThatWereNeverSent(t *testing.T) {
	text, err := os.ReadFile("testdata/origins/cross-origin.json")
	require.NoError(t, err)
	const unlisted = "4c22825d36c7824e76b1525d987d700f"
	for _, c := range []struct {
		hosts []string
		want  string
	}{{nil, unlisted}, {[]string{"pay.shop.example"}, ""}, {[]string{"shop.example"}, unlisted}} {
		memory := newTold(map[string]bool{"shop": true})
		if c.hosts != nil {
			memory.headersTo = map[string][]string{"shop": c.hosts}
		}
		b, rejected := read(t, string(text), memory)
		require.Empty(t, rejected)
		traces := map[string]string{}
		for _, r := range b.Requests {
			traces[r.Host+r.Path+" "+r.Failure] = r.TraceID
		}
		require.Equal(t, map[string]string{
			"shop.example/api/own ":            serverTrace, // by its Server-Timing
			"pay.shop.example/blocked network": "d8fd7894ab5007081e864f8829f8c2fd",
			"stock.shop.example/notlisted ":    c.want,
		}, traces, c.hosts)
	}
}

// Whatever an action started carries its id: requests as timing, span and event, errors, and changes of the route.
func TestWhatAnActionStartedCarriesItsID(t *testing.T) {
	const of = `"timestamp":"2026-11-23T01:03:50Z","action":{"name":"buy","parentId":"act-1"}`
	b := decoded(t, `{"events":[
		{"name":"faro.user.action","timestamp":"2026-11-23T01:03:50Z","action":{"name":"buy","id":"act-1"},"attributes":{"userActionTrigger":"pointerdown"}},
		{"name":"faro.performance.resource",`+of+`,"attributes":{"name":"https://s.example/a","initiatorType":"fetch"}},
		{"name":"faro.tracing.fetch",`+of+`,"attributes":{"url.full":"https://s.example/b"}},
		{"name":"faro.navigation",`+of+`,"attributes":{"fromUrl":"https://s.example/","toUrl":"https://s.example/paid","duration":"20"}},
		{"name":"route_change",`+of+`,"attributes":{"fromRoute":"/","toRoute":"/other","toUrl":"https://s.example/other"}},
		{"name":"bought",`+of+`}],
		"exceptions":[{"type":"E","value":"m",`+of+`}],
		"traces":{"resourceSpans":[{"scopeSpans":[{"spans":[{"kind":3,"startTimeUnixNano":"1795395830013000000","endTimeUnixNano":"1795395830063000000",
			"attributes":[{"key":"url.full","value":{"stringValue":"https://s.example/d"}},
				{"key":"faro.action.user.parentId","value":{"stringValue":"act-1"}}]}]}]}]}}`, newTold(nil))
	require.Len(t, b.Requests, 3)
	require.Len(t, b.Views, 2)
	var items []rum.Item
	for _, r := range b.Requests {
		items = append(items, r.Item)
	}
	for _, v := range b.Views {
		items = append(items, v.Item)
	}
	items = append(items, b.Errors[0].Item, b.Actions[0].Item, b.Events[0].Item)
	for _, item := range items {
		require.Equal(t, "act-1", item.ActionID)
	}
}

func FuzzServerTiming(f *testing.F) {
	f.Add(`reqid;desc="a", db;dur=53`)
	f.Add(`[{"name":"reqid","description":"a"}]`)
	f.Add(`a;desc="\`)
	f.Fuzz(func(t *testing.T, text string) {
		got := readServerTiming(text)
		if len(got.requestID) > maxID || got.longest < 0 || got.requestID != safeRequestID(got.requestID) {
			t.Fatalf("%q: %+v", text, got)
		}
	})
}
