package query

import (
	"fmt"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/query/stats"
	"github.com/sightline-rum/sightline/pkg/rum"
)

const payEvidence = `{"queryType":"evidence","app":"till","filters":[{"key":"route","values":["/pay"]}]`

// factsIn are the facts of an answer by name.
func factsIn(frame *data.Frame) map[string][]map[string]any {
	facts := map[string][]map[string]any{}
	for _, row := range rowsOf(frame) {
		facts[row["fact"].(string)] = append(facts[row["fact"].(string)], row)
	}
	return facts
}

// seen are the till's beacons of a time, a route and of real visitors in production.
func seen(w window, route string) []*rum.Beacon {
	var found []*rum.Beacon
	for _, b := range till.beacons {
		at := time.UnixMilli(b.Views[0].TS)
		if b.Context.Environment == "production" && b.Context.Traffic == rum.TrafficReal && b.Views[0].Route == route &&
			!at.Before(w.from) && at.Before(w.to) {
			found = append(found, b)
		}
	}
	return found
}

func threeWindows(w window) map[string]window {
	return map[string]window{"value": w, "before": w.before(),
		"yesterday": {w.from.Add(-24 * time.Hour), w.to.Add(-24 * time.Hour)}}
}

func TestEvidenceEqualsThePlantedFacts(t *testing.T) {
	w := hours(0.5)
	got := frames(t, payEvidence+`}`, w)
	require.Len(t, got, 1)
	require.Equal(t, data.FrameTypeTable, got[0].Meta.Type)
	facts := factsIn(got[0])

	require.Len(t, facts["onset"], 1)
	onset := facts["onset"][0]["time"].(time.Time)
	require.LessOrEqual(t, onset.Sub(till.now.Add(-tillSurge)).Abs(), 30*time.Second, "a 60th of the time range")

	markers := 0
	for _, d := range facts["deploys"] {
		if d["time"] == till.deploy {
			markers++
			require.Equal(t, newTill, d["release"])
			require.InDelta(t, onset.Sub(till.deploy).Minutes(), d["value"], 1e-9)
			require.Contains(t, d["text"], "Faster payments, 3 min before the onset")
		}
	}
	require.Equal(t, 1, markers)

	require.Equal(t, surgingGroup, facts["errors"][0]["fingerprint"])
	require.Equal(t, "no surging, sorry", facts["errors"][0]["message"])
	require.Equal(t, "POST api.till/api/pay", facts["errorRate"][0]["endpoint"])
	require.Contains(t, facts["errorRate"][0]["text"], "POST api.till/api/pay most")
	require.Equal(t, "POST api.till/api/pay", facts["slowest"][0]["endpoint"])
	require.Contains(t, facts["slowest"][0]["text"], "the server takes 7")

	session := facts["sessions"][0]["sessionId"]
	found := false
	for _, b := range seen(w, "/pay") {
		if b.Context.SessionID == session {
			found = true
			require.NotEmpty(t, b.Errors)
			require.Equal(t, b.Requests[1].TraceID, facts["trace"][0]["traceId"], "of the request that failed")
		}
	}
	require.True(t, found)
}

func TestEvidenceNumbersEqualTheNaiveComputation(t *testing.T) {
	w := hours(0.5)
	facts := factsIn(frames(t, payEvidence+`}`, w)[0])
	for column, span := range threeWindows(w) {
		var calls, failed, weight, affected, visitors float64
		counts := map[string]float64{}
		var pay []stats.Sample
		for _, b := range seen(span, "/pay") {
			heavy := float64(b.Context.Weight) / rum.FullWeight
			bad := false
			for _, r := range b.Requests {
				calls++
				weight += heavy
				if r.Failure != "" || r.Status >= 400 {
					failed += heavy
					bad = true
				}
				if r.Endpoint == "/api/pay" {
					pay = append(pay, stats.Sample{Value: float64(r.Duration), Weight: b.Context.Weight})
				}
			}
			for _, e := range b.Errors {
				counts[e.Fingerprint] += heavy
				bad = true
			}
			visitors += heavy
			if bad {
				affected += heavy
			}
		}
		samples := map[string]string{"value": "samples", "before": "samplesBefore", "yesterday": "samplesYesterday"}[column]
		rate := facts["errorRate"][0]
		require.InDelta(t, failed/weight, rate[column], 1e-9, column)
		require.Equal(t, calls, rate[samples], column)
		for _, group := range facts["errors"] {
			require.InDelta(t, counts[group["fingerprint"].(string)], group[column], 1e-9, column)
		}
		require.InDelta(t, affected, facts["sessions"][0][column], 1e-9, column)
		require.InDelta(t, visitors, facts["sessions"][0][samples], 1e-9, column)
		require.Equal(t, stats.Percentile(pay, 0.75), facts["slowest"][0][column], column)
	}
}

