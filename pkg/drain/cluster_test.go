package drain

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/engine"
	"github.com/sightline-rum/sightline/pkg/engine/enginetest"
	"github.com/sightline-rum/sightline/pkg/rum"
	"github.com/sightline-rum/sightline/pkg/spool"
	"github.com/sightline-rum/sightline/pkg/store"
)

// servers are engines, each of which is a shard. What reads through all of them is tested elsewhere: they cannot ask each
// other, so that here every shard is asked by itself.
type servers struct {
	engines []*engine.Supervisor
	access  []engine.Access
}

func startServers(t *testing.T, n int) *servers {
	t.Helper()
	s := &servers{}
	logins := filepath.Join("engine", "passwords.json")
	var first string
	for i := range n {
		data := t.TempDir()
		if i == 0 {
			first = data
		} else { // servers of a cluster have one login
			passwords, err := os.ReadFile(filepath.Join(first, logins))
			require.NoError(t, err)
			require.NoError(t, os.Mkdir(filepath.Join(data, "engine"), 0o700))
			require.NoError(t, os.WriteFile(filepath.Join(data, logins), passwords, 0o600))
		}
		supervisor := enginetest.SuperviseCluster(t, data, enginetest.Cluster{Name: "main", Shards: n, Database: engine.Database})
		access, err := supervisor.Ready(t.Context())
		require.NoError(t, err)
		s.engines, s.access = append(s.engines, supervisor), append(s.access, access)
	}
	return s
}

// open is the first n servers as a cluster.
func (s *servers) open(t *testing.T, n int) *store.Store {
	t.Helper()
	var shards []string
	for _, access := range s.access[:n] {
		shards = append(shards, access.Address)
	}
	first := s.access[0]
	opened, err := store.Open(store.FromAccess(first.Address, first.Database, first.Writer.User, first.Writer.Password))
	require.NoError(t, err)
	opened = opened.OnCluster(store.Cluster{Name: "main", Shards: shards, Unreplicated: true})
	t.Cleanup(func() { require.NoError(t, opened.Close()) })
	require.NoError(t, opened.Migrate(t.Context()))
	return opened
}

// sum asks every shard a question that is answered with a number, and adds them up.
func sum(t *testing.T, of *store.Store, query string) (total uint64) {
	t.Helper()
	for _, shard := range of.Shards() {
		var n uint64
		require.NoError(t, shard.Conn().QueryRow(t.Context(), query).Scan(&n))
		total += n
	}
	return total
}

// sidecar is one of several that drain into the same cluster.
func sidecar(t *testing.T, dir string, into *store.Store) *fixture {
	t.Helper()
	queue, err := spool.Open(filepath.Join(dir, "spool"), spool.Options{Gather: 10 * time.Millisecond, BatchRecords: 100})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, queue.Close()) })
	f := &fixture{t: t, spool: queue, store: into, dir: dir}
	f.Drainer = New(queue, into, nil, Options{DeadLetters: filepath.Join(dir, "dead-letter"),
		Registerer: prometheus.NewRegistry(), FirstPause: time.Millisecond, LongestPause: time.Second})
	return f
}

func TestRowsComeIntoTheShardThatClickHouseWouldChoose(t *testing.T) {
	cluster := startServers(t, 2).open(t, 2)
	f := sidecar(t, t.TempDir(), cluster)
	var counts []rum.Count
	for n := range 100 {
		f.append(visit(n, 1))
		counts = append(counts, rum.Count{Minute: noon, App: fmt.Sprint("app ", n), Counter: "accepted", Value: 1})
	}
	f.append(rum.Record{Counts: counts})
	for n := range 10 {
		f.append(rum.Record{Deploy: &rum.Deploy{TS: noon, App: fmt.Sprint("app ", n), Release: "2"}})
	}
	f.drain()

	require.EqualValues(t, 100, sum(t, cluster, "SELECT count() FROM views_local"))
	require.EqualValues(t, 200, sum(t, cluster, "SELECT sum(items) FROM sessions_local"))
	require.EqualValues(t, 100, sum(t, cluster, "SELECT toUInt64(sum(value)) FROM telemetry_1m_local"))
	require.EqualValues(t, 10, sum(t, cluster, "SELECT count() FROM deploys_local"))
	for i, shard := range cluster.Shards() {
		for table, key := range map[string]string{
			"views": "app, session_id", "sessions": "app, session_id", "session_events": "app, session_id",
			"telemetry_1m": "app, ''", "deploys": "app, ''",
		} {
			var own, others uint64
			require.NoError(t, shard.Conn().QueryRow(t.Context(), fmt.Sprintf("SELECT countIf(cityHash64(%[1]s) %% 2 = %[2]d), "+
				"countIf(cityHash64(%[1]s) %% 2 != %[2]d) FROM %[3]s_local", key, i, table)).Scan(&own, &others))
			require.NotZero(t, own, table)
			require.Zero(t, others, table)
		}
	}
}

