package ingest

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/sightline-rum/sightline/pkg/spool"
)

// spoken is one way to speak a format: where to, with what media type, and what is good, half good and bad in it.
type spoken struct {
	name, path, media     string
	good, half, bad, junk string
	taken                 int    // the status of what is taken
	partial               string // what the answer says of the bad half
	otlp, get             bool
}

func spokenFormats() []spoken {
	now := time.Now().UnixNano()
	record := fmt.Sprintf(`{"timeUnixNano":"%d","body":{"stringValue":"hello"}}`, now)
	resource := `{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}}]},`
	logs := func(records string) string {
		return `{"resourceLogs":[` + resource + `"scopeLogs":[{"logRecords":[` + records + `]}]}]}`
	}
	span := fmt.Sprintf(`{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331","kind":3,"startTimeUnixNano":"%d",`+
		`"endTimeUnixNano":"%d","attributes":[{"key":"url.full","value":{"stringValue":"https://a.example/q"}}]}`, now, now+1e6)
	badSpan := strings.Replace(span, strconv.FormatInt(now+1e6, 10), "5", 1)
	traces := func(spans string) string {
		return `{"resourceSpans":[` + resource + `"scopeSpans":[{"spans":[` + spans + `]}]}]}`
	}
	old := `{"timeUnixNano":"1577836800000000000","body":{"stringValue":"old"}}`
	inProtobuf := func(json string, traces bool) string {
		if traces {
			request := ptraceotlp.NewExportRequest()
			if request.UnmarshalJSON([]byte(json)) != nil {
				return "\xff\xff\xff"
			}
			text, _ := request.MarshalProto()
			return string(text)
		}
		request := plogotlp.NewExportRequest()
		if request.UnmarshalJSON([]byte(json)) != nil {
			return "\xff\xff\xff"
		}
		text, _ := request.MarshalProto()
		return string(text)
	}
	metric, noMetric := `{"name":"LCP","value":1200,"id":"v5-1-1"}`, `{"name":"LCP","value":-1}`
	violation := `{"age":5,"type":"csp-violation","url":"https://s.example/","body":{"effectiveDirective":"img-src","blockedURL":"https://evil.example/x"}}`
	load := "v=1.815&u=https://s.example/a&rt.end=2&t_done=300&pid=p1"
	all := []spoken{
		{name: "faro", path: "/collect", media: "application/json", good: small,
			half: `{"meta":{"app":{"name":"shop"}},"events":[{"name":"x"},{}]}`, bad: `{"meta":{"app":{"name":"shop"}},"events":[{}]}`,
			taken: 202, partial: `{"list":"events","index":1,"reason":"an event without a name"}`},
		{name: "OTLP logs in JSON", path: "/v1/logs", media: "application/json", good: logs(record), half: logs(record + "," + old),
			bad: logs(old), taken: 200, partial: `"rejectedLogRecords":"1"`, otlp: true},
		{name: "OTLP traces in JSON", path: "/v1/traces", media: "application/json", good: traces(span), half: traces(span + "," + badSpan),
			bad: traces(badSpan), taken: 200, partial: `"rejectedSpans":"1"`, otlp: true},
		{name: "OTLP logs in protobuf", path: "/v1/logs", media: mediaProtobuf, good: inProtobuf(logs(record), false),
			half: inProtobuf(logs(record+","+old), false), bad: inProtobuf(logs(old), false), taken: 200, partial: `more than 7 days old`, otlp: true},
		{name: "OTLP traces in protobuf", path: "/v1/traces", media: mediaProtobuf, good: inProtobuf(traces(span), true),
			half: inProtobuf(traces(span+","+badSpan), true), bad: inProtobuf(traces(badSpan), true), taken: 200,
			partial: `a span without start and end`, otlp: true},
		{name: "web-vitals", path: "/v1/vitals?app=shop", media: "text/plain;charset=UTF-8", good: metric, half: `[` + metric + `,` + noMetric + `]`,
			bad: noMetric, taken: 202, partial: `{"list":"metrics","index":1,"reason":"a value is not a number of 0 or more: lcp"}`},
		{name: "boomerang by POST", path: "/v1/boomerang?app=shop", media: "application/x-www-form-urlencoded", good: load,
			half: load + "&pt.fcp=-3", bad: "v=1&rt.quit=&pt.fcp=-3", junk: "nothing=here", taken: 202, partial: `not a number of 0 or more: fcp`},
		{name: "boomerang by GET", path: "/v1/boomerang?app=shop", good: load, half: load + "&pt.fcp=-3", bad: "v=1&rt.quit=&pt.fcp=-3",
			junk: "nothing=here", taken: 204, get: true},
		{name: "Reporting API", path: "/v1/reports?app=shop", media: "application/reports+json", good: `[` + violation + `]`,
			half: `[` + violation + `,{"type":"weather"}]`, bad: `[{"type":"weather"}]`, taken: 202, partial: `a report of an unknown type: weather`},
		{name: "CSP report-uri", path: "/v1/reports?app=shop", media: "application/csp-report",
			good: `{"csp-report":{"document-uri":"https://s.example/","violated-directive":"img-src","blocked-uri":"https://evil.example/"}}`,
			half: `[{"csp-report":{}},{}]`, bad: `{}`, taken: 202, partial: `a report without a type`},
	}
	for n := range all {
		if all[n].junk == "" {
			all[n].junk = "{\"cut\":"
		}
	}
	return all
}

