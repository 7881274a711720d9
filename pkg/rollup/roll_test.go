package rollup

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/rum"
	"github.com/sightline-rum/sightline/pkg/store"
)

// someVisits are spread over three hours.
func someVisits(from, to int) (beacons []*rum.Beacon) {
	for n := from; n < to; n++ {
		beacons = append(beacons, visit(n, noon.Add(time.Duration(n%180)*time.Minute)))
	}
	return beacons
}

func TestRollUpsEqualTheRowsToTheCount(t *testing.T) {
	s := migrated(t)
	beacons := someVisits(0, 300)
	insert(t, s, "a", beacons...)
	insert(t, s, "a", beacons...) // a batch that is tried again
	require.Equal(t, 3, backfill(t, s).Done)
	requireExact(t, s, beacons)
	require.Zero(t, backfill(t, s).Of, "nothing is behind")

	// Reported again: lower, and from another page; and a beacon that comes late.
	beacons = append(beacons, again(7, noon.Add(7*time.Minute), 120, "/elsewhere"), visit(300, noon.Add(time.Minute)))
	insert(t, s, "b", beacons[300:]...)
	require.Equal(t, 1, backfill(t, s).Done)
	requireExact(t, s, beacons)
}

// A metric of which some reports were kept at one sampling rate and the last at another counts with the last one's.
func TestTheWeightOfTheLastReportCounts(t *testing.T) {
	s := migrated(t)
	first, last := visit(1, noon), again(1, noon, 900, "/")
	last.Context.Weight = 8000
	insert(t, s, "a", first)
	backfill(t, s)
	insert(t, s, "b", last)
	backfill(t, s)
	requireExact(t, s, []*rum.Beacon{first, last})
}

func TestRollersThatRaceCountNothingTwice(t *testing.T) {
	s := migrated(t)
	var beacons []*rum.Beacon
	for round := range 4 {
		some := someVisits(round*100, round*100+100)
		insert(t, s, fmt.Sprint(round), some...)
		beacons = append(beacons, some...)
		var rollers sync.WaitGroup
		for range 3 {
			rollers.Go(func() {
				if _, err := Of(s).Backfill(context.Background(), Range{}, false, func(Progress) {}); err != nil {
					t.Error(err)
				}
			})
		}
		rollers.Wait()
	}
	requireExact(t, s, beacons)
}

// Two rolls that begin at the same generation would both insert the same difference.
func TestOfTwoRollsFromTheSameGenerationOneIsInserted(t *testing.T) {
	s := migrated(t)
	beacons := someVisits(0, 100)
	insert(t, s, "a", beacons...)
	r, h := Of(s), Hour{"shop", noon}
	for _, table := range Tables {
		for range 2 {
			rows, err := r.inserted(t.Context(), h)
			require.NoError(t, err)
			require.NoError(t, r.insertDifference(t.Context(), table, h, 1, rows))
		}
		m, err := r.marker(t.Context(), table, h)
		require.NoError(t, err)
		require.EqualValues(t, 1, m.generation, table.Name)
		var parts uint64
		require.NoError(t, s.Conn().QueryRow(t.Context(), "SELECT uniqExact(_part) FROM "+table.Name).Scan(&parts))
		require.EqualValues(t, 1, parts, "the store knew %s's token", table.Name)
	}
	backfill(t, s)
	requireExact(t, s, beacons)
}

// A block that was cut in two could be half there after a crash, with or without its marker.
func TestHoweverManyCellsARollIsOneBlock(t *testing.T) {
	s := migrated(t)
	for n := range 3 {
		require.NoError(t, s.Conn().Exec(t.Context(), fmt.Sprintf(`
			INSERT INTO errors (ts, app, environment, traffic, release, weight, fingerprint)
			SELECT toDateTime64('%s', 3, 'UTC') + number %% 3600, 'shop', 'production', 'real', '1', 1000,
			  toString(number + %d) FROM numbers(400000)`, noon.Format("2006-01-02 15:04:05"), n*400_000)))
	}
	insert(t, s, "a", visit(0, noon))
	errors := Tables[len(Tables)-1]
	require.Equal(t, "errors_1m", errors.Name)
	_, err := Of(s).Roll(t.Context(), errors, Hour{"shop", noon})
	require.NoError(t, err)
	// A roll that lost the race, and has found other rows: its token is known, so nothing of it is inserted.
	require.NoError(t, s.Conn().Exec(t.Context(), "DELETE FROM errors WHERE fingerprint LIKE '%7'"))
	require.NoError(t, Of(s).insertDifference(t.Context(), errors, Hour{"shop", noon}, 1, 1))
	var cells uint64
	var part string
	require.NoError(t, s.Conn().QueryRow(t.Context(), "SELECT count(), any(_part) FROM errors_1m").Scan(&cells, &part))
	require.EqualValues(t, 1_200_002, cells)
	require.Regexp(t, "_1_1_[0-9]$", part, "of one block, not merged of several")
}

