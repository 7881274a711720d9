package quarantine

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/google/renameio/v2"
)

const extension = ".jsonl"

// Read returns what is in a folder, the oldest first. A folder that is not there is empty.
func Read(dir string) ([]Entry, error) {
	files, err := files(dir)
	if err != nil {
		return nil, err
	}
	var all []Entry
	for _, file := range files {
		entries, err := readFile(file)
		if errors.Is(err, fs.ErrNotExist) { // thrown away meanwhile
			continue
		}
		if err != nil {
			return nil, err
		}
		all = append(all, entries...)
	}
	return all, nil
}

// Bytes is how much a folder holds.
func Bytes(dir string) (total int64, err error) {
	files, err := files(dir)
	if err != nil {
		return 0, err
	}
	for _, file := range files {
		if info, err := os.Stat(file); err == nil {
			total += info.Size()
		}
	}
	return total, nil
}

func files(dir string) ([]string, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*"+extension))
	if err != nil {
		return nil, fmt.Errorf("quarantine: %w", err)
	}
	slices.Sort(files)
	return files, nil
}

func readFile(path string) ([]Entry, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("quarantine: %w", err)
	}
	defer file.Close()
	var entries []Entry
	for in := bufio.NewReader(file); ; {
		line, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return entries, nil // a last line without an end is being written, or was cut off by a crash
		}
		if err != nil {
			return nil, fmt.Errorf("quarantine: %w", err)
		}
		var e Entry
		if json.Unmarshal(line, &e) == nil { // what a crash left in the middle is of no use to anybody
			entries = append(entries, e)
		}
	}
}

// List returns what is kept, the oldest first, with what was handed over before the call.
func (q *Quarantine) List() ([]Entry, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if err := q.catchUp(); err != nil {
		return nil, err
	}
	return Read(q.dir)
}

// Remove throws away the entries that match, and returns how many those were.
func (q *Quarantine) Remove(match func(*Entry) bool) (removed int, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if err := q.catchUp(); err != nil {
		return 0, err
	}
	if err := q.finishFile(); err != nil {
		return 0, err
	}
	files, err := files(q.dir)
	if err != nil {
		return 0, err
	}
	for _, file := range files {
		n, err := removeFrom(file, match)
		if err != nil {
			return removed, err
		}
		removed += n
	}
	return removed, nil
}

func removeFrom(path string, match func(*Entry) bool) (removed int, err error) {
	entries, err := readFile(path)
	if err != nil {
		return 0, err
	}
	var kept bytes.Buffer
	for i := range entries {
		if match(&entries[i]) {
			removed++
			continue
		}
		line, err := json.Marshal(&entries[i])
		if err != nil {
			return 0, fmt.Errorf("quarantine: remove: %w", err)
		}
		kept.Write(append(line, '\n'))
	}
	switch {
	case removed == 0:
		return 0, nil
	case kept.Len() == 0:
		err = os.Remove(path)
	default:
		err = rewrite(path, kept.Bytes())
	}
	if err != nil {
		return 0, fmt.Errorf("quarantine: remove: %w", err)
	}
	return removed, nil
}

// rewrite replaces a file and leaves it as old as it was: its age decides when it goes.
func rewrite(path string, text []byte) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if err := renameio.WriteFile(path, text, 0o600); err != nil {
		return err
	}
	return os.Chtimes(path, info.ModTime(), info.ModTime())
}

func (q *Quarantine) trimNow() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.trim()
}

// trim throws away files that are too old, and the oldest until there is room for one more. The caller holds mu.
func (q *Quarantine) trim() {
	all, err := files(q.dir)
	if err != nil {
		return
	}
	var total int64
	room := q.options.MaxBytes - q.options.MaxBytes/filesAtMost
	for _, file := range slices.Backward(all) {
		info, err := os.Stat(file)
		if err != nil {
			continue
		}
		total += info.Size()
		writing := q.file != nil && q.file.Name() == file
		if !writing && (total > room || time.Since(info.ModTime()) > q.options.MaxAge) {
			_ = os.Remove(file)
		}
	}
}
