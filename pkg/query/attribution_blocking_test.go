package query

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/query/stats"
)

// seenView is a view with an interaction in a browser that tells what blocks.
type seenView struct {
	glimpse
	blocked map[string]float64 // ms by script
	parties map[string]float64 // ms by party
}

func (k *kiosk) seenViews(w window) []seenView {
	blocked, parties := map[string]map[string]float64{}, map[string]map[string]float64{}
	for _, b := range k.first {
		for _, s := range b.Blocking {
			view := b.Context.SessionID + s.ViewID
			if blocked[view] == nil {
				blocked[view], parties[view] = map[string]float64{}, map[string]float64{}
			}
			party := "first"
			if s.ThirdParty {
				party = "third"
			}
			blocked[view][s.ScriptURL] += float64(s.Blocking)
			parties[view][party] += float64(s.Blocking)
		}
	}
	var seen []seenView
	for _, g := range k.glimpses(w, "inp") {
		if g.dimensions["browser"] == "Chrome" {
			seen = append(seen, seenView{g, blocked[g.view], parties[g.view]})
		}
	}
	return seen
}

func TestBlockingScriptsEqualTheNaiveComputation(t *testing.T) {
	k := openKiosk(t)
	before, after := kioskDays()
	weight := func(v seenView) uint32 { return v.weight }
	for _, c := range []struct{ groupBy, segment []string }{
		{nil, []string{"route"}}, {[]string{"script"}, nil}, {[]string{"device", "script"}, []string{"device"}},
		{[]string{"party"}, nil}, {[]string{"element", "script"}, []string{"element"}},
	} {
		t.Run(fmt.Sprint(c.groupBy), func(t *testing.T) {
			cause := "script"
			if slices.Contains(c.groupBy, "party") {
				cause = "party"
			}
			rows := rowsOf(frames(t, jsonOf(map[string]any{"queryType": "attribution", "app": "kiosk", "metric": "blocking",
				"groupBy": c.groupBy, "minSamples": 12, "compare": "previous", "limit": 1000}), after)[0])
			of := func(v seenView) map[string]string { return v.dimensions }
			segments := segmented(k.seenViews(after), c.segment, of)
			earlier := segmented(k.seenViews(before), c.segment, of)
			inp := k.glimpses(after, "inp")
			allPoor := weightOf(inp, func(g glimpse) uint32 { return g.weight }, glimpse.poor)
			expected := 0
			for _, views := range segments {
				expected += len(exposuresOf(views, cause))
			}
			require.Len(t, rows, expected)
			for _, row := range rows {
				views := segments[nameOf(row, c.segment)]
				ms := exposuresOf(views, cause)[row[cause].(string)]
				with := func(v seenView) bool { return exposed(v, cause, row[cause].(string)) }
				poorWith := weightOf(views, weight, func(v seenView) bool { return with(v) && v.poor() })
				withAll, all := weightOf(views, weight, with), weightOf(views, weight, func(seenView) bool { return true })
				poor := weightOf(views, weight, func(v seenView) bool { return v.poor() })
				good := weightOf(views, weight, func(v seenView) bool { return v.Value <= 200 })
				goodWith := weightOf(views, weight, func(v seenView) bool { return with(v) && v.Value <= 200 })
				require.EqualValues(t, len(ms), row["samples"])
				require.InDelta(t, withAll/1000, row["views"], 1e-9)
				if poor > 0 {
					require.InDelta(t, poorWith/poor, row["inPoor"], 1e-12)
				}
				require.InDelta(t, goodWith/good, row["inGood"], 1e-12)
				require.InDelta(t, row["poorViews"].(float64)*1000/allPoor, row["responsibility"], 1e-12)
				if row["todo"] != "" {
					beyond := poorWith - withAll*(poor-poorWith)/(all-withAll)
					require.InDelta(t, beyond/1000, row["poorViews"], 1e-9, "as many as are more than without it")
				} else {
					require.Zero(t, row["poorViews"])
				}
				if len(ms) >= 12 {
					require.InDelta(t, stats.Percentile(ms, 0.75), row["value"], 1e-9)
					require.InDelta(t, poorWith/withAll, row["poor"], 1e-12)
					if was := exposuresOf(earlier[nameOf(row, c.segment)], cause)[row[cause].(string)]; len(was) >= 12 {
						require.InDelta(t, stats.Percentile(ms, 0.75)/stats.Percentile(was, 0.75)-1, row["change"], 1e-9)
					} else {
						require.Nil(t, row["change"])
					}
				}
			}
		})
	}
}

func exposed(v seenView, cause, name string) bool {
	of := v.blocked
	if cause == "party" {
		of = v.parties
	}
	_, ok := of[name]
	return ok
}

// exposuresOf are how long each script (or party) blocked each view.
func exposuresOf(views []seenView, cause string) map[string][]stats.Sample {
	all := map[string][]stats.Sample{}
	for _, v := range views {
		of := v.blocked
		if cause == "party" {
			of = v.parties
		}
		for name, ms := range of {
			all[name] = append(all[name], stats.Sample{Value: ms, Weight: v.weight})
		}
	}
	return all
}

func TestABlockingScriptIsBlamedForWhatItCausedAndNoOtherIs(t *testing.T) {
	k := openKiosk(t)
	before, after := kioskDays()
	ask := `{"queryType":"attribution","app":"kiosk","metric":"blocking","groupBy":["script"]}`
	rows := rowsOf(frames(t, ask, after)[0])
	require.Len(t, rows, 3)
	require.Equal(t, guiltyScript, rows[0]["script"])
	require.Equal(t, "third", rows[0]["party"])
	require.Equal(t, "TimerHandler", rows[0]["invoker"])
	require.Contains(t, rows[0]["todo"], "third party: load it later")
	require.Greater(t, rows[0]["lift"], 2.0)
	caused, poor := 0.0, 0.0
	for _, g := range k.glimpses(after, "inp") {
		if g.poor() {
			poor += float64(g.weight)
			if k.caused[g.view] {
				caused += float64(g.weight)
			}
		}
	}
	require.InDelta(t, caused/poor, rows[0]["responsibility"], 0.05, "within 5 points of what was planted")
	for _, row := range rows[1:] {
		require.Zero(t, row["responsibility"], row["script"])
		require.Empty(t, row["todo"])
	}
	everywhere := rows[slices.IndexFunc(rows, func(r map[string]any) bool { return r["script"] == everywhereScript })]
	require.EqualValues(t, 1, everywhere["inPoor"], "it blocks in every poor view")
	require.EqualValues(t, 1, everywhere["inGood"], "and in every good one")
	require.InDelta(t, 1, everywhere["lift"], 0.01)

	for _, row := range rowsOf(frames(t, ask, before)[0]) {
		require.Zero(t, row["responsibility"], "no culprit is named for nothing: %s", row["script"])
	}
	notices := frames(t, ask, after)[0].Meta.Notices
	require.Len(t, notices, 1)
	require.Contains(t, notices[0].Text, "Not every browser tells which scripts block")
}
