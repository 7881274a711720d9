package e2e

import (
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"github.com/sightline-rum/sightline/pkg/bench/faults"
	"github.com/sightline-rum/sightline/pkg/engine"
)

// Power cuts, of the sidecar and of its engine in turns, at random moments.
func TestFaultKillsLoseAndDoubleNothing(t *testing.T) {
	kills := long(10, 50)
	s := startSidecar(t)
	load := startLoad(s, 8)

	random := rand.New(rand.NewPCG(1, 2))
	for range kills {
		more(t, load, 40) // a sidecar that is only starting has nothing to lose
		time.Sleep(time.Duration(300+random.IntN(900)) * time.Millisecond)
		if access, err := engine.ReadAccess(s.data); err == nil {
			_ = syscall.Kill(access.PID, syscall.SIGKILL)
		}
		time.Sleep(time.Duration(300+random.IntN(900)) * time.Millisecond)
		s.kill()
		s.start()
	}
	load.stop()
	s.waitReady()
	s.waitDrained()
	account(t, s, load, faults.Case{Order: 1, Fault: "`kill -9` under load",
		How: fmt.Sprintf("%d times each of sidecar and engine, at random moments, 8 clients", kills)})
}
