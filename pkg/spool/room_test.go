package spool

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestADiskThatIsNearlyFullRefusesBeforeItIsFull(t *testing.T) {
	s := open(t, t.TempDir(), Options{ReserveBytes: 100 << 20})
	disk := uint64(1 << 40)
	s.room.free = func(string) (uint64, error) { return disk, nil }
	fill := func(free uint64) float64 {
		disk, s.room.asked = free, time.Time{}
		return s.Fill()
	}
	require.Zero(t, fill(1<<40))
	require.Zero(t, fill(200<<20))
	require.InDelta(t, 0.5, fill(150<<20), 0.001)
	require.NoError(t, s.Append(t.Context(), []byte("a")))
	require.InDelta(t, 1, fill(99<<20), 0.001)
	err := s.Append(t.Context(), []byte("b"))
	require.ErrorIs(t, err, ErrNoSpace)
	require.ErrorContains(t, err, "99 MiB are left")
	require.EqualValues(t, 1, s.Depth())

	require.InDelta(t, 0, fill(1<<40), 0.001, "space returns")
	require.NoError(t, s.Append(t.Context(), []byte("b")))

	s.room.free = func(string) (uint64, error) { return 0, os.ErrPermission }
	require.InDelta(t, 0, fill(0), 0.001, "a disk that cannot be asked is no reason to refuse")
	require.NoError(t, s.Append(t.Context(), []byte("c")))
}

func TestFillFollowsWhatIsWaiting(t *testing.T) {
	s := open(t, t.TempDir(), Options{MaxBytes: 1000, Gather: time.Millisecond})
	require.Zero(t, s.Fill())
	appendAll(t, s, string(make([]byte, 400)), string(make([]byte, 350)))
	require.InDelta(t, 0.75, s.Fill(), 0.001)
	batch, err := s.Next(t.Context())
	require.NoError(t, err)
	require.NoError(t, s.Done(batch))
	require.Zero(t, s.Fill())
}

func TestTheDisksFreeSpaceIsKnown(t *testing.T) {
	free, err := FreeBytes(t.TempDir())
	require.NoError(t, err)
	require.Positive(t, free)
}
