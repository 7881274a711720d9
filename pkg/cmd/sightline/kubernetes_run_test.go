package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"
	core "k8s.io/api/core/v1"

	"github.com/sightline-rum/sightline/pkg/ingest"
)

// started is a container's command line as the program reads it, with the container's variables and with its mounts below
// a folder of the test's.
func (k *kubernetes) started(t *testing.T, c core.Container, volumes []core.Volume) (cli commands, command string) {
	t.Helper()
	root := t.TempDir()
	files := map[string]string{} // where the container sees a file, and where it lies here
	put := func(mount core.VolumeMount, name, text string) {
		path := filepath.Join(root, mount.Name, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		files[mount.MountPath+"/"+name] = path
	}
	for _, mount := range c.VolumeMounts {
		for _, volume := range volumes {
			switch {
			case volume.Name != mount.Name:
			case volume.ConfigMap != nil:
				for name, text := range k.maps[volume.ConfigMap.Name].Data {
					put(mount, name, text)
				}
			case volume.Secret != nil:
				for _, item := range volume.Secret.Items {
					put(mount, item.Path, k.secret.StringData[item.Key])
				}
			}
		}
	}
	here := func(text string) string {
		for there, path := range files {
			text = strings.ReplaceAll(text, there, path)
		}
		return text
	}
	variables := map[string]string{}
	for _, from := range c.EnvFrom {
		for name, value := range k.maps[from.ConfigMapRef.Name].Data {
			variables[name] = value
		}
	}
	for _, variable := range c.Env {
		variables[variable.Name] = here(variable.Value)
		if variable.ValueFrom != nil {
			variables[variable.Name] = k.secret.StringData[variable.ValueFrom.SecretKeyRef.Key]
		}
	}
	arguments := append([]string{}, c.Args...)
	for name, value := range variables {
		t.Setenv(name, value)
		for i := range arguments {
			arguments[i] = strings.ReplaceAll(arguments[i], "$("+name+")", value)
		}
	}
	for i := range arguments {
		arguments[i] = here(arguments[i])
	}
	parser, err := kong.New(&cli, kong.BindTo(t.Context(), (*context.Context)(nil)))
	require.NoError(t, err)
	parsed, err := parser.Parse(arguments)
	require.NoError(t, err)
	return cli, parsed.Command()
}

func TestOnKubernetesTheMigrationIsOfTheSidecarsStore(t *testing.T) {
	k := applied(t)
	pod := k.migrate.Spec.Template.Spec
	cli, command := k.started(t, pod.Containers[0], pod.Volumes)
	require.Equal(t, "migrate", command)
	require.Equal(t, "sightline", cli.Migrate.Cluster)
	require.NoError(t, cli.Migrate.cluster().Check())
	config, err := cli.Migrate.config()
	require.NoError(t, err)
	require.Equal(t, "replace-me", config.Password, "from the secret")
	_, _, err = cli.Migrate.retention()
	require.NoError(t, err)

	pod = k.sidecars.Spec.Template.Spec
	sidecar, command := k.started(t, pod.Containers[0], pod.Volumes)
	require.Equal(t, "serve", command)
	require.Equal(t, cli.Migrate.ClickHouse, sidecar.Serve.Clickhouse)
	require.Equal(t, cli.Migrate.Cluster, sidecar.Serve.Cluster)
}

func TestOnKubernetesWhatAPodKeepsFitsIntoItsVolume(t *testing.T) {
	k := applied(t)
	config, err := ingest.ParseConfig([]byte(k.maps["sightline"].Data["config.yaml"]))
	require.NoError(t, err)
	claim := k.sidecars.Spec.VolumeClaimTemplates[0].Spec.Resources.Requests[core.ResourceStorage]
	const quarantine, sourceMaps = 64 << 20, 1 << 30 // the defaults
	require.Less(t, config.Limits.SpoolBytes+config.Limits.ReserveBytes+quarantine+sourceMaps, claim.Value())
	require.NotZero(t, config.Limits.SpoolBytes)
	require.Zero(t, config.Limits.QuarantineBytes+config.SourceMaps.DiskBytes)
}

func TestOnKubernetesAPodHasTheTimeItsStopTakes(t *testing.T) {
	pod := applied(t).sidecars.Spec.Template.Spec
	before, err := time.ParseDuration(pod.Containers[0].Lifecycle.PreStop.Exec.Command[1] + "s")
	require.NoError(t, err)
	given := time.Duration(*pod.TerminationGracePeriodSeconds) * time.Second
	require.Greater(t, given, before+finishRequests+finishDraining+finishEngine)
}

// The store of this test is away, as it is for a pod that is scheduled before it. Then beacons have to come in all the same.
func TestOnKubernetesAPodIsSentBeaconsWhileTheStoreIsAway(t *testing.T) {
	k := applied(t)
	pod := k.sidecars.Spec.Template.Spec
	cli, _ := k.started(t, pod.Containers[0], pod.Volumes)
	flags := cli.Serve
	at := map[string]string{} // where the pod's ports are here
	for name, flag := range map[string]*string{"beacons": &flags.Listen, "admin": &flags.AdminListen} {
		require.Equal(t, fmt.Sprintf("0.0.0.0:%d", k.ports()[name]), *flag, "the pod listens at the port %s", name)
		*flag = free(t)
		at[name] = *flag
	}
	require.Equal(t, "/data/sightline", flags.Data)
	require.Contains(t, pod.InitContainers[0].Args[0], flags.Data+"/user.key")
	flags.Data, flags.Clickhouse, flags.Cluster = t.TempDir(), "clickhouse://sightline@"+free(t)+"/sightline", ""
	require.NoError(t, os.WriteFile(filepath.Join(flags.Data, "user.key"), []byte(k.secret.StringData["user.key"]), 0o600))

	config, version, err := flags.config()
	require.NoError(t, err)
	require.Equal(t, k.secret.StringData["admin-token-sha256"], config.AdminTokenSHA256)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- (&sidecar{flags: &flags, config: config, version: version, logger: flags.logger()}).run(ctx)
	}()
	defer func() { stop(); require.NoError(t, <-ended) }()

	probes := pod.Containers[0]
	for _, probe := range []*core.Probe{probes.StartupProbe, probes.ReadinessProbe, probes.LivenessProbe} {
		url := "http://" + at[probe.HTTPGet.Port.String()] + probe.HTTPGet.Path
		require.Eventually(t, func() bool { return status(t, "GET", url, "") == 200 }, time.Minute, 10*time.Millisecond, url)
	}
	require.Equal(t, 503, status(t, "GET", "http://"+at["admin"]+"/readyz", ""), "it says that nothing is stored yet")
	const beacon = `{"meta":{"app":{"name":"shop"},"session":{"id":"s"}},"events":[{"name":"x"}]}`
	require.Equal(t, 202, status(t, "POST", "http://"+at["beacons"]+"/collect/replace-me", beacon))
	require.Equal(t, 404, status(t, "GET", "http://"+at["beacons"]+"/metrics", ""), "operators have a port of their own")
	require.Equal(t, 200, status(t, "GET", "http://"+at["admin"]+"/metrics", ""))
}

// free is an address at which nothing listens.
func free(t *testing.T) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	return listener.Addr().String()
}

// status of an answer to a page of the shop, 0 without any.
func status(t *testing.T, method, url, body string) int {
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Origin", "https://shop.example")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, answer.Body)
	return answer.StatusCode
}
