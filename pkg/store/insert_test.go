package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/rum"
)

// noon of a day within every table's retention.
var noon = time.Now().UTC().Truncate(24 * time.Hour).Add(-7*24*time.Hour + 12*time.Hour).UnixMilli()

// visit is a beacon with an item of every kind: one view, two vitals, two requests, one each of the rest.
func visit(n int, ts int64) *rum.Beacon {
	item := func(after int64) rum.Item {
		return rum.Item{
			TS: ts + after, ViewID: fmt.Sprintf("view-%d", n), Navigation: "navigate", Route: fmt.Sprintf("/product/%d", n%7),
			Attributes: map[string]string{"plan": "pro", "seat": fmt.Sprint(n % 3)},
		}
	}
	traced := item(30)
	traced.TraceID, traced.SpanID = fmt.Sprintf("%032x", n+1), fmt.Sprintf("%016x", n+1)
	return &rum.Beacon{
		ReceivedAt: ts + 1000,
		Context: rum.Context{
			App: "shop", Environment: "production", Release: fmt.Sprintf("1.%d", n%2), SessionID: fmt.Sprintf("session-%d", n%10),
			Browser: "Chrome", BrowserVersion: "130", OS: "Windows", Device: "desktop", Country: "NL", Traffic: rum.TrafficReal,
			Attributes: map[string]string{"tenant": "a", "plan": "free"},
		},
		Views: []rum.View{{Item: item(0), Path: "/product/5", Kind: rum.ViewLoad, Duration: 1234.5, TTFB: 100, TransferSize: 4096}},
		Vitals: []rum.Vital{
			{Item: item(10), Metric: "lcp", MetricID: fmt.Sprintf("v5-%d-1", n), ReportedAt: ts + 900, Value: 2600, Target: "main>img",
				TargetURL: "https://cdn.other/hero.jpg", ThirdParty: true,
				Parts: map[string]float32{"element_render_delay": 40, "time_to_first_byte": 100}},
			{Item: item(20), Metric: "basket_open", MetricID: fmt.Sprintf("v5-%d-2", n), ReportedAt: ts + 900, Value: 0},
		},
		Requests: []rum.Request{
			{Item: traced, Kind: "fetch", Method: "GET", Host: "api.shop", Path: "/api/basket/77", Endpoint: "/api/basket/{id}",
				Status: 503, Failure: "http", Duration: 80.25},
			{Item: item(40), Kind: "img", Host: "cdn.shop", Path: "/a.png", ThirdParty: true, Status: 200, Duration: 12},
		},
		Blocking: []rum.Blocking{{Item: item(50), ScriptURL: "https://shop/app.js", Host: "shop", Blocking: 70, Duration: 120, Frames: 2}},
		Errors: []rum.Error{{Item: item(60), Kind: "exception", Type: "TypeError", Message: "x is undefined", Fingerprint: fmt.Sprintf("f%d", n%3),
			FingerprintVersion: 1, Frames: []rum.Frame{{Function: "pay", File: "app.js", Line: 3, Column: 9}, {File: "vendor.js"}}}},
		Actions: []rum.Action{{Item: item(70), Kind: "rage", Target: "button#pay", Duration: 5}},
		Events:  []rum.Event{{Item: item(80), Kind: rum.EventLog, Level: "warn", Message: "slow"}},
	}
}

const rowsOfAVisit = 9

func visits(from, to int) *Batch {
	batch := NewBatch()
	for n := from; n < to; n++ {
		batch.Add(visit(n, noon+int64(n)*1000))
	}
	return batch
}

