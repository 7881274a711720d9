package query

import (
	"context"
	"fmt"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/sightline-rum/sightline/pkg/rum"
)

// readPhases reads where the time of the segment's page loads goes. A server that says it took longer than the load did
// measured something else as well: its part is the whole.
func (e *evidenceOf) readPhases(ctx context.Context, conn driver.Conn) error {
	var s statement
	named := e.spans.named(&s)
	var columns []string
	for _, span := range inSpans {
		columns = append(columns, fmt.Sprintf(`countIf(%[1]s), sumIf(toUInt64(weight), %[1]s), sumIf(weight * whole, %[1]s),
  sumIf(weight * served, %[1]s), sumIf(weight * moved, %[1]s)`, span))
	}
	sql := fmt.Sprintf(`%[1]s,
  toFloat64(duration) AS whole,
  least(toFloat64(server), whole) AS served,
  greatest(0., least(toFloat64(ttfb) + response, whole) - served) AS moved
SELECT %[2]s%[3]s
FROM views
WHERE %[4]s
  AND kind = %[5]s AND server > 0 AND duration > 0 AND %[6]s
%[7]s
ORDER BY count() DESC
LIMIT %[8]s`, named, e.selectGroups(), strings.Join(columns, ",\n  "), e.ofTable(tableViews).where(&s, e.spans.hull()),
		s.bind("load", "String", rum.ViewLoad), inAnySpan, e.groupBy(), s.bind("most", "UInt64", mostSegments))
	return e.rows(ctx, conn, &s, sql, func(rows driver.Rows) error {
		var loads, weight [3]uint64
		var whole, served, moved [3]float64
		var into []any
		for i := range loads {
			into = append(into, &loads[i], &weight[i], &whole[i], &served[i], &moved[i])
		}
		key, err := e.scanned(rows, into...)
		if err != nil {
			return err
		}
		p := &e.of(key).phases
		defer e.leaveFew(loads, &p.loads, &p.took, &p.server, &p.network, &p.browser)
		for i := range loads {
			if p.loads[i] = float64(loads[i]); loads[i] > 0 {
				p.took[i] = whole[i] / float64(weight[i])
				p.server[i], p.network[i] = served[i]/whole[i], moved[i]/whole[i]
				p.browser[i] = 1 - p.server[i] - p.network[i]
			}
		}
		return nil
	})
}
