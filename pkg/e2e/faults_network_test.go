package e2e

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/bench/faults"
)

// startBehindWire runs a sidecar whose store is another one's engine, behind a wire.
func startBehindWire(t *testing.T) (s, store *sidecar, w *wire) {
	store = startSidecar(t)
	_, address, _ := strings.Cut(store.dsn(), "@")
	address, _, _ = strings.Cut(address, "/")
	w = newWire(t, address)
	s = newSidecar(t)
	t.Cleanup(s.stop)
	s.flags = []string{"--clickhouse", strings.Replace(store.dsn(), address, w.address(), 1)}
	s.start()
	s.waitReady()
	return s, store, w
}

// The worst is the insert whose answer is lost: its rows are in, and the sidecar cannot know.
func TestFaultNetworkCutsLoseAndDoubleNothing(t *testing.T) {
	s, store, w := startBehindWire(t)
	load := startPacedLoad(s, 4, 10*time.Millisecond)
	random := rand.New(rand.NewPCG(3, 4))
	ends := time.Now().Add(long(8*time.Second, time.Minute))
	for round := 0; time.Now().Before(ends); round++ {
		// Each fault in turn, so that every one of them has hit something also in a short run.
		w.set(1 + fault(round)%(late-1))
		time.Sleep(time.Duration(100+random.IntN(600)) * time.Millisecond)
		w.set(sound)
		time.Sleep(time.Duration(random.IntN(900)) * time.Millisecond)
	}
	load.stop()
	s.waitDrained()
	hit := w.hits()
	require.Positive(t, hit[cutAnswers]+hit[halfAnswer], "no answer was ever cut off")
	account(t, store, load, faults.Case{Order: 8, Fault: "network cut between sidecar and store",
		How: fmt.Sprintf("a proxy that refuses, holds, cuts requests and answers in the middle and half closes, for %s",
			long("seconds", "a minute")),
		Figures: fmt.Sprintf("%d connections closed, %d pieces held, %d requests and %d answers cut off, %d half closed",
			hit[refuses], hit[holds], hit[cutAsked], hit[cutAnswers], hit[halfAnswer])})
}

// A store that answers only after a while has answered, in the end.
func TestFaultASlowStoreIsWaitedForInFlatMemory(t *testing.T) {
	s, store, w := startBehindWire(t)
	w.delay = long(2*time.Second, 20*time.Second)
	load := startPacedLoad(s, 4, 10*time.Millisecond)
	require.Eventually(t, func() bool { return load.count() > 500 }, time.Minute, 10*time.Millisecond)
	before := s.memory()
	w.set(late)
	time.Sleep(long(7*time.Second, 2*time.Minute))
	grown := s.memory() - before
	load.stop()
	waiting := s.metric("sightline_spool_records")
	w.set(sound)
	s.waitDrained()
	require.Positive(t, w.hits()[late])
	// Each batch gathers what came during the one before, so the one that is held is larger than usual, up to its bound.
	require.Less(t, grown, 192*mebibyte, "memory grew by more than a batch")
	account(t, store, load, faults.Case{Order: 9, Fault: "slow store",
		How: fmt.Sprintf("every answer of the store comes %s late, for %s", w.delay, long("7 s", "2 min")),
		Figures: fmt.Sprintf("%.0f records waited; memory of the sidecar grew by %d MiB; slowest acknowledgement %s", waiting,
			grown>>20, load.slowest.Round(time.Millisecond))})
}
