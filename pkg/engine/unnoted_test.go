package engine_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/engine"
	"github.com/sightline-rum/sightline/pkg/engine/enginetest"
)

func TestRowsWhoseTokenAKilledEngineDidNotNoteAreNotDoubledByTheRetry(t *testing.T) {
	folder := t.TempDir()
	killedBeforeTheLastNote(t, folder, nil)

	conn := restartedOn(t, folder)
	require.Equal(t, [2]uint64{2000, 2000}, insertedAndCounted(t, conn), "what was not noted is not there")
	for n := range 3 {
		insertThousand(t, conn, n)
	}
	require.Equal(t, [2]uint64{3000, 3000}, insertedAndCounted(t, conn), "retries add what is missing, and nothing else")
}

func TestAfterAPowerCutNothingIsTakenBack(t *testing.T) {
	folder := t.TempDir()
	killedBeforeTheLastNote(t, folder, func(left *engine.Access) { left.Boot = "another" })

	conn := restartedOn(t, folder)
	require.Equal(t, [2]uint64{3000, 3000}, insertedAndCounted(t, conn))
}

// killedBeforeTheLastNote leaves a folder as an engine does that is killed when it has committed the third batch, in a
// table and behind its view, but not noted the token. change alters what it says of itself.
func killedBeforeTheLastNote(t *testing.T, folder string, change func(*engine.Access)) {
	ctx := context.Background()
	supervisor := enginetest.Supervise(t, folder)
	access := ready(t, supervisor)
	conn := client(t, access, access.Writer, clickhouse.CompressionLZ4)
	// Between a commit and its note there is no time for a merge, but there is in this test.
	settings := " SETTINGS non_replicated_deduplication_window = 100, max_bytes_to_merge_at_max_space_in_pool = 1"
	for _, statement := range []string{
		"CREATE TABLE kept (a UInt64) ENGINE = MergeTree ORDER BY a" + settings,
		"CREATE TABLE counted (n UInt64) ENGINE = SummingMergeTree ORDER BY ()" + settings,
		"CREATE MATERIALIZED VIEW kept_to_counted TO counted AS SELECT count() AS n FROM kept",
	} {
		require.NoError(t, conn.Exec(ctx, statement))
	}
	for n := range 3 {
		insertThousand(t, conn, n)
	}
	path := filepath.Join(folder, "engine", "access.json")
	about, err := os.Stat(path)
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	stopping, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	require.NoError(t, supervisor.Stop(stopping))

	logs, err := filepath.Glob(filepath.Join(folder, "engine", "store", "store", "*", "*", "deduplication_logs", "*.txt"))
	require.NoError(t, err)
	require.Len(t, logs, 2)
	for _, log := range logs {
		text, err := os.ReadFile(log)
		require.NoError(t, err)
		lines := bytes.SplitAfter(text, []byte("\n"))
		require.Len(t, lines, 4, "three notes: %s", text)
		require.NoError(t, os.WriteFile(log, bytes.Join(lines[:2], nil), 0o600))
	}
	if change != nil {
		change(&access)
	}
	text, err := json.Marshal(access)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, text, 0o600))
	require.NoError(t, os.Chtimes(path, about.ModTime(), about.ModTime()))
}

func restartedOn(t *testing.T, folder string) driver.Conn {
	access := ready(t, enginetest.Supervise(t, folder))
	return client(t, access, access.Writer, clickhouse.CompressionLZ4)
}

func insertThousand(t *testing.T, conn driver.Conn, n int) {
	t.Helper()
	settings := clickhouse.Settings{"insert_deduplication_token": strconv.Itoa(n)}
	batch, err := conn.PrepareBatch(clickhouse.Context(context.Background(), clickhouse.WithSettings(settings)), "INSERT INTO kept")
	require.NoError(t, err)
	for row := range 1000 {
		require.NoError(t, batch.Append(uint64(n*1000+row)))
	}
	require.NoError(t, batch.Send())
}

func insertedAndCounted(t *testing.T, conn driver.Conn) (rows [2]uint64) {
	t.Helper()
	err := conn.QueryRow(context.Background(), "SELECT (SELECT count() FROM kept), (SELECT sum(n) FROM counted)").Scan(&rows[0], &rows[1])
	require.NoError(t, err)
	return rows
}
