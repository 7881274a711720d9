package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/demo"
	"github.com/sightline-rum/sightline/pkg/engine"
)

// realGrafana is a Grafana with the built plugin and a sidecar's engine behind it.
type realGrafana struct {
	t       testing.TB
	address string
	secrets []string // that no answer may have in it
}

// startGrafana starts the Grafana that GRAFANA_HOME names. Its plugin is this tree's back end, without a front end.
func startGrafana(t *testing.T, s *sidecar) *realGrafana {
	home := os.Getenv("GRAFANA_HOME")
	if home == "" {
		t.Skip("GRAFANA_HOME names no Grafana to try this with: unpack one (10.1 or newer) and set it to its folder")
	}
	access, err := engine.ReadAccess(s.data)
	require.NoError(t, err)
	plugin := t.TempDir()
	for from, to := range map[string]string{"../../plugin.json": "plugin.json",
		pluginBinary: filepath.Base(pluginBinary)} {
		content, err := os.ReadFile(from)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(plugin, to), content, 0o755))
	}
	g := &demo.Grafana{Home: home, Folder: t.TempDir(), Address: freeAddress(t), Plugin: plugin,
		Provisioning: "../../provisioning", Dashboards: "../../src/dashboards", Engine: access.Address,
		Database: access.Database,
		User:     access.Reader.User, Password: access.Reader.Password, App: "shop"}
	running, err := g.Start()
	require.NoError(t, err)
	t.Cleanup(running.Stop)
	started := &realGrafana{t: t, address: "http://" + g.Address,
		secrets: []string{access.Reader.Password, access.Writer.Password}}
	require.Eventually(t, func() bool {
		answer, err := http.Get(started.address + "/api/health")
		if err != nil {
			return false
		}
		answer.Body.Close()
		return answer.StatusCode == http.StatusOK
	}, 5*time.Minute, 200*time.Millisecond, "Grafana never became ready")
	return started
}

