package engine_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/stretchr/testify/require"
)

func BenchmarkSelectOne(b *testing.B) {
	conn := reader(b)
	ctx := context.Background()
	require.NoError(b, conn.Ping(ctx))
	for b.Loop() {
		var one uint8
		if err := conn.QueryRow(ctx, "SELECT 1").Scan(&one); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkInsert inserts batches of 50,000 rows of ten columns.
func BenchmarkInsert(b *testing.B) {
	conn := writer(b)
	ctx := context.Background()
	require.NoError(b, conn.Exec(ctx, `CREATE OR REPLACE TABLE bench (ts DateTime64(3,'UTC'), app LowCardinality(String),
		route LowCardinality(String), session_id String, view_id String, country LowCardinality(String), duration Float32,
		status UInt16, weight UInt32, attributes Map(LowCardinality(String), String))
		ENGINE = MergeTree PARTITION BY toDate(ts) ORDER BY (app, ts)`))
	const rows = 50_000
	start := time.Now()
	inserted := 0
	for b.Loop() {
		batch, err := conn.PrepareBatch(clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{
			"insert_deduplication_token": fmt.Sprint("bench", inserted),
		})), "INSERT INTO bench")
		if err != nil {
			b.Fatal(err)
		}
		for i := range rows {
			id := fmt.Sprintf("%016x", i)
			if err := batch.Append(time.UnixMilli(1700000000000+int64(i)), "shop", "/product/:id", id, id, "DE",
				float32(i), uint16(200), uint32(1000),
				map[string]string{"plan": "free"}); err != nil {
				b.Fatal(err)
			}
		}
		if err := batch.Send(); err != nil {
			b.Fatal(err)
		}
		inserted += rows
	}
	b.ReportMetric(float64(inserted)/time.Since(start).Seconds(), "rows/s")
}
