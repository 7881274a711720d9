package query

import (
	"strings"
	"testing"

	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/stretchr/testify/require"
)

var linked = Links{UID: "rum", Name: "Real users", TempoUID: "tempo", LokiUID: "loki"}

func linksOf(t *testing.T, l Links, field, json string) []data.DataLink {
	t.Helper()
	q, err := read(asking(json), shopSettings)
	require.NoError(t, err)
	frame := newFrame(data.FrameTypeTable, column(field, "", unitNone, []string{"x"}),
		data.NewField("bare", nil, []string{"x"}))
	l.put(q, data.Frames{frame})
	require.Nil(t, frame.Fields[1].Config)
	return frame.Fields[0].Config.Links
}

func TestATraceLeadsToTempoAndLoki(t *testing.T) {
	links := linksOf(t, linked, "traceId", `{"queryType":"errors"}`)
	require.Equal(t, []data.DataLink{
		{Title: "Trace in Tempo", Internal: &data.InternalDataLink{DatasourceUID: "tempo", DatasourceName: "Tempo",
			Query: map[string]any{"queryType": "traceql", "query": "${__value.raw}"}}},
		{Title: "Logs in Loki", Internal: &data.InternalDataLink{DatasourceUID: "loki", DatasourceName: "Loki",
			Query: map[string]any{"expr": `{service_name=~".+"} |= "${__value.raw}"`}}},
		{Title: "Session of the trace", Internal: &data.InternalDataLink{DatasourceUID: "rum", DatasourceName: "Real users",
			Query: map[string]any{"queryType": "traces", "traceId": "${__value.raw}", "app": "shop",
				"environment": "production"}}},
	}, links)
	require.Len(t, linksOf(t, linked, "traceId", `{"queryType":"traces"}`), 2, "it is there already")
	require.Len(t, linksOf(t, Links{TempoUID: "tempo"}, "traceId", `{}`), 1)
	require.Empty(t, linksOf(t, Links{}, "traceId", `{}`), "no settings, no links")
}

func TestTheLokiQueryIsATemplate(t *testing.T) {
	for template, want := range map[string]string{
		"":                 `{service_name=~".+"} |= "${__value.raw}"`,
		`{app="shop"}`:     `{app="shop"} |= "${__value.raw}"`,
		` {a="b"} | json `: `{a="b"} | json |= "${__value.raw}"`,
		`{app="shop"} | json | trace="${traceId}"`:          `{app="shop"} | json | trace="${__value.raw}"`,
		`{app="shop"} | trace_id="${__value.raw}"`:          `{app="shop"} | trace_id="${__value.raw}"`,
		`{app="shop"} |~ "${__value.raw:regex}|${traceId}"`: `{app="shop"} |~ "${__value.raw:regex}|${__value.raw}"`,
	} {
		require.Equal(t, want, Links{LokiQuery: template}.logQL())
	}
}

func TestASessionLeadsToItsDashboardAndTimeline(t *testing.T) {
	links := linksOf(t, linked, "sessionId", `{"queryType":"sessions","app":"a&b c","environment":"staging"}`)
	require.Len(t, links, 2)
	require.Equal(t, "/d/sightline-sessions?var-session=${__value.raw:percentencode}&var-app=a%26b%20c"+
		"&var-environment=staging&${__url_time_range}", links[0].URL)
	require.Equal(t, map[string]any{"queryType": "session", "sessionId": "${__value.raw}", "app": "a&b c",
		"environment": "staging"}, links[1].Internal.Query)

	spanning := linksOf(t, Links{}, "sessionId", `{"queryType":"sessions","environment":"*"}`)
	require.Len(t, spanning, 1)
	require.NotContains(t, spanning[0].URL, "var-environment")
}

func TestAnEndpointLeadsToTheSaturationOfItsService(t *testing.T) {
	for template, want := range map[string]string{
		"":                                  "sum by (job) (rate(process_cpu_seconds_total[5m]))",
		` rate(busy{path="${value}"}[5m]) `: `rate(busy{path="${__value.raw}"}[5m])`,
	} {
		l := Links{PrometheusUID: "prom", PrometheusQuery: template}
		for _, field := range []string{"endpoint", "host"} {
			links := linksOf(t, l, field, `{"queryType":"requests"}`)
			require.Equal(t, []data.DataLink{{Title: "Saturation in Prometheus", Internal: &data.InternalDataLink{
				DatasourceUID: "prom", DatasourceName: "Prometheus", Query: map[string]any{"expr": want, "range": true}}}}, links)
		}
	}
}

func TestGroupsReleasesAndRequestsLeadOn(t *testing.T) {
	group := linksOf(t, linked, "fingerprint", `{"queryType":"errors"}`)
	require.Equal(t, "rum", group[0].Internal.DatasourceUID)
	require.Contains(t, jsonOf(group[0].Internal.Query),
		`{"key":"fingerprint","operator":"=","values":["${__value.raw}"]}`)
	release := linksOf(t, linked, "release", `{}`)
	require.Contains(t, jsonOf(release[0].Internal.Query), `{"key":"release","operator":"=","values":["${__value.raw}"]}`)
	require.Equal(t, release, linksOf(t, linked, "firstRelease", `{}`))
	require.Equal(t, "loki", linksOf(t, linked, "requestId", `{}`)[0].Internal.DatasourceUID)
	require.Empty(t, linksOf(t, linked, "route", `{}`))
}

// What a link asks is asked as it stands: with a value in it, it has to be a question that is answered.
func TestLinkedQuestionsAreAnswered(t *testing.T) {
	for _, field := range []string{"traceId", "sessionId", "fingerprint", "release"} {
		for _, link := range linksOf(t, linked, field, `{}`) {
			if link.Internal != nil && link.Internal.DatasourceUID == "rum" {
				_, err := read(asking(filled(jsonOf(link.Internal.Query))), shopSettings)
				require.NoError(t, err, link.Title)
			}
		}
	}
}

func filled(query string) string { return strings.ReplaceAll(query, clicked, traceOfPage) }
