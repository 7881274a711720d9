package query

import (
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/stretchr/testify/require"
)

var shopSettings = Settings{DefaultApp: "shop", DefaultEnvironment: "production"}

func asking(json string) backend.DataQuery {
	to := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	return backend.DataQuery{RefID: "A", JSON: []byte(json),
		TimeRange: backend.TimeRange{From: to.Add(-time.Hour), To: to}}
}

func TestAnEmptyQueryIsTheDefaultQuestion(t *testing.T) {
	q, err := read(asking(`{}`), shopSettings)
	require.NoError(t, err)
	require.Equal(t, "vitals", q.QueryType)
	require.Equal(t, "shop", q.App)
	require.Equal(t, "production", q.Environment)
	require.Equal(t, "lcp", q.metric.Key)
	require.Equal(t, "timeseries", q.Format)
	require.InDelta(t, 0.75, q.level(), 0)
	require.EqualValues(t, DefaultMinSamples, q.enough)
	require.Equal(t, seriesLimit, q.limit())

	bare, err := read(backend.DataQuery{QueryType: "errors", TimeRange: asking("").TimeRange}, shopSettings)
	require.NoError(t, err)
	require.Equal(t, "errors", bare.QueryType)
	require.Equal(t, "table", bare.Format)
}

func TestOtherShapesOfTheSameQuestion(t *testing.T) {
	want, err := read(asking(`{"metric":"inp","percentile":90,"groupBy":["route"],"minSamples":5,"limit":7,
		"filters":[{"key":"device","operator":"=","values":["mobile"]}]}`), shopSettings)
	require.NoError(t, err)
	got, err := read(asking(`{"metric":"INP","percentile":"p90","groupBy":"route","minSamples":"5","limit":7.0,"refId":"A",
		"filters":[{"key":"device","operator":"=|","value":"mobile"}],"datasource":{"uid":"x"},"hide":false}`), shopSettings)
	require.NoError(t, err)
	require.Equal(t, want.metric, got.metric)
	require.Equal(t, want.Percentile, got.Percentile)
	require.Equal(t, want.groups, got.groups)
	require.Equal(t, want.filters, got.filters)
	require.Equal(t, want.enough, got.enough)
	require.Equal(t, want.limit(), got.limit())
}

func TestRefusedQuestions(t *testing.T) {
	for name, c := range map[string]struct{ json, text string }{
		"type with a typo":      {`{"queryType":"vitls"}`, `did you mean "vitals"? Valid: vitals, vitalsOverview, requests, errors`},
		"type yet to come":      {`{"queryType":"surveys"}`, `Valid: vitals, vitalsOverview, requests, errors`},
		"dimension":             {`{"groupBy":["brwser"]}`, `unknown dimension "brwser", did you mean "browser"?`},
		"dimension of another":  {`{"groupBy":["fingerprint"]}`, `Valid: app, environment, release`},
		"filter's dimension":    {`{"filters":[{"key":"user","operator":"=","values":["x"]}]}`, `unknown dimension "user"`},
		"operator":              {`{"filters":[{"key":"os","operator":"~","values":["x"]}]}`, `Valid: =, !=, =~, !~`},
		"regular expression":    {`{"filters":[{"key":"os","operator":"=~","values":["("]}]}`, `filter on os: error parsing`},
		"format":                {`{"format":"logs"}`, `Valid: timeseries, table, numeric, distribution`},
		"format of another":     {`{"queryType":"errors","format":"distribution"}`, `Valid: table, timeseries`},
		"metric":                {`{"metric":"lcp; DROP TABLE vitals"}`, `Valid: lcp, inp, cls, fcp, ttfb`},
		"percentile":            {`{"percentile":101}`, `between 1 and 99.9`},
		"percentile not number": {`{"percentile":"NaN"}`, `not a number`},
		"too many groups":       {`{"groupBy":["route","os","device","browser"]}`, `3 is the most`},
		"a group twice":         {`{"groupBy":["route","route"]}`, `names "route" twice`},
		"all apps":              {`{"app":"*"}`, `an answer covers one app`},
		"the variable's All":    {`{"app":"$__all"}`, `an answer covers one app`},
		"limit":                 {`{"limit":-1}`, `limit -1`},
		"not JSON":              {`{"limit":`, `reading the query`},
		"values of no use":      {`{"filters":[{"key":"os","values":[{}]}]}`, `values are texts or numbers`},
		"compare":               {`{"compare":"yesterday"}`, `Valid: previous, deploy`},
		"compare backwards":     {`{"format":"table","compare":{"from":2,"to":1}}`, `is not before`},
		"variable of nothing":   {`{"queryType":"variable"}`, `needs a dimension`},
		"variable":              {`{"queryType":"variable","dimension":"releas"}`, `did you mean "release"?`},
		"too long":              {`{"app":"` + strings.Repeat("x", maxQueryBytes) + `"}`, `is the most`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := read(asking(c.json), shopSettings)
			require.ErrorContains(t, err, c.text)
			got := new(question).response(err)
			require.Equal(t, backend.StatusBadRequest, got.Status)
			require.Equal(t, backend.ErrorSourcePlugin, got.ErrorSource)
		})
	}
}

