package query

import (
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/rum"
)

// tempoWith stands in for a Tempo's address: it answers as Tempo 2 does for ids it has and has not. What a real one
// answers is held by TestARealTempoSaysWhatItDoesNotHave.
func tempoWith(t *testing.T, had ...string) (address string, asked *atomic.Int64) {
	asked = new(atomic.Int64)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		for _, id := range had {
			if r.URL.Path == "/api/traces/"+id {
				return
			}
		}
		http.Error(w, "trace not found", http.StatusNotFound)
	}))
	t.Cleanup(server.Close)
	return server.URL, asked
}

func reasonsOf(rows []map[string]any) map[string]string {
	reasons := map[string]string{}
	for _, row := range rows {
		if id, ok := row["traceId"].(string); ok {
			reasons[id] = row["reason"].(string)
		}
	}
	return reasons
}

func TestTempoIsAskedForTheTracesThatShouldBeThere(t *testing.T) {
	own, start := newOwnStore(t), hourAgo()
	lost, old := "ab"+traceOfPage[2:], "ac"+traceOfPage[2:]
	own.insert(storyOf("story", start)...)
	for trace, at := range map[string]time.Time{lost: start.Add(time.Minute), old: start.Add(-20 * 24 * time.Hour)} {
		more := storyOf("of-"+trace[:2], at)[:1]
		more[0].Views[0].TraceID, more[0].Requests, more[0].Errors = trace, nil, nil
		own.insert(more...)
	}
	address, asked := tempoWith(t, traceOfPage)
	own.runner.Settings.Tempo = Tempo{URL: address + "/"}
	month := window{start.Add(-25 * 24 * time.Hour), start.Add(time.Hour)}
	question := `{"queryType":"traces"}`
	require.Equal(t, map[string]string{traceOfPage: "", traceOfBuying: "not sampled (-00)", lost: "not in Tempo",
		old: "expired"}, reasonsOf(own.rows(question, month)))
	require.EqualValues(t, 3, asked.Load(), "not for the one that was not sampled")

	own.runner.Settings.Tempo.Days = 30
	require.Equal(t, "not in Tempo", reasonsOf(own.rows(question, month))[old], "it should still be there")
}

func TestATempoThatCannotBeAskedChangesNothing(t *testing.T) {
	own, start := newOwnStore(t), hourAgo()
	own.insert(storyOf("story", start)...)
	broken := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/elsewhere", http.StatusFound)
	}))
	defer broken.Close()
	for address, why := range map[string]string{broken.URL: "it answered 302", "http://127.0.0.1:1": "refused"} {
		own.runner.Settings.Tempo = Tempo{URL: address}
		question := `{"queryType":"traces","sessionId":"story"}`
		require.Equal(t, "", reasonsOf(own.rows(question, around(start)))[traceOfPage])
		notice := strings.Join(own.notices(question, around(start)), "\n")
		require.Contains(t, notice, "Whether Tempo has these traces is not known")
		require.Contains(t, notice, why)
	}
}

func TestTempoIsAskedForSoManyTracesAtMost(t *testing.T) {
	own, start := newOwnStore(t), hourAgo()
	b := storyOf("busy", start)[0]
	b.Requests = nil
	for i := range 60 {
		item := b.Views[0].Item
		item.TraceID = strings.Repeat("a", 30) + string("0123456789abcdef"[i/16]) + string("0123456789abcdef"[i%16])
		b.Requests = append(b.Requests, rum.Request{Item: item, Kind: "fetch", Duration: 10})
	}
	own.insert(b)
	address, asked := tempoWith(t)
	own.runner.Settings.Tempo = Tempo{URL: address}
	require.Contains(t, own.notices(`{"queryType":"traces","sessionId":"busy"}`, around(start)),
		"Tempo was asked for the first 20 traces only.")
	require.EqualValues(t, tempoMost, asked.Load())
}

// With TEMPO_URL, a real Tempo is asked for a trace that nobody ever sent.
func TestARealTempoSaysWhatItDoesNotHave(t *testing.T) {
	address := os.Getenv("TEMPO_URL")
	if address == "" {
		t.Skip("TEMPO_URL names no Tempo to ask")
	}
	own, start := newOwnStore(t), hourAgo()
	own.insert(storyOf("story", start)...)
	own.runner.Settings.Tempo = Tempo{URL: address}
	question := `{"queryType":"traces","sessionId":"story"}`
	require.Equal(t, "not in Tempo", reasonsOf(own.rows(question, around(start)))[traceOfPage])
	require.Empty(t, own.notices(question, around(start)))
}
