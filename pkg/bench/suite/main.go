// Command suite is `go tool mage bench`: it runs parts of the suite, keeps the figures of each, and writes the page of
// benchmarks from all that are kept. It runs in the project's folder, beside the built programs.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/sightline-rum/sightline/pkg/bench"
)

// Where figures are kept, and what is written from them.
const (
	figures = "docs/benchmarks"
	page    = "docs/benchmarks.md"
	images  = "docs/img"
)

// part of the suite.
type part struct {
	name    string
	title   string
	about   string
	notes   []string // what stands in the way of a mark, and what else has to be known
	minutes int      // about how long it takes on two cores
	run     func(context.Context, *run) (bench.Result, error)
	bars    *bench.Bars // nil draws none
}

// run is what a part is given.
type run struct {
	repetitions int    // BENCH_REPETITIONS, 5 by default
	rows        int    // BENCH_ROWS, 3,000,000 by default: how many a store is filled with where a part asks it
	against     string // BENCH_AGAINST: another build of bin/sightline, to compare with
	folder      string // of its own, removed afterwards
	name        string
}

// say prints how far a part is.
func (r *run) say(format string, args ...any) {
	fmt.Printf("   %s  %s: %s\n", time.Now().Format(time.TimeOnly), r.name, fmt.Sprintf(format, args...))
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := errors.New("usage: suite list | page | run [part]… | plain …")
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "list":
			err = list()
		case "page":
			err = writePage()
		case "run":
			err = runParts(ctx, os.Args[2:])
		case "plain":
			err = servePlain(ctx, os.Args[2:])
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench: "+err.Error())
		os.Exit(1)
	}
}

func list() error {
	for _, p := range parts {
		kept, found, err := bench.Load(figures, p.name)
		if err != nil {
			return err
		}
		last := "not measured yet"
		if found {
			last = "measured " + kept.Machine.Measured.Format("2006-01-02 15:04") + " at " + kept.Machine.Commit
		}
		fmt.Printf("%-12s %-58s %3d min  %s\n", p.name, p.title, p.minutes, last)
	}
	fmt.Println("\nRun some of them: BENCH=ingest,insert go tool mage bench\n" +
		"BENCH_REPETITIONS (5) and BENCH_ROWS (3000000) make a run longer or shorter; BENCH_AGAINST=/path/to/sightline\n" +
		"has another build take turns with this one in the part ingest, and BENCH_NOTE says on the page what a run is about.")
	return nil
}

// chosen are the parts that are named, in the order of the list; all of them when none is.
func chosen(names []string) ([]part, error) {
	for _, name := range names {
		if !slices.ContainsFunc(parts, func(p part) bool { return p.name == name }) {
			var known []string
			for _, p := range parts {
				known = append(known, p.name)
			}
			return nil, fmt.Errorf("there is no part %q; there are %s", name, strings.Join(known, ", "))
		}
	}
	var run []part
	for _, p := range parts {
		if len(names) == 0 || slices.Contains(names, p.name) {
			run = append(run, p)
		}
	}
	return run, nil
}

func runParts(ctx context.Context, names []string) error {
	run, err := chosen(names)
	if err != nil {
		return err
	}
	repetitions, err := positive("BENCH_REPETITIONS", 5)
	if err != nil {
		return err
	}
	rows, err := positive("BENCH_ROWS", 3_000_000)
	if err != nil {
		return err
	}
	var failed []error
	for i, p := range run {
		fmt.Printf("── %s (%d of %d, about %d minutes)\n", p.title, i+1, len(run), p.minutes)
		if err := runPart(ctx, p, repetitions, rows); err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", p.name, err))
			fmt.Printf("   %s failed: %v\n", p.name, err)
		}
		if ctx.Err() != nil {
			break
		}
	}
	return errors.Join(append(failed, writePage())...)
}

func runPart(ctx context.Context, p part, repetitions, rows int) error {
	folder, err := os.MkdirTemp("", "sightline-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	machine := bench.ThisMachine()
	result, err := p.run(ctx, &run{repetitions: repetitions, rows: rows, folder: folder, name: p.name,
		against: os.Getenv("BENCH_AGAINST")})
	if err != nil {
		return err
	}
	result.Part, result.Machine, result.Note = p.name, machine, os.Getenv("BENCH_NOTE")
	result.Command = strings.TrimSpace(settings() + " BENCH=" + p.name + " go tool mage bench")
	for _, m := range result.Marks {
		fmt.Printf("   %s: %s (mark: %s)\n", m.What, m.Measured, m.Mark)
	}
	return result.Save(figures)
}

// settings are those of this run that differ from the defaults, as the shell would be given them.
func settings() string {
	var set []string
	for _, name := range []string{"BENCH_REPETITIONS", "BENCH_ROWS", "BENCH_AGAINST"} {
		if value := os.Getenv(name); value != "" {
			set = append(set, name+"="+filepath.Base(value)) // where a program lies says nothing
		}
	}
	return strings.Join(set, " ")
}

func positive(name string, otherwise int) (int, error) {
	n, err := strconv.Atoi(cmp.Or(os.Getenv(name), strconv.Itoa(otherwise)))
	if err != nil || n < 1 {
		return 0, fmt.Errorf("%s=%q is no positive number", name, os.Getenv(name))
	}
	return n, nil
}

func writePage() error {
	var results []bench.Result
	for _, p := range parts {
		result, found, err := bench.Load(figures, p.name)
		if err != nil {
			return err
		}
		if found {
			result.Title, result.About, result.Notes, result.Bars = p.title, p.about, p.notes, p.bars
			results = append(results, result)
		}
	}
	if err := os.MkdirAll(filepath.Clean(images), 0o755); err != nil {
		return err
	}
	return bench.WritePage(page, images, results)
}
