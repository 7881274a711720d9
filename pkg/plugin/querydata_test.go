package plugin

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/config"
	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/pluginhost"
)

const sessionsOfShop = `{"queryType":"sessions","app":"shop"}`

// ofOneVisit are the questions about single visits, by refId.
var ofOneVisit = map[string]string{
	"sessions": sessionsOfShop,
	"lines":    `{"queryType":"session","app":"shop","sessionId":"session-shop"}`,
	"trace":    `{"queryType":"session","app":"shop","sessionId":"session-shop","format":"trace"}`,
	"traces":   `{"queryType":"traces","app":"shop"}`,
	"by id":    `{"queryType":"traces","traceId":"0af7651916cd43dd8448eb211c80319c"}`,
}

func TestSessionsAreRefusedBelowTheSessionRole(t *testing.T) {
	writer, database := migratedStore(t)
	visit(t, writer, "shop", "production", time.Now().Add(-10*time.Minute))

	alert := map[string]string{"FromAlert": "true"}
	scheduler := &backend.User{Login: "grafana_scheduler", Role: "Admin"}
	for name, c := range map[string]struct {
		settings map[string]any
		user     *backend.User
		headers  map[string]string
		refusal  string // "" when the sessions are shown
	}{
		"an Editor sees them":                                   {nil, &backend.User{Role: "Editor"}, nil, ""},
		"an Admin sees them":                                    {nil, &backend.User{Role: "Admin"}, nil, ""},
		"a Viewer does not":                                     {nil, &backend.User{Role: "Viewer"}, nil, "role Viewer is below the data source's sessionRole"},
		"a Viewer does when set so":                             {map[string]any{"sessionRole": "Viewer"}, &backend.User{Role: "Viewer"}, nil, ""},
		"an Editor does not for Admins":                         {map[string]any{"sessionRole": "Admin"}, &backend.User{Role: "Editor"}, nil, "sessionRole"},
		"a public dashboard does not":                           {map[string]any{"sessionRole": "Viewer"}, &backend.User{Login: "public"}, nil, "sessionRole"},
		"no user does not":                                      {map[string]any{"sessionRole": "Viewer"}, nil, nil, "sessionRole"},
		"an alert rule does not, though it runs as Admin":       {nil, scheduler, alert, "idsInAlerts"},
		"the scheduler does not, even without its mark":         {nil, scheduler, nil, "idsInAlerts"},
		"the mark comes before the role":                        {nil, &backend.User{Role: "Admin"}, alert, "idsInAlerts"},
		"an alert rule does when ids are allowed in alerts":     {map[string]any{"idsInAlerts": true}, scheduler, alert, ""},
		"a Viewer who tries out a rule does not, ids or not":    {map[string]any{"idsInAlerts": true}, &backend.User{Role: "Viewer"}, alert, "idsInAlerts"},
		"ids in alerts open nothing to a Viewer at a dashboard": {map[string]any{"idsInAlerts": true}, &backend.User{Role: "Viewer"}, nil, "sessionRole"},
	} {
		t.Run(name, func(t *testing.T) {
			asked := as("", dataSource(t, database, c.settings))
			asked.User = c.user
			answers := ask(t, asked, c.headers, ofOneVisit)
			require.Len(t, answers, len(ofOneVisit))
			for question, answer := range answers {
				if c.refusal == "" {
					require.NoError(t, answer.Error, question)
					require.NotZero(t, answer.Frames[0].Rows(), question)
					continue
				}
				require.ErrorContains(t, answer.Error, c.refusal, question)
				require.Equal(t, backend.StatusForbidden, answer.Status, question)
				require.Empty(t, answer.Frames, question)
			}
		})
	}
}

func TestIDsStayWithThoseWhoMaySeeSessions(t *testing.T) {
	writer, database := migratedStore(t)
	visit(t, writer, "shop", "production", time.Now().Add(-10*time.Minute))
	source := dataSource(t, database, nil)

	for _, query := range []string{
		`{"queryType":"errors","app":"shop","format":"table"}`,
		`{"queryType":"vitals","app":"shop","metric":"lcp","groupBy":["route"],"format":"table"}`,
	} {
		answer := ask(t, as("Viewer", source), nil, map[string]string{"A": query})["A"]
		require.NoError(t, answer.Error)
		require.NotZero(t, answer.Frames[0].Rows())
		for _, frame := range answer.Frames {
			for _, id := range []string{"sessionId", "viewId", "traceId", "requestId"} {
				field, _ := frame.FieldByName(id)
				require.Nil(t, field, "%s in %s", id, query)
			}
			text, err := data.FrameToJSON(frame, data.IncludeAll)
			require.NoError(t, err)
			require.NotContains(t, string(text), "session-shop")
			require.NotContains(t, string(text), "0af7651916cd43dd8448eb211c80319c")
		}
	}
}

