package spool

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// onDisk says whether a text is in any of the spool's files.
func onDisk(t *testing.T, dir, text string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	require.NoError(t, err)
	for _, file := range files {
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		if strings.Contains(string(content), text) {
			return true
		}
	}
	return false
}

func drain(t *testing.T, s *Spool) Batch {
	t.Helper()
	b, err := s.Next(t.Context())
	require.NoError(t, err)
	require.NoError(t, s.Done(b))
	return b
}

func TestWhatIsForgottenIsInNoFileAndCountingGoesOn(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{Gather: time.Millisecond})
	require.NoError(t, s.Forget(), "with nothing in it")
	appendAll(t, s, "secret")
	first := drain(t, s)
	require.True(t, onDisk(t, dir, "secret"), "drained is not gone")
	require.NoError(t, s.Forget())
	require.False(t, onDisk(t, dir, "secret"))

	require.NoError(t, s.Close())
	s = open(t, dir, Options{Gather: time.Millisecond})
	require.Zero(t, s.Depth())
	appendAll(t, s, "next")
	second := drain(t, s)
	require.Equal(t, []string{"next"}, texts(second))
	require.Equal(t, first.Last+1, second.First, "a token is never used again")

	require.NoError(t, s.Forget())
	appendAll(t, s, "without a restart")
	require.NoError(t, s.Close())
	s = open(t, dir, Options{Gather: time.Millisecond})
	require.EqualValues(t, 1, s.Depth())
	require.Equal(t, second.Last+1, drain(t, s).First)
}

func TestWhatWaitsToBeDrainedIsKeptUntilItIs(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{Gather: time.Millisecond})
	appendAll(t, s, "secret")
	drain(t, s)
	appendAll(t, s, "waiting")
	require.NoError(t, s.Forget())
	require.EqualValues(t, 1, s.Depth())
	require.Equal(t, []string{"waiting"}, texts(drain(t, s)))
	require.False(t, onDisk(t, dir, "secret"), "it goes with the batch after which nothing is left")
	require.False(t, onDisk(t, dir, "waiting"))
}
