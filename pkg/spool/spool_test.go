package spool

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func open(t testing.TB, dir string, options Options) *Spool {
	t.Helper()
	s, err := Open(dir, options)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func appendAll(t testing.TB, s *Spool, records ...string) {
	t.Helper()
	for _, r := range records {
		require.NoError(t, s.Append(t.Context(), []byte(r)))
	}
}

func texts(b Batch) (out []string) {
	for _, r := range b.Records {
		out = append(out, string(r))
	}
	return out
}

func TestRecordsComeBackInOrderUnderATokenOfTheirPosition(t *testing.T) {
	s := open(t, t.TempDir(), Options{Gather: 10 * time.Millisecond})
	appendAll(t, s, "a", "", "c")
	require.Equal(t, int64(3), s.Depth())
	require.Equal(t, int64(2), s.Bytes())

	b, err := s.Next(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"a", "", "c"}, texts(b))
	require.Equal(t, fmt.Sprintf("%s:%d:%d", s.id, b.First, b.Last), b.Token)
	require.Positive(t, s.Lag())

	require.NoError(t, s.Done(b))
	require.Zero(t, s.Depth())
	require.Zero(t, s.Bytes())
	require.Zero(t, s.Lag())
	require.Error(t, s.Done(b), "a batch is done once")
}

func TestAnUnfinishedBatchIsTheSameAfterReopening(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{Gather: time.Millisecond})
	appendAll(t, s, "a", "b")
	before, err := s.Next(t.Context())
	require.NoError(t, err)
	appendAll(t, s, "c")
	again, err := s.Next(t.Context())
	require.NoError(t, err)
	require.False(t, before.Again)
	before.Again = true
	require.Equal(t, before, again, "asking twice changes nothing else")
	require.NoError(t, s.Close())

	s = open(t, dir, Options{Gather: time.Millisecond})
	after, err := s.Next(t.Context())
	require.NoError(t, err)
	require.Equal(t, before, after)
	require.NoError(t, s.Done(after))

	next, err := s.Next(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"c"}, texts(next))
	require.Equal(t, before.Last+1, next.First)
}

func TestIntoHowManyPartsABatchGoesIsKnownAfterReopening(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	parts, err := s.Split()
	require.NoError(t, err)
	require.Equal(t, 1, parts)
	require.NoError(t, s.KeepSplit(3))
	require.NoError(t, s.Close())

	s = open(t, dir, Options{})
	parts, err = s.Split()
	require.NoError(t, err)
	require.Equal(t, 3, parts)
}

func TestADrainedSpoolGoesOnCountingAfterReopening(t *testing.T) {
	dir := t.TempDir()
	var last uint64
	for range 3 {
		s := open(t, dir, Options{Gather: time.Millisecond, SegmentBytes: 4096})
		require.Zero(t, s.Depth())
		for i := range 40 {
			appendAll(t, s, fmt.Sprintf("%d-%0300d", i, i))
		}
		b, err := s.Next(t.Context())
		require.NoError(t, err)
		require.Len(t, b.Records, 40)
		require.Equal(t, last+1, b.First)
		last = b.Last
		require.NoError(t, s.Done(b))
		require.NoError(t, s.Close())
	}
	segments, err := filepath.Glob(filepath.Join(dir, "*.wal"))
	require.NoError(t, err)
	require.LessOrEqual(t, len(segments), 3, "drained files are deleted")
}

func TestBatchesAreBoundedByRecordsAndBytes(t *testing.T) {
	s := open(t, t.TempDir(), Options{BatchRecords: 10, BatchBytes: 1000, Gather: time.Hour})
	for range 25 {
		appendAll(t, s, "x")
	}
	b, err := s.Next(t.Context())
	require.NoError(t, err)
	require.Len(t, b.Records, 10)
	require.NoError(t, s.Done(b))

	appendAll(t, s, string(make([]byte, 2000)))
	for range 2 {
		b, err = s.Next(t.Context())
		require.NoError(t, err)
		require.NoError(t, s.Done(b))
	}
	require.Zero(t, s.Depth())
}

func TestABatchThatIsNotFullWaitsForMore(t *testing.T) {
	s := open(t, t.TempDir(), Options{Gather: 200 * time.Millisecond})
	appendAll(t, s, "a")
	go func() {
		time.Sleep(20 * time.Millisecond)
		_ = s.Append(context.Background(), []byte("b"))
	}()
	b, err := s.Next(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"a", "b"}, texts(b))
}

func TestWaitEndsWhenWhatWasThereIsDrainedAndHurriesTheDrainer(t *testing.T) {
	s := open(t, t.TempDir(), Options{Gather: time.Hour})
	appendAll(t, s, "a", "b")
	drained := make(chan error, 1)
	go func() {
		b, err := s.Next(context.Background())
		drained <- errors.Join(err, s.Done(b))
	}()
	require.NoError(t, s.Wait(t.Context()))
	require.NoError(t, <-drained)

	appendAll(t, s, "c")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, s.Wait(ctx), context.DeadlineExceeded)
}

