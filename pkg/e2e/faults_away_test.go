package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/bench/faults"
)

// The store is away while beacons keep coming, and they go on coming when it is back.
func TestFaultAStoreThatIsAwayIsCaughtUpWith(t *testing.T) {
	away := startSidecar(t)
	s := newSidecar(t)
	t.Cleanup(s.stop)
	s.flags = []string{"--clickhouse", away.dsn()}
	s.start()
	s.waitReady()
	load := startPacedLoad(s, 8, 20*time.Millisecond)
	require.Eventually(t, func() bool { return load.count() > 500 }, time.Minute, 10*time.Millisecond)

	away.kill()
	gone, since := time.Now(), load.count()
	time.Sleep(time.Second)
	before := s.memory()
	if more := long(5_000, 0); more > 0 {
		require.Eventually(t, func() bool { return load.count() > since+more }, 2*time.Minute, 10*time.Millisecond)
	} else {
		time.Sleep(4 * time.Minute)
	}
	grown := s.memory() - before
	arrival := float64(load.count()-since) / time.Since(gone).Seconds()
	require.Less(t, grown, 64*mebibyte, "memory grew with the backlog")

	away.start()
	away.waitReady()
	back, backlog := time.Now(), s.metric("sightline_spool_records")
	lasted := back.Sub(gone)
	atReturn := load.count()
	// Never quite empty under load: less than two seconds of it waits.
	require.Eventually(t, func() bool { return s.metric("sightline_spool_records") < 2*arrival }, 5*time.Minute,
		20*time.Millisecond, "the backlog is never caught up with")
	took := time.Since(back)
	drained := (backlog + float64(load.count()-atReturn)) / took.Seconds()
	load.stop()
	s.waitDrained()
	account(t, away, load, faults.Case{Order: 2, Fault: "store down, then back",
		How: fmt.Sprintf("the engine is killed and stays away for %s; beacons keep coming, also afterwards", lasted.Round(time.Second)),
		Figures: fmt.Sprintf("backlog of %.0f records; memory of the sidecar grew by %d MiB; %.0f beacons/s arrived, %.0f/s were "+
			"drained (%.1f times), caught up after %s", backlog, grown>>20, arrival, drained, drained/arrival,
			took.Round(100*time.Millisecond))})
}
