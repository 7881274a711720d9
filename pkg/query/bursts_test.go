package query

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/query/stats"
	"github.com/sightline-rum/sightline/pkg/rum"
)

// hours is a time range of the till that ends when somebody asks.
func hours(n float64) window {
	return window{till.now.Add(-time.Duration(n * float64(time.Hour))), till.now}
}

func byFingerprint(frame *data.Frame) map[string]map[string]any {
	rows := map[string]map[string]any{}
	for _, row := range rowsOf(frame) {
		rows[row["fingerprint"].(string)] = row
	}
	return rows
}

// within are a group's errors between two moments, and the weight and the sessions of them.
func within(group string, from, to time.Time) (weight float64, sessions int) {
	return amongst(till.met(group, "production"), from, to)
}

func amongst(events []event, from, to time.Time) (weight float64, sessions int) {
	seen := map[string]bool{}
	for _, e := range events {
		if !e.at.Before(from) && e.at.Before(to) {
			weight += float64(e.weight) / rum.FullWeight
			seen[e.session] = true
		}
	}
	return weight, len(seen)
}

const window5 = 5 * time.Minute

// naiveHistory counts what came before the last window as the documentation says: the same time on seven days before,
// an hour of it each day, and 24 hours that end an hour before the window.
func naiveHistory(group string) stats.History {
	h := stats.History{Window: window5, Gap: time.Hour}
	start := till.now.Add(-window5)
	read := window{till.now.Add(-2173 * window5), till.now}
	events := kept(till.met(group, "production"), read, func(event) bool { return true })
	var weights, squares float64
	for _, e := range events {
		weights += float64(e.weight)
		squares += float64(e.weight) * float64(e.weight)
	}
	h.Weight = squares / weights / rum.FullWeight
	for at := start.Add(-25 * time.Hour); at.Before(start.Add(-time.Hour)); at = at.Add(window5) {
		count, _ := amongst(events, at, at.Add(window5))
		h.Recent = append(h.Recent, count)
	}
	for d := 1; d <= 7; d++ {
		from := start.Add(-time.Duration(d)*24*time.Hour - 30*time.Minute)
		if from.Before(events[0].at.Truncate(window5)) {
			continue
		}
		var hour []float64
		for at := from; at.Before(from.Add(time.Hour)); at = at.Add(window5) {
			count, _ := amongst(events, at, at.Add(window5))
			hour = append(hour, count)
		}
		h.SameHour = append(h.SameHour, hour)
	}
	return h
}

func TestPlantedBurstsAreFoundAndNothingElse(t *testing.T) {
	got := frames(t, `{"queryType":"errorBursts","app":"till"}`, hours(1))
	require.Len(t, got, 1)
	require.Equal(t, data.FrameTypeTable, got[0].Meta.Type)
	rows := byFingerprint(got[0])
	require.Len(t, rows, 3, "%v", rows)
	for group, kind := range map[string]string{newGroup: "new", regressedGroup: "regressed", surgingGroup: "surging"} {
		row := rows[group]
		require.Equal(t, kind, row["kind"], group)
		observed, sessions := within(group, till.now.Add(-window5), till.now)
		require.InDelta(t, observed, row["observed"], 1e-9, group)
		require.GreaterOrEqual(t, sessions, 2)
		require.InDelta(t, row["observed"].(float64)/row["expected"].(float64), row["ratio"], 1e-9)
		require.Equal(t, "TypeError", row["errorType"])
		require.Equal(t, "no "+group+", sorry", row["message"])
		require.Nil(t, row["end"], "%s goes on", group)
	}
}

