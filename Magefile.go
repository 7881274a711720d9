//go:build mage

// Every task of the project. The two a newcomer needs are demo and test; each installs what it lacks.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	sdk "github.com/grafana/grafana-plugin-sdk-go/build"
	"github.com/magefile/mage/mg"
	"github.com/magefile/mage/sh"
	"github.com/magefile/mage/target"
)

// Demo starts everything with a demo shop, walks through an incident, and stays up. Set GRAFANA_HOME for a Grafana beside it; DEMO_ARGS passes flags on ("--once").
func Demo(ctx context.Context) error {
	mg.SerialDeps(Build, demoPages)
	return run("bin/sightline", append([]string{"demo"}, strings.Fields(os.Getenv("DEMO_ARGS"))...)...)
}

// Test runs every check: linters, Go tests, TypeScript tests, and the browser tests in Chromium.
func Test() error {
	mg.SerialDeps(Build, demoPages, Lint, testGo, testFrontend, TestBrowser)
	return nil
}

// Build makes the plugin (dist/) and the operator's program (bin/sightline) for this machine.
func Build() error {
	mg.SerialDeps(dependencies, plugin, Agent, Program, Frontend)
	return nil
}

// Program builds bin/sightline alone.
func Program() error {
	say("Building bin/sightline")
	return runWith(noCGO, "go", "build", "-trimpath", "-o", "bin/sightline", "./pkg/cmd/sightline")
}

// Agent builds the browser agent, which Program takes into bin/sightline, and holds it to its size.
func Agent() error {
	mg.Deps(dependencies)
	say("Building the browser agent")
	return run("npm", "run", "--silent", "build:agent")
}

// Frontend builds the plugin's TypeScript half into dist/.
func Frontend() error {
	mg.Deps(dependencies)
	say("Building the plugin's frontend")
	return run("npm", "run", "--silent", "build")
}

// Lint runs gofmt, go vet, staticcheck, tsc and eslint.
func Lint() error {
	mg.Deps(dependencies)
	say("Linting Go")
	targets, err := filepath.Glob("Magefile*.go")
	if err != nil {
		return err
	}
	unformatted, err := sh.Output("gofmt", append([]string{"-l", "pkg"}, targets...)...)
	if err != nil {
		return err
	}
	if unformatted != "" {
		return fmt.Errorf("not gofmt'ed (run: gofmt -w pkg Magefile*.go):\n%s", unformatted)
	}
	if err := run("go", "vet", "./..."); err != nil {
		return err
	}
	if err := run("go", "tool", "staticcheck", "./..."); err != nil {
		return err
	}
	say("Linting TypeScript")
	if err := run("npm", "run", "--silent", "typecheck"); err != nil {
		return err
	}
	return run("npm", "run", "--silent", "lint")
}

// TestBrowser drives the demo shop in Chromium and asks the plugin what it saw, and drives the editors on what Grafana
// 10.1 and 13 give a plugin. Their screenshots are in test-results/editors.
func TestBrowser() error {
	mg.SerialDeps(Build, demoPages, clientPages, editorPages)
	chromium, err := findChromium()
	if err != nil {
		return err
	}
	say("Browser tests in " + chromium)
	return runWith(map[string]string{"CHROME_PATH": chromium}, "npm", "run", "--silent", "test:browser")
}

// TestGrafana drives the plugin's screens in a running Grafana, at GRAFANA_URL. It is no part of test, which needs none.
func TestGrafana() error {
	if os.Getenv("GRAFANA_URL") == "" {
		return errors.New("GRAFANA_URL is not set: start a Grafana with the plugin and the demo's data (`docker compose up`, or " +
			"`go tool mage demo` with GRAFANA_HOME), then set GRAFANA_URL to its address, such as http://127.0.0.1:3000")
	}
	mg.Deps(dependencies)
	chromium, err := findChromium()
	if err != nil {
		return err
	}
	say("Specs in the Grafana at " + os.Getenv("GRAFANA_URL"))
	return runWith(map[string]string{"CHROME_PATH": chromium}, "npm", "run", "--silent", "test:grafana")
}

// Fuzz runs every fuzz test for a while each (FUZZ_TIME, 30s by default).
func Fuzz() error {
	mg.Deps(dependencies)
	listed, err := sh.Output("git", "grep", "-hoE", "--untracked", "^func Fuzz[A-Za-z0-9_]+", "--", "pkg/*_test.go")
	if err != nil {
		return fmt.Errorf("look for fuzz tests: %w", err)
	}
	length := cmp.Or(os.Getenv("FUZZ_TIME"), "30s")
	for _, line := range strings.Split(listed, "\n") {
		name := strings.TrimPrefix(line, "func ")
		file, err := sh.Output("git", "grep", "-l", "--untracked", "func "+name+"(", "--", "pkg/*_test.go")
		if err != nil {
			return fmt.Errorf("look for %s: %w", name, err)
		}
		say("Fuzzing " + name + " for " + length)
		folder := "./" + filepath.ToSlash(filepath.Dir(file))
		if err := run("go", "test", "-run", "^$", "-fuzz", "^"+name+"$", "-fuzztime", length, "-fuzzminimizetime", "100x", folder); err != nil {
			return err
		}
	}
	return nil
}

