package store

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/engine/enginetest"
	"github.com/sightline-rum/sightline/pkg/rum"
)

// sharded is a store whose shards are databases of the tests' engine.
func sharded(t *testing.T) *Store {
	t.Helper()
	whole := empty(t).OnCluster(Cluster{Name: "main", Unreplicated: true})
	for range 2 {
		shard := empty(t)
		shard.layout = whole.layout
		require.NoError(t, shard.migrate(t.Context(), []*Store{shard}))
		whole.shards = append(whole.shards, shard)
	}
	return whole
}

// deliver inserts beacons into their shards.
func deliver(t *testing.T, into *Store, token string, beacons ...*rum.Beacon) {
	t.Helper()
	for i, shard := range into.Shards() {
		batch := NewBatch()
		for _, b := range beacons {
			if ShardOf(b.Context.App, b.Context.SessionID, len(into.Shards())) == i {
				batch.Add(b)
			}
		}
		require.NoError(t, shard.Insert(t.Context(), token, batch))
	}
}

// failing is a session with one error of a group that all of them share.
func failing(session string) *rum.Beacon {
	return &rum.Beacon{ReceivedAt: noon, Context: rum.Context{App: "shop", SessionID: session, UserKey: "user of " + session},
		Views:  []rum.View{{Item: rum.Item{TS: noon, ViewID: session}, Kind: rum.ViewLoad}},
		Errors: []rum.Error{{Item: rum.Item{TS: noon + 1000}, Kind: "exception", Fingerprint: "f", Message: "no"}}}
}

func eachShard(t *testing.T, of *Store, query string) (answers []string) {
	t.Helper()
	for _, shard := range of.Shards() {
		answers = append(answers, ask(t, shard, query))
	}
	return answers
}

func TestAnErasureGoesThroughEveryShard(t *testing.T) {
	s := sharded(t)
	var sessions [2][]string // by shard
	for n := 0; len(sessions[0]) < 3 || len(sessions[1]) < 3; n++ {
		session := fmt.Sprint("s", n)
		shard := ShardOf("shop", session, 2)
		sessions[shard] = append(sessions[shard], session)
		deliver(t, s, session, failing(session))
	}
	of := Subject{App: "shop", Sessions: []string{sessions[0][0], sessions[1][0], sessions[1][1]}}
	found, err := s.SessionsOf(t.Context(), Subject{App: "shop", UserKey: "user of " + sessions[1][2]})
	require.NoError(t, err)
	require.Equal(t, sessions[1][2:3], found)
	counted, err := s.Count(t.Context(), of)
	require.NoError(t, err)
	require.EqualValues(t, 3, counted["views"])
	require.EqualValues(t, 6, counted["session_events"])
	hours, err := s.TouchedHours(t.Context(), of)
	require.NoError(t, err)
	require.NotEmpty(t, hours)
	groups, err := s.TouchedGroups(t.Context(), of)
	require.NoError(t, err)
	require.Len(t, groups, 2, "each shard counts its own errors")

	require.NoError(t, s.RecordErasure(t.Context(), Erasure{ID: "1", App: "shop", Kind: "session", State: "running",
		RequestedAt: time.UnixMilli(noon), Tombstones: []string{"hash"}}))
	marked := eachShard(t, s, "SELECT sum(rows) FROM hour_inserts_local")
	require.NoError(t, s.EraseRows(t.Context(), of))
	require.NoError(t, s.MarkHours(t.Context(), hours))
	require.NoError(t, s.RebuildGroups(t.Context(), groups))
	require.NoError(t, s.VerifyErased(t.Context(), of))

	left := []string{fmt.Sprint(len(sessions[0]) - 1), fmt.Sprint(len(sessions[1]) - 2)}
	require.Equal(t, left, eachShard(t, s, "SELECT count() FROM views_local"))
	require.Equal(t, left, eachShard(t, s, "SELECT sum(count) FROM error_groups_local"))
	for i, rows := range eachShard(t, s, "SELECT sum(rows) FROM hour_inserts_local") {
		require.NotEqual(t, marked[i], rows, "every shard rolls the hour again")
	}
	require.Equal(t, []string{"hash", "hash"}, eachShard(t, s, "SELECT arrayJoin(tombstones) FROM erasures_local"),
		"each looks for what was erased among its own rows")
	tombstones, err := s.Tombstones(t.Context())
	require.NoError(t, err)
	require.Len(t, tombstones, 1)
	found, err = s.SessionsOf(t.Context(), Subject{App: "shop", UserKey: "user of " + sessions[1][1]})
	require.NoError(t, err)
	require.Empty(t, found)
}

func TestWhatWasErasedAndCameBackIsFoundInAnyShard(t *testing.T) {
	s := sharded(t)
	for n := range 8 {
		deliver(t, s, fmt.Sprint(n), failing(fmt.Sprint("s", n)))
	}
	hash := ask(t, s.Shards()[0], "SELECT lower(hex(SHA256(concat('session', char(0), 'shop', char(0), 's5', char(0)))))")
	require.NoError(t, s.RecordErasure(t.Context(), Erasure{ID: "1", App: "shop", RequestedAt: time.UnixMilli(noon),
		Tombstones: []string{hash}}))
	found, err := s.ErasedRows(t.Context())
	require.NoError(t, err)
	require.Equal(t, []Subject{{App: "shop", Sessions: []string{"s5"}}}, found)
}

