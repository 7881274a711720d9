package plugin

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
)

// FuzzResource asks for any resource as a Viewer of a data source that answers for one app. Every answer is JSON with a
// status that says whose fault it is, and none is about another app.
func FuzzResource(f *testing.F) {
	writer, database := migratedStore(f)
	visit(f, writer, "shop", "production", time.Now().Add(-10*time.Minute))
	visit(f, writer, "intranet", "secret-environment", time.Now().Add(-10*time.Minute))
	made, err := New(context.Background(), *dataSource(f, database, map[string]any{"apps": []string{"shop"}}))
	if err != nil {
		f.Fatal(err)
	}
	instance := made.(*Instance)
	f.Cleanup(instance.Dispose)
	for _, seed := range [][3]string{
		{"GET", "schema", ""}, {"GET", "apps", ""}, {"GET", "environments", "app=intranet"}, {"GET", "tag-values",
			"key=route&app=*"},
		{"GET", "tag-values", "key=sessionId&app=shop&of=session"}, {"GET", "../apps", ""}, {"GET", "//apps",
			"app=$__all"},
		{"GET", "tag-values", `key=route&filters=[{"key":"app","operator":"=~","values":[".*"]}]`}, {"POST", "apps",
			""},
		{"GET", "tag-keys", "queryType=SESSIONS"}, {"GET", "tag-values", "key=route&from=now-9999999d&to=1e400"},
		{"GET", "apps/%2e%2e", "%zz"},
		{"GET", "environments", "app=shop&app=intranet&environment=*"}, {"GET", "tag-values",
			"key=environment&app=intranet"},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	f.Fuzz(func(t *testing.T, method, path, parameters string) {
		request := &backend.CallResourceRequest{PluginContext: backend.PluginContext{User: &backend.User{Role: "Viewer"}},
			Method: method, Path: path, URL: path + "?" + parameters, Headers: map[string][]string{}}
		var got *backend.CallResourceResponse
		err := instance.CallResource(t.Context(), request,
			backend.CallResourceResponseSenderFunc(func(r *backend.CallResourceResponse) error {
				got = r
				return nil
			}))
		if err != nil || got == nil {
			return // no request that HTTP has
		}
		if strings.Contains(string(got.Body), "secret-environment") {
			t.Fatalf("%s %s?%s tells of another app: %s", method, path, parameters, got.Body)
		}
		switch {
		case got.Status >= 300 && got.Status < 400: // the router's own, to the path without dots
		case got.Status >= 500:
			t.Fatalf("%s %s?%s: %d %s", method, path, parameters, got.Status, got.Body)
		case method != http.MethodHead && !json.Valid(got.Body):
			t.Fatalf("%s %s?%s is answered with no JSON: %s", method, path, parameters, got.Body)
		}
	})
}

// FuzzSettings reads whatever Grafana stores for a data source. An error is one line, and never has a secret in it.
func FuzzSettings(f *testing.F) {
	for _, seed := range []string{``, `{}`, `null`, `[]`, `{"address":"127.0.0.1:8123"}`,
		`{"address":"a,b:1,[::1]","secure":true}`,
		`{"address":"http://u:p@h"}`, `{"apps":[""," a "],"minViews":-1}`, `{"address":1}`,
		`{"tempoUrl":"http://u:p@tempo","address":"a"}`,
		`{"address":"h:99999"}`, `{"address":"h","sessionRole":"viewer"}`, `{"password":"x","Password":"y","-":"z"}`} {
		f.Add([]byte(seed))
	}
	const canary = "c4n4ry-s3cr3t"
	f.Fuzz(func(t *testing.T, text []byte) {
		settings, err := ParseSettings(backend.DataSourceInstanceSettings{JSONData: text,
			DecryptedSecureJSONData: map[string]string{
				"password": canary, "tlsCACert": canary, "tlsClientCert": canary, "tlsClientKey": canary}})
		if err != nil {
			if strings.Contains(err.Error(), canary) && !strings.Contains(string(text), canary) {
				t.Fatalf("the error has a secret in it: %v", err)
			}
			return
		}
		if settings.Password != canary || settings.Address == "" || rank(settings.SessionRole) == 0 {
			t.Fatalf("unusable settings are taken: %+v", settings)
		}
	})
}