// Clean removes everything that a build or a demo made.
func Clean() error {
	all := []string{"bin", "dist", "data", "node_modules", grafana13 + "/node_modules", "release", "test-results", "playwright"}
	for _, made := range all {
		if err := os.RemoveAll(made); err != nil {
			return err
		}
	}
	return nil
}

var noCGO = map[string]string{"CGO_ENABLED": "0"}

// plugin builds the backend as Grafana's own build does, but with the manifest at the root.
func plugin() error {
	say("Building the plugin's backend")
	if err := manifestAtRoot(); err != nil {
		return err
	}
	return sdk.Build{}.Custom(runtime.GOOS, runtime.GOARCH)
}

func manifestAtRoot() error {
	return sdk.SetBeforeBuildCallback(func(cfg sdk.Config) (sdk.Config, error) {
		cfg.PluginJSONPath = "."
		return cfg, nil
	})
}

// dependencies installs the npm packages, the embedded engine's library among them, when the lock file is newer than
// what is there.
func dependencies() error {
	return install(".", "Installing npm packages and the ClickHouse engine's library (about 600 MB, once)")
}

// grafana13 holds the packages that Grafana 13 gives a plugin: they have the names of those of 10.1, against which the
// plugin is compiled.
const grafana13 = "src/e2e/grafana13"

// editorPages builds the editors into a page of their own for each version of Grafana.
func editorPages() error {
	mg.Deps(dependencies)
	if err := install(grafana13, "Installing what Grafana 13 gives a plugin (about 650 MB, once)"); err != nil {
		return err
	}
	say("Building the editors for Grafana 10.1 and 13")
	return run("npm", "run", "--silent", "build:editors")
}

// install makes a folder's node_modules what its lock file says.
func install(folder, message string) error {
	if _, err := exec.LookPath("npm"); err != nil {
		return errors.New("npm is not on the PATH: install Node.js 20 or newer (it brings npm), then run this again")
	}
	stale, err := target.Path(filepath.Join(folder, "node_modules/.package-lock.json"),
		filepath.Join(folder, "package-lock.json"), filepath.Join(folder, "package.json"))
	if err != nil || !stale {
		return err
	}
	say(message)
	if err := run("npm", "ci", "--prefix", folder, "--no-audit", "--no-fund", "--loglevel=error"); err != nil {
		return fmt.Errorf("npm ci failed; it needs the npm registry that `npm config get registry` names: %w", err)
	}
	return nil
}

// demoPages bundles the real Faro Web SDK for the demo shop.
func demoPages() error {
	mg.Deps(dependencies)
	return run("npm", "run", "--silent", "build:demo")
}

// clientPages bundles the real clients whose beacons the browser tests compare with what the page measured.
func clientPages() error {
	mg.Deps(dependencies)
	return run("npm", "run", "--silent", "build:clients")
}

func testGo() error {
	installNginx()
	say("Go tests")
	return run("go", "test", "-timeout", "40m", "./pkg/...")
}

// installNginx gets the proxy that one test runs, where it may. Without it that test is skipped and says so.
func installNginx() {
	if _, err := os.Stat("/usr/sbin/nginx"); err == nil || os.Geteuid() != 0 {
		return
	}
	if _, err := exec.LookPath("apt-get"); err != nil {
		return
	}
	say("Installing Debian's nginx-light package")
	if run("apt-get", "update", "-qq") == nil {
		_ = run("apt-get", "install", "-y", "-qq", "--no-install-recommends", "nginx-light")
	}
}

func testFrontend() error {
	say("TypeScript tests")
	return run("npm", "test", "--silent")
}

// findChromium returns a Chromium to drive: the one CHROME_PATH names, one on the PATH, one that Playwright has
// downloaded; else it installs Debian's package where it may, or asks Playwright to download one.
func findChromium() (string, error) {
	if path := installedChromium(); path != "" {
		return path, nil
	}
	if _, err := exec.LookPath("apt-get"); err == nil && os.Geteuid() == 0 {
		say("Installing Debian's chromium package")
		if run("apt-get", "update", "-qq") == nil && run("apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium") == nil {
			if path := installedChromium(); path != "" {
				return path, nil
			}
		}
	}
	say("Downloading Playwright's Chromium")
	if err := run("npx", "playwright", "install", "chromium"); err == nil {
		if path := installedChromium(); path != "" {
			return path, nil
		}
	}
	return "", errors.New("no Chromium for the browser tests, and none could be installed: " +
		"install one (Debian: apt-get install chromium) or set CHROME_PATH to its executable")
}

func installedChromium() string {
	if path := os.Getenv("CHROME_PATH"); path != "" {
		return path
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	path, err := sh.Output("node", "-p", "require('playwright-core').chromium.executablePath()")
	if err != nil {
		return ""
	}
	if _, err := os.Stat(path); err != nil {
		return ""
	}
	return path
}

func say(what string) { fmt.Println("── " + what) }

func run(command string, args ...string) error { return sh.RunV(command, args...) }

func runWith(env map[string]string, command string, args ...string) error {
	return sh.RunWithV(env, command, args...)
}
