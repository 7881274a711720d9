package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheShopSendsItsTelemetryToTheTempoAndLokiThatGrafanaAsks(t *testing.T) {
	flags := backendFlags{Tempo: "http://tempo.internal:3200", Loki: "https://loki.internal/base/"}
	config, err := flags.config("data", "2.5.0")
	require.NoError(t, err)
	require.Equal(t, "http://tempo.internal:4318/v1/traces", config.Traces)
	require.Equal(t, "https://loki.internal/base/otlp/v1/logs", config.Logs)
	require.Equal(t, "data/backend", config.Folder)

	config, err = (&backendFlags{}).config("", "")
	require.NoError(t, err)
	require.Empty(t, config.Traces+config.Logs+config.Folder, "without addresses and a folder nothing is kept or sent")

	_, err = (&backendFlags{Tempo: "tempo:3200"}).config("", "")
	require.ErrorContains(t, err, `--tempo "tempo:3200" is no address: it looks like http://127.0.0.1:3200`)
}
