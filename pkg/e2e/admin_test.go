package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/stretchr/testify/require"
)

const bundles = "../sourcemap/testdata/bundles"

// run runs a subcommand of sightline against the sidecar and returns what it printed.
func (s *sidecar) run(args ...string) (said string, err error) {
	command := exec.Command(sightline, append(args, "--to", s.url(""))...)
	out, err := command.CombinedOutput()
	return string(out), err
}

// throws sends the error that a real bundle threw, as one visit of a user.
func (s *sidecar) throws(session, user string) {
	s.t.Helper()
	thrown, err := os.ReadFile(filepath.Join(bundles, "esbuild.error.json"))
	require.NoError(s.t, err)
	body := fmt.Sprintf(`{"meta":{"app":{"name":"shop","version":"2.5.1"},"session":{"id":"%s"},"user":{"id":"%s"},
		"page":{"url":"https://shop.example/cart"},"browser":{"userAgent":"Mozilla/5.0 (X11; Linux x86_64; rv:131.0) Gecko/20100101 Firefox/131.0"}},
		"exceptions":[%s],"events":[{"name":"session_start"}]}`, session, user, thrown)
	answer, err := http.Post(s.url("/collect"), "application/json", strings.NewReader(body))
	require.NoError(s.t, err)
	require.NoError(s.t, answer.Body.Close())
	require.Equal(s.t, http.StatusAccepted, answer.StatusCode)
}

func text(t *testing.T, frames data.Frames) string {
	t.Helper()
	encoded, err := json.Marshal(frames)
	require.NoError(t, err)
	return string(encoded)
}

func TestUploadedSourceMapsAreInTheAnswers(t *testing.T) {
	s := startSidecar(t)
	said, err := s.run("sourcemap", "upload", bundles, "--app", "shop", "--release", "2.5.1")
	require.NoError(t, err, said)
	require.Contains(t, said, "uploaded: 2 source maps of shop 2.5.1")
	s.throws("s-1", "ann")
	s.kill() // maps and beacon are on disk
	s.start()
	s.waitReady()
	s.waitDrained()

	for name, question := range map[string]map[string]any{
		"errors":  {"queryType": "errors", "app": "shop", "format": "table"},
		"session": {"queryType": "session", "app": "shop", "sessionId": "s-1"},
	} {
		answer := text(t, s.ask(question))
		for _, line := range []string{"amountOf (src/cart.ts:20:25)", "total (src/cart.ts:15:26)", "payForEverything (src/checkout.ts:4:17)"} {
			require.Contains(t, answer, line, name)
		}
		require.NotContains(t, answer, "esbuild.3f2a1bc9.js", name)
	}
	require.EqualValues(t, 1, s.number("SELECT count() FROM errors WHERE stack LIKE '%esbuild.3f2a1bc9.js%'"), "the raw stack is kept")

	said, err = s.run("sourcemap", "upload", t.TempDir(), "--app", "shop", "--release", "2.5.1")
	require.Error(t, err)
	require.Contains(t, said, "ends in .map")
}

// The sidecar is killed while it erases, as often as it takes to hit every step.
func TestAnErasureSurvivesKillsAndNothingComesBack(t *testing.T) {
	s := startSidecar(t)
	for n := range 6 {
		s.throws(fmt.Sprint("s-", n), fmt.Sprint("user-", n%3))
	}
	s.waitDrained()
	require.EqualValues(t, 6, s.number("SELECT sum(count) FROM error_groups"))

	said, err := s.run("erase", "--app", "shop", "--user", "user-1", "--wait", "0")
	require.NoError(t, err, said)
	for n := range 4 {
		time.Sleep(time.Duration(20*n) * time.Millisecond)
		s.kill()
		s.start()
		if n == 2 {
			s.waitReady()
		}
	}
	s.waitReady()
	said, err = s.run("erase", "--session", "s-5")
	require.NoError(t, err, said)
	require.Contains(t, said, "verified: they are gone, and will not come back")

	s.throws("s-4", "user-1") // a page of theirs that was still open
	s.throws("s-5", "user-2")
	s.waitDrained()
	require.EqualValues(t, 3, s.number("SELECT count() FROM errors"))
	require.EqualValues(t, 3, s.number("SELECT count() FROM errors WHERE session_id IN ('s-0', 's-2', 's-3')"))
	require.EqualValues(t, 3, s.number("SELECT sum(count) FROM error_groups"))
	require.EqualValues(t, 3, s.number("SELECT uniqExact(session_id) FROM sessions"))
	require.EqualValues(t, 2, s.number("SELECT count() FROM erasures FINAL WHERE state = 'verified'"))
	require.Contains(t, text(t, s.ask(map[string]any{"queryType": "telemetry", "app": "shop"})), "visits and users erased on request, last verified at ")
	require.Empty(t, s.onDisk("user-1"), "nowhere does it say whose they were")

	said, err = s.run("erase", "--user", "user-1")
	require.Error(t, err)
	require.Contains(t, said, "--user needs --app")
}
