package release

import (
	"archive/zip"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var (
	here = Platform{runtime.GOOS, runtime.GOARCH}
	then = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
)

// program is a small Go program, built as ours are.
func program(t *testing.T, folder string) string {
	t.Helper()
	source := filepath.Join(t.TempDir(), "main.go")
	require.NoError(t, os.WriteFile(source, []byte("package main\n\nfunc main() {}\n"), 0o600))
	built := filepath.Join(folder, "program")
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", built, source)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	said, err := build.CombinedOutput()
	require.NoError(t, err, string(said))
	return built
}

// dist is a built plugin with the repository's own plugin.json, README and pictures.
func dist(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	write := func(name string, content []byte) {
		path := filepath.Join(folder, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, content, 0o644))
	}
	from := func(source, name string) {
		content, err := os.ReadFile(filepath.Join(sources, filepath.FromSlash(source)))
		require.NoError(t, err)
		content = []byte(strings.NewReplacer("%VERSION%", "0.1.0", "%TODAY%", "2026-03-01").Replace(string(content)))
		write(name, content)
	}
	from("plugin.json", "plugin.json")
	from("src/README.md", "README.md")
	from("CHANGELOG.md", "CHANGELOG.md")
	from("LICENSE", "LICENSE")
	text, err := os.ReadFile(filepath.Join(folder, "plugin.json"))
	require.NoError(t, err)
	var read manifest
	require.NoError(t, json.Unmarshal(text, &read))
	from("src/"+read.Info.Logos.Small, read.Info.Logos.Small)
	for _, screenshot := range read.Info.Screenshots {
		from("docs/"+screenshot.Path, screenshot.Path)
	}
	for _, include := range read.Includes {
		from("src/"+include.Path, include.Path)
	}
	write("module.js", []byte("define([], function () {})"))
	write("module.js.map", []byte("{}"))
	write("go_plugin_build_manifest", []byte("hash:pkg/main.go\n"))
	require.NoError(t, os.Rename(program(t, folder), filepath.Join(folder, here.Executable(read.Executable))))
	return folder
}

func TestThePluginIsPackagedAsTheCatalogueExpectsIt(t *testing.T) {
	folder, out := dist(t), t.TempDir()
	archive, err := Plugin(folder, out, then)
	require.NoError(t, err)
	require.Equal(t, "sightline-rum-datasource-0.1.0.zip", filepath.Base(archive))
	require.NoError(t, CheckPlugin(archive, []Platform{here}))

	opened, err := zip.OpenReader(archive)
	require.NoError(t, err)
	defer opened.Close()
	for _, entry := range opened.File {
		require.True(t, strings.HasPrefix(entry.Name, "sightline-rum-datasource/"), entry.Name)
		runs := strings.Contains(entry.Name, "gpx_")
		require.Equal(t, map[bool]os.FileMode{true: 0o755, false: 0o644}[runs], entry.Mode().Perm(), entry.Name)
	}
	first, err := os.ReadFile(archive)
	require.NoError(t, err)
	_, err = Plugin(folder, out, then)
	require.NoError(t, err)
	second, err := os.ReadFile(archive)
	require.NoError(t, err)
	require.Equal(t, first, second, "the same files at the same moment give the same bytes")
}

