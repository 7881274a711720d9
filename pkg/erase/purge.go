package erase

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/sightline-rum/sightline/pkg/quarantine"
	"github.com/sightline-rum/sightline/pkg/rum"
)

// purge deletes what lies beside a store and is of somebody who was erased.
func (e *Erasures) purge(name string) error {
	var spooled error
	if e.options.Forget != nil {
		spooled = e.options.Forget(name)
	}
	return errors.Join(e.purgeDeadLetters(e.options.Stores[name]), e.purgeQuarantine(), spooled)
}

// purgeQuarantine deletes rejected items.
func (e *Erasures) purgeQuarantine() error {
	if e.options.Quarantine == nil {
		return nil
	}
	_, err := e.options.Quarantine.Remove(func(one *quarantine.Entry) bool {
		return e.erased(one.App, one.SessionID, one.UserKey, one.At.UnixMilli)
	})
	if err != nil {
		return fmt.Errorf("erase: delete rejected items: %w", err)
	}
	return nil
}

// purgeDeadLetters deletes the records that the drainer set aside.
func (e *Erasures) purgeDeadLetters(folder string) error {
	if folder == "" {
		return nil
	}
	files, err := filepath.Glob(filepath.Join(folder, "*.json"))
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
