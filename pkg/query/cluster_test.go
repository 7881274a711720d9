package query

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/engine/enginetest"
	"github.com/sightline-rum/sightline/pkg/store"
)

const (
	shards     = 3
	bySession  = "cityHash64(app, session_id) % 3 = shardNum() - 1" // as store.ShardOf
	byApp      = "cityHash64(app, '') % 3 = shardNum() - 1"
	byDatabase = "_database = concat('shard_', toString(shardNum()))"
)

// cluster is what the tests' engine stands for, too: shards that hold the rows of the one store, each those of its own
// sessions. What counts many sessions in a row is a row in every shard, so the shards have databases of their own for it.
var cluster = enginetest.Cluster{
	Name: "main", Shards: shards, Database: "clustered", Further: []string{"shard_1", "shard_2", "shard_3"},
	Rows: map[string]string{
		"views_local": bySession, "vitals_local": bySession, "requests_local": bySession, "blocking_local": bySession,
		"errors_local": bySession, "actions_local": bySession, "events_local": bySession, "session_events_local": bySession,
		"sessions_local": bySession, "trace_sessions_local": bySession,
		"deploys_local": byApp, "telemetry_1m_local": byApp, "journeys_local": byApp, "erasures_local": byApp,
		"error_groups_local": byDatabase, "releases_local": byDatabase, "hour_inserts_local": byDatabase,
		"hist_1h_route_device_local": byDatabase, "hist_1h_route_release_local": byDatabase,
		"hist_1h_route_country_local": byDatabase, "hist_1h_route_browser_local": byDatabase,
		"hist_1h_endpoint_route_local": byDatabase, "hist_1h_endpoint_release_local": byDatabase, "errors_1m_local": byDatabase,
	},
}

// perHour are the tables that count many sessions in a row.
var perHour = []string{"error_groups", "releases", "hour_inserts", "hist_1h_route_device", "hist_1h_route_release",
	"hist_1h_route_country", "hist_1h_route_browser", "hist_1h_endpoint_route", "hist_1h_endpoint_release", "errors_1m"}

// laidOut is a database of the tests' engine with the tables of a cluster.
func laidOut(ctx context.Context, database string) error {
	opened, err := store.Open(store.FromAccess(access.Address, database, access.Writer.User, access.Writer.Password))
	if err != nil {
		return err
	}
	defer opened.Close()
	laid := opened.OnCluster(store.Cluster{Name: cluster.Name, Unreplicated: true, Shards: []string{access.Address}})
	defer laid.Close()
	return laid.Migrate(ctx)
}

// copied copies rows of the tests' store; those of the shop alone are enough for what is only rolled up from them.
func copied(ctx context.Context, database, condition string, tables ...string) error {
	for _, table := range tables {
		name, local, _ := strings.Cut(table, "/")
		where := condition
		if name == "vitals" || name == "requests" {
			where += " AND app = 'shop'"
		}
		statement := fmt.Sprintf("INSERT INTO %s.%s SELECT * FROM %s.%s WHERE %s", database, name+local, access.Database, name, where)
		if err := seeder.Conn().Exec(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}

// onCluster answers from the shards, which are filled when the first test asks.
var onCluster = sync.OnceValues(func() (*Runner, error) {
	ctx := context.Background()
	var statements []string
	for shard := range shards {
		database := fmt.Sprintf("shard_%d", shard+1)
		if err := laidOut(ctx, database); err != nil {
			return nil, err
		}
		if err := copied(ctx, database, fmt.Sprintf("cityHash64(app, session_id) %% %d = %d", shards, shard),
			"views/_local", "vitals/_local", "requests/_local", "errors/_local", "session_events/_local"); err != nil {
			return nil, err
		}
	}
	if err := laidOut(ctx, cluster.Database); err != nil {
		return nil, err
	}
	// A table's condition holds for its views as well, which therefore find no rows to pass on.
	for _, table := range []string{"views", "vitals", "requests", "blocking", "errors", "actions", "events", "session_events",
		"sessions", "trace_sessions", "deploys", "telemetry_1m", "journeys"} {
		statements = append(statements, fmt.Sprintf("INSERT INTO %s.%s_local SELECT * FROM %s.%s", cluster.Database, table,
			access.Database, table))
	}
	for _, table := range perHour {
		statements = append(statements, fmt.Sprintf("DROP TABLE %s.%s_local SYNC", cluster.Database, table),
			fmt.Sprintf("CREATE TABLE %[1]s.%[2]s_local AS shard_1.%[2]s_local ENGINE = Merge(REGEXP('^shard_'), '^%[2]s_local$')",
				cluster.Database, table))
	}
	for _, statement := range statements {
		if err := seeder.Conn().Exec(ctx, statement); err != nil {
			return nil, fmt.Errorf("%s: %w", statement, err)
		}
	}
	reader, err := store.Open(store.FromAccess(access.Address, cluster.Database, access.Reader.User, access.Reader.Password))
	if err != nil {
		return nil, err
	}
	return &Runner{Conn: reader.Conn(), Settings: runner.Settings}, nil
})

func TestAClusterAnswersAsOneStoreDoes(t *testing.T) {
	g := theGallery(t)
	distributed, err := onCluster()
	require.NoError(t, err)
	ask := func(of *Runner, query string, w window) string {
		answer := of.Answer(t.Context(), everyone, backend.DataQuery{RefID: "A", JSON: []byte(query), Interval: time.Hour,
			MaxDataPoints: 1000, TimeRange: backend.TimeRange{From: w.from, To: w.to}})
		return rounded(jsonOf(answer))
	}
	same := func(name, query string, w window) {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, ask(runner, query, w), ask(distributed, query, w))
		})
	}
	for name, query := range goldenQuestions {
		same(name, query, window{seeded.today, seeded.today.Add(24 * time.Hour)})
	}
	for name, query := range galleryQuestions {
		same(name, query, g.day())
	}
}

