package shop

import (
	"encoding/json"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func open(t *testing.T, config Config) *httptest.Server {
	t.Helper()
	if config.CollectorURL == "" {
		config.CollectorURL = "http://127.0.0.1:8787/collect"
	}
	handler, err := New(config)
	require.NoError(t, err)
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server
}

func get(t *testing.T, url string) (*http.Response, string) {
	t.Helper()
	answer, err := http.Get(url)
	require.NoError(t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return answer, string(text)
}

func bundle(t *testing.T) string {
	path := filepath.Join(t.TempDir(), "faro.js")
	require.NoError(t, os.WriteFile(path, []byte("window.GrafanaFaroWebSdk = {}"), 0o600))
	return path
}

// routes are the pages' routes by an address of each.
var routes = map[string]string{"/": "/", "/category/coffee": "/category/:slug", "/product/101": "/product/:id",
	"/search?q=lamp": "/search", "/cart": "/cart", "/checkout": "/checkout", "/account": "/account",
	"/account/addresses/home": "/account/addresses/:name"}

// attribute is the value of one of the attributes of the agent's script tag.
func attribute(page, name string) string {
	tag := regexp.MustCompile(`(?s)<script async crossorigin .*?</script>`).FindString(page)
	value := regexp.MustCompile(` ` + name + `="([^"]*)"`).FindStringSubmatch(tag)
	if value == nil {
		return ""
	}
	return html.UnescapeString(value[1])
}

func TestEveryPageHasTheAgentsScriptTag(t *testing.T) {
	shop := open(t, Config{Release: "2.6.0+dev"})
	for path, route := range routes {
		answer, page := get(t, shop.URL+path)
		require.Equal(t, http.StatusOK, answer.StatusCode, path)
		require.Equal(t, "http://127.0.0.1:8787/agent.js", attribute(page, "src"), path)
		require.Equal(t, "shop", attribute(page, "data-app"))
		require.Equal(t, "2.6.0+dev", attribute(page, "data-release"))
		require.Equal(t, "production", attribute(page, "data-environment"))
		require.Equal(t, route, attribute(page, "data-route"), path)
		require.Empty(t, attribute(page, "data-key"))
		require.Empty(t, attribute(page, "data-consent"))
		require.NotContains(t, page, "faro.js")
	}
}

func TestTheAgentComesFromBesideTheCollector(t *testing.T) {
	for collector, want := range map[string][2]string{
		"https://rum.example/collect":              {"https://rum.example/agent.js", ""},
		"https://rum.example/collect/":             {"https://rum.example/agent.js", ""},
		"https://rum.example/collect/k1":           {"https://rum.example/agent.js", "k1"},
		"https://shop.example/metrics/collect/k1":  {"https://shop.example/metrics/agent.js", "k1"},
		"https://shop.example/metrics/collect?x=1": {"https://shop.example/metrics/agent.js", ""},
	} {
		_, page := get(t, open(t, Config{CollectorURL: collector}).URL)
		require.Equal(t, want, [2]string{attribute(page, "src"), attribute(page, "data-key")}, collector)
	}
	for _, collector := range []string{"https://rum.example/", "https://rum.example/v1/vitals", "://"} {
		_, err := New(Config{CollectorURL: collector})
		require.ErrorContains(t, err, "collector's address", collector)
	}
}

func TestTheHelpPageAndWhoeverAsksHaveFaro(t *testing.T) {
	shop := open(t, Config{FaroBundle: bundle(t), Release: "2.5.0"})
	paths := []string{"/help"}
	for path := range routes {
		paths = append(paths, withSwitch(path, "sdk=faro"))
	}
	for _, path := range paths {
		answer, page := get(t, shop.URL+path)
		require.Equal(t, http.StatusOK, answer.StatusCode, path)
		require.Contains(t, page, `<script src="/assets/faro.js"></script>`, path)
		require.NotContains(t, page, "agent.js", path)
		settings := regexp.MustCompile(`id="telemetry">(.*?)</script>`).FindStringSubmatch(page)
		require.NotNil(t, settings, path)
		var read map[string]string
		require.NoError(t, json.Unmarshal([]byte(settings[1]), &read))
		require.Equal(t, map[string]string{
			"collector": "http://127.0.0.1:8787/collect", "app": "shop", "environment": "production", "release": "2.5.0",
		}, read)
		require.NotContains(t, page, "Nothing is measured")
	}
	_, page := get(t, shop.URL+"/help?sdk=agent")
	require.Contains(t, page, "agent.js")
	require.NotContains(t, page, "faro.js")
}

func withSwitch(path, asked string) string {
	if strings.Contains(path, "?") {
		return path + "&" + asked
	}
	return path + "?" + asked
}

func TestAPageCanBeMeasuredByNothing(t *testing.T) {
	_, page := get(t, open(t, Config{FaroBundle: bundle(t)}).URL+"/cart?sdk=none")
	require.NotContains(t, page, "agent.js")
	require.NotContains(t, page, "faro.js")
	require.NotContains(t, page, "sightline =")
}

func TestNothingIsMeasuredBeforeConsentWhereItIsRequired(t *testing.T) {
	_, page := get(t, open(t, Config{}).URL+"/?consent=required")
	require.Equal(t, "required", attribute(page, "data-consent"))
	require.Contains(t, page, `<button id="allow"`)
	require.Contains(t, page, `<button id="refuse"`)
}

func TestAPageHasTheFaultsItIsAskedFor(t *testing.T) {
	shop := open(t, Config{})
	_, plain := get(t, shop.URL)
	for _, fault := range Faults {
		answer, page := get(t, shop.URL+"/?fault="+fault.Name)
		require.Equal(t, http.StatusOK, answer.StatusCode, fault.Name)
		script := `<script src="/assets/faults/` + fault.Name + `.js"></script>`
		require.Equal(t, fault.script, strings.Contains(page, script), fault.Name)
		if fault.script {
			require.Less(t, strings.Index(page, script), strings.Index(page, "agent.js"), "a fault comes before the agent")
			answer, _ := get(t, shop.URL+"/assets/faults/"+fault.Name+".js")
			require.Equal(t, http.StatusOK, answer.StatusCode)
		}
		require.Equal(t, fault.policy, answer.Header.Get("Content-Security-Policy"), fault.Name)
		require.True(t, page != plain || fault.policy != "", "%s changes nothing", fault.Name)
	}
	answer, page := get(t, shop.URL+"/?fault=partner-badge,closed-policy,frozen")
	require.Len(t, answer.Header["Content-Security-Policy"], 2)
	require.Contains(t, page, "frozen.js")
}

func TestWhatNoPageCanBeAskedForIsRefusedWithWhatThereIs(t *testing.T) {
	shop := open(t, Config{})
	for asked, told := range map[string]string{
		"fault=fire":      `there is no fault "fire": choose from slow-picture, missing-picture, heavy-tag`,
		"sdk=boomerang":   `there is no sdk "boomerang": choose one of agent, faro, none`,
		"consent=perhaps": "the only value is required",
	} {
		answer, text := get(t, shop.URL+"/?"+asked)
		require.Equal(t, http.StatusBadRequest, answer.StatusCode)
		require.Contains(t, text, told)
	}
}

func TestASlowPictureIsTheSamePictureLater(t *testing.T) {
	shop := open(t, Config{})
	_, quick := get(t, shop.URL+"/images/hero.svg")
	began := time.Now()
	_, slow := get(t, shop.URL+"/images/hero.svg?slow")
	require.GreaterOrEqual(t, time.Since(began), slowPicture)
	require.Equal(t, quick, slow)
}

func TestEveryFileThatPagesNameIsThere(t *testing.T) {
	shop := open(t, Config{FaroBundle: bundle(t)})
	named := regexp.MustCompile(`(?:src|href)="(/[^"]*)"`)
	for _, path := range []string{"/", "/category/toys", "/product/130", "/search?q=e", "/cart", "/checkout", "/account",
		"/help", "/cart?sdk=faro"} {
		_, page := get(t, shop.URL+path)
		for _, m := range named.FindAllStringSubmatch(page, -1) {
			answer, _ := get(t, shop.URL+m[1])
			require.Equal(t, http.StatusOK, answer.StatusCode, "%s names %s", path, m[1])
		}
	}
}

func TestAMissingBundleIsSaidOnThePage(t *testing.T) {
	shop := open(t, Config{FaroBundle: "bin/demo/not-there.js"})
	_, page := get(t, shop.URL+"/help")
	require.Contains(t, page, "Nothing is measured: bin/demo/not-there.js is missing")
	require.Contains(t, page, "npm run build:demo")
	require.NotContains(t, page, `src="/assets/faro.js"`)
	answer, text := get(t, shop.URL+"/assets/faro.js")
	require.Equal(t, http.StatusNotFound, answer.StatusCode)
	require.Contains(t, text, "npm run build:demo")
}

func TestWhatIsNotThereIs404(t *testing.T) {
	shop := open(t, Config{})
	for _, path := range []string{"/category/nothing", "/product/9", "/product/x", "/nowhere", "/images/9.svg",
		"/assets/nothing.js", "/api/anything"} {
		answer, _ := get(t, shop.URL+path)
		require.Equal(t, http.StatusNotFound, answer.StatusCode, path)
	}
}

func TestWhatIsSearchedForIsNotMarkup(t *testing.T) {
	_, page := get(t, open(t, Config{}).URL+"/search?q=%3Cscript%3Ealert(1)%3C/script%3E")
	require.NotContains(t, page, "<script>alert")
	require.Equal(t, 2, strings.Count(page, "&lt;script&gt;alert(1)"))
}

func TestAShopNeedsACollector(t *testing.T) {
	_, err := New(Config{})
	require.ErrorContains(t, err, "no collector address")
}
