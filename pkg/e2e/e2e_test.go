// Package e2e tests the product from outside: the real programs, started as an operator starts them, spoken to over
// HTTP and asked through the plugin.
package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/engine"
	"github.com/sightline-rum/sightline/pkg/store"
)

// The programs under test, built once from this tree.
var sightline, pluginBinary string

// builtEnvironment names the folder of the programs for a test binary that another one runs.
const builtEnvironment = "SIGHTLINE_E2E_BUILT"

func TestMain(m *testing.M) {
	os.Exit(func() int {
		folder, built := os.LookupEnv(builtEnvironment)
		if !built {
			var err error
			if folder, err = os.MkdirTemp("", "sightline-e2e-"); err != nil {
				fmt.Fprintln(os.Stderr, err)
				return 1
			}
			defer os.RemoveAll(folder)
		}
		sightline = filepath.Join(folder, "sightline")
		pluginBinary = filepath.Join(folder, fmt.Sprintf("gpx_sightline_rum_%s_%s", runtime.GOOS, runtime.GOARCH))
		if built {
			return m.Run()
		}
		for out, source := range map[string]string{sightline: "../cmd/sightline", pluginBinary: ".."} {
			build := exec.Command("go", "build", "-o", out, source)
			build.Env = append(os.Environ(), "CGO_ENABLED=0")
			if raced {
				build = exec.Command("go", "build", "-race", "-o", out, source)
				build.Env = append(os.Environ(), "CGO_ENABLED=1")
				_ = os.Setenv("GORACE", "halt_on_error=1")
			}
			if said, err := build.CombinedOutput(); err != nil {
				fmt.Fprintf(os.Stderr, "build %s: %v\n%s", source, err, said)
				return 1
			}
		}
		return m.Run()
	}())
}

// sidecar is one running `sightline serve` on a data folder of its own.
type sidecar struct {
	t       testing.TB
	data    string
	listen  string
	engine  string
	config  string   // a configuration file; "" for none
	flags   []string // further ones
	process *exec.Cmd
	logs    *bytes.Buffer
	exited  chan error
}

// startSidecar runs `sightline serve` with nothing configured but folders and ports, and waits until it is ready.
func startSidecar(t testing.TB) *sidecar {
	s := newSidecar(t)
	t.Cleanup(s.stop)
	s.start()
	s.waitReady()
	return s
}

// newSidecar prepares a sidecar with a folder and ports of its own. What it printed is shown when the test fails.
func newSidecar(t testing.TB) *sidecar {
	s := &sidecar{t: t, data: t.TempDir(), listen: freeAddress(t), engine: freeAddress(t), logs: &bytes.Buffer{}}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the sidecar said:\n%s", tail(s.logs.String(), 60))
		}
	})
	return s
}

func (s *sidecar) start() {
	args := []string{"serve", "--data", s.data, "--listen", s.listen, "--engine-listen", s.engine}
	if s.config != "" {
		args = append(args, "--config", s.config)
	}
	s.process = exec.Command(sightline, append(args, s.flags...)...)
	// The engine's library lies in the project's node_modules, which is looked for upwards from the working folder.
	s.process.Dir = "."
	s.process.Stdout, s.process.Stderr = s.logs, s.logs
	require.NoError(s.t, s.process.Start())
	exited := make(chan error, 1)
	s.exited = exited
	process := s.process
	go func() { exited <- process.Wait() }()
}

// kill ends the sidecar as a power cut would, and waits until it is gone.
func (s *sidecar) kill() {
	_ = s.process.Process.Kill()
	<-s.exited
}

func (s *sidecar) stop() {
	_ = s.process.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.exited:
	case <-time.After(30 * time.Second):
		s.kill()
		s.t.Errorf("the sidecar did not stop within 30 s of SIGTERM")
	}
}

func (s *sidecar) url(path string) string { return "http://" + s.listen + path }

func (s *sidecar) waitReady() {
	s.t.Helper()
	require.Eventually(s.t, func() bool {
		answer, err := http.Get(s.url("/readyz"))
		if err != nil {
			return false
		}
		answer.Body.Close()
		return answer.StatusCode == http.StatusOK
	}, time.Minute, 50*time.Millisecond, "the sidecar never became ready")
}

// waitDrained waits until everything acknowledged is in the store.
func (s *sidecar) waitDrained() {
	s.t.Helper()
	require.Eventually(s.t, func() bool { return s.metric("sightline_spool_records") == 0 },
		long(2*time.Minute, 10*time.Minute), 100*time.Millisecond, "the spool was never drained")
}

// metric reads one of the sidecar's own metrics, or -1 when it is not there or the sidecar is not.
func (s *sidecar) metric(name string) float64 {
	answer, err := http.Get(s.url("/metrics"))
	if err != nil {
		return -1
	}
	defer answer.Body.Close()
	text, _ := io.ReadAll(answer.Body)
	for line := range strings.Lines(string(text)) {
		var value float64
		if fields := strings.Fields(line); len(fields) == 2 && fields[0] == name {
			if _, err := fmt.Sscan(fields[1], &value); err == nil {
				return value
			}
		}
	}
	return -1
}

// ask runs one query through `sightline query`: the plugin's binary, started over go-plugin.
func (s *sidecar) ask(query map[string]any, flags ...string) data.Frames {
	s.t.Helper()
	text, err := json.Marshal(query)
	require.NoError(s.t, err)
	args := append([]string{"query", "--data", s.data, "--plugin", pluginBinary, "--output", "json"}, flags...)
	ask := exec.Command(sightline, append(args, string(text))...)
	var out, said bytes.Buffer
	ask.Stdout, ask.Stderr = &out, &said
	require.NoError(s.t, ask.Run(), "query %s: %s", text, said.String())
	var frames data.Frames
	require.NoError(s.t, json.Unmarshal(out.Bytes(), &frames), "frames: %s", out.String())
	return frames
}

// sql looks into the store itself, past the plugin.
func (s *sidecar) sql() driver.Conn {
	s.t.Helper()
	access, err := engine.ReadAccess(s.data)
	require.NoError(s.t, err)
	opened, err := store.Open(store.FromAccess(access.Address, access.Database, access.Writer.User, access.Writer.Password))
	require.NoError(s.t, err)
	s.t.Cleanup(func() { opened.Close() })
	return opened.Conn()
}

func (s *sidecar) number(query string) uint64 {
	s.t.Helper()
	var n uint64
	require.NoError(s.t, s.sql().QueryRow(context.Background(), query).Scan(&n))
	return n
}

func freeAddress(t testing.TB) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	return listener.Addr().String()
}

// tail is the end of a log, its long lines cut so that what failed stays in sight.
func tail(text string, lines int) string {
	all := strings.Split(text, "\n")
	all = slices.Clone(all[max(0, len(all)-lines):])
	for i, line := range all {
		if len(line) > 400 {
			all[i] = line[:400] + " …"
		}
	}
	return strings.Join(all, "\n")
}
