// Package enginetest gives tests a real embedded engine. Importing it makes a test binary able to run as the engine
// process itself, so no program has to be built first.
package enginetest

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"testing"
	"time"

	"github.com/sightline-rum/sightline/pkg/engine"
)

// childEnvironment makes a test binary run as an engine instead of running its tests.
const childEnvironment = "SIGHTLINE_ENGINE_CHILD"

// distributedEnvironment lets it create Distributed tables.
const distributedEnvironment = "SIGHTLINE_ENGINE_DISTRIBUTED"

func init() {
	if os.Getenv(childEnvironment) == "" || len(os.Args) < 2 || os.Args[1] != "engine" {
		return
	}
	flags := flag.NewFlagSet("engine", flag.ExitOnError)
	data := flags.String("data", "", "data folder")
	listen := flags.String("listen", "127.0.0.1:0", "address")
	_ = flags.Parse(os.Args[2:])
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// What ClickHouse counts as used rises with the databases that tests make, to 2.5 GB with fifty of them, when it has
	// 0.8 GB. An engine with one database has been seen to count no more than it has.
	err := engine.Run(engine.WithParent(ctx), engine.Config{
		Data: *data, Listen: *listen, MemoryBytes: 4 << 30, ReserveBytes: 64 << 20, MaxBodyBytes: 64 << 20,
		Distributed: os.Getenv(distributedEnvironment) != "",
		Logger:      slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	if err != nil {
		fmt.Fprintf(os.Stderr, "sightline engine: %v\n", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// Start runs an engine on a temporary folder until the test ends and returns how to reach it. Starting takes under a
// second and about 250 MB of memory: share one between the tests of a package, each with a database or tables of its
// own.
func Start(t testing.TB) engine.Access {
	t.Helper()
	supervisor := Supervise(t, t.TempDir())
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	access, err := supervisor.Ready(ctx)
	if err != nil {
		t.Fatalf("start engine: %v", err)
	}
	return access
}

// Supervise runs a supervised engine on a folder until the test ends, for tests of what happens when it dies.
func Supervise(t testing.TB, data string) *engine.Supervisor {
	t.Helper()
	return supervise(t, Child(t, data))
}

func supervise(t testing.TB, program engine.Child) *engine.Supervisor {
	t.Helper()
	supervisor, err := engine.Supervise(program)
	if err != nil {
		t.Fatalf("start engine: %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if err := supervisor.Stop(ctx); err != nil {
			t.Errorf("stop engine: %v", err)
		}
	})
	return supervisor
}

// StartMain runs an engine for a TestMain, which has no test to hang it on; stop ends it and removes its folder.
func StartMain() (access engine.Access, stop func(), err error) { return startMain(nil) }

// StartMainCluster is StartMain with an engine that stands for a cluster, too.
func StartMainCluster(cluster Cluster) (access engine.Access, stop func(), err error) {
	return startMain(&cluster)
}

func startMain(cluster *Cluster) (access engine.Access, stop func(), err error) {
	folder, err := os.MkdirTemp("", "sightline-engine-")
	if err != nil {
		return access, nil, err
	}
	executable, err := os.Executable()
	if err != nil {
		return access, nil, err
	}
	program := child(executable, folder)
	if cluster != nil {
		if program, err = cluster.of(program); err != nil {
			return access, nil, err
		}
	}
	supervisor, err := engine.Supervise(program)
	if err != nil {
		return access, nil, err
	}
	stop = func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		_ = supervisor.Stop(ctx)
		_ = os.RemoveAll(folder)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if access, err = supervisor.Ready(ctx); err != nil {
		stop()
		return access, nil, err
	}
	return access, stop, nil
}

// Child describes this test binary as an engine on a folder, on a free port.
func Child(t testing.TB, data string) engine.Child {
	t.Helper()
	executable, err := os.Executable()
	if err != nil {
		t.Fatalf("start engine: %v", err)
	}
	return child(executable, data)
}

func child(executable, data string) engine.Child {
	return engine.Child{
		Executable: executable, Data: data, Listen: "127.0.0.1:0", Environment: []string{childEnvironment + "=1"},
	}
}
