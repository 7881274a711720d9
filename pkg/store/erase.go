package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/oklog/ulid/v2"
)

// Subject is whose rows are erased: all of some sessions, and whatever carries a user's key. An empty App means every
// app. With All it is everything that visitors left of the App, which must then be named. Until, where it is set, leaves
// what the user or the app did later alone.
type Subject struct {
	App      string    `json:"app"`
	Sessions []string  `json:"sessions"`
	UserKey  string    `json:"user_key"`
	All      bool      `json:"all,omitempty"`
	Until    time.Time `json:"until,omitzero"`
}

// erasableTable is one that rows are erased from: the column that says when a row happened, and whether it holds user
// keys.
type erasableTable struct {
	table  string
	time   string
	byUser bool
}

// erasable are the tables that hold sessions.
var erasable = []erasableTable{
	{"views", "ts", true}, {"vitals", "ts", true}, {"requests", "ts", true}, {"blocking", "ts", true},
	{"errors", "ts", true}, {"actions", "ts", true}, {"events", "ts", true}, {"session_events", "ts", true},
	{"sessions", "start", true}, {"trace_sessions", "ts", false},
}

// erasableOfApps are the tables that go as well when a whole app is erased. They count visits without naming any, so for
// a session or a user they are counted anew instead.
var erasableOfApps = []erasableTable{{"error_groups", "first_seen", false}, {"releases", "first_seen", false}}

// erasableCounts are what is counted of an app by the hour, and the end of that hour. With a whole app they go at every age,
// but only once they were rolled without its rows: a roller that had read these before would put them back otherwise.
var erasableCounts = []erasableTable{
	{"hist_1h_route_device", anHour, false}, {"hist_1h_route_release", anHour, false}, {"hist_1h_route_country", anHour, false},
	{"hist_1h_route_browser", anHour, false}, {"hist_1h_endpoint_route", anHour, false},
	{"hist_1h_endpoint_release", anHour, false}, {"errors_1m", "toStartOfHour(minute) + INTERVAL 1 HOUR", false},
	{"hour_inserts", anHour, false},
}

const anHour = "hour + INTERVAL 1 HOUR"

// inSessionEvents is where every item of a subject is.
var inSessionEvents = erasableTable{"session_events", "ts", true}

// tables are those that hold a subject's rows.
func (s Subject) tables() []erasableTable {
	if s.All {
		return slices.Concat(erasable, erasableOfApps)
	}
	return erasable
}

// counted are those that count what a subject did, where that is all they count.
func (s Subject) counted() []erasableTable {
	if s.All {
		return erasableCounts
	}
	return nil
}

// where is the condition on a subject's rows in a table, and its parameters.
func (s Subject) where(in erasableTable) (string, []any) {
	until, arguments := "", []any(nil)
	if !s.Until.IsZero() {
		until = fmt.Sprintf(" AND %s <= fromUnixTimestamp64Milli({until:Int64}, 'UTC')", in.time)
		arguments = append(arguments, named("until", s.Until.UnixMilli()))
	}
	if s.All {
		return "app = {app:String}" + until, append(arguments, named("app", s.App))
	}
	sessions := s.Sessions
	if sessions == nil {
		sessions = []string{}
	}
	arguments = append(arguments, named("sessions", sessions))
	condition := "session_id IN {sessions:Array(String)}"
	if in.byUser && s.UserKey != "" {
		condition = "(" + condition + " OR user_key = {user_key:String}" + until + ")"
		arguments = append(arguments, named("user_key", s.UserKey))
	}
	if s.App != "" {
		condition = "app = {app:String} AND " + condition
		arguments = append(arguments, named("app", s.App))
	}
	return condition, arguments
}

func named(name string, value any) driver.NamedValue {
	return driver.NamedValue{Name: name, Value: value}
}

// SessionsOf returns the sessions in which a user was seen.
func (s *Store) SessionsOf(ctx context.Context, of Subject) ([]string, error) {
	return ofEvery(s.Shards(), func(shard *Store) ([]string, error) { return shard.sessionsOf(ctx, of) })
}

func (s *Store) sessionsOf(ctx context.Context, of Subject) ([]string, error) {
	user := Subject{App: of.App, UserKey: of.UserKey, Until: of.Until}
	condition, arguments := user.where(inSessionEvents)
	rows, err := s.conn.Query(ctx, fmt.Sprintf("SELECT DISTINCT session_id FROM %s WHERE %s AND session_id != ''",
		s.layout.table("session_events"), condition), arguments...)
	if err != nil {
		return nil, fmt.Errorf("store: find the sessions of a user: %w", err)
	}
	defer rows.Close()
	var sessions []string
	for rows.Next() {
		var session string
		if err := rows.Scan(&session); err != nil {
			return nil, fmt.Errorf("store: find the sessions of a user: %w", err)
		}
		sessions = append(sessions, session)
	}
	return sessions, rows.Err()
}

