package erase

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/rollup"
	"github.com/sightline-rum/sightline/pkg/rum"
)

const counted = `SELECT sum(samples), sum(calls), sum(errors) FROM (
	SELECT samples, 0 AS calls, 0 AS errors FROM hist_1h_route_device WHERE metric != ''
	UNION ALL SELECT 0, samples, 0 FROM hist_1h_endpoint_route WHERE kind != ''
	UNION ALL SELECT 0, 0, weight FROM errors_1m WHERE fingerprint != '')`

func TestAnErasureIsVerifiedOnceTheRollUpsAreWithoutTheErased(t *testing.T) {
	w := newWorld(t)
	w.running(func() {
		for n := range 6 {
			w.append(visit(n))
		}
		require.NoError(t, w.drainer.Flush(t.Context()))
		_, err := rollup.Of(w.store).Backfill(t.Context(), rollup.Range{}, false, func(rollup.Progress) {})
		require.NoError(t, err)
		require.Equal(t, "6\t6\t12000", w.ask(counted))
		w.erase(Request{App: "shop", Session: "session-3"})
	})
	require.Equal(t, "5\t5\t10000", w.ask(counted))
	found, err := rollup.Of(w.store).Check(t.Context(), rollup.Range{}, nil)
	require.NoError(t, err)
	require.Zero(t, found.Behind)
	require.Empty(t, found.Differences)
}

// What is counted of an app is the app's, however long its visits are gone.
func TestWithAnAppItsCountsGoAtEveryAge(t *testing.T) {
	w := newWorld(t)
	of := func(n int, app string) *rum.Beacon {
		b := visit(n)
		b.Context.App = app
		return b
	}
	old := time.Now().UTC().Truncate(time.Hour).AddDate(0, 0, -100).Unix()
	for _, table := range rollup.Tables {
		for _, app := range []string{"shop", "docs"} {
			require.NoError(t, w.store.Conn().Exec(t.Context(), fmt.Sprintf("INSERT INTO %s (app, %s, %s, samples, weight) "+
				"VALUES ('%s', fromUnixTimestamp(%[5]d), 'one', 7, 7000), ('%[4]s', fromUnixTimestamp(%[5]d), '', 1, 100)",
				table.Name, table.At, table.Marker, app, old)))
		}
	}
	apps := func(table string) string { return w.ask("SELECT DISTINCT app FROM " + table + " ORDER BY app") }
	w.running(func() {
		w.append(of(0, "shop"), of(1, "docs"), of(3, "shop"))
		require.NoError(t, w.drainer.Flush(t.Context()))
		_, err := rollup.Of(w.store).Backfill(t.Context(), rollup.Range{}, false, func(rollup.Progress) {})
		require.NoError(t, err)
		for _, table := range rollup.Tables {
			require.Equal(t, "docs\nshop", apps(table.Name))
		}
		told := w.erase(Request{App: "shop", All: true})
		for _, found := range told.Report().Found {
			require.NotEmpty(t, found.What, found.Table)
		}
		require.EqualValues(t, 5, told.Rows["errors_1m"], "an old count and three new ones, and a marker each hour")
	})
	for _, table := range append([]rollup.Table{{Name: "hour_inserts"}}, rollup.Tables...) {
		require.Equal(t, "docs", apps(table.Name), table.Name)
	}
	require.Equal(t, "8", w.ask("SELECT sum(samples) FROM errors_1m WHERE fingerprint != ''"), "of another app, an old one and a new one")
	found, err := rollup.Of(w.store).Check(t.Context(), rollup.Range{}, nil)
	require.NoError(t, err)
	require.Zero(t, found.Behind)
	require.Empty(t, found.Differences)
}

// A session's part in an hour whose rows are gone cannot be told: the hour keeps its counts, and is not behind for ever.
func TestAnErasureLeavesHoursAloneWhoseRowsMayBeGone(t *testing.T) {
	w := newWorld(t)
	w.erasures.options.AppDays = map[string]int{"shop": 1}
	w.running(func() {
		w.append(visit(0), visit(3))
		require.NoError(t, w.drainer.Flush(t.Context()))
		_, err := rollup.Of(w.store).Backfill(t.Context(), rollup.Range{}, false, func(rollup.Progress) {})
		require.NoError(t, err)
		w.erase(Request{App: "shop", Session: "session-3"})
	})
	require.Equal(t, "2\t2\t4000", w.ask(counted))
	behind, err := rollup.Of(w.store).Behind(t.Context(), rollup.Range{})
	require.NoError(t, err)
	require.Empty(t, behind)
}
