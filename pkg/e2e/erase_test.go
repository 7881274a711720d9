package e2e

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/erase"
)

// Whatever names an erased visit is looked for in every column of every table and in every file beside the store's own:
// the spool, what was rejected, what could not be stored, and the requests themselves.
func TestWhatWasErasedIsInNoTableAndInNoFile(t *testing.T) {
	s := startSidecar(t)
	const erased, kept, trace = "session-to-be-erased", "session-that-stays", "4bf92f3577b34da6a3ce929d0e0e4736"
	visit := func(session, trace string) int {
		body := fmt.Sprintf(`{"meta":{"app":{"name":"shop","version":"1.0"},"session":{"id":%q},"user":{"id":"ann"},
			"page":{"url":"https://shop.example/cart"}},
			"events":[{"name":"faro.performance.navigation","attributes":{"duration":"900"}},{"name":"added","attributes":{"what":"%[1]s"}}],
			"exceptions":[{"type":"TypeError","value":"broken","trace":{"trace_id":%[2]q,"span_id":"00f067aa0ba902b7"}}],
			"measurements":[{"type":"web-vitals","values":{"lcp":1200}},{"type":"web-vitals","values":{"lcp":-5}}]}`, session, trace)
		answer, err := http.Post(s.url("/collect"), "application/json", strings.NewReader(body))
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		return answer.StatusCode
	}
	require.Equal(t, http.StatusAccepted, visit(erased, trace))
	require.Equal(t, http.StatusAccepted, visit(kept, "0af7651916cd43dd8448eb211c80319c"))
	s.waitDrained()
	for _, word := range []string{erased, trace, kept} {
		require.Contains(t, s.dump(t), word, "%s is there to be erased", word)
	}
	require.NotEmpty(t, s.beside("spool", erased), "what is drained is still in the spool's files")
	require.Eventually(t, func() bool { return s.beside("quarantine", erased) != "" }, time.Minute, 50*time.Millisecond,
		"a rejected item is there to be erased")

	said, err := s.run("erase", "--session", erased, "--report", "--output", "json")
	require.NoError(t, err, said)
	require.NotContains(t, said, erased)
	var report erase.Report
	require.NoError(t, json.Unmarshal([]byte(said[strings.Index(said, "{"):]), &report))
	require.Equal(t, erase.StateVerified, report.State)
	require.Contains(t, report.Found, erase.Found{Table: "sessions", What: "summaries of visits", Rows: 1})

	visit(erased, trace) // late, and rejected in part again
	s.waitDrained()
	again, err := s.run("erase", "--session", erased, "--wait", "2m")
	require.NoError(t, err, again)
	for _, word := range []string{erased, trace} {
		require.NotContains(t, s.dump(t), word)
		for _, folder := range []string{"quarantine", "dead-letters", "erasures", "spool"} {
			require.Empty(t, s.beside(folder, word), folder)
		}
	}
	require.Contains(t, s.dump(t), kept)

	said, err = s.run("erase", "--id", report.ID, "--report")
	require.NoError(t, err)
	require.Contains(t, said, "Found and erased")
}

// beside returns the file in a folder of the data folder that holds a text, or "".
func (s *sidecar) beside(folder, text string) (where string) {
	_ = filepath.WalkDir(filepath.Join(s.data, folder), func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && where == "" {
			if content, _ := os.ReadFile(path); strings.Contains(string(content), text) {
				where = path
			}
		}
		return nil
	})
	return where
}
