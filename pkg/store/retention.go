package store

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/agnivade/levenshtein"
)

// Retention is for how long rows are kept, in whole days after the day they are of. Zero means the default, and for the
// days of sensitive columns and of apps that they are kept as long as their table's rows.
type Retention struct {
	Raw       int            // of every table that holds single visits
	Tables    map[string]int // of single tables; they win over Raw
	Sensitive int            // of the columns that say most about a person: SensitiveColumns
	Apps      map[string]int // of single visits by app, where they are to go before their table's rows
}

// SensitiveColumns are those whose values can go before their rows do: who it was, what people and pages wrote, and what
// the site added. What is counted, timed and grouped by stays as long as the row.
var SensitiveColumns = map[string][]string{
	"views":          {"user_key", "attributes", "path"},
	"vitals":         {"user_key", "attributes", "target", "target_url"},
	"requests":       {"user_key", "attributes", "path"},
	"blocking":       {"user_key", "attributes"},
	"errors":         {"user_key", "attributes", "message", "stack", "mapped"},
	"actions":        {"user_key", "attributes", "target"},
	"events":         {"user_key", "attributes", "message"},
	"session_events": {"user_key", "name", "detail"},
	"sessions":       {"user_key"},
}

// lifetimes names the column by whose time a table's rows go, where that is not ts.
var lifetimes = map[string]string{
	"sessions": "day", "hour_inserts": "hour", "error_groups": "toDateTime(last_seen)", "releases": "toDateTime(last_seen)",
	"telemetry_1m": "minute", "erasures": "toDateTime(requested_at)",
}

func lifetimeOf(table string) string {
	if expression := lifetimes[table]; expression != "" {
		return expression
	}
	return "toDateTime(ts)"
}

// Check says what is wrong with a retention.
func (r Retention) Check() error {
	for _, table := range slices.Sorted(maps.Keys(r.Tables)) {
		if DefaultDays[table] == 0 {
			return fmt.Errorf("tables: there is no table %q%s; those with a retention are %s", table, nearest(table),
				strings.Join(slices.Sorted(maps.Keys(DefaultDays)), ", "))
		}
		if r.Tables[table] < 1 {
			return fmt.Errorf("tables.%s: a number of days from 1 on is needed, not %d", table, r.Tables[table])
		}
	}
	if r.Raw < 0 || r.Sensitive < 0 {
		return fmt.Errorf("raw_days and sensitive_days: a number of days from 1 on is needed, or none for the default")
	}
	for _, app := range slices.Sorted(maps.Keys(r.Apps)) {
		if r.Apps[app] < 0 {
			return fmt.Errorf("the days of app %s: a number from 1 on is needed, not %d", app, r.Apps[app])
		}
	}
	return nil
}

