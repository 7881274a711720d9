package query

import (
	"context"
	"encoding/json"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/query/stats"
	"github.com/sightline-rum/sightline/pkg/rum"
)

// recorded is a connection that notes the text of every statement it passes on.
type recorded struct {
	driver.Conn
	mu         sync.Mutex
	statements []string
}

func (r *recorded) note(statement string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.statements = append(r.statements, statement)
}

func (r *recorded) Query(ctx context.Context, query string, args ...any) (driver.Rows, error) {
	r.note(query)
	return r.Conn.Query(ctx, query, args...)
}

func (r *recorded) QueryRow(ctx context.Context, query string, args ...any) driver.Row {
	r.note(query)
	return r.Conn.QueryRow(ctx, query, args...)
}

func (r *recorded) Select(ctx context.Context, into any, query string, args ...any) error {
	r.note(query)
	return r.Conn.Select(ctx, into, query, args...)
}

// planted is in everything hostile below, and in nothing else.
const planted = "zq7mark"

// hostile ends a string, a comment, an identifier and a parameter's placeholder, and is one.
const hostile = planted + "' OR 1=1 UNION ALL SELECT name FROM system.tables; DROP TABLE views; -- \n" +
	"\\'`\") FORMAT Null /* {app:String} ${__user.login} $__all %s ?"

