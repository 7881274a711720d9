package e2e

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/doctor"
	"github.com/sightline-rum/sightline/pkg/engine"
)

// backup writes a data folder into an archive with the commands of docs/backup.md: under its own name only once it is
// complete.
func backup(t *testing.T, data string) (archive string) {
	archive = filepath.Join(t.TempDir(), "sightline.tar")
	command := exec.Command("sh", "-c", `tar -C "$1" -cf "$2.part" . && tar -tf "$2.part" > /dev/null && mv "$2.part" "$2"`,
		"backup", data, archive)
	said, err := command.CombinedOutput()
	require.NoError(t, err, "%s", said)
	return archive
}

// restore unpacks an archive into a folder that is new.
func restore(t *testing.T, archive, data string) {
	require.NoError(t, os.Mkdir(data, 0o700))
	said, err := exec.Command("tar", "-C", data, "-xf", archive).CombinedOutput()
	require.NoError(t, err, "%s", said)
}

// What came after the backup is lost with the disk; all else is as it was, and what was erased stays so.
func TestABackupOfTheDataFolderBringsEverythingBack(t *testing.T) {
	s := newSidecar(t)
	s.start()
	s.waitReady()
	t.Cleanup(func() { s.stop() })
	for n := range 50 {
		require.Equal(t, http.StatusAccepted, visitFrom(s, "DE", fmt.Sprintf("before-%d", n)))
	}
	s.waitDrained()
	said, err := s.run("erase", "--session", "before-7")
	require.NoError(t, err, said)
	s.stop()
	archive := backup(t, s.data)
	key, err := os.ReadFile(filepath.Join(s.data, "user.key"))
	require.NoError(t, err)

	s.start()
	s.waitReady()
	require.Equal(t, http.StatusAccepted, visitFrom(s, "DE", "after"))
	s.waitDrained()
	s.kill()
	require.NoError(t, os.RemoveAll(s.data), "the disk is lost")

	restore(t, archive, s.data)
	s.start()
	s.waitReady()
	require.EqualValues(t, 49, s.number("SELECT count() FROM events WHERE app = 'shop'"))
	require.EqualValues(t, 49, s.number("SELECT uniqExact(session_id) FROM sessions WHERE app = 'shop'"))
	require.EqualValues(t, 1, s.number("SELECT count() FROM erasures FINAL WHERE state = 'verified'"))
	restored, err := os.ReadFile(filepath.Join(s.data, "user.key"))
	require.NoError(t, err)
	require.Equal(t, key, restored, "a user is the same one as before")
	for _, session := range []string{"before-7", "again"} { // a page of the erased visit that is still open, and a new visit
		require.Equal(t, http.StatusAccepted, visitFrom(s, "DE", session))
	}
	s.waitDrained()
	require.EqualValues(t, 50, s.number("SELECT count() FROM events WHERE app = 'shop'"))
	require.Zero(t, s.number("SELECT count() FROM events WHERE session_id = 'before-7'"))
}

// The store is a server of its own, which is away. What waits for it is in the sidecar's folder. Two folders that hold the
// same beacons give them to the store under the same tokens: it keeps them once.
func TestWhatWaitsInTheSpoolIsInItsBackupAndIsStoredOnce(t *testing.T) {
	server := startSidecar(t)
	s := newSidecar(t)
	s.flags = []string{"--clickhouse", server.dsn()}
	s.start()
	s.waitReady()
	server.kill()
	for n := range 50 {
		require.Equal(t, http.StatusAccepted, visitFrom(s, "DE", fmt.Sprintf("waited-%d", n)))
	}
	waiting := s.metric("sightline_spool_records")
	require.GreaterOrEqual(t, waiting, 50.0)
	s.stop()
	archive := backup(t, s.data)

	server.start()
	server.waitReady()
	restored := newSidecar(t)
	restored.data = filepath.Join(t.TempDir(), "restored")
	restored.flags = []string{"--clickhouse", server.dsn()}
	restore(t, archive, restored.data)
	for _, one := range []*sidecar{restored, s} {
		one.start()
		one.waitReady()
		one.waitDrained()
		require.EqualValues(t, 50, server.number("SELECT count() FROM events WHERE app = 'shop'"))
		one.stop()
	}
}

// ClickHouse starts with what a copy that broke off has of its tables, and does not say what is missing.
func TestADoctorTellsOfAnIncompleteCopy(t *testing.T) {
	s := newSidecar(t)
	s.start()
	s.waitReady()
	require.Equal(t, http.StatusAccepted, visitFrom(s, "DE", "one"))
	s.waitDrained()
	s.stop()
	report, _ := examine(t, "--data", s.data)
	require.Empty(t, found(report, doctor.Problem, "store"))

	parts, err := filepath.Glob(filepath.Join(s.data, "engine/store/store/*/*/*_1_1_0/data.bin"))
	require.NoError(t, err)
	require.NotEmpty(t, parts)
	for _, part := range parts {
		require.NoError(t, os.Remove(part), "the copy has not got so far")
	}
	s.start()
	t.Cleanup(s.stop)
	s.waitReady()
	report, code := examine(t, "--data", s.data)
	require.Equal(t, 1, code)
	require.Contains(t, found(report, doctor.Problem, "store"), "of tables could not be read at a start")
}

// A snapshot that a file system or a virtual machine takes all at once is as after a power cut.
func TestASnapshotOfARunningSidecarIsAsGoodAsAPowerCut(t *testing.T) {
	s := newSidecar(t)
	s.start()
	s.waitReady()
	taken := 0
	for n := range 200 {
		if visitFrom(s, "DE", fmt.Sprintf("visit-%d", n)) == http.StatusAccepted {
			taken++
		}
	}
	// Both processes stand still while the folder is copied: nothing is closed, nothing is flushed.
	access, err := engine.ReadAccess(s.data)
	require.NoError(t, err)
	for _, process := range []int{s.process.Process.Pid, access.PID} {
		require.NoError(t, syscall.Kill(process, syscall.SIGSTOP))
	}
	archive := backup(t, s.data)
	for _, process := range []int{s.process.Process.Pid, access.PID} {
		require.NoError(t, syscall.Kill(process, syscall.SIGCONT))
	}
	s.stop()

	restored := newSidecar(t)
	restored.data = filepath.Join(t.TempDir(), "restored")
	restore(t, archive, restored.data)
	t.Cleanup(restored.stop)
	restored.start()
	restored.waitReady()
	restored.waitDrained()
	require.EqualValues(t, taken, restored.number("SELECT count() FROM events WHERE app = 'shop'"))
}
