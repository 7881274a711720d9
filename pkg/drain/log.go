package drain

import (
	"context"
	"log/slog"
	"slices"

	"github.com/sightline-rum/sightline/pkg/spool"
)

// logBegun tells which requests a batch holds: with the lines of package ingest before it, and those of its inserts and
// dead letters after it, a beacon can be followed from the gate to its rows.
func (d *Drainer) logBegun(batch spool.Batch, records []record) {
	if !d.options.Logger.Enabled(context.Background(), slog.LevelDebug) {
		return
	}
	d.options.Logger.Debug("drain: a batch is read", "batch", batch.Token, "records", len(batch.Records),
		"again", batch.Again)
	for _, r := range records {
		if r.Request != "" {
			d.options.Logger.Debug("drain: a batch holds", "batch", batch.Token, "index", r.index, "request", r.Request)
		}
	}
}

// logInserted tells of each table's insert by its token, under which a server's system.query_log has it as well.
func (d *Drainer) logInserted(token string, into *shard, rows map[string]int, refused ...string) {
	if !d.options.Logger.Enabled(context.Background(), slog.LevelDebug) {
		return
	}
	for table, n := range rows {
		if n > 0 && !slices.Contains(refused, table) {
			d.options.Logger.Debug("drain: inserted"+into.name, "insert", token+":"+table, "table", table, "rows", n)
		}
	}
}
