package spool

import (
	"encoding/binary"
	"fmt"

	wal "github.com/hashicorp/raft-wal"
)

// Files are freed when all that is in them is drained and the next one is begun, which may take days on a quiet site. An
// erasure cannot wait for that: what was erased from the store would still lie here.

// Forget frees the files of everything that is drained, at once if nothing else is in them, and otherwise with the first
// batch after which nothing is left to drain. It may be called at any time.
func (s *Spool) Forget() error {
	s.mu.Lock()
	s.forget = true
	s.mu.Unlock()
	return s.forgetDrained()
}

// forgetDrained does what Forget asked for, if it can be done.
func (s *Spool) forgetDrained() error {
	s.mu.Lock()
	asked := s.forget
	s.mu.Unlock()
	if !asked {
		return nil
	}
	s.writing.Lock() // nothing is appended meanwhile
	defer s.writing.Unlock()
	s.mu.Lock()
	drained := s.head.index == s.tail.index && !s.closed
	head := s.head
	s.mu.Unlock()
	if !drained || !s.journal.isOpen() {
		return nil
	}
	if err := s.journal.dropAll(head); err != nil {
		return fmt.Errorf("spool: free the files of what is drained: %w", err)
	}
	s.mu.Lock()
	s.forget, s.trimmed = false, head.bytes
	s.mu.Unlock()
	return nil
}

var forgottenKey = []byte("forgotten")

// dropAll frees all files. Where counting goes on is kept first, since an empty WAL does not know.
func (j *journal) dropAll(last position) error {
	return j.with(func(log *wal.WAL) error {
		first, err := log.FirstIndex()
		if err != nil || first == 0 {
			return err
		}
		kept := make([]byte, 0, 24)
		for _, n := range []uint64{last.index, last.records, last.bytes} {
			kept = binary.LittleEndian.AppendUint64(kept, n)
		}
		if err := log.Set(forgottenKey, kept); err != nil {
			return err
		}
		return log.DeleteRange(first, last.index)
	})
}

// forgotten is the last entry that dropAll dropped, zero if it never did.
func (j *journal) forgotten() (last position, err error) {
	err = j.with(func(log *wal.WAL) error {
		kept, err := log.Get(forgottenKey)
		if err != nil || kept == nil {
			return err
		}
		if len(kept) != 24 {
			return fmt.Errorf("%d bytes instead of 24", len(kept))
		}
		last.index = binary.LittleEndian.Uint64(kept)
		last.records = binary.LittleEndian.Uint64(kept[8:])
		last.bytes = binary.LittleEndian.Uint64(kept[16:])
		return nil
	})
	if err != nil {
		return position{}, fmt.Errorf("spool: read what was forgotten last: %w", err)
	}
	return last, nil
}
