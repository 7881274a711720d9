package shop

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

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

func TestEveryPageIsMeasured(t *testing.T) {
	shop := open(t, Config{FaroBundle: bundle(t), Release: "2.5.0"})
	for _, path := range []string{"/", "/category/coffee", "/product/101", "/search?q=lamp", "/cart", "/checkout",
		"/account"} {
		answer, page := get(t, shop.URL+path)
		require.Equal(t, http.StatusOK, answer.StatusCode, path)
		require.Contains(t, page, `<script src="/assets/faro.js"></script>`, path)
		settings := regexp.MustCompile(`id="telemetry">(.*?)</script>`).FindStringSubmatch(page)
		require.NotNil(t, settings, path)
		var read map[string]string
		require.NoError(t, json.Unmarshal([]byte(settings[1]), &read))
		require.Equal(t, map[string]string{
			"collector": "http://127.0.0.1:8787/collect", "app": "shop", "environment": "production", "release": "2.5.0",
		}, read)
		require.NotContains(t, page, "Nothing is measured")
	}
}

func TestEveryFileThatPagesNameIsThere(t *testing.T) {
	shop := open(t, Config{FaroBundle: bundle(t)})
	named := regexp.MustCompile(`(?:src|href)="(/[^"]*)"`)
	for _, path := range []string{"/", "/category/toys", "/product/130", "/search?q=e", "/cart", "/checkout", "/account"} {
		_, page := get(t, shop.URL+path)
		for _, m := range named.FindAllStringSubmatch(page, -1) {
			answer, _ := get(t, shop.URL+m[1])
			require.Equal(t, http.StatusOK, answer.StatusCode, "%s names %s", path, m[1])
		}
	}
}

func TestAMissingBundleIsSaidOnThePage(t *testing.T) {
	shop := open(t, Config{FaroBundle: "bin/demo/not-there.js"})
	_, page := get(t, shop.URL)
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
