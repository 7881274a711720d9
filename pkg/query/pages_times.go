package query

import (
	"context"
	"fmt"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// pageTimes is how long page loads took: the percentile of the whole with its interval, and that of each measure.
type pageTimes struct {
	ranked
	measured []float64 // in the order of pageMeasures; nil without a page load that told its timings
}

// pageTimes adds to each row how long its loads took. Of the window itself only a cut answer has segments to leave out;
// the one it is compared with may have others.
func (q *question) pageTimes(ctx context.Context, conn driver.Conn, rows []*pageRow, cut bool) error {
	if len(rows) == 0 {
		return nil
	}
	among := q.amongTopPages
	if !cut {
		among = nil
	}
	now, err := q.pageTimesIn(ctx, conn, q.window, among)
	if err != nil {
		return err
	}
	var before map[string]pageTimes
	if !q.baseline.empty() {
		if before, err = q.pageTimesIn(ctx, conn, q.baseline, q.amongTopPages); err != nil {
			return err
		}
	}
	for _, r := range rows {
		name := fmt.Sprintf("%q", r.key)
		r.now, r.before = now[name], before[name]
	}
	return nil
}

// pageTimesIn reads them by segment.
func (q *question) pageTimesIn(
	ctx context.Context, conn driver.Conn, w window, among func(*statement) string,
) (map[string]pageTimes, error) {
	all, err := q.ranks(ctx, conn, ranking{
		from: "views", value: "toFloat64(duration)", also: func(*statement) string { return timedLoad },
		order: "total", limit: q.limit() + 1, among: among,
	}, w)
	if err != nil {
		return nil, err
	}
	times := make(map[string]pageTimes, len(all))
	for _, r := range all {
		times[fmt.Sprintf("%q", r.key)] = pageTimes{ranked: r}
	}

	var s statement
	sql := fmt.Sprintf(`SELECT %[1]s%[2]s AS measured
FROM views
WHERE %[3]s
  AND %[4]s
%[5]s
HAVING count() > 0
LIMIT %[6]s`,
		q.selectGroups(), q.percentilesOf(&s, pageMeasures[1:]), timedLoad, q.whereAmong(&s, w, among), q.groupBy(),
		s.bind("limit", "UInt64", q.limit()+1))
	err = q.rows(ctx, conn, &s, sql, func(rows driver.Rows) error {
		var measured []float64
		key, err := q.scanned(rows, &measured)
		name := fmt.Sprintf("%q", key)
		whole := times[name].ranked
		times[name] = pageTimes{ranked: whole, measured: append([]float64{whole.value}, measured...)}
		return err
	})
	return times, err
}
