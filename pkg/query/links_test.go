package query

import (
	"encoding/json"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
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

func TestARequestIDIsLookedForInTheSameStreams(t *testing.T) {
	for _, c := range []struct{ query, request, want string }{
		{"", "", `{service_name=~".+"} |= "${__value.raw}"`},
		{`{app="shop"} | json | trace="${traceId}"`, "", `{app="shop"} |= "${__value.raw}"`},
		{`{a="}", b=~` + "`}x`" + `} |= "x"`, "", `{a="}", b=~` + "`}x`" + `} |= "${__value.raw}"`},
		{`{trace="${traceId}"}`, "", `{service_name=~".+"} |= "${__value.raw}"`},
		{`{app="shop"}`, `{app="nginx"} | json | reqid="${requestId}"`, `{app="nginx"} | json | reqid="${__value.raw}"`},
		{`{app="shop"}`, `{app="nginx"}`, `{app="nginx"} |= "${__value.raw}"`},
	} {
		l := Links{LokiUID: "loki", LokiQuery: c.query, LokiRequestQuery: c.request}
		require.Equal(t, c.want, linksOf(t, l, "requestId", `{}`)[0].Internal.Query.(map[string]any)["expr"])
	}
}

// explored reads the address of a link into Explore as Grafana does once it has filled in a row's values.
func explored(t *testing.T, link data.DataLink, values map[string]string) (expr string, from, to int64) {
	t.Helper()
	address := link.URL
	for name, value := range values {
		address = strings.ReplaceAll(address, "${"+name+"}", url.QueryEscape(value))
	}
	parsed, err := url.Parse(address)
	require.NoError(t, err)
	require.Equal(t, "/explore", parsed.Path)
	require.Equal(t, "1", parsed.Query().Get("schemaVersion"))
	var panes map[string]struct {
		Datasource string
		Queries    []struct{ Expr string }
		Range      struct{ From, To string }
	}
	require.NoError(t, json.Unmarshal([]byte(parsed.Query().Get("panes")), &panes), address)
	require.Equal(t, "loki", panes["logs"].Datasource)
	from, err = strconv.ParseInt(panes["logs"].Range.From, 10, 64)
	require.NoError(t, err, address)
	to, err = strconv.ParseInt(panes["logs"].Range.To, 10, 64)
	require.NoError(t, err)
	return panes["logs"].Queries[0].Expr, from, to
}

func linkTo(t *testing.T, frame *data.Frame, field, title string) data.DataLink {
	t.Helper()
	found, _ := frame.FieldByName(field)
	require.NotNil(t, found, field)
	for _, link := range found.Config.Links {
		if link.Title == title {
			return link
		}
	}
	require.Failf(t, "no link", "%s has no link %q", field, title)
	return data.DataLink{}
}

// Visits and traces lead to the log lines of their own time, whatever time is being looked at.
func TestLogsAreLookedForAroundTheirRow(t *testing.T) {
	own, start := newOwnStore(t), hourAgo()
	own.insert(storyOf("story", start)...)
	own.runner.Settings.Links = Links{UID: "rum", TempoUID: "tempo", LokiUID: "loki",
		LokiQuery: `{app="a&b+c"} | json | trace="${traceId}"`}
	month := window{start.Add(-20 * 24 * time.Hour), start.Add(24 * time.Hour)}
	minutes := 5 * time.Minute.Milliseconds()

	for _, c := range []struct {
		question, time string
		lasted         int64
	}{
		{`{"queryType":"traces","traceId":"` + traceOfPage + `"}`, "time", 1200},
		{`{"queryType":"sessions"}`, "start", 7000},
	} {
		got := own.ask(c.question, month)
		require.NoError(t, got.Error)
		row := rowsOf(got.Frames[0])[0]
		values := map[string]string{"__value.raw:percentencode": row["traceId"].(string)}
		for _, name := range []string{columnLogsFrom, columnLogsTo} {
			values["__data.fields."+name] = row[name].(string)
			field, _ := got.Frames[0].FieldByName(name)
			require.Equal(t, true, field.Config.Custom["hidden"])
		}
		expr, from, to := explored(t, linkTo(t, got.Frames[0], "traceId", "Logs in Loki"), values)
		require.Equal(t, `{app="a&b+c"} | json | trace="`+row["traceId"].(string)+`"`, expr)
		at := row[c.time].(time.Time).UnixMilli()
		require.Equal(t, []int64{at - minutes, at + c.lasted + minutes}, []int64{from, to}, c.question)
	}

	for format, ends := range map[string]int64{"logs": 7000, "trace": 7030} {
		got := own.ask(`{"queryType":"session","sessionId":"story","format":"`+format+`"}`, month)
		expr, from, to := explored(t, linkTo(t, got.Frames[0], "requestId", "Logs in Loki"),
			map[string]string{"__value.raw:percentencode": "request-2"})
		require.Equal(t, `{app="a&b+c"} |= "request-2"`, expr)
		require.Equal(t, []int64{start.UnixMilli() - minutes, start.UnixMilli() + ends + minutes}, []int64{from, to}, format)
	}
}

// Wherever a trace id is, it leads to its trace and its log lines.
func TestEveryTraceIDIsALink(t *testing.T) {
	linkedRunner := *runner
	linkedRunner.Settings.Links = linked
	for _, question := range []string{
		`{"queryType":"traces"}`, `{"queryType":"sessions"}`, `{"queryType":"session","sessionId":"session-0004"}`,
		`{"queryType":"session","sessionId":"session-0004","format":"trace"}`, `{"queryType":"errors"}`,
		`{"queryType":"evidence"}`, `{"queryType":"errorBursts"}`,
		`{"queryType":"requests","exemplars":true}`, `{"queryType":"requests","format":"table","exemplars":true}`,
		`{"metric":"inp","format":"table","exemplars":true}`,
	} {
		got := linkedRunner.Answer(t.Context(), everyone, backend.DataQuery{RefID: "A", JSON: []byte(question),
			TimeRange: backend.TimeRange{From: seeded.today, To: seeded.today.Add(24 * time.Hour)}, Interval: time.Hour})
		require.NoError(t, got.Error, question)
		found := 0
		for _, frame := range got.Frames {
			if field, _ := frame.FieldByName("traceId"); field != nil {
				found++
				linkTo(t, frame, "traceId", "Trace in Tempo")
				linkTo(t, frame, "traceId", "Logs in Loki")
			}
		}
		require.NotZero(t, found, question)
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

func TestThePrometheusQueryNamesWhatItsRowHas(t *testing.T) {
	l := Links{PrometheusUID: "prom", PrometheusQuery: `busy{app="${app}",path="${endpoint}",route="${route}"}`}
	frame := newFrame(data.FrameTypeTable, column("endpoint", "", unitNone, []string{"/pay"}),
		column("route", "", unitNone, []string{"/checkout"}))
	q, err := read(asking(`{"queryType":"requests"}`), shopSettings)
	require.NoError(t, err)
	l.put(q, data.Frames{frame})
	expr := func(field int) any {
		return frame.Fields[field].Config.Links[0].Internal.Query.(map[string]any)["expr"]
	}
	require.Equal(t, `busy{app="shop",path="${__value.raw}",route="${__data.fields.route}"}`, expr(0))
	require.Equal(t, `busy{app="shop",path="${__data.fields.endpoint}",route="${__value.raw}"}`, expr(1))
	require.Empty(t, linksOf(t, l, "route", `{}`), "a row without an endpoint does not say which")
	require.Empty(t, linksOf(t, Links{PrometheusUID: "prom"}, "route", `{}`))
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
	for _, field := range []string{"traceId", "sessionId", "fingerprint", "release", "actionId"} {
		for _, link := range linksOf(t, linked, field, `{}`) {
			if link.Internal != nil && link.Internal.DatasourceUID == "rum" {
				_, err := read(asking(filled(jsonOf(link.Internal.Query))), shopSettings)
				require.NoError(t, err, link.Title)
			}
		}
	}
}

func filled(query string) string { return strings.ReplaceAll(query, clicked, traceOfPage) }
