package rollup

import (
	"context"
	"errors"
	"time"
)

// Progress is how far a backfill has come.
type Progress struct {
	Hour
	Done, Of int           // hours
	Rows     uint64        // inserted rows of the hours that are done
	AllRows  uint64        // of all
	Took     time.Duration // so far
}

// Left is how long the rest takes at the pace so far; 0 until that can be told.
func (p Progress) Left() time.Duration {
	if p.Rows == 0 {
		return 0
	}
	return time.Duration(float64(p.Took) * float64(p.AllRows-p.Rows) / float64(p.Rows))
}

// Backfill rolls every hour in a range that is behind, the newest first, and tells how far it has come after each. What
// was interrupted goes on where it was, as only hours that are still behind are looked for. anyway rolls those as well
// that are exact by their markers, which mends whatever a check finds.
func (r *Rollups) Backfill(ctx context.Context, in Range, anyway bool, progress func(Progress)) (Progress, error) {
	if _, err := r.CloseOld(ctx, in); err != nil {
		return Progress{}, err
	}
	find := r.Behind
	if anyway {
		find = r.Hours
	}
	hours, err := find(ctx, in)
	if err != nil {
		return Progress{}, err
	}
	p := Progress{Of: len(hours)}
	for _, h := range hours {
		p.AllRows += h.Rows
	}
	started := time.Now()
	for _, h := range hours {
		for _, t := range h.Tables {
			var tooOld *TooOldError // by now, and closed the next time
			if _, err := r.roll(ctx, t, h.Hour, anyway); err != nil && !errors.As(err, &tooOld) {
				return p, err
			}
		}
		p.Hour, p.Done, p.Rows, p.Took = h.Hour, p.Done+1, p.Rows+h.Rows, time.Since(started)
		progress(p)
	}
	return p, nil
}
