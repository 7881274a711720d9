package e2e

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/engine"
	"github.com/sightline-rum/sightline/pkg/engine/enginetest"
	"github.com/sightline-rum/sightline/pkg/store"
)

// startShards runs two engines with one login, as the servers of a cluster have.
func startShards(t *testing.T) (shards []*engine.Supervisor, access []engine.Access) {
	t.Helper()
	login := filepath.Join("engine", "passwords.json")
	folders := []string{t.TempDir(), t.TempDir()}
	for i, folder := range folders {
		if i > 0 {
			passwords, err := os.ReadFile(filepath.Join(folders[0], login))
			require.NoError(t, err)
			require.NoError(t, os.Mkdir(filepath.Join(folder, "engine"), 0o700))
			require.NoError(t, os.WriteFile(filepath.Join(folder, login), passwords, 0o600))
		}
		shard := enginetest.SuperviseCluster(t, folder, enginetest.Cluster{Name: "main", Shards: 2, Database: engine.Database})
		reached, err := shard.Ready(t.Context())
		require.NoError(t, err)
		shards, access = append(shards, shard), append(access, reached)
	}
	return shards, access
}

// Two sidecars, two shards, one of which dies on the way. The library's engines cannot ask each other, so that each
// shard is asked by itself here; pkg/query asks through Distributed tables.
func TestTwoSidecarsSpreadSessionsOverTwoShards(t *testing.T) {
	shards, access := startShards(t)
	var sidecars []*sidecar
	for range 2 {
		s := newSidecar(t)
		t.Cleanup(s.stop)
		writer := access[0].Writer
		s.flags = []string{
			"--clickhouse", fmt.Sprintf("http://%s:%s@%s/%s", writer.User, writer.Password, access[0].Address, access[0].Database),
			"--cluster", "main", "--shards", access[0].Address + ";" + access[1].Address, "--unreplicated",
		}
		s.start()
		s.waitReady()
		sidecars = append(sidecars, s)
	}
	const visits = 200
	visit := func(from, to int) {
		for n := from; n < to; n++ {
			require.Equal(t, http.StatusAccepted, visitFrom(sidecars[n%2], "DE", fmt.Sprint("visit-", n)))
		}
	}
	visit(0, visits/2)
	require.NoError(t, syscall.Kill(access[1].PID, syscall.SIGKILL))
	visit(visits/2, visits)
	for _, s := range sidecars {
		s.waitDrained()
	}
	said, err := sidecars[1].run("erase", "--session", "visit-7")
	require.NoError(t, err, said)

	total := 0
	for i, shard := range shards {
		reached, err := shard.Ready(t.Context())
		require.NoError(t, err)
		opened, err := store.Open(store.FromAccess(reached.Address, reached.Database, reached.Writer.User, reached.Writer.Password))
		require.NoError(t, err)
		defer opened.Close()
		var sessions []string
		require.Eventually(t, func() bool { // the engine that died may be at its last start
			return opened.Conn().QueryRow(context.Background(),
				"SELECT groupArray(session_id) FROM events_local WHERE app = 'shop'").Scan(&sessions) == nil
		}, time.Minute, 50*time.Millisecond)
		require.NotContains(t, sessions, "visit-7")
		require.Greater(t, len(sessions), visits/4, "sessions are spread evenly")
		seen := map[string]bool{}
		for _, session := range sessions {
			require.Equal(t, i, store.ShardOf("shop", session, 2))
			require.False(t, seen[session], "%s is stored twice", session)
			require.True(t, strings.HasPrefix(session, "visit-"))
			seen[session] = true
		}
		total += len(sessions)
	}
	require.Equal(t, visits-1, total)
}
