package ingest

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

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
	require.EqualValues(t, len(entries), s.counted("quarantined", formatFaro))
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
