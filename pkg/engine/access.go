package engine

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// Database is the database the engine creates and that every client of it uses.
const Database = "sightline"

// The users of an engine. The writer may create, alter, insert and read; the reader only reads.
const (
	WriterUser = "sightline"
	ReaderUser = "sightline_reader"
)

// Login is a user's name and password.
type Login struct {
	User     string `json:"user"`
	Password string `json:"password"`
}

// Access is how to reach a running engine over the ClickHouse HTTP interface.
type Access struct {
	Address  string `json:"address"` // host:port
	Database string `json:"database"`
	Writer   Login  `json:"writer"`
	Reader   Login  `json:"reader"`
	PID      int    `json:"pid"`
	Boot     string `json:"boot,omitempty"` // the machine's boot it runs on
}

// ReadAccess returns how to reach the engine that runs on the data folder. It fails, saying what to start, when none
// runs there.
func ReadAccess(data string) (Access, error) {
	var access Access
	path := accessPath(data)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return access, fmt.Errorf("no engine runs on %s; start one with: sightline engine --data %s", data, data)
	}
	if err != nil {
		return access, fmt.Errorf("read engine access: %w", err)
	}
	if err := json.Unmarshal(text, &access); err != nil {
		return access, fmt.Errorf("read engine access: %s: %w", path, err)
	}
	if !isRunning(access.PID) {
		return access, fmt.Errorf("the engine on %s (process %d) has stopped; start it with: sightline engine --data %s",
			data, access.PID, data)
	}
	conn, err := net.DialTimeout("tcp", access.Address, time.Second)
	if err != nil {
		return access, fmt.Errorf("the engine on %s does not answer on %s: %w", data, access.Address, err)
	}
	return access, conn.Close()
}

// isRunning reports whether a process exists. A process of another user exists too.
func isRunning(pid int) bool {
	if pid <= 0 {
		return false
	}
	err := syscall.Kill(pid, 0)
	return err == nil || errors.Is(err, syscall.EPERM)
}

// Everything the engine keeps is under one folder of the data folder.
func engineFolder(data string) string  { return filepath.Join(data, "engine") }
func accessPath(data string) string    { return filepath.Join(engineFolder(data), "access.json") }
func passwordsPath(data string) string { return filepath.Join(engineFolder(data), "passwords.json") }
func lockPath(data string) string      { return filepath.Join(engineFolder(data), "lock") }
func storePath(data string) string     { return filepath.Join(engineFolder(data), "store") }
func configFolder(data string) string  { return filepath.Join(engineFolder(data), "config") }

// passwords are the users' passwords, made on first start and kept, so that a data source set up once stays valid.
type passwords struct {
	Writer string `json:"writer"`
	Reader string `json:"reader"`
}

func loadPasswords(data string) (passwords, error) {
	var kept passwords
	path := passwordsPath(data)
	text, err := os.ReadFile(path)
	switch {
	case err == nil:
		if err := json.Unmarshal(text, &kept); err != nil {
			return kept, fmt.Errorf("read engine passwords: %s: %w; remove the file to make new ones", path, err)
		}
		if kept.Writer == "" || kept.Reader == "" {
			return kept, fmt.Errorf("read engine passwords: %s lacks one; remove the file to make new ones", path)
		}
		return kept, nil
	case !errors.Is(err, fs.ErrNotExist):
		return kept, fmt.Errorf("read engine passwords: %w", err)
	}
	kept = passwords{Writer: rand.Text(), Reader: rand.Text()}
	return kept, writeSecret(path, kept)
}

// writeSecret replaces a file atomically, readable by its owner only. It opens the file for writing alone: a confined
// engine may not read it back.
func writeSecret(path string, content any) error {
	text, err := json.MarshalIndent(content, "", "  ")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	next := path + ".next"
	file, err := os.OpenFile(next, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	_, err = file.Write(append(text, '\n'))
	if err = errors.Join(err, file.Sync(), file.Close()); err == nil {
		err = os.Rename(next, path)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}
