//go:build mage

package main

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"

	"github.com/magefile/mage/mg"

	"github.com/sightline-rum/sightline/pkg/bench/faults"
)

// Faults breaks a running sidecar in every way of docs/reliability.md, at length, counts what was lost and doubled, and writes the table there. FAULTS picks tests by a regular expression; then the table is printed only.
func Faults() error {
	mg.Deps(dependencies)
	books, err := filepath.Abs("test-results/faults.jsonl")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(books), 0o755); err != nil {
		return err
	}
	picked := os.Getenv("FAULTS")
	if picked == "" {
		_ = os.Remove(books) // of the run before
	}
	failed := runWith(map[string]string{"FAULTS_BOOKS": books}, "go", "test", "-count=1", "-timeout=2h", "-v", "-run", cmp.Or(picked, "^TestFault"), "./pkg/e2e")
	cases, err := faults.Read(books)
	if err != nil {
		return cmp.Or(failed, err)
	}
	table := faults.Table(cases)
	fmt.Println(table)
	if failed != nil || picked != "" {
		return failed
	}
	return faults.WriteInto("docs/reliability.md", table)
}
