package e2e

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/engine"
)

// dsn is the embedded engine of another sidecar as a ClickHouse server: it speaks the same protocol.
func (s *sidecar) dsn() string {
	s.t.Helper()
	access, err := engine.ReadAccess(s.data)
	require.NoError(s.t, err)
	return fmt.Sprintf("http://%s:%s@%s/%s", access.Writer.User, access.Writer.Password, access.Address, access.Database)
}

func configured(t testing.TB, text string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "config.yaml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// visitFrom sends one view of a visitor in a country.
func visitFrom(s *sidecar, country, session string) (status int) {
	s.t.Helper()
	body := fmt.Sprintf(`{"meta":{"app":{"name":"shop"},"session":{"id":%q},"geo":{"country_iso":%q}},"events":[{"name":"x"}]}`,
		session, country)
	answer, err := http.Post(s.url("/collect"), "application/json", strings.NewReader(body))
	require.NoError(s.t, err)
	_, _ = io.Copy(io.Discard, answer.Body)
	answer.Body.Close()
	return answer.StatusCode
}

// Two engines: one for the world, one for two countries of Europe, which dies on the way.
func TestDataOfOneRegionNeverCrossesIntoAnothersStore(t *testing.T) {
	eu := startSidecar(t)
	world := newSidecar(t)
	t.Cleanup(world.stop)
	world.config = configured(t, fmt.Sprintf(`
stores:
  eu: {clickhouse: %q, countries: [DE, FR]}
`, eu.dsn()))
	world.start()
	world.waitReady()

	send := func(from, to int) {
		for n := from; n < to; n++ {
			country := []string{"DE", "US", "FR", "JP"}[n%4]
			require.Equal(t, http.StatusAccepted, visitFrom(world, country, fmt.Sprintf("%s-%d", country, n)))
		}
	}
	send(0, 200)
	eu.kill()
	send(200, 400)
	require.Eventually(t, func() bool { return world.metric(`sightline_spool_records{store=""}`) == 0 }, time.Minute,
		50*time.Millisecond,
		"the other region's store is stored in all the same")
	require.Positive(t, world.metric(`sightline_spool_records{store="eu"}`), "its own beacons wait for it")
	eu.start()
	eu.waitReady()
	require.Eventually(t, func() bool { return world.metric(`sightline_spool_records{store="eu"}`) == 0 }, 2*time.Minute,
		100*time.Millisecond)

	for s, want := range map[*sidecar]string{eu: "DE FR", world: "JP US"} {
		var found []string
		rows, err := s.sql().Query(context.Background(),
			"SELECT country, count() FROM events WHERE app = 'shop' GROUP BY country ORDER BY country")
		require.NoError(t, err)
		for rows.Next() {
			var country string
			var n uint64
			require.NoError(t, rows.Scan(&country, &n))
			require.EqualValues(t, 100, n, country)
			found = append(found, country)
		}
		require.NoError(t, rows.Err())
		require.Equal(t, want, strings.Join(found, " "))
		for _, foreign := range map[string][]string{"DE FR": {"JP", "US"}, "JP US": {"DE", "FR"}}[want] {
			for _, table := range []string{"session_events", "sessions"} {
				require.Zero(t, s.number("SELECT count() FROM "+table+" WHERE startsWith(session_id, '"+foreign+"-')"), table)
			}
		}
	}
}

// The visitor was in two countries, and so in two stores.
func TestAnErasureReachesEveryRegion(t *testing.T) {
	eu := startSidecar(t)
	world := newSidecar(t)
	t.Cleanup(world.stop)
	world.config = configured(t, fmt.Sprintf("stores:\n  eu: {clickhouse: %q, countries: [DE]}\n", eu.dsn()))
	world.start()
	world.waitReady()
	for _, country := range []string{"DE", "US"} {
		require.Equal(t, http.StatusAccepted, visitFrom(world, country, "erased"))
		require.Equal(t, http.StatusAccepted, visitFrom(world, country, "kept"))
	}
	require.Eventually(t, func() bool {
		return world.metric(`sightline_spool_records{store=""}`) == 0 &&
			world.metric(`sightline_spool_records{store="eu"}`) == 0
	}, time.Minute, 50*time.Millisecond)
	said, err := world.run("erase", "--session", "erased")
	require.NoError(t, err, said)
	require.Contains(t, said, "verified: they are gone, and will not come back")
	for _, country := range []string{"DE", "US"} { // a page that was still open
		require.Equal(t, http.StatusAccepted, visitFrom(world, country, "erased"))
	}
	require.Eventually(t, func() bool {
		return world.metric(`sightline_spool_records{store=""}`) == 0 &&
			world.metric(`sightline_spool_records{store="eu"}`) == 0
	}, time.Minute, 50*time.Millisecond)
	for _, s := range []*sidecar{eu, world} {
		require.EqualValues(t, 1, s.number("SELECT count() FROM events WHERE app = 'shop'"))
		require.Zero(t, s.number("SELECT count() FROM sessions WHERE session_id = 'erased'"))
		require.EqualValues(t, 1, s.number("SELECT count() FROM erasures FINAL WHERE state = 'verified'"))
	}
}

// The second sidecar has a spool of its own and stores into the engine of the first. Both and the engine are killed.
func TestSeveralSidecarsSideBySideLoseAndDoubleNothing(t *testing.T) {
	first := startSidecar(t)
	second := newSidecar(t)
	t.Cleanup(second.stop)
	second.flags = []string{"--clickhouse", first.dsn()}
	second.start()
	second.waitReady()

	both := []*load{startLoad(first, 4), startLoad(second, 4)}
	for range 3 {
		time.Sleep(700 * time.Millisecond)
		if access, err := engine.ReadAccess(first.data); err == nil {
			_ = syscall.Kill(access.PID, syscall.SIGKILL)
		}
		time.Sleep(700 * time.Millisecond)
		second.kill()
		second.start()
	}
	first.kill()
	first.start()
	time.Sleep(500 * time.Millisecond)
	acknowledged := map[string]bool{}
	for _, l := range both {
		for _, id := range l.stop() {
			acknowledged[id] = true
		}
	}
	for _, s := range []*sidecar{first, second} {
		s.waitReady()
		s.waitDrained()
	}
	stored := stored(t, first)
	for id := range acknowledged {
		require.NotZero(t, stored[id], "an acknowledged beacon is missing")
	}
	for id, n := range stored {
		require.EqualValues(t, 1, n, "%s is stored twice", id)
	}
	items := first.number("SELECT count() FROM vitals") + first.number("SELECT count() FROM events")
	require.Equal(t, items, first.number("SELECT sum(items) FROM sessions"),
		"the session list differs from the raw tables")
	t.Logf("%d beacons acknowledged by two sidecars, %d stored", len(acknowledged), len(stored))
}

// stored counts the rows of each vital in a store.
func stored(t testing.TB, s *sidecar) map[string]uint64 {
	t.Helper()
	counts := map[string]uint64{}
	rows, err := s.sql().Query(context.Background(), "SELECT metric_id, count() FROM vitals GROUP BY metric_id")
	require.NoError(t, err)
	for rows.Next() {
		var id string
		var count uint64
		require.NoError(t, rows.Scan(&id, &count))
		counts[id] = count
	}
	require.NoError(t, rows.Err())
	return counts
}
