package engine

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// LibraryVersion is the release of libchdb that this package is written against.
const LibraryVersion = "26.7.3-stable.1"

// libraryEnvironment names the file to load instead of searching for one.
const libraryEnvironment = "SIGHTLINE_LIBCHDB"

// FindLibrary returns the path of libchdb. It looks, in this order, at $SIGHTLINE_LIBCHDB, next to the executable
// and in ../lib beside it, and in node_modules/@chdb/lib-<platform> of every folder from the executable and from the
// working directory upwards. A library that is nowhere is an error that names the one command that fetches it.
func FindLibrary() (string, error) {
	if named := os.Getenv(libraryEnvironment); named != "" {
		if !isFile(named) {
			return "", fmt.Errorf("find libchdb: $%s names %s, which is not a file", libraryEnvironment, named)
		}
		return named, nil
	}
	platform, err := libraryPlatform(runtime.GOOS, runtime.GOARCH)
	if err != nil {
		return "", err
	}
	var starts []string
	if executable, err := os.Executable(); err == nil {
		if resolved, err := filepath.EvalSymlinks(executable); err == nil {
			executable = resolved
		}
		beside := filepath.Dir(executable)
		for _, candidate := range []string{
			filepath.Join(beside, libraryFile),
			filepath.Join(beside, "..", "lib", libraryFile),
		} {
			if isFile(candidate) {
				return candidate, nil
			}
		}
		starts = append(starts, beside)
	}
	if working, err := os.Getwd(); err == nil {
		starts = append(starts, working)
	}
	packaged := filepath.Join("node_modules", "@chdb", "lib-"+platform, libraryFile)
	lockfile := false
	for _, start := range starts {
		for folder := start; ; folder = filepath.Dir(folder) {
			if candidate := filepath.Join(folder, packaged); isFile(candidate) {
				return candidate, nil
			}
			lockfile = lockfile || isFile(filepath.Join(folder, "package-lock.json"))
			if folder == filepath.Dir(folder) {
				break
			}
		}
	}
	command := fmt.Sprintf("npm install --no-save @chdb/lib-%s@%s", platform, LibraryVersion)
	if lockfile {
		command = "npm ci"
	}
	return "", fmt.Errorf("find libchdb, the library of the embedded engine: it is not installed; run: %s", command)
}

// libraryFile is the library's name in every package, macOS included.
const libraryFile = "libchdb.so"

// LibraryPackage is the npm package that holds the library for an operating system and architecture, as Go names them.
func LibraryPackage(os, arch string) (string, error) {
	platform, err := libraryPlatform(os, arch)
	return "@chdb/lib-" + platform, err
}

// libraryPlatform is the platform part of the npm package's name.
func libraryPlatform(os, arch string) (string, error) {
	switch os + "/" + arch {
	case "linux/amd64":
		return "linux-x64-gnu", nil
	case "linux/arm64":
		return "linux-arm64-gnu", nil
	case "darwin/amd64":
		return "darwin-x64", nil
	case "darwin/arm64":
		return "darwin-arm64", nil
	default:
		return "", fmt.Errorf("find libchdb: there is none for %s/%s; use a ClickHouse server instead (--clickhouse DSN)", os, arch)
	}
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false
	}
	return err == nil && info.Mode().IsRegular()
}