func nearest(table string) string {
	best, distance := "", 4
	for known := range DefaultDays {
		if d := levenshtein.ComputeDistance(table, known); d < distance {
			best, distance = known, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean %s?)", best)
}

// Days is for how long every table keeps its rows.
func (r Retention) Days() map[string]int {
	days := maps.Clone(DefaultDays)
	for _, e := range erasable {
		if r.Raw > 0 {
			days[e.table] = r.Raw
		}
	}
	maps.Copy(days, r.Tables)
	return days
}

// WithRetention returns the store with the days that tables get when they are created.
func (s *Store) WithRetention(r Retention) *Store {
	kept := *s
	kept.layout.Days = r.Days()
	return &kept
}

// RetentionChange is one difference between how long a table keeps its rows, or a column its values, and how long it is
// to: in days, 0 for as long as the rows.
type RetentionChange struct {
	Table, Column string // Column is empty for the rows
	From, To      int
	statements    []string
}

func (c RetentionChange) String() string {
	what := c.Table
	if c.Column != "" {
		what += "." + c.Column
	}
	return fmt.Sprintf("%s: %s instead of %s", what, daysKept(c.To), daysKept(c.From))
}

func daysKept(days int) string {
	switch days {
	case 0:
		return "as long as its rows"
	case 1:
		return "1 day"
	default:
		return fmt.Sprintf("%d days", days)
	}
}

// Statements are what makes the change, for people who run them themselves.
func (c RetentionChange) Statements() []string { return c.statements }

// RetentionChanges compares the tables with a retention.
func (s *Store) RetentionChanges(ctx context.Context, r Retention) ([]RetentionChange, error) {
	definitions, err := s.definitions(ctx)
	if err != nil {
		return nil, err
	}
	var changes []RetentionChange
	days := r.Days()
	for _, table := range slices.Sorted(maps.Keys(days)) {
		definition, there := definitions[s.layout.table(table)]
		if !there {
			continue
		}
		var some []RetentionChange
		if found := daysOfRows(definition); found != days[table] {
			some = append(some, RetentionChange{Table: table, From: found, To: days[table], statements: []string{s.alter(table,
				"MODIFY TTL %s + INTERVAL %d DAY", lifetimeOf(table), days[table])}})
		}
		some = append(some, s.columnChanges(table, definition, days[table], r.Sensitive)...)
		if len(some) > 0 && !strings.Contains(definition, recalculateOnly) {
			some[0].statements = slices.Insert(some[0].statements, 0, s.alter(table, "MODIFY SETTING %s", recalculateOnly))
		}
		changes = append(changes, some...)
	}
	return changes, nil
}

// recalculateOnly keeps a changed TTL from rewriting every part: each is only told when it is to go, and goes as a whole.
const recalculateOnly = "materialize_ttl_recalculate_only = 1"

func (s *Store) columnChanges(table, definition string, rowDays, sensitive int) []RetentionChange {
	if sensitive >= rowDays {
		sensitive = 0
	}
	var changes []RetentionChange
	for _, column := range SensitiveColumns[table] {
		found := daysOfColumn(definition, column)
		if found == sensitive {
			continue
		}
		change := RetentionChange{Table: table, Column: column, From: found, To: sensitive}
		if sensitive == 0 {
			change.statements = []string{s.alter(table, "MODIFY COLUMN %s REMOVE TTL", column)}
		} else {
			change.statements = []string{s.alter(table, "MODIFY COLUMN %s TTL %s + INTERVAL %d DAY", column, lifetimeOf(table), sensitive)}
		}
		changes = append(changes, change)
	}
	return changes
}

func (s *Store) alter(table, how string, arguments ...any) string {
	return "ALTER TABLE " + s.layout.table(table) + " " + fmt.Sprintf(how, arguments...)
}

// definitions are the statements that would create each table as it is.
func (s *Store) definitions(ctx context.Context) (map[string]string, error) {
	rows, err := s.conn.Query(ctx, `SELECT name, create_table_query FROM system.tables
		WHERE database = currentDatabase() AND engine LIKE '%MergeTree'`)
	if err != nil {
		return nil, fmt.Errorf("store: read how long tables keep their rows: %w", err)
	}
	defer rows.Close()
	definitions := map[string]string{}
	for rows.Next() {
		var name, definition string
		if err := rows.Scan(&name, &definition); err != nil {
			return nil, fmt.Errorf("store: read how long tables keep their rows: %w", err)
		}
		definitions[name] = definition
	}
	return definitions, rows.Err()
}

var ttlDays = regexp.MustCompile(`\bTTL [^,]*?toIntervalDay\((\d+)\)`)

func daysOfRows(definition string) int {
	_, engine, _ := strings.Cut(definition, ") ENGINE = ")
	return daysIn(ttlDays.FindStringSubmatch(engine))
}

// daysOfColumn reads a column's own definition: from its name to the next one, or to the end of the columns.
func daysOfColumn(definition, column string) int {
	columns, _, _ := strings.Cut(definition, ") ENGINE = ")
	_, own, _ := strings.Cut(columns, "`"+column+"`")
	own, _, _ = strings.Cut(own, ", `")
	own, _, _ = strings.Cut(own, ", INDEX ")
	return daysIn(ttlDays.FindStringSubmatch(own))
}

func daysIn(match []string) int {
	if match == nil {
		return 0
	}
	n, _ := strconv.Atoi(match[1])
	return n
}

// ApplyRetention makes the tables keep their rows as long as a retention says. It rewrites nothing: a shorter retention
// drops whole parts within a few hours, and Expire removes what goes by itself. It can be run again.
func (s *Store) ApplyRetention(ctx context.Context, changes []RetentionChange) error {
	return onEvery(s.Shards(), func(shard *Store) error { return shard.applyRetention(ctx, changes) })
}

func (s *Store) applyRetention(ctx context.Context, changes []RetentionChange) error {
	ctx = clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{"mutations_sync": 2, "alter_sync": 2}))
	for _, change := range changes {
		if change.Column == "" && change.To > change.From && change.From > 0 { // what has gone does not come back
			gone := time.Now().Add(notice).AddDate(0, 0, -change.From)
			if err := s.noteExpired(ctx, change.Table, "", gone); err != nil {
				return err
			}
		}
		for _, statement := range change.statements {
			if err := s.conn.Exec(ctx, statement); err != nil {
				return fmt.Errorf("store: change how long %s is kept: %s: %w", change.Table, statement, err)
			}
		}
	}
	return nil
}
