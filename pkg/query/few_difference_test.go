package query

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// least is what the crowd's Viewers are told of.
const leastOfCrowd = 60

func crowdWithLeast(t *testing.T) (*fewCrowd, window) {
	c := newFewCrowd(t, 77)
	c.runner.Settings.MinViews = leastOfCrowd
	return c, window{c.now.Add(-7 * time.Hour), c.now}
}

// everybodyAsks is the answer of somebody who may see every segment, for comparison.
func (c *fewCrowd) everybodyAsks(query string, w window) []map[string]any {
	allowed := everyone
	allowed.SmallSegments = true
	got := c.runner.Answer(c.t.Context(), allowed, c.asked(query, w))
	require.NoError(c.t, got.Error, query)
	return rowsOf(got.Frames[0])
}

func (c *fewCrowd) viewerSees(t *testing.T, query string, w window) []map[string]any {
	t.Helper()
	got := c.viewerAsks(query, w)
	require.NoError(t, got.Error, query)
	return rowsOf(got.Frames[0])
}

func sumOf(rows []map[string]any, column string) (sum float64) {
	for _, row := range rows {
		switch n := row[column].(type) {
		case int64:
			sum += float64(n)
		case float64:
			sum += n
		}
	}
	return sum
}

func TestWhatIsShownTakenFromTheWholeLeavesNobodyAlone(t *testing.T) {
	c, w := crowdWithLeast(t)
	for _, asked := range []struct{ json, column string }{
		{`"queryType":"vitals","metric":"lcp","format":"table"`, "samples"},
		{`"queryType":"pages","format":"table"`, "views"},
		{`"queryType":"requests","format":"table"`, "count"},
		{`"queryType":"errors"`, "count"},
		{`"queryType":"actions","format":"table"`, "count"},
	} {
		for _, by := range []string{"browser", "country", "device", "release", "route"} {
			query := fmt.Sprintf(`{%s,"app":"crowd","groupBy":[%q],"limit":1000}`, asked.json, by)
			whole, shown := c.everybodyAsks(query, w), c.viewerSees(t, query, w)
			require.Positive(t, sumOf(whole, asked.column), query)
			require.InDelta(t, sumOf(whole, asked.column), sumOf(shown, asked.column), 1e-6, "%s: nothing is lost", query)
			require.Less(t, len(shown), len(whole)+1)
			for _, row := range shown {
				require.GreaterOrEqual(t, sumOf([]map[string]any{row}, asked.column), float64(leastOfCrowd), query)
			}
		}
	}
}

func TestFiltersDoNotTellRareValuesApart(t *testing.T) {
	c, w := crowdWithLeast(t)
	rare := crowdValues["country"][len(crowdValues["country"])-1]
	n := c.within(w, like(map[string]string{"country": rare}))
	require.Less(t, n, uint64(leastOfCrowd))
	require.Positive(t, n)
	views := func(filters string) []map[string]any {
		return c.viewerSees(t, `{"queryType":"pages","format":"table","app":"crowd","filters":`+filters+`}`, w)
	}
	all := views(`[]`)
	require.Equal(t, all, views(`[{"key":"country","operator":"!=","values":["`+rare+`"]}]`))
	require.Equal(t, all, views(`[{"key":"country","operator":"!~","values":["V.|S."]}]`), "SM and VA")
	require.Empty(t, views(`[{"key":"country","operator":"=","values":["`+rare+`"]}]`))
	require.Equal(t, views(`[{"key":"country","operator":"=","values":["DE"]}]`),
		views(`[{"key":"country","operator":"=","values":["DE","`+rare+`"]}]`))
	require.Equal(t, views(`[{"key":"country","operator":"=","values":["DE"]}]`),
		views(`[{"key":"country","operator":"=~","values":["DE|`+rare+`"]}]`))

	// What is left of the other browsers once Chrome, Safari and so on are named is not taken away either.
	common := slices.DeleteFunc(slices.Clone(crowdValues["country"]), func(country string) bool {
		return c.within(w, like(map[string]string{"country": country})) < leastOfCrowd
	})
	others := c.within(w, func(p plantedView) bool { return !slices.Contains(common, p.of["country"]) })
	got := c.viewerAsks(fmt.Sprintf(`{"queryType":"vitalsOverview","app":"crowd","filters":[{"key":"country","values":%s}]}`,
		jsonOf(common)), w)
	require.NoError(t, got.Error)
	if others < leastOfCrowd {
		require.Contains(t, got.Frames[0].Meta.Notices[0].Text, "The filter on country is not applied")
	} else {
		require.NotContains(t, jsonOf(got.Frames[0].Meta.Notices), "is not applied")
	}
}

func TestAFilterThatTakesAwayTooFewIsNotApplied(t *testing.T) {
	c, w := crowdWithLeast(t)
	require.Less(t, c.within(w, like(map[string]string{"device": "tv"})), uint64(220))
	require.Greater(t, c.within(w, like(map[string]string{"device": "tablet"})), uint64(220))
	c.runner.Settings.MinViews = 220
	query := func(filters string) string {
		return `{"queryType":"pages","format":"table","app":"crowd","filters":` + filters + `}`
	}
	got := c.viewerAsks(query(`[{"key":"device","values":["desktop","mobile","tablet"]}]`), w)
	require.NoError(t, got.Error)
	require.Equal(t, c.viewerSees(t, query(`[]`), w), rowsOf(got.Frames[0]))
	require.Contains(t, jsonOf(got.Frames[0].Meta.Notices), "The filter on device is not applied: it takes away fewer than 220")
}

