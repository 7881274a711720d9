package query

import (
	"context"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/sightline-rum/sightline/pkg/rum"
)

// afterAction is how long after the window's end an action within it may still start a request.
const afterAction = time.Minute

// actionRequests adds the calls that the actions started, and how many of these failed. Both sides carry the action's
// id. Only calls are read: a page's other resources are not asked for by actions often enough to read them all.
func (q *question) actionRequests(
	ctx context.Context, conn driver.Conn, rows []*actionRow, among func(*statement) string,
) error {
	var s statement
	scope := "app = " + s.bind("app", "String", q.App)
	if q.Environment != anyEnvironment {
		scope += " AND environment = " + s.bind("environment", "String", q.Environment)
	}
	caused := window{q.window.from, q.window.to.Add(afterAction)}.clamped()
	sql := fmt.Sprintf(`SELECT %[1]ssum(caused.calls), sum(caused.failures)
FROM (
  SELECT %[2]scityHash64(session_id, action_id) AS id
  FROM actions
  WHERE action_id != ''
  AND %[3]s
) AS acted
INNER JOIN (
  SELECT cityHash64(session_id, action_id) AS id, sum(toUInt64(weight)) AS calls,
    sumIf(toUInt64(weight), %[4]s) AS failures
  FROM requests
  WHERE action_id != '' AND %[5]s
  AND %[6]s
  AND %[7]s
  GROUP BY id
) AS caused ON caused.id = acted.id
%[8]s
LIMIT %[9]s`,
		q.groupNames(), q.selectGroups(), q.whereAmong(&s, q.window, among), failedCall, scope,
		s.among("kind", "call", callKinds), caused.during(&s), q.groupBy(), s.bind("limit", "UInt64", q.limit()+1))
	place := placesOf(rows)
	return q.rows(ctx, conn, &s, sql, func(rows driver.Rows) error {
		var calls, failures uint64
		key, err := q.scanned(rows, &calls, &failures)
		if row := place[fmt.Sprintf("%q", key)]; row != nil {
			row.requests, row.failures = float64(calls)/rum.FullWeight, float64(failures)/rum.FullWeight
		}
		return err
	})
}
