package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// ErasedRows returns the subjects that have rows although a tombstone says that they were erased. Sessions never come
// back; users and apps may, and are named with the time up to which they were erased. It reads every table.
func (s *Store) ErasedRows(ctx context.Context) ([]Subject, error) {
	var found []Subject
	for _, shard := range s.Shards() {
		some, err := shard.erasedRows(ctx)
		if err != nil {
			return nil, err
		}
		found = append(found, some...)
	}
	return found, nil
}

func (s *Store) erasedRows(ctx context.Context) ([]Subject, error) {
	var found []Subject
	for _, look := range []func(context.Context) ([]Subject, error){s.erasedSessions, s.erasedUsers, s.erasedApps} {
		some, err := look(ctx)
		if err != nil {
			return nil, fmt.Errorf("store: look for what was erased: %w", err)
		}
		found = append(found, some...)
	}
	return found, nil
}

// tombstoneHash is what package erase computes for a subject of a kind, which the expressions name.
func tombstoneHash(kind string, expressions ...string) string {
	return fmt.Sprintf("lower(hex(SHA256(concat('%s', char(0), %s, char(0)))))", kind, strings.Join(expressions, ", char(0), "))
}

// erasedSessions finds sessions that were erased, of all apps or of theirs.
func (s *Store) erasedSessions(ctx context.Context) ([]Subject, error) {
	sql := fmt.Sprintf(`
		WITH erased AS (SELECT arrayJoin(tombstones) FROM %s)
		SELECT DISTINCT app, subject, toDateTime64(0, 3, 'UTC') FROM (%s)
		WHERE %s IN (SELECT * FROM erased) OR %s IN (SELECT * FROM erased)`,
		s.layout.table("erasures"), s.inEvery(erasable, "session_id", "session_id != ''"), tombstoneHash("session", "app", "subject"),
		tombstoneHash("session", "''", "subject"))
	return s.subjects(ctx, sql, func(app, session string, _ time.Time) Subject {
		return Subject{App: app, Sessions: []string{session}}
	})
}

// erasedUsers finds users with rows from before they were erased.
func (s *Store) erasedUsers(ctx context.Context) ([]Subject, error) {
	var tables []erasableTable
	for _, e := range erasable {
		if e.byUser {
			tables = append(tables, e)
		}
	}
	return s.subjects(ctx, s.before(s.inEvery(tables, "user_key", "user_key != ''"), tombstoneHash("user", "app", "subject")),
		func(app, user string, until time.Time) Subject { return Subject{App: app, UserKey: user, Until: until} })
}

// erasedApps finds apps with rows from before they were erased.
func (s *Store) erasedApps(ctx context.Context) ([]Subject, error) {
	all := slices.Concat(erasable, erasableOfApps, erasableCounts)
	return s.subjects(ctx, s.before(s.inEvery(all, "''", "1"), tombstoneHash("app", "app")),
		func(app, _ string, until time.Time) Subject { return Subject{App: app, All: true, Until: until} })
}

// inEvery reads who has rows in some tables, and since when.
func (s *Store) inEvery(tables []erasableTable, subject, condition string) string {
	parts := make([]string, 0, len(tables))
	for _, e := range tables {
		parts = append(parts, fmt.Sprintf("SELECT toString(app) AS app, %s AS subject, toDateTime64(min(%s), 3, 'UTC') AS first "+
			"FROM %s WHERE %s GROUP BY app, subject", subject, e.time, s.layout.table(e.table), condition))
	}
	return strings.Join(parts, " UNION ALL ")
}

// before keeps those whose first row is no younger than their tombstone.
func (s *Store) before(subjects, hash string) string {
	return fmt.Sprintf(`
		SELECT app, subject, max(until) FROM (SELECT app, subject, min(first) AS first, %s AS hash FROM (%s) GROUP BY app, subject) AS found
		INNER JOIN (SELECT arrayJoin(tombstones) AS hash, max(requested_at) AS until FROM %s GROUP BY hash) AS erased USING (hash)
		WHERE first <= until GROUP BY app, subject`, hash, subjects, s.layout.table("erasures"))
}

func (s *Store) subjects(ctx context.Context, sql string, of func(app, subject string, until time.Time) Subject) ([]Subject, error) {
	rows, err := s.conn.Query(ctx, sql)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var found []Subject
	for rows.Next() {
		var app, subject string
		var until time.Time
		if err := rows.Scan(&app, &subject, &until); err != nil {
			return nil, err
		}
		found = append(found, of(app, subject, until))
	}
	return found, rows.Err()
}
