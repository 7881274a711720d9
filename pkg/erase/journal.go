package erase

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"
)

// write puts an erasure's state on disk. It returns once it is there.
func (e *Erasures) write(one *erasure) error {
	text, err := json.MarshalIndent(one, "", "  ")
	if err == nil {
		err = renameio.WriteFile(filepath.Join(e.options.Folder, one.ID+".json"), text, 0o600)
	}
	if err != nil {
		return fmt.Errorf("erase: write the request to disk: %w", err)
	}
	return nil
}

// read takes up what was asked for before. A file that cannot be read stops the start: going on without its tombstone
// would bring erased data back.
func (e *Erasures) read() error {
	files, err := filepath.Glob(filepath.Join(e.options.Folder, "*.json"))
	if err != nil {
		return fmt.Errorf("erase: %w", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return fmt.Errorf("erase: %w", err)
		}
		var one erasure
		if err := json.Unmarshal(text, &one); err != nil {
			return fmt.Errorf("erase: %s is damaged: %w; restore it from a backup, or delete it and ask for the erasure again",
				file, err)
		}
		if one.State != StateVerified { // what it waited for may be a store that is no longer configured
			if e.settle(&one); one.State == StateVerified {
				if err := e.write(&one); err != nil {
					return err
				}
			}
		}
		e.all[one.ID] = &one
		e.bury(&one)
	}
	return nil
}