func TestEvidenceForAnotherTime(t *testing.T) {
	quiet := window{till.now.Add(-90 * time.Minute), till.now.Add(-80 * time.Minute)}
	facts := factsIn(frames(t, payEvidence+`}`, quiet)[0])
	require.Nil(t, facts["onset"][0]["time"])
	require.Contains(t, facts["onset"][0]["text"], "No onset")
	require.Contains(t, facts["deploys"][0]["text"], "No deploy within an hour")
	require.Equal(t, 0.0, facts["errorRate"][0]["value"])

	compare := map[string]time.Time{"from": quiet.from, "to": quiet.to}
	with := factsIn(frames(t, payEvidence+`,"compare":`+jsonOf(compare)+`}`, hours(0.5))[0])
	var calls float64
	for _, b := range seen(quiet, "/pay") {
		calls += float64(len(b.Requests))
	}
	require.Equal(t, calls, with["errorRate"][0]["samplesBefore"])
	require.Contains(t, with["errorRate"][0]["text"], "in the time compared with")

	since := factsIn(frames(t, payEvidence+`,"compare":"deploy","format":"table"}`, hours(0.5))[0])
	calls = 0
	for _, b := range seen(window{till.deploy.Add(-30 * time.Minute), till.deploy}, "/pay") {
		calls += float64(len(b.Requests))
	}
	require.Equal(t, calls, since["errorRate"][0]["samplesBefore"])
}

func TestEvidenceOfNothingIsStillSaid(t *testing.T) {
	nothing := `{"queryType":"evidence","app":"till","filters":[{"key":"os","values":["BeOS"]}]`
	facts := factsIn(frames(t, nothing+`}`, hours(0.5))[0])
	require.Contains(t, facts["errorRate"][0]["text"], "none of 0 of API calls fail")
	require.Nil(t, facts["errorRate"][0]["value"], "a rate of nothing is no number")
	require.Equal(t, 0.0, facts["sessions"][0]["value"])
	for _, groupBy := range []string{"", `,"groupBy":["route"]`} {
		numbers := frames(t, nothing+groupBy+`,"format":"numeric"}`, hours(0.5))
		require.Positive(t, numbers[0].Rows(), "a rule's query that returns nothing makes the whole rule no data")
		checkFrame(t, numbers[0])
	}
}

func TestEvidenceBySegment(t *testing.T) {
	byRoute := `{"queryType":"evidence","app":"till","groupBy":["route"],"metric":`
	rows := rowsOf(frames(t, byRoute+`"errorRate"}`, hours(0.5))[0])
	require.Len(t, rows, 3)
	require.Equal(t, "/pay", rows[0]["route"], "the worst first")
	require.Greater(t, rows[0]["value"], 0.2)
	require.Equal(t, 0.0, rows[1]["value"])
	limited := frames(t, byRoute+`"trace","limit":1}`, hours(0.5))
	require.Equal(t, 1, limited[0].Rows())
	require.Contains(t, limited[0].Meta.Notices[0].Text, "Only the first 1")
}

