package main

import (
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/stretchr/testify/require"
)

func TestTimesAreReadAsGrafanaReadsThem(t *testing.T) {
	berlin := time.FixedZone("CET", 3600)
	now := time.Date(2026, 3, 4, 15, 30, 20, 0, berlin) // a Wednesday
	at := func(text string) time.Time {
		moment, err := time.Parse(time.RFC3339Nano, text)
		require.NoError(t, err)
		return moment
	}
	for _, c := range []struct{ from, to, start, end string }{
		{"now-1h", "now", "2026-03-04T14:30:20+01:00", "2026-03-04T15:30:20+01:00"},
		{"now-5m", "now-1m", "2026-03-04T15:25:20+01:00", "2026-03-04T15:29:20+01:00"},
		{"now-1d", "now", "2026-03-03T15:30:20+01:00", "2026-03-04T15:30:20+01:00"},
		{"now-2w", "now", "2026-02-18T15:30:20+01:00", "2026-03-04T15:30:20+01:00"},
		{"now-1M", "now", "2026-02-04T15:30:20+01:00", "2026-03-04T15:30:20+01:00"},
		{"now/d", "now/d", "2026-03-04T00:00:00+01:00", "2026-03-04T23:59:59.999999999+01:00"},
		{"now-1d/d", "now-1d/d", "2026-03-03T00:00:00+01:00", "2026-03-03T23:59:59.999999999+01:00"},
		{"now-6h", "now/h", "2026-03-04T09:30:20+01:00", "2026-03-04T15:59:59.999999999+01:00"},
		{"2026-03-01T12:00:00Z", "2026-03-01T13:00:00+01:00", "", ""},
		{"2026-03-01T12:00:00Z", "2026-03-01T14:00:00+01:00", "2026-03-01T12:00:00Z", "2026-03-01T13:00:00Z"},
		{"2026-03-01T12:00:00.250Z", "now", "2026-03-01T12:00:00.25Z", "2026-03-04T15:30:20+01:00"},
		{"1772366400000", "1772370000000", "2026-03-01T12:00:00Z", "2026-03-01T13:00:00Z"},
		{"1h", "now", "2026-03-04T14:30:20+01:00", "2026-03-04T15:30:20+01:00"},
		{"now", "now-1h", "", ""},
		{"now", "now", "", ""},
		{"yesterday", "now", "", ""},
		{"now-1h", "tomorrow", "", ""},
		{"now-1x", "now", "", ""},
		{"", "now", "", ""},
	} {
		span, err := parseTimes(c.from, c.to, now)
		if c.start == "" {
			require.Error(t, err, "%s … %s", c.from, c.to)
			continue
		}
		require.NoError(t, err, "%s … %s", c.from, c.to)
		require.WithinDuration(t, at(c.start), span.From, 0, "from %s", c.from)
		require.WithinDuration(t, at(c.end), span.To, time.Millisecond, "to %s", c.to)
	}
}

func TestABadTimeIsAnsweredWithTheShapesThatWork(t *testing.T) {
	_, err := parseTimes("gestern", "now", time.Now())
	require.EqualError(t, err, `--from "gestern" is no time: write a Grafana time (now-6h, now-1d/d), RFC 3339 `+
		`(2026-03-01T12:00:00Z) or Unix milliseconds`)
	_, err = parseTimes("2026-03-02T00:00:00Z", "2026-03-01T00:00:00Z", time.Now())
	require.EqualError(t, err, "--from 2026-03-02T00:00:00Z (2026-03-02T00:00:00Z) must lie before "+
		"--to 2026-03-01T00:00:00Z (2026-03-01T00:00:00Z)")
}

func TestFieldsThatAreNotLookedAtAreTold(t *testing.T) {
	request, _, err := (&queryCmd{Query: `[{"queryType":"vitals","app":"shop"},{"queryType":"vitals","traffic":["bot"]}]`, From: "now-1h", To: "now"}).
		request(backend.DataSourceInstanceSettings{}, time.Now())
	require.NoError(t, err)
	require.Equal(t, `Note: query B: no question has a field "traffic", it is not looked at. `+
		`To choose by a dimension: "filters":[{"key":"traffic","operator":"=","values":["…"]}]`+"\n", unknownFields(request))
}

func TestQueriesAreTakenAsGrafanaWouldSendThem(t *testing.T) {
	now := time.Now()
	ask := func(c queryCmd) (*backend.QueryDataRequest, bool, error) {
		if c.From == "" {
			c.From, c.To = "now-1h", "now"
		}
		return c.request(backend.DataSourceInstanceSettings{UID: "sightline"}, now)
	}

	t.Run("one query", func(t *testing.T) {
		request, single, err := ask(queryCmd{Query: ` {"queryType":"vitals","metric":"lcp"} `, Role: "Viewer"})
		require.NoError(t, err)
		require.True(t, single)
		require.Len(t, request.Queries, 1)
		q := request.Queries[0]
		require.Equal(t, "A", q.RefID)
		require.Equal(t, "vitals", q.QueryType)
		require.Equal(t, time.Hour, q.TimeRange.Duration())
		require.EqualValues(t, 100, q.MaxDataPoints)
		require.Equal(t, 30*time.Second, q.Interval)
		require.Equal(t, "Viewer", request.PluginContext.User.Role)
		require.Empty(t, request.Headers)
	})
	t.Run("an array", func(t *testing.T) {
		request, single, err := ask(queryCmd{Query: `[{"queryType":"vitals"},{"refId":"slow","intervalMs":60000,"maxDataPoints":7},{}]`})
		require.NoError(t, err)
		require.False(t, single)
		require.Equal(t, "A", request.Queries[0].RefID)
		require.Equal(t, "slow", request.Queries[1].RefID)
		require.Equal(t, time.Minute, request.Queries[1].Interval)
		require.EqualValues(t, 7, request.Queries[1].MaxDataPoints)
		require.Equal(t, "C", request.Queries[2].RefID)
	})
	t.Run("an alert rule", func(t *testing.T) {
		request, _, err := ask(queryCmd{Query: `{}`, FromAlert: true, Role: "Admin"})
		require.NoError(t, err)
		require.Equal(t, "true", request.Headers["FromAlert"])
		require.Equal(t, "grafana_scheduler", request.PluginContext.User.Login)
		require.Equal(t, "Admin", request.PluginContext.User.Role)
	})
	for text, complaint := range map[string]string{
		`vitals`:                            "must be a JSON object or an array",
		`{"queryType":`:                     "not valid JSON",
		`{"queryType":"vitals"} {}`:         "not valid JSON",
		`[]`:                                "holds no query",
		`[1]`:                               "query 1:",
		`[{"refId":"A"},{}, {"refId":"A"}]`: `two queries have the refId "A"`,
	} {
		t.Run("refused: "+text, func(t *testing.T) {
			_, _, err := ask(queryCmd{Query: text})
			require.ErrorContains(t, err, complaint)
		})
	}
}

func TestRefIDsFollowGrafanasEditor(t *testing.T) {
	require.Equal(t, []string{"A", "Z", "AA", "AZ", "BA"},
		[]string{refID(0), refID(25), refID(26), refID(51), refID(52)})
}