// Somebody restores a table from a backup, or empties it: the store still knows the tokens of what is gone.
func TestATableThatWasEmptiedIsFilledAgain(t *testing.T) {
	s := migrated(t)
	beacons := someVisits(0, 100)
	insert(t, s, "a", beacons...)
	backfill(t, s)
	for _, table := range Tables {
		require.NoError(t, s.Conn().Exec(t.Context(), "TRUNCATE TABLE "+table.Name))
	}
	backfill(t, s)
	requireExact(t, s, beacons)
}

func TestAnHourWhoseRowsMayHaveExpiredIsRefused(t *testing.T) {
	s := migrated(t)
	old := Hour{"shop", time.Now().UTC().Truncate(time.Hour).Add(-30 * 24 * time.Hour)}
	for _, table := range Tables {
		_, err := Of(s).Roll(t.Context(), table, old)
		var tooOld *TooOldError
		require.ErrorAs(t, err, &tooOld, table.Name)
		require.ErrorContains(t, err, "the oldest hour that can be rolled is")
		_, err = Of(s).Roll(t.Context(), table, Hour{"shop", tooOld.Oldest})
		require.NoError(t, err)
	}

	// An app may keep its rows for a shorter time, and a table for another than it was made with.
	insert(t, s, "a", visit(0, noon))
	short := Of(s).KeepingApps(map[string]int{"shop": 1})
	_, err := short.Roll(t.Context(), Tables[0], Hour{"shop", noon})
	require.ErrorContains(t, err, "may have expired")
	behind, err := short.Behind(t.Context(), Range{})
	require.NoError(t, err)
	require.Empty(t, behind)
	require.NoError(t, s.Conn().Exec(t.Context(), "ALTER TABLE vitals MODIFY TTL toDateTime(ts) + INTERVAL 1 DAY"))
	_, err = Of(s).Roll(t.Context(), Tables[0], Hour{"shop", noon})
	require.ErrorContains(t, err, "may have expired")
	_, err = Of(s).Roll(t.Context(), Tables[0], Hour{"shop", noon.Add(time.Minute)})
	require.ErrorContains(t, err, "not the start of an hour")
}

func TestACheckFindsWhatIsMissingAndARepairMendsIt(t *testing.T) {
	s := migrated(t)
	beacons := someVisits(0, 100)
	insert(t, s, "a", beacons...)
	backfill(t, s)
	require.NoError(t, s.Conn().Exec(t.Context(), fmt.Sprintf(`INSERT INTO hist_1h_route_country
		(app, metric, hour, environment, traffic, route, country, bucket, samples, weight)
		VALUES ('shop', 'lcp', fromUnixTimestamp(%d), 'production', 'real', '/', 'NL', 900, -3, -3000)`, noon.Unix())))
	checked, err := Of(s).Check(t.Context(), Range{}, nil)
	require.NoError(t, err)
	require.Len(t, checked.Differences, 1)
	d := checked.Differences[0]
	require.Equal(t, "hist_1h_route_country", d.Table.Name)
	require.EqualValues(t, 1, d.Cells)
	require.EqualValues(t, 3, d.Samples)
	require.Contains(t, d.String(), "bucket=900")
	require.Equal(t, 2*len(Tables)-1, checked.Exact)

	insert(t, s, "b", visit(1000, noon.Add(time.Hour)))
	checked, err = Of(s).Check(t.Context(), Range{From: noon.Add(time.Hour)}, nil)
	require.NoError(t, err)
	require.Equal(t, len(Tables), checked.Behind, "what is behind is no difference")
	require.Empty(t, checked.Differences)

	_, err = Of(s).Backfill(t.Context(), Range{App: "shop"}, true, func(Progress) {})
	require.NoError(t, err)
	requireExact(t, s, append(beacons, visit(1000, noon.Add(time.Hour))))
}

// The rows of some visits are erased, and their hours marked, as pkg/erase does.
func TestAfterAnErasureTheHourIsRolledAgain(t *testing.T) {
	s := migrated(t)
	beacons := someVisits(0, 100)
	insert(t, s, "a", beacons...)
	backfill(t, s)
	subject := store.Subject{App: "shop", Sessions: []string{"session-3"}}
	hours, err := s.TouchedHours(t.Context(), subject)
	require.NoError(t, err)
	require.NoError(t, s.EraseRows(t.Context(), subject))
	require.NoError(t, s.MarkHours(t.Context(), hours))
	require.Equal(t, len(hours), backfill(t, s).Done)
	var left []*rum.Beacon
	for _, b := range beacons {
		if b.Context.SessionID != "session-3" {
			left = append(left, b)
		}
	}
	requireExact(t, s, left)
}
