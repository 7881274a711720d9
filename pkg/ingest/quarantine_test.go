package ingest

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/erase"
	"github.com/sightline-rum/sightline/pkg/quarantine"
)

func (s *sidecar) quarantined() []quarantine.Entry {
	s.t.Helper()
	entries, err := s.rejected.List()
	require.NoError(s.t, err)
	return entries
}

func (s *sidecar) replay(body string) (answer Replayed) {
	s.t.Helper()
	a := s.do(call{path: "/v1/quarantine/replay", body: body, header: map[string]string{"Origin": ""}})
	require.Equal(s.t, 200, a.status, a.body)
	require.NoError(s.t, json.Unmarshal([]byte(a.body), &answer))
	return answer
}

// broken is a beacon with one good item and three of which each is wrong in a way of its own.
func broken() string {
	now, soon := time.Now().UTC(), time.Now().UTC().AddDate(1, 0, 0)
	return fmt.Sprintf(`{
		"meta": {"app": {"name": "shop", "version": "2.1"}, "session": {"id": "s1"}, "user": {"id": "u-4711", "email": "a@b.example"},
			"page": {"url": "https://shop.example/cart?coupon=zz1#top"}, "unknown": "secret-a"},
		"events": [{"name": "good"}, {"timestamp": %q, "attributes": {"note": "jane@corp.example", "email": "x", "step": "pay"}}],
		"measurements": [{"type": "web-vitals", "timestamp": %q, "values": {"lcp": 12}, "extra": "secret-b",
			"context": {"element": "img.hero"}}],
		"exceptions": [{"type": {"of": "secret-c"}, "value": "", "stacktrace": {"frames": [{"filename": "https://shop.example/a.js?v=zz2"}]}}]
	}`, now.Format(time.RFC3339), soon.Format(time.RFC3339))
}

func TestRejectedItemsAreKeptScrubbedWithTheirReason(t *testing.T) {
	s := start(t, "")
	a := s.do(call{body: broken(), header: map[string]string{"X-Forwarded-For": "203.0.113.99"}})
	require.Equal(t, 202, a.status, a.body)
	entries := s.quarantined()
	require.Len(t, entries, strings.Count(a.body, `"reason"`))
	text, err := json.Marshal(entries)
	require.NoError(t, err)
	for _, secret := range []string{"secret-", "u-4711", "b.example", "corp.example", `"email"`, "zz1", "zz2", "#top",
		"203.0.113"} {
		require.NotContains(t, string(text), secret)
	}
	e := entries[0]
	require.Equal(t, "events", e.List)
	require.Equal(t, 1, e.Index)
	require.Equal(t, "an event without a name", e.Reason)
	require.Equal(t, "shop", e.App)
	require.Equal(t, "s1", e.SessionID)
	require.Len(t, e.UserKey, 32, "the user is there as a hash")
	require.Contains(t, string(e.Payload), `"step":"pay"`)
	require.Contains(t, string(e.Payload), `"url":"https://shop.example/cart"`)
	require.EqualValues(t, len(entries), s.counted("quarantined", "faro"))
}

// The reason for the rejection lies in the quarantined payload itself here: it is mended on disk, as a newer version
// that is less strict would mend it by itself.
func TestReplayedItemsGoThroughThePipelineOnce(t *testing.T) {
	s := start(t, "")
	require.Equal(t, 202, s.do(call{body: broken(), header: map[string]string{"User-Agent": "Shop/1"}}).status)
	first, _ := s.kept()
	before := s.quarantined()
	require.NotEmpty(t, before)

	answer := s.replay(`{}`)
	require.Zero(t, answer.Replayed, "nothing has changed")
	require.Equal(t, len(before), answer.Rejected)
	require.Equal(t, 1, answer.Reasons["an event without a name"])
	require.Len(t, s.quarantined(), len(before))

	_, err := s.rejected.Remove(func(e *quarantine.Entry) bool { return e.List == "events" })
	require.NoError(t, err)
	mended := before[0]
	mended.Payload = json.RawMessage(strings.Replace(string(mended.Payload), `"attributes"`,
		`"name":"mended","attributes"`, 1))
	require.True(t, s.rejected.Keep(mended))
	require.Zero(t, s.replay(`{"app":"docs"}`).Replayed, "another app's")
	require.Zero(t, s.replay(`{"ids":["01"]}`).Replayed)
	require.Equal(t, 1, s.replay(`{"reason":"an event"}`).Replayed)
	require.Zero(t, s.replay(`{"reason":"an event"}`).Replayed, "it is gone")
	require.Len(t, s.quarantined(), len(before)-1)

	records, raw := s.kept()
	require.Len(t, records, 1)
	b := records[0].Beacon
	require.Equal(t, "mended", b.Events[0].Name)
	require.Equal(t, first[0].Beacon.Context.UserKey, b.Context.UserKey)
	require.Equal(t, "s1", b.Context.SessionID)
	require.Equal(t, "Shop/1", b.Context.UserAgent)
	require.Equal(t, before[0].At.UnixMilli(), b.ReceivedAt, "at the time it was received")
	require.NotContains(t, string(raw), "corp.example")
}