// to sends a body the format's way.
func (f *spoken) to(body string, header map[string]string) call {
	c := call{path: f.path, body: body, header: map[string]string{"Content-Type": f.media}}
	if f.get {
		separator := "?"
		if strings.Contains(f.path, "?") {
			separator = "&"
		}
		c.method, c.path, c.body = http.MethodGet, f.path+separator+body, ""
		c.header = map[string]string{"Content-Type": ""}
	}
	for name, value := range header {
		c.header[name] = value
	}
	return c
}

func TestEveryFormatIsAnsweredByTheTable(t *testing.T) {
	open := start(t, "")
	closed := start(t, fmt.Sprintf(keyed, hash("k1"), "1000"))
	full := start(t, "", spool.Options{MaxBytes: 1})
	withKey := func(f *spoken, key string) *spoken {
		keyed := *f
		separator := "?"
		if strings.Contains(f.path, "?") {
			separator = "&"
		}
		keyed.path += separator + "key=" + key
		return &keyed
	}
	gzipped := map[string]string{"Content-Encoding": "gzip"}
	evil := map[string]string{"Origin": "https://evil.example", "Referer": "https://evil.example/page"}
	for _, f := range spokenFormats() {
		t.Run(f.name, func(t *testing.T) {
			limited := start(t, fmt.Sprintf(keyed, hash("k1"), "0.01"))
			for range 2 {
				require.Equal(t, f.taken, limited.do(withKey(&f, "k1").to(f.good, nil)).status)
			}
			type asked struct {
				name string
				to   *sidecar
				call call
				want int
				says string
			}
			cases := []asked{
				{"accepted", open, f.to(f.good, nil), f.taken, ""},
				{"some accepted, the rest named", open, f.to(f.half, nil), f.taken, f.partial},
				{"nothing usable", open, f.to(f.bad, nil), 400, ""},
				{"undecodable", open, f.to(f.junk, nil), 400, ""},
				{"no key", closed, f.to(f.good, nil), 401, ""},
				{"unknown key", closed, withKey(&f, "k2").to(f.good, nil), 401, ""},
				{"a key in the address", closed, withKey(&f, "k1").to(f.good, nil), f.taken, ""},
				{"another site's page", closed, withKey(&f, "k1").to(f.good, evil), 403, ""},
				{"over the rate", limited, withKey(&f, "k1").to(f.good, nil), 429, ""},
				{"spool full", full, f.to(f.good, nil), 503, ""},
				{"wrong method", open, call{method: http.MethodPut, path: f.path, body: f.good}, 405, "use "},
				{"wrong path", open, call{path: "/v1/nothing", body: f.good}, 404, ""},
			}
			if !f.get {
				image := f.to(f.good, map[string]string{"Content-Type": "image/png"})
				cases = append(cases,
					asked{"packed", open, f.to(packed(f.good), gzipped), f.taken, ""},
					asked{"not packed as it says", open, f.to(f.good, gzipped), 400, "not gzip"},
					asked{"too large as declared", open, f.to(strings.Repeat(" ", 1<<20+1), nil), 413, ""},
					asked{"too large once unpacked", open, f.to(packed(strings.Repeat(" ", 1<<20+1)), gzipped), 413, ""},
					asked{"wrong media type", open, image, 415, ""},
					asked{"wrong encoding", open, f.to(f.good, map[string]string{"Content-Encoding": "br"}), 415, ""})
			}
			for _, c := range cases {
				t.Run(c.name, func(t *testing.T) {
					a := c.to.do(c.call)
					require.Equal(t, c.want, a.status, a.body)
					require.Contains(t, a.body, c.says)
					if c.call.header["Origin"] == "" {
						require.Equal(t, "https://shop.example", a.header.Get("Access-Control-Allow-Origin"), "the page cannot read this answer")
					}
					require.Contains(t, a.header.Get("Access-Control-Expose-Headers"), "Retry-After")
					if c.want == 429 || c.want == 503 {
						seconds, err := strconv.Atoi(a.header.Get("Retry-After"))
						require.NoError(t, err)
						require.Positive(t, seconds)
					}
					if f.otlp && c.want >= 400 && c.want != 404 && c.want != 405 && c.want != 415 {
						require.Equal(t, f.media, a.header.Get("Content-Type"), "in the encoding of the request")
						if f.media == mediaProtobuf {
							var status spb.Status
							require.NoError(t, proto.Unmarshal([]byte(a.body), &status))
							require.NotEmpty(t, status.Message)
							require.NotZero(t, status.Code)
						}
					}
				})
			}
		})
	}
}

