package store

import (
	"embed"
	"fmt"
	"regexp"
	"strings"
	"text/template"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// Layout is what the statements of a migration differ in: one server (or the embedded engine), or a cluster.
type Layout struct {
	Cluster string         // "" is a single server
	Days    map[string]int // retention by table, beside DefaultDays
}

// DefaultDays is how long rows are kept, in days. Raw rows and everything that names a session go first; what is
// only counts stays over a year, to be compared with the same season.
var DefaultDays = map[string]int{
	"views": 30, "vitals": 30, "requests": 30, "blocking": 30, "errors": 30, "actions": 30, "events": 30,
	"session_events": 30, "sessions": 30, "trace_sessions": 30,
	"error_groups": 396, "releases": 396, "deploys": 396, "hour_inserts": 396, "telemetry_1m": 90,
	"erasures":             1100,
	"hist_1h_route_device": 396, "hist_1h_route_release": 396, "hist_1h_route_country": 396, "hist_1h_route_browser": 396,
	"hist_1h_endpoint_route": 396, "hist_1h_endpoint_release": 396, "errors_1m": 396,
}

// dedupWindow is how many inserted blocks a table remembers. A retry is recognised as long as its first try is among
// them: batches come about once a second, so this is more than a day of any outage.
const dedupWindow = 100_000

// migration is one file: a version and its statements.
type migration struct {
	version    int
	name       string
	statements []string
}

// migrations renders the files for a layout, in the order of their versions.
func (l Layout) migrations() ([]migration, error) {
	entries, err := migrationFiles.ReadDir("migrations")
	if err != nil {
		return nil, fmt.Errorf("store: read migrations: %w", err)
	}
	all := make([]migration, 0, len(entries))
	for _, entry := range entries {
		m := migration{name: strings.TrimSuffix(entry.Name(), ".sql")}
		before := 0
		if len(all) > 0 {
			before = all[len(all)-1].version
		}
		if _, err := fmt.Sscanf(entry.Name(), "%04d_", &m.version); err != nil || m.version <= before {
			return nil, fmt.Errorf("store: migration %s: its name must start with a number above %04d and _", entry.Name(), before)
		}
		text, err := migrationFiles.ReadFile("migrations/" + entry.Name())
		if err != nil {
			return nil, fmt.Errorf("store: migration %s: %w", m.name, err)
		}
		if m.statements, err = l.render(m.name, string(text)); err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	return all, nil
}

// localSuffix marks a shard's own table.
const localSuffix = "_local"

var createdTable = regexp.MustCompile(`(?m)^CREATE TABLE IF NOT EXISTS (\w+)`)

func (l Layout) render(name, text string) ([]string, error) {
	parsed, err := template.New(name).Funcs(template.FuncMap{
		"table":           l.table,
		"on_cluster":      l.onCluster,
		"raw_settings":    func() string { return l.settings("ttl_only_drop_parts = 1") },
		"lookup_settings": func() string { return l.settings() },
		"engine":          l.engine,
		"days":            l.days,
	}).Parse(text)
	if err != nil {
		return nil, fmt.Errorf("store: migration %s: %w", name, err)
	}
	var rendered strings.Builder
	if err := parsed.Execute(&rendered, nil); err != nil {
		return nil, fmt.Errorf("store: migration %s: %w", name, err)
	}
	var statements []string
	for statement := range strings.SplitSeq(rendered.String(), ";\n") {
		if statement = strings.TrimSuffix(strings.TrimSpace(statement), ";"); statement != "" {
			statements = append(statements, statement)
		}
		if created := createdTable.FindStringSubmatch(statement); created != nil && l.Cluster != "" {
			statements = append(statements, l.distributed(strings.TrimSuffix(created[1], localSuffix)))
		}
	}
	return statements, nil
}

// table is where the rows lie: on a cluster, the shard's own table behind the Distributed one of the plain name.
func (l Layout) table(name string) string {
	if l.Cluster != "" {
		return name + localSuffix
	}
	return name
}

func (l Layout) onCluster() string {
	if l.Cluster != "" {
		return "ON CLUSTER " + quoteName(l.Cluster)
	}
	return ""
}

// engine takes a MergeTree engine and its arguments.
func (l Layout) engine(name string, arguments ...string) string {
	if l.Cluster != "" {
		name = "Replicated" + name
		arguments = append([]string{"'/clickhouse/tables/{shard}/{database}/{table}'", "'{replica}'"}, arguments...)
	}
	return name + "(" + strings.Join(arguments, ", ") + ")"
}

// settings of every table that is inserted into, be it by a view.
func (l Layout) settings(more ...string) string {
	window := []string{fmt.Sprintf("non_replicated_deduplication_window = %d", dedupWindow)}
	if l.Cluster != "" {
		window = []string{
			fmt.Sprintf("replicated_deduplication_window = %d", dedupWindow),
			"replicated_deduplication_window_seconds = 604800",
		}
	}
	return strings.Join(append(window, more...), ", ")
}

func (l Layout) days(table string) (int, error) {
	if days := l.Days[table]; days > 0 {
		return days, nil
	}
	if days := DefaultDays[table]; days > 0 {
		return days, nil
	}
	return 0, fmt.Errorf("no retention is known for table %q", table)
}

// distributed is the table that reads every shard. Rows are never inserted through it: what it does with a
// deduplication token is not specified.
func (l Layout) distributed(table string) string {
	return fmt.Sprintf("CREATE TABLE IF NOT EXISTS %s %s AS %s\nENGINE = Distributed(%s, currentDatabase(), %s)",
		table, l.onCluster(), l.table(table), quoteText(l.Cluster), quoteText(l.table(table)))
}

func quoteName(name string) string {
	return "`" + strings.NewReplacer("\\", "\\\\", "`", "\\`").Replace(name) + "`"
}

func quoteText(text string) string {
	return "'" + strings.NewReplacer("\\", "\\\\", "'", "\\'").Replace(text) + "'"
}
