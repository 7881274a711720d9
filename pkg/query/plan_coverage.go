package query

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// coverage is what a roll-up has counted of the hours in a window.
type coverage struct {
	rollup *rollup
	cells  uint64           // rows the roll-up would read, of all hours in the window
	rows   map[int64]uint64 // rows inserted, by the Unix time of their hour; an hour without any is absent
	exact  map[int64]bool   // hours of which as many are counted
}

// coverage reads it for each roll-up, those with the fewest cells first.
func (q *question) coverage(
	ctx context.Context, conn driver.Conn, candidates []*rollup, w window,
) ([]coverage, error) {
	var s statement
	app := "app = " + s.bind("app", "String", q.App)
	from, to := w.from.Truncate(time.Hour), w.to.Add(time.Hour-1).Truncate(time.Hour)
	during := func(column string) string {
		return inAny(column, []window{{from, to}}, s.second)
	}
	parts := []string{fmt.Sprintf(`SELECT toUInt8(0) AS source, toUnixTimestamp(hour) AS hour_at,
  toInt64(sum(rows)) AS counted
FROM hour_inserts
WHERE %s AND %s
GROUP BY hour`, app, during("hour"))}
	for i, r := range candidates {
		parts = append(parts, fmt.Sprintf(`SELECT toUInt8(%[1]d), toUnixTimestamp(toStartOfHour(%[2]s)) AS hour_at,
  sum(weight)
FROM %[3]s
WHERE %[4]s AND %[5]s = '' AND %[6]s
GROUP BY hour_at`, 2*i+1, r.at, r.name, app, r.marker, during(r.at)),
			fmt.Sprintf("SELECT toUInt8(%d), toUInt32(0), toInt64(count())\nFROM %s\nWHERE %s AND %s AND %s", 2*i+2, r.name,
				app, q.cellsOf(&s, r), during(r.at)))
	}
	all := make([]coverage, len(candidates))
	rows := map[int64]uint64{}
	covered := make([]map[int64]int64, len(candidates))
	for i, r := range candidates {
		all[i] = coverage{rollup: r, rows: rows, exact: map[int64]bool{}}
		covered[i] = map[int64]int64{}
	}
	err := q.rows(ctx, conn, &s, strings.Join(parts, "\nUNION ALL\n"), func(found driver.Rows) error {
		var source uint8
		var hour uint32
		var n int64
		err := found.Scan(&source, &hour, &n)
		switch i := (int(source) - 1) / 2; {
		case source == 0:
			rows[int64(hour)] = uint64(n)
		case source%2 == 1:
			covered[i][int64(hour)] = n
		default:
			all[i].cells = uint64(n)
		}
		return err
	})
	for i := range all {
		for hour, n := range rows {
			all[i].exact[hour] = covered[i][hour] == int64(n)
		}
	}
	slices.SortStableFunc(all, func(a, b coverage) int { return cmp.Compare(a.cells, b.cells) })
	return all, err
}

// cellsOf is the condition that a row of the roll-up is a cell of what the question asks for.
func (q *question) cellsOf(s *statement, r *rollup) string {
	var condition string
	switch q.kind.name {
	case "vitals":
		return "metric = " + s.bind("metric", "String", q.metric.Key)
	case "vitalsOverview":
		return overviewMetrics(s)
	case "requests":
		condition = q.requestKinds(s)
	}
	return cmp.Or(condition, r.marker+" != ''")
}

// stretches are the longest runs of hours within the window that the roll-up has counted whole. An hour without rows
// belongs to whatever is around it.
func (c coverage) stretches(w window) []window {
	var all []window
	var run window
	end := func() {
		if !run.empty() {
			all = append(all, run)
		}
		run = window{}
	}
	for at := w.from.Add(time.Hour - 1).Truncate(time.Hour); !at.Add(time.Hour).After(w.to); at = at.Add(time.Hour) {
		if _, any := c.rows[at.Unix()]; any && !c.exact[at.Unix()] {
			end()
			continue
		}
		if run.from.IsZero() {
			run.from = at
		}
		run.to = at.Add(time.Hour)
	}
	end()
	slices.SortStableFunc(all, func(a, b window) int { return cmp.Compare(b.length(), a.length()) })
	all = all[:min(len(all), mostStretches)]
	slices.SortFunc(all, func(a, b window) int { return a.from.Compare(b.from) })
	return all
}

// rowsIn are the rows inserted of some hours.
func (c coverage) rowsIn(stretches []window) (total uint64) {
	for _, w := range stretches {
		for hour, n := range c.rows {
			if hour >= w.from.Unix() && hour < w.to.Unix() {
				total += n
			}
		}
	}
	return total
}
