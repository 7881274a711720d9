package query

import (
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/stretchr/testify/require"
)

func TestExemplarsOfRequestsEqualTheNaiveComputation(t *testing.T) {
	w := hours(2)
	const question = `{"queryType":"requests","app":"till","groupBy":["endpoint"],"exemplars":true}`
	got := frames(t, question, w)
	frame := got[len(got)-1]
	require.Equal(t, "exemplar", frame.Name)
	require.Equal(t, data.DataTopicAnnotations, frame.Meta.DataTopic)
	require.Equal(t, "Time", frame.Fields[0].Name)
	require.Equal(t, "Value", frame.Fields[1].Name)
	require.Equal(t, unitMilliseconds, frame.Fields[1].Config.Unit)
	checkFrame(t, frame)
	for _, series := range got[:len(got)-1] {
		require.Equal(t, data.FrameTypeTimeSeriesMulti, series.Meta.Type)
	}

	type place struct {
		endpoint string
		step     int64
	}
	step := time.Hour.Milliseconds() // as the series' own: there is room for both hours
	worst := map[place]float64{}
	traces := map[string]string{}
	for _, route := range []string{"/", "/items", "/pay"} {
		for _, b := range seen(w, route) {
			for _, r := range b.Requests {
				at := place{r.Endpoint, r.TS / step}
				worst[at] = max(worst[at], float64(r.Duration))
				traces[r.TraceID] = b.Context.SessionID
			}
		}
	}
	rows := rowsOf(frame)
	require.Len(t, rows, len(worst))
	last := time.Time{}
	for _, row := range rows {
		at := row["Time"].(time.Time)
		require.False(t, at.Before(last), "in order of time")
		last = at
		require.InDelta(t, worst[place{row["endpoint"].(string), at.UnixMilli() / step}], row["Value"], 0)
		require.Equal(t, traces[row["traceId"].(string)], row["sessionId"])
	}

	table := rowsOf(frames(t, `{"queryType":"requests","app":"till","format":"table","exemplars":true}`, w)[0])
	require.Len(t, table, 2)
	for _, row := range table {
		var most float64
		for at, value := range worst {
			if at.endpoint == row["endpoint"] {
				most = max(most, value)
			}
		}
		require.InDelta(t, most, row["worst"], 0)
		require.Contains(t, traces, row["traceId"])
	}
}

// A vital is not traced itself: it leads to the trace of its page load.
func TestExemplarsOfVitalsAreThoseOfTheirPageLoads(t *testing.T) {
	own, start := newOwnStore(t), hourAgo()
	own.insert(storyOf("story", start)...)
	slower := storyOf("slower", start.Add(time.Second))
	for _, b := range slower {
		for i := range b.Vitals {
			b.Vitals[i].Value *= 2
		}
		for i := range b.Views {
			b.Views[i].TraceID = ""
		}
	}
	unsampled := storyOf("unsampled", start.Add(2*time.Second))
	unsampled[0].Views[0].Unsampled = true
	own.insert(append(slower, unsampled...)...)

	got := own.ask(`{"metric":"lcp","minSamples":1,"exemplars":"true"}`, around(start))
	require.NoError(t, got.Error)
	require.Len(t, got.Frames, 2)
	rows := rowsOf(got.Frames[1])
	require.Len(t, rows, 1, "one a stretch of time: the worst that has a trace")
	require.Equal(t, traceOfPage, rows[0]["traceId"])
	require.Equal(t, "story", rows[0]["sessionId"])
	require.InDelta(t, 4800, rows[0]["Value"], 0, "by its last report")

	table := own.rows(`{"metric":"lcp","minSamples":1,"format":"table","exemplars":true}`, around(start))
	require.Equal(t, traceOfPage, table[0]["traceId"])

	require.Contains(t, own.notices(`{"metric":"lcp","measure":"poor","minSamples":1,"exemplars":true}`, around(start)),
		"There are no exemplars of a share or a count: ask for the percentile.")
	for _, b := range storyOf("untraced", start) {
		b.Context.App = "untraced"
		for i := range b.Views {
			b.Views[i].TraceID = ""
		}
		own.insert(b)
	}
	require.Contains(t, own.notices(`{"metric":"lcp","app":"untraced","minSamples":1,"exemplars":true}`, around(start)),
		"No sample of this answer has a trace: the question traces says why.")
}

// Sites without tracing have request ids, which lead to log lines.
func TestARequestIDMakesAnExemplarToo(t *testing.T) {
	own, start := newOwnStore(t), hourAgo()
	story := storyOf("story", start)
	story[0].Views[0].TraceID, story[0].Views[0].RequestID = "", "page-1"
	own.insert(story...)
	row := rowsOf(own.ask(`{"metric":"lcp","minSamples":1,"exemplars":true}`, around(start)).Frames[1])[0]
	require.Nil(t, row["traceId"])
	require.Equal(t, "page-1", row["requestId"])
}

// Exemplars are nothing but ids, and an alert rule takes no frame beside its numbers.
func TestExemplarsAreForThoseWhoMaySeeIDs(t *testing.T) {
	const question = `{"queryType":"requests","app":"till","exemplars":true}`
	for _, caller := range []Caller{{Role: "Viewer"}, {SessionLevel: true, IDs: true, FromAlert: true}} {
		for _, format := range []string{"timeseries", "table", "numeric"} {
			got := ask(t, caller, question[:len(question)-1]+`,"format":"`+format+`"}`, hours(2))
			require.NoError(t, got.Error)
			require.Len(t, got.Frames, 1)
			require.Empty(t, got.Frames[0].Meta.DataTopic)
			field, _ := got.Frames[0].FieldByName("worst")
			require.Nil(t, field)
		}
	}
	wrong := ask(t, everyone, `{"exemplars":"maybe"}`)
	require.Equal(t, backend.StatusBadRequest, wrong.Status)
	require.Len(t, frames(t, `{"queryType":"pages","app":"till","format":"table","exemplars":true}`, hours(2)), 1, "it has none")
}

func TestAnErrorGroupNamesAVisitToLookAt(t *testing.T) {
	own, start := newOwnStore(t), hourAgo()
	own.insert(storyOf("story", start)...)
	rows := own.rows(`{"queryType":"errors"}`, around(start))
	for _, row := range rows {
		require.Equal(t, "story", row["sessionId"])
		require.Equal(t, traceOfBuying, row["traceId"], "of the visit's request that failed, as the error names none")
	}
	later := storyOf("later", start.Add(time.Minute))
	later[0].Errors[0].TraceID, later[0].Errors[0].RequestID = "ab"+traceOfPage[2:], "request-9"
	own.insert(later...)
	own.insert(storyOf("last", start.Add(2*time.Minute))...)
	for _, row := range own.rows(`{"queryType":"errors","filters":[{"key":"fingerprint","value":"group-buy"}]}`, around(start)) {
		require.Equal(t, "later", row["sessionId"], "the one that names its trace")
		require.Equal(t, "ab"+traceOfPage[2:], row["traceId"])
		require.Equal(t, "request-9", row["requestId"])
	}
	got := own.runner.Answer(t.Context(), Caller{Role: "Viewer"}, asking(`{"queryType":"errors","app":"shop"}`))
	require.NoError(t, got.Error)
	for _, name := range idFields {
		field, _ := got.Frames[0].FieldByName(name)
		require.Nil(t, field, name)
	}
}
