package query

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/grafana/grafana-plugin-sdk-go/data"
)

// rollupsFresh has a row a roll-up: how many hours of the range have rows, of how many hours the roll-up has not
// counted as many (questions read rows for these), which share of the rows it has counted whole, and up to when it has no gap.
func (q *question) rollupsFresh(ctx context.Context, conn driver.Conn) (data.Frames, error) {
	covered, err := q.covered(ctx, conn)
	if err != nil {
		return nil, err
	}
	var tables []string
	var hours, behind []int64
	var shares []*float64
	var upTo []*time.Time
	for i := range rollups {
		name := rollups[i].name
		var late, first int64
		var whole, all uint64
		for hour, n := range covered[""] {
			all += n
			if covered[name][hour] == n {
				whole += n
				continue
			}
			late++
			if first == 0 || hour < first {
				first = hour
			}
		}
		end := q.window.to
		if late > 0 {
			end = time.Unix(first, 0).UTC()
		}
		tables, hours, behind = append(tables, name), append(hours, int64(len(covered[""]))), append(behind, late)
		shares = append(shares, pointerIf(all > 0, float64(whole)/float64(all)))
		upTo = append(upTo, &end)
	}
	frame := newFrame(data.FrameTypeTable,
		column("table", "Roll-up", unitNone, tables),
		column("hours", "Hours with rows", unitShort, hours),
		column("behind", "Hours behind", unitShort, behind),
		column("covered", "Rows covered", unitShare, shares),
		column("upTo", "Whole up to", unitTime, upTo))
	frame.Fields[3].Config.NoValue = "no rows"
	return data.Frames{frame}, nil
}

// covered is how many rows of each hour there are, under the name "", and how many each roll-up has counted.
func (q *question) covered(ctx context.Context, conn driver.Conn) (map[string]map[int64]uint64, error) {
	var s statement
	hours := []window{{q.window.from.Truncate(time.Hour), q.window.to}}
	app := "app = " + s.bind("app", "String", q.App)
	parts := []string{fmt.Sprintf(`SELECT '' AS source, toUnixTimestamp(hour) AS hour_at, toInt64(sum(rows)) AS counted
FROM hour_inserts
WHERE %s AND %s
GROUP BY hour_at`, app, inAny("hour", hours, s.second))}
	for _, r := range rollups {
		parts = append(parts, fmt.Sprintf(`SELECT '%[1]s', toUnixTimestamp(toStartOfHour(%[2]s)) AS hour_at, sum(weight)
FROM %[1]s
WHERE %[3]s AND %[4]s = '' AND %[5]s
GROUP BY hour_at`, r.name, r.at, app, r.marker, inAny(r.at, hours, s.second)))
	}
	all := map[string]map[int64]uint64{}
	err := q.rows(ctx, conn, &s, strings.Join(parts, "\nUNION ALL\n"), func(rows driver.Rows) error {
		var source string
		var hour uint32
		var n int64
		err := rows.Scan(&source, &hour, &n)
		if all[source] == nil {
			all[source] = map[int64]uint64{}
		}
		all[source][int64(hour)] = uint64(n)
		return err
	})
	return all, err
}