func TestBurstNumbersEqualTheNaiveComputation(t *testing.T) {
	rows := byFingerprint(frames(t, `{"queryType":"errorBursts","app":"till"}`, hours(1))[0])
	observed, sessions := within(surgingGroup, till.now.Add(-window5), till.now)
	expected := naiveHistory(surgingGroup).Expect()
	require.Equal(t, stats.SameHour, expected.Baseline)
	want := expected.Test(observed, sessions)
	require.InDelta(t, want.Expected, rows[surgingGroup]["expected"], 1e-6)
	require.Equal(t, "sameHour", rows[surgingGroup]["baseline"])
	require.InDelta(t, want.Score, rows[surgingGroup]["score"], 1e-6)
	require.Greater(t, rows[surgingGroup]["score"], stats.BurstScore)

	// Of the other two the baseline knows nothing: the rule of three over a day of windows.
	for _, group := range []string{newGroup, regressedGroup} {
		h := naiveHistory(group)
		h.SameHour = nil
		for i := range h.Recent {
			h.Recent[i] = 0
		}
		observed, sessions := within(group, till.now.Add(-window5), till.now)
		want := h.Expect().Test(observed, sessions)
		require.Equal(t, "sparse", rows[group]["baseline"], group)
		require.InDelta(t, want.Expected, rows[group]["expected"], 1e-9, group)
		require.InDelta(t, want.Score, rows[group]["score"], 1e-6, group)
	}
}

func TestOnsetsAreWithinABucketOfTheTruth(t *testing.T) {
	rows := byFingerprint(frames(t, `{"queryType":"errorBursts","app":"till"}`, hours(0.1))[0])
	for group, ago := range map[string]time.Duration{
		newGroup: tillNew, regressedGroup: tillBack, surgingGroup: tillSurge,
	} {
		onset := rows[group]["onset"].(time.Time)
		require.LessOrEqual(t, onset.Sub(till.now.Add(-ago)).Abs(), time.Minute, "%s: %s", group, onset)
		count, sessions := within(group, onset, till.now)
		require.InDelta(t, count, rows[group]["count"], 1e-9, group)
		require.GreaterOrEqual(t, rows[group]["sessions"], float64(sessions), "weights are 1 or more")
	}
	first := till.met(newGroup, "production")[0].at
	require.Equal(t, first, rows[newGroup]["firstSeen"])
}

func TestAffectedSessionsAreCountedByWeight(t *testing.T) {
	for group, row := range byFingerprint(frames(t, `{"queryType":"errorBursts","app":"till"}`, hours(1))[0]) {
		var want float64
		for _, e := range till.met(group, "production") { // a session meets one error here
			if !e.at.Before(row["onset"].(time.Time)) {
				want += float64(e.weight) / rum.FullWeight
			}
		}
		require.InDelta(t, want, row["sessions"], 1e-9, group)
	}
}

func TestABurstSaysWhatItsSessionsHaveInCommon(t *testing.T) {
	rows := byFingerprint(frames(t, `{"queryType":"errorBursts","app":"till"}`, hours(1))[0])
	require.Equal(t, newTill, rows[surgingGroup]["release"], "it went out just before")
	require.Equal(t, "/pay", rows[surgingGroup]["routes"])
	require.Contains(t, rows[surgingGroup]["segments"], "browser Firefox (")
	require.NotContains(t, rows[surgingGroup]["segments"], "Chrome")
	require.Empty(t, rows[regressedGroup]["routes"], "it is met everywhere")
	require.Empty(t, rows[regressedGroup]["segments"])
	require.Equal(t, oldTill, rows[newGroup]["firstRelease"])
}

func TestABurstHasASessionAndATraceOfIt(t *testing.T) {
	for group, row := range byFingerprint(frames(t, `{"queryType":"errorBursts","app":"till"}`, hours(1))[0]) {
		found := false
		for _, b := range till.beacons {
			if b.Context.SessionID != row["sessionId"] {
				continue
			}
			found = true
			require.Equal(t, group, b.Errors[0].Fingerprint)
			require.Equal(t, b.Requests[1].TraceID, row["traceId"], "of its failed request, or the last")
			require.Equal(t, till.now.Add(-time.Minute).UnixMilli() < b.Errors[0].TS, true, "the latest")
		}
		require.True(t, found, group)
	}
	hidden := ask(t, Caller{Role: "Viewer"}, `{"queryType":"errorBursts","app":"till"}`, hours(1))
	require.NoError(t, hidden.Error)
	require.Equal(t, 3, hidden.Frames[0].Rows())
	require.NotContains(t, jsonOf(hidden.Frames[0].Fields), "till-0")
}

