package rollup

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
)

// Rolled is what a roll has done.
type Rolled struct {
	Rolls int    // statements that were needed; 0 where the hour was exact already
	Rows  uint64 // that hour_inserts counts in the hour
}

// mostTries is how often a roll begins anew because others were faster, or because the store takes it for one that it
// has had already.
const mostTries = 16

// Roll makes a roll-up of an hour exact as of when Roll was called: everything that was inserted, reported again or
// marked as erased by then is in it. An hour that is not wholly within the retention of the raw rows is refused with a
// *TooOldError: what has expired must not be subtracted.
func (r *Rollups) Roll(ctx context.Context, t Table, h Hour) (Rolled, error) {
	return r.roll(ctx, t, h, false)
}

// Repair rolls an hour even if its marker says that it is exact.
func (r *Rollups) Repair(ctx context.Context, t Table, h Hour) (Rolled, error) {
	return r.roll(ctx, t, h, true)
}

func (r *Rollups) roll(ctx context.Context, t Table, h Hour, anyway bool) (done Rolled, err error) {
	if h.Start != h.Start.Truncate(time.Hour) {
		return done, fmt.Errorf("roll up %s: %s is not the start of an hour", t.Name, h.Start)
	}
	if err := r.refuseOld(ctx, t, h); err != nil {
		return done, err
	}
	// What makes a roll exact is that these are read one after the other: first how far the hour was rolled, then how
	// many rows it has, and then the rows. What is inserted in between is counted in a later roll.
	marker, err := r.marker(ctx, t, h)
	if err != nil {
		return done, err
	}
	if done.Rows, err = r.inserted(ctx, h); err != nil {
		return done, err
	}
	if err := r.catchUp(ctx, t.Source); err != nil {
		return done, err
	}
	begun := marker.generation
	for next := begun; ; {
		if marker.covered >= int64(done.Rows) && (!anyway || marker.generation > begun) {
			return done, nil
		}
		if done.Rolls == mostTries {
			return done, fmt.Errorf("roll up %s of %s: the store took %d rolls for repetitions, although its roll-up is "+
				"at generation %d: was the table emptied or restored? Roll this hour again later", h, t.Name, mostTries,
				marker.generation)
		}
		// A token that the store knows, of a roll that is not there any more, must not stand in the way for ever.
		next = max(next, marker.generation) + 1
		if err := r.insertDifference(ctx, t, h, next, done.Rows); err != nil {
			return done, fmt.Errorf("roll up %s of %s: %w", h, t.Name, err)
		}
		done.Rolls++
		if marker, err = r.marker(ctx, t, h); err != nil {
			return done, err
		}
	}
}

// marker is how far an hour was rolled.
type marker struct {
	generation, covered int64
}

func (r *Rollups) marker(ctx context.Context, t Table, h Hour) (m marker, err error) {
	if err := r.catchUp(ctx, t.Name); err != nil {
		return m, err
	}
	sql := fmt.Sprintf("SELECT sum(samples), sum(weight) FROM %s WHERE app = {app:String} AND %s = '' "+
		"AND %s = toDateTime({hour:Int64}, 'UTC')", r.store.Local(t.Name), t.Marker, t.At)
	if err := r.store.Conn().QueryRow(ctx, sql, h.parameters()...).Scan(&m.generation, &m.covered); err != nil {
		return m, fmt.Errorf("read how far %s was rolled up in %s: %w", h, t.Name, err)
	}
	return m, nil
}

func (r *Rollups) inserted(ctx context.Context, h Hour) (rows uint64, err error) {
	sql := fmt.Sprintf("SELECT sum(rows) FROM %s WHERE app = {app:String} AND hour = toDateTime({hour:Int64}, 'UTC')",
		r.store.Local("hour_inserts"))
	if err := r.store.Conn().QueryRow(ctx, sql, h.parameters()...).Scan(&rows); err != nil {
		return 0, fmt.Errorf("count the rows of %s: %w", h, err)
	}
	return rows, nil
}

// catchUp has a replica take over what others of its shard have of a table. Without replicas there is nothing to do.
func (r *Rollups) catchUp(ctx context.Context, table string) error {
	if !r.store.Replicated() {
		return nil
	}
	if err := r.store.Conn().Exec(ctx, "SYSTEM SYNC REPLICA "+r.store.Local(table)+" LIGHTWEIGHT"); err != nil {
		return fmt.Errorf("wait for the replica to have all of %s: %w", table, err)
	}
	return nil
}

