//go:build mage

package main

import (
	"cmp"
	"os"

	"github.com/magefile/mage/mg"
)

// Soak runs sidecar, engine and plugin for hours under the demo's traffic (SOAK_TIME, 2h by default), judges whether anything grew, and draws docs/img/soak-*.svg.
func Soak() error {
	mg.SerialDeps(dependencies, plugin, Program)
	folder := cmp.Or(os.Getenv("SOAK_FOLDER"), "test-results/soak")
	ran := run("go", "run", "./pkg/bench/soak", "run", "--for", cmp.Or(os.Getenv("SOAK_TIME"), "2h"), "--folder", folder)
	drawn := run("go", "run", "./pkg/bench/soak", "draw", "--folder", folder)
	return cmp.Or(ran, drawn)
}
