package ingest

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/rum"
)

// What our own agent says beyond Faro: the view of each item, the scripts that block it, and a traced request's phases.
func TestWhatTheAgentAddsToFaro(t *testing.T) {
	const now = `"timestamp":"2026-11-23T01:03:50Z"`
	b := decoded(t, `{"meta":{"app":{"name":"shop"},"session":{"id":"s"}},"events":[
		{"name":"faro.performance.navigation",`+now+`,"attributes":{"faroNavigationId":"v1","name":"https://s.example/","duration":"900"}},
		{"name":"route_change",`+now+`,"attributes":{"faroNavigationId":"v2","faroPreviousNavigationId":"v1","fromUrl":"https://s.example/",
			"toUrl":"https://s.example/orders/1","toRoute":"/orders/:id","duration":"120.5"}},
		{"name":"sightline.blocking",`+now+`,"attributes":{"faroNavigationId":"v1","script":"https://cdn.example/ads.js","invoker":"TimerHandler:setTimeout",
			"blocking":"250.1","duration":"310","frames":"2"}},
		{"name":"faro.tracing.fetch",`+now+`,"trace":{"trace_id":"`+pageTrace+`","span_id":"`+spanID+`","trace_flags":0},"action":{"name":"buy","parentId":"a1"},
			"attributes":{"faroNavigationId":"v2","url.full":"https://s.example/api/x","http.request.method":"POST","http.response.status_code":"201","duration_ns":"50000000",
			"requestTime":"30.5","responseTime":"9","transferSize":"712","decodedBodySize":"1200","protocol":"h2"}},
		{"name":"faro.user.action",`+now+`,"action":{"id":"a1","name":"buy"},"attributes":{"faroNavigationId":"v2","userActionKind":"dead","userActionTarget":"#buy"}}],
		"exceptions":[{"type":"E","value":"m",`+now+`,"context":{"faroNavigationId":"v2","kind":"exception","sku":"x"}}]}`, newTold(nil))

	require.Len(t, b.Views, 2)
	require.Equal(t, "v2", b.Views[1].ViewID)
	require.Equal(t, "v1", b.Views[1].PreviousViewID)
	require.Equal(t, at("2026-11-23T01:03:50Z"), b.Views[1].TS, "it is stamped with its start")
	require.Equal(t, []rum.Blocking{{Item: rum.Item{TS: at("2026-11-23T01:03:50Z"), ViewID: "v1"}, ScriptURL: "https://cdn.example/ads.js",
		Host: "cdn.example", Invoker: "TimerHandler:setTimeout", Blocking: 250.1, Duration: 310, Frames: 2}}, b.Blocking)
	r := b.Requests[0]
	require.Equal(t, "v2", r.ViewID)
	require.Equal(t, "a1", r.ActionID)
	require.True(t, r.Unsampled)
	require.EqualValues(t, 30.5, r.Wait)
	require.EqualValues(t, 712, r.TransferSize)
	require.EqualValues(t, 1200, r.DecodedSize)
	require.Equal(t, "h2", r.Protocol)
	require.Equal(t, "v2", b.Actions[0].ViewID)
	require.Equal(t, "dead", b.Actions[0].Kind)
	require.Equal(t, "v2", b.Errors[0].ViewID)
	require.Equal(t, map[string]string{"sku": "x"}, b.Errors[0].Attributes)
}

func TestABlockingScriptWithoutItsTimeIsRejected(t *testing.T) {
	_, rejected := read(t, `{"events":[{"name":"sightline.blocking","timestamp":"2026-11-23T01:03:50Z","attributes":{"script":"a.js"}}]}`)
	require.Equal(t, []rejection{{List: "events", Index: 0, Reason: "a blocking script without its time"}},
		withoutParts(rejected))
}

func TestABeaconsKeyMayComeInTheQuery(t *testing.T) {
	s := start(t, "")
	for range 2 {
		require.Equal(t, 202, s.do(call{body: fresh(capture(t, "03-policy-violation.json")), path: "/collect?idempotency_key=k1"}).status)
	}
	records, _ := s.kept()
	require.Len(t, records, 1)
}

func TestTheAgentsScriptIsServedToAnyPage(t *testing.T) {
	s := start(t, "")
	a := s.do(call{method: http.MethodGet, path: "/agent.js", header: map[string]string{"Origin": "https://any.example"}})
	require.Contains(t, []int{200, 404}, a.status, "404 where it was not built in")
	require.Equal(t, "*", a.header.Get("Access-Control-Allow-Origin"))
	require.Contains(t, a.header.Get("Content-Type"), "text/javascript")
}

func TestWhatTheAgentTracesHidesNoTimingOfFaroWithoutTracing(t *testing.T) {
	const now = `"timestamp":"2026-11-23T01:03:50Z"`
	memory := newTold(nil)
	page := func(sdk, session, event string) rum.Beacon {
		return decoded(t, `{"meta":{"sdk":{"name":"`+sdk+`","version":"1"},"app":{"name":"shop","release":"2.5.0"},
			"session":{"id":"`+session+`"}},"events":[`+event+`]}`, memory)
	}
	traced := `{"name":"faro.tracing.fetch",` + now + `,"trace":{"trace_id":"` + pageTrace + `","span_id":"` + spanID + `"},
		"attributes":{"url.full":"https://s.example/api/x","http.request.method":"GET","http.response.status_code":"200","duration_ns":"50000000"}}`
	timing := `{"name":"faro.performance.resource",` + now + `,"attributes":{"name":"https://s.example/api/x","initiatorType":"fetch","duration":"50"}}`

	require.Len(t, page("sightline-agent", "a", traced).Requests, 1)
	require.Len(t, page("faro-web", "b", timing).Requests, 1, "nothing else tells of it")

	page("faro-web", "c", strings.Replace(traced, spanID, "00f067aa0ba902b8", 1))
	require.Empty(t, page("faro-web", "c", timing).Requests, "Faro's own tracing told of it")
}
