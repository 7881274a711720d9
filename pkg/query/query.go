// Package query answers questions about real users: it reads the query JSON that panels, alert rules, Explore and the
// command line share, turns it into bounded, parameterised SQL, and returns data frames the alerting engine accepts.
// Every query type has a file of its own: its SQL and its frames, in reading order.
package query

import (
	"context"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/grafana/grafana-plugin-sdk-go/backend"
)

// Runner answers queries of one data source. It is safe for concurrent use, as its connection is.
type Runner struct {
	Conn     driver.Conn
	Settings Settings
	Schema   int // the version of the tables that this program was built for, to tell which is older; 0 leaves that out
}

// Settings are the data source's own: what a query may leave out, what it may see, and what it may cost.
type Settings struct {
	// DefaultApp and DefaultEnvironment stand for an empty "app" and "environment" of a query. Without a default
	// environment, "production" is meant.
	DefaultApp         string
	DefaultEnvironment string

	// Apps are the only apps this data source answers for; empty means any.
	Apps []string

	// MinSamples is how many samples a percentile needs when the query does not say; 0 means DefaultMinSamples.
	MinSamples int

	// MinViews is how many page views a cell has at least for those who may not see single sessions; 0 is any number.
	MinViews int

	// SessionRole is named when a session-level query is refused; the decision itself comes with the Caller.
	SessionRole string

	Limits Limits
	Links  Links
	Tempo  Tempo
	Store  Store
}

// Limits cap what one statement may cost the store. Zero means the default of DefaultLimits.
type Limits struct {
	MaxRows          int           // rows (or series) of an answer, whatever the query's own limit says
	MaxExecutionTime time.Duration // ClickHouse max_execution_time
	MaxMemoryBytes   int64         // ClickHouse max_memory_usage
	MaxRowsRead      int64         // ClickHouse max_rows_to_read
}

// DefaultLimits suit one busy dashboard on a small server.
var DefaultLimits = Limits{
	MaxRows:          10_000,
	MaxExecutionTime: 30 * time.Second,
	MaxMemoryBytes:   2 << 30,
	MaxRowsRead:      2_000_000_000,
}

// Caller is what the question's origin is allowed to see; whoever knows the user (the plugin, the command line)
// decides it.
type Caller struct {
	SessionLevel bool // may ask session-level types
	IDs          bool // may see session, trace and request ids in other answers

	// SmallSegments says that cells of fewer page views than Settings.MinViews may be seen.
	SmallSegments bool

	Role      string // for messages only: Viewer, Editor, Admin, or empty
	FromAlert bool   // an alert rule asks: refusals name idsInAlerts instead of sessionRole
}

// Answer answers one query. What went wrong is in the response, with a status and whether the store or the query is to
// blame, so that one bad query leaves the others of a dashboard alone.
func (r *Runner) Answer(ctx context.Context, caller Caller, q backend.DataQuery) backend.DataResponse {
	return r.answer(ctx, caller, q)
}
