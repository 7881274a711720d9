//go:build mage

// What is known of the code of others: holes that somebody has reported, and licences.
package main

import (
	"errors"
	"fmt"

	"github.com/magefile/mage/sh"

	"github.com/sightline-rum/sightline/pkg/licence"
)

// Audit looks for known holes in the Go modules and npm packages, and checks licences. The first two ask vuln.go.dev (or GOVULNDB) and the npm registry.
func Audit() error {
	return errors.Join(Licences(), vulnerableModules(), vulnerablePackages())
}

// Licences lists under which licences the code of others is, and fails at one that does not suit ours.
func Licences() error {
	say("Licences")
	modules, err := licence.Modules("./pkg", "./pkg/cmd/sightline")
	if err != nil {
		return err
	}
	refusals := licence.Refusals(modules)
	for _, one := range modules {
		fmt.Printf("%-60s %-14s %v\n", one.Name, one.Version, one.Licences)
	}
	for _, lock := range []string{"package-lock.json", grafana13 + "/package-lock.json"} {
		packages, err := licence.Packages(lock)
		if err != nil {
			return err
		}
		fmt.Printf("%s: %d packages\n", lock, len(packages))
		refusals = append(refusals, licence.Refusals(packages)...)
	}
	var failed []error
	for _, refusal := range refusals {
		failed = append(failed, errors.New(refusal))
	}
	return errors.Join(failed...)
}

// vulnerableModules reports only holes in functions that the programs call. With GOVULNDB=file:///… it needs no network.
func vulnerableModules() error {
	say("Known holes in Go modules")
	if err := run("go", "tool", "govulncheck", "./pkg", "./pkg/cmd/sightline"); err != nil {
		return fmt.Errorf("govulncheck found something, or could not read the database of vuln.go.dev (a copy will do: "+
			"GOVULNDB=file:///folder): %w", err)
	}
	return nil
}

// vulnerablePackages looks at what is built into the agent and the frontend and what builds them: a tool with a hole is
// one in what it makes.
func vulnerablePackages() error {
	say("Known holes in npm packages")
	said, err := sh.Output("npm", "audit", "--audit-level=high")
	fmt.Println(said)
	if err != nil {
		return fmt.Errorf("npm audit found something, or the registry does not answer such questions (a mirror may not; then "+
			"ask where registry.npmjs.org can be reached): %w", err)
	}
	return nil
}
