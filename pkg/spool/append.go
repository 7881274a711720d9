package spool

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/raft"
)

// group is the records that share one fsync: all that arrive while the previous group is being written.
type group struct {
	entries []packed
	spare   []byte // memory for the first entry
	records uint64
	bytes   uint64
	done    chan struct{} // closed once err is set
	err     error
}

// packed is the data of one entry to be.
type packed struct {
	data           []byte
	records, bytes uint64
}

// newGroup begins a group in the memory of one that is on disk.
func newGroup(spare []byte) *group { return &group{spare: spare[:0], done: make(chan struct{})} }

func (g *group) add(record []byte) {
	last := len(g.entries) - 1
	if last < 0 || len(g.entries[last].data)+len(record) > entryBytes {
		g.entries = append(g.entries, packed{data: g.spare})
		g.spare = nil
		last++
	}
	p := &g.entries[last]
	p.data = packRecord(p.data, record)
	p.records++
	p.bytes += uint64(len(record))
	g.records++
	g.bytes += uint64(len(record))
}

// Append returns nil once the record is on disk. The record is copied before Append returns, whatever it returns.
// ErrFull and ErrNoSpace refuse it; when ctx ends first, or the disk fails, the record may or may not be kept.
func (s *Spool) Append(ctx context.Context, record []byte) error {
	if len(record) > maxRecord {
		return fmt.Errorf("spool: a record of %d bytes is larger than the %d a record may have", len(record), maxRecord)
	}
	if err := s.checkRoom(); err != nil {
		return err
	}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return ErrClosed
	}
	if s.tail.bytes-s.head.bytes+s.group.bytes+uint64(len(record)) > uint64(s.options.MaxBytes) {
		s.mu.Unlock()
		return ErrFull
	}
	g := s.group
	g.add(record)
	select {
	case s.waiting <- struct{}{}:
	default:
	}
	s.mu.Unlock()

	select {
	case <-g.done:
		return g.err
	case <-ctx.Done():
		return fmt.Errorf("spool: waiting for the disk: %w", ctx.Err())
	}
}

// commitEvery is how long two fsyncs under load are apart: what comes in between shares the second. Without it a quick disk
// is kept busy by groups of a few records each, which cost the sidecar up to a quarter of its processor time. Who appends
// alone never waits.
const commitEvery = 2 * time.Millisecond

// commitGroups writes one group after the other until the spool is closed.
func (s *Spool) commitGroups() {
	defer close(s.committed)
	for range s.waiting {
		began := time.Now()
		if s.commitGroup() > 1 {
			time.Sleep(commitEvery - time.Since(began))
		}
	}
	s.commitGroup()
}

// commitGroup writes what is waiting and returns how many records that were.
func (s *Spool) commitGroup() uint64 {
	s.writing.Lock()
	defer s.writing.Unlock()

	s.mu.Lock()
	g, tail := s.group, s.tail
	if g.records == 0 {
		s.mu.Unlock()
		return 0
	}
	s.group = newGroup(s.spare)
	s.spare = nil
	s.mu.Unlock()

	tail, g.err = s.write(g, tail)
	if g.err == nil {
		s.commits.Add(1)
	}

	s.mu.Lock()
	// A drainer that waits for a batch to fill need not wake for every group of it.
	empty := s.tail.index == s.head.index
	s.tail = tail
	if data := g.entries[0].data; cap(data) <= 2*entryBytes {
		s.spare = data
	}
	if empty || s.fullLocked() {
		s.announce()
	}
	s.mu.Unlock()
	close(g.done)
	return g.records
}

// write stores a group behind tail and returns the new tail. After a failure the journal is reopened, which drops a
// torn write; the group is tried once more if none of it survived. If it did survive, nobody can tell whether it is
// on the disk or only in the page cache: the appenders are told of the failure and the records stay.
func (s *Spool) write(g *group, tail position) (position, error) {
	for attempt := 1; ; attempt++ {
		logs, end := g.logs(tail)
		err := s.journal.store(logs)
		if err == nil {
			return end, nil
		}
		s.options.Logger.Error("spool: write failed, opening the files again", "error", err, "attempt", attempt)
		found, openErr := s.journal.reopen()
		if openErr != nil {
			return tail, errors.Join(err, openErr)
		}
		if found.index != tail.index || attempt == 2 {
			return found, err
		}
	}
}

func (g *group) logs(tail position) ([]*raft.Log, position) {
	now := time.Now().UTC()
	logs := make([]*raft.Log, len(g.entries))
	for i, p := range g.entries {
		tail = position{index: tail.index + 1, records: tail.records + p.records, bytes: tail.bytes + p.bytes}
		logs[i] = toLog(tail, p.data, now)
	}
	return logs, tail
}