// What an alert's annotations quote: one number and label set, the segment's labels among them.
func TestEvidenceForAlertRules(t *testing.T) {
	for metric, label := range map[string][2]string{
		"deploys": {"release", newTill}, "errors": {"top_error", "no surging, sorry"},
		"slowest": {"endpoint", "POST api.till/api/pay"}, "errorRate": {"endpoint", "POST api.till/api/pay"},
		"onset": {"fact", "onset"},
	} {
		got := frames(t, payEvidence+`,"format":"numeric","metric":"`+metric+`"}`, hours(0.5))
		require.Len(t, got, 1)
		require.Equal(t, data.FrameTypeNumericLong, got[0].Meta.Type)
		checkFrame(t, got[0])
		rows := rowsOf(got[0])
		require.Equal(t, label[1], rows[0][label[0]])
		require.Equal(t, "/pay", rows[0]["route"], "the segment's own label, so that the alert is found")
		require.Positive(t, rows[0]["value"])
		labels := map[string]bool{}
		for _, row := range rows {
			delete(row, "value")
			require.False(t, labels[jsonOf(row)], "a number per label set")
			labels[jsonOf(row)] = true
		}
		if metric != "errors" {
			require.Len(t, rows, 1, "one fact is one number")
		}
	}
	trace := rowsOf(frames(t, payEvidence+`,"format":"numeric","metric":"trace"}`, hours(0.5))[0])
	require.Len(t, trace[0]["trace_id"], 32)
	require.Contains(t, trace[0]["session_id"], "till-")
}

// An annotation quotes one of the rows that match its alert, whichever comes first: of these facts there is only one.
func TestFactsThatOnlyAlertRulesAskFor(t *testing.T) {
	numbers := payEvidence + `,"format":"numeric","metric":`
	w := hours(0.5)
	top := rowsOf(frames(t, numbers+`"topError"}`, w)[0])
	require.Len(t, top, 1)
	require.Equal(t, "no surging, sorry", top[0]["top_error"])
	require.Equal(t, fmt.Sprint(w.from.Add(-30*time.Minute).UnixMilli()), top[0]["from"], "for links: the time before, too")
	require.Equal(t, fmt.Sprint(w.to.UnixMilli()), top[0]["to"])

	last := rowsOf(frames(t, numbers+`"lastDeploy"}`, w)[0])
	require.Len(t, last, 1)
	require.Equal(t, newTill, last[0]["release"])
	require.InDelta(t, w.to.Sub(till.deploy).Minutes(), last[0]["value"], 1e-9)
	require.Equal(t, "Faster payments, 25 min ago", last[0]["text"])

	byRelease := map[string]float64{}
	for _, row := range rowsOf(frames(t, numbers+`"lastDeploy","groupBy":["release"]}`, w)[0]) {
		byRelease[row["release"].(string)] = row["value"].(float64)
	}
	require.InDelta(t, w.to.Sub(till.deploy).Minutes(), byRelease[newTill], 1e-9)
	require.Greater(t, byRelease[oldTill], 24*60.0, "of a release, its own deploy")

	none := rowsOf(frames(t, `{"queryType":"evidence","app":"nobodys","format":"numeric","metric":"lastDeploy"}`, w)[0])
	require.EqualValues(t, noDeploy, none[0]["value"])
}

// An alert about an error group finds no evidence by group, but its release's numbers: their labels are among its own.
func TestEvidenceWithNoLabelsButTheSegments(t *testing.T) {
	for _, metric := range []string{"errorRate", "sessions", "lastDeploy", "slowest"} {
		frame := frames(t, payEvidence+`,"format":"numeric","section":"numbers","groupBy":["release"],"metric":"`+metric+`"}`,
			hours(0.5))[0]
		checkFrame(t, frame)
		require.Len(t, frame.Fields, 2)
		require.Equal(t, "release", frame.Fields[0].Name)
	}
	errors := rowsOf(frames(t, payEvidence+`,"format":"numeric","section":"numbers","metric":"errors"}`, hours(0.5))[0])
	require.Len(t, errors, 3)
	require.Contains(t, errors[0], "fingerprint")
}

