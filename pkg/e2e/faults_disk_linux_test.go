package e2e

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/sightline-rum/sightline/pkg/bench/faults"
)

// disk is a small file system in memory, so that it can be full.
type disk struct {
	t      *testing.T
	folder string
}

// mount puts a disk of its own in the place of a folder.
func mount(t *testing.T, folder string, mebibytes int) *disk {
	t.Helper()
	require.NoError(t, os.MkdirAll(folder, 0o700))
	err := unix.Mount("tmpfs", folder, "tmpfs", 0, fmt.Sprintf("size=%dm,mode=700", mebibytes))
	if errors.Is(err, unix.EPERM) {
		t.Skip("only root may mount a disk that is small enough to fill: run the tests as root, as in a container of your own")
	}
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, unix.Unmount(folder, unix.MNT_DETACH)) })
	return &disk{t, folder}
}

// fill takes all of the disk but so many bytes.
func (d *disk) fill(leave uint64) {
	d.t.Helper()
	file, err := os.Create(d.ballast())
	require.NoError(d.t, err)
	defer file.Close()
	var info unix.Statfs_t
	require.NoError(d.t, unix.Statfs(d.folder, &info))
	if free := info.Bavail * uint64(info.Bsize); free > leave+1<<20 {
		require.NoError(d.t, unix.Fallocate(int(file.Fd()), 0, 0, int64(free-leave-1<<20)))
	}
	// Others write meanwhile: what little is left is taken until there is none.
	piece := make([]byte, 4<<10)
	for require.NoError(d.t, unix.Statfs(d.folder, &info)); info.Bavail*uint64(info.Bsize) > leave; {
		if _, err := file.Seek(0, io.SeekEnd); err != nil {
			break
		}
		if _, err := file.Write(piece); err != nil {
			require.ErrorIs(d.t, err, unix.ENOSPC)
			break
		}
		require.NoError(d.t, unix.Statfs(d.folder, &info))
	}
}

// free gives the space back.
func (d *disk) free() { require.NoError(d.t, os.Remove(d.ballast())) }

func (d *disk) ballast() string { return filepath.Join(d.folder, "ballast") }

// answers tells whether the plugin answers what is stored.
func (s *sidecar) answers() bool {
	return rows(s.ask(map[string]any{"queryType": "vitals", "app": "shop", "metric": "lcp", "format": "table", "minSamples": 1})) > 0
}

// The spool refuses in time, with a status that clients understand; once its disk was filled by somebody else to the
// last byte, too.
func TestFaultTheSpoolsDiskFillsUp(t *testing.T) {
	for order, c := range []struct {
		name, how string
		reserve   int
		leave     uint64
	}{
		{"down to the reserve", "another program leaves less than the reserve", 32 << 20, 16 << 20},
		{"to the last byte", "another program leaves nothing, and there is no reserve", 1, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSidecar(t)
			small := mount(t, filepath.Join(s.data, "spool"), 128)
			s.config = configured(t, fmt.Sprintf("limits: {reserve_bytes: %d}\n", c.reserve))
			t.Cleanup(s.stop)
			s.start()
			s.waitReady()
			load := startPacedLoad(s, 4, 5*time.Millisecond)
			defer load.stop()
			taken := func() { more(t, load, 300) }
			taken()
			for range long(1, 5) {
				small.fill(c.leave)
				refused := load.busy.Load()
				require.Eventually(t, func() bool { return load.busy.Load() > refused+20 }, 2*time.Minute, 10*time.Millisecond,
					"nothing is refused on a full disk")
				require.Contains(t, load.said(), "the disk is nearly full; try again later")
				require.True(t, s.answers(), "what is stored can still be read")
				time.Sleep(long(time.Second, 10*time.Second))
				small.free()
				taken()
			}
			load.stop()
			s.waitDrained()
			account(t, s, load, faults.Case{Order: 3 + order, Fault: "the spool's disk is full, " + c.name,
				How: fmt.Sprintf("%s, %d times; its space returns each time", c.how, long(1, 5)),
				Figures: fmt.Sprintf("%d answered with 503 and `Retry-After`, %d left out by sampling and told so; questions answered "+
					"meanwhile; takes beacons again by itself", load.busy.Load(), load.sampled)})
		})
	}
}

// Beacons wait in the spool until the engine can take them.
func TestFaultTheEnginesDiskFillsUp(t *testing.T) {
	for order, c := range []struct {
		name  string
		leave uint64
	}{{"down to the reserve", 256 << 20}, {"to the last byte", 0}} {
		t.Run(c.name, func(t *testing.T) {
			s := newSidecar(t)
			small := mount(t, filepath.Join(s.data, "engine"), 1024) // the engine keeps half of it free
			t.Cleanup(s.stop)
			s.start()
			s.waitReady()
			load := startPacedLoad(s, 4, 10*time.Millisecond)
			defer load.stop()
			more(t, load, 300)
			require.Eventually(t, s.answers, time.Minute, 200*time.Millisecond)
			waited := 0.0
			for range long(1, 3) {
				small.fill(c.leave)
				retries := s.metric("sightline_drain_retries_total")
				require.Eventually(t, func() bool { return s.metric("sightline_drain_retries_total") > retries+1 }, 2*time.Minute,
					50*time.Millisecond, "the engine goes on storing on a full disk")
				more(t, load, 300)
				require.True(t, s.answers(), "what is stored can still be read")
				time.Sleep(long(time.Second, 15*time.Second))
				waited = max(waited, s.metric("sightline_spool_records"))
				small.free()
				drained := s.metric("sightline_drained_batches_total")
				require.Eventually(t, func() bool { return s.metric("sightline_drained_batches_total") > drained }, 2*time.Minute,
					50*time.Millisecond, "the engine does not go on when space returns")
			}
			load.stop()
			s.waitDrained()
			require.Zero(t, load.busy.Load(), "no beacon is refused because of the engine's disk")
			account(t, s, load, faults.Case{Order: 5 + order, Fault: "the engine's disk is full, " + c.name,
				How: fmt.Sprintf("another program takes its space, %d times; it returns each time", long(1, 3)),
				Figures: fmt.Sprintf("none refused, up to %.0f records waited; questions answered meanwhile; goes on by itself",
					waited)})
		})
	}
}