func TestSeriesLeaveOutPointsThatTheirSumWouldTell(t *testing.T) {
	q := question{few: 10}
	require.Equal(t, map[int64]bool{3: true, 4: true}, q.fewSteps([]stepViews{{1, 50}, {2, 0}, {3, 4}, {4, 12}, {5, 13}}))
	require.Equal(t, map[int64]bool{3: true, 4: true}, q.fewSteps([]stepViews{{1, 50}, {2, 0}, {3, 4}, {4, 6}, {5, 13}}))
	require.Empty(t, q.fewSteps([]stepViews{{1, 50}, {2, 0}}))
}

func TestTheSmallestSegmentJoinsThoseThatAreTooFewTogether(t *testing.T) {
	q := question{few: 10}
	large := []sideViews{{1, []uint64{90, 90}}, {2, []uint64{20, 0}}, {3, []uint64{30, 15}}}
	for name, c := range map[string]struct {
		rest   []uint64
		kept   []uint64
		enough bool
	}{
		"enough":      {[]uint64{10, 0}, []uint64{1, 2, 3}, true},
		"none":        {[]uint64{0, 0}, []uint64{1, 2, 3}, true},
		"few now":     {[]uint64{4, 0}, []uint64{1, 3}, true},
		"few before":  {[]uint64{12, 4}, []uint64{1, 2}, true},
		"few in both": {[]uint64{4, 4}, []uint64{1}, true},
	} {
		t.Run(name, func(t *testing.T) {
			kept, enough := q.joinRest(slices.Clone(large), c.rest)
			require.Equal(t, c.kept, hashesOf(kept))
			require.Equal(t, c.enough, enough)
		})
	}
	kept, enough := q.joinRest([]sideViews{{1, []uint64{90, 0}}}, []uint64{0, 3})
	require.Equal(t, []uint64{1}, hashesOf(kept), "nobody was there to be joined")
	require.False(t, enough)
}

func TestJourneysTellOfManySessions(t *testing.T) {
	c, w := crowdWithLeast(t)
	sessions := func(of map[string]string) int {
		entered := map[string]bool{}
		for _, p := range c.views {
			if p.of["route"] == "/" && like(of)(p) {
				entered[p.session] = true
			}
		}
		return len(entered)
	}
	rows := c.viewerSees(t, `{"queryType":"journeys","app":"crowd","journey":"buy","groupBy":["browser"]}`, w)
	shown := map[string]bool{}
	withoutNumbers := 0
	for _, row := range rows {
		browser := row["browser"].(string)
		if row["step"].(int64) == 1 {
			require.GreaterOrEqual(t, row["samples"], int64(leastOfCrowd))
			if browser != fewName {
				require.EqualValues(t, sessions(map[string]string{"browser": browser}), row["samples"])
			}
			shown[browser] = true
		}
		if row["samples"] == nil {
			withoutNumbers++
			require.Nil(t, row["entered"])
			require.Nil(t, row["completed"])
			require.Nil(t, row["completionRate"])
		}
		if row["completed"] == nil {
			require.Nil(t, row["abandoned"], "which would tell it")
		}
	}
	require.Positive(t, withoutNumbers)
	require.Contains(t, shown, fewName)
	require.NotContains(t, shown, "Lynx")
	whole := c.viewerSees(t, `{"queryType":"journeys","app":"crowd","journey":"buy"}`, w)
	require.EqualValues(t, sessions(nil), whole[0]["samples"])

	require.Empty(t, c.viewerSees(t, `{"queryType":"journeys","app":"crowd","journey":"buy","filters":[{"key":"browser",
		"values":["Lynx"]}]}`, w))
	for _, section := range []string{"steps", "differences"} {
		got := c.viewerAsks(`{"queryType":"journeys","app":"crowd","section":"`+section+`"}`, w)
		require.NoError(t, got.Error)
		for _, row := range rowsOf(got.Frames[0]) {
			if row["abandoned"] != nil && section == "differences" {
				require.GreaterOrEqual(t, row["abandoned"], int64(leastOfCrowd))
			}
		}
	}
	got := c.viewerAsks(`{"queryType":"journeys","app":"crowd","format":"timeseries","metric":"entered"}`, w)
	require.NoError(t, got.Error)
	for _, frame := range got.Frames {
		for _, row := range rowsOf(frame) {
			if n, told := row["entered"].(float64); told && n > 0 {
				require.GreaterOrEqual(t, n, float64(leastOfCrowd))
			}
		}
	}
}

func TestVariablesListWhatManyHave(t *testing.T) {
	c, w := crowdWithLeast(t)
	for _, filter := range []string{"", `,"filters":[{"key":"browser","values":["Safari"]}]`, `,"filters":[{"key":"browser","values":["Lynx"]}]`} {
		listed := map[string]bool{}
		for _, row := range c.viewerSees(t, `{"queryType":"variable","app":"crowd","dimension":"country"`+filter+`}`, w) {
			for _, value := range row {
				listed[value.(string)] = true
			}
		}
		want := map[string]bool{}
		for _, country := range crowdValues["country"] {
			of := map[string]string{"country": country}
			if filter != "" {
				of["browser"] = strings.Split(filter, `"`)[9]
			}
			if c.within(w, like(of)) >= leastOfCrowd {
				want[country] = true
			}
		}
		require.Equal(t, slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(listed)), filter)
	}
}

// Without minViews, too, what was executed names nobody to those who may not see it.
func TestWhatWasExecutedNamesNoSession(t *testing.T) {
	c, w := crowdWithLeast(t)
	c.runner.Settings.MinViews = 0
	for _, kind := range []string{"errors", "evidence", "errorBursts", "releases", "impact"} {
		got := c.viewerAsks(`{"queryType":"`+kind+`","app":"crowd"}`, w)
		require.NoError(t, got.Error)
		require.NotContains(t, jsonOf(got.Frames), "visitor-", kind)
	}
}