// hostileFilters are filters on all dimensions at once, with every operator in turn.
func hostileFilters(keys []string, shift int) string {
	all := []any{}
	for n, key := range keys {
		operator, value := operators[(n+shift)%len(operators)], hostile
		if strings.HasSuffix(operator, "~") {
			value = strings.NewReplacer("(", "", ")", "", "*", "", "?", "", `\`, "", "{", "", "}", "").Replace(value)
		}
		all = append(all, map[string]any{"key": key, "operator": operator, "values": []string{value, "x"}})
	}
	return jsonOf(all)
}

// hostileValues are JSON for a field of the query's schema with the hostile text in every place that takes one. A type
// that is new here has to be added, or the test fails.
func hostileValues(t *testing.T, field reflect.StructField, keys []string) []string {
	quoted := jsonOf(hostile)
	switch field.Type {
	case reflect.TypeFor[string](), reflect.TypeFor[number](), reflect.TypeFor[period](), reflect.TypeFor[truth]():
		return []string{quoted}
	case reflect.TypeFor[names]():
		return []string{quoted, "[" + quoted + "]"}
	case reflect.TypeFor[compare]():
		return []string{quoted, `{"from":` + quoted + `,"to":` + quoted + `}`}
	case reflect.TypeFor[filters]():
		all := []string{`[{"key":` + quoted + `,"values":["x"]}]`, `[{"key":"release","operator":` + quoted + `,"values":["x"]}]`}
		for shift := range operators {
			all = append(all, hostileFilters(keys, shift))
		}
		return all
	default:
		t.Fatalf("field %s has a type without a hostile value here: %s", field.Name, field.Type)
		return nil
	}
}

// Whatever a query says, in whichever field, no statement has it in its text: it is a parameter, or refused.
func TestNoTextOfAQueryIsEverInAStatement(t *testing.T) {
	own, start := newOwnStore(t), hourAgo()
	own.insert(storyOf("session-1", start)...)
	foreign := storyOf("session-2", start)
	for _, b := range foreign {
		b.Context.App = "secret-app"
	}
	own.insert(foreign...)
	connection := &recorded{Conn: own.runner.Conn}
	own.runner.Conn = connection
	asked, answered := 0, 0
	ask := func(fields map[string]string) {
		var parts []string
		for name, value := range fields {
			parts = append(parts, jsonOf(name)+":"+value)
		}
		text := "{" + strings.Join(parts, ",") + "}"
		got := own.ask(text, around(start))
		asked++
		switch got.Status {
		case backend.StatusOK:
			answered++
		case backend.StatusBadRequest, backend.StatusForbidden:
			require.Equal(t, backend.ErrorSourcePlugin, got.ErrorSource, text)
		default:
			t.Fatalf("%s: status %d: %v", text, got.Status, got.Error)
		}
		for _, frame := range got.Frames {
			encoded, err := data.FrameToJSON(frame, data.IncludeDataOnly)
			require.NoError(t, err)
			require.NotContains(t, string(encoded), "secret-app", text)
			require.NotContains(t, string(encoded), "session-2", text)
		}
	}
	for _, described := range Describe().QueryTypes {
		keys := make([]string, len(described.Dimensions))
		for n, d := range described.Dimensions {
			keys[n] = d.Key
		}
		for n, field := range reflect.VisibleFields(reflect.TypeFor[Query]()) {
			for _, value := range hostileValues(t, field, keys) {
				fields := map[string]string{"queryType": jsonOf(described.Name), "app": `"shop"`, "sessionId": `"session-1"`,
					"format": jsonOf(described.Formats[n%len(described.Formats)])}
				if described.Name == "variable" {
					fields["dimension"] = `"route"`
				}
				fields[field.Tag.Get("json")] = value
				ask(fields)
			}
		}
	}
	t.Logf("%d queries, of which %d were answered, with %d statements", asked, answered, len(connection.statements))
	require.NotEmpty(t, connection.statements)
	for _, statement := range connection.statements {
		require.NotContains(t, statement, planted)
	}
	rows := own.rows(`{"queryType":"errors","app":"shop","format":"table"}`, around(start))
	require.Len(t, rows, 2, "the tables are as they were")
}

// Grafana shows an annotation's title and text as HTML: it takes out scripts, but leaves pictures and links, which a
// visitor's error could bring to whoever looks at the dashboard.
func TestAnAnnotationsTextIsNoHTML(t *testing.T) {
	const html = `<img src="https://evil.example/pixel"><a href='https://evil.example'>log in again</a>&amp;`
	q := &question{Query: Query{App: "shop", Format: formatAnnotations}, groups: []dimension{{key: "route", name: "Route"}}}
	bursts := []*burst{{kind: stats.New, group: &burstGroup{key: []string{html}}, facts: burstFacts{errorType: html, message: html}}}
	marker := deploy{kind: kindMarker, environment: html, release: html, title: html, url: "https://ci.example/<b>"}
	frames := []*data.Frame{q.burstsAnnotations(bursts), q.deploysFrame([]deploy{marker})}
	for _, frame := range frames {
		row := rowsOf(frame)[0]
		for _, name := range []string{"title", "text"} {
			require.NotContains(t, row[name], "<", name)
			require.Contains(t, row[name], "&lt;img src=", name)
			require.Contains(t, row[name], "&amp;amp;", name)
		}
	}
	q.Format = formatTable
	require.Equal(t, html, rowsOf(q.deploysFrame([]deploy{marker}))[0]["title"], "a table shows texts as they are")
}

// Links are addresses and questions of ours with placeholders, never with a value in them: Grafana puts the value in,
// encoded, when the link is drawn.
func TestNoValueIsWrittenIntoALink(t *testing.T) {
	own, start := newOwnStore(t), hourAgo()
	own.runner.Settings.Links = Links{UID: "rum", TempoUID: "tempo", LokiUID: "loki", PrometheusUID: "prometheus",
		PrometheusQuery: `rate(x{route="${route}",endpoint="${endpoint}"}[5m])`}
	value := planted + `"} or vector(1) ${__user.email} javascript:alert(1)`
	story := storyOf(value, start)
	for _, b := range story {
		b.Context.Release, b.Context.Browser = value, value
		b.EachItem(func(item *rum.Item) { item.Route, item.RequestID = value, value })
		for i := range b.Errors {
			b.Errors[i].Fingerprint, b.Errors[i].Message = value, value
		}
		for i := range b.Requests {
			b.Requests[i].Host, b.Requests[i].Path = value, value
		}
	}
	own.insert(story...)
	links := 0
	for _, described := range Describe().QueryTypes {
		for _, format := range described.Formats {
			fields := map[string]any{"queryType": described.Name, "format": format, "sessionId": value, "dimension": "route"}
			if described.Name != "session" {
				delete(fields, "sessionId") // the one that asks is the one that clicks
			}
			for _, frame := range own.ask(jsonOf(fields), around(start)).Frames {
				for _, field := range frame.Fields {
					if field.Config == nil {
						continue
					}
					for _, link := range field.Config.Links {
						links++
						text := link.URL
						if link.Internal != nil && described.Name != "session" {
							encoded, err := json.Marshal(link.Internal)
							require.NoError(t, err)
							text += string(encoded)
						}
						require.NotContains(t, text, planted, "%s: %s", described.Name, link.Title)
						require.NotContains(t, link.Title, planted)
						if link.URL != "" {
							require.True(t, strings.HasPrefix(link.URL, "/"), link.URL)
						}
					}
				}
			}
		}
	}
	require.Greater(t, links, 20)
}
