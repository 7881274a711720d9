package release

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"text/template"
	"time"

	"github.com/sightline-rum/sightline/pkg/engine"
)

// Sidecar is what one archive of the operator's program is made from.
type Sidecar struct {
	Sources  string // the folder that holds README.md, docs/ and packaging/
	Program  string // the built sightline
	Version  string
	Platform Platform
}

// Folder is the archive's one top folder.
func (s Sidecar) Folder() string {
	return fmt.Sprintf("sightline-%s-%s-%s", s.Version, s.Platform.OS, s.Platform.Arch)
}

// sidecarFiles maps what is in the archive to where it comes from in the sources. INSTALL.md is a template.
var sidecarFiles = []struct{ name, source string }{
	{"INSTALL.md", "packaging/INSTALL.md"},
	{"LICENSE", "LICENSE"},
	{"CHANGELOG.md", "CHANGELOG.md"},
	{"config.example.yaml", "docs/config.example.yaml"},
	{"create-reader.sql", "packaging/create-reader.sql"},
	{"nginx/sightline.conf", "packaging/nginx/sightline.conf"},
	{"systemd/sightline.service", "packaging/sightline.service"},
	{"systemd/sightline.env", "packaging/sightline.env"},
}

// Pack writes the archive into a folder and returns its path. The library of the embedded engine is not in it: it is ten
// times as large as everything else together, and not needed with a ClickHouse server. INSTALL.md says how to add it.
func (s Sidecar) Pack(out string, at time.Time) (string, error) {
	files, err := s.files()
	if err != nil {
		return "", fmt.Errorf("package the sidecar: %w", err)
	}
	target := filepath.Join(out, s.Folder()+".tar.gz")
	written, err := os.Create(target)
	if err != nil {
		return "", fmt.Errorf("package the sidecar: %w", err)
	}
	compressed := gzip.NewWriter(written)
	archive := tar.NewWriter(compressed)
	for _, f := range files {
		if err != nil {
			break
		}
		err = archive.WriteHeader(&tar.Header{
			Typeflag: tar.TypeReg, Name: path.Join(s.Folder(), f.name), Size: int64(len(f.content)), Mode: int64(f.mode()),
			ModTime: entryTime(at), Uname: "root", Gname: "root",
		})
		if err == nil {
			_, err = archive.Write(f.content)
		}
	}
	if err = errors.Join(err, archive.Close(), compressed.Close(), written.Close()); err != nil {
		return "", fmt.Errorf("package the sidecar: %w", err)
	}
	return target, nil
}

func (s Sidecar) files() ([]file, error) {
	program, err := os.ReadFile(s.Program)
	if err != nil {
		return nil, err
	}
	files := []file{{name: "bin/sightline", content: program, program: true}}
	for _, f := range sidecarFiles {
		content, err := os.ReadFile(filepath.Join(s.Sources, filepath.FromSlash(f.source)))
		if err != nil {
			return nil, err
		}
		if f.name == "INSTALL.md" {
			if content, err = s.install(string(content)); err != nil {
				return nil, err
			}
		}
		files = append(files, file{name: f.name, content: content})
	}
	return files, nil
}

// install fills in the version, and the library that this very program loads.
func (s Sidecar) install(text string) ([]byte, error) {
	parsed, err := template.New("INSTALL.md").Option("missingkey=error").Parse(text)
	if err != nil {
		return nil, err
	}
	library, err := engine.LibraryPackage(s.Platform.OS, s.Platform.Arch)
	if err != nil {
		return nil, err
	}
	var filled bytes.Buffer
	err = parsed.Execute(&filled, map[string]string{
		"Folder": s.Folder(), "Version": s.Version, "Platform": s.Platform.String(),
		"Library": library, "LibraryVersion": engine.LibraryVersion,
	})
	return filled.Bytes(), err
}

// Check opens an archive and returns everything that is missing or wrong in it.
func (s Sidecar) Check(archive string) error {
	found, err := s.open(archive)
	if err != nil {
		return fmt.Errorf("check %s: %w", archive, err)
	}
	var wrong []error
	fail := func(message string, arguments ...any) { wrong = append(wrong, fmt.Errorf("  "+message, arguments...)) }

	program := found["bin/sightline"]
	if !program.program {
		fail("bin/sightline is missing, or may not be executed")
	} else if err := builtFor(program.content, s.Platform); err != nil {
		fail("bin/sightline %w", err)
	}
	for _, f := range sidecarFiles {
		if len(found[f.name].content) == 0 {
			fail("%s is missing or empty", f.name)
		}
	}
	install := string(found["INSTALL.md"].content)
	library, err := engine.LibraryPackage(s.Platform.OS, s.Platform.Arch)
	if err != nil {
		fail("%w", err)
	}
	for _, needed := range []string{library + "@" + engine.LibraryVersion, "lib/libchdb.so", "SIGHTLINE_LIBCHDB", s.Folder()} {
		if !strings.Contains(install, needed) {
			fail("INSTALL.md does not name %s", needed)
		}
	}
	if len(wrong) > 0 {
		return fmt.Errorf("check %s:\n%w", archive, errors.Join(wrong...))
	}
	return nil
}

// open reads an archive whole, by the names below its one top folder.
func (s Sidecar) open(archive string) (map[string]file, error) {
	read, err := os.Open(archive)
	if err != nil {
		return nil, err
	}
	defer read.Close()
	uncompressed, err := gzip.NewReader(read)
	if err != nil {
		return nil, err
	}
	found := map[string]file{}
	for entries := tar.NewReader(uncompressed); ; {
		entry, err := entries.Next()
		if errors.Is(err, io.EOF) {
			return found, nil
		}
		if err != nil {
			return nil, err
		}
		name, inside := strings.CutPrefix(entry.Name, s.Folder()+"/")
		if !inside {
			return nil, fmt.Errorf("%s lies outside of the folder %s", entry.Name, s.Folder())
		}
		content, err := io.ReadAll(entries)
		if err != nil {
			return nil, err
		}
		found[name] = file{name: name, content: content, program: entry.Mode&0o111 == 0o111}
	}
}
