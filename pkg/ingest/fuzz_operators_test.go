package ingest

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sightline-rum/sightline/pkg/enrich"
	"github.com/sightline-rum/sightline/pkg/erase"
	"github.com/sightline-rum/sightline/pkg/quarantine"
	"github.com/sightline-rum/sightline/pkg/sourcemap"
)

// discard takes every record.
type discard struct{}

func (discard) Append(context.Context, []byte) error { return nil }

// FuzzOperators sends anything to the endpoints for operators, from this machine, where no token is needed.
func FuzzOperators(f *testing.F) {
	for _, c := range operatorsCalls() {
		f.Add(c.method, c.path, "application/json", []byte(c.body))
	}
	f.Add("PUT", "/v1/sourcemaps/..%2f..%2fetc/%00/..%2f..%2fpasswd.map", "", []byte(`{"version":3}`))
	f.Add("PUT", "/v1/sourcemaps/a/b/c/../../../d.js.map", "",
		[]byte(`{"version":3,"sources":["https://evil.example/x"]}`))
	f.Add("GET", "/v1/erasures/..%2f..%2fsecret", "", []byte(nil))
	f.Add("POST", "/v1/erasures", "application/json", []byte(`{"app":"../x","all":true,"by":"\u0000\n"}`))
	f.Add("POST", "/v1/quarantine/replay", "application/json", []byte(`{"ids":[],"reason":"[["}`))
	folder := f.TempDir()
	outside := filepath.Join(folder, "outside")
	inside := filepath.Join(folder, "data")
	if err := os.MkdirAll(inside, 0o700); err != nil {
		f.Fatal(err)
	}
	maps, err := sourcemap.Open(filepath.Join(inside, "sourcemaps"), sourcemap.Limits{})
	if err != nil {
		f.Fatal(err)
	}
	erasures, err := erase.Open(erase.Options{Folder: filepath.Join(inside, "erasures"),
		Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		f.Fatal(err)
	}
	pipeline, err := enrich.New(enrich.Config{})
	if err != nil {
		f.Fatal(err)
	}
	server, err := New(Options{Spool: discard{}, Pipeline: pipeline, Counters: NewCounters(), UserKey: []byte("k"),
		Logger: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry(), SourceMaps: maps, Erasures: erasures,
		Quarantine: quarantine.Open(filepath.Join(inside, "quarantine"), quarantine.Options{})})
	if err != nil {
		f.Fatal(err)
	}
	handler := server.AdminHandler()
	f.Fuzz(func(t *testing.T, method, path, media string, body []byte) {
		r, err := http.NewRequest(method, "http://127.0.0.1:8787", bytes.NewReader(body))
		if err != nil {
			return
		}
		address, err := r.URL.Parse(path)
		if err != nil || address.Host != r.URL.Host {
			return
		}
		r.URL, r.RemoteAddr = address, "127.0.0.1:1"
		r.Header.Set("Content-Type", media)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if w.Code >= 500 && !strings.Contains(w.Body.String(), "try again") {
			t.Fatalf("%s %s: %d %s", method, path, w.Code, w.Body)
		}
		entries, err := os.ReadDir(folder)
		if err != nil || len(entries) != 1 {
			t.Fatalf("%s %s wrote outside of its folder: %v %v", method, path, entries, err)
		}
		if _, err := os.Stat(outside); err == nil {
			t.Fatal("something was written outside")
		}
	})
}

// FuzzForwardedSpans scrubs whatever spans a page sends before they go to a trace store.
func FuzzForwardedSpans(f *testing.F) {
	for _, pattern := range []string{"testdata/otlp/traces-*.json", "testdata/otlp/traces-*.pb"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			f.Fatalf("no captures at %s: %v", pattern, err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(text, strings.HasSuffix(file, ".pb"))
		}
	}
	f.Fuzz(func(t *testing.T, spans []byte, protobuf bool) {
		packed, err := scrubbedSpans(spans, protobuf)
		if err == nil && len(packed) == 0 {
			t.Fatal("nothing to send, and no error")
		}
	})
}

// FuzzConfig reads any text as a configuration. What is valid can be run with.
func FuzzConfig(f *testing.F) {
	example, err := os.ReadFile("../../docs/config.example.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(example)
	for _, text := range []string{"", "a: &a [*a, *a]", "apps: {shop: {keys: [{sha256: x}]}}",
		"limits: {body_bytes: -1}",
		"open_key: yes", "region: {database: /etc/passwd}", "trusted_proxies: [0.0.0.0/0]", "? [a]\n: b", "apps: [",
		"retention: 1e99d"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		config, err := ParseConfig(text)
		if err != nil {
			if err.Error() == "" {
				t.Fatal("an error that says nothing")
			}
			return
		}
		newKeyring(&config)
		if limits := config.limits(); limits.BodyBytes <= 0 || limits.Items <= 0 {
			t.Fatalf("a configuration without limits is valid: %+v", limits)
		}
	})
}