func TestAnOTLPRequestWithoutAnItemIsASuccess(t *testing.T) {
	s := start(t, "")
	for _, path := range []string{"/v1/logs", "/v1/traces"} {
		require.Equal(t, 200, s.do(call{path: path, body: `{}`}).status)
		require.Equal(t, 200, s.do(call{path: path, header: map[string]string{"Content-Type": mediaProtobuf}}).status)
	}
	require.Zero(t, s.spool.Depth())
}

func TestDeepNestingIsRefusedInEveryFormat(t *testing.T) {
	s := start(t, "")
	deep := strings.Repeat(`{"a":[`, 40_000)
	value := []byte{0x0a, 0x01, 'x'}
	for range 200 { // a list with one value, again and again
		list := append([]byte{0x0a}, withLength(value)...)
		value = append([]byte{0x2a}, withLength(list)...)
	}
	record := append([]byte{0x2a}, withLength(value)...) // its body
	scope := append([]byte{0x12}, withLength(record)...)
	resource := append([]byte{0x12}, withLength(scope)...)
	protobuf := string(append([]byte{0x0a}, withLength(resource)...))
	for _, f := range spokenFormats() {
		body := deep
		switch {
		case f.media == mediaProtobuf && f.path == "/v1/logs":
			body = protobuf
		case f.media == mediaProtobuf:
			continue // the spans' attributes are read by the same walk
		case strings.HasPrefix(f.name, "boomerang"):
			body = f.good + "&err=" + strings.Repeat("~(", 3_000)
		}
		a := s.do(f.to(body, nil))
		if strings.HasPrefix(f.name, "boomerang") {
			require.Equal(t, f.taken, a.status, "the load is taken, its errors are not: %s", a.body)
			continue
		}
		require.Equal(t, 400, a.status, f.name)
		require.Contains(t, a.body, "nested more than 64 deep", f.name)
	}
}

func withLength(b []byte) []byte {
	var length []byte
	n := len(b)
	for ; n >= 0x80; n >>= 7 {
		length = append(length, byte(n)|0x80)
	}
	return append(append(length, byte(n)), b...)
}

func TestTooManyItemsAreRejectedOneByOneInEveryFormat(t *testing.T) {
	s := start(t, "limits: {items: 3}")
	many := strings.TrimSuffix(strings.Repeat(`{"name":"LCP","value":1},`, 5), ",")
	a := s.do(call{path: "/v1/vitals?app=shop", body: "[" + many + "]"})
	require.Equal(t, 202, a.status)
	require.Contains(t, a.body, `{"accepted":3,"rejected":[{"list":"metrics","index":3,"reason":"too many items in one beacon"}`)
	reports := strings.TrimSuffix(strings.Repeat(`{"type":"crash","url":"https://s.example/"},`, 5), ",")
	require.Contains(t, s.do(call{path: "/v1/reports?app=shop", body: "[" + reports + "]"}).body, `"accepted":3`)
	record := strings.TrimSuffix(strings.Repeat(`{"body":{"stringValue":"x"}},`, 5), ",")
	a = s.do(call{path: "/v1/logs", body: `{"resourceLogs":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}}]},` +
		`"scopeLogs":[{"logRecords":[` + record + `]}]}]}`})
	require.Contains(t, a.body, `"rejectedLogRecords":"2"`)
	a = s.do(call{path: "/v1/boomerang?app=shop", header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"},
		body: "v=1&u=https://s.example/&pt.fcp=1&pt.lcp=2&et.inp=3&c.cls=0"})
	require.Contains(t, a.body, `"accepted":3`)
}

