package ingest

import (
	"compress/gzip"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/agent"
	"github.com/sightline-rum/sightline/pkg/erase"
	"github.com/sightline-rum/sightline/pkg/rum"
)

// nobodysPage is a request that no page made.
var nobodysPage = map[string]string{"Origin": ""}

func TestSourceMapsAreTakenFromWhoHasTheToken(t *testing.T) {
	text, err := os.ReadFile("../sourcemap/testdata/bundles/esbuild.3f2a1bc9.js.map")
	require.NoError(t, err)
	s := start(t, "")
	put := func(path, body string, header map[string]string) answer {
		return s.do(call{method: http.MethodPut, path: path, body: body, header: header})
	}
	const path = "/v1/sourcemaps/shop/2.5.1%2Brc/js/esbuild.3f2a1bc9.js.map"
	require.Equal(t, 202, put(path, string(text), nobodysPage).status)
	_, found := s.maps.Find("shop", "2.5.1+rc", "https://shop.example/js/esbuild.3f2a1bc9.js", 1, 144)
	require.True(t, found)

	require.Equal(t, 403, put(path, string(text), nil).status, "a web page may not upload")
	a := put("/v1/sourcemaps/shop/1/main.js.map", "<html>", nobodysPage)
	require.Equal(t, 400, a.status)
	require.Contains(t, a.body, "not valid JSON")
	require.Equal(t, 400, put("/v1/sourcemaps/shop/1/main.js", string(text), nobodysPage).status)
	require.Equal(t, 405, s.do(call{path: path, body: "{}", header: nobodysPage}).status)
	require.Equal(t, 413, put(path, strings.Repeat(" ", 64<<20+1), nobodysPage).status)

	s = start(t, "admin_token_sha256: "+hash("t0ken"))
	require.Equal(t, 401, put(path, string(text), nil).status)
	require.Equal(t, 401, put(path, string(text), map[string]string{"Authorization": "Bearer no"}).status)
	packed := &strings.Builder{}
	packer := gzip.NewWriter(packed)
	_, err = packer.Write(text)
	require.NoError(t, err)
	require.NoError(t, packer.Close())
	require.Equal(t, 202, put(path, packed.String(), map[string]string{"Authorization": "Bearer t0ken", "Content-Encoding": "gzip"}).status)
}

func TestErasuresAreTakenFromWhoHasTheToken(t *testing.T) {
	s := start(t, "")
	post := func(body string, header map[string]string) answer {
		return s.do(call{path: "/v1/erasures", body: body, header: header})
	}
	a := post(`{"app":"shop","user":"ann@corp.example","by":"support"}`, nobodysPage)
	require.Equal(t, 202, a.status, a.body)
	require.NotContains(t, a.body, "ann@corp.example")
	var told erase.Status
	require.NoError(t, json.Unmarshal([]byte(a.body), &told))
	require.Equal(t, erase.StateRunning, told.State)
	require.Equal(t, erase.KindUser, told.Kind)
	b := &rum.Beacon{ReceivedAt: 1, Context: rum.Context{App: "shop", UserKey: HashUser(s.userKey, "shop", "ann@corp.example")}}
	require.True(t, s.erasures.Erased(b), "from now on, what comes of them is dropped")
	b.Context.App = "blog"
	require.False(t, s.erasures.Erased(b))

	again := s.do(call{method: http.MethodGet, path: "/v1/erasures/" + told.ID, header: nobodysPage})
	require.Equal(t, 200, again.status)
	require.Equal(t, a.body, again.body)
	require.Equal(t, 404, s.do(call{method: http.MethodGet, path: "/v1/erasures/none", header: nobodysPage}).status)

	for body, want := range map[string]string{
		`{}`:                             "name either a session, or a user and the app, or all of an app",
		`{"user":"ann"}`:                 "name either a session, or a user and the app, or all of an app",
		`{"app":"shop"}`:                 "name either a session, or a user and the app, or all of an app",
		`{"all":true}`:                   "name either a session, or a user and the app, or all of an app",
		`{"session":"a","user":"b"}`:     "name either a session, or a user and the app, or all of an app",
		`{"sesion":"a"}`:                 `unknown field \"sesion\"`,
		`{"app":"shop","session":["a"]}`: "not valid",
		`[`:                              "not valid",
	} {
		a := post(body, nobodysPage)
		require.Equal(t, 400, a.status, body)
		require.Contains(t, a.body, want)
	}
	require.Equal(t, 403, post(`{"session":"a"}`, nil).status, "a web page may not erase")

	s = start(t, "admin_token_sha256: "+hash("t0ken"))
	require.Equal(t, 401, post(`{"session":"a"}`, nobodysPage).status)
	require.Equal(t, 401, s.do(call{method: http.MethodGet, path: "/v1/erasures/x"}).status)
	require.Equal(t, 202, post(`{"session":"a"}`, map[string]string{"Authorization": "Bearer t0ken"}).status)
}

// Whatever endpoint is added, it is a format's, the agent's, one of the shared ones, or for operators alone.
func TestWithAnAdminAddressNoEndpointForOperatorsIsPublic(t *testing.T) {
	s := start(t, "admin_token_sha256: "+hash("t0ken"))
	public, admin := s.server.PublicHandler(), s.server.AdminHandler()
	ask := func(handler http.Handler, method, path string, header map[string]string) int {
		r := httptest.NewRequest(method, path, strings.NewReader("{}"))
		r.Header.Set("Content-Type", "application/json")
		for name, value := range header {
			r.Header.Set(name, value)
		}
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		return w.Code
	}
	beacons := map[string]bool{}
	for _, f := range formats {
		for _, path := range f.paths {
			beacons[path] = true
		}
	}
	forOperators := 0
	for _, e := range s.server.endpoints() {
		path := strings.NewReplacer("{", "", "}", "", "...", "").Replace(e.pattern)
		switch {
		case beacons[e.pattern]:
			require.Equal(t, 404, ask(admin, e.methods[0], path, nil), path)
			require.NotEqual(t, 404, ask(public, e.methods[0], path, nil), path)
		case slices.Contains(agent.Files, path[1:]): // for visitors' pages; public says 404 as well where none is built
			require.Equal(t, 404, ask(admin, e.methods[0], path, nil), path)
		case among(sharedPaths, path):
			require.Equal(t, 200, ask(admin, e.methods[0], path, nil), path)
			require.Equal(t, 200, ask(public, e.methods[0], path, nil), path)
		default:
			forOperators++
			for _, disguised := range []string{path, path + "/", "/" + path, "/x/.." + path, strings.Replace(path, "/v1", "/v1/.", 1)} {
				for _, method := range []string{e.methods[0], http.MethodOptions, http.MethodDelete} {
					require.Equal(t, 404, ask(public, method, disguised, map[string]string{"Authorization": "Bearer t0ken"}), "%s %s", method, disguised)
				}
			}
			if path != "/metrics" { // it says nothing of any visitor, and is scraped
				require.Equal(t, 401, ask(admin, e.methods[0], path, nil), "%s without the token", path)
			}
			require.Equal(t, 405, ask(admin, http.MethodDelete, path, nil), path)
		}
	}
	require.Equal(t, 6, forOperators)
}
