package ingest

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// operatorsCalls are one valid request to each endpoint for operators.
func operatorsCalls() []call {
	return []call{
		{method: http.MethodPost, path: "/v1/deploys", body: `{"app":"shop","release":"1"}`},
		{method: http.MethodPut, path: "/v1/sourcemaps/shop/1/main.js.map",
			body: `{"version":3,"sources":[],"mappings":""}`},
		{method: http.MethodPost, path: "/v1/erasures", body: `{"session":"a"}`},
		{method: http.MethodGet, path: "/v1/erasures/none"},
		{method: http.MethodPost, path: "/v1/quarantine/replay", body: `{}`},
	}
}

// As with every cross-site request, what counts is that the page cannot ask, and cannot read what it was answered.
func TestNoPageReachesAnEndpointForOperators(t *testing.T) {
	for name, s := range map[string]*sidecar{
		"open": start(t, ""), "with a token": start(t, "admin_token_sha256: "+hash("t0ken")),
	} {
		for _, c := range append(operatorsCalls(), call{method: http.MethodGet, path: "/metrics"}) {
			for _, origin := range []string{"https://evil.example", "null", "http://127.0.0.1:8787"} {
				c.header = map[string]string{"Origin": origin}
				a := s.do(c)
				require.Empty(t, a.header.Get("Access-Control-Allow-Origin"), "%s: %s %s", name, c.method, c.path)
				if c.path == "/metrics" { // a page may ask for it, but not read it
					require.Equal(t, 200, a.status)
					require.Contains(t, a.body, "sightline_requests_total")
				} else {
					require.Contains(t, []int{401, 403}, a.status, "%s: %s %s", name, c.method, c.path)
				}
				asked := s.do(call{method: http.MethodOptions, path: c.path, header: map[string]string{"Origin": origin,
					"Access-Control-Request-Method": c.method, "Access-Control-Request-Private-Network": "true"}})
				require.Equal(t, 403, asked.status)
				require.Empty(t, asked.header.Get("Access-Control-Allow-Origin"))
				require.Empty(t, asked.header.Get("Access-Control-Allow-Private-Network"))
			}
		}
		require.Zero(t, s.spool.Depth(), name)
	}
}

// A page whose name leads to this machine is of the same origin as the sidecar, and its GET names no origin at all.
func TestANameThatLeadsToThisMachineIsNotThisMachine(t *testing.T) {
	s := start(t, "")
	ask := func(host string, c call) int {
		r, err := http.NewRequest(c.method, s.http.URL+c.path, strings.NewReader(c.body))
		require.NoError(t, err)
		r.Host = host
		r.Header.Set("Content-Type", "application/json")
		a, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		require.NoError(t, a.Body.Close())
		return a.StatusCode
	}
	for _, c := range operatorsCalls() {
		for _, host := range []string{"evil.example", "evil.example:8787", "127.0.0.1.evil.example",
			"localhost.evil.example",
			"notlocalhost", "[evil]:8787"} {
			require.Equal(t, 403, ask(host, c), "%s %s", host, c.path)
		}
		for _, host := range []string{"localhost:8787", "127.0.0.1:8787", "[::1]:8787", "LOCALHOST",
			"sightline.localhost"} {
			require.Contains(t, []int{200, 202, 400, 404}, ask(host, c), "%s %s", host, c.path)
		}
	}
}

func TestAnAppsKeyIsNoAdminToken(t *testing.T) {
	for name, config := range map[string]string{
		"no token": fmt.Sprintf(keyed, hash("k1"), "1000"),
		"a token":  "admin_token_sha256: " + hash("t0ken") + fmt.Sprintf(keyed, hash("k1"), "1000"),
	} {
		s := start(t, config)
		for _, c := range operatorsCalls() {
			for _, token := range []string{"k1", "", "t0ke", "t0kenx", hash("t0ken"), "T0KEN", "t0ken\tx"} {
				c.header = map[string]string{"Origin": "", "X-Api-Key": "k1", "Authorization": "Bearer " + token}
				path := c.path
				c.path += "?key=k1"
				require.Equal(t, 401, s.do(c).status, "%s: %s with %q", name, c.path, token)
				c.path = path
			}
			for _, scheme := range []string{"Basic t0ken", "t0ken", "bearer t0ken", "Bearer"} {
				c.header = map[string]string{"Origin": "", "Authorization": scheme}
				require.Equal(t, 401, s.do(c).status, "%s: %s with %s", name, c.path, scheme)
			}
		}
		require.Zero(t, s.spool.Depth(), name)
	}
}

// What a beacon says of its app, in whatever field its format has for it, counts for nothing with a key.
func TestAKeyWritesIntoItsOwnAppAlone(t *testing.T) {
	s := start(t, fmt.Sprintf(keyed, hash("k1"), "100000"))
	payloads := map[string][]call{}
	add := func(format, path, media, captures string) {
		files, err := filepath.Glob(captures)
		require.NoError(t, err)
		require.NotEmpty(t, files)
		for _, file := range files {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			payloads[format] = append(payloads[format], call{path: path, body: string(text),
				header: map[string]string{"Content-Type": media}})
		}
	}
	add("faro", "/collect?key=k1", "application/json", "testdata/faro/*.json")
	add("otlp-logs", "/v1/logs?key=k1", "application/json", "testdata/otlp/logs-*.json")
	add("otlp-traces", "/v1/traces?key=k1", "application/json", "testdata/otlp/traces-*.json")
	add("web-vitals", "/v1/vitals?key=k1&app=other", "text/plain", "testdata/vitals/*.json")
	add("boomerang", "/v1/boomerang?key=k1&app=other", "application/x-www-form-urlencoded", "testdata/boomerang/*.txt")
	add("reports", "/v1/reports?key=k1&app=other", "application/reports+json", "testdata/reports/*.json")
	for _, f := range formats {
		require.Contains(t, payloads, f.name, "a format without a payload here")
	}
	for format, calls := range payloads {
		taken := 0
		for _, c := range calls {
			if s.do(c).status < 300 {
				taken++
			}
			records, _ := s.kept()
			for _, r := range records {
				require.Equal(t, "shop", r.Beacon.Context.App, format)
			}
		}
		require.NotZero(t, taken, "nothing of %s was taken", format)
	}
	kept, err := s.rejected.List()
	require.NoError(t, err)
	for _, e := range kept {
		require.Equal(t, "shop", e.App)
	}
}

// Its url becomes a link in Grafana.
func TestADeployLeadsNowhereButToTheWeb(t *testing.T) {
	s := start(t, "")
	deploy := func(url string) answer {
		return s.do(call{path: "/v1/deploys", header: nobodysPage,
			body: fmt.Sprintf(`{"app":"shop","release":"1","url":%q}`, url)})
	}
	for _, url := range []string{
		"javascript:alert(1)", "JaVaScRiPt:alert(1)", " javascript:alert(1)", "java\tscript:alert(1)",
		"//evil.example/x",
		"data:text/html,x", "vbscript:x", "file:///etc/passwd", "/d/other", "https://",
		"https://user:pass@evil.example/",
	} {
		a := deploy(url)
		require.Equal(t, 400, a.status, url)
		require.Contains(t, a.body, "https://", url)
	}
	for _, url := range []string{"", "https://ci.example/1?x=${__user.email}", "http://ci/1#x"} {
		require.Equal(t, 202, deploy(url).status, url)
	}
}
