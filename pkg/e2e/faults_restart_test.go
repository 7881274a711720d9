package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/bench/faults"
)

// An operator restarts the sidecar, and again, while it works off a backlog.
func TestFaultRestartsWhileDrainingLoseAndDoubleNothing(t *testing.T) {
	restarts := long(5, 50)
	s, store, w := startBehindWire(t)
	load := startLoad(s, 4)
	w.set(refuses)
	more(t, load, long(2_000, 20_000))
	w.set(sound)
	interrupted := 0
	for n := range restarts {
		// Some restarts come while the sidecar is starting, some while it drains.
		time.Sleep(time.Duration(n%5) * 200 * time.Millisecond)
		s.stop()
		s.start()
		require.Eventually(t, func() bool { return s.metric("go_goroutines") > 0 }, time.Minute, 10*time.Millisecond,
			"the sidecar takes no beacons after a restart")
		if s.metric("sightline_spool_records") > 0 {
			interrupted++
		}
	}
	load.stop()
	s.waitReady()
	s.waitDrained()
	account(t, store, load, faults.Case{Order: 7, Fault: "restarts during the drain",
		How:     fmt.Sprintf("SIGTERM %d times in a row with a backlog, under load", restarts),
		Figures: fmt.Sprintf("%d starts found a backlog; each stop ended within 30 s by itself", interrupted)})
}
