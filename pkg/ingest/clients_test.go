package ingest

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/rum"
)

// The captures in testdata/{otlp,vitals,boomerang,reports} were taken from the real clients in Chromium 156, on one page
// with a click, a failing XHR and an exception: OpenTelemetry 2.12 / 0.222, web-vitals 6.2.3, boomerangjs 1.815.1.
const (
	capturedOTLP      = 1795416460000
	capturedVitals    = 1795416460000
	capturedBoomerang = 1795418790000
)

// query is what the pages' addresses say.
const query = "app=clients&release=1.4.2&environment=qa&session=s1"

// readCapture decodes a file as the format of a name, with a memory of its own or a given one.
func readCapture(t testing.TB, format, file, mediaType string, received int64, memory ...*told) (*reading, error) {
	t.Helper()
	body, err := os.ReadFile(filepath.Join("testdata", file))
	require.NoError(t, err)
	return decodeAs(formatNamed(format), &payload{body: body, query: query, mediaType: mediaType, received: received}, memory...)
}

// decodeAs decodes a payload and fills in what the server would, but for the key's part.
func decodeAs(f *format, p *payload, memory ...*told) (*reading, error) {
	m := newTold(nil)
	if len(memory) > 0 {
		m = memory[0]
	}
	decoder := f.decode.New().(decoder)
	d := decoder.result()
	d.limits, d.told = testLimits, m
	d.reset(p.received, 0)
	if err := decoder.decode(p); err != nil {
		return d, err
	}
	for _, part := range d.parts {
		d.part = part
		d.context()
		if d.beacon.Context.App = d.claims.appName; d.beacon.Context.App == "" {
			d.rejectPart("no app: " + d.claims.appHint)
			continue
		}
		d.finish()
	}
	return d, nil
}

func TestOpenTelemetryLogsOfAPageLoad(t *testing.T) {
	for file, mediaType := range map[string]string{"otlp/logs-load.json": "application/json", "otlp/logs-load.pb": mediaProtobuf} {
		t.Run(file, func(t *testing.T) {
			d, err := readCapture(t, "otlp-logs", file, mediaType, capturedOTLP)
			require.NoError(t, err)
			require.Empty(t, d.rejected)
			require.Len(t, d.parts, 1, "one visitor's one page")
			b := &d.beacon
			c := b.Context
			require.Equal(t, "clients", c.App)
			require.Equal(t, "1.4.2", c.Release)
			require.Equal(t, "Not:A-Brand/8, Chromium/156", c.Brands)
			require.Equal(t, "Linux", c.Platform)
			require.Equal(t, "en-US", c.Language)
			require.Contains(t, c.UserAgent, "HeadlessChrome/156")
			require.Contains(t, c.PageURL, "/product/otel")
			require.NotEmpty(t, c.SessionID)

			require.Len(t, b.Views, 1)
			v := b.Views[0]
			require.Equal(t, rum.ViewLoad, v.Kind)
			require.Equal(t, "navigate", v.Navigation)
			require.Equal(t, "/product/otel", v.Path)
			require.Positive(t, v.Duration)
			require.Positive(t, v.TTFB)
			require.Zero(t, v.TLS)
			require.NotEmpty(t, b.Vitals)
			for _, vital := range b.Vitals {
				require.Contains(t, vital.MetricID, "v5-")
				require.Equal(t, v.ViewID, vital.ViewID, vital.Metric)
			}
			for _, r := range b.Requests {
				require.GreaterOrEqual(t, r.TS, v.TS, "%s was asked for after the page began", r.Path)
				require.Less(t, r.TS, v.TS+int64(v.Duration)+100, r.Path)
				require.Equal(t, v.ViewID, r.ViewID)
			}
		})
	}
}

func TestTheAttributionOfAWebVitalEventIsRead(t *testing.T) {
	d, err := readCapture(t, "otlp-logs", "otlp/logs-click.json", "application/json", capturedOTLP)
	require.NoError(t, err)
	vitals := map[string]rum.Vital{}
	for _, v := range d.beacon.Vitals {
		vitals[v.Metric] = v
	}
	inp := vitals["inp"]
	require.EqualValues(t, 104, inp.Value)
	require.Equal(t, "#buy", inp.Target)
	require.Equal(t, "pointer", inp.InteractionType)
	require.Contains(t, inp.Parts, "input_delay")
	require.Contains(t, inp.Parts, "presentation_delay")
	require.Less(t, inp.TS, inp.ReportedAt, "it began with the page and was reported later")
	cls := vitals["cls"]
	require.InDelta(t, 0.035795796712239585, cls.Value, 1e-12)
	require.Equal(t, "html>body>img.hero", cls.Target)
}