// Two sidecars drain into two shards, either of which dies again and again.
func TestKillingShardsLosesAndDoublesNothing(t *testing.T) {
	kills := 6
	if testing.Short() {
		kills = 2
	}
	servers := startServers(t, 2)
	cluster := servers.open(t, 2)
	ctx, stop := context.WithTimeout(t.Context(), 10*time.Minute)
	defer stop()
	var sidecars []*fixture
	for range 2 {
		f := sidecar(t, t.TempDir(), servers.open(t, 2))
		go func() { _ = f.Run(ctx) }()
		sidecars = append(sidecars, f)
	}
	appended := 0
	for kill := range kills {
		died := servers.engines[kill%2]
		access, err := died.Ready(ctx)
		require.NoError(t, err)
		stored := sum(t, cluster, "SELECT count() FROM views_local")
		for range 300 {
			sidecars[appended%2].append(visit(appended, 1))
			appended++
		}
		// Some of it is stored, and the rest on its way.
		require.Eventually(t, func() bool { return sum(t, cluster, "SELECT count() FROM views_local") > stored },
			time.Minute, time.Millisecond)
		require.NoError(t, syscall.Kill(access.PID, syscall.SIGKILL))
		for range 100 {
			sidecars[appended%2].append(visit(appended, 1))
			appended++
		}
		require.Eventually(t, func() bool {
			again, err := died.Ready(ctx)
			return err == nil && again.PID != access.PID
		}, 2*time.Minute, 10*time.Millisecond)
	}
	retries := 0.0
	for _, f := range sidecars {
		require.NoError(t, f.Flush(ctx))
		require.Empty(t, f.deadLetters())
		retries += valueOf(t, f.metrics.retries)
	}
	require.EqualValues(t, appended, sum(t, cluster, "SELECT count() FROM views_local"))
	require.EqualValues(t, appended, sum(t, cluster, "SELECT uniqExact(view_id) FROM views_local"))
	require.EqualValues(t, 2*appended, sum(t, cluster, "SELECT sum(items) FROM sessions_local"))
	require.EqualValues(t, 2*appended, sum(t, cluster, "SELECT sum(rows) FROM hour_inserts_local"))
	t.Logf("%d kills, %d records, %v tries that failed", kills, appended, retries)
}

func TestABatchIsPartedAsItWasBegunWhenTheClusterGrows(t *testing.T) {
	servers := startServers(t, 2)
	dir := t.TempDir()
	before := sidecar(t, dir, servers.open(t, 1))
	for n := range 50 {
		before.append(visit(n, 1))
	}
	batch, err := before.spool.Next(t.Context())
	require.NoError(t, err)
	require.NoError(t, before.deliver(t.Context(), batch)) // and a crash before Done
	require.NoError(t, before.spool.Close())

	grown := servers.open(t, 2)
	after := sidecar(t, dir, grown)
	for n := range 50 {
		after.append(visit(50+n, 1))
	}
	after.drain()
	require.EqualValues(t, 100, sum(t, grown, "SELECT count() FROM views_local"))
	require.EqualValues(t, 100, sum(t, grown, "SELECT uniqExact(session_id) FROM views_local"), "none is in both shards")
	second := grown.Shards()[1]
	var n uint64
	require.NoError(t, second.Conn().QueryRow(t.Context(), "SELECT count() FROM views_local").Scan(&n))
	require.Positive(t, n, "what was not begun is parted anew")
}

func TestABatchThatWasBegunWaitsForAShardThatWasRemoved(t *testing.T) {
	servers := startServers(t, 2)
	dir := t.TempDir()
	before := sidecar(t, dir, servers.open(t, 2))
	for n := range 50 {
		before.append(visit(n, 1))
	}
	batch, err := before.spool.Next(t.Context())
	require.NoError(t, err)
	require.NoError(t, before.deliver(t.Context(), batch))
	require.NoError(t, before.spool.Close())

	smaller := sidecar(t, dir, servers.open(t, 1))
	batch, err = smaller.spool.Next(t.Context())
	require.NoError(t, err)
	smaller.shards = newShards(smaller.store.Shards())
	_, err = smaller.among(batch)
	require.ErrorContains(t, err, "add the shards again until the spool is empty")
}
