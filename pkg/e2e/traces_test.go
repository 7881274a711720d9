package e2e

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/stretchr/testify/require"
)

// Why a trace is missing is told of what clients really send: from the beacon over the spool and the store to the
// plugin's answer. (That pages refused by CORS look like this was seen in Chromium; see docs/queries/traces.md.)
func TestEveryReasonForAMissingTraceIsTold(t *testing.T) {
	s := startSidecar(t)
	const (
		sampled, unsampled = "0af7651916cd43dd8448eb211c80319c", "1bf7651916cd43dd8448eb211c80319d"
		refused, lost      = "2cf7651916cd43dd8448eb211c80319e", "3df7651916cd43dd8448eb211c80319f"
	)
	now := time.Now().UTC().Truncate(time.Second).Add(-time.Minute)
	stamp := now.Format(time.RFC3339)
	send := func(session, sdk, items string) {
		t.Helper()
		body := fmt.Sprintf(`{"meta":{"app":{"name":"shop"},"session":{"id":%q},"sdk":{"name":%q,"version":"1"},
			"page":{"url":"https://shop.example/checkout"},
			"browser":{"userAgent":"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}},"events":[%s]}`, session, sdk,
			strings.ReplaceAll(items, "NOW", `"timestamp":"`+stamp+`"`))
		answer, err := http.Post(s.url("/collect"), "application/json", strings.NewReader(body))
		require.NoError(t, err)
		defer answer.Body.Close()
		text, _ := io.ReadAll(answer.Body)
		require.Equal(t, http.StatusAccepted, answer.StatusCode, "%s", text)
		require.Contains(t, string(text), `"rejected":[]`)
	}
	send("tracing", "faro-web", `
		{"name":"faro.performance.navigation",NOW,"attributes":{"name":"https://shop.example/checkout","faroNavigationId":"v1","duration":"900",
			"serverTiming":"traceparent;desc=\"00-`+unsampled+`-00f067aa0ba902b7-00\", app;dur=80"}},
		{"name":"faro.tracing.fetch",NOW,"trace":{"trace_id":"`+sampled+`","span_id":"00f067aa0ba902b7"},"action":{"name":"pay","parentId":"act-1"},
			"attributes":{"url.full":"https://shop.example/api/pay","http.request.method":"POST","http.response.status_code":"200","duration_ns":"50000000"}},
		{"name":"faro.tracing.fetch",NOW,"trace":{"trace_id":"`+refused+`","span_id":"11f067aa0ba902b7"},
			"attributes":{"url.full":"https://api.shop.example/refused","http.request.method":"GET","http.response.status_code":"0","duration_ns":"4000000"}},
		{"name":"faro.tracing.fetch",NOW,"trace":{"trace_id":"`+lost+`","span_id":"22f067aa0ba902b7"},
			"attributes":{"url.full":"https://shop.example/api/lost","http.request.method":"GET","http.response.status_code":"200","duration_ns":"4000000"}},
		{"name":"faro.performance.resource",NOW,"attributes":{"name":"https://cdn.shop.example/prices","initiatorType":"fetch","duration":"30"}},
		{"name":"faro.performance.resource",NOW,"attributes":{"name":"https://shop.example/legacy","initiatorType":"xmlhttprequest","duration":"20","requestId":"req-7"}}`)
	send("bare", "other-sdk", `
		{"name":"faro.performance.navigation",NOW,"attributes":{"name":"https://shop.example/checkout","faroNavigationId":"v2","duration":"700"}},
		{"name":"faro.performance.resource",NOW,"attributes":{"name":"https://shop.example/api/untraced","initiatorType":"fetch","duration":"10"}}`)
	s.waitDrained()

	reasons := func(flags ...string) map[string]string {
		told := map[string]string{}
		for _, row := range tableOf(t, s.ask(map[string]any{"queryType": "traces", "app": "shop"}, flags...)[0]) {
			told[row["sessionId"]+" "+row["name"]] = row["reason"]
		}
		return told
	}
	require.Equal(t, map[string]string{
		"tracing /checkout":                    "not sampled (-00)",
		"tracing POST shop.example/api/pay":    "",
		"tracing GET api.shop.example/refused": "blocked (CORS or network)",
		"tracing GET shop.example/api/lost":    "",
		"tracing cdn.shop.example/prices":      "no header (cross-origin)",
		"tracing shop.example/legacy":          "none sent",
		"bare /checkout":                       "no Server-Timing",
		"bare shop.example/api/untraced":       "SDK without tracing",
	}, reasons())

	// A stand-in for Tempo's address, which has one of the traces; TEMPO_URL has package query ask a real one.
	tempo := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/traces/"+sampled {
			http.NotFound(w, r)
		}
	}))
	defer tempo.Close()
	checked := reasons("--tempo-url", tempo.URL)
	require.Equal(t, "", checked["tracing POST shop.example/api/pay"])
	require.Equal(t, "not in Tempo", checked["tracing GET shop.example/api/lost"])
	require.Equal(t, "blocked (CORS or network)", checked["tracing GET api.shop.example/refused"])

	one := func(query map[string]any, flags ...string) map[string]string {
		query["queryType"] = "traces"
		rows := tableOf(t, s.ask(query, flags...)[0])
		require.Len(t, rows, 1)
		return rows[0]
	}
	unheard := strings.Repeat("e", 32)
	require.Equal(t, "none sent", one(map[string]any{"traceId": unheard})["reason"])
	require.Equal(t, "expired", one(map[string]any{"traceId": unheard}, "--from", "now-90d", "--to", "now-80d")["reason"])
	require.Equal(t, "tracing", one(map[string]any{"traceId": sampled})["sessionId"])
	started := one(map[string]any{"app": "shop", "filters": []map[string]any{{"key": "actionId", "value": "act-1"}}})
	require.Equal(t, sampled, started["traceId"], "what the click started")
	legacy := one(map[string]any{"app": "shop", "sessionId": "tracing",
		"filters": []map[string]any{{"key": "host", "value": "shop.example"}, {"key": "reason", "value": "none sent"}}})
	require.Equal(t, "req-7", legacy["requestId"])

	shares := tableOf(t, s.ask(map[string]any{"queryType": "telemetry", "app": "shop", "section": "traces", "minSamples": 1})[0])
	require.Equal(t, "/checkout", shares[0]["route"])
	require.Equal(t, "2", shares[0]["views"])
	require.Equal(t, "0.5", shares[0]["viewsUnsampled"])
	require.Equal(t, "0.5", shares[0]["viewsUntraced"])
	require.Equal(t, "6", shares[0]["requests"])
	require.Equal(t, "0.5", shares[0]["requestsTraced"])
}

// tableOf reads a frame as rows of text by field name; null is "".
func tableOf(t *testing.T, frame *data.Frame) []map[string]string {
	t.Helper()
	rows := make([]map[string]string, frame.Rows())
	for i := range rows {
		rows[i] = map[string]string{}
		for _, field := range frame.Fields {
			if value, ok := field.ConcreteAt(i); ok {
				rows[i][field.Name] = fmt.Sprint(value)
			}
		}
	}
	return rows
}