// ask sends a request as somebody whose password is their name, and holds every answer to having no secret in it.
func (g *realGrafana) ask(user, method, path, body string, header map[string]string) (status int, said string) {
	g.t.Helper()
	r, err := http.NewRequest(method, g.address+path, strings.NewReader(body))
	require.NoError(g.t, err)
	r.SetBasicAuth(user, user)
	r.Header.Set("Content-Type", "application/json")
	for name, value := range header {
		r.Header[name] = []string{value}
	}
	answer, err := http.DefaultTransport.RoundTrip(r)
	require.NoError(g.t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	require.NoError(g.t, err)
	for _, secret := range g.secrets {
		require.NotContains(g.t, string(text), secret, "%s %s as %s", method, path, user)
	}
	return answer.StatusCode, string(text)
}

// query asks the plugin through Grafana, with whatever else the request's body is to say.
func (g *realGrafana) query(user, query string, header map[string]string, more string) (status int, said string) {
	now := time.Now()
	return g.ask(user, http.MethodPost, "/api/ds/query", fmt.Sprintf(
		`{"from":"%d","to":"%d"%s,"queries":[{"refId":"A","datasource":{"uid":"sightline","type":"sightline-rum-datasource"}%s}]}`,
		now.Add(-time.Hour).UnixMilli(), now.Add(time.Minute).UnixMilli(), more, query), header)
}

func TestAViewerOfARealGrafanaGetsNoFurtherThanTheirRole(t *testing.T) {
	s := startSidecar(t)
	const session = "c4n4ry-session"
	beacon := fmt.Sprintf(`{"meta":{"app":{"name":"shop","environment":"production"},"session":{"id":%q},"view":{"name":"/a"}},
		"exceptions":[{"type":"TypeError","value":"boom","timestamp":%q}],
		"measurements":[{"type":"web-vitals","values":{"lcp":100},"timestamp":%[2]q}]}`,
		session, time.Now().UTC().Format(time.RFC3339))
	sent, err := http.NewRequest(http.MethodPost, s.url("/collect"), strings.NewReader(beacon))
	require.NoError(t, err)
	sent.Header.Set("Content-Type", "application/json")
	sent.Header.Set("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0") // no bot's
	answer, err := http.DefaultClient.Do(sent)
	require.NoError(t, err)
	require.Equal(t, http.StatusAccepted, answer.StatusCode)
	require.NoError(t, answer.Body.Close())
	s.waitDrained()
	grafana := startGrafana(t, s)
	for _, user := range []string{"viewer", "editor"} {
		status, said := grafana.ask(demo.Admin, http.MethodPost, "/api/admin/users", fmt.Sprintf(
			`{"name":%[1]q,"login":%[1]q,"email":"%[1]s@example.com","password":%[1]q,"OrgId":1}`, user), nil)
		require.Equal(t, http.StatusOK, status, said)
		if user == "editor" {
			var made struct{ ID int }
			require.NoError(t, json.Unmarshal([]byte(said), &made))
			status, said = grafana.ask(demo.Admin, http.MethodPatch, fmt.Sprintf("/api/orgs/1/users/%d", made.ID),
				`{"role":"Editor"}`, nil)
			require.Equal(t, http.StatusOK, status, said)
		}
	}
	status, said := grafana.ask(demo.Admin, http.MethodGet, "/api/datasources/uid/sightline", "", nil)
	require.Equal(t, http.StatusOK, status, said)
	var source struct{ ID int }
	require.NoError(t, json.Unmarshal([]byte(said), &source))

	t.Run("the data proxy forwards nothing", func(t *testing.T) {
		const sql = "SELECT%20concat('prox','ied')"
		for _, user := range []string{"viewer", "editor", demo.Admin} {
			for _, base := range []string{"/api/datasources/proxy/uid/sightline",
				fmt.Sprintf("/api/datasources/proxy/%d", source.ID)} {
				for _, path := range []string{"/?query=" + sql, "?query=" + sql, "/ping", "//?query=" + sql,
					"/%2e%2e/?query=" + sql, "/metrics",
					"/http://127.0.0.1:8123/?query=" + sql} {
					for _, method := range []string{http.MethodGet, http.MethodPost} {
						status, said := grafana.ask(user, method, base+path, "SELECT concat('prox','ied')", nil)
						require.NotEqual(t, http.StatusOK, status, "%s %s as %s: %s", method, path, user, said)
						require.NotContains(t, said, "proxied")
						require.NotContains(t, said, "Ok.\n")
					}
				}
			}
		}
	})

	t.Run("a session is shown from the session role on, whatever the request claims", func(t *testing.T) {
		const sessions = `,"queryType":"sessions","app":"shop"`
		_, said := grafana.query("editor", sessions, nil, "")
		require.Contains(t, said, session, "the session is there to be seen")
		for name, header := range map[string]map[string]string{
			"nothing": nil, "an alert": {"FromAlert": "true"}, "an alert, prefixed": {"http_FromAlert": "true"},
			"a user": {"X-Grafana-User": "admin"}, "a proxy's user": {"X-WEBAUTH-USER": "admin"},
			"an organisation": {"X-Grafana-Org-Id": "1"},
			"a scheduler":     {"X-Grafana-User": "grafana_scheduler", "FromAlert": "true"},
			"a cache":         {"X-Cache-Skip": "true"},
			"an id":           {"X-Grafana-Id": "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ1c2VyOjEifQ."},
			"an expression":   {"X-Grafana-From-Expr": "true"},
		} {
			for _, more := range []string{"", `,"user":{"role":"Admin"},"pluginContext":{"user":{"role":"Admin"}}`} {
				for _, query := range []string{sessions, `,"QUERYTYPE":"sessions","app":"shop"`,
					sessions + `,"user":{"role":"Admin"},"role":"Admin"`,
					sessions + `,"datasource":{"uid":"sightline","jsonData":{"sessionRole":"Viewer"}}`,
					`,"queryType":"session","sessionId":"` + session + `"`, `,"queryType":"traces","app":"shop"`,
					`,"queryType":"errors","app":"shop","format":"table","exemplars":true`,
					`,"queryType":"errors","app":"shop","rawFields":true,"groupBy":["sessionId"]`} {
					status, said := grafana.query("viewer", query, header, more)
					if status == http.StatusOK {
						require.NotContains(t, said, session, "%s: %s", name, query)
					} else {
						require.Contains(t, []int{400, 403}, status, "%s: %s: %s", name, query, said)
					}
				}
			}
		}
	})

	t.Run("no resource leads out of the plugin", func(t *testing.T) {
		const base = "/api/datasources/uid/sightline/resources/"
		status, said := grafana.ask("viewer", http.MethodGet, base+"apps", "", nil)
		require.Equal(t, http.StatusOK, status, said)
		require.JSONEq(t, `["shop"]`, said)
		for _, path := range []string{"../../../../admin/settings", "%2e%2e/%2e%2e/admin/settings",
			"tag-values?key=sessionId", "SCHEMA", "apps/../sessions",
			"tag-values?key=userKey", "sessions", "query", ""} {
			status, said := grafana.ask("viewer", http.MethodGet, base+path, "", map[string]string{"FromAlert": "true"})
			require.NotContains(t, said, session)
			require.NotEqual(t, http.StatusOK, status, "%s: %s", path, said)
			require.Less(t, status, 500, "%s: %s", path, said)
		}
	})

	t.Run("what a Viewer's browser is given holds no secret", func(t *testing.T) {
		for _, path := range []string{"/api/frontend/settings", "/api/datasources/uid/sightline", "/api/datasources",
			"/api/datasources/uid/sightline/health",
			"/api/plugins/sightline-rum-datasource/settings", "/"} {
			grafana.ask("viewer", http.MethodGet, path, "", nil) // which looks for them
		}
	})
}
