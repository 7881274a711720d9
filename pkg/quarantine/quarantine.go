// Package quarantine keeps items that were refused for what is wrong with them, so that somebody can look at them and,
// once the reason is gone, replay them: a client's mistake is often found days later, and so is ours.
//
// It is a folder of files with one JSON entry a line, bounded by bytes and by age: the oldest file goes first. Nothing
// is fsynced. The client was told that the item was rejected, so a power cut costs no promise.
package quarantine

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"
)

// Entry is one rejected item. It is clean already: whoever keeps it has scrubbed it.
type Entry struct {
	ID          string    `json:"id"`
	At          time.Time `json:"at"` // when it was received
	Format      string    `json:"format"`
	App         string    `json:"app"`
	Environment string    `json:"environment,omitempty"`
	Reason      string    `json:"reason"`
	List        string    `json:"list,omitempty"` // where in its payload it stood
	Index       int       `json:"index"`

	// What the request said beside its body.
	Query     string `json:"query,omitempty"`
	UserKey   string `json:"user_key,omitempty"`
	SessionID string `json:"session_id,omitempty"`
	UserAgent string `json:"user_agent,omitempty"`
	Country   string `json:"country,omitempty"`
	Region    string `json:"region,omitempty"`
	Synthetic string `json:"synthetic,omitempty"`

	// Payload is a payload of the same format with this item alone, a form as a text in JSON; or empty when the item
	// cannot be told from the others: then the entry can be listed and not replayed.
	Payload json.RawMessage `json:"payload,omitempty"`
}

// Options bound a quarantine; zero means the default.
type Options struct {
	MaxBytes int64         // of all files. Default 64 MiB
	MaxAge   time.Duration // Default 7 days, as long as a replayed item is taken at its own time
	Logger   *slog.Logger
}

// Defaults, also told by `sightline doctor`.
const (
	DefaultMaxBytes = 64 << 20
	DefaultMaxAge   = 7 * 24 * time.Hour
)

// filesAtMost is into how many files the bound is divided: the oldest of them is what is lost when it is reached.
const filesAtMost = 16

// waitingAtMost is how many entries may wait for the disk; what comes beyond is not kept.
const waitingAtMost = 1000

// Quarantine is safe for concurrent use by one process. Others may Read its folder meanwhile.
type Quarantine struct {
	dir     string
	options Options
	wake    chan struct{} // closed by Close
	written chan struct{} // closed when the writer has ended

	mu     sync.Mutex // held while files are written, removed or replaced; taken before handing
	file   *os.File   // the one being written; nil until there is something to write
	out    *bufio.Writer
	size   int64
	began  time.Time
	failed bool

	handing sync.Mutex // held while an entry is handed over: never while anything is written
	waiting []Entry
	closed  bool
}

// Open opens a quarantine in a folder, which is made when the first entry comes.
func Open(dir string, options Options) *Quarantine {
	if options.MaxBytes <= 0 {
		options.MaxBytes = DefaultMaxBytes
	}
	if options.MaxAge <= 0 {
		options.MaxAge = DefaultMaxAge
	}
	if options.Logger == nil {
		options.Logger = slog.New(slog.DiscardHandler)
	}
	q := &Quarantine{dir: dir, options: options, wake: make(chan struct{}, 1), written: make(chan struct{})}
	go q.write()
	return q
}

// Keep hands an entry over, to be written soon, and gives it its id. It never waits: false says that too many are
// waiting already, and that this one is not kept.
func (q *Quarantine) Keep(e Entry) bool {
	e.ID = ulid.Make().String()
	q.handing.Lock()
	defer q.handing.Unlock()
	if q.closed || len(q.waiting) >= waitingAtMost {
		return false
	}
	q.waiting = append(q.waiting, e)
	select {
	case q.wake <- struct{}{}:
	default:
	}
	return true
}

// Close writes what is waiting.
func (q *Quarantine) Close() error {
	q.handing.Lock()
	if q.closed {
		q.handing.Unlock()
		return nil
	}
	q.closed = true
	close(q.wake)
	q.handing.Unlock()
	<-q.written
	q.mu.Lock()
	defer q.mu.Unlock()
	return errors.Join(q.catchUp(), q.finishFile())
}

// write appends entries as they come, and throws the oldest away at least once an hour.
func (q *Quarantine) write() {
	defer close(q.written)
	ticker := time.NewTicker(time.Hour)
	defer ticker.Stop()
	q.trimNow()
	for {
		select {
		case _, open := <-q.wake:
			if !open {
				return
			}
			q.writeWaiting()
		case <-ticker.C:
			q.trimNow()
		}
	}
}

func (q *Quarantine) writeWaiting() {
	q.mu.Lock()
	defer q.mu.Unlock()
	err := q.catchUp()
	// Once is enough: a disk that is full stays so for a while, and rejected items may come by the thousand.
	if err != nil && !q.failed {
		q.options.Logger.Error("quarantine: rejected items are not kept", "error", err)
	}
	if err != nil {
		_ = q.finishFile()
	}
	q.failed = err != nil
}

// catchUp writes what is waiting. The caller holds mu.
func (q *Quarantine) catchUp() error {
	q.handing.Lock()
	waiting := q.waiting
	q.waiting = nil
	q.handing.Unlock()
	for _, e := range waiting {
		if err := q.append(e); err != nil {
			return err
		}
	}
	if q.out == nil {
		return nil
	}
	if err := q.out.Flush(); err != nil {
		return fmt.Errorf("quarantine: write: %w", err)
	}
	return nil
}

func (q *Quarantine) append(e Entry) error {
	line, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("quarantine: write: %w", err)
	}
	if q.file != nil && (q.size+int64(len(line)) > q.options.MaxBytes/filesAtMost ||
		time.Since(q.began) > q.options.MaxAge/filesAtMost) {
		if err := q.finishFile(); err != nil {
			return err
		}
	}
	if q.file == nil {
		q.trim()
		if err := q.newFile(); err != nil {
			return err
		}
	}
	q.size += int64(len(line)) + 1
	if _, err := q.out.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("quarantine: write: %w", err)
	}
	return nil
}

func (q *Quarantine) newFile() error {
	if err := os.MkdirAll(q.dir, 0o700); err != nil {
		return fmt.Errorf("quarantine: %w", err)
	}
	// Ids sort by time, and so do the files.
	file, err := os.OpenFile(filepath.Join(q.dir, ulid.Make().String()+extension),
		os.O_CREATE|os.O_EXCL|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("quarantine: %w", err)
	}
	q.file, q.out, q.size, q.began = file, bufio.NewWriter(file), 0, time.Now()
	return nil
}

func (q *Quarantine) finishFile() error {
	if q.file == nil {
		return nil
	}
	err := q.out.Flush()
	if closing := q.file.Close(); err == nil {
		err = closing
	}
	q.file, q.out = nil, nil
	return err
}
