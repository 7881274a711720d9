// Package spool is the durable queue between accepting a beacon and inserting it. Append returns once a record is on
// disk; Next hands out batches whose boundaries are on disk too, so that a batch read again after a crash is the very
// same batch under the very same token.
//
// The queue lies on hashicorp/raft-wal: segments, checksums, one fsync per group of entries, recovery of a torn tail.
// One WAL entry holds many records (entry.go), because reading and writing an entry costs far more than a record does.
package spool

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofrs/flock"
	"github.com/oklog/ulid/v2"
)

var (
	// ErrFull says that Options.MaxBytes are waiting to be drained: the record was refused and nothing was written.
	ErrFull = errors.New("spool: full: records arrive faster than the store takes them")
	// ErrClosed says that the spool was closed.
	ErrClosed = errors.New("spool: closed")
)

// Options of a spool; the zero value takes every default.
type Options struct {
	Logger *slog.Logger

	MaxBytes     int64         // records waiting to be drained; beyond it Append answers ErrFull. Default 1 GiB
	ReserveBytes int64         // free disk space below which Append answers ErrNoSpace. Default 1 GiB
	SegmentBytes int           // size of one file; disk space is freed a file at a time. Default 16 MiB
	BatchRecords int           // most records of a batch, give or take an entry. Default 50,000
	BatchBytes   int           // most bytes of a batch, give or take an entry. Default 8 MiB
	Gather       time.Duration // how long a batch that is not full waits for more. Default 1 s
}

// Defaults that others tell people of. The reserve is twice what the embedded engine keeps free: were it the same, the
// spool could fill the disk until the engine takes no more inserts, and neither would ever get on.
const (
	DefaultMaxBytes     = 1 << 30
	DefaultReserveBytes = 1 << 30
)

func (o *Options) setDefaults() {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	setDefault(&o.MaxBytes, DefaultMaxBytes)
	setDefault(&o.ReserveBytes, DefaultReserveBytes)
	setDefault(&o.SegmentBytes, 16<<20)
	setDefault(&o.BatchRecords, 50_000)
	setDefault(&o.BatchBytes, 8<<20)
	setDefault(&o.Gather, time.Second)
}

func setDefault[T int | int64 | time.Duration](option *T, value T) {
	if *option <= 0 {
		*option = value
	}
}

// Spool is safe for any number of appenders and one drainer.
type Spool struct {
	dir     string
	options Options
	id      string // part of every token: two spools never share one
	lock    *flock.Flock
	journal journal
	room    room

	commits   atomic.Uint64 // groups written, each with one fsync
	damaged   atomic.Uint64 // entries set aside because they could not be read
	committed chan struct{} // closed when the committer has ended

	writing sync.Mutex // held while the journal is written or opened again; taken before mu

	mu      sync.Mutex
	closed  bool
	group   *group        // records waiting for the committer
	spare   []byte        // memory of a group that is on disk, for one to come
	waiting chan struct{} // wakes the committer
	tail    position      // the last record on disk
	head    position      // the last record drained
	batch   uint64        // last entry of the batch handed out, 0 without one
	trimmed uint64        // head.bytes when segments were last freed
	forget  bool          // what is drained is to leave the disk as soon as all is
	hurry   int           // while positive, batches are not held back to gather more
	changed chan struct{} // closed and replaced when any of the above changes
}

// Open opens the spool in dir, which is created if need be. Only one process may have it open.
func Open(dir string, options Options) (*Spool, error) {
	options.setDefaults()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("spool: create folder: %w", err)
	}
	lock := flock.New(filepath.Join(dir, "lock"))
	if locked, err := lock.TryLock(); err != nil {
		return nil, fmt.Errorf("spool: lock %s: %w", dir, err)
	} else if !locked {
		return nil, fmt.Errorf("spool: %s is in use by another process: "+
			"stop the other `sightline serve`, or give this one its own --data folder", dir)
	}
	s := &Spool{
		dir: dir, options: options, lock: lock,
		journal:   journal{dir: dir, segmentBytes: options.SegmentBytes, logger: options.Logger},
		room:      room{dir: dir, free: FreeBytes},
		committed: make(chan struct{}),
		group:     newGroup(nil),
		waiting:   make(chan struct{}, 1),
		changed:   make(chan struct{}),
	}
	if err := s.recover(); err != nil {
		s.journal.close()
		_ = lock.Unlock()
		return nil, err
	}
	go s.commitGroups()
	return s, nil
}

// recover reads where the last process stopped.
func (s *Spool) recover() error {
	if err := s.journal.open(); err != nil {
		return err
	}
	var err error
	if s.id, err = s.journal.id(func() string { return ulid.Make().String() }); err != nil {
		return err
	}
	if s.head, s.batch, err = s.journal.drained(); err != nil {
		return err
	}
	if s.tail, err = s.journal.tail(); err != nil {
		return err
	}
	if s.head.index > s.tail.index || s.batch > s.tail.index {
		return fmt.Errorf("spool: %s lost entries: drained up to %d, batch up to %d, but the last entry is %d; "+
			"restore its .wal files or move the folder away to start empty",
			s.dir, s.head.index, s.batch, s.tail.index)
	}
	s.tail.records = max(s.tail.records, s.head.records)
	s.tail.bytes = max(s.tail.bytes, s.head.bytes)
	s.trimmed = s.head.bytes
	return nil
}

// Depth counts the records on disk that are not drained.
func (s *Spool) Depth() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return int64(s.tail.records - s.head.records)
}

// Bytes counts the bytes of the records on disk that are not drained.
func (s *Spool) Bytes() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return int64(s.tail.bytes - s.head.bytes)
}

// Lag is how long the oldest record that is not drained has been waiting, 0 without one.
func (s *Spool) Lag() time.Duration {
	s.mu.Lock()
	first, empty := s.head.index+1, s.head.index == s.tail.index
	s.mu.Unlock()
	if empty {
		return 0
	}
	e, err := s.journal.read(first)
	if err != nil {
		return 0
	}
	return max(0, time.Since(e.appendedAt))
}

// Commits counts the groups written so far, each with one fsync.
func (s *Spool) Commits() uint64 { return s.commits.Load() }

// Damaged counts the entries that could not be read back and were set aside in the folder `damaged`.
func (s *Spool) Damaged() uint64 { return s.damaged.Load() }

// Wait returns once every record appended before the call is drained. Batches are not held back meanwhile.
func (s *Spool) Wait(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	until := s.tail.index
	s.hurry++
	defer func() { s.hurry-- }()
	s.announce()
	for s.head.index < until {
		if err := s.await(ctx, nil); err != nil {
			return err
		}
	}
	return nil
}

// Close writes what is waiting and lets go of the folder. A batch that is not Done comes again after Open.
func (s *Spool) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	close(s.waiting)
	s.announce()
	s.mu.Unlock()
	<-s.committed
	return errors.Join(s.journal.close(), s.lock.Unlock())
}

// announce wakes everyone in await. The caller holds mu.
func (s *Spool) announce() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// await gives up mu until something changes, the timer fires, ctx ends or the spool closes.
func (s *Spool) await(ctx context.Context, timer <-chan time.Time) error {
	if s.closed {
		return ErrClosed
	}
	changed := s.changed
	s.mu.Unlock()
	defer s.mu.Lock()
	select {
	case <-changed:
	case <-timer:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}
