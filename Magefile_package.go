//go:build mage

// What people install: the plugin's zip, the sidecar's archives, and the secrets of the containers.
package main

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	sdk "github.com/grafana/grafana-plugin-sdk-go/build"
	"github.com/magefile/mage/mg"
	"github.com/magefile/mage/sh"

	"github.com/sightline-rum/sightline/pkg/release"
)

// packages is where they go.
const packages = "release"

// Package makes the plugin's zip for every platform and the sidecar's archives in release/, and checks what is in them. Set GRAFANA_ACCESS_POLICY_TOKEN to sign the plugin.
func Package() error {
	mg.SerialDeps(dependencies, pluginEverywhere, Agent, Frontend, signPlugin)
	if err := os.MkdirAll(packages, 0o755); err != nil {
		return err
	}
	at, err := builtAt()
	if err != nil {
		return err
	}
	say("Packaging the plugin")
	zip, err := release.Plugin("dist", packages, at)
	if err != nil {
		return err
	}
	if err := release.CheckPlugin(zip, release.PluginPlatforms); err != nil {
		return err
	}
	made := []string{zip}
	number, err := sh.Output("node", "-p", "require('./package.json').version")
	if err != nil {
		return err
	}
	for _, platform := range release.SidecarPlatforms {
		say("Packaging the sidecar for " + platform.String())
		sidecar := release.Sidecar{Sources: ".", Version: number, Platform: platform,
			Program: filepath.Join(packages, "build", platform.OS+"_"+platform.Arch, "sightline")}
		env := map[string]string{"CGO_ENABLED": "0", "GOOS": platform.OS, "GOARCH": platform.Arch}
		if err := runWith(env, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", sidecar.Program,
			"./pkg/cmd/sightline"); err != nil {
			return err
		}
		archive, err := sidecar.Pack(packages, at)
		if err != nil {
			return err
		}
		if err := sidecar.Check(archive); err != nil {
			return err
		}
		made = append(made, archive)
	}
	return checksums(made)
}

// Secrets makes the passwords that docker-compose.yaml expects as files, where there are none yet.
func Secrets() error {
	made, err := release.Secrets("docker-compose.yaml")
	for _, file := range made {
		say("Made " + file)
	}
	if err == nil && len(made) == 0 {
		say("All of them are there")
	}
	return err
}

// pluginEverywhere builds the plugin's backend for every platform.
func pluginEverywhere() error {
	stale, err := filepath.Glob("dist/gpx_*")
	if err != nil {
		return err
	}
	for _, file := range stale {
		if err := os.Remove(file); err != nil {
			return err
		}
	}
	if err := manifestAtRoot(); err != nil {
		return err
	}
	for _, platform := range release.PluginPlatforms {
		say("Building the plugin's backend for " + platform.String())
		if err := (sdk.Build{}).Custom(platform.OS, platform.Arch); err != nil {
			return err
		}
	}
	return nil
}

// signPlugin lets Grafana's own tool put a signed MANIFEST.txt into dist/, if there is a token for it. Without one the
// plugin is unsigned and has to be allowed in Grafana's settings. GRAFANA_ROOT_URLS, separated by commas, asks for a
// private signature that is valid for these Grafanas alone.
func signPlugin() error {
	if os.Getenv("GRAFANA_ACCESS_POLICY_TOKEN") == "" {
		say("Not signing the plugin: GRAFANA_ACCESS_POLICY_TOKEN is not set")
		return nil
	}
	say("Signing the plugin")
	args := []string{"--yes", "@grafana/sign-plugin@3.3.3"}
	if urls := os.Getenv("GRAFANA_ROOT_URLS"); urls != "" {
		args = append(args, "--rootUrls", urls)
	}
	return run("npx", args...)
}

// builtAt is the time that archives carry: SOURCE_DATE_EPOCH, so that the same sources give the same archive, or now.
func builtAt() (time.Time, error) {
	seconds, err := strconv.ParseInt(cmp.Or(os.Getenv("SOURCE_DATE_EPOCH"), strconv.FormatInt(time.Now().Unix(), 10)), 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("SOURCE_DATE_EPOCH is no Unix time: %w", err)
	}
	return time.Unix(seconds, 0), nil
}

// checksums writes SHA256SUMS, as sha256sum --check reads it, and says what was made.
func checksums(files []string) error {
	var sums strings.Builder
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256(content), filepath.Base(file))
		say(fmt.Sprintf("%s  %.1f MB", file, float64(len(content))/1e6))
	}
	return os.WriteFile(filepath.Join(packages, "SHA256SUMS"), []byte(sums.String()), 0o644)
}
