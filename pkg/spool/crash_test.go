package spool

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/raft"
	wal "github.com/hashicorp/raft-wal"
	"github.com/hashicorp/raft-wal/fs"
	"github.com/hashicorp/raft-wal/metadb"
	"github.com/hashicorp/raft-wal/segment"
	"github.com/hashicorp/raft-wal/types"
	"github.com/stretchr/testify/require"
)

const crashFolder = "SPOOL_CRASH_FOLDER"

// smallFiles makes a crash hit the change of files often.
var smallFiles = Options{SegmentBytes: 64 << 10, BatchRecords: 500, Gather: time.Millisecond}

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashFolder); dir != "" {
		appendUntilKilled(dir, os.Args[1])
	}
	os.Exit(m.Run())
}

// appendUntilKilled appends numbered records from several goroutines, and prints each once it is acknowledged.
func appendUntilKilled(dir, run string) {
	s, err := Open(dir, smallFiles)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	var out sync.Mutex
	for writer := range 8 {
		go func() {
			for n := 0; ; n++ {
				name := fmt.Sprintf("%s/%d/%d", run, writer, n)
				record := append([]byte(name+" "), bytes.Repeat([]byte{'.'}, rand.IntN(3000))...)
				if err := s.Append(context.Background(), record); err != nil {
					fmt.Fprintln(os.Stderr, err)
					os.Exit(1)
				}
				out.Lock()
				fmt.Println(name)
				out.Unlock()
			}
		}()
	}
	select {}
}

func TestKillingTheWriterLosesAndDoublesNothing(t *testing.T) {
	dir := t.TempDir()
	acknowledged := map[string]bool{}
	drained := map[string]bool{}
	lastOf := map[string]int{} // run/writer → its last record drained

	kills := 25
	if testing.Short() {
		kills = 5
	}
	for run := range kills {
		for _, name := range runAndKill(t, dir, fmt.Sprint(run)) {
			acknowledged[name] = true
		}
		s, err := Open(dir, smallFiles)
		require.NoError(t, err)
		for depth := s.Depth() * int64(rand.IntN(3)) / 2; s.Depth() > 0 && depth > 0; { // none, half or all
			b, err := s.Next(t.Context())
			require.NoError(t, err)
			if rand.IntN(4) == 0 { // a crash after the insert and before Done: the same batch again
				require.NoError(t, s.Close())
				s, err = Open(dir, smallFiles)
				require.NoError(t, err)
				again, err := s.Next(t.Context())
				require.NoError(t, err)
				b.Again = true
				require.Equal(t, b, again)
			}
			collect(t, b, drained, lastOf)
			require.NoError(t, s.Done(b))
			depth -= int64(len(b.Records))
		}
		require.NoError(t, s.Close())
	}
	s := open(t, dir, smallFiles)
	for s.Depth() > 0 {
		b, err := s.Next(t.Context())
		require.NoError(t, err)
		collect(t, b, drained, lastOf)
		require.NoError(t, s.Done(b))
	}
	for name := range acknowledged {
		if !drained[name] {
			t.Fatalf("%s was acknowledged and is lost", name)
		}
	}
	require.Zero(t, s.Damaged())
	t.Logf("%d kills, %d acknowledged, %d drained", kills, len(acknowledged), len(drained))
}

func runAndKill(t *testing.T, dir, run string) (acknowledged []string) {
	child := exec.Command(os.Args[0], run)
	child.Env = append(os.Environ(), crashFolder+"="+dir)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	lines := bufio.NewScanner(out)
	require.True(t, lines.Scan(), "the writer starts")
	time.AfterFunc(time.Duration(rand.IntN(150))*time.Millisecond, func() { _ = child.Process.Kill() })
	for ok := true; ok; ok = lines.Scan() {
		acknowledged = append(acknowledged, lines.Text())
	}
	require.ErrorContains(t, child.Wait(), "killed")
	return acknowledged
}

func collect(t *testing.T, b Batch, drained map[string]bool, lastOf map[string]int) {
	for _, record := range b.Records {
		name, _, _ := bytes.Cut(record, []byte(" "))
		require.False(t, drained[string(name)], "%s came twice", name)
		drained[string(name)] = true
		var run, writer, n int
		_, err := fmt.Sscanf(string(name), "%d/%d/%d", &run, &writer, &n)
		require.NoError(t, err)
		key := fmt.Sprintf("%d/%d", run, writer)
		require.Equal(t, lastOf[key], n, "the records of one writer keep their order")
		lastOf[key] = n + 1
	}
}

