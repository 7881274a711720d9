package rollup

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// An hour whose rows may have expired cannot be rolled any more, but it may still come to have a row: a beacon that is late,
// or the mark of an erasure. It would be behind for ever then, and be answered from rows that are gone. So it is closed: its
// marker takes over what hour_inserts has now, and its cells, which are all that is left of it, stay as they are.

// CloseOld closes the hours in a range that are behind and cannot be rolled any more, and returns how many, table by table.
func (r *Rollups) CloseOld(ctx context.Context, in Range) (closed int, err error) {
	for _, t := range Tables {
		left, err := r.left(ctx, t.Source)
		if err != nil {
			return closed, err
		}
		var old []Hour
		now := time.Now()
		err = r.counts(ctx, in, t, func(h Hour, inserted uint64, covered int64) {
			if covered != 0 && covered != int64(inserted) && h.Start.Before(left.oldest(h.App, now)) {
				old = append(old, h)
			}
		})
		if err != nil {
			return closed, fmt.Errorf("look which hours of %s are to be closed: %w", t.Name, err)
		}
		for _, h := range old {
			done, err := r.close(ctx, t, h)
			if err != nil {
				return closed, err
			}
			if done {
				closed++
			}
		}
	}
	return closed, nil
}

// close closes an hour that was rolled before, once the roll-up knows more of it than its rows do. Until then, rows that have
// not gone yet answer better.
func (r *Rollups) close(ctx context.Context, t Table, h Hour) (bool, error) {
	m, err := r.marker(ctx, t, h)
	if err != nil {
		return false, err
	}
	inserted, err := r.inserted(ctx, h)
	if err != nil {
		return false, err
	}
	if m.generation == 0 || m.covered == int64(inserted) {
		return false, nil
	}
	rows, samples, err := r.sizes(ctx, t, h)
	if err != nil || rows > 0 && rows >= samples {
		return false, err
	}
	var keys, values []string
	for _, key := range t.Keys {
		keys, values = append(keys, key.Name), append(values, emptyOf(key, t.At))
	}
	sql := fmt.Sprintf("INSERT INTO %s (app, samples, weight, %s)\nSELECT {app:String}, 1, {rows:Int64}, %s",
		r.store.Local(t.Name), strings.Join(keys, ", "), strings.Join(values, ", "))
	err = r.store.Conn().Exec(inserting(ctx, t, h, m.generation+1), sql, h.parameters(named("rows", int64(inserted)-m.covered))...)
	if err != nil {
		return false, fmt.Errorf("close %s of %s: %w", h, t.Name, err)
	}
	return true, nil
}

// sizes counts an hour's raw rows, and the samples that the roll-up has.
func (r *Rollups) sizes(ctx context.Context, t Table, h Hour) (rows, samples int64, err error) {
	const during = "app = {app:String} AND %[1]s >= " + hour + " AND %[1]s < toDateTime({end:Int64}, 'UTC') AND %[2]s != ''"
	sql := fmt.Sprintf("SELECT (SELECT toInt64(count()) FROM %s WHERE %s), (SELECT sum(samples) FROM %s WHERE %s)",
		r.sourceOf(t), fmt.Sprintf(during, "ts", t.Marker), r.store.Local(t.Name), fmt.Sprintf(during, t.At, t.Marker))
	if err := r.store.Conn().QueryRow(exactly(ctx, nil), sql, h.parameters()...).Scan(&rows, &samples); err != nil {
		return 0, 0, fmt.Errorf("count what is left of %s and in %s: %w", h, t.Name, err)
	}
	return rows, samples, nil
}
