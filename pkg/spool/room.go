package spool

import (
	"errors"
	"fmt"
	"sync"
	"time"
)

// ErrNoSpace says that the disk has less than Options.ReserveBytes left: the record was refused, nothing was written.
var ErrNoSpace = errors.New("spool: the disk is nearly full")

// room is how much of the disk is free, asked at most once a second: appends come by the thousand.
type room struct {
	dir  string
	free func(dir string) (uint64, error) // tests put a disk of their own here

	mu    sync.Mutex
	asked time.Time
	last  uint64
	known bool
}

// left returns the free bytes as of a second ago at most. Where nobody can tell, there is no limit.
func (r *room) left() (free uint64, known bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now := time.Now(); r.asked.IsZero() || now.Sub(r.asked) >= time.Second || now.Before(r.asked) {
		free, err := r.free(r.dir)
		r.asked, r.last, r.known = now, free, err == nil
	}
	return r.last, r.known
}

// Fill is how much of what may wait is waiting: 0 for an empty spool, 1 when Append refuses. The disk counts, too:
// it is full when ReserveBytes are left, and begins to count when twice as much is.
func (s *Spool) Fill() float64 {
	fill := float64(s.Bytes()) / float64(s.options.MaxBytes)
	if free, known := s.room.left(); known {
		reserve := uint64(s.options.ReserveBytes)
		switch above := float64(free) - float64(reserve); {
		case above <= 0:
			fill = 1
		default:
			fill = max(fill, 1-above/float64(reserve))
		}
	}
	return min(max(fill, 0), 1)
}

// checkRoom is nil, or why the disk has no room for more.
func (s *Spool) checkRoom() error {
	if free, known := s.room.left(); known && free < uint64(s.options.ReserveBytes) {
		return fmt.Errorf("%w: %d MiB are left in %s, and %d MiB are kept free", ErrNoSpace, free>>20, s.dir,
			s.options.ReserveBytes>>20)
	}
	return nil
}
