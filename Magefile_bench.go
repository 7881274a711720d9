//go:build mage

// The suite of benchmarks: what docs/benchmarks.md is written from.
package main

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/magefile/mage/mg"
	"github.com/magefile/mage/sh"
)

// collectorBuilder is the Collector's own tool that puts one together from its parts.
const collectorBuilder = "go.opentelemetry.io/collector/cmd/builder@v0.161.0"

// Bench measures all parts of the suite, or those that BENCH names (BENCH=ingest,insert), and writes docs/benchmarks.md. BENCH_LIST=1 lists them.
func Bench() error {
	if os.Getenv("BENCH_LIST") != "" {
		return BenchList()
	}
	names := strings.FieldsFunc(os.Getenv("BENCH"), func(r rune) bool { return r == ',' || r == ' ' })
	mg.SerialDeps(Build, suite)
	if len(names) == 0 || strings.Contains(os.Getenv("BENCH"), "collector") {
		mg.Deps(BenchCollector)
	}
	return run("bin/bench", append([]string{"run"}, names...)...)
}

// BenchList lists the parts of the suite, how long each takes, and when it was measured last.
func BenchList() error {
	mg.Deps(suite)
	return run("bin/bench", "list")
}

// BenchPage writes docs/benchmarks.md again from the figures that are kept.
func BenchPage() error {
	mg.Deps(suite)
	return run("bin/bench", "page")
}

// BenchGo runs the Go benchmarks of single functions.
func BenchGo() error {
	mg.Deps(dependencies)
	return run("go", "test", "-run", "^$", "-bench", ".", "-benchmem", "./pkg/...")
}

func suite() error {
	return runWith(noCGO, "go", "build", "-trimpath", "-o", "bin/bench", "./pkg/bench/suite")
}

// BenchCollector builds the OpenTelemetry Collector that one part compares with, in a module of its own.
func BenchCollector() error {
	const from, into = "pkg/bench/collector", "bin/collector"
	if _, err := os.Stat("bin/bench-collector"); err == nil {
		return nil
	}
	say("Building an OpenTelemetry Collector to compare with (two minutes, once)")
	if err := os.MkdirAll(into, 0o755); err != nil {
		return err
	}
	for _, file := range []string{"builder.yaml", "go.mod", "go.sum"} {
		if err := sh.Copy(filepath.Join(into, file), filepath.Join(from, file)); err != nil {
			return err
		}
	}
	env := map[string]string{"CGO_ENABLED": "0", "GOFLAGS": "-mod=mod"}
	if err := runWith(env, "go", "run", "-C", into, collectorBuilder, "--config", "builder.yaml", "--skip-get-modules",
		"--skip-compilation"); err != nil {
		return err
	}
	return runWith(map[string]string{"CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly"}, "go", "build", "-C", into, "-trimpath",
		"-ldflags", "-s -w", "-o", "../bench-collector", ".")
}