func TestOneVisitorsLoopIsNoBurst(t *testing.T) {
	count, sessions := within(loopGroup, till.now.Add(-window5), till.now)
	require.Greater(t, count, 50.0)
	require.Equal(t, 1, sessions)
	require.NotContains(t, byFingerprint(frames(t, `{"queryType":"errorBursts","app":"till"}`, hours(1))[0]), loopGroup)
}

func TestBurstsOfOtherEnvironmentsAndOfBotsStayApart(t *testing.T) {
	staging := byFingerprint(frames(t, `{"queryType":"errorBursts","app":"till","environment":"staging"}`, hours(1))[0])
	require.Len(t, staging, 1)
	require.Equal(t, "new", staging[stagingGroup]["kind"])
	bots := byFingerprint(frames(t, `{"queryType":"errorBursts","app":"till",
		"filters":[{"key":"traffic","values":["bot"]}]}`, hours(1))[0])
	require.Len(t, bots, 1)
	require.Contains(t, bots, botGroup)
}

func TestBurstsBySegment(t *testing.T) {
	rows := rowsOf(frames(t, `{"queryType":"errorBursts","app":"till","groupBy":["browser"],
		"filters":[{"key":"fingerprint","values":["surging","usual"]}]}`, hours(1))[0])
	require.Len(t, rows, 1)
	require.Equal(t, "Firefox", rows[0]["browser"])
	require.Equal(t, surgingGroup, rows[0]["fingerprint"])
}

// Not a window of any group but the planted ones is a burst.
func TestAnnotationsAreTheBurstsFromOnsetToEnd(t *testing.T) {
	got := frames(t, `{"queryType":"errorBursts","app":"till","format":"annotations"}`, hours(24))
	require.Equal(t, data.FrameTypeTable, got[0].Meta.Type)
	rows := rowsOf(got[0])
	found := map[string]map[string]any{}
	for _, row := range rows {
		require.IsType(t, time.Time{}, row["time"])
		require.IsType(t, time.Time{}, row["timeEnd"])
		found[strings.Split(row["tags"].(string), ",")[1]] = row
	}
	require.Len(t, rows, 4, "%v", rows)
	past := found[pastGroup]
	require.Equal(t, "Surging: TypeError", past["title"])
	require.LessOrEqual(t, past["time"].(time.Time).Sub(till.now.Add(-tillPast)).Abs(), time.Minute)
	require.LessOrEqual(t, past["timeEnd"].(time.Time).Sub(till.now.Add(-tillPast+pastLasted)).Abs(), time.Minute)
	require.NotContains(t, past["text"], "going on")
	for group, title := range map[string]string{newGroup: "New", regressedGroup: "Back", surgingGroup: "Surging"} {
		require.Equal(t, title+": TypeError", found[group]["title"])
		require.Equal(t, till.now, found[group]["timeEnd"], "it goes on")
		require.Contains(t, found[group]["text"], "going on")
	}
	for i := 1; i < len(rows); i++ {
		require.False(t, rows[i]["time"].(time.Time).Before(rows[i-1]["time"].(time.Time)), "in order")
	}
}

func TestWhatAlertRulesGetOfBursts(t *testing.T) {
	got := frames(t, `{"queryType":"errorBursts","app":"till","format":"numeric"}`, hours(0.1))
	require.Len(t, got, 1)
	require.Equal(t, data.FrameTypeNumericLong, got[0].Meta.Type)
	require.Len(t, got[0].Fields, 2, "the labels of an alert are the group and nothing that changes")
	checkFrame(t, got[0])
	rows := byFingerprint(got[0])
	for _, group := range []string{newGroup, regressedGroup, surgingGroup} {
		count, _ := within(group, till.now.Add(-window5), till.now)
		require.InDelta(t, count, rows[group]["observed"], 1e-9)
	}
	require.Equal(t, 0.0, rows[usualGroup]["observed"], "a group without a burst is a real 0")
	require.NotContains(t, rows, loopGroup)
}

