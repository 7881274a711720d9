package e2e

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/engine"
)

// A sidecar with a secret in every setting that is one, a further store that is away, and a trace store that refuses, is
// sent hostile texts in every field and with every secret in a wrong place. All that it and its tools ever print or answer is
// looked through.
func TestASidecarSaysNoSecretAndNoLineOfAVisitors(t *testing.T) {
	hash := func(text string) string {
		sum := sha256.Sum256([]byte(text))
		return hex.EncodeToString(sum[:])
	}
	const token, key, password, login = "c4n4ry-token", "c4n4ry-key", "c4n4ry-password", "c4n4ry-login"
	s := newSidecar(t)
	s.config = filepath.Join(t.TempDir(), "sightline.yaml")
	require.NoError(t, os.WriteFile(s.config, []byte(fmt.Sprintf(`
admin_token_sha256: %s
forward_traces: http://user:%s@127.0.0.1:1/v1/traces
apps:
  shop:
    keys: [{sha256: %s, origins: ["*"]}]
stores:
  away:
    clickhouse: clickhouse://user:%s@127.0.0.1:1/sightline
    apps: [elsewhere]
`, hash(token), login, hash(key), password)), 0o600))
	s.flags = []string{"--log-level", "debug"}
	s.start()
	stopped := false
	t.Cleanup(func() {
		if !stopped {
			s.kill()
		}
	})
	require.Eventually(t, func() bool {
		answer, err := http.Get(s.url("/healthz"))
		if err != nil {
			return false
		}
		answer.Body.Close()
		_, err = engine.ReadAccess(s.data)
		return err == nil
	}, 2*time.Minute, 100*time.Millisecond)
	access, err := engine.ReadAccess(s.data)
	require.NoError(t, err)

	var said bytes.Buffer
	send := func(method, path, body string, header map[string]string) {
		r, err := http.NewRequest(method, s.url(path), strings.NewReader(body))
		require.NoError(t, err)
		for name, value := range header {
			r.Header.Set(name, value)
		}
		answer, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		defer answer.Body.Close()
		fmt.Fprintf(&said, "%s %v\n", answer.Status, answer.Header)
		_, err = io.Copy(&said, answer.Body)
		require.NoError(t, err)
	}
	const forged = "x\ntime=2000-01-01T00:00:00Z level=ERROR msg=forged\r\x1b[2Jforged"
	quoted := strings.NewReplacer("\n", `\n`, "\r", `\r`, "\x1b", `\u001b`).Replace(forged)
	for _, with := range []string{key, token, password, access.Writer.Password, access.Reader.Password} {
		for _, path := range []string{"/collect/" + with, "/collect?key=" + with, "/v1/traces?key=" + with,
			"/v1/deploys?key=" + with,
			"/v1/erasures/" + with, "/v1/quarantine/replay", "/v1/sourcemaps/a/b/" + with + ".js.map", "/" + with} {
			for _, method := range []string{http.MethodPost, http.MethodGet, http.MethodPut} {
				for _, body := range []string{`{`,
					`{"meta":{"app":{"name":"` + quoted + `"},"session":{"id":"` + quoted + `"}},"events":[{"name":"` + quoted +
						`"},{}],"exceptions":[{"type":"` + quoted + `","value":"` + quoted + `"}],"traces":{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"` +
						quoted + `","traceId":"` + quoted + `"}]}]}]}}`} {
					send(method, path, body, map[string]string{"Content-Type": "application/json", "X-Api-Key": with,
						"Authorization": "Bearer x" + with})
				}
			}
		}
	}
	for _, path := range []string{"/metrics", "/readyz", "/healthz", "/agent.js"} {
		send(http.MethodGet, path, "", nil)
	}
	for _, args := range [][]string{
		{"doctor", "--data", s.data, "--config", s.config}, {"serve", "--check-config", "--config", s.config},
		{"quarantine", "list", "--data", s.data}, {"quarantine", "list", "--all", "--data", s.data},
		{"migrate", "--clickhouse", "clickhouse://user:" + password + "@127.0.0.1:1/sightline"},
		{"query", "--clickhouse", "clickhouse://user:" + password + "@127.0.0.1:1/sightline",
			`{"queryType":"vitals","app":"shop"}`},
		{"deploy", "--app", "shop", "--release", "1", "--to", s.url(""), "--token", "x" + token},
	} {
		out, err := exec.Command(sightline, args...).CombinedOutput()
		fmt.Fprintf(&said, "%v\n%s\n", err, out)
	}
	s.stop()
	stopped = true
	said.WriteString(s.logs.String())

	for _, secret := range []string{token, key, password, login, access.Writer.Password, access.Reader.Password} {
		for line := range strings.Lines(said.String()) {
			require.NotContains(t, line, secret)
		}
	}
	line := regexp.MustCompile(`^(time=2\d{3}-\S+ level=(DEBUG|INFO|WARN|ERROR) msg=|sightline: |           )`)
	for text := range strings.Lines(s.logs.String()) {
		require.Regexp(t, line, text)
		require.NotContains(t, text, "time=2000-")
	}
	require.False(t, strings.ContainsFunc(s.logs.String(),
		func(r rune) bool { return r != '\n' && unicode.IsControl(r) }))
}