func TestTheSettingsOfADataSourceMakeItsLinks(t *testing.T) {
	writer, database := migratedStore(t)
	visit(t, writer, "shop", "production", time.Now().Add(-10*time.Minute))
	links := func(settings map[string]any) []data.DataLink {
		source := dataSource(t, database, settings)
		source.UID, source.Name = "rum", "Real users"
		answer := ask(t, as("Admin", source), nil, map[string]string{"A": sessionsOfShop})["A"]
		require.NoError(t, answer.Error)
		var all []data.DataLink
		for _, name := range []string{"sessionId", "traceId"} {
			field, _ := answer.Frames[0].FieldByName(name)
			require.NotNil(t, field)
			all = append(all, field.Config.Links...)
		}
		return all
	}
	bare := links(nil)
	require.Len(t, bare, 3, "the dashboard, the timeline, and the session of the trace")
	require.Equal(t, "rum", bare[1].Internal.DatasourceUID)
	require.Equal(t, "Real users", bare[1].Internal.DatasourceName)

	linked := links(map[string]any{"tempoUid": "tempo-1", "lokiUid": "loki-1", "lokiQuery": `{app="shop"}`})
	require.Len(t, linked, 5)
	require.Equal(t, "tempo-1", linked[2].Internal.DatasourceUID)
	require.Equal(t, map[string]any{"queryType": "traceql", "query": "${__value.raw}"}, linked[2].Internal.Query)
	logs, err := url.QueryUnescape(linked[3].URL)
	require.NoError(t, err)
	require.Contains(t, logs, `"datasource":"loki-1"`)
	require.Contains(t, logs, `"expr":"{app=\"shop\"} |= \"${__value.raw:percentencode}\""`)
}

func TestEachQueryIsAnsweredUnderItsOwnRefID(t *testing.T) {
	writer, database := migratedStore(t)
	visit(t, writer, "shop", "production", time.Now().Add(-10*time.Minute))

	answers := ask(t, as("Viewer", dataSource(t, database, nil)), nil, map[string]string{
		"good":      `{"queryType":"vitals","app":"shop","metric":"lcp","format":"table"}`,
		"unknown":   `{"queryType":"vitels","app":"shop"}`,
		"forbidden": sessionsOfShop,
		"garbled":   `{"queryType":`,
		"other":     `{"queryType":"variable","dimension":"app"}`,
	})
	require.Len(t, answers, 5)

	require.NoError(t, answers["good"].Error)
	require.Equal(t, backend.StatusOK, answers["good"].Status)
	require.Equal(t, "good", answers["good"].Frames[0].RefID)

	require.ErrorContains(t, answers["unknown"].Error, `did you mean "vitals"?`)
	require.Equal(t, backend.StatusBadRequest, answers["unknown"].Status)
	require.Equal(t, backend.ErrorSourcePlugin, answers["unknown"].ErrorSource)
	require.Equal(t, backend.StatusForbidden, answers["forbidden"].Status)
	require.Equal(t, backend.StatusBadRequest, answers["garbled"].Status)

	require.NoError(t, answers["other"].Error)
	require.Equal(t, 1, answers["other"].Frames[0].Rows())
}

func TestARestrictedDataSourceAnswersForItsAppsOnly(t *testing.T) {
	writer, database := migratedStore(t)
	visit(t, writer, "shop", "production", time.Now().Add(-10*time.Minute))
	visit(t, writer, "intranet", "production", time.Now().Add(-10*time.Minute))
	source := dataSource(t, database, map[string]any{"apps": []string{"shop"}})

	answers := ask(t, as("Admin", source), nil, map[string]string{
		"mine":     `{"queryType":"vitals","app":"shop","format":"table"}`,
		"implied":  `{"queryType":"vitals","format":"table"}`,
		"other":    `{"queryType":"vitals","app":"intranet","format":"table"}`,
		"sessions": `{"queryType":"sessions","app":"intranet"}`,
		"filtered": `{"queryType":"vitals","app":"shop","format":"table","filters":[{"key":"app","operator":"=","values":["intranet"]}]}`,
		"apps":     `{"queryType":"variable","dimension":"app"}`,
	})
	require.NoError(t, answers["mine"].Error)
	require.NoError(t, answers["implied"].Error)
	for _, refID := range []string{"other", "sessions"} {
		require.Equal(t, backend.StatusForbidden, answers[refID].Status)
		require.ErrorContains(t, answers[refID].Error, "intranet")
	}
	if answers["filtered"].Error == nil {
		require.Zero(t, answers["filtered"].Frames[0].Rows())
	}
	require.NoError(t, answers["apps"].Error)
	require.Equal(t, []string{"shop"}, column(answers["apps"].Frames))
}

// The SDK tells an error of the instance factory to the first query only; the others would be left without an answer.
func TestWrongSettingsAreToldToEveryQuery(t *testing.T) {
	answers := ask(t, as("Admin", dataSource(t, "sightline", map[string]any{"address": ""})), nil,
		map[string]string{"A": `{"queryType":"vitals"}`, "B": `{"queryType":"errors"}`})
	require.Len(t, answers, 2)
	for _, answer := range answers {
		require.ErrorContains(t, answer.Error, "no address is set")
		require.Equal(t, backend.StatusBadRequest, answer.Status)
		require.Equal(t, backend.ErrorSourceDownstream, answer.ErrorSource)
	}
}