// Count counts a subject's rows by table; tables without any are left out.
func (s *Store) Count(ctx context.Context, of Subject) (map[string]uint64, error) {
	counts := map[string]uint64{}
	for _, shard := range s.Shards() {
		for _, e := range slices.Concat(of.tables(), of.counted()) {
			condition, arguments := of.where(e)
			var n uint64
			from := shard.layout.table(e.table)
			if slices.Contains(erasableOfApps, e) || slices.Contains(erasableCounts, e) {
				from += " FINAL" // one row a group, release or cell, however many parts it is in
			}
			sql := fmt.Sprintf("SELECT count() FROM %s WHERE %s", from, condition)
			if err := shard.conn.QueryRow(ctx, sql, arguments...).Scan(&n); err != nil {
				return nil, fmt.Errorf("store: count the rows of %s to erase: %w", e.table, err)
			}
			if n > 0 {
				counts[e.table] += n
			}
		}
	}
	return counts, nil
}

// TouchedHour is an hour of an app that a subject has rows in.
type TouchedHour struct {
	App  string    `json:"app"`
	Hour time.Time `json:"hour"`
}

// TouchedHours returns the hours that change when a subject is erased.
func (s *Store) TouchedHours(ctx context.Context, of Subject) ([]TouchedHour, error) {
	return ofEvery(s.Shards(), func(shard *Store) ([]TouchedHour, error) { return shard.touchedHours(ctx, of) })
}

func (s *Store) touchedHours(ctx context.Context, of Subject) ([]TouchedHour, error) {
	condition, arguments := of.where(inSessionEvents)
	rows, err := s.conn.Query(ctx, fmt.Sprintf(`SELECT DISTINCT app, toStartOfHour(toDateTime(ts, 'UTC')) AS hour
		FROM %s WHERE %s ORDER BY app, hour`, s.layout.table("session_events"), condition), arguments...)
	if err != nil {
		return nil, fmt.Errorf("store: find the hours to mark: %w", err)
	}
	defer rows.Close()
	var hours []TouchedHour
	for rows.Next() {
		var h TouchedHour
		if err := rows.Scan(&h.App, &h.Hour); err != nil {
			return nil, fmt.Errorf("store: find the hours to mark: %w", err)
		}
		hours = append(hours, h)
	}
	return hours, rows.Err()
}

// MarkHours makes the count of rows differ from what a roll-up of the hour has covered, so that it is rolled again.
// Marking an hour twice is harmless, and so is marking it in shards that had nothing of the subject.
func (s *Store) MarkHours(ctx context.Context, hours []TouchedHour) error {
	return onEvery(s.Shards(), func(shard *Store) error { return shard.markHours(ctx, hours) })
}

func (s *Store) markHours(ctx context.Context, hours []TouchedHour) error {
	for _, h := range hours {
		err := s.conn.Exec(plainInsert(ctx), fmt.Sprintf("INSERT INTO %s (app, hour, rows) SELECT {app:String}, "+
			"toDateTime({hour:Int64}, 'UTC'), 1", s.layout.table("hour_inserts")),
			named("app", h.App), named("hour", h.Hour.Unix()))
		if err != nil {
			return fmt.Errorf("store: mark the hours of erased rows: %w", err)
		}
	}
	return nil
}

// plainInsert is for rows that are inserted again after a crash: a token of their own keeps them from being taken for a
// retry. It is a token all the same, as the embedded engine takes back parts that have none noted after it was killed.
func plainInsert(ctx context.Context) context.Context {
	return clickhouse.Context(ctx, clickhouse.WithSettings(insertSettings(ulid.Make().String())))
}

// EraseRows hides a subject's rows from every query and then removes them from the disk. It can be run again.
func (s *Store) EraseRows(ctx context.Context, of Subject) error {
	return onEvery(s.Shards(), func(shard *Store) error { return shard.eraseRows(ctx, of) })
}

func (s *Store) eraseRows(ctx context.Context, of Subject) error {
	return s.eraseFrom(ctx, of.tables(), of)
}

// EraseCounts removes what is counted of a whole app in hours that were over by the subject's Until, which must be set, and
// nothing of any other subject. The hours that had rows must be rolled without them before.
func (s *Store) EraseCounts(ctx context.Context, of Subject) error {
	return onEvery(s.Shards(), func(shard *Store) error { return shard.eraseFrom(ctx, of.counted(), of) })
}

func (s *Store) eraseFrom(ctx context.Context, tables []erasableTable, of Subject) error {
	err := inEach(tables, func(e erasableTable) error {
		condition, arguments := of.where(e)
		return s.hide(ctx, e.table, condition, arguments)
	})
	if err != nil {
		return err
	}
	return inEach(tables, func(e erasableTable) error { return s.applyMask(ctx, e.table) })
}

// tablesAtOnce leaves most of the connections to others: who waits for one longer than dialling may take gives up.
const tablesAtOnce = 4