func TestAnAppHasToBeNamedOnce(t *testing.T) {
	_, err := read(asking(`{}`), Settings{})
	require.ErrorContains(t, err, "defaultApp")

	q, err := read(asking(`{}`), Settings{Apps: []string{"blog"}})
	require.NoError(t, err)
	require.Equal(t, "blog", q.App)
}

func TestADataSourceAnswersOnlyForItsApps(t *testing.T) {
	_, err := read(asking(`{"app":"blog"}`), Settings{Apps: []string{"shop"}})
	require.ErrorContains(t, err, "its setting apps: shop")
	require.Equal(t, backend.StatusForbidden, new(question).response(err).Status)
}

func TestEnvironmentsAreOnlySpannedOnRequest(t *testing.T) {
	for json, want := range map[string]string{
		`{}`:                          "production",
		`{"environment":"staging"}`:   "staging",
		`{"environment":"*"}`:         "*",
		`{"environment":"$__all"}`:    "*",
		`{"groupBy":["environment"]}`: "production",
		`{"filters":[{"key":"environment","operator":"=","values":["staging"]}]}`:  "*",
		`{"filters":[{"key":"environment","operator":"!=","values":["staging"]}]}`: "production",
	} {
		q, err := read(asking(json), Settings{DefaultApp: "shop"})
		require.NoError(t, err)
		require.Equal(t, want, q.Environment, json)
	}
}

func TestBotsStayOutUnlessTheQuestionIsAboutTraffic(t *testing.T) {
	for json, want := range map[string]bool{
		`{}`:                      true,
		`{"groupBy":["route"]}`:   true,
		`{"groupBy":["traffic"]}`: false,
		`{"filters":[{"key":"traffic","values":["bot"]}]}`:    false,
		`{"filters":[{"key":"traffic","values":["$__all"]}]}`: false,
		`{"queryType":"variable","dimension":"traffic"}`:      false,
		`{"queryType":"sessions"}`:                            true,
	} {
		q, err := read(asking(json), shopSettings)
		require.NoError(t, err)
		var s statement
		conditions := strings.Join(q.conditions(&s), " AND ")
		require.Equal(t, want, strings.Contains(conditions, "= {traffic:String}"), "%s: %s", json, conditions)
	}
}

func TestFiltersBecomeParameters(t *testing.T) {
	for json, want := range map[string]string{
		`{"key":"route","values":["/a"]}`:                           `route IN ({route:String})`,
		`{"key":"route","operator":"!=","values":["/a","/b"]}`:      `NOT route IN ({route:String}, {route_2:String})`,
		`{"key":"browserVersion","operator":"=~","values":["1.*"]}`: `(match(browser_version, {browserVersion:String}))`,
		`{"key":"route","operator":"!~","values":["a","b"]}`: "NOT (match(route, {route:String}) + " +
			"match(route, {route_2:String}) > 0)",
		`{"key":"route","operator":"=","values":["/a","$__all"]}`:     ``,
		`{"key":"route","operator":"=","values":[]}`:                  ``,
		`{"key":"route","operator":"=","values":["'; DROP TABLE x"]}`: `route IN ({route:String})`,
	} {
		q, err := read(asking(`{"filters":[`+json+`]}`), shopSettings)
		require.NoError(t, err)
		var s statement
		require.Equal(t, want, q.filters[0].condition(&s), json)
	}
}

func TestARegularExpressionMatchesTheWholeValue(t *testing.T) {
	q, err := read(asking(`{"filters":[{"key":"browser","operator":"=~","values":["Chrome|Firefox"]}]}`), shopSettings)
	require.NoError(t, err)
	var s statement
	q.filters[0].condition(&s)
	require.Equal(t, "^(?:Chrome|Firefox)$", s.parameters[0].Value)
}

func TestSessionsAreRefusedByName(t *testing.T) {
	sessions, err := typeByName("sessions")
	require.NoError(t, err)
	settings := Settings{SessionRole: "Editor"}
	require.NoError(t, Caller{SessionLevel: true}.mayAsk(sessions, settings))
	require.ErrorContains(t, Caller{Role: "Viewer"}.mayAsk(sessions, settings),
		"role Viewer is below the data source's sessionRole (Editor)")
	require.ErrorContains(t, Caller{}.mayAsk(sessions, settings), "sessionRole")
	require.ErrorContains(t, Caller{Role: "Admin", FromAlert: true}.mayAsk(sessions, settings), "idsInAlerts")

	vitals, err := typeByName("vitals")
	require.NoError(t, err)
	require.NoError(t, Caller{}.mayAsk(vitals, settings))
}