func TestABatchArrivesInEveryTableAndThroughEveryView(t *testing.T) {
	s := migrated(t)
	batch := visits(5, 6)
	batch.AddDeploy(rum.Deploy{TS: noon, App: "shop", Environment: "production", Release: "1.1", Title: "spring"})
	batch.AddCounts([]rum.Count{{Minute: noon, App: "shop", Environment: "production", Counter: "rejected", Reason: "size", Value: 3}})
	require.Equal(t, rowsOfAVisit+2, batch.Rows())
	require.NoError(t, s.Insert(t.Context(), "t", batch))

	trace := fmt.Sprintf("%032x", 6)
	for _, c := range []struct{ query, want string }{
		{"SELECT toUnixTimestamp64Milli(ts), received_at - ts, app, release, session_id, route, weight, trace_sampled FROM views",
			fmt.Sprint(noon+5000) + "\t1\tshop\t1.1\tsession-5\t/product/5\t1000\t0"},
		{"SELECT path, kind, duration, ttfb, transfer_size FROM views", "/product/5\tload\t1234.5\t100\t4096"},
		{"SELECT attributes['tenant'], attributes['plan'], attributes['seat'], length(attributes) FROM views", "a\tpro\t2\t3"},
		{"SELECT metric, value, rating, bucket, target, parts['element_render_delay'], length(parts) FROM vitals ORDER BY metric",
			fmt.Sprintf("basket_open\t0\t\t0\t\t0\t0\nlcp\t2600\tneeds-improvement\t%d\tmain>img\t40\t2", rum.Bucket("lcp", 2600))},
		{"SELECT metric, party FROM vitals ORDER BY metric", "basket_open\t\nlcp\tthird"},
		{"SELECT kind, method, endpoint, party, status, failure, duration, bucket > 0, trace_sampled FROM requests ORDER BY kind",
			"fetch\tGET\t/api/basket/{id}\tfirst\t503\thttp\t80.25\t1\t1\nimg\t\t\tthird\t200\t\t12\t1\t0"},
		{"SELECT script_url, party, blocking, frames FROM blocking", "https://shop/app.js\tfirst\t70\t2"},
		{"SELECT kind, error_type, fingerprint, fingerprint_version, replaceAll(stack, '\n', '|') FROM errors",
			"exception\tTypeError\tf2\t1\tpay (app.js:3:9)|<anonymous> (vendor.js)"},
		{"SELECT kind, name, target FROM actions", "rage\t\tbutton#pay"},
		{"SELECT kind, level, message FROM events", "log\twarn\tslow"},
		{"SELECT release, title FROM deploys", "1.1\tspring"},
		{"SELECT toInt64(toUnixTimestamp(minute)) * 1000, counter, reason, value FROM telemetry_1m",
			fmt.Sprint(noon) + "\trejected\tsize\t3"},
		{"SELECT kind, name, state, detail, value, frustrated, failed FROM session_events ORDER BY ts, name", strings.Join([]string{
			"view\t/product/5\tload\t\t1234.5\t0\t0",
			"vital\tlcp\tneeds-improvement\tmain>img\t2600\t0\t0",
			"vital\tbasket_open\t\t\t0\t0\t0",
			"request\tGET api.shop/api/basket/77\t503\tfetch\t80.25\t0\t1",
			"request\t cdn.shop/a.png\t200\timg\t12\t0\t0",
			"blocking\thttps://shop/app.js\tfirst\t\t70\t0\t0",
			"error\tTypeError\texception\tx is undefined\t0\t0\t0",
			"action\tbutton#pay\trage\tbutton#pay\t5\t1\t0",
			"event\t\twarn\tslow\t0\t0\t0",
		}, "\n")},
		{"SELECT DISTINCT session_id, route, browser, weight, view_id, user_key FROM session_events",
			"session-5\t/product/5\tChrome\t1000\tview-5\t"},
		{`SELECT session_id, sum(items), sum(views), sum(errors), sum(actions), sum(frustrations), sum(failed_requests), max(worst_lcp),
			argMinMerge(first_route), max(release), max(browser), max(trace_id) FROM sessions GROUP BY session_id`,
			"session-5\t9\t1\t1\t1\t1\t1\t2600\t/product/5\t1.1\tChrome\t" + trace},
		{"SELECT trace_id, session_id, kind, name, value, trace_sampled FROM trace_sessions",
			trace + "\tsession-5\trequest\tGET api.shop/api/basket/77\t80.25\t1"},
		{"SELECT app, toInt64(toUnixTimestamp(hour)) * 1000 AS hour, sum(rows) FROM hour_inserts GROUP BY ALL",
			"shop\t" + fmt.Sprint(noon) + "\t9"},
		{`SELECT fingerprint, sum(count), sum(weight), argMinMerge(first_release), max(error_type), max(kind)
			FROM error_groups GROUP BY fingerprint`, "f2\t1\t1000\t1.1\tTypeError\texception"},
		{"SELECT release, sum(views) FROM releases GROUP BY release", "1.1\t1"},
	} {
		require.Equal(t, c.want, ask(t, s, c.query), c.query)
	}
}

