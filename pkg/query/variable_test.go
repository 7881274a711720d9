package query

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func values(t *testing.T, dimension string, more ...string) []string {
	t.Helper()
	got := frames(t, `{"queryType":"variable","dimension":"`+dimension+`"`+strings.Join(more, "")+`}`, whole())
	require.Len(t, got, 1)
	require.Len(t, got[0].Fields, 1, "a template variable takes a single column")
	var all []string
	for _, row := range rowsOf(got[0]) {
		all = append(all, row["value"].(string))
	}
	return all
}

func TestVariables(t *testing.T) {
	require.ElementsMatch(t, routes, values(t, "route"))
	require.ElementsMatch(t, []string{"DE", "GB"}, values(t, "country"), "an unknown country is no choice")
	require.ElementsMatch(t, []string{"shop", "blog"}, values(t, "app"))
	require.ElementsMatch(t, []string{"production", "staging"}, values(t, "environment"))
	require.Equal(t, []string{"1.1.0", "1.0.0"}, values(t, "release"), "newest first")
	require.ElementsMatch(t, []string{"real", "bot", "synthetic"}, values(t, "traffic"))
	require.ElementsMatch(t, []string{"group-0", "group-1", "group-2"}, values(t, "fingerprint"))
	require.Equal(t, []string{"api.shop"}, values(t, "host"))
	require.Equal(t, []string{"5xx"}, values(t, "statusClass"))
	require.Equal(t, append(metricKeys(), "hero"), values(t, "metric"))
	require.Equal(t, []string{"Chrome"}, values(t, "browser", `,"filters":[{"key":"browser","values":["Chrome"]}]`))
	require.Len(t, values(t, "route", `,"limit":2`), 2)
}

func TestAVariableListsTheValuesOfTheQuestionTheyAreFor(t *testing.T) {
	for _, of := range queryTypes {
		from := tableRequests // where "kind" is looked for first, for questions that do not have it
		if of.table == tableActions {
			from = tableActions
		}
		answer := frames(t, jsonOf(map[string]string{"queryType": "variable", "dimension": "kind", "of": of.name}), whole())
		require.Contains(t, answer[0].Meta.ExecutedQueryString, "FROM "+string(from)+"\n", "of %s", of.name)
	}
}

func TestEveryDimensionHasAColumn(t *testing.T) {
	for _, key := range variableKeys() {
		frames(t, jsonOf(map[string]string{"queryType": "variable", "dimension": key}), whole())
	}
	for queryType, t2 := range map[string]table{"vitals": tableVitals, "errors": tableErrors} {
		for _, d := range dimensionsOf(t2) {
			frames(t, jsonOf(map[string]any{"queryType": queryType, "groupBy": d.key, "format": "table"}), whole())
		}
	}
	for _, d := range ofSessions {
		frames(t, jsonOf(map[string]any{"queryType": "sessions",
			"filters": []any{map[string]any{"key": d.key, "operator": "!=", "values": []string{"x"}}}}), whole())
	}
}

func TestAVariableOffersOnlyAllowedApps(t *testing.T) {
	limited := *runner
	limited.Settings.Apps = []string{"blog"}
	got := limited.Answer(t.Context(), everyone, asking(`{"queryType":"variable","dimension":"app"}`))
	require.NoError(t, got.Error)
	for _, row := range rowsOf(got.Frames[0]) {
		require.Equal(t, "blog", row["value"])
	}
}
