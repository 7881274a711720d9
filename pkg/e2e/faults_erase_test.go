package e2e

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/bench/faults"
	"github.com/sightline-rum/sightline/pkg/engine"
)

// A visit is erased while sidecar and engine are killed and its page goes on sending.
func TestFaultAnErasureIsCarriedThroughKills(t *testing.T) {
	s := startSidecar(t)
	load := startLoad(s, 4)
	random := rand.New(rand.NewPCG(5, 6))
	erasures, late := long(1, 5), 0
	for n := range erasures {
		session := fmt.Sprintf("erased-%d", n)
		for range 50 {
			visitOf(s, session)
		}
		more(t, load, 100)
		_, _ = s.run("erase", "--session", session, "--wait", "0")
		var killing sync.WaitGroup
		killing.Go(func() {
			for range 3 {
				time.Sleep(time.Duration(random.IntN(400)) * time.Millisecond)
				if access, err := engine.ReadAccess(s.data); err == nil {
					_ = syscall.Kill(access.PID, syscall.SIGKILL)
				}
				if visitOf(s, session) {
					late++
				}
			}
		})
		killing.Wait()
		s.kill()
		s.start()
		s.waitReady()
		// Whoever asked asks again when a sidecar died on them: the same erasure is carried through once.
		var said string
		require.Eventually(t, func() bool {
			var err error
			said, err = s.run("erase", "--session", session, "--wait", "1m")
			return err == nil
		}, 3*time.Minute, time.Second, "the erasure never ends")
		require.Contains(t, said, "verified: ")
		if visitOf(s, session) {
			late++
		}
	}
	load.stop()
	s.waitDrained()
	left := uint64(0)
	for _, table := range []string{"events", "session_events", "sessions"} {
		left += s.number("SELECT count() FROM " + table + " WHERE startsWith(session_id, 'erased-')")
	}
	require.Zero(t, left, "rows of an erased visit came back")
	require.Contains(t, s.dump(t), "shop", "the rest stays")
	// Hours count what was inserted, also what was erased since.
	sameTimeline(t, s)
	accountLoad(t, s, load, faults.Case{Order: 13, Fault: "erasure under kills",
		How: fmt.Sprintf("%d visits erased while the engine is killed three times and the sidecar once, each", erasures),
		Figures: fmt.Sprintf("0 rows left of them, also after %d beacons of theirs that came late; the others as they were",
			late)})
}

// visitOf sends one event of a visit, and reports whether it was acknowledged.
func visitOf(s *sidecar, session string) bool {
	body := fmt.Sprintf(`{"meta":{"app":{"name":"shop"},"session":{"id":%q}},"events":[{"name":"x"}]}`, session)
	answer, err := http.Post(s.url("/collect"), "application/json", strings.NewReader(body))
	if err != nil {
		return false
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, answer.Body)
	return answer.StatusCode == http.StatusAccepted
}
