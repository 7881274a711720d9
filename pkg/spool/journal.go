package spool

import (
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	wal "github.com/hashicorp/raft-wal"
	"github.com/hashicorp/raft-wal/metadb"
)

var errNotOpen = errors.New("spool: the files could not be opened again after a failed write")

// Keys of the WAL's small store beside its segments.
var (
	idKey      = []byte("id")
	drainedKey = []byte("drained")
)

// journal is the WAL together with the small store that keeps how far it is drained. It is safe for one writer and
// any number of readers, and can be opened again in place.
type journal struct {
	dir          string
	segmentBytes int
	logger       *slog.Logger

	mu   sync.RWMutex // held for writing while the files are being opened or closed
	log  *wal.WAL     // nil after a failure
	meta *metadb.BoltMetaDB
}

func (j *journal) open() error {
	if err := mendSealedTail(j.dir); err != nil {
		return err
	}
	meta := &metadb.BoltMetaDB{}
	log, err := wal.Open(j.dir, wal.WithMetaStore(meta), wal.WithSegmentSize(j.segmentBytes),
		wal.WithLogger(hclog.New(&hclog.LoggerOptions{Level: hclog.Warn, DisableTime: true, Output: warnings{j.logger}})))
	if err != nil {
		return errors.Join(fmt.Errorf("spool: open %s: %w", j.dir, err), meta.Close())
	}
	j.log, j.meta = log, meta
	return nil
}

// reopen recovers from a failed write as from a crash. It returns the last entry found.
func (j *journal) reopen() (position, error) {
	if err := j.close(); err != nil {
		j.logger.Warn("spool: close after a failed write", "error", err)
	}
	j.mu.Lock()
	err := j.open()
	j.mu.Unlock()
	if err != nil {
		return position{}, err
	}
	return j.tail()
}

func (j *journal) close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.log == nil {
		return nil
	}
	err := j.log.Close()
	// The WAL leaves its meta store open, and with it a file lock that would block opening again for ever.
	err = errors.Join(err, j.meta.Close())
	j.log, j.meta = nil, nil
	return err
}

// with calls f with the open WAL, which stays open meanwhile.
func (j *journal) with(f func(*wal.WAL) error) error {
	j.mu.RLock()
	defer j.mu.RUnlock()
	if j.log == nil {
		return errNotOpen
	}
	return f(j.log)
}

func (j *journal) isOpen() bool {
	j.mu.RLock()
	defer j.mu.RUnlock()
	return j.log != nil
}

// store returns once the entries are on disk: all of them, after one fsync.
func (j *journal) store(logs []*raft.Log) error {
	err := j.with(func(log *wal.WAL) error { return log.StoreLogs(logs) })
	if err != nil {
		return fmt.Errorf("spool: write: %w", err)
	}
	return nil
}

func (j *journal) read(index uint64) (entry, error) {
	var log raft.Log
	err := j.with(func(w *wal.WAL) error { return w.GetLog(index, &log) })
	if errors.Is(err, wal.ErrCorrupt) {
		return entry{}, &damage{err: fmt.Errorf("entry %d: %w", index, err)}
	} else if err != nil {
		return entry{}, fmt.Errorf("spool: read entry %d: %w", index, err)
	}
	e, err := fromLog(&log)
	if err != nil {
		return entry{}, &damage{err: err, data: log.Data}
	}
	return e, nil
}

// damage is an entry that was read, but not as it was written.
type damage struct {
	err  error
	data []byte
}

func (d *damage) Error() string { return "spool: damaged: " + d.err.Error() }
func (d *damage) Unwrap() error { return d.err }

// tail is the position of the last entry, zero in a new spool. The last entry is there even when all is drained (drop),
// but for a spool that was made to forget.
func (j *journal) tail() (position, error) {
	var first, last uint64
	err := j.with(func(log *wal.WAL) (err error) {
		if first, err = log.FirstIndex(); err == nil {
			last, err = log.LastIndex()
		}
		return err
	})
	if err != nil {
		return position{}, fmt.Errorf("spool: find the last entry: %w", err)
	}
	if last == 0 {
		return j.forgotten()
	}
	// The counts of a damaged entry are lost: those before it do, they are for limits and metrics only.
	var damaged *damage
	for index := last; index > 0 && index >= first; index-- {
		e, err := j.read(index)
		if errors.As(err, &damaged) {
			continue
		}
		return position{index: last, records: e.end.records, bytes: e.end.bytes}, err
	}
	return position{index: last}, nil
}

// drop frees the files that hold entries up to and including index only, except the very last entry: the WAL would
// forget where to go on counting.
func (j *journal) drop(index uint64) error {
	return j.with(func(log *wal.WAL) error {
		first, err := log.FirstIndex()
		if err != nil {
			return err
		}
		last, err := log.LastIndex()
		if err != nil {
			return err
		}
		if index = min(index, last-1); last == 0 || index < first {
			return nil
		}
		return log.DeleteRange(first, index)
	})
}

// id returns the spool's id, which is made once.
func (j *journal) id(make func() string) (string, error) {
	var id string
	err := j.with(func(log *wal.WAL) error {
		kept, err := log.Get(idKey)
		if err != nil || kept != nil {
			id = string(kept)
			return err
		}
		id = make()
		return log.Set(idKey, []byte(id))
	})
	if err != nil {
		return "", fmt.Errorf("spool: read or write its id: %w", err)
	}
	return id, nil
}

// drained returns what setDrained kept.
func (j *journal) drained() (head position, batch uint64, err error) {
	err = j.with(func(log *wal.WAL) error {
		kept, err := log.Get(drainedKey)
		if err != nil || kept == nil {
			return err
		}
		if len(kept) != 32 {
			return fmt.Errorf("%d bytes instead of 32", len(kept))
		}
		head.index = binary.LittleEndian.Uint64(kept)
		head.records = binary.LittleEndian.Uint64(kept[8:])
		head.bytes = binary.LittleEndian.Uint64(kept[16:])
		batch = binary.LittleEndian.Uint64(kept[24:])
		return nil
	})
	if err != nil {
		return head, 0, fmt.Errorf("spool: read how far it is drained: %w", err)
	}
	return head, batch, nil
}

// setDrained keeps the last drained entry, and the last entry of the batch after it (0 without one), on disk.
func (j *journal) setDrained(head position, batch uint64) error {
	kept := make([]byte, 0, 32)
	for _, v := range []uint64{head.index, head.records, head.bytes, batch} {
		kept = binary.LittleEndian.AppendUint64(kept, v)
	}
	if err := j.with(func(log *wal.WAL) error { return log.Set(drainedKey, kept) }); err != nil {
		return fmt.Errorf("spool: write how far it is drained: %w", err)
	}
	return nil
}

// warnings passes the WAL's own log lines on.
type warnings struct{ logger *slog.Logger }

func (w warnings) Write(line []byte) (int, error) {
	w.logger.Warn("spool: " + strings.TrimSpace(string(line)))
	return len(line), nil
}
