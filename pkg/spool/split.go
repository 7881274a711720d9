package spool

import (
	"encoding/binary"
	"fmt"

	wal "github.com/hashicorp/raft-wal"
)

// A drainer that inserts the parts of a batch into several places has to part it the same way when it tries again, also
// after it was told of another number of places: like a batch's boundaries, the number is on disk before the first try.

var splitKey = []byte("split")

// Split returns the number that KeepSplit kept last, 1 without one.
func (s *Spool) Split() (int, error) {
	parts := 1
	err := s.journal.with(func(log *wal.WAL) error {
		kept, err := log.Get(splitKey)
		if err == nil && len(kept) == 8 {
			parts = int(binary.LittleEndian.Uint64(kept))
		}
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("spool: read into how many parts batches go: %w", err)
	}
	return parts, nil
}

// KeepSplit returns once the number of parts is on disk.
func (s *Spool) KeepSplit(parts int) error {
	kept := binary.LittleEndian.AppendUint64(nil, uint64(parts))
	if err := s.journal.with(func(log *wal.WAL) error { return log.Set(splitKey, kept) }); err != nil {
		return fmt.Errorf("spool: write into how many parts batches go: %w", err)
	}
	return nil
}
