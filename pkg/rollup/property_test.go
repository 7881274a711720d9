package rollup

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/sightline-rum/sightline/pkg/rum"
	"github.com/sightline-rum/sightline/pkg/store"
)

// history is what happens to a store, as a plain list of the beacons that are left in the end.
type history struct {
	t       *testing.T
	store   *store.Store
	beacons []*rum.Beacon
	visits  int
	batches int
	reports int64
}

// insert stores beacons, perhaps more than once under the same token.
func (h *history) insert(tries int, beacons ...*rum.Beacon) {
	h.batches++
	for range tries {
		insert(h.t, h.store, fmt.Sprint("batch ", h.batches), beacons...)
	}
	h.beacons = append(h.beacons, beacons...)
}

func (h *history) visitsAt(draw *rapid.T) []*rum.Beacon {
	var some []*rum.Beacon
	for range rapid.IntRange(1, 40).Draw(draw, "visits") {
		at := noon.Add(time.Duration(rapid.IntRange(0, 179).Draw(draw, "minute")) * time.Minute)
		h.visits++
		some = append(some, visit(h.visits, at))
	}
	return some
}

// report makes a metric that was reported be reported again: higher or lower, perhaps from another page.
func (h *history) report(draw *rapid.T) *rum.Beacon {
	of := rapid.SampledFrom(h.beacons).Draw(draw, "of")
	b := *of
	b.Requests, b.Errors, b.Vitals = nil, nil, slices.Clone(of.Vitals)
	h.reports++
	b.Vitals[0].ReportedAt = b.Vitals[0].TS + 1000*h.reports // later than any before
	b.Vitals[0].Value = rapid.Float64Range(0, 9000).Draw(draw, "value")
	b.Vitals[0].Route = rapid.SampledFrom([]string{"/0", "/1", "/elsewhere"}).Draw(draw, "route")
	return &b
}

func (h *history) erase(session string) {
	subject := store.Subject{App: "shop", Sessions: []string{session}}
	hours, err := h.store.TouchedHours(h.t.Context(), subject)
	require.NoError(h.t, err)
	require.NoError(h.t, h.store.EraseRows(h.t.Context(), subject))
	require.NoError(h.t, h.store.MarkHours(h.t.Context(), hours))
	h.beacons = slices.DeleteFunc(h.beacons, func(b *rum.Beacon) bool { return b.Context.SessionID == session })
}

// Whatever happens while others roll, in the end every roll-up is what plain Go counts.
func TestWhateverHappensRollUpsAreExactInTheEnd(t *testing.T) {
	rapid.Check(t, func(draw *rapid.T) {
		h := &history{t: t, store: migrated(t)}
		rolling, stop := context.WithCancel(t.Context())
		var rollers sync.WaitGroup
		for range 2 {
			rollers.Go(func() {
				for rolling.Err() == nil {
					_, err := Of(h.store).Backfill(rolling, Range{}, false, func(Progress) {})
					if err != nil && rolling.Err() == nil {
						t.Error(err)
						return
					}
				}
			})
		}
		for range rapid.IntRange(1, 6).Draw(draw, "steps") {
			switch what := rapid.IntRange(0, 3).Draw(draw, "what"); {
			case what == 0 && len(h.beacons) > 0:
				h.erase(fmt.Sprint("session-", rapid.IntRange(0, 9).Draw(draw, "session")))
			case what == 1 && len(h.beacons) > 0:
				h.insert(1, h.report(draw), h.report(draw))
			default:
				h.insert(rapid.IntRange(1, 2).Draw(draw, "tries"), h.visitsAt(draw)...)
			}
		}
		stop()
		rollers.Wait()
		backfill(t, h.store)
		requireExact(t, h.store, h.beacons)
	})
}