// inEach does something in several tables at once: most of the time of a deletion is waiting for the store's turn.
func inEach(tables []erasableTable, do func(erasableTable) error) error {
	failed := make([]error, len(tables))
	places := make(chan struct{}, tablesAtOnce)
	var all sync.WaitGroup
	for i, e := range tables {
		places <- struct{}{}
		all.Go(func() {
			failed[i] = do(e)
			<-places
		})
	}
	all.Wait()
	return errors.Join(failed...)
}

// hide takes rows out of every query that starts afterwards.
func (s *Store) hide(ctx context.Context, table, condition string, arguments []any) error {
	sql := fmt.Sprintf("DELETE FROM %s WHERE %s", s.layout.table(table), condition)
	if err := s.conn.Exec(untilDone(ctx), sql, arguments...); err != nil {
		return fmt.Errorf("store: erase from %s: %w", table, err)
	}
	return nil
}

// applyMask removes hidden rows from the disk. The parts that held them go a few minutes later, as all replaced ones do.
func (s *Store) applyMask(ctx context.Context, table string) error {
	sql := fmt.Sprintf("ALTER TABLE %s APPLY DELETED MASK", s.layout.table(table))
	if err := s.conn.Exec(untilDone(ctx), sql); err != nil {
		return fmt.Errorf("store: remove erased rows of %s from the disk: %w", table, err)
	}
	return nil
}

// untilDone makes a statement return when it is done on every replica.
func untilDone(ctx context.Context) context.Context {
	return clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{"lightweight_deletes_sync": 2, "mutations_sync": 2}))
}

// Erasure is one row of the table of erasures.
type Erasure struct {
	ID          string
	App         string
	Kind        string // session, user or app
	RequestedAt time.Time
	RequestedBy string
	State       string
	Tombstones  []string
	Rows        map[string]uint64
	VerifiedAt  time.Time // zero until then
}

// RecordErasure writes the state of an erasure; a later one replaces it. Every shard has all of them: each looks for what
// was erased among its own rows.
func (s *Store) RecordErasure(ctx context.Context, e Erasure) error {
	version := uint64(time.Now().UnixMilli())
	return onEvery(s.Shards(), func(shard *Store) error { return shard.recordErasure(ctx, e, version) })
}

func (s *Store) recordErasure(ctx context.Context, e Erasure, version uint64) error {
	batch, err := s.conn.PrepareBatch(plainInsert(ctx), fmt.Sprintf("INSERT INTO %s (id, app, kind, requested_at, "+
		"requested_by, state, tombstones, rows, verified_at, version)", s.layout.table("erasures")))
	if err != nil {
		return fmt.Errorf("store: record an erasure: %w", err)
	}
	defer batch.Close()
	verified := e.VerifiedAt
	if verified.IsZero() {
		verified = time.Unix(0, 0)
	}
	rows := e.Rows
	if rows == nil {
		rows = map[string]uint64{}
	}
	err = batch.Append(e.ID, e.App, e.Kind, e.RequestedAt, e.RequestedBy, e.State, e.Tombstones, rows, verified,
		version)
	if err == nil {
		err = batch.Send()
	}
	if err != nil {
		return fmt.Errorf("store: record an erasure: %w", err)
	}
	return nil
}

// Tombstones returns the hashes of all that was erased, with when it was asked for: by this sidecar or by another one
// of the same store.
func (s *Store) Tombstones(ctx context.Context) (map[string]time.Time, error) {
	all := map[string]time.Time{}
	return all, onEvery(s.Shards(), func(shard *Store) error { return shard.addTombstones(ctx, all) })
}

func (s *Store) addTombstones(ctx context.Context, to map[string]time.Time) error {
	rows, err := s.conn.Query(ctx, "SELECT arrayJoin(tombstones) AS hash, max(requested_at) FROM "+s.layout.table("erasures")+
		" GROUP BY hash")
	if err != nil {
		return fmt.Errorf("store: read the tombstones: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var hash string
		var at time.Time
		if err := rows.Scan(&hash, &at); err != nil {
			return fmt.Errorf("store: read the tombstones: %w", err)
		}
		if at.After(to[hash]) {
			to[hash] = at
		}
	}
	return rows.Err()
}

// total adds up rows by table, for people.
func total(rows map[string]uint64) string {
	var parts []string
	for _, table := range slices.Sorted(maps.Keys(rows)) {
		parts = append(parts, fmt.Sprintf("%d in %s", rows[table], table))
	}
	return strings.Join(parts, ", ")
}

// VerifyErased fails when a subject still has rows.
func (s *Store) VerifyErased(ctx context.Context, of Subject) error {
	left, err := s.Count(ctx, of)
	if err != nil {
		return err
	}
	if len(left) > 0 {
		return fmt.Errorf("store: rows are left after the erasure: %s", total(left))
	}
	return nil
}
