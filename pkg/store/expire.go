package store

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// A table drops its own rows a whole part at a time. What goes earlier than its table's rows is removed here, a day at a
// time: an app's rows, since tables are not divided by app, and the values of sensitive columns, since a table whose
// parts are only dropped whole never looks for old values by itself.

// Expired is what was removed of one day: an app's rows, or the values of some columns.
type Expired struct {
	Table   string
	Day     time.Time
	App     string
	Rows    uint64
	Columns []string
}

func (e Expired) String() string {
	day := e.Day.Format(time.DateOnly)
	if e.App != "" {
		return fmt.Sprintf("%d rows of app %s in %s, of %s", e.Rows, e.App, e.Table, day)
	}
	return fmt.Sprintf("%s of %s, of %s", strings.Join(e.Columns, ", "), e.Table, day)
}

// Expire removes what a retention keeps shorter than its table's rows, up to whole days before now. It can be run again,
// by several sidecars at once, and returns what it has removed.
func (s *Store) Expire(ctx context.Context, r Retention, now time.Time) ([]Expired, error) {
	var all []Expired
	err := onEvery(s.Shards(), func(shard *Store) error {
		some, err := shard.expire(ctx, r, now)
		all = append(all, some...)
		return err
	})
	return all, err
}

func (s *Store) expire(ctx context.Context, r Retention, now time.Time) ([]Expired, error) {
	var all []Expired
	for _, app := range slices.Sorted(maps.Keys(r.Apps)) {
		if r.Apps[app] < 1 {
			continue
		}
		gone := lastDay(now.Add(notice), r.Apps[app]).AddDate(0, 0, 1)
		if err := s.noteExpired(ctx, "", app, gone); err != nil {
			return all, err
		}
		for _, e := range erasable {
			some, err := s.expireApp(ctx, app, e, lastDay(now, r.Apps[app]))
			all = append(all, some...)
			if err != nil {
				return all, fmt.Errorf("store: remove old rows of app %s from %s: %w", app, e.table, err)
			}
		}
	}
	if r.Sensitive < 1 {
		return all, nil
	}
	for _, table := range slices.Sorted(maps.Keys(SensitiveColumns)) {
		some, err := s.expireColumns(ctx, table, lastDay(now, r.Sensitive))
		all = append(all, some...)
		if err != nil {
			return all, fmt.Errorf("store: remove old values from %s: %w", table, err)
		}
	}
	return all, nil
}

// lastDay is the last day that is wholly older than some days.
func lastDay(now time.Time, days int) time.Time {
	return now.UTC().Truncate(24*time.Hour).AddDate(0, 0, -days-1)
}

// dayOf is the expression by which a table is divided into days.
func dayOf(e erasableTable) string {
	if e.table == "sessions" {
		return "day"
	}
	return "toDate(" + e.time + ")"
}

// expireApp deletes an app's rows of old days. Only the parts of those days are rewritten, once each.
func (s *Store) expireApp(ctx context.Context, app string, e erasableTable, last time.Time) ([]Expired, error) {
	rows, err := s.conn.Query(ctx, fmt.Sprintf("SELECT %[1]s AS old, count() FROM %[2]s WHERE app = {app:String} "+
		"AND %[1]s <= toDate({last:String}) GROUP BY old ORDER BY old", dayOf(e), s.layout.table(e.table)),
		named("app", app), named("last", last.Format(time.DateOnly)))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var found []Expired
	for rows.Next() {
		one := Expired{Table: e.table, App: app}
		if err := rows.Scan(&one.Day, &one.Rows); err != nil {
			return nil, err
		}
		found = append(found, one)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	for i, one := range found {
		sql := s.alter(e.table, "DELETE IN PARTITION %s WHERE app = {app:String}", quoteText(one.Day.Format(time.DateOnly)))
		if err := s.conn.Exec(untilDone(ctx), sql, named("app", app)); err != nil {
			return found[:i], err
		}
	}
	return found, nil
}

// expireColumns drops the files of sensitive columns from the parts of old days; a part without them reads as empty.
func (s *Store) expireColumns(ctx context.Context, table string, last time.Time) ([]Expired, error) {
	rows, err := s.conn.Query(ctx, `SELECT toDate(partition) AS old, arraySort(groupUniqArray(column)) FROM system.parts_columns
		WHERE database = currentDatabase() AND table = {table:String} AND active AND rows > 0
		  AND column IN {columns:Array(String)} AND toDate(partition) <= toDate({last:String})
		GROUP BY old ORDER BY old`,
		named("table", s.layout.table(table)), named("columns", SensitiveColumns[table]), named("last", last.Format(time.DateOnly)))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var found []Expired
	for rows.Next() {
		one := Expired{Table: table}
		if err := rows.Scan(&one.Day, &one.Columns); err != nil {
			return nil, err
		}
		found = append(found, one)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	for i, one := range found {
		clear := make([]string, 0, len(one.Columns))
		for _, column := range one.Columns {
			clear = append(clear, fmt.Sprintf("CLEAR COLUMN %s IN PARTITION %s", column, quoteText(one.Day.Format(time.DateOnly))))
		}
		if err := s.conn.Exec(untilDone(ctx), s.alter(table, "%s", strings.Join(clear, ", "))); err != nil {
			return found[:i], err
		}
	}
	return found, nil
}
