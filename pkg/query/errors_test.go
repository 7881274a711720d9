package query

import (
	"cmp"
	"slices"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/rum"
)

func realErrors(e event) bool {
	return e.within("shop", "production") && e.dimensions["traffic"] == rum.TrafficReal
}

// counted is how many errors and sessions the events stand for.
func counted(events []event) (count, sessions float64) {
	seen := map[string]bool{}
	for _, e := range events {
		count += float64(e.weight) / rum.FullWeight
		if !seen[e.session] {
			sessions += float64(e.weight) / rum.FullWeight
			seen[e.session] = true
		}
	}
	return count, sessions
}

func TestErrorGroupsEqualTheNaiveComputation(t *testing.T) {
	got := frames(t, `{"queryType":"errors"}`)
	require.Len(t, got, 1)
	require.Equal(t, data.FrameTypeTable, got[0].Meta.Type)
	rows := rowsOf(got[0])
	segments, names := bySegment(kept(seeded.thrown(), day(), realErrors), "fingerprint")
	require.Len(t, rows, len(segments))
	require.True(t, slices.IsSortedFunc(rows, func(a, b map[string]any) int {
		return cmp.Compare(b["count"].(float64), a["count"].(float64))
	}))
	for _, row := range rows {
		i := slices.IndexFunc(names, func(name []string) bool { return name[0] == row["fingerprint"] })
		count, sessions := counted(segments[i])
		require.InDelta(t, count, row["count"], 1e-9)
		require.InDelta(t, sessions, row["sessions"], 1e-9)
		require.Equal(t, segments[i][0].dimensions["errorType"], row["errorType"])
		require.Contains(t, row["message"], "it's broken")
		require.Contains(t, row["stack"], "app.js")

		// A group's own first and last, whoever threw it and whenever that was.
		ever := kept(seeded.thrown(), whole(), func(e event) bool {
			return e.within("shop", "production") && e.dimensions["fingerprint"] == row["fingerprint"]
		})
		slices.SortFunc(ever, func(a, b event) int { return a.at.Compare(b.at) })
		require.Equal(t, ever[0].at, row["firstSeen"])
		require.Equal(t, ever[len(ever)-1].at, row["lastSeen"])
		require.Equal(t, ever[0].dimensions["release"], row["firstRelease"])
	}
}

func TestErrorsByAnythingElse(t *testing.T) {
	rows := rowsOf(frames(t, `{"queryType":"errors","groupBy":["route","errorType"]}`)[0])
	segments, names := bySegment(kept(seeded.thrown(), day(), realErrors), "route", "errorType")
	require.Len(t, rows, len(segments))
	for _, row := range rows {
		i := slices.IndexFunc(names, func(name []string) bool {
			return name[0] == row["route"] && name[1] == row["errorType"]
		})
		count, sessions := counted(segments[i])
		require.InDelta(t, count, row["count"], 1e-9)
		require.InDelta(t, sessions, row["sessions"], 1e-9)
		slices.SortFunc(segments[i], func(a, b event) int { return a.at.Compare(b.at) })
		require.Equal(t, segments[i][0].at, row["firstSeen"])
		require.NotContains(t, row, "firstRelease", "a route has no first release")
	}
}

func TestAnErrorGroupByRoute(t *testing.T) {
	rows := rowsOf(frames(t, `{"queryType":"errors","groupBy":["fingerprint","route"],
		"filters":[{"key":"errorType","values":["TypeError"]}]}`)[0])
	require.Len(t, rows, len(routes))
	for _, row := range rows {
		require.Equal(t, "group-0", row["fingerprint"])
		require.Equal(t, "TypeError", row["errorType"])
		require.NotEmpty(t, row["firstRelease"])
	}
}

func TestErrorsOverTimeAreZeroWhereNothingHappened(t *testing.T) {
	got := frames(t, `{"queryType":"errors","format":"timeseries","groupBy":["fingerprint"]}`, whole())
	segments, names := bySegment(kept(seeded.thrown(), whole(), realErrors), "fingerprint")
	require.Len(t, got, len(segments))
	zeros := 0
	for _, frame := range got {
		require.Equal(t, data.FrameTypeTimeSeriesMulti, frame.Meta.Type)
		require.Len(t, frame.Fields, 2)
		require.Equal(t, "count", frame.Fields[1].Name)
		require.Equal(t, 48, frame.Rows())
		i := slices.IndexFunc(names, func(name []string) bool { return name[0] == frame.Fields[1].Labels["fingerprint"] })
		for row := range frame.Rows() {
			at := frame.Fields[0].At(row).(time.Time)
			count, _ := counted(kept(segments[i], window{at, at.Add(time.Hour)}, func(event) bool { return true }))
			require.InDelta(t, count, frame.Fields[1].At(row), 1e-9)
			if count == 0 {
				zeros++
			}
		}
	}
	require.Positive(t, zeros)
}

func TestNoErrorsAreZeroErrors(t *testing.T) {
	got := frames(t, `{"queryType":"errors","format":"timeseries","filters":[{"key":"os","values":["BeOS"]}]}`)
	require.Len(t, got, 1)
	require.Equal(t, 24, got[0].Rows())
	for _, row := range rowsOf(got[0]) {
		require.Equal(t, 0.0, row["count"])
	}
	grouped := frames(t, `{"queryType":"errors","format":"timeseries","groupBy":["route"],
		"filters":[{"key":"os","values":["BeOS"]}]}`)
	require.Len(t, grouped, 1)
	require.Zero(t, grouped[0].Rows())
}
