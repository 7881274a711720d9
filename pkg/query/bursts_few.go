package query

import (
	"context"
	"fmt"
	"slices"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/sightline-rum/sightline/pkg/query/stats"
)

// Bursts below the threshold of page views (few.go): those that fewer met are left out, and of the others the numbers
// of a window that fewer met. What sessions have in common counts sessions, of which none has less than a page view.

// readBurstViews leaves out bursts that too few page views met between onset and end.
func (q *question) readBurstViews(ctx context.Context, conn driver.Conn, bursts []*burst) ([]*burst, error) {
	if q.few == 0 || len(bursts) == 0 {
		return bursts, nil
	}
	views := map[*burst]uint64{}
	var s statement
	sql := fmt.Sprintf("SELECT %s AS burst, uniq%s\nFROM errors\nWHERE %s\n  AND burst >= 0\nGROUP BY burst",
		q.burstExpr(&s, bursts), theView, q.where(&s, spanned(bursts)))
	err := q.rows(ctx, conn, &s, sql, func(rows driver.Rows) error {
		var place int64
		var n uint64
		err := rows.Scan(&place, &n)
		if err == nil {
			views[bursts[place]] = n
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	kept := slices.DeleteFunc(slices.Clone(bursts), func(b *burst) bool { return views[b] < q.few })
	q.leftOut = q.leftOut || len(kept) < len(bursts)
	return kept, nil
}

// fewIn says that too few page views met a group in a window for its numbers to be told.
func (q *question) fewIn(g *burstGroup, window int) bool {
	few := q.hasFew(uint64(g.views[window]))
	q.leftOut = q.leftOut || few
	return few
}

// commonOfMany leaves out what too few sessions of a burst have in common, or all but too few: the burst's are known.
func (q *question) commonOfMany(values []stats.SegmentValue, total float64) []stats.SegmentValue {
	if q.few == 0 {
		return values
	}
	return slices.DeleteFunc(values, func(v stats.SegmentValue) bool {
		return v.Burst < float64(q.few) || q.hasFew(uint64(total-v.Burst))
	})
}

// share writes a share of so many sessions, unless it is of too few or of all but too few.
func (f burstFacts) share(n, total, share float64) string {
	for _, n := range []float64{n, total - n} {
		if n > 0 && n < float64(f.few) {
			return fewName
		}
	}
	return fmt.Sprintf("%.0f %%", 100*share)
}