func TestABatchCanBeUsedAgainAfterReset(t *testing.T) {
	s := migrated(t)
	batch := visits(0, 3)
	require.NoError(t, s.Insert(t.Context(), "a", batch))
	batch.Reset()
	require.Zero(t, batch.Rows())
	require.NoError(t, s.Insert(t.Context(), "nothing", batch))
	batch.Add(visit(3, noon))
	require.NoError(t, s.Insert(t.Context(), "b", batch))
	require.Equal(t, "4\t4", ask(t, s, "SELECT count(), uniq(view_id) FROM views"))
	require.Equal(t, "8", ask(t, s, "SELECT count() FROM requests"))
}

// More distinct words than a byte or two can number, more than one attribute per row, and no attribute at all.
func TestDictionariesOfEverySizeArrive(t *testing.T) {
	s := migrated(t)
	for i, rows := range []int{1, 255, 256, 257, 65_535, 65_536, 70_000} {
		batch := NewBatch()
		for n := range rows {
			b := &rum.Beacon{Context: rum.Context{App: "shop"}, Events: []rum.Event{{Item: rum.Item{TS: noon, Route: fmt.Sprint(n)}, Name: fmt.Sprint(n)}}}
			if n%3 == 1 {
				b.Events[0].Attributes = map[string]string{"k" + fmt.Sprint(n): fmt.Sprint(n), "z": "1"}
			}
			batch.Add(b)
		}
		require.NoError(t, s.Insert(t.Context(), fmt.Sprint(i), batch))
		require.Equal(t, fmt.Sprintf("%d\t%d\t%d", rows, (rows+1)/3, 0),
			ask(t, s, `SELECT countIf(route = name), countIf(attributes['k' || name] = name), countIf(route != name) FROM events`))
		require.NoError(t, s.Conn().Exec(t.Context(), "TRUNCATE TABLE events"))
	}
}

