package spool

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// Batch is a run of records in the order they were appended.
type Batch struct {
	First, Last uint64   // WAL entries, inclusive
	Token       string   // "<spool id>:<First>:<Last>": the same batch has the same token for ever
	Records     [][]byte // the caller's to keep
	Again       bool     // it was handed out before, and some of it may be in the store already

	end position
}

// Next returns the batch that was handed out and is not Done, or else waits for records and cuts a new batch: when
// BatchBytes or BatchRecords are there, or when the oldest has waited for Options.Gather. The boundaries of a batch
// are on disk before it is returned.
func (s *Spool) Next(ctx context.Context) (Batch, error) {
	batch, err := s.next(ctx)
	if errors.Is(err, errNotOpen) {
		err = errors.Join(err, s.reopen())
	}
	return batch, err
}

func (s *Spool) next(ctx context.Context) (Batch, error) {
	s.mu.Lock()
	head, last := s.head, s.batch
	s.mu.Unlock()
	if last == 0 {
		if err := s.gather(ctx); err != nil {
			return Batch{}, err
		}
	}
	batch, err := s.cut(head, last)
	if err != nil {
		return Batch{}, err
	}
	batch.Again = last != 0
	if last == 0 {
		if err := s.journal.setDrained(head, batch.Last); err != nil {
			return Batch{}, err
		}
		s.mu.Lock()
		s.batch = batch.Last
		s.mu.Unlock()
	}
	return batch, nil
}

// gather waits until there is a batch to be cut.
func (s *Spool) gather(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var due time.Time
	for {
		if s.fullLocked() {
			return nil
		}
		var timer <-chan time.Time
		if s.tail.index > s.head.index {
			if due.IsZero() {
				due = s.dueLocked()
			}
			wait := time.Until(due)
			if s.hurry > 0 || wait <= 0 {
				return nil
			}
			timer = time.After(wait)
		}
		if err := s.await(ctx, timer); err != nil {
			return err
		}
	}
}

// fullLocked says whether a whole batch is on disk.
func (s *Spool) fullLocked() bool {
	return s.tail.records-s.head.records >= uint64(s.options.BatchRecords) ||
		s.tail.bytes-s.head.bytes >= uint64(s.options.BatchBytes)
}

// dueLocked is when the oldest record will have waited long enough. It gives up mu meanwhile.
func (s *Spool) dueLocked() time.Time {
	first := s.head.index + 1
	s.mu.Unlock()
	defer s.mu.Lock()
	oldest, err := s.journal.read(first)
	if err != nil {
		return time.Now() // cut meets the same error and deals with it
	}
	// The clock may have been set back since: never wait longer than once.
	return time.Now().Add(min(s.options.Gather, s.options.Gather-time.Since(oldest.appendedAt)))
}

// cut reads the entries after head: up to last, or as many as make a batch if last is 0.
func (s *Spool) cut(head position, last uint64) (Batch, error) {
	s.mu.Lock()
	tail := s.tail.index
	s.mu.Unlock()
	batch := Batch{First: head.index + 1, end: head}
	for index := batch.First; index <= tail; index++ {
		e, err := s.journal.read(index)
		var damaged *damage
		if errors.As(err, &damaged) {
			if err := s.setAside(index, damaged); err != nil {
				return Batch{}, err
			}
			e.end = position{index: index, records: batch.end.records, bytes: batch.end.bytes}
		} else if err != nil {
			return Batch{}, err
		}
		batch.end = e.end
		batch.Records = append(batch.Records, e.records...)
		if last == 0 {
			if batch.end.records-head.records >= uint64(s.options.BatchRecords) ||
				batch.end.bytes-head.bytes >= uint64(s.options.BatchBytes) {
				break
			}
		} else if index == last {
			break
		}
	}
	batch.Last = batch.end.index
	batch.Token = fmt.Sprintf("%s:%d:%d", s.id, batch.First, batch.Last)
	return batch, nil
}

// setAside keeps what is left of a damaged entry in a file of its own, so that the entries after it can go on.
func (s *Spool) setAside(index uint64, d *damage) error {
	folder := filepath.Join(s.dir, "damaged")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return fmt.Errorf("spool: set a damaged entry aside: %w", err)
	}
	path := filepath.Join(folder, fmt.Sprintf("%020d", index))
	if err := os.WriteFile(path, d.data, 0o600); err != nil {
		return fmt.Errorf("spool: set a damaged entry aside: %w", err)
	}
	s.damaged.Add(1)
	s.options.Logger.Error("spool: the disk returned a damaged entry; its records are lost to the store, what is left is kept",
		"entry", index, "reason", d.err, "file", path)
	return nil
}

// Done drops a batch for good. Its files are deleted when all their records are done.
func (s *Spool) Done(batch Batch) error {
	s.mu.Lock()
	if batch.Last != s.batch || batch.First != s.head.index+1 {
		s.mu.Unlock()
		return fmt.Errorf("spool: batch %s is not the one handed out last", batch.Token)
	}
	s.mu.Unlock()
	if err := s.journal.setDrained(batch.end, 0); err != nil {
		return err
	}
	s.mu.Lock()
	s.head, s.batch = batch.end, 0
	trim := s.head.bytes-s.trimmed >= uint64(s.options.SegmentBytes)
	if trim {
		s.trimmed = s.head.bytes
	}
	s.announce()
	s.mu.Unlock()
	if trim {
		if err := s.journal.drop(batch.Last); err != nil {
			// The records are drained all the same: the files go with the next ones.
			s.options.Logger.Warn("spool: free drained files", "error", err)
		}
	}
	if err := s.forgetDrained(); err != nil {
		s.options.Logger.Warn("spool: what is drained is still on disk; the next batch tries again", "error", err)
	}
	return nil
}

// reopen opens the files again after a failed write, for a drainer while nothing is appended.
func (s *Spool) reopen() error {
	s.writing.Lock()
	defer s.writing.Unlock()
	if s.journal.isOpen() {
		return nil
	}
	tail, err := s.journal.reopen()
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.tail = tail
	s.mu.Unlock()
	return nil
}
