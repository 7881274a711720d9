package alerts

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"text/template"
	"text/template/parse"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/query"
)

func TestRulesAreSustainedAndSayWhatNoDataMeans(t *testing.T) {
	uids := map[string]bool{}
	for _, r := range rules(t) {
		t.Run(r.UID, func(t *testing.T) {
			require.Regexp(t, `^[a-z0-9-]{1,40}$`, r.UID)
			require.False(t, uids[r.UID], "the uid is taken")
			uids[r.UID] = true
			require.NotEmpty(t, r.Title)
			if r.UID == soonUID {
				requireSustainedByWhatItAsks(t, r)
			} else {
				require.GreaterOrEqual(t, r.sustained(t), 5*time.Minute)
			}
			require.Equal(t, time.Minute, r.interval)
			if r.UID == quietUID {
				require.Equal(t, "Alerting", r.NoDataState)
				require.Equal(t, "Error", r.ExecErrState, "a store that does not answer is told once, by this rule")
			} else {
				require.Equal(t, "OK", r.NoDataState)
				require.Equal(t, "OK", r.ExecErrState)
			}
			for key, label := range r.Labels {
				require.NotContains(t, label, "{{", "%s: labels make the alert, and must not change with its numbers", key)
			}
		})
	}
}

// One rule may hold for less than five minutes, as Grafana tells nobody before: what it asks is about five minutes by
// itself, against a day; it is seen twice; it takes five errors; and it is about releases of the last hour only.
func requireSustainedByWhatItAsks(t testing.TB, r rule) {
	t.Helper()
	require.GreaterOrEqual(t, r.sustained(t), r.interval, "judged twice")
	require.Equal(t, "errorBursts", r.part(t, "A").Model["queryType"])
	require.Equal(t, "5m", r.part(t, "A").Model["window"])
	require.Equal(t, "24h", r.part(t, "A").Model["baseline"])
	require.Equal(t, "lastDeploy", r.part(t, "D").Model["metric"])
	require.Equal(t, "$A >= 5 && $D >= 0 && $D < 60", r.part(t, r.Condition).expression())
}

func TestRulesReferToWhatThereIs(t *testing.T) {
	sources := provisionedSources(t)
	for _, r := range rules(t) {
		t.Run(r.UID, func(t *testing.T) {
			require.True(t, r.part(t, r.Condition).isExpression())
			seen := map[string]bool{}
			for _, p := range r.Data {
				require.False(t, seen[p.RefID], "%s is there twice", p.RefID)
				seen[p.RefID] = true
				require.Equal(t, p.RefID, p.Model["refId"])
				if p.isExpression() {
					require.Equal(t, "math", p.Model["type"])
					for _, name := range references(p.expression()) {
						r.part(t, name)
					}
					continue
				}
				require.Contains(t, sources, p.DatasourceUID)
				require.Greater(t, p.Range.From, p.Range.To)
			}
			against := map[string]bool{}
			for _, name := range references(r.part(t, r.Condition).expression()) {
				against[name] = true
			}
			require.Greater(t, len(against), 1, "held against a baseline, or a deploy")
		})
	}
}

func TestRulesAskWhatAlertsCanBeMadeOf(t *testing.T) {
	types := map[string]query.TypeDescription{}
	for _, described := range query.Describe().QueryTypes {
		types[described.Name] = described
	}
	for _, r := range rules(t) {
		for _, p := range r.Data {
			if p.DatasourceUID != sightlineUID {
				continue
			}
			name, _ := p.Model["queryType"].(string)
			require.Contains(t, types, name)
			require.Contains(t, types[name].Formats, "numeric", "%s %s", r.UID, p.RefID)
			require.Equal(t, "numeric", p.Model["format"], "%s %s", r.UID, p.RefID)
			require.False(t, types[name].SessionLevel)
			require.NotEmpty(t, p.Model["app"], "a rule has no variables: it names its app")
			require.NotEmpty(t, p.Model["environment"])
			if name == "vitals" || name == "requests" {
				require.NotEmpty(t, p.Model["minSamples"], "%s %s: few samples are no number", r.UID, p.RefID)
			}
			if name == "evidence" {
				require.NotEmpty(t, p.Model["metric"], "%s %s: one fact a query, or chance quotes one",
					r.UID, p.RefID)
			}
		}
	}
}

// What every alert has to bring along.
var evidenceOfEveryAlert = []string{"summary", "description", "release", "minutes_since_deploy", "dashboard",
	"runbook_url"}
var evidenceOfUsers = []string{"affected_sessions", "api_error_rate", "top_error", "session_list", "traces"}

func TestAnnotationsQuoteWhatTheRuleHas(t *testing.T) {
	for _, r := range rules(t) {
		t.Run(r.UID, func(t *testing.T) {
			for _, key := range evidenceOfEveryAlert {
				require.NotEmpty(t, r.Annotations[key], key)
			}
			if r.UID != quietUID {
				for _, key := range evidenceOfUsers {
					require.NotEmpty(t, r.Annotations[key], key)
				}
			}
			for key, text := range r.Annotations {
				for _, used := range variablesOf(t, text) {
					switch {
					case used[0] == "$values":
						r.part(t, used[1])
					case used[0] == "$labels":
						require.Contains(t, instanceLabels(t, r), used[1], key)
					}
				}
			}
		})
	}
}

// instanceLabels are those an alert of the rule has: what its first query groups by.
func instanceLabels(t testing.TB, r rule) []string {
	asked := r.part(t, "A").Model
	var labels []string
	groups, _ := asked["groupBy"].([]any)
	for _, g := range groups {
		labels = append(labels, g.(string))
	}
	if asked["queryType"] == "errorBursts" {
		labels = append(labels, "fingerprint")
	}
	return labels
}

