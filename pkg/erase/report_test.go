package erase

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheReportSaysWhatWasFoundAndWhatStays(t *testing.T) {
	w := newWorld(t)
	var told Status
	w.running(func() {
		w.append(visit(0), visit(3))
		require.NoError(t, w.drainer.Flush(t.Context()))
		told = w.erase(Request{App: "shop", Session: "session-3", By: "ann"})
	})
	w.restart()
	again, _ := w.erasures.Status(told.ID)
	require.Equal(t, told.Report(), again.Report(), "it can be asked for again, after a restart too")

	report := told.Report()
	require.Contains(t, report.Found, Found{Table: "views", What: "page views", Rows: 1})
	require.Contains(t, report.Found, Found{Table: "session_events", What: "entries in the timelines of visits", Rows: itemsOfAVisit})
	require.Equal(t, []Found{
		{Table: "error_groups", What: "groups of errors", Rows: 1}, {Table: "releases", What: "releases of the site", Rows: 1},
	}, report.Recounted)
	for _, found := range report.Found {
		require.NotEmpty(t, found.What, found.Table)
	}

	text := report.Text()
	require.Contains(t, text, "one visit (app shop)")
	require.Contains(t, text, "         1  page views (views)\n")
	require.Contains(t, text, "What stays")
	encoded, err := json.Marshal(report)
	require.NoError(t, err)
	for _, written := range []string{text, string(encoded)} {
		require.NotContains(t, written, "session-3", "a report that is filed does not keep what was erased")
	}
}

func TestTheReportOfAnErasureThatIsNotFinishedSaysSo(t *testing.T) {
	w := newWorld(t)
	id, err := w.erasures.Ask(Request{App: "shop", All: true})
	require.NoError(t, err)
	told, _ := w.erasures.Status(id)
	require.Contains(t, told.Report().Text(), "not finished")
	require.NotContains(t, told.Report().Text(), "Verified")
	require.Empty(t, told.Report().Done)
}

func TestTheReportOfSomebodyUnknownSaysThatThereWasNothing(t *testing.T) {
	w := newWorld(t)
	w.running(func() {
		require.Contains(t, w.erase(Request{Session: "nobody"}).Report().Text(), "nothing: there was no such data")
	})
}
