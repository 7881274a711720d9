package store

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// The hash has branches for texts of up to 16, 32 and 64 bytes, and for longer ones.
func TestAShardIsChosenAsClickHouseWould(t *testing.T) {
	s := migrated(t)
	type row struct {
		app, session string
		shards       int
	}
	texts := rapid.OneOf(rapid.String(), rapid.StringMatching(`[a-z0-9-]{0,200}`), rapid.Just(""))
	rows := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) row {
		return row{texts.Draw(t, "app"), texts.Draw(t, "session"), rapid.IntRange(1, 64).Draw(t, "shards")}
	}), 500, 500)
	rapid.Check(t, func(rt *rapid.T) {
		drawn := rows.Draw(rt, "rows")
		apps, sessions, shards := make([]string, len(drawn)), make([]string, len(drawn)), make([]uint64, len(drawn))
		var ours []string
		for i, r := range drawn {
			apps[i], sessions[i], shards[i] = r.app, r.session, uint64(r.shards)
			ours = append(ours, fmt.Sprint(ShardOf(r.app, r.session, r.shards)))
		}
		// In LowCardinality, as the tables have it.
		conn := s.Conn()
		require.NoError(rt, conn.Exec(t.Context(), "CREATE OR REPLACE TABLE keys (n UInt64, app LowCardinality(String), "+
			"session_id String, shards UInt64) ENGINE = Memory"))
		batch, err := conn.PrepareBatch(t.Context(), "INSERT INTO keys")
		require.NoError(rt, err)
		for i := range drawn {
			require.NoError(rt, batch.Append(uint64(i), apps[i], sessions[i], shards[i]))
		}
		require.NoError(rt, batch.Send())
		require.Equal(rt, strings.Join(ours, "\n"), ask(t, s, "SELECT "+shardingKey+" % shards FROM keys ORDER BY n"))
	})
}

func TestEverythingLiesOnTheOnlyShard(t *testing.T) {
	require.Zero(t, ShardOf("shop", "a", 1))
	require.Zero(t, ShardOf("shop", "b", 0))
}
