package e2e

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A sidecar that was not updated along with the tables takes beacons all the same, says why it does not store them, and
// loses none.
func TestAnOlderSidecarKeepsBeaconsUntilItKnowsTheTables(t *testing.T) {
	s := startSidecar(t)
	s.throws("s-1", "ann")
	s.waitDrained()
	require.NoError(t, s.sql().Exec(t.Context(), "INSERT INTO schema_versions SELECT 999, 'later', now64(3)"))
	s.kill()
	s.start()
	require.Eventually(t, func() bool { return strings.Contains(s.readiness(), "newer than the") }, time.Minute, 50*time.Millisecond)
	require.Contains(t, s.readiness(), "update this program")
	s.throws("s-2", "bob") // is acknowledged
	require.EqualValues(t, 1, s.number("SELECT uniqExact(session_id) FROM errors"))

	// The next version of the program would know 999.
	require.NoError(t, s.sql().Exec(t.Context(), "DELETE FROM schema_versions WHERE version = 999"))
	s.waitReady()
	s.waitDrained()
	require.EqualValues(t, 2, s.number("SELECT uniqExact(session_id) FROM errors"))
}

// readiness is what the sidecar says of itself, or "" while it does not answer.
func (s *sidecar) readiness() string {
	answer, err := http.Get(s.url("/readyz"))
	if err != nil {
		return ""
	}
	defer answer.Body.Close()
	said, _ := io.ReadAll(answer.Body)
	return string(said)
}