func TestNoErrorsAreNoBurstAndNotNoData(t *testing.T) {
	for _, format := range []string{"numeric", "timeseries"} {
		got := frames(t, `{"queryType":"errorBursts","app":"till","groupBy":["route"],"format":"`+format+`",
			"filters":[{"key":"os","values":["BeOS"]}]}`, hours(1))
		require.Len(t, got, 1)
		require.Positive(t, got[0].Rows())
		checkFrame(t, got[0])
		for _, row := range rowsOf(got[0]) {
			require.Equal(t, 0.0, row["observed"])
		}
	}
	lost := frames(t, `{"queryType":"errorBursts","app":"tll","format":"numeric"}`, hours(1))
	require.Equal(t, 1, lost[0].Rows())
	require.Contains(t, lost[0].Meta.Notices[0].Text, "did you mean 'till'?")
}

func TestBurstsOverTime(t *testing.T) {
	got := frames(t, `{"queryType":"errorBursts","app":"till","format":"timeseries"}`, hours(4))
	found := map[string]*data.Frame{}
	for _, frame := range got {
		require.Equal(t, data.FrameTypeTimeSeriesMulti, frame.Meta.Type)
		checkFrame(t, frame)
		require.Equal(t, 48, frame.Rows())
		require.Equal(t, till.now.Add(-window5), frame.Fields[0].At(47))
		found[frame.Fields[1].Labels["fingerprint"]] = frame
	}
	for group, ago := range map[string]time.Duration{newGroup: tillNew, surgingGroup: tillSurge} {
		for i := range 48 {
			at := found[group].Fields[0].At(i).(time.Time)
			count, _ := within(group, at, at.Add(window5))
			switch value := found[group].Fields[1].At(i); {
			case at.Add(window5).Before(till.now.Add(-ago - window5)):
				require.Equal(t, 0.0, value)
			case at.After(till.now.Add(-ago)):
				require.InDelta(t, count, value, 1e-9)
			}
		}
	}
	for i := range 48 {
		require.Equal(t, 0.0, found[usualGroup].Fields[1].At(i))
	}
}

// An alert rule asks every minute: whenever that is, the burst is there from its first windows on, and never before.
func TestAnAlertRuleSeesTheBurstMinuteByMinute(t *testing.T) {
	for _, seconds := range []int{0, 1, 59} {
		for minutes := -tillSurge.Minutes() - 3; minutes < 0; minutes += 4 {
			at := till.now.Add(time.Duration(minutes)*time.Minute + time.Duration(seconds)*time.Second)
			rows := byFingerprint(frames(t, `{"queryType":"errorBursts","app":"till","format":"numeric"}`,
				window{at.Add(-time.Minute), at})[0])
			to := at.Truncate(time.Minute)
			count, _ := within(surgingGroup, to.Add(-window5), to)
			switch observed := rows[surgingGroup]["observed"]; {
			case to.Sub(till.now.Add(-tillSurge)) >= 3*time.Minute:
				require.InDelta(t, count, observed, 1e-9, "%s", at)
			case !to.After(till.now.Add(-tillSurge)):
				require.Equal(t, 0.0, observed, "%s", at)
			}
		}
	}
}

func TestABurstEndsWhenItIsOver(t *testing.T) {
	over := till.now.Add(-tillPast + pastLasted)
	during := byFingerprint(frames(t, `{"queryType":"errorBursts","app":"till"}`, window{over.Add(-time.Hour), over})[0])
	require.Nil(t, during[pastGroup]["end"])
	after := byFingerprint(frames(t, `{"queryType":"errorBursts","app":"till"}`,
		window{over, over.Add(4 * time.Minute)})[0])
	require.LessOrEqual(t, after[pastGroup]["end"].(time.Time).Sub(over).Abs(), time.Minute)
	later := frames(t, `{"queryType":"errorBursts","app":"till"}`, window{over, over.Add(30 * time.Minute)})
	require.NotContains(t, byFingerprint(later[0]), pastGroup)
}

