package query

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// statement collects the parameters of one SQL text. A value reaches the store only as a parameter, {name:Type}.
type statement struct {
	parameters []driver.NamedValue
}

// bind adds a value and returns its placeholder, named after what it is. The same value under the same name is one
// parameter, so that a statement which repeats a condition stays readable.
func (s *statement) bind(name, kind string, value any) string {
	for i := 1; ; i++ {
		unique := name
		if i > 1 {
			unique = fmt.Sprintf("%s_%d", unique, i)
		}
		place := slices.IndexFunc(s.parameters, func(p driver.NamedValue) bool { return p.Name == unique })
		if place < 0 {
			s.parameters = append(s.parameters, driver.NamedValue{Name: unique, Value: value})
		}
		if place < 0 || s.parameters[place].Value == value {
			return fmt.Sprintf("{%s:%s}", unique, kind)
		}
	}
}

// moment binds a time as a DateTime64, whatever zone the server is in.
func (s *statement) moment(name string, at time.Time) string {
	return fmt.Sprintf("fromUnixTimestamp64Milli(%s, 'UTC')", s.bind(name, "Int64", at.UnixMilli()))
}

// second binds a time as a DateTime, for columns that know whole seconds.
func (s *statement) second(at time.Time) string {
	return fmt.Sprintf("toDateTime(%s, 'UTC')", s.bind("second", "Int64", at.Unix()))
}

// among is the condition that a column holds one of the values.
func (s *statement) among(column, name string, values []string) string {
	placeholders := make([]string, 0, len(values))
	for _, value := range values {
		placeholders = append(placeholders, s.bind(name, "String", value))
	}
	return fmt.Sprintf("%s IN (%s)", column, strings.Join(placeholders, ", "))
}

// where is the condition every read of a raw table has: app, environment, time, and the question's filters.
func (q *question) where(s *statement, w window) string { return q.whereWhen(s, w.during) }

// during is the condition that a row's time lies in the window.
func (w window) during(s *statement) string {
	return "ts >= " + s.moment("from", w.from) + "\n  AND ts < " + s.moment("to", w.to)
}

// whereWhen is where with the time chosen by some condition.
func (q *question) whereWhen(s *statement, when func(*statement) string) string {
	conditions := []string{"app = " + s.bind("app", "String", q.App)}
	if q.Environment != anyEnvironment {
		conditions = append(conditions, "environment = "+s.bind("environment", "String", q.Environment))
	}
	conditions = append(conditions, when(s))
	if q.mergesFew() {
		conditions = append(conditions, q.fewCondition())
	}
	return strings.Join(append(conditions, q.conditions(s)...), "\n  AND ")
}

// whereAmong is where, kept to some segments; without among to none in particular.
func (q *question) whereAmong(s *statement, w window, among func(*statement) string) string {
	if among == nil {
		return q.where(s, w)
	}
	return q.where(s, w) + among(s)
}

// selectGroups is the question's dimensions as aliased columns, each with a trailing comma, and groupNames the aliases
// likewise: empty without dimensions.
func (q *question) selectGroups() string {
	var b strings.Builder
	for i := range q.groups {
		fmt.Fprintf(&b, "%s AS d%d, ", q.groupExpr(i), i)
	}
	return b.String()
}

func (q *question) groupNames() string {
	var b strings.Builder
	for i := range q.groups {
		fmt.Fprintf(&b, "d%d, ", i)
	}
	return b.String()
}

// groupExprs are the dimensions' expressions, for comparing a row's segment.
func (q *question) groupExprs() string {
	exprs := make([]string, 0, len(q.groups))
	for i := range q.groups {
		exprs = append(exprs, q.groupExpr(i))
	}
	return strings.Join(exprs, ", ")
}

// groupBy is GROUP BY over the dimensions and whatever else, or nothing.
func (q *question) groupBy(also ...string) string {
	var parts []string
	for i := range q.groups {
		parts = append(parts, fmt.Sprintf("d%d", i))
	}
	if parts = append(parts, also...); len(parts) == 0 {
		return ""
	}
	return "GROUP BY " + strings.Join(parts, ", ")
}

