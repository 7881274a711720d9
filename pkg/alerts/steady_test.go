package alerts

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/demo/traffic"
	"github.com/sightline-rum/sightline/pkg/rum"
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

// Four releases without a fault go out in an ordinary day. The rule that does not wait for five minutes is judged as
// often as Grafana would in the hour after each, which is when it says anything at all.
func TestAnOrdinaryReleaseFiresNothing(t *testing.T) {
	anchor := time.Now().Truncate(time.Minute)
	plan, err := traffic.New(traffic.Config{Seed: 9, Anchor: anchor, Backfill: 26 * time.Hour, Sessions: 12_000})
	require.NoError(t, err)
	releases := make([]time.Time, 4)
	for i := range releases {
		releases[i] = anchor.Add(time.Duration(i-len(releases)) * 6 * time.Hour)
	}
	w := newWorld(t, "releases", plan, func(b *rum.Beacon) {
		for i, at := range releases {
			if happened(b) >= at.UnixMilli() {
				b.Context.Release = fmt.Sprintf("2.5.%d", i)
			}
		}
	})
	r := ruleByUID(t, soonUID)
	young := 0
	for _, release := range releases {
		for at := release.Add(time.Minute); at.Before(release.Add(time.Hour)); at = at.Add(time.Minute) {
			for _, segment := range w.judge(t, r, at) {
				require.Zero(t, segment.value, "%s holds for {%s} at %s", r.Title, segment.labels, at)
			}
			for _, deploy := range w.ask(t, at, r.part(t, "D"))["D"] {
				if deploy.value >= 0 && deploy.value < 60 {
					young++
				}
			}
		}
	}
	require.Greater(t, young, 200, "the rule looked at the new releases")
}

// happened is the time of a beacon's first item, in Unix milliseconds.
func happened(b *rum.Beacon) int64 {
	for _, view := range b.Views {
		return view.TS
	}
	for _, vital := range b.Vitals {
		return vital.TS
	}
	for _, request := range b.Requests {
		return request.TS
	}
	for _, met := range b.Errors {
		return met.TS
	}
	for _, action := range b.Actions {
		return action.TS
	}
	return 0
}
