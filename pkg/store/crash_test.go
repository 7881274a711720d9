package store

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/engine"
	"github.com/sightline-rum/sightline/pkg/engine/enginetest"
)

// An engine killed at a random moment of an insert leaves any part of it done: some tables, a table and some of its
// views, a view and none of the views behind it. The retry must make all of them exact.
func TestKillingTheEngineDuringInsertsDoublesAndLosesNothing(t *testing.T) {
	kills := 6
	if testing.Short() {
		kills = 2
	}
	supervisor := enginetest.Supervise(t, t.TempDir())
	const visitsOfABatch = 400
	var s *Store
	killed, halfWritten, batches := 0, 0, 0
	for ; killed < kills && batches < 20*kills; batches++ {
		batch := counted(visits(batches*visitsOfABatch, (batches+1)*visitsOfABatch))
		token := fmt.Sprintf("spool:%d:%d", batches*10, batches*10+9)
		for attempt := 0; ; attempt++ {
			access := ready(t, supervisor)
			if s == nil || attempt > 0 {
				if s != nil {
					require.NoError(t, s.Close())
				}
				s = reopen(t, access)
			}
			if attempt == 0 && batches > 0 {
				after := time.Duration(rand.IntN(220)) * time.Millisecond
				time.AfterFunc(after, func() { _ = syscall.Kill(access.PID, syscall.SIGKILL) })
			}
			err := s.Insert(t.Context(), token, batch)
			if err == nil {
				break
			}
			require.Less(t, attempt, 5, "%v", err)
			killed++
			found := stateAfterKill(t, supervisor)
			if found != expected(batches*visitsOfABatch, batches) &&
				found != expected((batches+1)*visitsOfABatch, batches+1) {
				halfWritten++
			}
		}
	}
	s = reopen(t, ready(t, supervisor))
	require.Equal(t, expected(batches*visitsOfABatch, batches), state(t, s))
	t.Logf("%d batches, %d inserts killed, %d of them half written", batches, killed, halfWritten)
}

func ready(t *testing.T, supervisor *engine.Supervisor) engine.Access {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		access, err := supervisor.Ready(ctx)
		require.NoError(t, err)
		// A process just killed may still be the one that was ready last.
		if _, err := os.Stat(fmt.Sprintf("/proc/%d/exe", access.PID)); err == nil {
			return access
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func reopen(t *testing.T, access engine.Access) *Store {
	s, err := Open(FromAccess(access.Address, access.Database, access.Writer.User, access.Writer.Password))
	require.NoError(t, err)
	require.NoError(t, s.Migrate(t.Context()))
	return s
}

func stateAfterKill(t *testing.T, supervisor *engine.Supervisor) string {
	s := reopen(t, ready(t, supervisor))
	defer s.Close()
	return state(t, s)
}
