package quarantine

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func open(t *testing.T, dir string, options Options) *Quarantine {
	t.Helper()
	q := Open(dir, options)
	t.Cleanup(func() { require.NoError(t, q.Close()) })
	return q
}

// keep waits where Keep does not.
func keep(t *testing.T, q *Quarantine, e Entry) {
	t.Helper()
	require.Eventually(t, func() bool { return q.Keep(e) }, time.Minute, time.Millisecond)
}

func item(n int) Entry {
	return Entry{At: time.Now(), App: "shop", Reason: "an event without a name", Index: n,
		Payload: json.RawMessage(fmt.Sprintf(`{"events":[{"n":%d}]}`, n))}
}

func indexes(entries []Entry) (all []int) {
	for _, e := range entries {
		all = append(all, e.Index)
	}
	return all
}

func TestWhatIsKeptIsListedInOrderAndSurvivesARestart(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "quarantine")
	entries, err := Read(dir)
	require.NoError(t, err)
	require.Empty(t, entries, "a folder that is not there is empty")

	q := open(t, dir, Options{})
	for n := range 3 {
		keep(t, q, item(n))
	}
	entries, err = q.List()
	require.NoError(t, err)
	require.Equal(t, []int{0, 1, 2}, indexes(entries))
	require.NotEqual(t, entries[0].ID, entries[1].ID)
	require.NoError(t, q.Close())
	require.False(t, q.Keep(item(9)), "a closed quarantine keeps nothing")

	q = open(t, dir, Options{})
	keep(t, q, item(3))
	entries, err = q.List()
	require.NoError(t, err)
	require.Equal(t, []int{0, 1, 2, 3}, indexes(entries))
	require.JSONEq(t, `{"events":[{"n":3}]}`, string(entries[3].Payload))
}

func TestBytesAreBoundedAndTheOldestGoFirst(t *testing.T) {
	dir := t.TempDir()
	const most = 64 << 10
	q := open(t, dir, Options{MaxBytes: most})
	for n := range 2000 {
		keep(t, q, item(n))
		if n%100 == 0 {
			size, err := Bytes(dir)
			require.NoError(t, err)
			require.LessOrEqual(t, size, int64(most))
		}
	}
	entries, err := q.List()
	require.NoError(t, err)
	kept := indexes(entries)
	require.Equal(t, 1999, kept[len(kept)-1])
	require.Len(t, kept, 2000-kept[0], "without a gap")
	require.Greater(t, len(kept), 150, "the bound is made use of")
}

func TestWhatIsTooOldIsThrownAway(t *testing.T) {
	dir := t.TempDir()
	q := open(t, dir, Options{})
	keep(t, q, item(1))
	_, err := q.List()
	require.NoError(t, err)
	require.NoError(t, q.Close())
	all, err := files(dir)
	require.NoError(t, err)
	past := time.Now().Add(-DefaultMaxAge - time.Hour)
	require.NoError(t, os.Chtimes(all[0], past, past))

	q = open(t, dir, Options{})
	q.trimNow()
	entries, err := q.List()
	require.NoError(t, err)
	require.Empty(t, entries)
}

func TestRemovedEntriesAreGoneAndTheOthersStay(t *testing.T) {
	dir := t.TempDir()
	q := open(t, dir, Options{MaxBytes: 32 << 10}) // of which a file holds a sixteenth, so that there are several
	for n := range 100 {
		keep(t, q, item(n))
	}
	removed, err := q.Remove(func(e *Entry) bool { return e.Index%2 == 0 })
	require.NoError(t, err)
	require.Equal(t, 50, removed)
	keep(t, q, item(101))
	entries, err := q.List()
	require.NoError(t, err)
	require.Len(t, entries, 51)
	for _, e := range entries {
		require.Equal(t, 1, e.Index%2)
	}
	_, err = q.Remove(func(*Entry) bool { return true })
	require.NoError(t, err)
	all, err := files(dir)
	require.NoError(t, err)
	require.Empty(t, all, "no empty files stay")
}

func TestALineThatACrashCutOffHurtsNoOther(t *testing.T) {
	dir := t.TempDir()
	q := open(t, dir, Options{})
	keep(t, q, item(1))
	require.NoError(t, q.Close())
	all, err := files(dir)
	require.NoError(t, err)
	text, err := os.ReadFile(all[0])
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(all[0], []byte(string(text)+"garbage\n"+string(text)+string(text[:20])), 0o600))
	entries, err := Read(dir)
	require.NoError(t, err)
	require.Equal(t, []int{1, 1}, indexes(entries))
}

func TestFilesAreTheOwnersAlone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "quarantine")
	q := open(t, dir, Options{})
	keep(t, q, item(1))
	require.NoError(t, q.Close())
	all, err := files(dir)
	require.NoError(t, err)
	for _, path := range append(all, dir) {
		info, err := os.Stat(path)
		require.NoError(t, err)
		require.True(t, strings.HasSuffix(info.Mode().Perm().String(), "------"), "%s is %s", path, info.Mode())
	}
}