func TestOpenTelemetrySpansOfAPageLoadAreAViewAndItsResources(t *testing.T) {
	for file, mediaType := range map[string]string{"otlp/traces-load.json": "application/json", "otlp/traces-load.pb": mediaProtobuf} {
		t.Run(file, func(t *testing.T) {
			d, err := readCapture(t, "otlp-traces", file, mediaType, capturedOTLP)
			require.NoError(t, err)
			require.Empty(t, d.rejected)
			b := &d.beacon
			require.Len(t, b.Views, 1, "documentLoad and documentFetch are one page load")
			v := b.Views[0]
			require.Equal(t, "/product/otel", v.Path)
			require.Positive(t, v.Duration)
			require.Positive(t, v.TTFB)
			require.NotEmpty(t, v.TraceID)
			require.NotEmpty(t, b.Requests)
			for _, r := range b.Requests {
				require.Equal(t, v.ViewID, r.ViewID)
				require.Positive(t, r.Duration)
				require.NotZero(t, r.EncodedSize)
			}
		})
	}
}

func TestAPageLoadToldBySpansAndByEventsIsOneView(t *testing.T) {
	memory := newTold(nil)
	logs, err := readCapture(t, "otlp-logs", "otlp/logs-load.json", "application/json", capturedOTLP, memory)
	require.NoError(t, err)
	require.Len(t, logs.beacon.Views, 1)
	spans, err := readCapture(t, "otlp-traces", "otlp/traces-load.json", "application/json", capturedOTLP, memory)
	require.NoError(t, err)
	require.Empty(t, spans.beacon.Views)
	require.Contains(t, spans.skipped, "page load told twice")
	require.Contains(t, spans.skipped, "resource told twice")
	again, err := readCapture(t, "otlp-traces", "otlp/traces-load.json", "application/json", capturedOTLP, newTold(nil))
	require.NoError(t, err)
	require.Len(t, again.beacon.Views, 1)
}

func TestFetchAndXHRSpansAreRequests(t *testing.T) {
	d, err := readCapture(t, "otlp-traces", "otlp/traces-click.json", "application/json", capturedOTLP)
	require.NoError(t, err)
	require.Len(t, d.beacon.Requests, 2)
	fetch, xhr := d.beacon.Requests[0], d.beacon.Requests[1]
	require.Equal(t, "fetch", fetch.Kind)
	require.Equal(t, "POST", fetch.Method)
	require.Equal(t, "/api/basket", fetch.Path)
	require.EqualValues(t, 200, fetch.Status)
	require.InDelta(t, 48, fetch.Duration, 0.01)
	require.InDelta(t, 39, fetch.Wait, 0.01)
	require.Equal(t, fetch.TraceID[:16], fetch.ActionID, "the click that its trace began with")
	require.Equal(t, "xhr", xhr.Kind)
	require.Equal(t, "http", xhr.Failure)
	require.EqualValues(t, 404, xhr.Status)
}

func TestTheHandlersOfOneClickAreOneAction(t *testing.T) {
	d, err := readCapture(t, "otlp-traces", "otlp/traces-interaction.pb", mediaProtobuf, capturedOTLP)
	require.NoError(t, err)
	require.Len(t, d.beacon.Actions, 1)
	require.Equal(t, []string{"another handler of the same event"}, d.skipped)
	a := d.beacon.Actions[0]
	require.Equal(t, "click", a.Kind)
	require.Equal(t, `//*[@id="buy"]`, a.Target)
	require.Equal(t, a.TraceID[:16], a.ActionID)
}

func TestACollectorsBatchIsTakenApartByVisitor(t *testing.T) {
	record := func(session, page, body string) string {
		return `{"timeUnixNano":"1795416450000000000","body":{"stringValue":"` + body + `"},"attributes":[
			{"key":"session.id","value":{"stringValue":"` + session + `"}},{"key":"url.full","value":{"stringValue":"` + page + `"}}]}`
	}
	resource := func(app, records string) string {
		return `{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"` + app + `"}}]},"scopeLogs":[{"logRecords":[` + records + `]}]}`
	}
	body := `{"resourceLogs":[` + resource("a", record("s1", "https://a.example/1", "one")+","+record("s2", "https://a.example/1", "two")+","+
		record("s1", "", "three")+","+record("s1", "https://a.example/2", "four")) + "," + resource("unknown_service", record("s3", "", "five")) + "," +
		resource("b", record("s1", "", "six")) + `]}`
	d, err := decodeAs(formatNamed("otlp-logs"), &payload{body: []byte(body), mediaType: "application/json", received: capturedOTLP})
	require.NoError(t, err)
	got := map[string]int{}
	for _, p := range d.parts {
		c := p.beacon.Context
		got[c.App+" "+c.SessionID+" "+c.PageURL] += len(p.beacon.Events)
	}
	require.Equal(t, map[string]int{
		"a s1 https://a.example/1": 2, "a s2 https://a.example/1": 1, "a s1 https://a.example/2": 1, "b s1 ": 1, " s3 ": 0,
	}, got)
	require.Equal(t, []rejection{{List: "logRecords", Index: 4, Reason: "no app: set the resource attribute service.name"}},
		withoutParts(d.rejected))
	require.Equal(t, 5, d.accepted)
}