func TestATornTailIsDroppedAndTheRestStays(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{Gather: time.Millisecond})
	appendAll(t, s, "kept", "torn off")
	require.NoError(t, s.Close())
	files, err := filepath.Glob(filepath.Join(dir, "*.wal"))
	require.NoError(t, err)
	overwrite(t, files[0], "torn off", "\x00\x00\x00\x00\x00\x00\x00\x00")

	s = open(t, dir, Options{Gather: time.Millisecond})
	require.Equal(t, int64(1), s.Depth())
	appendAll(t, s, "after")
	b, err := s.Next(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"kept", "after"}, texts(b))
}

// The state a crash leaves between filling a file and starting the next: full on disk, not full in the WAL's books.
func TestASpoolStoppedWhileChangingFilesTakesRecordsAgain(t *testing.T) {
	for _, drained := range []int{0, 3} {
		t.Run(fmt.Sprintf("drained=%d", drained), func(t *testing.T) {
			dir := t.TempDir()
			options := Options{SegmentBytes: 8 << 10, BatchRecords: 1, Gather: time.Millisecond}
			s := open(t, dir, options)
			for n := range 5 {
				appendAll(t, s, fmt.Sprint(n))
			}
			for range drained {
				b, err := s.Next(t.Context())
				require.NoError(t, err)
				require.NoError(t, s.Done(b))
			}
			if drained > 0 {
				require.NoError(t, s.journal.drop(uint64(drained)))
			}
			require.NoError(t, s.Close())
			fillTail(t, dir, 6)

			s = open(t, dir, options)
			appendAll(t, s, "after")
			require.Equal(t, int64(7-drained), s.Depth())
			for n := drained; n < 5; n++ {
				b, err := s.Next(t.Context())
				require.NoError(t, err)
				require.Equal(t, []string{fmt.Sprint(n)}, texts(b))
				require.NoError(t, s.Done(b))
			}
		})
	}
}

// fillTail appends one entry that fills the last file, behind the back of the WAL.
func fillTail(t *testing.T, dir string, index uint64) {
	meta := &metadb.BoltMetaDB{}
	state, err := meta.Load(dir)
	require.NoError(t, err)
	defer meta.Close()
	tail, err := segment.NewFiler(dir, fs.New()).RecoverTail(state.Segments[len(state.Segments)-1])
	require.NoError(t, err)
	defer tail.Close()
	raw, err := tail.GetLog(index - 1)
	require.NoError(t, err)
	entry := types.LogEntry{Index: index, Data: encodeLarge(t, index, raw.Bs)}
	require.NoError(t, tail.Append([]types.LogEntry{entry}))
	sealed, _, err := tail.Sealed()
	require.NoError(t, err)
	require.True(t, sealed)
}

// A disk that fails, or is full when the next file is due, ends in a write that fails. What was acknowledged stays,
// and the next record that can be written is.
func TestAFailedWriteIsRecoveredFrom(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{SegmentBytes: 8 << 10, Gather: time.Millisecond})
	appendAll(t, s, "before")
	require.NoError(t, s.journal.close()) // as after a failure that could not be recovered from at once
	_, err := s.Next(t.Context())
	require.ErrorIs(t, err, errNotOpen)
	appendAll(t, s, "after")
	require.NoError(t, s.journal.close())
	appendAll(t, s, "and on")

	b, err := s.Next(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"before", "after", "and on"}, texts(b))
}

func overwrite(t *testing.T, file, old, new string) {
	t.Helper()
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Contains(t, string(content), old)
	require.NoError(t, os.WriteFile(file, bytes.Replace(content, []byte(old), []byte(new), 1), 0o600))
}

// encodeLarge makes an entry of one record that is larger than a file, counting on from the entry before.
func encodeLarge(t *testing.T, index uint64, before []byte) []byte {
	var log raft.Log
	require.NoError(t, (&wal.BinaryCodec{}).Decode(before, &log))
	e, err := fromLog(&log)
	require.NoError(t, err)
	record := make([]byte, 16<<10)
	end := position{index: index, records: e.end.records + 1, bytes: e.end.bytes + uint64(len(record))}
	var out bytes.Buffer
	require.NoError(t, (&wal.BinaryCodec{}).Encode(toLog(end, packRecord(nil, record), time.Now()), &out))
	return out.Bytes()
}