// Each beacon has something good, and one thing that is wrong; from and to mend what was kept of it.
func TestRejectedItemsOfEveryFormatAreKeptScrubbedAndReplayed(t *testing.T) {
	now := time.Now()
	nano := fmt.Sprint(now.UnixNano())
	at := func(key, value string) string {
		return fmt.Sprintf(`{"key":%q,"value":{"stringValue":%q}}`, key, value)
	}
	resource := `"resource":{"attributes":[` + at("service.name", "shop") + `,` + at("user.id", "u-4711") + `,` + at("session.id", "s1") + `]}`
	private := at("note", "jane@corp.example") + `,` + at("user.email", "x@y.example") + `,` + at("url.full", "https://shop.example/cart?coupon=zz1#top")
	const form = "application/x-www-form-urlencoded"
	cases := []struct{ name, path, media, body, list, from, to string }{
		{"otlp-logs", "/v1/logs", "application/json", `{"resourceLogs":[{` + resource + `,"scopeLogs":[{"scope":{"name":"x"},"logRecords":[
			{"timeUnixNano":"` + nano + `","eventName":"good"},
			{"timeUnixNano":"` + nano + `","eventName":"browser.web_vital","unknown":"secret-a","attributes":[` + private + `,` +
			at("browser.web_vital.name", "lcp") + `,` + at("browser.web_vital.value", "slow") + `]}]}]}]}`,
			"logRecords", `"slow"`, `"12"`},
		{"otlp-traces", "/v1/traces", "application/json", `{"resourceSpans":[{` + resource + `,"scopeSpans":[{"spans":[
			{"name":"GET","kind":3,"startTimeUnixNano":"` + nano + `","endTimeUnixNano":"` + nano + `","attributes":[` + at("url.full", "https://a.example/x") + `]},
			{"name":"GET","kind":3,"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331","startTimeUnixNano":"1600000000000000001","endTimeUnixNano":"1600000000000000002",
			"attributes":[` + private + `],"events":[{"name":"exception","timeUnixNano":"` + nano + `","attributes":[` + at("exception.message", "secret-b") + `]}]}]}]}]}`,
			"spans", `"startTimeUnixNano":"1600000000000000001","endTimeUnixNano":"1600000000000000002"`, `"startTimeUnixNano":"` + nano + `","endTimeUnixNano":"` + nano + `"`},
		{"web-vitals", "/v1/vitals?app=shop&session=s1&user=u-4711&page=https%3A%2F%2Fshop.example%2Fcart%3Fcoupon%3Dzz1", "text/plain",
			`[{"name":"LCP","value":5},{"name":"INP","value":-7,"id":"v1","note":"jane@corp.example","email":"x@y.example",
			"entries":[{"name":"secret-c"}],"attribution":{"interactionTarget":"#pay"}}]`, "metrics", `-7`, `7`},
		{"boomerang", "/v1/boomerang?app=shop&session=s1&user=u-4711", form,
			"v=1&u=https%3A%2F%2Fshop.example%2Fcart%3Fcoupon%3Dzz1&rt.end=1&pid=p1&nt_nav_st=" + fmt.Sprint(now.UnixMilli()) +
				"&t_done=9&pt.lcp=-12&pt.lcp.e=jane%40corp.example&secret=secret-d&email=x%40y.example", "pt.lcp", `pt.lcp=-12`, `pt.lcp=12`},
		{"boomerang", "/v1/boomerang?app=shop&session=s1&user=u-4711", form,
			"v=1&u=https%3A%2F%2Fshop.example%2Fcart%3Fcoupon%3Dzz1&rt.end=1&pid=p2&rt.quit=&c.cls=0&t_other=&pt.lcp=x&pt.fcp=3", "pt.lcp", `pt.lcp=x`, `pt.lcp=12`},
		{"boomerang", "/v1/boomerang?app=shop&session=s1", form,
			"v=1&u=https%3A%2F%2Fshop.example%2Fcart%3Fcoupon%3Dzz1&rt.end=1&pid=p3&t_done=9&t_other=hero%7C5,step%7Csoon", "t_other",
			`soon`, `5`},
		{"reports", "/v1/reports?app=shop&session=s1&user=u-4711", "application/reports+json",
			`[{"type":"crash","url":"https://shop.example/cart","body":{"reason":"oom"}},{"type":"unheard-of","url":"https://shop.example/cart?coupon=zz1#top",
			"body":{"message":"to jane@corp.example","referrer":"https://secret-e.example/","sample":"secret-f","id":"WebSQL"}}]`, "reports",
			`unheard-of`, `deprecation`},
	}
	for _, c := range cases {
		t.Run(c.name+" "+c.list, func(t *testing.T) {
			s := start(t, "")
			a := s.do(call{path: c.path, body: c.body, header: map[string]string{"Content-Type": c.media,
				"User-Agent": "Mozilla/5.0 (X11; Linux x86_64) Chrome/130.0.0.0"}})
			require.Less(t, a.status, 300, a.body)
			good, _ := s.kept()
			require.Len(t, good, 1)
			entries := s.quarantined()
			require.Len(t, entries, 1, a.body)
			e := entries[0]
			text, err := json.Marshal(e)
			require.NoError(t, err)
			for _, secret := range []string{"secret-", "u-4711", "corp.example", "y.example", `"email"`, `"user.email"`, "zz1", "#top", "referrer"} {
				require.NotContains(t, string(text), secret)
			}
			require.Equal(t, c.name, e.Format)
			require.Equal(t, c.list, e.List)
			require.Equal(t, "shop", e.App)
			require.Equal(t, "s1", e.SessionID)
			require.Contains(t, e.UserAgent, "130.0.0.0", "a version is no address")

			require.Zero(t, s.replay(`{}`).Replayed, "nothing has changed")
			_, err = s.rejected.Remove(func(*quarantine.Entry) bool { return true })
			require.NoError(t, err)
			require.Contains(t, string(e.Payload), c.from)
			e.Payload = json.RawMessage(strings.Replace(string(e.Payload), c.from, c.to, 1))
			require.True(t, s.rejected.Keep(e))
			require.Equal(t, 1, s.replay(`{}`).Replayed)
			records, raw := s.kept()
			require.Len(t, records, 1)
			b := records[0].Beacon
			require.Equal(t, 1, b.Len(), "that one alone")
			require.Equal(t, good[0].Beacon.Context.PageURL, b.Context.PageURL)
			require.Equal(t, good[0].Beacon.Context.UserKey, b.Context.UserKey)
			require.Equal(t, "s1", b.Context.SessionID)
			require.NotContains(t, string(raw), "corp.example")
		})
	}
}

