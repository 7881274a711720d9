package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/demo/backend"
	"github.com/sightline-rum/sightline/pkg/demo/shop"
	"github.com/sightline-rum/sightline/pkg/demo/traffic"
)

// dashboard is what matters here of a dashboard's file.
type dashboard struct {
	Title       string
	Time        struct{ From, To string }
	Templating  struct{ List []variable }
	Annotations struct {
		List []struct{ Target map[string]any }
	}
	Panels []panel
}

type variable struct {
	Name, Type string
	Multi      bool
	Query      any
	Current    struct{ Value any }
}

type panel struct {
	Title, Type, TimeFrom string
	Datasource            struct{ Type string }
	Targets               []map[string]any
	FieldConfig           struct {
		Defaults  map[string]any
		Overrides []override
	}
}

type override struct {
	Matcher struct {
		ID      string
		Options any
	}
	Properties []struct {
		ID    string
		Value any
	}
}

// Every query of every dashboard is asked through the plugin's binary, with the variables as they are when somebody
// opens it, on a day of the demo: it is answered without an error, with typed frames that hold data, and with the
// fields that the dashboard sets widths, names and colours for.
func TestDashboardsShowTheDemo(t *testing.T) {
	s := startDemoDay(t)
	files, err := filepath.Glob("../../src/dashboards/*.json")
	require.NoError(t, err)
	require.Len(t, files, 7)
	for _, file := range files {
		if filepath.Base(file) == ownMetrics {
			continue // asks Prometheus alone, see TestTheSidecarsDashboardAsksForWhatTheSidecarTells
		}
		t.Run(strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			var board dashboard
			require.NoError(t, json.Unmarshal(text, &board))
			opened := open(s.in(t), board)
			for _, annotation := range board.Annotations.List {
				if annotation.Target["queryType"] != nil {
					t.Run("marks "+fmt.Sprint(annotation.Target["queryType"]), func(t *testing.T) {
						frames := s.in(t).ask(opened.fill(annotation.Target), "--from", board.Time.From)
						requireTyped(t, frames)
						require.NotZero(t, rows(frames))
					})
				}
			}
			for _, p := range board.Panels {
				if p.Type != "row" && p.Datasource.Type != "prometheus" { // Prometheus answers for itself
					t.Run(p.Title, func(t *testing.T) { opened.shows(s.in(t), p) })
				}
			}
		})
	}
}

// startDemoDay runs a sidecar with a day of the demo's traffic, its deploys, and two runs of its scripted checkout.
func startDemoDay(t *testing.T) *sidecar {
	s := newSidecar(t)
	s.config = filepath.Join(s.data, "sidecar.yaml")
	require.NoError(t, os.WriteFile(s.config, []byte(`apps:
  shop:
    journeys:
      checkout:
        - {name: Basket, route: /cart}
        - {name: Checkout, route: /checkout}
        - {name: Pay, action: pay}
        - {name: Paid, action: order-placed}
`), 0o600))
	t.Cleanup(s.stop)
	s.start()
	s.waitReady()
	plan, err := traffic.New(traffic.Config{Seed: 1, Anchor: time.Now(), Scenario: "checkout-regression",
		Backfill: 24 * time.Hour, Sessions: 3000})
	require.NoError(t, err)
	collect := s.url("/collect")
	require.NoError(t, traffic.SendDeploys(t.Context(), collect, plan.Deploys()))
	sent, err := (&traffic.Sender{URL: collect, Workers: 16}).Send(t.Context(), plan.Past(), false, nil)
	require.NoError(t, err)
	require.Equal(t, sent.Sent, sent.Acknowledged)

	pages, err := shop.New(shop.Config{CollectorURL: collect})
	require.NoError(t, err)
	services, err := backend.Start(t.Context(), backend.Config{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, services.Stop(context.Background())) })
	site := httptest.NewServer(services.Handler(pages))
	t.Cleanup(site.Close)
	script := &traffic.Script{Shop: site.URL, Collect: collect, App: "shop", Rest: 5 * time.Millisecond}
	for range 2 {
		require.NoError(t, script.Run(t.Context()))
	}
	s.waitDrained()
	// Counters reach the store every few seconds, gauges are read once a minute; a dashboard shows both.
	require.Eventually(t, func() bool {
		return s.number("SELECT least(countIf(counter = 'consent'), countIf(counter LIKE 'spool%')) FROM telemetry_1m") > 0
	}, 2*time.Minute, 500*time.Millisecond, "the sidecar's counters never reached the store")
	return s
}

// in is the same sidecar for a subtest, whose failures are the subtest's.
func (s *sidecar) in(t *testing.T) *sidecar {
	same := *s
	same.t = t
	return &same
}

// opened is a dashboard as somebody sees it who opens it: each variable has a value, or all of them.
type opened struct {
	dashboard
	values map[string]string
	all    map[string]bool
	each   map[string][]string // what a row is repeated for
}

