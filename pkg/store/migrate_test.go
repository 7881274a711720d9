package store

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMigrationsApplyFromNothingTwiceAndAtOnce(t *testing.T) {
	s := empty(t)
	version, err := s.SchemaVersion(t.Context())
	require.NoError(t, err)
	require.Zero(t, version)
	require.ErrorContains(t, s.CheckSchema(t.Context()), "run `sightline migrate`")

	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			if err := s.Migrate(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	require.NoError(t, s.Migrate(t.Context()))
	require.NoError(t, s.CheckSchema(t.Context()))
	version, err = s.SchemaVersion(t.Context())
	require.NoError(t, err)
	require.Equal(t, LatestVersion(), version)
}

// A program that stopped after creating tables and before noting it runs every statement again.
func TestAMigrationThatWasInterruptedIsFinished(t *testing.T) {
	s := migrated(t)
	require.NoError(t, s.Conn().Exec(t.Context(), "DROP TABLE session_events_to_sessions"))
	require.NoError(t, s.Conn().Exec(t.Context(), "TRUNCATE TABLE schema_versions"))
	require.NoError(t, s.Migrate(t.Context()))
	require.Equal(t, "1", ask(t, s,
		"SELECT count() FROM system.tables WHERE database = currentDatabase() AND name = 'session_events_to_sessions'"))
}

func TestNewerTablesAreNotTouched(t *testing.T) {
	s := migrated(t)
	require.NoError(t, s.Conn().Exec(t.Context(), "INSERT INTO schema_versions SELECT 99, 'later', now64(3)"))
	require.ErrorContains(t, s.Migrate(t.Context()), "newer than")
	require.ErrorContains(t, s.CheckSchema(t.Context()), "update")
}

func TestAMissingStoreIsSaidToBeMissing(t *testing.T) {
	s, err := Open(FromAccess("127.0.0.1:1", "x", "", ""))
	require.NoError(t, err)
	require.ErrorContains(t, s.Ping(t.Context()), "127.0.0.1:1 does not answer")
	require.ErrorContains(t, s.Migrate(t.Context()), "connect to 127.0.0.1:1")
	_, err = s.SchemaVersion(t.Context())
	require.Error(t, err)
}

// What a batch inserts and what the tables hold must be the same columns of the same types.
const columnsOf = "SELECT name, type FROM system.columns WHERE database = currentDatabase() AND table = $1"

func TestTheColumnsOfABatchAreThoseOfTheTables(t *testing.T) {
	s := migrated(t)
	for _, table := range NewBatch().tables {
		var declared []string
		for _, c := range table.columns() {
			declared = append(declared, c.Name+"\t"+c.Type)
		}
		require.Equal(t, strings.Join(declared, "\n"),
			ask(t, s, columnsOf+" ORDER BY position", table.tableName()), table.tableName())
	}
}

// A view's column that its target does not know is dropped without a word: every view must fill its target by name.
func TestEveryColumnOfAViewIsAColumnOfItsTarget(t *testing.T) {
	s := migrated(t)
	views := strings.Split(ask(t, s,
		"SELECT name FROM system.tables WHERE database = currentDatabase() AND engine = 'MaterializedView'"), "\n")
	require.Len(t, views, 5)
	for _, view := range views {
		_, target, _ := strings.Cut(view, "_to_")
		names := "SELECT arraySort(groupArray(name)) FROM (" + columnsOf + ")"
		require.Equal(t, ask(t, s, names, target), ask(t, s, names, view), view)
	}
}

func TestStatementsForAClusterReplicateAndDistribute(t *testing.T) {
	statements, err := Statements(Layout{Cluster: "main"})
	require.NoError(t, err)
	all := strings.Join(statements, ";\n")
	for _, part := range []string{
		"CREATE TABLE IF NOT EXISTS views_local ON CLUSTER `main`",
		"ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}', reported_at)",
		"replicated_deduplication_window = 100000",
		"CREATE TABLE IF NOT EXISTS views ON CLUSTER `main` AS views_local\nENGINE = Distributed('main', currentDatabase(), 'views_local', cityHash64(app, session_id))",
		"ENGINE = Distributed('main', currentDatabase(), 'deploys_local')",
		"CREATE TABLE IF NOT EXISTS journeys ON CLUSTER `main` AS journeys_local",
	} {
		require.True(t, strings.Contains(all, part), part)
	}
	require.False(t, strings.Contains(all, "non_replicated"))

	single, err := Statements(Layout{})
	require.NoError(t, err)
	require.False(t, strings.Contains(strings.Join(single, "\n"), "CLUSTER"))
	require.False(t, strings.Contains(strings.Join(single, "\n"), "Replicated"))
}
