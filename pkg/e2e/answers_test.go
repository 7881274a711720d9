package e2e

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

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
			require.NotEmpty(t, answer.Header.Get("Access-Control-Allow-Origin"), "%s: a browser may not read this answer", c.name)
		}
	}
	require.Less(t, s.memory()-before, 64<<20, "memory grew with what was refused")
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
