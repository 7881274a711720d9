package engine

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// A table commits an inserted part first and notes its deduplication token after (MergeTreeSink of 26.x). An engine that
// is killed in between has the rows and has forgotten the token: the retry that is sure to come would double them. Such
// a part was never acknowledged, because the answer comes after the note. So it is taken away before the store is opened,
// and the retry writes it again.
//
// This holds as long as the machine itself did not go down: the log of tokens is not synced, and after a power cut a
// part without a note may well have been acknowledged. Then nothing is touched: a doubled batch is better than a lost one.

// dropUnnoted removes the unnoted parts of the engine that ran last, if it was killed, and returns their paths.
func dropUnnoted(data string) ([]string, error) {
	killed, since := wasKilled(data)
	if !killed {
		return nil, nil
	}
	logs, err := filepath.Glob(filepath.Join(storePath(data), "store", "*", "*", "deduplication_logs"))
	if err != nil {
		return nil, fmt.Errorf("look for unnoted parts: %w", err)
	}
	var dropped []string
	for _, folder := range logs {
		parts, err := unnotedParts(filepath.Dir(folder), since)
		if err != nil {
			return dropped, err
		}
		for _, part := range parts {
			if err := removePart(part); err != nil {
				return dropped, err
			}
			dropped = append(dropped, part)
		}
	}
	return dropped, nil
}

// wasKilled tells an engine that left its access file behind, on this boot of the machine, and since when it ran.
func wasKilled(data string) (bool, time.Time) {
	path := accessPath(data)
	text, err := os.ReadFile(path)
	if err != nil {
		return false, time.Time{}
	}
	var left Access
	about, statErr := os.Stat(path)
	if json.Unmarshal(text, &left) != nil || statErr != nil || left.Boot == "" || left.Boot != bootID() {
		return false, time.Time{}
	}
	return true, about.ModTime()
}

// unnotedParts are the parts of one table, inserted since then, that are younger than every part whose token is noted.
func unnotedParts(table string, since time.Time) ([]string, error) {
	entries, err := os.ReadDir(table)
	if err != nil {
		return nil, fmt.Errorf("look for unnoted parts: %w", err)
	}
	var noted map[string]uint64
	var unnoted []string
	for _, entry := range entries {
		partition, block, ok := insertedPart(entry.Name())
		if !ok || !entry.IsDir() {
			continue
		}
		about, err := entry.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("look for unnoted parts: %w", err)
		}
		// Folders of parts carry whole seconds.
		if about.ModTime().Before(since.Truncate(time.Second)) {
			continue
		}
		if noted == nil {
			if noted, err = lastNoted(table); err != nil {
				return nil, err
			}
		}
		if block > noted[partition] {
			unnoted = append(unnoted, filepath.Join(table, entry.Name()))
		}
	}
	return unnoted, nil
}

// insertedPart reads the name of a part that is of one insert and was not mutated: partition_block_block_level. Its level
// is 1 where the table's engine already merged the inserted rows among themselves.
func insertedPart(name string) (partition string, block uint64, ok bool) {
	pieces := strings.Split(name, "_")
	if len(pieces) != 4 || pieces[1] != pieces[2] {
		return "", 0, false
	}
	block, err := strconv.ParseUint(pieces[1], 10, 64)
	return pieces[0], block, err == nil
}

// lastNoted is the highest block of each partition whose token a table's logs have. A line is: operation, part, token.
func lastNoted(table string) (map[string]uint64, error) {
	last := map[string]uint64{}
	logs, err := filepath.Glob(filepath.Join(table, "deduplication_logs", "deduplication_log_*.txt"))
	if err != nil {
		return nil, fmt.Errorf("read the notes of tokens: %w", err)
	}
	for _, path := range logs {
		file, err := os.Open(path)
		if err != nil {
			return nil, fmt.Errorf("read the notes of tokens: %w", err)
		}
		lines := bufio.NewScanner(file)
		for lines.Scan() {
			_, rest, _ := strings.Cut(lines.Text(), "\t")
			part, _, whole := strings.Cut(rest, "\t")
			if partition, block, ok := insertedPart(part); ok && whole {
				last[partition] = max(last[partition], block)
			}
		}
		if err := errors.Join(lines.Err(), file.Close()); err != nil {
			return nil, fmt.Errorf("read the notes of tokens: %s: %w", path, err)
		}
	}
	return last, nil
}

// removePart takes a part away. Under its new name the store would clear it up too, should the removal be cut short.
func removePart(path string) error {
	away := filepath.Join(filepath.Dir(path), "delete_tmp_"+filepath.Base(path))
	if err := os.Rename(path, away); err != nil {
		return fmt.Errorf("remove an unnoted part: %w", err)
	}
	if err := os.RemoveAll(away); err != nil {
		return fmt.Errorf("remove an unnoted part: %w", err)
	}
	return nil
}