func TestWebVitalsBeacons(t *testing.T) {
	one, err := readCapture(t, "web-vitals", "vitals/metric.json", "text/plain", capturedVitals)
	require.NoError(t, err)
	require.Len(t, one.beacon.Vitals, 1)
	require.Contains(t, one.beacon.Context.PageURL, "/product/vitals")
	require.Equal(t, "s1", one.beacon.Context.SessionID)
	require.Equal(t, "qa", one.claims.environment)

	queue, err := readCapture(t, "web-vitals", "vitals/queue.json", "text/plain", capturedVitals)
	require.NoError(t, err)
	require.Empty(t, queue.rejected)
	metrics := map[string]rum.Vital{}
	for _, v := range queue.beacon.Vitals {
		metrics[v.Metric] = v
	}
	require.NotEmpty(t, metrics["inp"].Parts)
	require.Equal(t, "#buy", metrics["inp"].Target)
	require.Equal(t, "navigate", metrics["ttfb"].Navigation)
	require.Less(t, metrics["ttfb"].TS, int64(capturedVitals))

	own, err := decodeAs(formatNamed("web-vitals"), &payload{query: query, received: capturedVitals,
		body: []byte(`{"name":"LCP","value":1234.5,"id":"v6-1795416453038-1","plan":"gold","email":"x@y.example","attribution":{"target":"img","url":"https://s.example/i.png?x=1","resourceLoadDelay":5}}`)})
	require.NoError(t, err)
	v := own.beacon.Vitals[0]
	require.Equal(t, map[string]string{"plan": "gold"}, v.Attributes)
	require.Equal(t, "https://s.example/i.png?x=1", v.TargetURL, "its query goes before the spool")
	require.Equal(t, map[string]float32{"resource_load_delay": 5}, v.Parts)
	require.EqualValues(t, 1795416453038, v.TS)
}

func TestBoomerangBeacons(t *testing.T) {
	memory := newTold(nil)
	form := "application/x-www-form-urlencoded"
	load, err := readCapture(t, "boomerang", "boomerang/load.txt", form, capturedBoomerang, memory)
	require.NoError(t, err)
	require.Empty(t, load.rejected)
	v := load.beacon.Views[0]
	require.Equal(t, "farcck0j", v.ViewID)
	require.Equal(t, "/product/boomerang", v.Path)
	require.EqualValues(t, 1143, v.Duration)
	require.InDelta(t, 26, v.TTFB, 1, "its own t_resp, but for what rounding does")
	vitals := map[string]rum.Vital{}
	for _, vital := range load.beacon.Vitals {
		vitals[vital.Metric] = vital
		require.Equal(t, v.TS, vital.TS, vital.Metric)
	}
	require.EqualValues(t, 464, vitals["lcp"].Value)
	require.Equal(t, "p", vitals["lcp"].Target)
	require.EqualValues(t, 464, vitals["fcp"].Value)
	require.EqualValues(t, 0.036, vitals["cls"].Value)
	require.Equal(t, "img.hero", vitals["cls"].Target)
	require.Equal(t, "1280x720", load.beacon.Context.Viewport)
	require.Equal(t, "4g", load.beacon.Context.Connection)

	xhr, err := readCapture(t, "boomerang", "boomerang/xhr.txt", form, capturedBoomerang, memory)
	require.NoError(t, err)
	require.Empty(t, xhr.beacon.Views)
	r := xhr.beacon.Requests[0]
	require.Equal(t, "/api/missing", r.Path)
	require.EqualValues(t, 404, r.Status)
	require.Equal(t, "http", r.Failure)
	require.EqualValues(t, 39, r.Duration)
	require.Contains(t, xhr.beacon.Context.PageURL, "/product/boomerang")
	require.EqualValues(t, 0.036, xhr.beacon.Vitals[0].Value, "shifts add up over a page")
	require.Equal(t, v.TS, xhr.beacon.Vitals[0].TS)
	require.Equal(t, "network-error", xhr.beacon.Errors[0].Kind)

	end, err := readCapture(t, "boomerang", "boomerang/end.txt", form, capturedBoomerang, memory)
	require.NoError(t, err)
	require.Empty(t, end.beacon.Views, "the end of a page is no view")
	e := end.beacon.Errors[0]
	require.Equal(t, "TypeError", e.Type)
	require.Equal(t, "no card of jane.doe@example.org", e.Message)
	require.Equal(t, "HTMLButtonElement.<anonymous>", e.Frames[0].Function)
	require.EqualValues(t, 28, e.Frames[0].Line)
	require.EqualValues(t, 74, e.Frames[0].Column)
	require.Equal(t, "farcck0j", e.ViewID)

	address, err := os.ReadFile("testdata/boomerang/get.txt")
	require.NoError(t, err)
	get, err := decodeAs(formatNamed("boomerang"), &payload{query: string(address), received: capturedBoomerang})
	require.NoError(t, err)
	require.Len(t, get.beacon.Views, 1)
	require.Equal(t, "clients", get.beacon.Context.App)

	timers, err := decodeAs(formatNamed("boomerang"), &payload{query: query, received: capturedBoomerang,
		body: []byte("v=1&u=https://s.example/&t_other=t_domloaded%7C3,boomerang%7C4,hero%7C5.5,bad%7Cx")})
	require.NoError(t, err)
	require.Equal(t, "hero", timers.beacon.Vitals[0].Metric)
	require.EqualValues(t, 5.5, timers.beacon.Vitals[0].Value)
	require.Equal(t, "a timer is not a number of 0 or more: bad", timers.rejected[0].Reason)
}

