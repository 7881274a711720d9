package rollup

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// Range is some hours of an app, or of all apps when App is empty. Hours older than the raw rows are left out of it.
type Range struct {
	App      string
	From, To time.Time // a zero From is as far back as there are raw rows, a zero To is now and all that is ahead
}

// Behind is an hour that has rows which some roll-ups have not counted yet.
type Behind struct {
	Hour
	Tables []Table
	Rows   uint64 // inserted in the hour
}

// farAhead is later than any time that the pipeline accepts.
const farAhead = 3 * 366 * 24 * time.Hour

// Behind returns the hours that are to be rolled, the newest first.
func (r *Rollups) Behind(ctx context.Context, in Range) ([]Behind, error) {
	return r.hours(ctx, in, func(inserted uint64, covered int64) bool { return covered != int64(inserted) })
}

// Hours returns all hours that can be rolled, with every table, the newest first.
func (r *Rollups) Hours(ctx context.Context, in Range) ([]Behind, error) {
	return r.hours(ctx, in, func(uint64, int64) bool { return true })
}

func (r *Rollups) hours(
	ctx context.Context, in Range, wanted func(inserted uint64, covered int64) bool,
) ([]Behind, error) {
	found := map[Hour]*Behind{}
	for _, t := range Tables {
		err := r.each(ctx, in, t, func(h Hour, inserted uint64, covered int64) {
			if !wanted(inserted, covered) {
				return
			}
			if found[h] == nil {
				found[h] = &Behind{Hour: h, Rows: inserted}
			}
			found[h].Tables = append(found[h].Tables, t)
		})
		if err != nil {
			return nil, fmt.Errorf("look which hours of %s are to be rolled up: %w", t.Name, err)
		}
	}
	all := make([]Behind, 0, len(found))
	for _, one := range found {
		all = append(all, *one)
	}
	slices.SortFunc(all, func(a, b Behind) int {
		return cmp.Or(b.Start.Compare(a.Start), cmp.Compare(a.App, b.App))
	})
	return all, nil
}

// each says of every hour with rows how many were inserted, and how many of them are covered. Hours that cannot be
// rolled any more are left out.
func (r *Rollups) each(ctx context.Context, in Range, t Table, do func(h Hour, inserted uint64, covered int64)) error {
	left, err := r.left(ctx, t.Source)
	if err != nil {
		return err
	}
	now := time.Now()
	if oldest := left.oldest("", now); in.From.Before(oldest) {
		in.From = oldest
	}
	return r.counts(ctx, in, t, func(h Hour, inserted uint64, covered int64) {
		if !h.Start.Before(left.oldest(h.App, now)) {
			do(h, inserted, covered)
		}
	})
}

// counts says the same of hours of any age.
func (r *Rollups) counts(ctx context.Context, in Range, t Table, do func(h Hour, inserted uint64, covered int64)) error {
	from, to := in.From, in.To
	if from.IsZero() {
		from = time.Unix(0, 0)
	}
	if to.IsZero() {
		to = time.Now().Add(farAhead)
	}
	app := ""
	if in.App != "" {
		app = "app = {app:String} AND "
	}
	within := func(column string) string {
		return app + column + " >= toDateTime({from:Int64}, 'UTC') AND " + column + " < toDateTime({to:Int64}, 'UTC')"
	}
	sql := fmt.Sprintf(`SELECT name, started, toUInt64(sum(inserted)), sum(covered) FROM (
  SELECT toString(app) AS name, hour AS started, toInt64(sum(rows)) AS inserted, toInt64(0) AS covered
  FROM %s WHERE %s GROUP BY name, started
  UNION ALL
  SELECT toString(app) AS name, %s AS started, toInt64(0) AS inserted, sum(weight) AS covered
  FROM %s WHERE %s AND %s = '' GROUP BY name, started
)
GROUP BY name, started
ORDER BY started DESC, name`,
		r.store.Local("hour_inserts"), within("hour"), t.At, r.store.Local(t.Name), within(t.At), t.Marker)
	return r.scan(ctx, sql, func(rows driver.Rows) error {
		var h Hour
		var inserted uint64
		var covered int64
		if err := rows.Scan(&h.App, &h.Start, &inserted, &covered); err != nil {
			return err
		}
		do(h, inserted, covered)
		return nil
	}, named("app", in.App), named("from", from.Unix()), named("to", to.Unix()))
}
