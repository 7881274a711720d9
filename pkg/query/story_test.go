package query

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/rum"
	"github.com/sightline-rum/sightline/pkg/store"
)

// ownStore is an empty store in the shared engine, for a test that plants what it asks about. It is asked as the
// engine's writer, because its reader sees the one database that engines are for.
type ownStore struct {
	t        testing.TB
	writer   *store.Store
	runner   *Runner
	database string
	inserted int
}

var databases atomic.Int32

func newOwnStore(t testing.TB) *ownStore {
	t.Helper()
	database := fmt.Sprintf("query_%d", databases.Add(1))
	writer, err := store.Open(store.FromAccess(access.Address, database, access.Writer.User, access.Writer.Password))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, writer.Close()) })
	require.NoError(t, writer.Migrate(t.Context()))
	settings := shopSettings
	settings.MinSamples = 1
	return &ownStore{t: t, writer: writer, database: database, runner: &Runner{Conn: writer.Conn(), Settings: settings}}
}

func (o *ownStore) insert(beacons ...*rum.Beacon) {
	o.t.Helper()
	batch := store.NewBatch()
	for _, b := range beacons {
		batch.Add(b)
	}
	o.inserted++
	require.NoError(o.t, o.writer.Insert(o.t.Context(), fmt.Sprintf("own:%d", o.inserted), batch))
}

// ask asks about a window as somebody who may see everything.
func (o *ownStore) ask(json string, w window) backend.DataResponse {
	return o.runner.Answer(o.t.Context(), everyone, backend.DataQuery{RefID: "A", JSON: []byte(json),
		TimeRange: backend.TimeRange{From: w.from, To: w.to}, Interval: time.Minute, MaxDataPoints: 1000})
}

// rows are the rows of a question that has to be answered with one frame.
func (o *ownStore) rows(json string, w window) []map[string]any {
	o.t.Helper()
	got := o.ask(json, w)
	require.NoError(o.t, got.Error)
	require.Len(o.t, got.Frames, 1)
	return rowsOf(got.Frames[0])
}

// notices are what an answer says beside its rows.
func (o *ownStore) notices(json string, w window) []string {
	o.t.Helper()
	got := o.ask(json, w)
	require.NoError(o.t, got.Error)
	var texts []string
	for _, notice := range got.Frames[0].Meta.Notices {
		texts = append(texts, notice.Text)
	}
	return texts
}

// The traces of the story.
const (
	traceOfPage   = "0af7651916cd43dd8448eb211c80319c"
	traceOfBuying = "1bf7651916cd43dd8448eb211c80319d"
)

// storyOf is the visit of somebody who wanted to buy something: a slow page, a click whose request fails, an error that
// follows from it, anger, and a route change in the end. Everything that makes arranging it hard is in it: a view
// without a beacon, items without a view, and metrics that were reported again and better.
func storyOf(session string, start time.Time) []*rum.Beacon {
	ms := start.UnixMilli()
	item := func(offset int64, view string) rum.Item {
		return rum.Item{TS: ms + offset, ViewID: view, Route: "/products/:id"}
	}
	caused := func(i rum.Item, action string) rum.Item { i.ActionID = action; return i }
	traced := func(i rum.Item, trace, span string, unsampled bool) rum.Item {
		i.TraceID, i.SpanID, i.Unsampled = trace, span, unsampled
		return i
	}
	named := func(i rum.Item, request string) rum.Item { i.RequestID = request; return i }
	vital := func(metric string, value float64, reported int64) rum.Vital {
		return rum.Vital{Item: item(0, "v1"), Metric: metric, MetricID: "v5-" + session + metric, Value: value,
			ReportedAt: ms + reported, Target: "img.hero"}
	}
	context := rum.Context{App: "shop", Environment: "production", Release: "1.1.0", SessionID: session,
		Browser: "Firefox", BrowserVersion: "140", OS: "Linux", Device: "desktop", Country: "DE",
		Traffic: rum.TrafficReal, Weight: rum.FullWeight}
	return []*rum.Beacon{{
		ReceivedAt: ms + 3000, Context: context,
		Views: []rum.View{{Item: traced(item(0, "v1"), traceOfPage, "00f067aa0ba902b7", false), Kind: rum.ViewLoad,
			Path: "/products/7", Duration: 1200, Server: 80}},
		Vitals: []rum.Vital{vital("lcp", 5000, 3000), vital("inp", 600, 3000), vital("cls", 0, 3000)},
		Requests: []rum.Request{
			{Item: named(item(500, "v1"), "request-2"), Kind: "fetch", Method: "GET", Host: "api.shop", Path: "/items",
				Status: 200, Duration: 90},
			{Item: traced(caused(item(2010, "v1"), "a1"), traceOfBuying, "11f067aa0ba902b7", true), Kind: "fetch",
				Method: "POST", Host: "api.shop", Path: "/buy", Status: 503, Failure: "http", Duration: 400, Server: 390},
			{Item: item(700, "v1"), Kind: "fetch", Method: "GET", Host: "ads.example", Path: "/a", Status: 200,
				Duration: 2500, ThirdParty: true},
			{Item: item(100, "v1"), Kind: "img", Method: "GET", Host: "shop", Path: "/hero.jpg", Status: 200, Duration: 4000},
		},
		Blocking: []rum.Blocking{{Item: item(600, "v1"), ScriptURL: "https://ads.example/ads.js", ThirdParty: true,
			Blocking: 220}},
		Actions: []rum.Action{
			{Item: caused(item(2000, "v1"), "a1"), Kind: "click", Target: "button#buy"},
			{Item: caused(item(3000, "v1"), "a2"), Kind: "rage", Target: "button#buy"},
		},
		Errors: []rum.Error{{Item: caused(item(2450, "v1"), "a1"), Kind: "exception", Type: "TypeError",
			Message: "order is undefined", Fingerprint: "group-buy",
			Frames: []rum.Frame{{Function: "buy", File: "app.js", Line: 3, Column: 7}}}},
	}, {
		ReceivedAt: ms + 9000, Context: context,
		Vitals: []rum.Vital{vital("lcp", 4800, 4000), vital("inp", 120, 9000)},
		Views:  []rum.View{{Item: caused(item(5000, "v2"), "a1"), Kind: rum.ViewRouteChange, Path: "/sorry", Duration: 70}},
		Errors: []rum.Error{{Item: item(6000, ""), Kind: "console", Message: "gave up", Fingerprint: "group-2"}},
		Events: []rum.Event{{Item: item(6500, "v2"), Kind: rum.EventLog, Level: "warn", Message: "basket kept"}},
		Requests: []rum.Request{{Item: item(7000, "v9"), Kind: "xhr", Method: "GET", Host: "api.shop", Path: "/late",
			Failure: "network", Duration: 30}},
	}}
}

// hourAgo is a whole minute about an hour before now: nothing of it is in the future or has expired.
func hourAgo() time.Time { return time.Now().UTC().Truncate(time.Minute).Add(-time.Hour) }

// around is the window of an hour either side.
func around(at time.Time) window { return window{at.Add(-time.Hour), at.Add(time.Hour)} }