func TestBrowserReports(t *testing.T) {
	several, err := readCapture(t, "reports", "reports/several.json", "application/reports+json", capturedOTLP)
	require.NoError(t, err)
	require.Empty(t, several.rejected)
	kinds := []string{}
	for _, e := range several.beacon.Errors {
		kinds = append(kinds, e.Kind+" "+e.Type)
	}
	require.Equal(t, []string{"deprecation UnloadHandler", "intervention permissions-policy-violation", "csp-violation img-src"}, kinds)
	violation := several.beacon.Errors[2]
	require.Equal(t, "blocked https://evil.example/pixel.png by img-src", violation.Message)
	require.EqualValues(t, capturedOTLP-53, violation.TS, "its age is how long ago it happened")
	require.Contains(t, several.beacon.Context.PageURL, "/product/none")
	require.Contains(t, several.beacon.Context.UserAgent, "Chrome/156")

	crash, err := readCapture(t, "reports", "reports/crash.json", "application/reports+json", capturedOTLP)
	require.NoError(t, err)
	require.Equal(t, "crash", crash.beacon.Errors[0].Kind)
	require.False(t, crash.beacon.Errors[0].Handled)
	old, err := readCapture(t, "reports", "reports/csp-report.json", "application/csp-report", capturedOTLP)
	require.NoError(t, err)
	require.Equal(t, violation.Message, old.beacon.Errors[0].Message)
	network, err := decodeAs(formatNamed("reports"), &payload{query: query, received: capturedOTLP, body: []byte(`[
		{"type":"network-error","url":"https://s.example/x?y=1","age":1,"body":{"type":"tcp.refused","phase":"connection","method":"GET","server_ip":"192.0.2.1"}},
		{"type":"network-error","url":"https://s.example/x","body":{"type":"ok"}}]`)})
	require.NoError(t, err)
	require.Len(t, network.parts, 2, "each page has a beacon of its own")
	failed := network.parts[0].beacon.Errors
	require.Len(t, failed, 1)
	require.Equal(t, "tcp.refused", failed[0].Type)
	require.NotContains(t, failed[0].Attributes, "server_ip")
	require.Equal(t, []string{"network report of a success"}, network.parts[1].skipped)
}

func TestStacksOfAllBrowsers(t *testing.T) {
	want := []rum.Frame{{Function: "pay", File: "https://s.example/app.js", Line: 19, Column: 155},
		{File: "https://s.example/app.js", Line: 2, Column: 1}}
	for _, stack := range []string{
		"TypeError: x at once\n    at pay (https://s.example/app.js:19:155)\n    at https://s.example/app.js:2:1\n    at native",
		"pay@https://s.example/app.js:19:155\n@https://s.example/app.js:2:1\n[native code]",
	} {
		require.Equal(t, want, parseStack(stack, nil))
	}
}

func TestJSURL(t *testing.T) {
	for text, want := range map[string]string{
		"~(~(n~2~m~'not*20found))": `[{"n":2,"m":"not found"}]`,
		"~(a~true~b~null~c~-1.5)":  `{"a":true,"b":null,"c":-1.5}`,
		"~'**20ac*20!1":            `"€ $1"`,
		"~(~)":                     `[]`,
		"~()":                      `{}`,
		"~%27x":                    `"x"`,
	} {
		got, err := jsurlToJSON(text)
		require.NoError(t, err, text)
		require.JSONEq(t, want, string(got))
	}
	for _, broken := range []string{"", "x", "~", "~(", "~(~'a", "~(a", "~'a)b"} {
		_, err := jsurlToJSON(broken)
		require.Error(t, err, broken)
	}
}
