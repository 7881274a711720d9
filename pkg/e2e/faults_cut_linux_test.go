package e2e

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/bench/faults"
)

// storeHost is the store's address in a network of the test's own. It is a loopback address, as all that may be listened on are.
const storeHost = "127.0.0.2"

// ways to cut a network: which packets the kernel throws away, by rules of its routing.
var ways = []struct {
	name  string
	rules [][]string
}{
	{"requests", [][]string{{"to", storeHost}}},
	{"answers", [][]string{{"from", storeHost}}},
	{"either", [][]string{{"to", storeHost}, {"from", storeHost}}},
}

// Packets are lost, and nobody is told: neither side knows whether the other one is gone, and what TCP sends again comes when
// the network is back, into a store that may have been asked anew in between.
func TestFaultTheNetworkLosesEveryPacket(t *testing.T) {
	if os.Getenv(builtEnvironment) == "" {
		inNetworkOfItsOwn(t)
		return
	}
	ip(t, "link", "set", "lo", "up")
	// The rule of local addresses comes first, unless it is moved.
	ip(t, "rule", "add", "pref", "10", "lookup", "local")
	ip(t, "rule", "del", "pref", "0")

	store := newSidecar(t)
	t.Cleanup(store.stop)
	_, port, err := net.SplitHostPort(store.engine)
	require.NoError(t, err)
	store.engine = net.JoinHostPort(storeHost, port)
	store.start()
	store.waitReady()
	s := newSidecar(t)
	t.Cleanup(s.stop)
	s.flags = []string{"--clickhouse", store.dsn()}
	s.start()
	s.waitReady()

	load := startPacedLoad(s, 4, 10*time.Millisecond)
	more(t, load, 100)
	random := rand.New(rand.NewPCG(5, 6))
	waited := 0.
	rounds := long(len(ways), 4*len(ways))
	for round := range rounds {
		way := ways[round%len(ways)]
		for _, rule := range way.rules {
			ip(t, append([]string{"rule", "add", "pref", "5", "blackhole"}, rule...)...)
		}
		time.Sleep(time.Second)
		stored := s.metric("sightline_drained_batches_total")
		time.Sleep(long(3*time.Second, time.Duration(3+random.IntN(20))*time.Second))
		require.LessOrEqual(t, s.metric("sightline_drained_batches_total"), stored+1, // one may have been all but through
			"batches got through without %s", way.name)
		waited = max(waited, s.metric("sightline_spool_records"))
		for _, rule := range way.rules {
			ip(t, append([]string{"rule", "del", "pref", "5", "blackhole"}, rule...)...)
		}
		time.Sleep(time.Duration(random.IntN(2000)) * time.Millisecond)
	}
	load.stop()
	s.waitDrained()
	account(t, store, load, faults.Case{Order: 8, Fault: "the network loses every packet between sidecar and store",
		How: fmt.Sprintf("requests, answers, and both, in a network namespace of its own, %d times for %s", rounds,
			long("4 s", "4 to 23 s")),
		Figures: fmt.Sprintf("up to %.0f records waited; slowest acknowledgement %s", waited, load.slowest.Round(time.Millisecond))})
}

// inNetworkOfItsOwn runs the test again in a process with nothing but a loopback interface. Where that is not allowed, it is
// skipped; containers often forbid it.
func inNetworkOfItsOwn(t *testing.T) {
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip("no program `ip` (package iproute2) to cut a network with")
	}
	again := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v", "-test.timeout=30m")
	again.Env = append(os.Environ(), builtEnvironment+"="+filepath.Dir(sightline))
	again.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	if os.Geteuid() != 0 {
		again.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		again.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
		again.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
	}
	said, err := again.CombinedOutput()
	if errors.Is(err, os.ErrPermission) {
		t.Skip("no network namespace is allowed here: ", err)
	}
	t.Logf("%s", said)
	require.NoError(t, err)
}

func ip(t *testing.T, args ...string) {
	t.Helper()
	said, err := exec.Command("ip", args...).CombinedOutput()
	require.NoError(t, err, "ip %v: %s", args, said)
}
