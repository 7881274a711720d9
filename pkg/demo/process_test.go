package demo

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// This test binary plays the programs that the demo starts.
func TestMain(m *testing.M) {
	switch os.Getenv("DEMO_TEST_PROGRAM") {
	case "server":
		stop := make(chan os.Signal, 1)
		signal.Notify(stop, terminate)
		go func() { _ = http.ListenAndServe(os.Getenv("DEMO_TEST_ADDRESS"), http.NotFoundHandler()) }()
		fmt.Println("argument:", strings.Join(os.Args[1:], " "), "plugins:", os.Getenv("GF_PATHS_PLUGINS"))
		<-stop
		fmt.Println("stopped in peace")
		os.Exit(0)
	case "broken":
		fmt.Println("no space left on device")
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func start(t *testing.T, program string, environment ...string) (*Process, string) {
	t.Helper()
	log := filepath.Join(t.TempDir(), "program.log")
	p, err := StartProcess("the program", log, append(environment, "DEMO_TEST_PROGRAM="+program), os.Args[0])
	require.NoError(t, err)
	t.Cleanup(p.Stop)
	return p, log
}

func TestAProgramIsAskedToStopBeforeItIsKilled(t *testing.T) {
	p, log := start(t, "server")
	require.Eventually(t, func() bool { text, _ := os.ReadFile(log); return len(text) > 0 }, 10*time.Second,
		10*time.Millisecond)
	p.Stop()
	text, err := os.ReadFile(log)
	require.NoError(t, err)
	require.Contains(t, string(text), "stopped in peace")
}

func TestAProgramThatEndsTooEarlyIsQuoted(t *testing.T) {
	p, log := start(t, "broken")
	err := p.WaitReady(context.Background(), "http://127.0.0.1:1/", time.Minute)
	require.ErrorContains(t, err, "the program ended before it was ready")
	require.ErrorContains(t, err, "no space left on device")
	require.ErrorContains(t, err, log)
}

func TestAProgramThatNeverAnswersIsGivenUpOn(t *testing.T) {
	address, _, err := Address("127.0.0.1:0")
	require.NoError(t, err)
	p, _ := start(t, "server", "DEMO_TEST_ADDRESS="+address)
	require.ErrorContains(t, p.WaitReady(context.Background(), "http://"+address+"/readyz", time.Second),
		"was not ready within 1s")
}

func TestATakenAddressIsReplacedByAFreeOne(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	address, free, err := Address(taken.Addr().String())
	require.NoError(t, err)
	require.False(t, free)
	require.NotEqual(t, taken.Addr().String(), address)

	again, free, err := Address(address)
	require.NoError(t, err)
	require.True(t, free)
	require.Equal(t, address, again)
}

func TestGrafanaIsSetUpWithPluginDataSourceAndDashboards(t *testing.T) {
	home, plugin, folder := t.TempDir(), t.TempDir(), t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(home, "bin"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(plugin, "plugin.json"), []byte("{}"), 0o600))
	g := &Grafana{
		Home: home, Folder: folder, Address: "127.0.0.1:3999", Plugin: plugin, Provisioning: provisioning,
		Dashboards: "dashboards",
		Engine:     "127.0.0.1:8123",
		Database:   "sightline", User: "sightline_reader", Password: "s3cret: #yes", App: "shop",
	}
	_, err := g.Start()
	require.ErrorContains(t, err, "there is no bin/grafana in it")

	require.NoError(t, os.Symlink(os.Args[0], filepath.Join(home, "bin", "grafana")))
	t.Setenv("DEMO_TEST_PROGRAM", "server")
	for range 2 { // the second time over what the first left behind
		p, err := g.Start()
		require.NoError(t, err)
		log := filepath.Join(folder, "grafana.log")
		require.Eventually(t, func() bool { text, _ := os.ReadFile(log); return len(text) > 0 }, 10*time.Second,
			10*time.Millisecond)
		p.Stop()
		text, err := os.ReadFile(log)
		require.NoError(t, err)
		require.Contains(t, string(text), "argument: server --homepath "+home+" plugins: "+filepath.Join(folder, "plugins"))
	}

	linked, err := os.Readlink(filepath.Join(folder, "plugins", pluginID))
	require.NoError(t, err)
	require.Equal(t, plugin, linked)

	for _, name := range []string{"datasources/sightline.yaml", "datasources/tempo-loki-prometheus.yaml",
		"dashboards/sightline.yaml", "alerting"} {
		_, err := os.Stat(filepath.Join(folder, "provisioning", filepath.FromSlash(name)))
		require.NoError(t, err, "Grafana reads the provisioning files of the sources")
	}
}
