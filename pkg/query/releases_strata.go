package query

import (
	"context"
	"fmt"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// hourMatch is how the hours of two releases are held against each other, the strictest first.
type hourMatch struct {
	said string // in the words of a reason
	expr string // what stands for the hour in a stratum
}

// hourMatches begin with what a rollout allows, both releases at once; after a switch at one moment only hours of the
// day can be the same, and soon after it not even those.
var hourMatches = []hourMatch{
	{"at the same hours", "toInt64(toStartOfHour(ts))"},
	{"at the same hours of the day", "toInt64(toHour(ts))"},
	{"at other hours, as they have none in common", "toInt64(0)"},
}

// enoughMatched is the share of what all hours together tell that has to be left for hours to be matched.
const enoughMatched = 0.5

// readHours finds the strictest match of hours that leaves enough to compare. How much a match tells is the sum of its
// strata's weights (stats.Overlap), which is as many independent pairs as there are.
func (r *releasesOf) readHours(ctx context.Context, conn driver.Conn) error {
	var s statement
	sql := fmt.Sprintf(`SELECT hours, sum(newer * older / (newer + older)) AS told, sumIf(newer, older > 0) / sum(newer)
FROM (
  SELECT hours, stratum, matched, sum(newer) AS newer, sum(older) AS older
  FROM (
    SELECT %[1]s AS stratum, toStartOfHour(ts) AS hour,
      sumIf(weight, %[2]s) AS newer, sumIf(weight, NOT (%[2]s)) AS older,
      arrayJoin([(0, toInt64(hour)), (1, toInt64(toHour(hour))), (2, toInt64(0))]) AS way,
      way.1 AS hours, way.2 AS matched
    FROM views
    WHERE %[3]s
    GROUP BY stratum, hour
  )
  GROUP BY hours, stratum, matched
)
GROUP BY hours
ORDER BY hours`, r.stratum("0"), r.isNewer(&s), r.ofReleases(&s))
	var told, matched []float64
	err := r.rows(ctx, conn, &s, sql, func(rows driver.Rows) error {
		var hours uint8
		var t, m float64
		err := rows.Scan(&hours, &t, &m)
		told, matched = append(told, t), append(matched, m)
		return err
	})
	r.hours = hourMatches[len(hourMatches)-1]
	for i, match := range hourMatches {
		if len(told) == len(hourMatches) && told[i] >= enoughMatched*told[len(told)-1] {
			r.hours, r.matched = match, matched[i]
			break
		}
	}
	return err
}

// stratum is what has to be alike in both releases: the segment, page, device, and hour.
func (r *releasesOf) stratum(hour string, also ...string) string {
	parts := append([]string{"route", "device", hour}, also...)
	for _, d := range r.groups {
		parts = append(parts, d.expr)
	}
	return "cityHash64(" + strings.Join(parts, ", ") + ")"
}
