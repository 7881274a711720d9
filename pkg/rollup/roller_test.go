package rollup

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTheRollerRollsClosedHoursAtOnceAndTheOpenOneSeldom(t *testing.T) {
	s := migrated(t)
	open := time.Now().UTC().Truncate(time.Hour).Add(time.Hour) // is not over before this test is
	closed := open.Add(-3 * time.Hour)
	roller := NewRoller(Of(s), RollerOptions{OpenHour: 24 * time.Hour})
	generation := func(start time.Time) int64 {
		m, err := Of(s).marker(t.Context(), Tables[0], Hour{"shop", start})
		require.NoError(t, err)
		return m.generation
	}
	at := time.Now()
	for round, token := range []string{"a", "b", "c"} {
		insert(t, s, token, visit(2*round, open), visit(2*round+1, closed))
		at = at.Add(time.Hour)
		require.NoError(t, roller.round(t.Context(), at))
	}
	require.EqualValues(t, 3, generation(closed))
	require.EqualValues(t, 1, generation(open), "not again within its pause")
	require.NoError(t, roller.round(t.Context(), at.Add(25*time.Hour)))
	require.EqualValues(t, 2, generation(open))
}

func TestTheRollerGoesOnAfterAFailure(t *testing.T) {
	s := migrated(t)
	insert(t, s, "a", visit(1, noon))
	require.NoError(t, s.Conn().Exec(t.Context(), "RENAME TABLE errors_1m TO errors_away"))
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	roller := NewRoller(Of(s), RollerOptions{Pause: 10 * time.Millisecond})
	require.Error(t, roller.round(ctx, time.Now()))
	go func() { roller.Run(ctx); close(ended) }()
	require.NoError(t, s.Conn().Exec(t.Context(), "RENAME TABLE errors_away TO errors_1m"))
	require.Eventually(t, func() bool {
		behind, err := Of(s).Behind(t.Context(), Range{})
		return err == nil && len(behind) == 0
	}, time.Minute, 10*time.Millisecond)
	stop()
	<-ended
}
