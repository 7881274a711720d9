package alerts

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/demo/traffic"
)

// An ordinary day with its rhythm: a fifth as many visitors in the small hours as in the afternoon. Every rule is judged
// every few minutes, and none fires. Grafana judges each minute; what holds for five of them shows here at least once, so
// that a condition which holds at two judgements in a row counts as firing.
func TestAnOrdinaryDayFiresNothing(t *testing.T) {
	const apart = 5 * time.Minute
	anchor := time.Now().Truncate(time.Minute)
	plan, err := traffic.New(traffic.Config{Seed: 8, Anchor: anchor, Backfill: 49 * time.Hour, Sessions: 10_000})
	require.NoError(t, err)
	w := newWorld(t, "steady", plan, nil)
	judged, pending := 0, map[string]int{}
	for _, r := range aboutUsers(t) {
		since := map[string]time.Time{}
		for at := anchor.Add(-24 * time.Hour); !at.After(anchor); at = at.Add(apart) {
			held := map[string]time.Time{}
			for _, alert := range w.conditionOf(t, r, at) {
				key := alert.labels.String()
				began, ok := since[key]
				if !ok {
					began = at
					pending[r.UID]++
				}
				held[key] = began
				require.Less(t, at.Sub(began), r.sustained(t), "%s fires for {%s} at %s", r.Title, key, at)
			}
			since = held
			judged++
		}
	}
	t.Logf("%d judgements, pending but not firing: %v", judged, pending)
}