func TestAJourneyLiesInOneShardHoweverOftenItIsWritten(t *testing.T) {
	s := sharded(t)
	for range 2 {
		require.NoError(t, s.WriteJourneys(t.Context(), []JourneyStep{{App: "shop", Journey: "buy", Pattern: "/cart", Version: 1}}))
	}
	rows := eachShard(t, s, "SELECT count() FROM journeys_local FINAL")
	require.ElementsMatch(t, []string{"0", "1"}, rows)
	require.Equal(t, "1", rows[ShardOf("shop", "", 2)])
}

func TestNothingIsInsertedIntoAClusterAsAWhole(t *testing.T) {
	s := sharded(t)
	batch := NewBatch()
	batch.Add(failing("s"))
	require.ErrorContains(t, s.Insert(t.Context(), "token", batch), "rows go into a shard of cluster main")
}

func TestAClusterThatCannotBeIsRefused(t *testing.T) {
	require.NoError(t, Cluster{}.Check())
	require.NoError(t, Cluster{Name: "main", Shards: []string{"a,b", "c,d"}}.Check())
	require.NoError(t, Cluster{Name: "main", Shards: []string{"a", "b"}, Unreplicated: true}.Check())
	require.ErrorContains(t, Cluster{Shards: []string{"a"}}.Check(), "--cluster")
	require.ErrorContains(t, Cluster{Name: "main", Shards: []string{"a,b"}, Unreplicated: true}.Check(), "leave out --unreplicated")
}

func TestTheShardsOfAClusterAreReadFromTheServer(t *testing.T) {
	found, err := shardAddresses("main", []replica{
		{1, 1, "a1", 9000}, {1, 1, "a2", 9000}, {2, 1, "b1", 9000}, {2, 1, "2001:db8::1", 9440}, {5, 1, "c1", 9000},
	})
	require.NoError(t, err)
	require.Equal(t, []string{"a1:9000,a2:9000", "b1:9000,[2001:db8::1]:9440", "c1:9000"}, found)

	_, err = shardAddresses("main", nil)
	require.ErrorContains(t, err, "no cluster main is known")
	_, err = shardAddresses("main", []replica{{1, 1, "a", 9000}, {2, 3, "b", 9000}})
	require.ErrorContains(t, err, "same weight")

	overHTTP := empty(t).OnCluster(Cluster{Name: "main"})
	require.ErrorContains(t, overHTTP.FindShards(t.Context()), "name each shard's addresses with --shards")
}

// The statements of a cluster, as the engine itself takes them: that an engine, type, setting or macro does not exist it
// says before anything else. ON CLUSTER alone is left out, which a library has no queue for; and replicated tables of the
// library are read-only, so that it can be seen no further than that an ALTER is about to begin.
func TestEveryStatementForAClusterIsTaken(t *testing.T) {
	// In an engine of its own, which need not end well: the library is not made to close replicated tables.
	access, stop, err := enginetest.StartMainCluster(enginetest.Cluster{Name: "main", Shards: 2, Database: "front"})
	require.NoError(t, err)
	defer stop()
	s, err := Open(FromAccess(access.Address, "replicated", access.Writer.User, access.Writer.Password))
	require.NoError(t, err)
	defer s.Close()
	require.NoError(t, s.createDatabase(t.Context()))
	statements, err := Statements(Layout{Cluster: "main"})
	require.NoError(t, err)
	const readOnly = 242
	created := 0
	for _, statement := range statements {
		if strings.HasPrefix(statement, "INSERT") { // it would wait for the table
			continue
		}
		statement = strings.ReplaceAll(statement, " ON CLUSTER `main`", "")
		err := s.Conn().Exec(t.Context(), statement)
		switch head := headline(statement); {
		case strings.HasPrefix(head, "CREATE"):
			require.NoError(t, err, statement)
			created++
		case strings.Contains(head, localSuffix):
			require.True(t, hasCode(err, readOnly), "%s: %v", statement, err)
		default: // of a Distributed table
			require.NoError(t, err, statement)
		}
	}
	require.Greater(t, created, 40)
	require.Equal(t, "0", ask(t, s, "SELECT count() FROM system.tables WHERE database = currentDatabase() AND name LIKE '%\\_local' "+
		"AND engine NOT LIKE 'Replicated%' AND engine != 'MaterializedView'"))

	broken := strings.NewReplacer("ReplicatedMergeTree", "ReplicatedTree").Replace(statements[1])
	broken = strings.ReplaceAll(strings.ReplaceAll(broken, " ON CLUSTER `main`", ""), "views_local", "broken_local")
	require.ErrorContains(t, s.Conn().Exec(t.Context(), broken), "replicatedtree")
}
