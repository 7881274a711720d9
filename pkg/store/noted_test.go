package store

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/rum"
)

// An embedded engine that was killed takes back the inserted parts whose tokens are not noted, as their inserts were
// not finished. So no kind of insert may leave them out.
func TestEveryInsertNotesItsToken(t *testing.T) {
	s := migrated(t)
	batch := visits(0, 3)
	batch.AddDeploy(rum.Deploy{App: "shop", Release: "2.5.0", TS: noon + 1000})
	require.NoError(t, s.Insert(t.Context(), "noted", counted(batch)))
	require.NoError(t, s.WriteJourneys(t.Context(), []JourneyStep{{App: "shop", Journey: "buy", Pattern: "/cart", Version: 1}}))
	require.NoError(t, s.MarkHours(t.Context(), []TouchedHour{{App: "shop", Hour: time.UnixMilli(noon)}}))
	require.NoError(t, s.RecordErasure(t.Context(), Erasure{ID: "1", App: "shop", Kind: "session", RequestedAt: time.UnixMilli(noon)}))
	require.NoError(t, s.RebuildGroups(t.Context(), []ErrorGroup{{App: "shop", Fingerprint: "f", Count: 3, Erased: 1,
		FirstSeen: time.UnixMilli(noon), LastSeen: time.UnixMilli(noon)}}))

	tables := 0
	for line := range strings.Lines(ask(t, s, "SELECT name, arrayStringConcat(data_paths) FROM system.tables "+
		"WHERE database = currentDatabase() AND total_rows > 0 AND name != 'schema_versions'")) {
		name, path, _ := strings.Cut(strings.TrimSpace(line), "\t")
		logs, err := filepath.Glob(filepath.Join(path, "deduplication_logs", "*.txt"))
		require.NoError(t, err)
		require.NotEmpty(t, logs, name)
		notes, err := os.ReadFile(logs[0])
		require.NoError(t, err)
		parts, err := os.ReadDir(path)
		require.NoError(t, err)
		for _, part := range parts {
			if pieces := strings.Split(part.Name(), "_"); len(pieces) == 4 && pieces[1] == pieces[2] {
				require.Contains(t, string(notes), "\t"+part.Name()+"\t", "part of %s", name)
			}
		}
		tables++
	}
	require.GreaterOrEqual(t, tables, 17, "every table that is inserted into")
}
