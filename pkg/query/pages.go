package query

import (
	"context"
	"fmt"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/sightline-rum/sightline/pkg/rum"
)

// pages answers where the time goes while pages load, phase by phase. Its table is one row a route unless the query
// groups by something else. A route change loads no document: it has no phases, and is only counted.
func askPages(ctx context.Context, conn driver.Conn, q *question) (data.Frames, error) {
	if q.Format == formatSeries {
		return q.pagesSeries(ctx, conn)
	}
	if len(q.groups) == 0 {
		route, err := q.dimension("route")
		if err != nil {
			return nil, err
		}
		q.groups = []dimension{route}
	}
	around, err := q.aroundDeploy(ctx, conn)
	if err != nil {
		return nil, err
	}
	rows, err := q.pageRows(ctx, conn)
	if err != nil {
		return nil, err
	}
	cut := len(rows) > q.limit()
	if cut {
		rows = rows[:q.limit()]
	}
	if err := q.pageTimes(ctx, conn, rows, cut); err != nil {
		return nil, err
	}
	frame := q.pagesTable(rows)
	frame.AppendNotices(around...)
	if cut {
		frame.AppendNotices(q.cutNotice("segments"))
	}
	return data.Frames{frame}, nil
}

// Conditions on views. A load without a duration comes from a client that tells no timings: it is counted, but the
// zeros of its phases are not times. In a load that has one, a phase of 0 is one that was not needed, such as DNS on a
// connection that was open already.
const (
	pageLoad    = "kind = '" + rum.ViewLoad + "'"
	routeChange = "kind = '" + rum.ViewRouteChange + "'"
	timedLoad   = pageLoad + " AND duration > 0"
)

// pageRank orders segments: those with the most page loads first, and of those without any, the most route changes.
const pageRank = "(sumIf(toUInt64(weight), " + pageLoad + "), sum(toUInt64(weight)))"

// amongTopPages keeps a statement to the segments that pageRows answers with.
func (q *question) amongTopPages(s *statement) string {
	return q.amongTop(s, "views", pageRank, q.where)
}

// pageRow is one segment: what happened, by weight, and how long loads took in the window and in the one it is compared
// with.
type pageRow struct {
	key                   []string
	loads, changes        float64
	samples               uint64  // page loads that told their timings
	serverSamples         uint64  // of these, those whose server told its time
	serverTime, firstByte float64 // of those, what the server took and when the first byte came
	now, before           pageTimes
}

// pageRows counts the views of the limit + 1 segments with the most page loads.
func (q *question) pageRows(ctx context.Context, conn driver.Conn) ([]*pageRow, error) {
	var s statement
	told := timedLoad + " AND server > 0 AND ttfb > 0"
	sql := fmt.Sprintf(`SELECT %[1]ssumIf(toUInt64(weight), %[2]s), sumIf(toUInt64(weight), %[3]s), countIf(%[4]s),
  countIf(%[5]s), sumIf(toFloat64(weight) * server, %[5]s), sumIf(toFloat64(weight) * ttfb, %[5]s)
FROM (
  SELECT %[6]skind, duration, server, ttfb, weight
  FROM views
  WHERE %[7]s
)
%[8]s
HAVING count() > 0
ORDER BY %[9]s DESC%[10]s
LIMIT %[11]s`,
		q.groupNames(), pageLoad, routeChange, timedLoad, told, q.selectGroups(), q.where(&s, q.window), q.groupBy(),
		pageRank, strings.TrimSuffix(", "+q.groupNames(), ", "), s.bind("limit", "UInt64", q.limit()+1))
	var all []*pageRow
	err := q.rows(ctx, conn, &s, sql, func(rows driver.Rows) (err error) {
		var r pageRow
		var loads, changes uint64
		r.key, err = q.scanned(rows, &loads, &changes, &r.samples, &r.serverSamples, &r.serverTime, &r.firstByte)
		r.loads, r.changes = float64(loads)/rum.FullWeight, float64(changes)/rum.FullWeight
		all = append(all, &r)
		return err
	})
	return all, err
}
