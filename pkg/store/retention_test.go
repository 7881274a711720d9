package store

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/rum"
)

func said[T fmt.Stringer](all []T) string {
	lines := make([]string, 0, len(all))
	for _, one := range all {
		lines = append(lines, one.String())
	}
	return strings.Join(lines, "\n")
}

func TestARetentionIsAppliedOnceAndCanBeTakenBack(t *testing.T) {
	s := migrated(t)
	changes, err := s.RetentionChanges(t.Context(), Retention{})
	require.NoError(t, err)
	require.Empty(t, said(changes), "new tables keep their rows as long as they do by default")

	r := Retention{Raw: 20, Tables: map[string]int{"views": 9, "deploys": 500}, Sensitive: 7}
	changes, err = s.RetentionChanges(t.Context(), r)
	require.NoError(t, err)
	listed := said(changes)
	for _, line := range []string{
		"views: 9 days instead of 30 days", "errors: 20 days instead of 30 days", "sessions: 20 days instead of 30 days",
		"deploys: 500 days instead of 396 days", "errors.message: 7 days instead of as long as its rows",
	} {
		require.Contains(t, listed, line)
	}
	require.NotContains(t, listed, "releases", "what holds no visits is not raw")
	require.NoError(t, s.ApplyRetention(t.Context(), changes))
	changes, err = s.RetentionChanges(t.Context(), r)
	require.NoError(t, err)
	require.Empty(t, said(changes))

	changes, err = s.RetentionChanges(t.Context(), Retention{})
	require.NoError(t, err)
	require.Contains(t, said(changes), "errors.message: as long as its rows instead of 7 days")
	require.NoError(t, s.ApplyRetention(t.Context(), changes))
	changes, err = s.RetentionChanges(t.Context(), Retention{})
	require.NoError(t, err)
	require.Empty(t, said(changes))
}

func TestNewTablesAreCreatedWithTheirRetention(t *testing.T) {
	r := Retention{Raw: 3, Tables: map[string]int{"telemetry_1m": 5}}
	s := empty(t).WithRetention(r)
	require.NoError(t, s.Migrate(t.Context()))
	changes, err := s.RetentionChanges(t.Context(), r)
	require.NoError(t, err)
	require.Empty(t, said(changes))
}

// A table that is missing a rule would keep its rows for ever.
func TestEveryTableOfRowsHasARetention(t *testing.T) {
	s := migrated(t)
	definitions, err := s.definitions(t.Context())
	require.NoError(t, err)
	for table, definition := range definitions {
		if table == "journeys" || table == "schema_versions" {
			continue
		}
		require.Equal(t, DefaultDays[table], daysOfRows(definition), table)
		for _, column := range SensitiveColumns[table] {
			require.Contains(t, definition, "`"+column+"`", table)
		}
	}
}

func TestARetentionThatCannotBeIsRefused(t *testing.T) {
	for want, r := range map[string]Retention{
		`there is no table "view" (did you mean views?)`: {Tables: map[string]int{"view": 1}},
		"tables.views: a number of days from 1 on":       {Tables: map[string]int{"views": 0}},
		"raw_days and sensitive_days":                    {Sensitive: -1},
		"the days of app shop":                           {Apps: map[string]int{"shop": -1}},
	} {
		require.ErrorContains(t, r.Check(), want)
	}
	require.NoError(t, Retention{Raw: 1, Tables: map[string]int{"views": 1}, Sensitive: 1, Apps: map[string]int{"shop": 1}}.Check())
}

// aged is a visit with something private in every column that may hold it, some days ago.
func aged(app string, days int) *rum.Beacon {
	at := rum.Item{TS: time.Now().UTC().AddDate(0, 0, -days).UnixMilli(), ViewID: "v", Attributes: map[string]string{"note": "private"}}
	return &rum.Beacon{
		ReceivedAt: at.TS,
		Context: rum.Context{App: app, Environment: "production", SessionID: fmt.Sprint(app, days), UserKey: "private",
			Traffic: rum.TrafficReal, Release: "1"},
		Views:    []rum.View{{Item: at, Kind: rum.ViewLoad, Path: "/private"}},
		Vitals:   []rum.Vital{{Item: at, Metric: "lcp", MetricID: fmt.Sprint(app, days), ReportedAt: at.TS, Value: 900, Target: "private"}},
		Requests: []rum.Request{{Item: at, Kind: "fetch", Host: "shop.example", Path: "/private"}},
		Blocking: []rum.Blocking{{Item: at, ScriptURL: "https://shop.example/app.js"}},
		Errors:   []rum.Error{{Item: at, Kind: "exception", Type: "TypeError", Message: "private", Fingerprint: "group"}},
		Actions:  []rum.Action{{Item: at, Kind: "click", Name: "pay", Target: "private"}},
		Events:   []rum.Event{{Item: at, Kind: rum.EventCustom, Name: "x", Message: "private"}},
	}
}

