package e2e

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestBadBeaconsGetAnAnswerAndNothingElse(t *testing.T) {
	s := startSidecar(t)
	big := `{"meta":{"app":{"name":"` + strings.Repeat("a", 8<<20) + `"}}}`
	bomb := gzipped(strings.Repeat(" ", 512<<20))
	cases := []struct {
		name, method, path, mediaType, encoding, body string
		want                                          int
	}{
		{"bad JSON", "POST", "/collect", "application/json", "", `{"meta":`, http.StatusBadRequest},
		{"nothing usable", "POST", "/collect", "application/json", "", `[]`, http.StatusBadRequest},
		{"too large", "POST", "/collect", "application/json", "", big, http.StatusRequestEntityTooLarge},
		{"too large once unpacked", "POST", "/collect", "application/json", "gzip", bomb, http.StatusRequestEntityTooLarge},
		{"not gzip at all", "POST", "/collect", "application/json", "gzip", `{}`, http.StatusBadRequest},
		{"wrong method", "PUT", "/collect", "application/json", "", `{}`, http.StatusMethodNotAllowed},
		{"wrong path", "POST", "/collects", "application/json", "", `{}`, http.StatusNotFound},
		{"wrong media type", "POST", "/collect", "image/png", "", `{}`, http.StatusUnsupportedMediaType},
	}
	before := s.memory()
	for range 5 {
		for _, c := range cases {
			request, err := http.NewRequest(c.method, s.url(c.path), strings.NewReader(c.body))
			require.NoError(t, err)
			request.Header.Set("Content-Type", c.mediaType)
			request.Header.Set("Origin", "https://shop.example")
			if c.encoding != "" {
				request.Header.Set("Content-Encoding", c.encoding)
			}
			answer, err := http.DefaultClient.Do(request)
			require.NoError(t, err, c.name)
			text, _ := io.ReadAll(answer.Body)
			answer.Body.Close()
			require.Equal(t, c.want, answer.StatusCode, "%s: %s", c.name, text)
			require.NotEmpty(t, answer.Header.Get("Access-Control-Allow-Origin"), "%s: a browser may not read this answer",
				c.name)
		}
	}
	require.Less(t, s.memory()-before, 64*mebibyte, "memory grew with what was refused")
	require.True(t, post(s, "v5-1-1"), "a good beacon is still taken")
}

// memory is the sidecar's resident memory in bytes; 0 where it cannot be told, and only the answers are checked.
func (s *sidecar) memory() int {
	bytes, _ := resident(s.process.Process.Pid)
	return bytes
}

// resident is a process's resident memory in bytes, from Linux's /proc.
func resident(pid int) (int, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0, err
	}
	var total, pages int
	if _, err := fmt.Sscan(string(text), &total, &pages); err != nil {
		return 0, err
	}
	return pages * os.Getpagesize(), nil
}

func gzipped(text string) string {
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, _ = io.WriteString(w, text)
	_ = w.Close()
	return packed.String()
}

