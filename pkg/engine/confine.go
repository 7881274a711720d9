package engine

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

// The engine runs confined where the kernel can do it: a process that may read and write the store's folder, read the
// system's libraries, and open no network connection. Then nothing that a statement reaches, known or not, is outside
// the store. A Go process cannot confine all its threads at once, so it confines one and starts itself anew from it;
// what the new one may no longer read, the passwords, it gets through a pipe.

// confinedEnvironment names the descriptor that a confined process reads its passwords from.
const confinedEnvironment = "SIGHTLINE_ENGINE_SECRETS"

// handOver starts this program anew, confined, with the same arguments and process id. It returns only when that is
// not possible here, with the reason.
func handOver(config Config, library string, secrets passwords) error {
	executable, err := os.Executable()
	if err != nil {
		return err
	}
	if resolved, err := filepath.EvalSymlinks(library); err == nil {
		library = resolved
	}
	text, err := json.Marshal(secrets)
	if err != nil {
		return err
	}
	reading, writing, err := os.Pipe()
	if err != nil {
		return err
	}
	defer func() { _ = reading.Close() }()
	_, err = writing.Write(text)
	_ = writing.Close()
	if err != nil {
		return err
	}
	folders := confinement{
		readWrite: []string{storePath(config.Data)},
		writeOnly: []string{engineFolder(config.Data)},
		readable: []string{
			configFolder(config.Data), lockPath(config.Data), filepath.Dir(library), executable,
			"/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache", "/etc/ld.so.conf",
			"/etc/ld.so.conf.d", "/etc/localtime", "/usr/share/zoneinfo", "/usr/share/locale",
			"/sys", "/proc/self", "/proc/sys", "/proc/meminfo", "/proc/cpuinfo", "/proc/stat", "/proc/loadavg",
			"/proc/uptime", "/proc/vmstat", "/proc/version", "/proc/filesystems", "/proc/mounts", "/dev/urandom", "/dev/random",
		},
		devices: []string{"/dev/null", "/dev/zero"},
	}
	folders.readable = append(folders.readable, filepath.SplitList(os.Getenv("LD_LIBRARY_PATH"))...)
	// The library's own time zone comes from the environment; hours and partitions must not depend on the machine's.
	environment := append(os.Environ(), "TZ=UTC", confinedEnvironment+"="+strconv.Itoa(int(reading.Fd())))
	failed := make(chan error)
	// The goroutine ends without giving its thread back, so that a thread confined in vain is not used further.
	go func() { failed <- confineAndExec(folders, reading, executable, os.Args, environment) }()
	return <-failed
}

// confinement lists what a confined process may reach. Paths that do not exist are left out.
type confinement struct {
	readWrite []string // folders: everything
	writeOnly []string // folders: create and replace files, not read them
	readable  []string // files and folders: read and execute
	devices   []string // files: read and write
}

// receivePasswords returns the passwords handed over to a confined process; false if this is not one.
func receivePasswords() (passwords, bool, error) {
	var secrets passwords
	text, ok := os.LookupEnv(confinedEnvironment)
	if !ok {
		return secrets, false, nil
	}
	if err := os.Unsetenv(confinedEnvironment); err != nil {
		return secrets, false, fmt.Errorf("take over confined: %w", err)
	}
	descriptor, err := strconv.Atoi(text)
	if err != nil {
		return secrets, false, fmt.Errorf("take over confined: descriptor %q: %w", text, err)
	}
	pipe := os.NewFile(uintptr(descriptor), "passwords")
	defer func() { _ = pipe.Close() }()
	if err := json.NewDecoder(pipe).Decode(&secrets); err != nil {
		return secrets, false, fmt.Errorf("take over confined: %w", err)
	}
	return secrets, true, nil
}