func TestWhatTheCatalogueWouldRefuseIsFoundBeforeIt(t *testing.T) {
	replace := func(name, old, new string) func(*testing.T, string) {
		return func(t *testing.T, folder string) {
			path := filepath.Join(folder, name)
			text, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Contains(t, string(text), old)
			require.NoError(t, os.WriteFile(path, []byte(strings.ReplaceAll(string(text), old, new)), 0o644))
		}
	}
	remove := func(name string) func(*testing.T, string) {
		return func(t *testing.T, folder string) { require.NoError(t, os.Remove(filepath.Join(folder, name))) }
	}
	folder := dist(t)
	for wrong, spoil := range map[string]func(*testing.T, string){
		`version "%VERSION%" is no version`:            replace("plugin.json", `"version": "0.1.0"`, `"version": "%VERSION%"`),
		`updated "today" is no date`:                   replace("plugin.json", `"updated": "2026-03-01"`, `"updated": "today"`),
		"LICENSE is missing":                           remove("LICENSE"),
		"img/experience.png is missing":                remove("img/experience.png"),
		"dashboards/sessions.json is missing":          remove("dashboards/sessions.json"),
		"img/logo.svg is missing":                      remove("img/logo.svg"),
		"go_plugin_build_manifest is missing":          remove("go_plugin_build_manifest"),
		"CHANGELOG.md says nothing about 0.1.0":        replace("CHANGELOG.md", "## 0.1.0", "## 0.0.9"),
		"README.md: docs/install.md leads nowhere":     replace("README.md", "Apache-2.0.", "[Install](docs/install.md)"),
		here.Executable("gpx_sightline_rum"):           remove(here.Executable("gpx_sightline_rum")),
		"gpx_sightline_rum_plan9_386 does not belong":  func(t *testing.T, folder string) { touch(t, folder, "gpx_sightline_rum_plan9_386") },
		"module.js is empty":                           replace("module.js", "define([], function () {})", " "),
		"description and keywords; one is missing":     replace("plugin.json", `"keywords": [`, `"words": [`),
		"the catalogue shows screenshots; there is no": replace("plugin.json", `"screenshots": [`, `"shots": [`),
	} {
		t.Run(wrong, func(t *testing.T) {
			spoiled := t.TempDir()
			require.NoError(t, os.CopyFS(spoiled, os.DirFS(folder)))
			spoil(t, spoiled)
			archive, err := Plugin(spoiled, t.TempDir(), then)
			require.NoError(t, err)
			require.ErrorContains(t, CheckPlugin(archive, []Platform{here}), wrong)
		})
	}
	t.Run("a platform that is missing, and a program for another one", func(t *testing.T) {
		spoiled := t.TempDir()
		require.NoError(t, os.CopyFS(spoiled, os.DirFS(folder)))
		other := Platform{"plan9", "386"}
		program, err := os.ReadFile(filepath.Join(spoiled, here.Executable("gpx_sightline_rum")))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(spoiled, other.Executable("gpx_sightline_rum")), program, 0o755))
		archive, err := Plugin(spoiled, t.TempDir(), then)
		require.NoError(t, err)
		err = CheckPlugin(archive, []Platform{here, other, {"windows", "arm64"}})
		require.ErrorContains(t, err, "gpx_sightline_rum_plan9_386 is for "+here.String())
		require.ErrorContains(t, err, "gpx_sightline_rum_windows_arm64.exe is missing")
	})
}

func touch(t *testing.T, folder, name string) {
	require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte("x"), 0o644))
}

func TestTheSidecarsArchiveHoldsWhatAnInstallationNeeds(t *testing.T) {
	sidecar := Sidecar{Sources: sources, Program: program(t, t.TempDir()), Version: "0.1.0", Platform: Platform{"linux", runtime.GOARCH}}
	if runtime.GOOS != "linux" {
		sidecar.Platform = here
	}
	archive, err := sidecar.Pack(t.TempDir(), then)
	require.NoError(t, err)
	require.NoError(t, sidecar.Check(archive))

	found, err := sidecar.open(archive)
	require.NoError(t, err)
	require.True(t, found["bin/sightline"].program)
	install := string(found["INSTALL.md"].content)
	require.NotContains(t, install, "{{")
	require.Contains(t, install, "# Sightline 0.1.0, sidecar for "+sidecar.Platform.String())
	require.Contains(t, string(found["systemd/sightline.service"].content), "ExecStart=/opt/sightline/bin/sightline serve")

	for _, other := range []Sidecar{
		{Version: "0.1.0", Platform: Platform{"linux", "386"}},
		{Version: "0.2.0", Platform: sidecar.Platform},
	} {
		require.Error(t, other.Check(archive), "that is not this archive")
	}
	for _, platform := range SidecarPlatforms {
		mislabelled := sidecar
		mislabelled.Platform = platform
		packed, err := mislabelled.Pack(t.TempDir(), then)
		require.NoError(t, err)
		if err = mislabelled.Check(packed); platform == here {
			require.NoError(t, err)
		} else {
			require.ErrorContains(t, err, "bin/sightline is for "+here.String())
		}
	}
}

func TestTheUnitFileRunsWhatTheArchiveHoldsAndMayDoNothingElse(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(sources, "packaging", "sightline.service"))
	require.NoError(t, err)
	unit := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && !strings.HasPrefix(key, "#") {
			unit[key] = value
		}
	}
	for key, value := range map[string]string{
		"DynamicUser": "yes", "ProtectSystem": "strict", "ProtectHome": "yes", "NoNewPrivileges": "yes", "CapabilityBoundingSet": "",
		"PrivateDevices": "yes", "PrivateTmp": "yes", "RestrictNamespaces": "yes", "StateDirectory": "sightline",
	} {
		set, ok := unit[key]
		require.True(t, ok, key)
		require.Equal(t, value, set, key)
	}
	require.Contains(t, unit["ExecStart"], "--data=/var/lib/"+unit["StateDirectory"])
	require.Contains(t, unit["SystemCallFilter"], "landlock_restrict_self", "the engine confines itself")
}
