package engine_test

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/engine"
	"github.com/sightline-rum/sightline/pkg/engine/enginetest"
)

func ready(t *testing.T, supervisor *engine.Supervisor) engine.Access {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	access, err := supervisor.Ready(ctx)
	require.NoError(t, err)
	return access
}

// restarted waits for another process than the one that died.
func restarted(t *testing.T, supervisor *engine.Supervisor, dead int) engine.Access {
	t.Helper()
	var access engine.Access
	require.Eventually(t, func() bool {
		access = ready(t, supervisor)
		return access.PID != dead
	}, 30*time.Second, 20*time.Millisecond)
	return access
}

func TestAKilledEngineComesBackWithEveryAcknowledgedRow(t *testing.T) {
	ctx := context.Background()
	supervisor := enginetest.Supervise(t, t.TempDir())
	first := ready(t, supervisor)
	conn := client(t, first, first.Writer, clickhouse.CompressionLZ4)
	require.NoError(t, conn.Exec(ctx,
		"CREATE TABLE kept (a UInt64) ENGINE = MergeTree ORDER BY a SETTINGS non_replicated_deduplication_window = 1000"))

	insert := func(n int) error {
		settings := clickhouse.Settings{"insert_deduplication_token": strconv.Itoa(n)}
		batch, err := conn.PrepareBatch(clickhouse.Context(ctx, clickhouse.WithSettings(settings)), "INSERT INTO kept")
		if err != nil {
			return err
		}
		for row := range 1000 {
			if err := batch.Append(uint64(n*1000 + row)); err != nil {
				return err
			}
		}
		return batch.Send()
	}
	access, acknowledged := first, 0
	for kill := range 3 {
		pid := access.PID
		time.AfterFunc(time.Duration(100+50*kill)*time.Millisecond, func() { _ = syscall.Kill(pid, syscall.SIGKILL) })
		for insert(acknowledged) == nil {
			acknowledged++
		}
		access = restarted(t, supervisor, access.PID)
		require.Equal(t, first.Address, access.Address, "clients keep the address they were given")
		require.Equal(t, first.Writer, access.Writer, "passwords survive a restart")
		require.Eventually(t, func() bool { return conn.Ping(ctx) == nil }, 10*time.Second, 20*time.Millisecond)
		// Whether the batch in flight got in is not known: it is sent again, under the same token.
		require.NoError(t, insert(acknowledged))
		acknowledged++
		var rows, distinct uint64
		require.NoError(t, conn.QueryRow(ctx, "SELECT count(), uniqExact(a) FROM kept").Scan(&rows, &distinct))
		require.Equal(t, uint64(acknowledged*1000), rows)
		require.Equal(t, rows, distinct)
	}
	t.Logf("%d batches, none lost, none doubled", acknowledged)
}

func TestASecondEngineOnTheSameFolderIsToldWhoHoldsIt(t *testing.T) {
	folder := t.TempDir()
	access := ready(t, enginetest.Supervise(t, folder))
	second, err := engine.Supervise(enginetest.Child(t, folder))
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	_, err = second.Ready(ctx)
	require.ErrorContains(t, err, "is in use by process "+strconv.Itoa(access.PID))
	require.ErrorContains(t, err, "--data")
	still, err := engine.ReadAccess(folder)
	require.NoError(t, err, "the first engine is not disturbed")
	require.Equal(t, access, still)
}

func TestATakenPortIsToldAtOnce(t *testing.T) {
	child := enginetest.Child(t, t.TempDir())
	child.Listen = shared.Address
	supervisor, err := engine.Supervise(child)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	_, err = supervisor.Ready(ctx)
	require.ErrorContains(t, err, "address already in use")
	require.ErrorContains(t, err, "--listen")
}

func TestAccessIsPrivateAndEndsWithTheEngine(t *testing.T) {
	folder := t.TempDir()
	_, err := engine.ReadAccess(folder)
	require.ErrorContains(t, err, "sightline engine --data "+folder)

	supervisor, err := engine.Supervise(enginetest.Child(t, folder))
	require.NoError(t, err)
	access := ready(t, supervisor)
	read, err := engine.ReadAccess(folder)
	require.NoError(t, err)
	require.Equal(t, access, read)
	require.NotEqual(t, access.Writer.Password, access.Reader.Password)
	for _, name := range []string{"access.json", "passwords.json", "config/users.xml"} {
		info, err := os.Stat(filepath.Join(folder, "engine", name))
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), name)
	}

	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	require.NoError(t, supervisor.Stop(ctx))
	require.ErrorIs(t, syscall.Kill(access.PID, 0), syscall.ESRCH)
	_, err = engine.ReadAccess(folder)
	require.ErrorContains(t, err, "no engine runs on")
}