func TestWindowAndBaselineOfBursts(t *testing.T) {
	for json, text := range map[string]string{
		`"window":"90s"`:                    "whole minutes",
		`"window":"48h"`:                    "whole minutes",
		`"window":5`:                        `not a duration such as "5m"`,
		`"window":"5 apples"`:               `not a duration such as "5m"`,
		`"baseline":"10m"`:                  "from 10 to 5000 times",
		`"window":"1m","baseline":"30d"`:    "from 10 to 5000 times",
		`"window":"-5m"`:                    "whole minutes",
		`"baseline":"-24h"`:                 "from 10 to 5000 times",
		`"format":"distribution"`:           "Valid: table, timeseries, numeric, annotations",
		`"groupBy":["statusClass"]`:         "unknown dimension",
		`"window":"1h","baseline":"20000h"`: "from 10 to 5000 times",
	} {
		got := ask(t, everyone, `{"queryType":"errorBursts","app":"till",`+json+`}`, hours(1))
		require.ErrorContains(t, got.Error, text, json)
		require.Equal(t, backend.StatusBadRequest, got.Status)
	}
	for _, json := range []string{`"window":"1m","baseline":"6h"`, `"window":"1h","baseline":"7d"`, `"window":"15m"`,
		`"window":"10m","baseline":"1d","groupBy":["route","browser","release"]`} {
		for _, format := range []string{"table", "numeric", "timeseries", "annotations"} {
			query := `{"queryType":"errorBursts","app":"till","format":"` + format + `",` + json + `}`
			for _, frame := range frames(t, query, hours(6)) {
				checkFrame(t, frame)
			}
		}
	}
	minutes := byFingerprint(frames(t, `{"queryType":"errorBursts","app":"till","window":"2m"}`, hours(1))[0])
	require.Contains(t, minutes, surgingGroup)
}

func TestALongRangeOfBurstsIsCutAndSaidSo(t *testing.T) {
	got := frames(t, `{"queryType":"errorBursts","app":"till","format":"timeseries","limit":2}`,
		window{till.now.Add(-60 * 24 * time.Hour), till.now})
	require.Len(t, got, 2)
	require.Equal(t, mostBurstWindows, got[0].Rows())
	require.Contains(t, fmt.Sprint(got[0].Meta.Notices), "Only the last 2016 windows of 5m0s")
}

func TestGoldenBursts(t *testing.T) {
	for _, format := range []string{"table", "numeric", "timeseries", "annotations"} {
		holdGolden(t, "errorBursts_"+format,
			askPlugin(t, `{"queryType":"errorBursts","app":"till","format":"`+format+`"}`, hours(1)))
	}
}

func TestAmountsReadWell(t *testing.T) {
	for n, want := range map[float64]string{0: "0", 3: "3", 0.0104: "0.01", 2.51: "2.5", 12.4: "12", 3141.6: "3142"} {
		require.Equal(t, want, amount(n))
	}
}

func TestNowIsAWholeMinuteAndNotInTheFuture(t *testing.T) {
	tiles := func(from, to time.Time) tiling {
		query := asking(`{"queryType":"errorBursts"}`)
		query.TimeRange = backend.TimeRange{From: from, To: to}
		q, err := read(query, shopSettings)
		require.NoError(t, err)
		return q.tiles
	}
	at := time.Date(2026, 3, 1, 12, 0, 59, 999e6, time.UTC)
	require.Equal(t, at.Truncate(time.Minute), tiles(at.Add(-time.Hour), at).now)
	require.Equal(t, at.Truncate(time.Minute), tiles(at.Add(-time.Second), at).now, "only the end of the range matters")
	present := time.Now()
	today := tiles(present.Add(-time.Hour), present.Add(10*time.Hour)) // as "today" is in Grafana
	require.WithinDuration(t, present, today.now, time.Minute+time.Second)
	require.False(t, today.now.After(present))
}
