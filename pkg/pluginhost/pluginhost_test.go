package pluginhost

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/stretchr/testify/require"
)

// A start that cannot work says what to do. What a started plugin answers is tested in package plugin.
func TestStartsThatCannotWorkAreExplained(t *testing.T) {
	folder := t.TempDir()
	notExecutable := filepath.Join(folder, "plain")
	require.NoError(t, os.WriteFile(notExecutable, []byte("#!/bin/sh\n"), 0o600))
	notAPlugin := filepath.Join(folder, "script")
	require.NoError(t, os.WriteFile(notAPlugin, []byte("#!/bin/sh\necho hello\n"), 0o700))

	for binary, complaint := range map[string]string{
		filepath.Join(folder, "missing"): "build it with: go tool mage build",
		notExecutable:                    "chmod +x",
		notAPlugin:                       "is not a Grafana plugin",
	} {
		_, err := Start(t.Context(), binary, Options{})
		require.ErrorContains(t, err, complaint)
		require.ErrorContains(t, err, binary)
	}
}

func TestAStartCanBeGivenUp(t *testing.T) {
	hangs := filepath.Join(t.TempDir(), "hangs")
	require.NoError(t, os.WriteFile(hangs, []byte("#!/bin/sh\nexec sleep 5\n"), 0o700))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	begun := time.Now()
	_, err := Start(ctx, hangs, Options{})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Less(t, time.Since(begun), 2*time.Second)
}

func TestAPluginRunsUntilItIsStopped(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "gpx_sightline_rum")
	build := exec.Command("go", "build", "-o", binary, "..")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	said, err := build.CombinedOutput()
	require.NoError(t, err, string(said))

	starting, cancel := context.WithCancel(t.Context())
	host, err := Start(starting, binary, Options{})
	require.NoError(t, err)
	cancel()
	require.False(t, host.Exited(), "the context of the start bounds the start only")

	source := &backend.DataSourceInstanceSettings{JSONData: []byte(`{}`), Updated: time.Now()}
	result, err := host.CheckHealth(t.Context(), &backend.CheckHealthRequest{
		PluginContext: backend.PluginContext{PluginID: "sightline-rum-datasource", DataSourceInstanceSettings: source}})
	require.NoError(t, err)
	require.Equal(t, backend.HealthStatusError, result.Status)

	host.Stop()
	require.True(t, host.Exited())
	_, err = host.QueryData(t.Context(), &backend.QueryDataRequest{})
	require.ErrorContains(t, err, "query data:")
}
