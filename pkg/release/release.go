// Package release makes what people install: the plugin's zip as Grafana's catalogue expects it, and the sidecar's
// archives. Each archive can be checked by opening it again, which `go tool mage package` does with every one it made.
package release

import (
	"bytes"
	"debug/buildinfo"
	"fmt"
	"io"
	"time"
)

// Platform is an operating system and an architecture, as Go names them.
type Platform struct{ OS, Arch string }

func (p Platform) String() string { return p.OS + "/" + p.Arch }

// PluginPlatforms are those that Grafana itself is published for and that run a data source of ours.
var PluginPlatforms = []Platform{
	{"linux", "amd64"}, {"linux", "arm64"}, {"darwin", "amd64"}, {"darwin", "arm64"}, {"windows", "amd64"}, {"windows", "arm64"},
}

// SidecarPlatforms are those that the embedded engine confines and that the unit file is for.
var SidecarPlatforms = []Platform{{"linux", "amd64"}, {"linux", "arm64"}}

// Executable is the name Grafana starts on the platform, for the executable that plugin.json names.
func (p Platform) Executable(name string) string {
	name += "_" + p.OS + "_" + p.Arch
	if p.OS == "windows" {
		name += ".exe"
	}
	return name
}

// file is one entry of an archive.
type file struct {
	name    string // with slashes, below the archive's one top folder
	content []byte
	program bool
}

func (f file) mode() uint32 {
	if f.program {
		return 0o755
	}
	return 0o644
}

// builtFor says what is wrong with a program: not Go, or not for this platform. A wrong one would only be noticed by the
// first person who starts it.
func builtFor(program []byte, wanted Platform) error {
	info, err := buildinfo.Read(bytes.NewReader(program))
	if err != nil {
		return fmt.Errorf("is no Go program: %w", err)
	}
	var built Platform
	for _, setting := range info.Settings {
		switch setting.Key {
		case "GOOS":
			built.OS = setting.Value
		case "GOARCH":
			built.Arch = setting.Value
		case "CGO_ENABLED":
			if setting.Value != "0" {
				return fmt.Errorf("was built with CGO and depends on the C library of this machine")
			}
		}
	}
	if built != wanted {
		return fmt.Errorf("is for %s", built)
	}
	return nil
}

func readAll(open func() (io.ReadCloser, error)) ([]byte, error) {
	reader, err := open()
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	return io.ReadAll(reader)
}

// entryTime is what archives give their entries: whole seconds in UTC, so that the same moment gives the same bytes.
func entryTime(at time.Time) time.Time { return at.UTC().Truncate(time.Second) }
