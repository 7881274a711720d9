package store

import (
	"context"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// notice is how long before rows are removed it is noted that they are gone: whoever counts rows must be done with them
// before they go. Expire looks once an hour.
const notice = 2 * time.Hour

// ExpiredBefore returns up to when rows of a table may be gone that its TTL would have left, by app; "" is every app. It is
// what this shard's own rows are like.
func (s *Store) ExpiredBefore(ctx context.Context, table string) (map[string]time.Time, error) {
	rows, err := s.conn.Query(ctx, fmt.Sprintf("SELECT toString(app) AS name, max(before) FROM %s WHERE source IN ('', {source:String}) "+
		"GROUP BY name", s.layout.table("expired_rows")), named("source", table))
	if err != nil {
		return nil, fmt.Errorf("store: read up to when rows of %s are gone: %w", table, err)
	}
	defer rows.Close()
	all := map[string]time.Time{}
	for rows.Next() {
		var app string
		var before time.Time
		if err := rows.Scan(&app, &before); err != nil {
			return nil, fmt.Errorf("store: read up to when rows of %s are gone: %w", table, err)
		}
		all[app] = before
	}
	return all, rows.Err()
}

// noteExpired notes that rows before a moment may be gone, unless as much is known.
func (s *Store) noteExpired(ctx context.Context, table, app string, before time.Time) error {
	where := []any{named("source", table), named("app", app), named("before", before.Unix())}
	known, err := s.conn.Query(ctx, fmt.Sprintf("SELECT 1 FROM %s WHERE source = {source:String} AND app = {app:String} "+
		"AND before >= toDateTime({before:Int64}, 'UTC') LIMIT 1", s.layout.table("expired_rows")), where...)
	if err == nil {
		var is bool
		if is, err = anyOf(known); is && err == nil {
			return nil
		}
	}
	if err == nil {
		err = s.conn.Exec(plainInsert(ctx), fmt.Sprintf("INSERT INTO %s (source, app, before) SELECT {source:String}, {app:String}, "+
			"toDateTime({before:Int64}, 'UTC')", s.layout.table("expired_rows")), where...)
	}
	if err != nil {
		return fmt.Errorf("store: note up to when rows of %s are gone: %w", app+table, err)
	}
	return nil
}

func anyOf(rows driver.Rows) (bool, error) {
	defer rows.Close()
	return rows.Next(), rows.Err()
}
