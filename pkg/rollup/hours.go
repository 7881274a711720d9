package rollup

import (
	"context"
	"errors"
)

// RollHours rolls hours in every table, such as those of rows that were erased: when it returns, everything that was
// marked before it was called is in the roll-ups. Hours whose rows have begun to expire keep the counts that they have.
func (r *Rollups) RollHours(ctx context.Context, hours []Hour) error {
	for _, h := range hours {
		if err := r.rollAll(ctx, Behind{Hour: h, Tables: Tables}); err != nil {
			return err
		}
	}
	return nil
}

// rollAll rolls an hour in every table in which it is behind. What has become too old is closed.
func (r *Rollups) rollAll(ctx context.Context, h Behind) error {
	for _, t := range h.Tables {
		_, err := r.Roll(ctx, t, h.Hour)
		var tooOld *TooOldError
		if errors.As(err, &tooOld) {
			_, err = r.close(ctx, t, h.Hour)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
