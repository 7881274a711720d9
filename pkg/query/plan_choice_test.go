package query

import (
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/stretchr/testify/require"
)

// The planner takes a roll-up only when it knows all that is asked for, and of those the smallest.
func TestThePlannerPicks(t *testing.T) {
	shop := newRolledShop(t, seeded)
	pays(t, 0, 0)
	for query, from := range map[string][]string{
		`{"format":"table","groupBy":["route","device"]}`:                                    {"hist_1h_route_device"},
		`{"format":"numeric","groupBy":["release"]}`:                                         {"hist_1h_route_release"},
		`{"format":"distribution","filters":[{"key":"country","value":"DE"}]}`:               {"hist_1h_route_country"},
		`{"groupBy":["browser"],"filters":[{"key":"route","operator":"!~","value":"/c.*"}]}`: {"hist_1h_route_browser"},
		`{"metric":"hero","format":"table","groupBy":["environment"],"environment":"*"}`:     {"hist_1h_route_"},
		`{"queryType":"vitalsOverview","groupBy":["traffic","browser"]}`:                     {"hist_1h_route_browser"},
		`{"queryType":"requests","format":"table"}`:                                          {"hist_1h_endpoint_"},
		`{"queryType":"requests","groupBy":["host","method","route"]}`:                       {"hist_1h_endpoint_route"},
		`{"queryType":"requests","groupBy":["kind","release"]}`:                              {"hist_1h_endpoint_release"},
		`{"queryType":"errors","format":"timeseries","groupBy":["fingerprint","release"]}`:   {"errors_1m"},

		`{"format":"table","groupBy":["browser","device"]}`:                  nil, // in no roll-up together
		`{"groupBy":["browser"],"filters":[{"key":"country","value":"DE"}]}`: nil,
		`{"format":"table","groupBy":["os"]}`:                                nil,
		`{"queryType":"requests","groupBy":["statusClass"]}`:                 nil,
		`{"queryType":"requests","groupBy":["route","release"]}`:             nil,
		`{"queryType":"errors","format":"timeseries","groupBy":["route"]}`:   nil,
		`{"queryType":"errors"}`:                                             nil, // counts sessions
		`{"queryType":"pages","format":"table"}`:                             nil,
		`{"queryType":"impact"}`:                                             nil,
	} {
		asked := rolledQuestion{length: 48 * time.Hour}
		got := shop.askText(query, asked)
		require.NoError(t, got.Error, query)
		require.Equal(t, from != nil, fromRollUps(got), query)
		for _, table := range from {
			require.Contains(t, got.Frames[0].Meta.ExecutedQueryString, "FROM "+table, query)
		}
	}
}

// A window of a day is read from rows, as alert rules do; so is one of which a roll-up has too many cells.
func TestShortQuestionsAreReadFromRows(t *testing.T) {
	shop := newRolledShop(t, seeded)
	pays(t, 0, 0)
	got := shop.askText(`{"format":"numeric"}`, rolledQuestion{length: 24 * time.Hour})
	require.NoError(t, got.Error)
	require.NotContains(t, got.Frames[0].Meta.ExecutedQueryString, "hist_1h")

	pays(t, fewestRows, 1_000_000)
	got = shop.askText(`{"format":"numeric"}`, rolledQuestion{length: 48 * time.Hour})
	require.NoError(t, got.Error)
	require.False(t, fromRollUps(got), "it has more cells than pay")
}

// Hours that the roll-ups have not counted whole are read from rows, and telemetry tells of them.
func TestHoursBehindAreReadFromRows(t *testing.T) {
	shop := newRolledShop(t, seeded)
	pays(t, 0, 0)
	asked := rolledQuestion{length: 48 * time.Hour}
	whole := shop.askText(`{"format":"numeric"}`, asked)
	catchUp := shop.fallBehind(t, []int{5, 6, 30})
	behind := shop.askText(`{"format":"numeric"}`, asked)
	require.NoError(t, whole.Error)
	require.NoError(t, behind.Error)
	require.Contains(t, notices(whole), "(48 hours")
	require.Contains(t, notices(behind), "(45 hours")
	require.Contains(t, notices(behind), "for 3h0m0s")
	require.Equal(t, rowsOf(whole.Frames[0]), rowsOf(behind.Frames[0]))

	fresh := shop.askText(`{"queryType":"telemetry","section":"rollups"}`, asked)
	require.NoError(t, fresh.Error)
	for _, row := range rowsOf(fresh.Frames[0]) {
		require.EqualValues(t, 3, row["behind"], row)
		require.Equal(t, shop.hours.from.Add(5*time.Hour), row["upTo"])
		require.Less(t, row["covered"], 1.)
	}
	catchUp()
	fresh = shop.askText(`{"queryType":"telemetry","section":"rollups"}`, asked)
	require.NoError(t, fresh.Error)
	require.Len(t, rowsOf(fresh.Frames[0]), len(rollups))
	for _, row := range rowsOf(fresh.Frames[0]) {
		require.EqualValues(t, 0, row["behind"], row)
		require.Equal(t, 1., row["covered"])
	}
}

func notices(answer backend.DataResponse) string {
	var all []string
	for _, notice := range answer.Frames[0].Meta.Notices {
		all = append(all, notice.Text)
	}
	return strings.Join(all, "\n")
}
