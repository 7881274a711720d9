package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/ingest"
	"github.com/sightline-rum/sightline/pkg/quarantine"
)

func quarantined(t *testing.T) (data string) {
	t.Helper()
	data = t.TempDir()
	q := quarantine.Open(filepath.Join(data, "quarantine"), quarantine.Options{})
	for n := range 5 {
		e := quarantine.Entry{At: time.Unix(1_700_000_000+int64(n), 0).UTC(), Format: "faro", App: "shop",
			Reason: "an event without a name",
			List:   "events", Index: n, Payload: json.RawMessage(`{}`)}
		if n == 4 {
			e.App, e.Reason, e.Payload = "docs", "not an object", nil
		}
		require.True(t, q.Keep(e))
	}
	require.NoError(t, q.Close())
	return data
}

func TestQuarantineListsByReasonAndOneByOne(t *testing.T) {
	data := quarantined(t)
	var out strings.Builder
	require.NoError(t, (&quarantineListCmd{Data: data, Limit: 50}).write(&out))
	require.Regexp(t, `4 +shop +faro +an event without a name +2023-11-14 22:13:20 +2023-11-14 22:13:23 +4`, out.String())
	require.Regexp(t, `1 +docs +faro +not an object .* 0`, out.String())

	out.Reset()
	c := quarantineListCmd{Data: data, Limit: 2, All: true, Output: "json", chosen: chosen{App: "shop"}}
	require.NoError(t, c.write(&out))
	var entries []quarantine.Entry
	require.NoError(t, json.Unmarshal([]byte(out.String()), &entries))
	require.Len(t, entries, 2)
	require.Equal(t, 3, entries[1].Index)

	out.Reset()
	require.NoError(t, (&quarantineShowCmd{Data: data, Limit: 10,
		chosen: chosen{IDs: []string{entries[0].ID}}}).write(&out))
	require.Contains(t, out.String(), entries[0].ID)
	require.NotContains(t, out.String(), entries[1].ID)
	require.ErrorContains(t, (&quarantineShowCmd{Data: t.TempDir()}).write(&out), "nothing in the quarantine")

	out.Reset()
	require.NoError(t, (&quarantineListCmd{Data: t.TempDir(), Limit: 50}).write(&out))
	require.Equal(t, "nothing is quarantined\n", out.String())
}

func TestReplayAsksUntilAllWereLookedAt(t *testing.T) {
	asked := []ingest.Replay{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		require.Equal(t, "Bearer t0ken", r.Header.Get("Authorization"))
		require.Equal(t, "/v1/quarantine/replay", r.URL.Path)
		var ask ingest.Replay
		require.NoError(t, json.NewDecoder(r.Body).Decode(&ask))
		asked = append(asked, ask)
		answer := ingest.Replayed{Replayed: 2, Rejected: 3, Reasons: map[string]int{"not an object": 3},
			Last: fmt.Sprint(len(asked))}
		if len(asked) < 3 {
			answer.Left = 1
		}
		_ = json.NewEncoder(w).Encode(answer)
	}))
	defer server.Close()
	var out strings.Builder
	c := quarantineReplayCmd{sidecarAt: sidecarAt{To: server.URL + "/", Token: "t0ken"}, chosen: chosen{App: "shop"}}
	require.NoError(t, c.write(t.Context(), &out))
	require.Equal(t, "6 replayed, 9 still rejected\n  9 × not an object\n", out.String())
	require.Equal(t, []ingest.Replay{{App: "shop"}, {App: "shop", After: "1"}, {App: "shop", After: "2"}}, asked)
}

// An app's name is whatever a beacon says, where no key decides it.
func TestWhatIsQuarantinedDoesNotMoveTheCursor(t *testing.T) {
	data := t.TempDir()
	q := quarantine.Open(filepath.Join(data, "quarantine"), quarantine.Options{})
	require.True(t, q.Keep(quarantine.Entry{At: time.Unix(1_700_000_000, 0), Format: "faro", App: "shop\x1b[2J", List: "events",
		Reason: "not a time: \x1b]0;owned\x07", Payload: json.RawMessage(`{"x":"\u001b[2J"}`)}))
	require.NoError(t, q.Close())
	var out strings.Builder
	for _, all := range []bool{false, true} {
		for _, output := range []string{"table", "json"} {
			require.NoError(t, (&quarantineListCmd{Data: data, Limit: 5, All: all, Output: output}).write(&out))
		}
	}
	require.NoError(t, (&quarantineShowCmd{Data: data, Limit: 5}).write(&out))
	require.Contains(t, out.String(), "owned")
	require.NotContains(t, out.String(), "\x1b")
	require.NotContains(t, out.String(), "\x07")
}