func TestAFullSpoolRefusesAndTakesAgainOnceDrained(t *testing.T) {
	s := open(t, t.TempDir(), Options{MaxBytes: 1000, Gather: time.Millisecond})
	appendAll(t, s, string(make([]byte, 900)))
	require.ErrorIs(t, s.Append(t.Context(), make([]byte, 200)), ErrFull)
	require.Equal(t, int64(1), s.Depth(), "a refused record is not kept")
	appendAll(t, s, string(make([]byte, 100)))

	b, err := s.Next(t.Context())
	require.NoError(t, err)
	require.ErrorIs(t, s.Append(t.Context(), make([]byte, 200)), ErrFull, "a batch handed out still counts")
	require.NoError(t, s.Done(b))
	appendAll(t, s, string(make([]byte, 200)))
}

func TestConcurrentAppendsShareFsyncs(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	const appenders, each = 64, 50
	var wg sync.WaitGroup
	for range appenders {
		wg.Go(func() {
			for range each {
				if err := s.Append(context.Background(), make([]byte, 500)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	require.Equal(t, int64(appenders*each), s.Depth())
	require.Less(t, s.Commits(), uint64(appenders*each/4))
	t.Logf("%d appends in %d fsyncs", appenders*each, s.Commits())
}

func TestASecondProcessIsToldWhoHasTheFolder(t *testing.T) {
	dir := t.TempDir()
	open(t, dir, Options{})
	_, err := Open(dir, Options{})
	require.ErrorContains(t, err, "in use by another process")
}

func TestAClosedSpoolRefuses(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	blocked := make(chan error, 1)
	go func() { _, err := s.Next(context.Background()); blocked <- err }()
	time.Sleep(10 * time.Millisecond)
	require.NoError(t, s.Close())
	require.ErrorIs(t, <-blocked, ErrClosed)
	require.ErrorIs(t, s.Append(t.Context(), nil), ErrClosed)
}

func TestAnOversizedRecordIsRefused(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	require.ErrorContains(t, s.Append(t.Context(), make([]byte, maxRecord+1)), "larger than")
}

// The WAL's own checksums are looked at only when it is opened: ours find what the disk does to a record later.
func TestADamagedEntryIsSetAsideAndTheRestGoesOn(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{Gather: time.Millisecond})
	appendAll(t, s, "first", "spoil me", "last")
	files, err := filepath.Glob(filepath.Join(dir, "*.wal"))
	require.NoError(t, err)
	overwrite(t, files[0], "spoil me", "SPOIL ME")

	b, err := s.Next(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"first", "last"}, texts(b))
	require.Equal(t, uint64(1), s.Damaged())
	kept, err := os.ReadFile(filepath.Join(dir, "damaged", fmt.Sprintf("%020d", 2)))
	require.NoError(t, err)
	require.Contains(t, string(kept), "SPOIL ME")
	require.NoError(t, s.Done(b))
	require.Zero(t, s.Depth())
}

func FuzzFromLogNeverPanicsAndReturnsWhatWasPacked(f *testing.F) {
	f.Add([]byte("a"), []byte(""), []byte{0xff, 0xff})
	f.Fuzz(func(t *testing.T, a, b, spoilt []byte) {
		log := toLog(position{index: 7, records: 2, bytes: uint64(len(a) + len(b))}, packRecord(packRecord(nil, a), b), time.Now())
		e, err := fromLog(log)
		require.NoError(t, err)
		require.Equal(t, string(a), string(e.records[0]))
		require.Equal(t, string(b), string(e.records[1]))
		log = toLog(position{index: 8}, spoilt, time.Now()) // a right checksum over nonsense
		_, _ = fromLog(log)
		log.Extensions = spoilt
		_, _ = fromLog(log)
	})
}

func BenchmarkAppend(b *testing.B) {
	for _, appenders := range []int{1, 16, 256} {
		b.Run(fmt.Sprintf("appenders=%d", appenders), func(b *testing.B) {
			s := open(b, b.TempDir(), Options{MaxBytes: 1 << 40})
			record := make([]byte, 1000)
			b.SetBytes(int64(len(record)))
			b.ReportAllocs()
			b.ResetTimer()
			var wg sync.WaitGroup
			for i := range appenders {
				wg.Go(func() {
					for n := i; n < b.N; n += appenders {
						if err := s.Append(context.Background(), record); err != nil {
							b.Error(err)
						}
					}
				})
			}
			wg.Wait()
			b.ReportMetric(float64(b.N)/float64(s.Commits()), "appends/fsync")
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "appends/s")
		})
	}
}