func insertAged(t *testing.T, s *Store, beacons ...*rum.Beacon) {
	t.Helper()
	for _, b := range beacons {
		batch := NewBatch()
		batch.Add(b)
		require.NoError(t, s.Insert(t.Context(), fmt.Sprint(b.Context.SessionID), batch))
	}
}

// sayPrivate are the tables and days of which some value still says what it should not.
func sayPrivate(t *testing.T, s *Store) string {
	var parts []string
	for table, columns := range SensitiveColumns {
		e := erasableTable{table, "ts", true}
		for _, column := range columns {
			parts = append(parts, fmt.Sprintf("SELECT dateDiff('day', %s, toDate(now('UTC'))) AS age FROM %s WHERE toString(%s) LIKE '%%private%%'",
				dayOf(e), table, column))
		}
	}
	return ask(t, s, "SELECT DISTINCT age FROM ("+strings.Join(parts, " UNION ALL ")+") ORDER BY age")
}

func TestSensitiveColumnsGoBeforeTheirRows(t *testing.T) {
	s := migrated(t)
	r := Retention{Sensitive: 5}
	changes, err := s.RetentionChanges(t.Context(), r)
	require.NoError(t, err)
	require.NoError(t, s.ApplyRetention(t.Context(), changes))
	insertAged(t, s, aged("shop", 0), aged("shop", 5), aged("shop", 6), aged("shop", 9))
	require.Equal(t, "0\n5\n6\n9", sayPrivate(t, s))

	expired, err := s.Expire(t.Context(), r, time.Now())
	require.NoError(t, err)
	require.Contains(t, said(expired), "attributes, mapped, message, stack, user_key of errors, of ")
	require.Equal(t, "0\n5", sayPrivate(t, s))
	require.Equal(t, "4", ask(t, s, "SELECT count() FROM errors WHERE fingerprint = 'group'"), "the rows stay")
	require.Equal(t, "4", ask(t, s, "SELECT sum(views) FROM sessions"))

	expired, err = s.Expire(t.Context(), r, time.Now())
	require.NoError(t, err)
	require.Empty(t, said(expired), "what is gone is not removed again")

	insertAged(t, s, aged("late", 7))
	_, err = s.Expire(t.Context(), r, time.Now())
	require.NoError(t, err)
	require.Equal(t, "0\n5", sayPrivate(t, s), "what comes late goes, too")
}

func TestAnAppsVisitsGoBeforeThoseOfOthers(t *testing.T) {
	s := migrated(t)
	insertAged(t, s, aged("shop", 1), aged("shop", 3), aged("shop", 4), aged("docs", 4))
	r := Retention{Apps: map[string]int{"shop": 2, "docs": 0}}
	expired, err := s.Expire(t.Context(), r, time.Now())
	require.NoError(t, err)
	require.Contains(t, said(expired), "1 rows of app shop in views, of ")
	for _, e := range erasable {
		if e.table == "trace_sessions" {
			continue // none of these visits has a trace
		}
		require.Equal(t, "docs\t4\nshop\t1", ask(t, s, fmt.Sprintf("SELECT DISTINCT app, dateDiff('day', %s, toDate(now('UTC'))) AS age "+
			"FROM %s ORDER BY app", dayOf(e), e.table)), e.table)
	}
	require.Equal(t, "2", ask(t, s, "SELECT count() FROM (SELECT app FROM error_groups GROUP BY app)"), "groups keep their own time")
	expired, err = s.Expire(t.Context(), r, time.Now())
	require.NoError(t, err)
	require.Empty(t, said(expired))
}

// Parts that a changed retention makes too old are dropped whole; nothing is rewritten.
func TestAShorterRetentionDropsWholeDays(t *testing.T) {
	s := migrated(t)
	insertAged(t, s, aged("shop", 1), aged("shop", 20))
	require.NoError(t, s.Conn().Exec(t.Context(), "ALTER TABLE views MODIFY SETTING merge_with_ttl_timeout = 1")) // else hours
	changes, err := s.RetentionChanges(t.Context(), Retention{Raw: 10})
	require.NoError(t, err)
	require.NoError(t, s.ApplyRetention(t.Context(), changes))
	require.Eventually(t, func() bool { return ask(t, s, "SELECT count() FROM views") == "1" }, 2*time.Minute, 100*time.Millisecond)
	require.Equal(t, "shop1", ask(t, s, "SELECT session_id FROM views"))
}