const beforeTemplate = "{{ $labels := .Labels }}{{ $values := .Values }}{{ $value := .Value }}"

// parsed reads an annotation as Grafana does, and fails on a function or a variable that there is not.
func parsed(t testing.TB, text string) *template.Template {
	t.Helper()
	parsed, err := template.New("").Funcs(template.FuncMap{
		"externalURL":        func() string { return "http://grafana.test/" },
		"humanizePercentage": func(v float64) string { return fmt.Sprintf("%.4g%%", 100*v) },
	}).Option("missingkey=invalid").Parse(beforeTemplate + text)
	require.NoError(t, err, text)
	return parsed
}

// variablesOf are the paths of variables in an annotation: $values.A.Value is ["$values", "A", "Value"].
func variablesOf(t testing.TB, text string) [][]string {
	var found [][]string
	var look func(parse.Node)
	pipe := func(p *parse.PipeNode) {
		if p == nil {
			return
		}
		for _, command := range p.Cmds {
			for _, argument := range command.Args {
				look(argument)
			}
		}
	}
	list := func(l *parse.ListNode) {
		if l != nil {
			for _, n := range l.Nodes {
				look(n)
			}
		}
	}
	look = func(n parse.Node) {
		switch n := n.(type) {
		case *parse.VariableNode:
			if len(n.Ident) > 1 {
				found = append(found, n.Ident)
			}
		case *parse.ActionNode:
			pipe(n.Pipe)
		case *parse.PipeNode:
			pipe(n)
		case *parse.IfNode:
			pipe(n.Pipe)
			list(n.List)
			list(n.ElseList)
		case *parse.WithNode:
			pipe(n.Pipe)
			list(n.List)
			list(n.ElseList)
		}
	}
	list(parsed(t, text).Root)
	return found
}

var templated = regexp.MustCompile(`\{\{[^}]*\}\}`)

func TestLinksLeadToWhatThereIs(t *testing.T) {
	boards := dashboards(t)
	docs, err := os.ReadFile("../../docs/alerts.md")
	require.NoError(t, err)
	for _, r := range rules(t) {
		t.Run(r.UID, func(t *testing.T) {
			if r.DashboardUID != "" {
				require.Contains(t, boards, r.DashboardUID)
				require.True(t, boards[r.DashboardUID].panels[r.PanelID], "no panel %d", r.PanelID)
			}
			for _, key := range []string{"dashboard", "session_list", "traces"} {
				if r.Annotations[key] != "" {
					link := strings.ReplaceAll(r.Annotations[key], "{{ externalURL }}", "http://grafana.test/")
					checkLink(t, boards, templated.ReplaceAllString(link, ""))
					require.Contains(t, r.Annotations[key], ".Labels.from }}", "the time the alert is about")
				}
			}
			runbook, err := url.Parse(r.Annotations["runbook_url"])
			require.NoError(t, err)
			require.True(t, strings.HasSuffix(runbook.Path, "docs/alerts.md"))
			require.Contains(t, headings(string(docs)), runbook.Fragment)
		})
	}
}

// checkLink holds a link to the dashboards there are and their variables; a link to Explore has to be readable JSON.
func checkLink(t testing.TB, boards map[string]board, link string) {
	t.Helper()
	address, err := url.Parse(link)
	require.NoError(t, err)
	if address.Path == "/explore" {
		var left struct {
			Datasource string           `json:"datasource"`
			Queries    []map[string]any `json:"queries"`
			Range      map[string]string
		}
		require.NoError(t, json.Unmarshal([]byte(address.Query().Get("left")), &left), link)
		require.Contains(t, provisionedSources(t), left.Datasource)
		require.NotEmpty(t, left.Queries)
		return
	}
	uid := strings.TrimPrefix(address.Path, "/d/")
	require.Contains(t, boards, uid, link)
	for key := range address.Query() {
		if name, ok := strings.CutPrefix(key, "var-"); ok {
			require.True(t, boards[uid].variables[name], "dashboard %s has no variable %s", uid, name)
		}
	}
}

// headings of a Markdown text as anchors.
func headings(text string) []string {
	var all []string
	for line := range strings.Lines(text) {
		if title, ok := strings.CutPrefix(strings.TrimSpace(line), "## "); ok {
			all = append(all, strings.ReplaceAll(strings.ToLower(title), " ", "-"))
		}
	}
	return all
}

type board struct {
	panels    map[int]bool
	variables map[string]bool
}

func dashboards(t testing.TB) map[string]board {
	t.Helper()
	paths, err := filepath.Glob("../../src/dashboards/*.json")
	require.NoError(t, err)
	boards := map[string]board{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		var read struct {
			UID    string
			Panels []struct {
				ID     int
				Panels []struct{ ID int }
			}
			Templating struct{ List []struct{ Name string } }
		}
		require.NoError(t, json.Unmarshal(text, &read))
		b := board{map[int]bool{}, map[string]bool{}}
		for _, panel := range read.Panels {
			b.panels[panel.ID] = true
			for _, inner := range panel.Panels {
				b.panels[inner.ID] = true
			}
		}
		for _, variable := range read.Templating.List {
			b.variables[variable.Name] = true
		}
		boards[read.UID] = b
	}
	return boards
}

// provisionedSources are the uids in provisioning/datasources.
func provisionedSources(t testing.TB) map[string]bool {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(provisioning, "datasources", "*.y*ml"))
	require.NoError(t, err)
	uids := map[string]bool{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		var file struct {
			Datasources []struct{ UID string } `yaml:"datasources"`
		}
		require.NoError(t, yaml.Unmarshal(text, &file))
		for _, source := range file.Datasources {
			uids[source.UID] = true
		}
	}
	return uids
}