// tallies count everything that a batch touches; want is what they are after n visits in some batches, each with one
// counter.
var tallies = []struct {
	query string
	want  func(n, batches int) string
}{
	{"SELECT count(), uniqExact(view_id) FROM views", func(n, _ int) string { return fmt.Sprintf("%d\t%d", n, n) }},
	{"SELECT count(), uniqExact(metric_id) FROM vitals", func(n, _ int) string { return fmt.Sprintf("%d\t%d", 2*n, 2*n) }},
	{"SELECT count() FROM requests", func(n, _ int) string { return fmt.Sprint(2 * n) }},
	{"SELECT count() FROM blocking", func(n, _ int) string { return fmt.Sprint(n) }},
	{"SELECT count() FROM errors", func(n, _ int) string { return fmt.Sprint(n) }},
	{"SELECT count() FROM actions", func(n, _ int) string { return fmt.Sprint(n) }},
	{"SELECT count() FROM events", func(n, _ int) string { return fmt.Sprint(n) }},
	{"SELECT count(), sum(frustrated), sum(failed) FROM session_events", func(n, _ int) string {
		return fmt.Sprintf("%d\t%d\t%d", rowsOfAVisit*n, n, n)
	}},
	{"SELECT uniqExact(session_id), sum(items), sum(views), sum(errors), sum(failed_requests) FROM sessions",
		func(n, _ int) string { return fmt.Sprintf("%d\t%d\t%d\t%d\t%d", min(n, 10), rowsOfAVisit*n, n, n, n) }},
	{"SELECT count(), uniqExact(trace_id) FROM trace_sessions", func(n, _ int) string { return fmt.Sprintf("%d\t%d", n, n) }},
	{"SELECT sum(rows) FROM hour_inserts", func(n, _ int) string { return fmt.Sprint(rowsOfAVisit * n) }},
	{"SELECT sum(count), sum(weight) FROM error_groups", func(n, _ int) string { return fmt.Sprintf("%d\t%d", n, 1000*n) }},
	{"SELECT sum(views) FROM releases", func(n, _ int) string { return fmt.Sprint(n) }},
	{"SELECT sum(value) FROM telemetry_1m", func(_, batches int) string { return fmt.Sprint(batches) }},
}

func state(t testing.TB, s *Store) string {
	var lines []string
	for _, tally := range tallies {
		lines = append(lines, tally.query+"\t"+ask(t, s, tally.query))
	}
	return strings.Join(lines, "\n")
}

func expected(n, batches int) string {
	var lines []string
	for _, tally := range tallies {
		lines = append(lines, tally.query+"\t"+tally.want(n, batches))
	}
	return strings.Join(lines, "\n")
}

func counted(batch *Batch) *Batch {
	batch.AddCounts([]rum.Count{{Minute: noon, App: "shop", Counter: "accepted", Value: 1}})
	return batch
}

func TestTheSameTokenTwiceChangesNothing(t *testing.T) {
	s := migrated(t)
	for range 3 {
		require.NoError(t, s.Insert(t.Context(), "spool:1:9", counted(visits(0, 100))))
	}
	require.Equal(t, expected(100, 1), state(t, s))
	require.NoError(t, s.Insert(t.Context(), "spool:10:19", counted(visits(100, 200))))
	require.Equal(t, expected(200, 2), state(t, s))
}

// The rows of a batch over midnight go into two partitions, each a block of its own to the store.
func TestABatchOverSeveralDaysIsStillOne(t *testing.T) {
	s := migrated(t)
	for range 2 {
		batch := NewBatch()
		for n := range 50 {
			batch.Add(visit(n, noon+int64(n%5)*24*3_600_000))
		}
		require.NoError(t, s.Insert(t.Context(), "days", counted(batch)))
	}
	require.Equal(t, expected(50, 1), state(t, s))
}

// A try that failed between two tables has left some of them written: the next try adds the rest and only that.
func TestAHalfWrittenBatchIsCompletedByItsRetry(t *testing.T) {
	s := migrated(t)
	batch := counted(visits(0, 40))
	for _, table := range []string{"views", "requests", "errors", "session_events"} {
		require.NoError(t, s.InsertTable(t.Context(), "half", table, batch))
	}
	require.NoError(t, s.Insert(t.Context(), "half", batch))
	require.Equal(t, expected(40, 1), state(t, s))
}

// A store that takes long for each table would never come to the last of them, if each try began with the first.
func TestARetryGoesOnWhereTheTryBeforeItFailed(t *testing.T) {
	s := migrated(t)
	rename := func(from, to string) {
		t.Helper()
		require.NoError(t, s.Conn().Exec(t.Context(), "RENAME TABLE "+from+" TO "+to))
	}
	batch := counted(visits(0, 40))
	rename("vitals", "vitals_away")
	require.Error(t, s.Insert(t.Context(), "on", batch))
	rename("vitals_away", "vitals")
	rename("views", "views_away")
	require.NoError(t, s.Insert(t.Context(), "on", batch), "the views are in already")
	require.Error(t, s.Insert(t.Context(), "another batch", batch), "of another token they are not")
	rename("views_away", "views")
	require.NoError(t, s.Insert(t.Context(), "on", batch), "a batch that is in may come again, as a whole")
	require.Equal(t, expected(40, 1), state(t, s))
}

