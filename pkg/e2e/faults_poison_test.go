package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/bench/faults"
)

// Here a store takes rows of three days at once and no more, so a beacon about five days is one it can never take: it
// refuses the whole batch that such a beacon is in.
func TestFaultPoisonedBatchesLoseOnlyThePoison(t *testing.T) {
	store := startSidecar(t)
	s := newSidecar(t)
	t.Cleanup(s.stop)
	s.flags = []string{"--clickhouse", store.dsn() + "?max_partitions_per_insert_block=3"}
	s.start()
	s.waitReady()
	load := startLoad(s, 4)
	const poisoned = 12
	for n := range poisoned {
		more(t, load, long(20, 100))
		var events []string
		for day := range 5 {
			events = append(events, fmt.Sprintf(`{"name":"poison","timestamp":%q}`,
				time.Now().Add(-time.Duration(day)*24*time.Hour-time.Minute).UTC().Format(time.RFC3339)))
		}
		body := fmt.Sprintf(`{"meta":{"app":{"name":"poisoned"},"session":{"id":"p-%d"}},"events":[%s]}`, n, strings.Join(events, ","))
		answer, err := http.Post(s.url("/collect"), "application/json", strings.NewReader(body))
		require.NoError(t, err)
		_, _ = io.Copy(io.Discard, answer.Body)
		answer.Body.Close()
		require.Equal(t, http.StatusAccepted, answer.StatusCode)
	}
	load.stop()
	s.waitDrained()

	letters, err := filepath.Glob(filepath.Join(s.data, "dead-letters", "*-events.json"))
	require.NoError(t, err)
	apart := 0
	for _, path := range letters {
		if strings.HasSuffix(path, "-session_events.json") {
			continue // the same beacon, refused by the timeline too
		}
		apart++
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		var letter struct {
			Reason string
			Record []byte
		}
		require.NoError(t, json.Unmarshal(text, &letter))
		require.Contains(t, string(letter.Record), "poison", "a good beacon was set aside")
		require.Contains(t, letter.Reason, "partitions", "the letter says why")
	}
	require.Equal(t, poisoned, apart, "each poisoned beacon is set aside, once")
	require.Zero(t, store.number("SELECT count() FROM events WHERE name = 'poison'"))
	sameTimeline(t, store)
	// The hours of a batch that was cut are marked once more, so that what was counted in between is counted again.
	accountLoad(t, store, load, faults.Case{Order: 11, Fault: "poisoned batches",
		How:     fmt.Sprintf("%d beacons that the store refuses, and with them their batches, among good ones", poisoned),
		Figures: fmt.Sprintf("%d set aside as dead letters, with the reason", apart)})
}
