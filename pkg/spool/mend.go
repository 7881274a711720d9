package spool

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/hashicorp/raft-wal/fs"
	"github.com/hashicorp/raft-wal/metadb"
	"github.com/hashicorp/raft-wal/segment"
	"github.com/hashicorp/raft-wal/types"
)

// mendSealedTail mends a WAL that stopped between filling its last file and starting the next one: a crash there, a
// close, or a disk too full for the next file. raft-wal v0.4.0 opens such a WAL and then answers every write with
// ErrSealed, for ever; after a torn write it may even take a file for full that is not. The last file's entries are
// copied into a new file, which then takes its place.
func mendSealedTail(dir string) error {
	meta := &metadb.BoltMetaDB{}
	state, err := meta.Load(dir)
	if err != nil {
		return errors.Join(fmt.Errorf("spool: open %s: %w", dir, err), meta.Close())
	}
	defer meta.Close()
	if len(state.Segments) == 0 {
		return nil
	}
	tail := &state.Segments[len(state.Segments)-1]
	if !tail.SealTime.IsZero() {
		return nil
	}
	files := segment.NewFiler(dir, fs.New())
	full, err := files.RecoverTail(*tail)
	if errors.Is(err, os.ErrNotExist) {
		return nil // it was about to be created; opening the WAL does that
	} else if err != nil {
		return fmt.Errorf("spool: recover the last file of %s: %w", dir, err)
	}
	defer full.Close()
	if sealed, _, err := full.Sealed(); err != nil || !sealed {
		return err
	}

	mended := *tail
	mended.ID = state.NextSegmentID
	mended.CreateTime = time.Now()
	if info, err := os.Stat(filepath.Join(dir, segment.FileName(*tail))); err == nil {
		mended.SizeLimit += uint32(info.Size()) // room for the entries and for more
	}
	// A copy that was interrupted is in the way; nothing refers to it.
	if err := files.Delete(mended.BaseIndex, mended.ID); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("spool: remove an unfinished copy: %w", err)
	}
	if err := copySegment(files, full, mended); err != nil {
		return fmt.Errorf("spool: copy the last file of %s: %w", dir, err)
	}
	*tail = mended
	state.NextSegmentID++
	if err := meta.CommitState(state); err != nil {
		return fmt.Errorf("spool: put the copy in place: %w", err)
	}
	return nil
}

func copySegment(files *segment.Filer, from types.SegmentWriter, info types.SegmentInfo) error {
	to, err := files.Create(info)
	if err != nil {
		return err
	}
	defer to.Close()
	// Entries dropped already (before MinIndex) are not readable any more, but a file has no gaps: they stay as blanks.
	var entries []types.LogEntry
	for index := info.BaseIndex; index <= from.LastIndex(); index++ {
		e := types.LogEntry{Index: index}
		if index >= info.MinIndex {
			raw, err := from.GetLog(index)
			if err != nil {
				return err
			}
			e.Data = append([]byte(nil), raw.Bs...)
			if err := raw.Close(); err != nil {
				return err
			}
		}
		entries = append(entries, e)
	}
	return to.Append(entries)
}