func open(s *sidecar, board dashboard) *opened {
	o := &opened{board, map[string]string{}, map[string]bool{}, map[string][]string{}}
	for _, v := range board.Templating.List {
		switch v.Type {
		case "query":
			var listed []string
			frames := s.ask(o.fill(v.Query.(map[string]any)), "--from", board.Time.From)
			for row := range frames[0].Rows() {
				listed = append(listed, at[string](s.t, frames[0], "value", row))
			}
			require.NotEmpty(s.t, listed, "variable %s", v.Name)
			o.each[v.Name], o.values[v.Name], o.all[v.Name] = listed, listed[0], v.Multi
		case "custom":
			o.values[v.Name] = fmt.Sprint(v.Current.Value)
		case "textbox":
			o.values[v.Name] = fmt.Sprint(v.Query)
		}
	}
	// Nobody looks at a session before choosing one.
	if session, asked := o.values["session"]; asked && session == "" {
		worst := s.ask(map[string]any{"queryType": "sessions", "app": o.values["app"]}, "--from", board.Time.From)[0]
		o.values["session"] = at[string](s.t, worst, "sessionId", 0)
	}
	return o
}

// fill puts the variables' values into a query, as the plugin's frontend does: a filter whose variable is on All is
// left out, and a panel that is repeated for a variable has one value of it.
func (o *opened) fill(query map[string]any) map[string]any {
	filled := map[string]any{}
	for key, value := range query {
		switch value := value.(type) {
		case string:
			filled[key] = o.replaced(value)
		case []any:
			var kept []any
			for _, entry := range value {
				if filter, is := entry.(map[string]any); is {
					name := strings.TrimPrefix(fmt.Sprint(filter["values"].([]any)[0]), "$")
					if o.all[name] {
						continue
					}
				}
				kept = append(kept, entry)
			}
			filled[key] = kept
		default:
			filled[key] = value
		}
	}
	delete(filled, "datasource")
	return filled
}

func (o *opened) replaced(text string) string {
	if name, is := strings.CutPrefix(text, "$"); is {
		return o.values[name]
	}
	return text
}

func (o *opened) shows(s *sidecar, p panel) {
	from := o.Time.From
	if p.TimeFrom != "" {
		from = "now-" + p.TimeFrom
	}
	found := 0
	known := map[string]bool{}
	for _, target := range p.Targets {
		frames := s.ask(o.fill(target), "--from", from)
		requireTyped(s.t, frames)
		found += rows(frames)
		for _, frame := range frames {
			for _, field := range frame.Fields {
				known[field.Name] = true
				if field.Config != nil {
					known[field.Config.DisplayNameFromDS] = true
				}
				if field.Type().Numeric() && !p.hides(field.Name) {
					require.True(s.t, p.unit(field), "%s has no unit, neither from the plugin nor in the panel", field.Name)
				}
			}
		}
	}
	require.NotZero(s.t, found, "the demo has nothing to show here")
	for _, o := range p.FieldConfig.Overrides {
		for _, name := range o.names() {
			require.True(s.t, known[name], "the panel sets something for %q, which is no field of the answer", name)
		}
	}
}

func requireTyped(t testing.TB, frames data.Frames) {
	t.Helper()
	require.NotEmpty(t, frames)
	for _, frame := range frames {
		require.NotNil(t, frame.Meta)
		require.True(t, frame.Meta.Type != data.FrameTypeUnknown || frame.Meta.PreferredVisualization != "",
			"a frame says neither what it is nor how it is shown")
	}
}

func rows(frames data.Frames) (n int) {
	for _, frame := range frames {
		n += frame.Rows()
	}
	return n
}

// names are the fields that an override is about.
func (o override) names() []string {
	switch options := o.Matcher.Options.(type) {
	case string:
		return []string{options}
	case map[string]any:
		var names []string
		for _, name := range options["names"].([]any) {
			names = append(names, fmt.Sprint(name))
		}
		return names
	}
	return nil
}

// about tells whether an override is for a field: of the fields it names, or of all others.
func (o override) about(field string) bool {
	options, _ := o.Matcher.Options.(map[string]any)
	return slices.Contains(o.names(), field) != (options["mode"] == "exclude")
}

func (p panel) hides(field string) bool {
	hidden := false
	for _, o := range p.FieldConfig.Overrides {
		for _, property := range o.Properties {
			if property.ID == "custom.hidden" && o.about(field) {
				hidden = property.Value == true
			}
		}
	}
	return hidden
}

func (p panel) unit(field *data.Field) bool {
	if p.FieldConfig.Defaults["unit"] != nil || field.Config != nil && field.Config.Unit != "" {
		return true
	}
	return slices.ContainsFunc(p.FieldConfig.Overrides, func(o override) bool {
		return o.about(field.Name) && slices.ContainsFunc(o.Properties, func(property struct {
			ID    string
			Value any
		}) bool {
			return property.ID == "unit"
		})
	})
}
