package erase

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/sightline-rum/sightline/pkg/rum"
)

// purgeDeadLetters deletes the records set aside by the drainer that are of somebody who was erased.
func (e *Erasures) purgeDeadLetters() error {
	if e.options.DeadLetters == "" {
		return nil
	}
	files, err := filepath.Glob(filepath.Join(e.options.DeadLetters, "*.json"))
	if err != nil {
		return fmt.Errorf("erase: %w", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return fmt.Errorf("erase: read a dead letter: %w", err)
		}
		var letter struct {
			Record []byte `json:"record"`
		}
		var record rum.Record
		if json.Unmarshal(text, &letter) != nil {
			continue // it holds nobody's record
		}
		if _, err := record.UnmarshalMsg(letter.Record); err != nil || record.Beacon == nil {
			continue
		}
		if e.Erased(record.Beacon) {
			if err := os.Remove(file); err != nil {
				return fmt.Errorf("erase: delete a dead letter: %w", err)
			}
		}
	}
	return nil
}