func TestNothingPrivateReachesTheDiskInAnyFormat(t *testing.T) {
	s := start(t, "")
	now := time.Now()
	nano, milli := now.UnixNano(), now.UnixMilli()
	page := "https://bob:pw9@shop.example/u/carl@corp.example?tok=q1#frag7"
	text := "login dora@corp.example password=hunter2 from 198.51.100.7 with Bearer abcdefgh12345678 card 5555 5555 5555 4444"
	at := func(key, value string) string {
		return fmt.Sprintf(`{"key":%q,"value":{"stringValue":%q}}`, key, value)
	}
	attributes := strings.Join([]string{at("url.full", page), at("user.email", "erin@corp.example"), at("user.id", "cust-77"), at("note", text),
		at("exception.type", text), at("exception.message", text), at("exception.stacktrace", "E: "+text+"\n at f ("+page+":1:2)"),
		at("target_xpath", text), at("event_type", "click"), at("browser.css_selector", text), at("session.id", "s1")}, ",")
	resource := `{"resource":{"attributes":[` + at("service.name", "shop") + "," + at("enduser.id", "cust-77") + "," + at("custom", text) + `]},`
	records := ""
	for _, event := range []string{"", "exception", "browser.navigation", "browser.navigation_timing", "browser.resource_timing",
		"browser.user_action.click", "browser.console", "own.event", "session.start"} {
		records += fmt.Sprintf(`{"timeUnixNano":"%d","eventName":%q,"body":{"stringValue":%q},"attributes":[%s]},`, nano, event, text, attributes)
	}
	span := fmt.Sprintf(`"startTimeUnixNano":"%d","endTimeUnixNano":"%d","attributes":[%s],"events":[{"name":"exception","timeUnixNano":"%d","attributes":[%s]}]}`,
		nano, nano+1e6, attributes, nano, attributes)
	report := fmt.Sprintf(`"url":%q,"body":{"blockedURL":%q,"sourceFile":%q,"message":%q,"id":"x","referrer":%q,"note":%q}}`, page, page, page, text, page, text)
	form := func(value string) string {
		return strings.NewReplacer("%", "%25", "&", "%26", "#", "%23", " ", "%20", "+", "%2B").Replace(value)
	}
	calls := []call{
		{path: "/v1/logs", body: `{"resourceLogs":[` + resource + `"scopeLogs":[{"logRecords":[` + strings.TrimSuffix(records, ",") + `]}]}]}`},
		{path: "/v1/traces", body: `{"resourceSpans":[` + resource + `"scopeSpans":[{"spans":[{"kind":3,` + span + `,{"name":"documentLoad",` +
			strings.ReplaceAll(span, "target_xpath", "x") + `,{"name":"resourceFetch",` + strings.ReplaceAll(span, "target_xpath", "x") + `,{"name":"click",` + span + `]}]}]}`},
		{path: "/v1/vitals?app=shop&user=cust-77&page=" + form(page), body: fmt.Sprintf(`{"name":"LCP","value":1,"page_location":%q,"note":%q,"email":"x@y.example",`+
			`"attribution":{"target":%q,"url":%q}}`, page, text, text, page)},
		{path: "/v1/boomerang?app=shop", header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"},
			body: "v=1&u=" + form(page) + "&rt.end=1&pt.lcp=3&pt.lcp.e=" + form(text) + "&pt.lcp.src=" + form(page) + "&err=" +
				form(fmt.Sprintf(`[{"d":%q,"m":%q,"f":[{"w":%q,"f":%q}]}]`, strconv.FormatInt(milli, 36), text, page, text))},
		{path: "/v1/boomerang?app=shop", header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"},
			body: "v=1&http.initiator=xhr&t_done=3&rt.end=1&u=" + form(strings.Replace(page, "/u/", "/api/", 1)) + "&pgu=" + form(page)},
		{path: "/v1/reports?app=shop", body: `[{"type":"csp-violation",` + report + `,{"type":"deprecation",` + report + `,{"type":"network-error",` + report + `]`},
	}
	for _, c := range calls {
		a := s.do(c)
		require.Less(t, a.status, 300, a.body)
		require.NotContains(t, a.body, `reason`)
		require.NotContains(t, a.body, `rejected":"`)
	}
	kept, raw := s.kept()
	require.GreaterOrEqual(t, len(kept), len(calls))
	for _, secret := range []string{"cust-77", "bob", "pw9", "carl", "tok=", "q1#", "frag7", "dora", "erin", "hunter2", "198.51.100", "abcdefgh12345678",
		"5555", "corp.example", "x@y.example", "127.0.0.1"} {
		require.NotContains(t, string(raw), secret)
	}
}
