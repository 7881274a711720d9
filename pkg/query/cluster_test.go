package query

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
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
	},
}

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

// onCluster answers from the shards, which are filled when the first test asks.
var onCluster = sync.OnceValues(func() (*Runner, error) {
	ctx := context.Background()
	var statements []string
	for shard := range shards {
		database := fmt.Sprintf("shard_%d", shard+1)
		if err := laidOut(ctx, database); err != nil {
			return nil, err
		}
		for _, counted := range []string{"views", "errors", "session_events"} {
			statements = append(statements, fmt.Sprintf("INSERT INTO %s.%s_local SELECT * FROM %s.%s WHERE "+
				"cityHash64(app, session_id) %% %d = %d", database, counted, access.Database, counted, shards, shard))
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
	for _, table := range []string{"error_groups", "releases", "hour_inserts"} {
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