// insertDifference inserts, as one block, what the roll-up lacks and has too much, and its marker. The marker is part of
// the difference: were the statement to run twice, the second time would find nothing left to insert.
func (r *Rollups) insertDifference(ctx context.Context, t Table, h Hour, generation int64, rows uint64) error {
	return r.store.Conn().Exec(inserting(ctx, t, h, generation),
		fmt.Sprintf("INSERT INTO %s (app, %s)\nSELECT {app:String}, * FROM (%s)\nORDER BY ALL",
			r.store.Local(t.Name), strings.Join(t.columns(), ", "), r.difference(t, true)),
		h.parameters(named("generation", generation), named("rows", int64(rows)))...)
}

// inserting makes a statement insert one block, once, however often it is sent for the same generation of an hour.
func inserting(ctx context.Context, t Table, h Hour, generation int64) context.Context {
	token := fmt.Sprintf("roll:%s:%s:%d:%d", t.Name, h.App, h.Start.Unix(), generation)
	return exactly(ctx, clickhouse.Settings{
		"insert_deduplicate":         1,
		"insert_deduplication_token": token,
		"async_insert":               0,
		"wait_end_of_query":          1,
		// One block is inserted whole or not at all. These two keep it from being cut.
		"max_insert_threads":         1,
		"min_insert_block_size_rows": 1 << 40,
		// The token of an INSERT … SELECT is taken together with the blocks that the query comes in: in more than one, a
		// roll that lost a race would be inserted all the same.
		"max_block_size":              1 << 24,
		"min_insert_block_size_bytes": 0,
	})
}

// difference is a query for what the raw rows of an hour have that the roll-up has not, by cell; where the roll-up has
// more, it is negative.
func (r *Rollups) difference(t Table, marked bool) string {
	var keys, sums, some, raw, rolled, mark []string
	for i, key := range t.Keys {
		name := fmt.Sprintf("k%d", i)
		keys = append(keys, name)
		raw = append(raw, key.Of+" AS "+name)
		rolled = append(rolled, key.Name+" AS "+name)
		mark = append(mark, emptyOf(key, t.At)+" AS "+name)
	}
	for i, sum := range t.Sums {
		name := fmt.Sprintf("s%d", i)
		sums = append(sums, fmt.Sprintf("sum(%s) AS t%d", name, i))
		some = append(some, fmt.Sprintf("t%d != 0", i))
		raw = append(raw, sum.Of+" AS "+name)
		rolled = append(rolled, "-"+sum.Name+" AS "+name)
		mark = append(mark, []string{"{generation:Int64}", "{rows:Int64}", "toInt64(0)"}[min(i, 2)]+" AS "+name)
	}
	branches := []string{
		fmt.Sprintf("SELECT %s\n    FROM %s\n    WHERE app = {app:String} AND %s != ''\n      AND ts >= %s AND ts < %s",
			strings.Join(raw, ", "), r.sourceOf(t), t.Marker, hour, "toDateTime({end:Int64}, 'UTC')"),
		fmt.Sprintf("SELECT %s\n    FROM %s\n    WHERE app = {app:String} AND %s >= %s AND %s < %s",
			strings.Join(rolled, ", "), r.store.Local(t.Name), t.At, hour, t.At, "toDateTime({end:Int64}, 'UTC')"),
	}
	if marked {
		branches = append(branches, "SELECT "+strings.Join(mark, ", "))
	} else {
		branches[1] += " AND " + t.Marker + " != ''"
	}
	by := strings.Join(keys, ", ")
	return fmt.Sprintf("\n  SELECT %s, %s FROM (\n    %s\n  )\n  GROUP BY %s\n  HAVING %s", by, strings.Join(sums, ", "),
		strings.Join(branches, "\n    UNION ALL\n    "), by, strings.Join(some, " OR "))
}

// sourceOf is the raw table as it is read: of a vital that was reported again, the last report alone.
func (r *Rollups) sourceOf(t Table) string {
	if t.Source == "vitals" {
		return r.store.Local(t.Source) + " FINAL"
	}
	return r.store.Local(t.Source)
}

// emptyOf is a key of a marker, which has nothing but its time.
func emptyOf(key Column, at string) string {
	switch key.Name {
	case at:
		return hour
	case "bucket":
		return "toInt16(0)"
	}
	return "''"
}

func (t Table) columns() []string {
	var names []string
	for _, column := range append(t.Keys[:len(t.Keys):len(t.Keys)], t.Sums...) {
		names = append(names, column.Name)
	}
	return names
}