func TestEvidenceWithoutIDs(t *testing.T) {
	for _, format := range []string{"table", "numeric"} {
		got := ask(t, Caller{Role: "Admin", FromAlert: true}, payEvidence+`,"format":"`+format+`"}`, hours(0.5))
		require.NoError(t, got.Error)
		require.Positive(t, got.Frames[0].Rows())
		shown := jsonOf(got.Frames[0].Fields)
		require.NotContains(t, shown, "till-1")
		require.NotContains(t, shown, "race_id")
		for _, field := range got.Frames[0].Fields {
			require.NotContains(t, idFields, field.Name)
		}
	}
}

func TestRefusedEvidence(t *testing.T) {
	for json, text := range map[string]string{
		`"groupBy":["endpoint"]`: "what views, requests and errors have in common",
		`"metric":"lcp"`:         "Valid: onset, deploys, errorRate, errors, slowest, backend, sessions, trace",
		`"compare":"yesterday"`:  "Valid: previous, deploy",
		`"format":"timeseries"`:  "Valid: table, numeric",
	} {
		got := ask(t, everyone, `{"queryType":"evidence","app":"till",`+json+`}`, hours(1))
		require.ErrorContains(t, got.Error, text)
		require.Equal(t, backend.StatusBadRequest, got.Status)
	}
}

func TestEvidenceTakesEveryFilter(t *testing.T) {
	for _, d := range dimensionsOf(tableEvidence) {
		frames(t, jsonOf(map[string]any{"queryType": "evidence", "app": "till", "filters": []any{
			map[string]any{"key": d.key, "operator": "!=", "values": []string{"x"}}}}), hours(0.5))
	}
	one := factsIn(frames(t, `{"queryType":"evidence","app":"till","filters":[{"key":"fingerprint","values":["usual"]}]}`,
		hours(0.5))[0])
	require.Len(t, one["errors"], 1)
	require.Equal(t, usualGroup, one["errors"][0]["fingerprint"])
}

func TestGoldenEvidence(t *testing.T) {
	for _, format := range []string{"table", "numeric"} {
		holdGolden(t, "evidence_"+format, askPlugin(t, payEvidence+`,"format":"`+format+`"}`, hours(0.5)))
	}
}

// Where the time goes, against plain Go over pictures whose loads tell all phases.
func TestTheBackendsShareEqualsTheNaiveComputation(t *testing.T) {
	g := theGallery(t)
	w := window{g.opened.Add(6 * time.Hour), g.opened.Add(12 * time.Hour)}
	facts := factsIn(frames(t, `{"queryType":"evidence","app":"gallery","filters":[{"key":"route","values":["/shop"]}]}`, w)[0])
	require.Len(t, facts["backend"], 1)
	for column, span := range threeWindows(w) {
		var loads, whole, served, moved float64
		for _, v := range g.views(span) {
			if v.Route != "/shop" || v.of.Kind != rum.ViewLoad || v.of.Server <= 0 || v.of.Duration <= 0 {
				continue
			}
			heavy, took := float64(v.Weight), float64(v.of.Duration)
			server := min(float64(v.of.Server), took)
			loads++
			whole += heavy * took
			served += heavy * server
			moved += heavy * max(0, min(float64(v.of.TTFB)+float64(v.of.Response), took)-server)
		}
		samples := map[string]string{"value": "samples", "before": "samplesBefore", "yesterday": "samplesYesterday"}[column]
		require.Positive(t, loads)
		require.Equal(t, loads, facts["backend"][0][samples], column)
		require.InDelta(t, served/whole, facts["backend"][0][column], 1e-9, column)
		if column == "value" {
			require.Contains(t, facts["backend"][0]["text"], fmt.Sprintf("server %.0f %%, network %.0f %%, browser %.0f %%",
				100*served/whole, 100*moved/whole, 100*(1-(served+moved)/whole)))
		}
	}

	till := factsIn(frames(t, payEvidence+`}`, hours(0.5))[0])["backend"][0]
	require.Contains(t, till["text"], "visits report no server time; of API calls, the server takes ")
	require.Nil(t, till["value"])
	numbers := frames(t, payEvidence+`,"format":"numeric","metric":"backend"}`, hours(0.5))[0]
	require.Equal(t, 1, numbers.Rows())
	require.Equal(t, 0.0, rowsOf(numbers)[0]["value"])
}