func TestTroubleWithTheStoreIsTheStores(t *testing.T) {
	_, database := migratedStore(t)
	_, empty := emptyStore(t)
	vitals := map[string]string{"A": `{"queryType":"vitals","app":"shop"}`}
	wrong := dataSource(t, database, nil)
	wrong.DecryptedSecureJSONData["password"] = "wrong"

	for name, c := range map[string]struct {
		source *backend.DataSourceInstanceSettings
		status backend.Status
		text   string
	}{
		"not running":    {dataSource(t, database, map[string]any{"address": freeAddress(t)}), backend.StatusBadGateway, "cannot reach the store"},
		"wrong password": {wrong, backend.StatusUnauthorized, "password"},
		"no tables":      {dataSource(t, empty, nil), backend.StatusBadGateway, "sightline migrate"},
	} {
		t.Run(name, func(t *testing.T) {
			answer := ask(t, as("Admin", c.source), nil, vitals)["A"]
			require.ErrorContains(t, answer.Error, c.text)
			require.Equal(t, c.status, answer.Status)
			require.Equal(t, backend.ErrorSourceDownstream, answer.ErrorSource)
		})
	}
}

// stalling is a way to the engine on which questions about vitals are never answered; it counts those that came and
// those whose asker went away.
func stalling(t *testing.T) (address string, asked, left *atomic.Int32) {
	target, err := url.Parse("http://" + access.Address)
	require.NoError(t, err)
	asked, left = new(atomic.Int32), new(atomic.Int32)
	engine := httputil.NewSingleHostReverseProxy(target)
	end := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.Contains(r.URL.RawQuery, "param_app") {
			engine.ServeHTTP(w, r)
			return
		}
		// A server notices that its client went away only once it has read the request.
		_, _ = io.Copy(io.Discard, r.Body)
		asked.Add(1)
		select {
		case <-r.Context().Done():
			left.Add(1)
		case <-end:
		}
	}))
	t.Cleanup(func() { close(end); server.Close() })
	return server.Listener.Addr().String(), asked, left
}

func TestACancelledQueryIsCancelledInTheStore(t *testing.T) {
	_, database := migratedStore(t)
	address, asked, left := stalling(t)
	asking, cancel := context.WithCancel(t.Context())
	answered := make(chan error, 1)
	go func() {
		_, err := host.QueryData(asking, request(as("Admin", dataSource(t, database, map[string]any{"address": address})), nil,
			map[string]string{"A": `{"queryType":"vitals","app":"shop"}`, "B": `{"queryType":"errors","app":"shop"}`}))
		answered <- err
	}()
	require.Eventually(t, func() bool { return asked.Load() == 2 }, 10*time.Second, 5*time.Millisecond,
		"both queries reach the store side by side")
	cancel()
	require.Error(t, <-answered)
	require.Eventually(t, func() bool { return left.Load() == 2 }, 5*time.Second, 5*time.Millisecond,
		"the plugin leaves the store alone once nobody waits")
}

func TestQueriesRunAsWideAsGrafanaSays(t *testing.T) {
	_, database := migratedStore(t)
	address, asked, _ := stalling(t)
	asking, cancel := context.WithCancel(t.Context())
	defer cancel()
	narrow := as("Admin", dataSource(t, database, map[string]any{"address": address}))
	narrow.GrafanaConfig = config.NewGrafanaCfg(map[string]string{config.ConcurrentQueryCount: "2"})
	go func() {
		queries := map[string]string{}
		for _, refID := range []string{"A", "B", "C", "D"} {
			queries[refID] = `{"queryType":"vitals","app":"shop"}`
		}
		_, _ = host.QueryData(asking, request(narrow, nil, queries))
	}()
	require.Eventually(t, func() bool { return asked.Load() == 2 }, 10*time.Second, 5*time.Millisecond)
	time.Sleep(200 * time.Millisecond)
	require.EqualValues(t, 2, asked.Load(), "the third waits for its turn")
}

// Grafana starts the plugin when it first needs it, so this is what the first panel waits for.
func BenchmarkStartToFirstAnswer(b *testing.B) {
	_, database := migratedStore(b)
	source := dataSource(b, database, nil)
	for b.Loop() {
		started, err := pluginhost.Start(b.Context(), binary, pluginhost.Options{})
		require.NoError(b, err)
		response, err := started.QueryData(b.Context(), request(as("Admin", source), nil,
			map[string]string{"A": `{"queryType":"vitals","app":"shop"}`}))
		require.NoError(b, err)
		require.NoError(b, response.Responses["A"].Error)
		b.StopTimer()
		started.Stop()
		b.StartTimer()
	}
}