// The one store's hours are rolled up, and so are each shard's own. An hour that is behind in one shard is read from rows.
func TestAClusterAnswersFromRollUpsAsOneStoreDoes(t *testing.T) {
	distributed, err := onCluster()
	require.NoError(t, err)
	in := func(database string) *store.Store {
		opened, err := store.Open(store.FromAccess(access.Address, database, access.Writer.User, access.Writer.Password))
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, opened.Close()) })
		return opened
	}
	one := in("rolled_whole")
	require.NoError(t, one.Migrate(t.Context()))
	require.NoError(t, copied(t.Context(), "rolled_whole", "1", "vitals", "requests", "errors", "session_events"))
	rollUp(t, one, "shop", whole())
	for shard := range shards {
		rollUpIn(t, in(fmt.Sprintf("shard_%d", shard+1)), "_local", "shop", whole())
	}
	pays(t, 0, 0)

	w := whole()
	ask := func(of *Runner, query string) backend.DataResponse {
		return of.Answer(t.Context(), everyone, backend.DataQuery{RefID: "A", JSON: []byte(query), Interval: time.Hour,
			MaxDataPoints: 1000, TimeRange: backend.TimeRange{From: w.from, To: w.to}})
	}
	same := func(t *testing.T) {
		for _, query := range []string{
			`{"groupBy":["route"],"format":"table","compare":"previous"}`,
			`{"groupBy":["device"],"format":"timeseries","percentile":90}`,
			`{"metric":"inp","groupBy":["country"],"format":"distribution"}`,
			`{"metric":"cls","groupBy":["release","environment"],"format":"table","measure":"good"}`,
			`{"metric":"ttfb","format":"table","groupBy":["browser"],"filters":[{"key":"traffic","values":["real"]}]}`,
			`{"queryType":"vitalsOverview","groupBy":["route"]}`,
			`{"queryType":"requests","groupBy":["endpoint","route"],"format":"table"}`,
			`{"queryType":"requests","groupBy":["release"],"format":"timeseries","metric":"serverShare"}`,
			`{"queryType":"errors","groupBy":["fingerprint","release"],"format":"timeseries"}`,
			`{"queryType":"telemetry","section":"rollups"}`,
		} {
			query = `{"app":"shop",` + query[1:]
			want, got := ask(&Runner{Conn: one.Conn(), Settings: runner.Settings}, query), ask(distributed, query)
			require.NoError(t, want.Error, query)
			require.Equal(t, rounded(jsonOf(unbounded(want))), rounded(jsonOf(unbounded(got))), query)
			if !strings.Contains(query, "telemetry") {
				require.True(t, fromRollUps(got), "%s is answered from the shards' roll-ups", query)
			}
		}
	}
	t.Run("every hour is counted", same)
	for _, database := range []string{"rolled_whole.hour_inserts", "shard_2.hour_inserts_local"} {
		require.NoError(t, seeder.Conn().Exec(t.Context(), fmt.Sprintf("INSERT INTO %s (app, hour, rows) VALUES ('shop', "+
			"fromUnixTimestamp(%d), 1)", database, seeded.today.Unix())))
	}
	t.Run("an hour is behind in one shard", same)
}

// unbounded leaves the intervals out: a shard's cells hold fewer samples than one store's, so that what different
// weights add to an interval is known a little better from them.
func unbounded(answer backend.DataResponse) backend.DataResponse {
	for _, frame := range answer.Frames {
		frame.Fields = slices.DeleteFunc(frame.Fields, func(f *data.Field) bool {
			return strings.Contains(strings.ToLower(f.Name), "lower") || strings.Contains(strings.ToLower(f.Name), "upper")
		})
	}
	return answer
}

var fractions = regexp.MustCompile(`-?\b[0-9]+\.[0-9]{9,}\b`)

// rounded leaves twelve significant digits of each number: sums of fractions depend a little on the order of adding.
func rounded(answer string) string {
	return fractions.ReplaceAllStringFunc(answer, func(text string) string {
		number, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return text
		}
		return strconv.FormatFloat(number, 'g', 12, 64)
	})
}
