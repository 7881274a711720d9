package engine

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// confinedProbe makes a test binary confine itself to the folder it names, start anew, and say what it can reach.
const (
	confinedProbe = "SIGHTLINE_TEST_CONFINE"
	probeAddress  = "SIGHTLINE_TEST_CONFINE_ADDRESS"
	probeStage    = "SIGHTLINE_TEST_CONFINE_STAGE"
)

func init() {
	folder := os.Getenv(confinedProbe)
	if folder == "" {
		return
	}
	if os.Getenv(probeStage) == "" {
		executable, err := os.Executable()
		if err != nil {
			panic(err)
		}
		allowed := confinement{
			readWrite: []string{filepath.Join(folder, "store")}, writeOnly: []string{folder},
			readable: []string{executable, "/lib", "/lib64", "/usr/lib", "/usr/lib64", "/proc/self",
				"/sys"}, devices: []string{"/dev/null"},
		}
		failed := make(chan error)
		go func() {
			failed <- confineAndExec(allowed, os.Stdin, executable, os.Args, append(os.Environ(),
				probeStage+"=confined"))
		}()
		fmt.Println("cannot confine:", <-failed)
		os.Exit(3)
	}
	report := func(what string, err error) { fmt.Println(what, err == nil) }
	_, err := os.ReadFile(filepath.Join(folder, "secret"))
	report("read secret", err)
	_, err = os.ReadFile("/etc/passwd")
	report("read outside", err)
	report("write outside", os.WriteFile(filepath.Join(filepath.Dir(folder), "escape"), nil, 0o600))
	report("write in folder", os.WriteFile(filepath.Join(folder, "access"), nil, 0o600))
	report("write in store", os.WriteFile(filepath.Join(folder, "store", "part"), []byte("x"), 0o600))
	_, err = os.ReadFile(filepath.Join(folder, "store", "part"))
	report("read in store", err)
	conn, err := net.Dial("tcp", os.Getenv(probeAddress))
	report("connect", err)
	if err == nil {
		_ = conn.Close()
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	report("listen", err)
	if err == nil {
		_ = listener.Close()
	}
	os.Exit(0)
}

func TestAConfinedProcessReachesTheStoreAndNothingElse(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "engine")
	require.NoError(t, os.MkdirAll(filepath.Join(folder, "store"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "secret"), []byte("swordfish"), 0o600))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = listener.Close() }()
	executable, err := os.Executable()
	require.NoError(t, err)
	command := exec.Command(executable)
	command.Env = append(os.Environ(), confinedProbe+"="+folder, probeAddress+"="+listener.Addr().String())
	output, err := command.CombinedOutput()
	if command.ProcessState.ExitCode() == 3 {
		t.Logf("this system cannot confine a process: %s", output)
		return
	}
	require.NoError(t, err, string(output))
	require.Equal(t, "read secret false\nread outside false\nwrite outside false\nwrite in folder true\n"+
		"write in store true\nread in store true\nconnect false\nlisten true\n", string(output))
}
