package drain

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/renameio/v2"
)

// deadLetter is a record that cannot be stored, or not in one of its tables.
type deadLetter struct {
	token   string // of its batch
	request string // the request that brought it; "" where the record cannot be read
	index   int    // within the batch
	table   string // the table that refused it; "" when nothing of it was stored
	reason  error
	record  []byte // as it was in the spool
}

// buried is what the file of a dead letter says.
type buried struct {
	At      time.Time `json:"at"`
	Reason  string    `json:"reason"`
	Table   string    `json:"table,omitempty"`   // only its rows are missing; absent: nothing of the record is stored
	Request string    `json:"request,omitempty"` // the request that brought it
	Token   string    `json:"token"`
	Index   int       `json:"index"`
	Record  []byte    `json:"record"` // MessagePack, in base64
}

// bury writes a dead letter to a file of its own, whose name is always the same for the same record, and returns once
// it is on disk.
func (d *Drainer) bury(ctx context.Context, letter deadLetter) error {
	text, err := json.MarshalIndent(buried{
		At: time.Now().UTC(), Reason: letter.reason.Error(), Table: letter.table,
		Request: letter.request, Token: letter.token, Index: letter.index, Record: letter.record,
	}, "", "  ")
	if err != nil {
		return fmt.Errorf("drain: write a dead letter: %w", err)
	}
	name := fmt.Sprintf("%s-%06d", strings.ReplaceAll(letter.token, ":", "-"), letter.index)
	if letter.table != "" {
		name += "-" + letter.table
	}
	path := filepath.Join(d.options.DeadLetters, name+".json")
	err = d.retry(ctx, "write a dead letter", letter.token, func() error {
		if err := os.MkdirAll(d.options.DeadLetters, 0o700); err != nil {
			return err
		}
		return renameio.WriteFile(path, text, 0o600)
	})
	if err != nil {
		return err
	}
	d.metrics.deadLetters.Inc()
	d.options.Count("", "", "dead_letters", letter.table, 1)
	d.options.Logger.Error("drain: a record cannot be stored and is kept as a dead letter", "request", letter.request,
		"batch", letter.token, "index", letter.index, "file", path, "table", letter.table, "reason", letter.reason)
	return nil
}
