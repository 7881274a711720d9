package query

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/rum"
)

// seen plants one view of an app's environment.
func (o *ownStore) seen(app, environment, session string, at time.Time) {
	o.t.Helper()
	item := rum.Item{TS: at.UnixMilli(), ViewID: "v", Route: "/"}
	o.insert(&rum.Beacon{ReceivedAt: at.UnixMilli(), Context: rum.Context{App: app, Environment: environment,
		SessionID: session, Traffic: rum.TrafficReal}, Views: []rum.View{{Item: item, Kind: rum.ViewLoad}},
		Vitals: []rum.Vital{{Item: item, Metric: "lcp", MetricID: session + "lcp", Value: 1000, ReportedAt: item.TS}}})
}

// remember plants hours of an app whose raw rows have expired since.
func (o *ownStore) remember(app string, hours ...time.Time) {
	o.t.Helper()
	for _, hour := range hours {
		require.NoError(o.t, o.writer.Conn().Exec(o.t.Context(), "INSERT INTO hour_inserts SELECT {app:String}, "+
			"toDateTime({hour:Int64}, 'UTC'), 7", clickhouse.Named("app", app), clickhouse.Named("hour", hour.Unix())))
	}
}

func TestHintsSayWhatToDoNext(t *testing.T) {
	own := newOwnStore(t)
	now := time.Now().UTC().Truncate(time.Millisecond)
	today := window{now.Add(-time.Hour), now}
	only := func(json string, w window) string {
		notices := own.notices(json, w)
		require.Len(t, notices, 1, json)
		return notices[0]
	}
	require.Equal(t, "no data yet: is the sidecar receiving beacons?", only(`{}`, today))

	own.seen("shop", "production", "p", now.Add(-3*time.Hour-time.Minute))
	own.seen("shop", "staging", "s", now.Add(-30*time.Minute))
	own.seen("blog", "production", "b", now.Add(-26*time.Hour))
	own.seen("anonymous", "production", "", now.Add(-5*time.Hour-time.Minute))
	long := now.Add(-60 * 24 * time.Hour)
	own.remember("shop", long, long.Add(time.Hour))
	own.remember("retired", long)

	for _, c := range []struct {
		json, want string
		window     window
	}{
		{`{}`, "no data in range; last beacon of app 'shop' in environment 'production' 3 h ago", today},
		{`{"environment":"*","filters":[{"key":"os","values":["BeOS"]}]}`,
			"app 'shop' has data in this time range, but none that matches the question and its filters", today},
		{`{"app":"shpo"}`, "app 'shpo' unknown: did you mean 'shop'?", today},
		{`{"app":"warehouse"}`, "app 'warehouse' unknown: there are anonymous, blog, retired, shop", today},
		{`{"environment":"prod"}`, "environment 'prod' unknown: there are production, staging", today},
		{`{"environment":"prodction"}`, "environment 'prodction' unknown: did you mean 'production'?", today},
		{`{"app":"blog","environment":"qa"}`, "environment 'qa' unknown: there is production", today},
		{`{"app":"anonymous"}`,
			"no data in range; last beacon of app 'anonymous' in environment 'production' 5 h ago", today},
		{`{"app":"anonymous","filters":[{"key":"os","values":["BeOS"]}]}`, "app 'anonymous' in environment " +
			"'production' has data in this time range, but none that matches the question and its filters", window{now.Add(-24 * time.Hour), now}},
		{`{}`, "no data in range, which is in the future; last beacon of app 'shop' in environment 'production' 3 h ago",
			window{now.Add(time.Hour), now.Add(2 * time.Hour)}},
		{`{}`, "no data in range: what app 'shop' in environment 'production' sent then is no longer kept; " +
			"the oldest kept is of " + now.Add(-3*time.Hour-time.Minute).Format(time.RFC3339), window{long.Add(-time.Hour), long.Add(time.Hour)}},
		{`{}`, "no data in range: app 'shop' in environment 'production' has data of other times; last beacon 3 h ago",
			window{now.Add(-48 * time.Hour), now.Add(-47 * time.Hour)}},
		{`{"app":"retired"}`, "app 'retired' is known, but nothing of it is kept any more; last beacon 59 days ago", today},
	} {
		for _, kind := range []string{"vitals", "errors"} {
			question := strings.Replace(c.json, "{", fmt.Sprintf(`{"queryType":%q,`, kind), 1)
			question = strings.Replace(question, ",}", "}", 1)
			require.Equal(t, c.want, only(question, c.window), question)
		}
	}

	own.runner.Settings.Apps = []string{"shop", "blog"}
	require.Equal(t, "app 'shop' has data in this time range, but none that matches the question and its filters",
		only(`{"queryType":"errors","environment":"*"}`, today))
	require.NotContains(t, only(`{"app":"blog"}`, today), "anonymous")
}

func TestAnAnswerWithRowsNeedsNoHint(t *testing.T) {
	require.Empty(t, frames(t, `{}`)[0].Meta.Notices)
}

func TestManyNamesAreNotAllListed(t *testing.T) {
	var known []string
	for i := range 25 {
		known = append(known, fmt.Sprintf("environment-number-%02d", i))
	}
	text := unknownOf("environment", "x", known)
	require.Contains(t, text, "environment-number-19 and 5 more")
	require.NotContains(t, text, "environment-number-20")
	require.Equal(t, "environment 'x' unknown: there is (unnamed)", unknownOf("environment", "x", []string{""}))
}

func TestDurationsAsPeopleSayThem(t *testing.T) {
	for d, want := range map[time.Duration]string{-time.Minute: "0 min", 59 * time.Minute: "59 min", 3 * time.Hour: "3 h",
		47 * time.Hour: "47 h", 49 * time.Hour: "2 days"} {
		require.Equal(t, want, lasted(d))
	}
}