// amongTop keeps a statement to the limit + 1 segments that rank highest in the question's own window, equals by name.
// One more than asked, so that the answer can tell that it was cut.
func (q *question) amongTop(s *statement, from, rank string, where func(*statement, window) string) string {
	if len(q.groups) == 0 {
		return ""
	}
	names := strings.TrimSuffix(q.groupNames(), ", ")
	return fmt.Sprintf(`
  AND (%[1]s) IN (
    SELECT %[2]s FROM (
      SELECT %[3]s%[4]s AS n FROM %[5]s
      WHERE %[6]s
      %[7]s ORDER BY n DESC, %[2]s LIMIT %[8]s))`,
		q.groupExprs(), names, q.selectGroups(), rank, from, where(s, q.window), q.groupBy(),
		s.bind("top", "UInt64", q.limit()+1))
}

// settings bound a statement. They go beside its text, where the embedded engine's read-only user may set these, as may
// a server's user with readonly = 2. FINAL need not look across days: both reports of a metric fall into the same hour.
func (l Limits) settings() clickhouse.Settings {
	return clickhouse.Settings{
		"max_execution_time":                          max(1, int(l.MaxExecutionTime.Seconds())),
		"max_memory_usage":                            l.MaxMemoryBytes,
		"max_rows_to_read":                            l.MaxRowsRead,
		"do_not_merge_across_partitions_select_final": 1,
	}
}

func (l Limits) withDefaults() Limits {
	if l.MaxRows <= 0 {
		l.MaxRows = DefaultLimits.MaxRows
	}
	if l.MaxExecutionTime <= 0 {
		l.MaxExecutionTime = DefaultLimits.MaxExecutionTime
	}
	if l.MaxMemoryBytes <= 0 {
		l.MaxMemoryBytes = DefaultLimits.MaxMemoryBytes
	}
	if l.MaxRowsRead <= 0 {
		l.MaxRowsRead = DefaultLimits.MaxRowsRead
	}
	return l
}

// rows runs a statement and hands every row to scan. The text is kept for the answer's frames.
func (q *question) rows(
	ctx context.Context, conn driver.Conn, s *statement, sql string, scan func(driver.Rows) error,
) (err error) {
	settings := q.limits.settings()
	few, err := q.fewParameters(ctx, conn, sql)
	if err != nil {
		return err
	}
	s.parameters = append(s.parameters, few...)
	q.executed = append(q.executed, q.describe(s, sql, settings))

	// The store stops by itself after max_execution_time; the deadline is for a store that does not answer at all.
	ctx, cancel := context.WithTimeout(ctx, q.limits.MaxExecutionTime+5*time.Second)
	defer cancel()
	args := make([]any, 0, len(s.parameters))
	for _, p := range s.parameters {
		args = append(args, p)
	}
	ctx, span := q.startStatement(ctx, sql)
	read := 0
	defer func() { endStatement(span, read, err) }()
	rows, err := conn.Query(clickhouse.Context(ctx, clickhouse.WithSettings(settings)), sql, args...)
	if err != nil {
		return fmt.Errorf("asking the store: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		read++
		if err := scan(rows); err != nil {
			return fmt.Errorf("reading the store's answer: %w", err)
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("reading the store's answer: %w", err)
	}
	return nil
}

// describe leaves the values out below a threshold of page views: they may be names of small segments.
func (q *question) describe(s *statement, sql string, settings clickhouse.Settings) string {
	if q.few > 0 {
		return (&statement{}).describe(sql, settings)
	}
	return s.describe(sql, settings)
}

// describe is the text with what went beside it below, for Grafana's query inspector.
func (s *statement) describe(sql string, settings clickhouse.Settings) string {
	var b strings.Builder
	b.WriteString(sql)
	for _, p := range s.parameters {
		fmt.Fprintf(&b, "\n-- {%s} = %#v", p.Name, p.Value)
	}
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		fmt.Fprintf(&b, "\n-- SETTINGS %s = %v", name, settings[name])
	}
	return b.String()
}

// scanned collects one row: the question's dimensions first, then the columns named.
func (q *question) scanned(rows driver.Rows, columns ...any) ([]string, error) {
	values := make([]string, len(q.groups))
	into := make([]any, 0, len(values)+len(columns))
	for i := range values {
		into = append(into, &values[i])
	}
	return values, rows.Scan(append(into, columns...)...)
}
