package rollup

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/engine/enginetest"
	"github.com/sightline-rum/sightline/pkg/rum"
)

// Whenever the engine dies, or whoever rolls goes away in the middle of a statement: what is rolled up afterwards is
// exact.
func TestKillingABackfillLeavesNothingWrong(t *testing.T) {
	kills := 6
	if testing.Short() {
		kills = 2
	}
	supervisor := enginetest.Supervise(t, t.TempDir())
	ready := func() (pid int, r *Rollups) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		for {
			access, err := supervisor.Ready(ctx)
			require.NoError(t, err)
			// A process just killed may still be the one that was ready last.
			if _, err := os.Stat(fmt.Sprintf("/proc/%d/exe", access.PID)); err == nil {
				return access.PID, Of(open(t, access, access.Database))
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	_, r := ready()
	var beacons []*rum.Beacon
	at := func(n int) time.Time { return noon.Add(time.Duration(n*37%480) * time.Minute) }
	for kill := range kills {
		for n := kill * 200; n < kill*200+200; n++ {
			beacons = append(beacons, visit(n, at(n)))
		}
		if kill > 0 { // metrics that were rolled up already are reported again
			beacons = append(beacons, again(kill, at(kill), float64(90*kill), "/elsewhere"))
		}
		insert(t, r.store, fmt.Sprint("kill ", kill), beacons[len(beacons)-200-min(kill, 1):]...)

		pid, fresh := ready()
		ctx, leave := context.WithCancel(t.Context())
		stop := rand.IntN(7)
		_, err := fresh.Backfill(ctx, Range{}, false, func(p Progress) {
			if p.Done != stop {
				return
			}
			after := time.Duration(rand.IntN(60)) * time.Millisecond
			if kill%2 == 0 {
				time.AfterFunc(after, func() { _ = syscall.Kill(pid, syscall.SIGKILL) })
			} else {
				time.AfterFunc(after, leave)
			}
		})
		leave()
		t.Logf("stopped at hour %d: %v", stop, err)
		require.Eventually(t, func() bool { // the kill may come after the backfill
			_, again := ready()
			_, err = again.Backfill(t.Context(), Range{}, false, func(Progress) {})
			r = again
			return err == nil
		}, 2*time.Minute, 100*time.Millisecond, "%v", err)
	}
	_, r = ready()
	requireExact(t, r.store, beacons)
}
