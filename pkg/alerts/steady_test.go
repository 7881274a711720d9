package alerts

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/demo/traffic"
)

// An ordinary day with its rhythm: a fifth as many visitors in the small hours as in the afternoon. Every rule is
// judged over and over, and none holds even once, let alone for as long as it has to. Grafana judges each minute;
// here it is as often as a rule's window has much new to say: every ten minutes, or every quarter of an hour for a
// window of one.
func TestAnOrdinaryDayFiresNothing(t *testing.T) {
	anchor := time.Now().Truncate(time.Minute)
	plan, err := traffic.New(traffic.Config{Seed: 8, Anchor: anchor, Backfill: 26 * time.Hour, Sessions: 12_000})
	require.NoError(t, err)
	w := newWorld(t, "steady", plan, nil)
	for _, r := range aboutUsers(t) {
		t.Run(r.UID, func(t *testing.T) {
			t.Parallel()
			apart := max(10*time.Minute, time.Duration(r.part(t, "A").Range.From)*time.Second/4)
			judgements, segments := 0, 0
			for at := anchor.Add(-24 * time.Hour); !at.After(anchor); at = at.Add(apart) {
				for _, segment := range w.judge(t, r, at) {
					require.Zero(t, segment.value, "%s holds for {%s} at %s", r.Title, segment.labels, at)
					segments++
				}
				judgements++
			}
			t.Logf("%d judgements of %d segments", judgements, segments)
			require.Greater(t, segments, judgements/2, "there was enough to be judged most of the day")
		})
	}
}
