package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

// measured is what Go benchmarks reported: for each name, for each unit, the value of each run.
type measured map[string]map[string][]float64

// goBench runs the Go benchmarks of a package that match, so many times, and reads what they report.
func goBench(ctx context.Context, folder, pattern, benchtime string, count int, env ...string) (measured, error) {
	command := exec.CommandContext(ctx, "go", "test", "-timeout", "60m", "-run", "^$", "-bench", pattern, "-benchtime", benchtime,
		"-count", strconv.Itoa(count), folder)
	command.Env = append(os.Environ(), env...)
	var out bytes.Buffer
	command.Stdout, command.Stderr = &out, &out
	if err := command.Run(); err != nil {
		return nil, fmt.Errorf("go test -bench %s %s: %w\n%s", pattern, folder, err, out.String())
	}
	found := readBenchmarks(out.String())
	if len(found) == 0 {
		return nil, fmt.Errorf("go test -bench %s %s: no benchmark ran:\n%s", pattern, folder, out.String())
	}
	return found, nil
}

// readBenchmarks reads the lines of `go test -bench`: a name, how often it ran, and values with their units.
func readBenchmarks(out string) measured {
	found := measured{}
	for line := range strings.Lines(out) {
		fields := strings.Fields(line)
		if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
			continue
		}
		name := strings.TrimPrefix(fields[0], "Benchmark")
		if at := strings.LastIndexByte(name, '-'); at > 0 { // the number of processors
			name = name[:at]
		}
		if found[name] == nil {
			found[name] = map[string][]float64{}
		}
		for i := 2; i+1 < len(fields); i += 2 {
			if value, err := strconv.ParseFloat(fields[i], 64); err == nil {
				found[name][fields[i+1]] = append(found[name][fields[i+1]], value)
			}
		}
	}
	return found
}