func sha256Of(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// Every refusal of /collect, from the program as it is installed: with keys, a rate, and a spool that fills because the
// store is away.
func TestEveryAnswerOfCollect(t *testing.T) {
	s := newSidecar(t)
	t.Cleanup(s.stop)
	s.config = configured(t, fmt.Sprintf(`
limits: {spool_bytes: 30000, body_bytes: 20000}
apps:
  shop:
    keys:
      - {sha256: %s, origins: ["https://shop.example"]}
      - {sha256: %s, origins: ["https://shop.example"], rate: 0.01, burst: 1}
`, sha256Of("k1"), sha256Of("slow")))
	s.flags = []string{"--clickhouse", "clickhouse://" + freeAddress(t) + "/sightline"} // nobody is there
	s.start()
	require.Eventually(t, func() bool { return s.metric("sightline_connections{listener=\"beacons\"}") >= 0 },
		time.Minute, 20*time.Millisecond)

	type call struct {
		method, path, media, origin, encoding, body string
	}
	beacon := `{"meta":{"app":{"name":"shop"}},"events":[{"name":"x"}]}`
	do := func(c call) (*http.Response, string) {
		request, err := http.NewRequest(cmp.Or(c.method, "POST"), s.url(c.path), strings.NewReader(c.body))
		require.NoError(t, err)
		request.Header.Set("Content-Type", cmp.Or(c.media, "application/json"))
		request.Header.Set("Origin", cmp.Or(c.origin, "https://shop.example"))
		request.Header.Set("Content-Encoding", c.encoding)
		answer, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		return answer, string(text)
	}
	filling := `{"meta":{"app":{"name":"shop"}},"events":[{"name":"x","attributes":{"a":"` + strings.Repeat("a ",
		250) + `"}}]}`
	full := func() bool { a, _ := do(call{path: "/collect/k1", body: filling}); return a.StatusCode == 503 }
	for _, c := range []struct {
		name string
		call call
		want int
		says string
	}{
		{"accepted", call{path: "/collect/k1", body: beacon}, 202, `{"accepted":1,"rejected":[]}`},
		{"some rejected", call{path: "/collect/k1", body: `{"meta":{"app":{"name":"shop"}},"events":[{"name":"x"},{}]}`},
			202, `"index":1,"reason":"an event without a name"`},
		{"undecodable", call{path: "/collect/k1", body: `{"meta":`}, 400, "not valid JSON"},
		{"no key", call{path: "/collect", body: beacon}, 401, "an app key is required"},
		{"unknown key", call{path: "/collect/k2", body: beacon}, 401, "not known"},
		{"another site", call{path: "/collect/k1", origin: "https://evil.example", body: beacon}, 403, "may not send"},
		{"no such path", call{path: "/collects", body: beacon}, 404, "nothing here"},
		{"another method", call{method: "PUT", path: "/collect/k1", body: beacon}, 405, "use POST"},
		{"too large", call{path: "/collect/k1", body: strings.Repeat(" ", 20_001)}, 413, "too large"},
		{"too large once unpacked", call{path: "/collect/k1", encoding: "gzip", body: gzipped(strings.Repeat(" ", 1<<20))},
			413, "too large"},
		{"another media type", call{path: "/collect/k1", media: "image/png", body: beacon}, 415, "send application/json"},
		{"within the rate", call{path: "/collect/slow", body: beacon}, 202, ""},
		{"over the rate", call{path: "/collect/slow", body: beacon}, 429, "Retry-After"},
	} {
		answer, text := do(c.call)
		require.Equal(t, c.want, answer.StatusCode, "%s: %s", c.name, text)
		require.Contains(t, text, c.says, c.name)
		require.NotEmpty(t, answer.Header.Get("Access-Control-Allow-Origin"), c.name)
		require.Equal(t, c.want == 429, answer.Header.Get("Retry-After") != "", c.name)
	}
	require.Eventually(t, full, time.Minute, time.Millisecond, "the spool never filled")
	answer, text := do(call{path: "/collect/k1", body: filling})
	require.Equal(t, 503, answer.StatusCode, text)
	require.NotEmpty(t, answer.Header.Get("Retry-After"))
	require.NotEmpty(t, answer.Header.Get("Access-Control-Allow-Origin"))
	require.LessOrEqual(t, s.metric("sightline_spool_bytes"), 30_000.0)
	answer, _ = do(call{method: "OPTIONS", path: "/collect/k1"})
	require.Equal(t, 204, answer.StatusCode, "a page can still ask")
}

func TestOperatorsCanHaveAnAddressOfTheirOwn(t *testing.T) {
	s := newSidecar(t)
	t.Cleanup(s.stop)
	admin := freeAddress(t)
	s.flags = []string{"--admin-listen", admin}
	s.start()
	s.waitReady()
	deploy := func(to string) error {
		return exec.Command(sightline, "deploy", "--app", "shop", "--release", "1", "--to", "http://"+to).Run()
	}
	require.Error(t, deploy(s.listen))
	require.NoError(t, deploy(admin))
	answer, err := http.Get(s.url("/metrics"))
	require.NoError(t, err)
	answer.Body.Close()
	require.Equal(t, http.StatusNotFound, answer.StatusCode)
	answer, err = http.Get("http://" + admin + "/metrics")
	require.NoError(t, err)
	answer.Body.Close()
	require.Equal(t, http.StatusOK, answer.StatusCode)
	require.True(t, post(s, "v5-1-1"))

	replayed, err := exec.Command(sightline, "quarantine", "replay", "--to", "http://"+admin).CombinedOutput()
	require.NoError(t, err)
	require.Equal(t, "0 replayed, 0 still rejected\n", string(replayed))
}
