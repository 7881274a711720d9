package ingest

import (
	"bytes"
	"encoding/base64"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
)

// A message about a configuration quotes the lines around what is wrong.
func TestNoErrorAboutAConfigHasASecret(t *testing.T) {
	const canary = "c4n4ry"
	const stores = "stores:\n  eu:\n    clickhouse: clickhouse://user:" + canary + "@host:9000/db\n"
	for _, wrong := range []string{
		"    aps: [shop]\n", "    apps: {\n", "    apps: [shop]\n  eu: 1\n", "    apps: shop: x\n", "\tapps: x\n",
		"    countries: [Germany]\n",
		"    apps: [shop]\nlimits: {body_bytes: many}\n", "    apps: 1\n", "",
	} {
		_, err := ParseConfig([]byte(stores + wrong))
		require.Error(t, err, wrong)
		require.NotContains(t, err.Error(), canary, wrong)
	}
}

func TestTheLoginOfATraceStoreIsNotLogged(t *testing.T) {
	const canary = "c4n4ry"
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, password, _ := r.BasicAuth()
		require.Equal(t, canary, password)
		http.Error(w, "no\n\x1b[2Jtime=now level=INFO msg=forged", http.StatusBadRequest)
	}))
	defer refusing.Close()
	for _, endpoint := range []string{strings.Replace(refusing.URL, "http://", "http://user:"+canary+"@", 1),
		"http://user:" + canary + "@127.0.0.1:1"} {
		var logs bytes.Buffer
		forwarder, err := NewForwarder(endpoint, NewCounters(), slog.New(slog.NewTextHandler(&logs, nil)),
			prometheus.NewRegistry())
		require.NoError(t, err)
		err = forwarder.post(t.Context(), []byte("x"))
		require.Error(t, err)
		forwarder.logger.Warn("spans were not forwarded", "error", err)
		require.NotContains(t, logs.String(), canary)
		require.NotContains(t, logs.String(), base64.StdEncoding.EncodeToString([]byte("user:"+canary)))
		require.Equal(t, 1, strings.Count(logs.String(), "\n"), "one line, whatever the store says: %s", logs.String())
		require.NotContains(t, logs.String(), "\x1b")
	}
	for _, endpoint := range []string{"ftp://user:" + canary + "@host", "http://user:" + canary + "@host:x",
		"user:" + canary + "@host"} {
		_, err := NewForwarder(endpoint, NewCounters(), slog.New(slog.NewTextHandler(io.Discard, nil)),
			prometheus.NewRegistry())
		require.Error(t, err, endpoint)
		require.NotContains(t, err.Error(), canary)
	}
}
