// Package rollup keeps the roll-ups: hours of the raw tables, counted by rum.Bucket, which outlive the raw rows
// and are quicker to ask.
//
// A roll reads one hour of one app from a raw table, takes away what the roll-up has of it already, and inserts the
// difference. So the same roll is backfill, update, late beacon, erasure and repair. No view feeds a roll-up: to a
// view, a row that replaces another or that is erased is one more row, or none.
//
// Each rolled hour has a marker, in the same block as its cells: the sum of its samples is the hour's generation, which
// is how often it was rolled, and the sum of its weight is how many rows hour_inserts counted in the hour when the roll
// began. An hour whose marker has what hour_inserts counts now is exact: equal to its raw rows, to the count.
package rollup

import (
	"context"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/sightline-rum/sightline/pkg/store"
)

// Rollups are the roll-ups of a store. They are safe for concurrent use, and beside those of other processes.
type Rollups struct {
	store   *store.Store
	appDays map[string]int
}

// Of returns a store's roll-ups.
func Of(s *store.Store) *Rollups { return &Rollups{store: s} }

// KeepingApps returns the roll-ups where some apps' raw rows go before those of their tables: after how many days.
func (r *Rollups) KeepingApps(days map[string]int) *Rollups {
	kept := *r
	kept.appDays = days
	return &kept
}

// Hour is an hour of an app.
type Hour struct {
	App   string
	Start time.Time
}

func (h Hour) String() string { return h.App + " " + h.Start.UTC().Format("2006-01-02 15:04") }

// parameters of a statement about an hour.
func (h Hour) parameters(more ...any) []any {
	return append([]any{
		named("app", h.App), named("hour", h.Start.Unix()), named("end", h.Start.Add(time.Hour).Unix()),
	}, more...)
}

func named(name string, value any) driver.NamedValue {
	return driver.NamedValue{Name: name, Value: value}
}

// exactly makes a statement read the last report of every vital.
func exactly(ctx context.Context, more clickhouse.Settings) context.Context {
	settings := clickhouse.Settings{"do_not_merge_across_partitions_select_final": 1, "max_threads": 2}
	for name, value := range more {
		settings[name] = value
	}
	return clickhouse.Context(ctx, clickhouse.WithSettings(settings))
}

// scan reads every row of a query.
func (r *Rollups) scan(ctx context.Context, sql string, each func(driver.Rows) error, parameters ...any) error {
	rows, err := r.store.Conn().Query(ctx, sql, parameters...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := each(rows); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	return nil
}