func TestAnEngineStoppedInTheMiddleOfAQueryClosesCleanly(t *testing.T) {
	folder := t.TempDir()
	supervisor, err := engine.Supervise(enginetest.Child(t, folder))
	require.NoError(t, err)
	access := ready(t, supervisor)
	conn := client(t, access, access.Reader, clickhouse.CompressionLZ4)
	failed := make(chan error, 1)
	go func() {
		failed <- conn.Exec(context.Background(),
			"SELECT count() FROM numbers(100000000000) WHERE NOT ignore(cityHash64(number))")
	}()
	time.Sleep(200 * time.Millisecond)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	start := time.Now()
	require.NoError(t, supervisor.Stop(ctx))
	t.Logf("stopped in %s", time.Since(start))
	require.Error(t, <-failed)
}

func TestAnEngineEndsWithItsParent(t *testing.T) {
	folder := t.TempDir()
	executable, err := os.Executable()
	require.NoError(t, err)
	parent, err := os.StartProcess(executable, []string{executable}, &os.ProcAttr{
		Env: append(os.Environ(), parentOf+"="+folder), Files: []*os.File{nil, nil, os.Stderr},
	})
	require.NoError(t, err)
	t.Cleanup(func() { _ = parent.Kill(); _, _ = parent.Wait() })
	var access engine.Access
	require.Eventually(t, func() bool {
		access, err = engine.ReadAccess(folder)
		return err == nil
	}, 20*time.Second, 20*time.Millisecond)
	require.NoError(t, parent.Kill())
	_, _ = parent.Wait()
	require.Eventually(t, func() bool { return syscall.Kill(access.PID, 0) != nil }, 10*time.Second,
		20*time.Millisecond)
}

// parentOf makes a test binary supervise an engine on the folder it names, and do nothing else.
const parentOf = "SIGHTLINE_TEST_PARENT_OF"

func init() {
	folder := os.Getenv(parentOf)
	if folder == "" {
		return
	}
	executable, err := os.Executable()
	if err != nil {
		panic(err)
	}
	child := engine.Child{Executable: executable, Data: folder, Listen: "127.0.0.1:0",
		Environment: []string{"SIGHTLINE_ENGINE_CHILD=1"}}
	if _, err := engine.Supervise(child); err != nil {
		panic(err)
	}
	select {}
}

func TestTheProcessIsConfined(t *testing.T) {
	status, err := os.ReadFile("/proc/" + strconv.Itoa(shared.PID) + "/status")
	if err != nil || !hasLandlock() {
		t.Log("this system cannot confine a process")
		return
	}
	require.Contains(t, string(status), "NoNewPrivs:\t1")
	environment, err := os.ReadFile("/proc/" + strconv.Itoa(shared.PID) + "/environ")
	require.NoError(t, err)
	require.NotContains(t, string(environment), shared.Writer.Password)
	require.NotContains(t, string(environment), shared.Reader.Password)
}

func hasLandlock() bool {
	modules, err := os.ReadFile("/sys/kernel/security/lsm")
	_, _, missing := syscall.Syscall(444, 0, 0, 1)
	return missing == 0 || err == nil && strings.Contains(string(modules), "landlock")
}

func TestAnAddressForOthersIsRefused(t *testing.T) {
	for _, address := range []string{"0.0.0.0:0", ":0", "[::]:0", "192.0.2.1:8123", "example.com:8123"} {
		err := engine.Run(context.Background(), engine.Config{Data: t.TempDir(), Listen: address})
		require.ErrorContains(t, err, "--allow-remote", address)
	}
}

func TestAMissingLibraryNamesTheCommandThatFetchesIt(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("SIGHTLINE_LIBCHDB", "")
	_, err := engine.FindLibrary()
	require.ErrorContains(t, err, "run: npm install --no-save @chdb/lib-")
	require.ErrorContains(t, err, "@"+engine.LibraryVersion)

	require.NoError(t, os.WriteFile("package-lock.json", []byte("{}"), 0o600))
	_, err = engine.FindLibrary()
	require.ErrorContains(t, err, "run: npm ci")

	t.Setenv("SIGHTLINE_LIBCHDB", "/nonexistent/libchdb.so")
	_, err = engine.FindLibrary()
	require.ErrorContains(t, err, "/nonexistent/libchdb.so")
}