func TestNothingOfThoseWhoWereErasedIsSetAside(t *testing.T) {
	s := start(t, "")
	_, err := s.erasures.Ask(erase.Request{App: "shop", Session: "s1"})
	require.NoError(t, err)
	require.Equal(t, 202, s.do(call{body: broken()}).status)
	require.Empty(t, s.quarantined())
	require.Equal(t, 202, s.do(call{body: strings.Replace(broken(), `"s1"`, `"s2"`, 1)}).status)
	require.NotEmpty(t, s.quarantined())
}

func TestOnlyOperatorsReplay(t *testing.T) {
	s := start(t, "admin_token_sha256: "+hash("t0ken"))
	require.Equal(t, 401, s.do(call{path: "/v1/quarantine/replay", body: `{}`}).status)
	require.Equal(t, 200, s.do(call{path: "/v1/quarantine/replay", body: `{}`,
		header: map[string]string{"Authorization": "Bearer t0ken"}}).status)

	open := start(t, "")
	require.Equal(t, 403, open.do(call{path: "/v1/quarantine/replay", body: `{}`}).status, "a web page may not")
	behind := map[string]string{"Origin": "", "X-Forwarded-For": "203.0.113.7"}
	require.Equal(t, 401, open.do(call{path: "/v1/quarantine/replay", body: `{}`, header: behind}).status,
		"behind a proxy of this machine, everybody seems to be this machine")
}

func TestAFloodOfBadItemsIsCountedAndNotAllKept(t *testing.T) {
	s := start(t, "")
	bad := `{"meta":{"app":{"name":"shop"}},"events":[{"name":"x"}` + strings.Repeat(`,{}`, 500) + `]}`
	for range 60 {
		require.Equal(t, 202, s.do(call{body: bad}).status)
	}
	require.Positive(t, s.counted("quarantine_dropped", "rate"))
	require.EqualValues(t, 60*500, s.counted("rejected", "an event without a name"), "the counters have them all")
	require.LessOrEqual(t, len(s.quarantined()), quarantinedBurst+60*maxTold)
}
