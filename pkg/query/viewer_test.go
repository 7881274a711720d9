package query

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/rum"
)

// withPlantedIDs is the story with ids that are found wherever they get to, and with what else is about one person.
func withPlantedIDs(start time.Time) []*rum.Beacon {
	story := storyOf(planted+"-session", start)
	plant := func(ids ...*string) {
		for _, id := range ids {
			if *id != "" && !strings.HasPrefix(*id, planted) {
				*id = planted + "-" + *id
			}
		}
	}
	for _, b := range story {
		b.Context.UserKey = planted + "-user"
		b.EachItem(func(item *rum.Item) { plant(&item.ViewID, &item.ActionID, &item.RequestID) })
		for i := range b.Vitals {
			plant(&b.Vitals[i].MetricID)
		}
		for i := range b.Views {
			plant(&b.Views[i].PreviousViewID)
		}
	}
	return story
}

// A Viewer is below the default sessionRole. Every type is asked in every format, section and metric, grouped by and
// filtered on each of its dimensions, with every option that could bring an id along.
func TestAViewerIsToldNoIDWhateverIsAsked(t *testing.T) {
	own, start := newOwnStore(t), hourAgo()
	own.insert(withPlantedIDs(start)...)
	own.runner.Settings.Links = Links{UID: "rum", TempoUID: "tempo", LokiUID: "loki", PrometheusUID: "prometheus"}
	ask := func(caller Caller, fields map[string]any) (backend.DataResponse, string) {
		got := own.runner.Answer(t.Context(), caller, backend.DataQuery{RefID: "A", JSON: []byte(jsonOf(fields)),
			TimeRange: backend.TimeRange{From: start.Add(-time.Hour), To: start.Add(time.Hour)}, Interval: time.Minute,
			MaxDataPoints: 100})
		text := fmt.Sprint(got.Error)
		for _, frame := range got.Frames {
			encoded, err := data.FrameToJSON(frame, data.IncludeAll)
			require.NoError(t, err)
			text += string(encoded)
		}
		return got, text
	}
	ids := []string{planted, traceOfPage, traceOfBuying, "00f067aa0ba902b7"}
	told := func(text string) bool {
		return slices.ContainsFunc(ids, func(id string) bool { return strings.Contains(text, id) })
	}
	viewer := Caller{Role: "Viewer"}
	asked, shown, leadsToIDs := 0, 0, 0
	check := func(fields map[string]any) {
		asked++
		got, text := ask(viewer, fields)
		if got.Status == backend.StatusOK {
			shown++
		}
		require.False(t, told(text), "%v: %s", fields, text)
		if fields["groupBy"] == nil && fields["sessionId"] == nil {
			if _, text = ask(everyone, fields); told(text) {
				leadsToIDs++
			}
		}
	}
	for _, described := range Describe().QueryTypes {
		base := func(more map[string]any) map[string]any {
			fields := map[string]any{"queryType": described.Name, "app": "shop", "environment": "*", "exemplars": true,
				"minSamples": 1}
			for name, value := range more {
				fields[name] = value
			}
			return fields
		}
		for _, format := range described.Formats {
			check(base(map[string]any{"format": format}))
			check(base(map[string]any{"format": format, "sessionId": planted + "-session"}))
			check(base(map[string]any{"format": format, "traceId": traceOfPage}))
			check(base(map[string]any{"format": strings.ToUpper(format), "queryType": strings.ToUpper(described.Name)}))
			for _, metric := range described.Metrics {
				check(base(map[string]any{"format": format, "metric": metric}))
			}
		}
		for _, section := range described.Sections {
			check(base(map[string]any{"section": section, "groupBy": []string{}}))
		}
		var dimensions []string
		var filters []any
		for _, d := range described.Dimensions {
			dimensions = append(dimensions, d.Key)
		}
		dimensions = append(dimensions, "sessionId", "session_id", "traceId", "viewId", "requestId", "userKey",
			"user_key", "actionId")
		for n, key := range dimensions {
			check(base(map[string]any{"groupBy": []string{key}, "dimension": key}))
			filters = append(filters, map[string]any{"key": key, "operator": "=~", "values": []string{".*"}})
			if len(described.Dimensions) < n+1 { // those that there are not, each for itself
				check(base(map[string]any{"filters": filters[n:], "dimension": "route"}))
			}
		}
		check(base(map[string]any{"filters": filters[:len(described.Dimensions)], "dimension": "route",
			"compare": "previous"}))
	}
	t.Logf("%d queries, %d answered to the Viewer; %d tell ids to somebody who may see them", asked, shown, leadsToIDs)
	require.Greater(t, shown, 100)
	require.Greater(t, leadsToIDs, 20, "the ids are there to be told")
}

// An id that nobody told a Viewer cannot be tried out either: naming one changes nothing of an answer.
func TestAViewerCannotTryOutAnID(t *testing.T) {
	own, start := newOwnStore(t), hourAgo()
	own.insert(withPlantedIDs(start)...)
	for _, described := range Describe().QueryTypes {
		if described.SessionLevel {
			continue // refused altogether
		}
		answer := func(name, id string) string {
			got := own.runner.Answer(t.Context(), Caller{Role: "Viewer"}, backend.DataQuery{RefID: "A",
				JSON: []byte(jsonOf(map[string]any{"queryType": described.Name, "app": "shop",
					"dimension": "route", name: id})),
				TimeRange:     backend.TimeRange{From: start.Add(-time.Hour), To: start.Add(time.Hour)},
				Interval:      time.Minute,
				MaxDataPoints: 100})
			text := fmt.Sprint(got.Status)
			for _, frame := range got.Frames {
				encoded, err := data.FrameToJSON(frame, data.IncludeDataOnly)
				require.NoError(t, err)
				text += string(encoded)
			}
			return text
		}
		for name, id := range map[string]string{"sessionId": planted + "-session", "traceId": traceOfPage} {
			require.Equal(t, answer(name, strings.Repeat("0", len(id))), answer(name, id), "%s by %s", described.Name,
				name)
		}
	}
}
