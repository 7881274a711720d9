package rollup

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/rum"
	"github.com/sightline-rum/sightline/pkg/store"
)

// daysAgo is noon of a day.
func daysAgo(n int) time.Time {
	return time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, -n).Add(12 * time.Hour)
}

// coveredOf is how many rows are counted of an hour, and how many there are, table by table.
func coveredOf(t *testing.T, r *Rollups, h Hour) (covered []int64, inserted int64) {
	t.Helper()
	rows, err := r.inserted(t.Context(), h)
	require.NoError(t, err)
	for _, table := range Tables {
		m, err := r.marker(t.Context(), table, h)
		require.NoError(t, err)
		covered = append(covered, m.covered)
	}
	return covered, int64(rows)
}

// kept is how many samples a roll-up has of an hour, table by table.
func kept(t *testing.T, r *Rollups, h Hour) (samples []int64) {
	t.Helper()
	for _, table := range Tables {
		_, n, err := r.sizes(t.Context(), table, h)
		require.NoError(t, err)
		samples = append(samples, n)
	}
	return samples
}

// expired is a store with the counts of an hour whose app has kept its rows for three days only, and has none any more.
func expired(t *testing.T) (*store.Store, Hour) {
	s := migrated(t)
	var beacons []*rum.Beacon
	at := daysAgo(5)
	for n := range 20 {
		beacons = append(beacons, visit(n, at.Add(time.Duration(n)*time.Minute)))
	}
	insert(t, s, "a", beacons...)
	insert(t, s, "b", visit(100, daysAgo(1)))
	backfill(t, s)
	_, err := s.Expire(t.Context(), store.Retention{Apps: map[string]int{"shop": 3}}, time.Now())
	require.NoError(t, err)
	return s, Hour{"shop", at}
}

var ofTwenty = []int64{20, 20, 20, 20, 40, 40, 20}

// Nobody tells these commands of the app's own retention: what the store has noted is enough.
func TestCountsOfRowsThatRetentionRemovedAreLeftAlone(t *testing.T) {
	s, h := expired(t)
	_, err := Of(s).Backfill(t.Context(), Range{}, true, func(Progress) {})
	require.NoError(t, err)
	require.NoError(t, Of(s).RollHours(t.Context(), []Hour{h}))
	require.Equal(t, ofTwenty, kept(t, Of(s), h))
	_, err = Of(s).Repair(t.Context(), Tables[0], h)
	require.ErrorContains(t, err, "some of its raw rows may have expired")

	checked, err := Of(s).Check(t.Context(), Range{}, nil)
	require.NoError(t, err)
	require.Empty(t, checked.Differences, "that its rows are gone is no difference")
	require.Zero(t, checked.Behind)
	require.Equal(t, len(Tables), checked.Exact, "the hours that have rows are compared")
}

// A retention that is made longer does not bring back what a shorter one has removed.
func TestATableThatKeepsItsRowsForLongerHasOldHoursLeftAlone(t *testing.T) {
	s := migrated(t)
	for _, days := range []int{5, 30} {
		changes, err := s.RetentionChanges(t.Context(), store.Retention{Tables: map[string]int{"vitals": days}})
		require.NoError(t, err)
		require.NoError(t, s.ApplyRetention(t.Context(), changes))
	}
	var tooOld *TooOldError
	_, err := Of(s).Roll(t.Context(), Tables[0], Hour{"shop", daysAgo(10)})
	require.ErrorAs(t, err, &tooOld)
	require.WithinRange(t, tooOld.Oldest, daysAgo(6), daysAgo(4))
	_, err = Of(s).Roll(t.Context(), Tables[0], Hour{"shop", daysAgo(3)})
	require.NoError(t, err)
	requests := Tables[4]
	require.Equal(t, "requests", requests.Source)
	_, err = Of(s).Roll(t.Context(), requests, Hour{"shop", daysAgo(10)})
	require.NoError(t, err, "those of other tables were there all the time")
}

func TestAnOldHourThatAnErasureMarksIsAnsweredFromWhatItHas(t *testing.T) {
	s, h := expired(t)
	require.NoError(t, s.MarkHours(t.Context(), []store.TouchedHour{{App: h.App, Hour: h.Start}}))
	require.NoError(t, Of(s).RollHours(t.Context(), []Hour{h}))
	covered, inserted := coveredOf(t, Of(s), h)
	for i, n := range covered {
		require.Equal(t, inserted, n, "%s is not behind for ever", Tables[i].Name)
	}
	require.Equal(t, ofTwenty, kept(t, Of(s), h))
}

// Beacons up to seven days old are taken, also for apps that keep their visits for three.
func TestAnOldHourWithALateBeaconIsAnsweredFromWhatItHas(t *testing.T) {
	s, h := expired(t)
	insert(t, s, "late", visit(200, h.Start))
	roller := NewRoller(Of(s), RollerOptions{})
	require.NoError(t, roller.round(t.Context(), time.Now()))
	covered, inserted := coveredOf(t, Of(s), h)
	for i, n := range covered {
		require.Equal(t, inserted, n, Tables[i].Name)
	}
	require.Equal(t, ofTwenty, kept(t, Of(s), h))
	closed, err := Of(s).CloseOld(t.Context(), Range{})
	require.NoError(t, err)
	require.Zero(t, closed, "it is closed once")
}

// Rows are dropped some hours after they are old enough. As long as they know as much as the roll-up, they answer.
func TestAnOldHourIsNotClosedBeforeItsRowsAreGone(t *testing.T) {
	s := migrated(t)
	at := daysAgo(5)
	insert(t, s, "a", visit(1, at))
	backfill(t, s)
	insert(t, s, "b", visit(2, at))
	insert(t, s, "c", visit(3, at.Add(-time.Hour)))
	short := Of(s).KeepingApps(map[string]int{"shop": 3})
	closed, err := short.CloseOld(t.Context(), Range{})
	require.NoError(t, err)
	require.Zero(t, closed)

	_, err = s.Expire(t.Context(), store.Retention{Apps: map[string]int{"shop": 3}}, time.Now())
	require.NoError(t, err)
	closed, err = short.CloseOld(t.Context(), Range{})
	require.NoError(t, err)
	require.Equal(t, len(Tables), closed)
	covered, _ := coveredOf(t, short, Hour{"shop", at.Add(-time.Hour)})
	require.Equal(t, make([]int64, len(Tables)), covered, "an hour that was never counted is not said to be")
}
