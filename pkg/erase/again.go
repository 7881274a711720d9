package erase

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/sightline-rum/sightline/pkg/store"
)

// After a power cut a store may have lost what it did last, and so hold again what was erased. Each store has a mark in
// the folder that is there while the sidecar runs: a start that finds it comes after an unclean end, and looks for all
// that was erased once more.

// askedAgain is who asks for what was found again.
const askedAgain = "found again after an unclean end"

func (e *Erasures) mark(name string) string { return filepath.Join(e.options.Folder, "running-"+name) }

// markAll leaves the marks, and remembers which were there.
func (e *Erasures) markAll() error {
	for name := range e.options.Stores {
		_, err := os.Stat(e.mark(name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("erase: %w", err)
		}
		e.unclean[name] = err == nil
		if err := os.WriteFile(e.mark(name), nil, 0o600); err != nil {
			return fmt.Errorf("erase: %w", err)
		}
	}
	return nil
}

// Close takes the marks away, but of stores that were still to be looked through.
func (e *Erasures) Close() error {
	e.mu.RLock()
	defer e.mu.RUnlock()
	var failed []error
	for name, unclean := range e.unclean {
		if !unclean {
			failed = append(failed, os.Remove(e.mark(name)))
		}
	}
	return errors.Join(failed...)
}

// lookAgain asks for the erasure of what an unclean end has brought back into a store.
func (e *Erasures) lookAgain(ctx context.Context, name string, in *store.Store) error {
	e.mu.RLock()
	unclean := e.unclean[name]
	e.mu.RUnlock()
	if !unclean {
		return nil
	}
	found, err := in.ErasedRows(ctx)
	if err != nil {
		return err
	}
	for _, subject := range found {
		id, err := e.ask(subject, askedAgain)
		if err != nil {
			return err
		}
		e.options.Logger.Warn("something erased was in the store again, and is erased again", "store", name, "id", id)
	}
	e.mu.Lock()
	e.unclean[name] = false
	e.mu.Unlock()
	return nil
}
