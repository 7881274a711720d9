package e2e

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/doctor"
)

// rolledHours are the hours that visits are strewn over, all over by now.
const rolledHours = 8

// strew stores rows of visits without a sidecar: each of a number of visits has a vital, two requests and an error, and an
// entry in its timeline for each, which is what hours are counted by.
func (s *sidecar) strew(from, visits int) {
	s.t.Helper()
	start := time.Now().UTC().Truncate(time.Hour).Add(-rolledHours * time.Hour).Unix()
	item := fmt.Sprintf(`toDateTime64(%d + cityHash64(v) %% (3600 * %d), 3, 'UTC') AS ts, 'shop' AS app, 'production' AS environment,
		'real' AS traffic, concat('/', toString(v %% 5)) AS route, toString(1 + v %% 2) AS release, ['DE', 'US'][1 + v %% 2] AS country,
		toUInt32(1000 * (1 + v %% 3)) AS weight, concat('strewn-', toString(v)) AS session_id`, start, rolledHours)
	const columns = "ts, app, environment, traffic, route, release, country, weight, session_id"
	of := func(each int) string {
		return fmt.Sprintf("FROM (SELECT number AS i, intDiv(number, %d) AS v FROM numbers(%d, %d))", each, from*each, visits*each)
	}
	for _, sql := range []string{
		"INSERT INTO vitals (" + columns + ", metric, metric_id, bucket) SELECT " + item +
			", ['lcp', 'inp'][1 + v % 2], concat('strewn-', toString(v)), 800 + v % 50 " + of(1),
		"INSERT INTO requests (" + columns + ", kind, host, endpoint, duration, server, status, bucket) SELECT " + item +
			", 'fetch', 'api', concat('/', toString(i % 7)), i % 900, i % 3, 200 + 300 * (i % 9 = 0), 700 + i % 90 " + of(2),
		"INSERT INTO errors (" + columns + ", fingerprint) SELECT " + item + ", toString(v % 9) " + of(1),
		"INSERT INTO session_events (ts, app, session_id) SELECT ts, app, session_id FROM (SELECT " + item + " " + of(4) + ")",
	} {
		require.NoError(s.t, s.sql().Exec(s.t.Context(), sql))
	}
}

// rolledMore returns a condition: that hours of a table were rolled so many times more than by now.
func (s *sidecar) rolledMore(times int64) func() bool {
	s.t.Helper()
	store := s.sql()
	rolls := func() (n int64) {
		_ = store.QueryRow(context.Background(), "SELECT sum(samples) FROM hist_1h_endpoint_route WHERE kind = ''").Scan(&n)
		return n
	}
	wanted := rolls() + times
	return func() bool { return rolls() >= wanted }
}

// requireEqualRollUps wants every hour rolled and equal to its rows, cell by cell.
func requireEqualRollUps(t *testing.T, s *sidecar) {
	t.Helper()
	said, err := exec.Command(sightline, "rollup", "--data", s.data).CombinedOutput()
	require.NoError(t, err, string(said))
	report, code := examine(t, "--rollups", "--data", s.data)
	require.Zero(t, code, "%+v", report.Findings)
	require.Empty(t, found(report, doctor.Problem, "rollups")+found(report, doctor.Warning, "rollups"))
	require.Regexp(t, `^[1-9]\d* hours of 7 tables are equal to their rows, cell by cell`, found(report, doctor.OK, "rollups"))
}

// Nobody else rolls here: what the command leaves half done, its next run finishes.
func TestRollUpsAreExactHoweverOftenTheirBackfillIsKilled(t *testing.T) {
	s := newSidecar(t)
	s.config = configured(t, "rollups: false\n")
	t.Cleanup(s.stop)
	s.start()
	s.waitReady()
	const rounds = 3
	for round := range rounds {
		s.strew(round*3000, 3000)
		midst := s.rolledMore(1 + int64(2*round))
		backfill := exec.Command(sightline, "rollup", "--data", s.data)
		var said bytes.Buffer
		backfill.Stdout, backfill.Stderr = &said, &said
		require.NoError(t, backfill.Start())
		reached := assert.Eventually(t, midst, 5*time.Minute, 20*time.Millisecond, "it is in the midst of it")
		require.NoError(t, backfill.Process.Signal(syscall.SIGKILL))
		require.ErrorContains(t, backfill.Wait(), "killed", "it had more to do, and said %s", &said)
		require.True(t, reached, said.String())
		report, code := examine(t, "--rollups", "--data", s.data)
		require.Zero(t, code, "what is counted by then is right: %+v", report.Findings)
		require.NotEmpty(t, found(report, doctor.Warning, "rollups"), "some hours are to be rolled yet")
	}
	requireEqualRollUps(t, s)
	require.EqualValues(t, rounds*3000, s.number("SELECT toUInt64(sum(samples)) FROM hist_1h_route_device WHERE metric != ''"))
	require.EqualValues(t, rounds*6000, s.number("SELECT toUInt64(sum(samples)) FROM hist_1h_endpoint_route WHERE kind != ''"))
}

// Each begins to roll at its start, and both find the same hours behind, while beacons come in at both.
func TestRollUpsAreExactWhenTwoSidecarsRollTheSameStore(t *testing.T) {
	first := newSidecar(t)
	first.config = configured(t, "rollups: false\n")
	t.Cleanup(first.stop)
	first.start()
	first.waitReady()
	var rollers []*sidecar
	for range 2 {
		s := newSidecar(t)
		s.flags = []string{"--clickhouse", first.dsn()}
		t.Cleanup(func() {
			if s.process != nil {
				_ = s.process.Process.Kill() // in case the test has ended early
			}
		})
		rollers = append(rollers, s)
	}
	for round := range 2 {
		first.strew(round*6000, 6000)
		rolling := first.rolledMore(rolledHours / 2)
		var loads []*load
		for _, s := range rollers {
			s.start()
			s.waitReady()
			loads = append(loads, startLoad(s, 2))
		}
		require.Eventually(t, rolling, 5*time.Minute, 20*time.Millisecond, "they roll")
		for i, s := range rollers {
			require.NotEmpty(t, loads[i].stop())
			s.kill()
		}
	}
	for _, s := range rollers { // what they have taken is stored after the next start
		s.start()
		s.waitReady()
		s.waitDrained()
		s.stop()
	}
	requireEqualRollUps(t, first)
	require.Equal(t, first.number("SELECT count() FROM vitals FINAL"),
		first.number("SELECT toUInt64(sum(samples)) FROM hist_1h_route_device WHERE metric != ''"))
	require.Equal(t, first.number("SELECT count() FROM requests"),
		first.number("SELECT toUInt64(sum(samples)) FROM hist_1h_endpoint_route WHERE kind != ''"))
}