// The harder half: the table is written and a view of it is not.
func TestABatchThatFailedInAViewIsCompletedByItsRetry(t *testing.T) {
	s := migrated(t)
	require.NoError(t, s.Conn().Exec(t.Context(), "RENAME TABLE sessions TO sessions_away"))
	err := s.Insert(t.Context(), "view", counted(visits(0, 40)))
	require.Error(t, err)
	_, refused := errors.AsType[*RefusedError](err)
	require.False(t, refused, "an error of a view is tried again as a whole: %v", err)
	require.NoError(t, s.Conn().Exec(t.Context(), "RENAME TABLE sessions_away TO sessions"))
	for range 2 {
		require.NoError(t, s.Insert(t.Context(), "view", counted(visits(0, 40))))
	}
	require.Equal(t, expected(40, 1), state(t, s))
}

func TestATableThatRefusesItsRowsDoesNotKeepTheOthersOut(t *testing.T) {
	s := migrated(t)
	batch := NewBatch()
	for n := range 200 { // more days than a table takes at once
		b := visit(n, noon)
		b.Events[0].TS += int64(n) * 24 * 3_600_000
		batch.Add(b)
	}
	err := s.Insert(t.Context(), "refused", batch)
	refused, is := errors.AsType[*RefusedError](err)
	require.True(t, is, "%v", err)
	require.Equal(t, "events", refused.Table)
	require.Equal(t, "200", ask(t, s, "SELECT count() FROM views"))
	require.Equal(t, "0", ask(t, s, "SELECT count() FROM events"))
}

func TestOnlyErrorsBeforeAnyWriteRefuseRows(t *testing.T) {
	for _, c := range []struct {
		err     error
		refuses bool
	}{
		{&clickhouse.Exception{Code: 117, Message: "Incorrect data"}, true},
		{fmt.Errorf("batch: %w", &clickhouse.Exception{Code: 53, Message: "Type mismatch"}), true},
		{&clickhouse.Exception{Code: 53, Message: "Type mismatch: while pushing to view a.b"}, false},
		{&clickhouse.Exception{Code: 252, Message: "Too many partitions for single INSERT block (more than 100)"}, true},
		{&clickhouse.Exception{Code: 252, Message: "Too many parts (3000). Merges are processing significantly slower than inserts"}, false},
		{&clickhouse.Exception{Code: 159, Message: "Timeout exceeded"}, false},
		{&clickhouse.Exception{Code: 241, Message: "Memory limit exceeded"}, false},
		{&clickhouse.Exception{Code: 243, Message: "Cannot reserve space, not enough space"}, false},
		{context.DeadlineExceeded, false},
		{errors.New("connection reset by peer"), false},
	} {
		require.Equal(t, c.refuses, refusesRows(c.err), "%v", c.err)
	}
}

func TestJourneysAreWrittenOnceHoweverOften(t *testing.T) {
	s := migrated(t)
	steps := []JourneyStep{
		{App: "shop", Journey: "checkout", Step: 1, Name: "Basket", Kind: "route", Pattern: "/basket", Version: 7},
		{App: "shop", Journey: "checkout", Step: 2, Name: "Pay", Kind: "action", Pattern: "pay", Version: 7},
	}
	for range 2 {
		require.NoError(t, s.WriteJourneys(t.Context(), steps))
	}
	require.NoError(t, s.WriteJourneys(t.Context(), nil))
	require.Equal(t, "1\tBasket\t/basket\n2\tPay\tpay", ask(t, s, "SELECT step, name, pattern FROM journeys FINAL ORDER BY step"))
}
