package query

import (
	"context"
	"fmt"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/sightline-rum/sightline/pkg/rum"
)

// countedNames are the dimensions whose distinct names are counted, with the table they are counted in. Those that are
// no column of it have expressions of their own: distinct names, and rows in which a name had no room.
var countedNames = []struct {
	key             string
	from            table
	distinct, other string
}{
	{key: "route", from: tableViews}, {key: "endpoint", from: tableRequests}, {key: "release", from: tableViews},
	{key: "journey", from: tableViews}, {key: "browser", from: tableViews}, {key: "browserVersion", from: tableViews},
	{key: "os", from: tableViews}, {key: "country", from: tableViews}, {key: "region", from: tableViews},
	{key: "host", from: tableRequests},
	{key: "target", from: tableActions, distinct: distinctOf("target"), other: otherOf("target")},
	{key: "metric", from: tableVitals, distinct: distinctOf("metric"), other: otherOf("metric")},
	{key: "fingerprint", from: tableErrors, distinct: distinctOf("fingerprint"), other: otherOf("fingerprint")},
	{key: "attributeKey", from: tableViews,
		distinct: "uniqExactArray(arrayFilter(k -> k != '" + rum.Overflow + "', mapKeys(attributes)))",
		other:    "countIf(has(mapKeys(attributes), '" + rum.Overflow + "'))"},
	// The budget is one of each key; the names are those of all keys.
	{key: "attributeValue", from: tableViews,
		distinct: "uniqExactArray(arrayFilter(v -> v != '" + rum.Overflow + "', mapValues(attributes)))",
		other:    "countIf(has(mapValues(attributes), '" + rum.Overflow + "'))"},
}

func distinctOf(expr string) string {
	return fmt.Sprintf("uniqExactIf(%[1]s, %[1]s NOT IN ('', '%[2]s'))", expr, rum.Overflow)
}

func otherOf(expr string) string { return fmt.Sprintf("countIf(%s = '%s')", expr, rum.Overflow) }

// nameCounts is what is known of one dimension's names.
type nameCounts struct {
	distinct     uint64   // met in the time range, __other__ apart
	rows, other  uint64   // rows, and those of them under __other__
	budget, used *float64 // as last read: how many names there may be, and how many take up the budget
	spilt        *float64 // items whose name had no room
}

// cardinality has a row a dimension: how many names there are, and of those with a budget how much of it is taken up
// and what had no room. Bots count here too: their names take up room in the tables, though none in a budget.
func (q *question) cardinality(ctx context.Context, conn driver.Conn) (data.Frames, error) {
	all := map[string]*nameCounts{}
	for _, from := range []table{tableViews, tableRequests, tableActions, tableVitals, tableErrors} {
		if err := q.countNames(ctx, conn, from, all); err != nil {
			return nil, err
		}
	}
	if err := q.readBudgets(ctx, conn, all); err != nil {
		return nil, err
	}
	var dimensions []string
	var distinct []int64
	var budgets, used, overflow, other []*float64
	budgeted := false
	for _, c := range countedNames {
		n := all[c.key]
		dimensions, distinct = append(dimensions, c.key), append(distinct, int64(n.distinct))
		budgets, used, overflow = append(budgets, n.budget), append(used, n.used), append(overflow, n.spilt)
		other = append(other, pointerIf(n.rows > 0, float64(n.other)/float64(n.rows)))
		budgeted = budgeted || n.budget != nil
	}
	frame := newFrame(data.FrameTypeTable,
		column("dimension", "Dimension", unitNone, dimensions),
		column("distinct", "Distinct names", unitShort, distinct),
		column("budget", "Budget", unitShort, budgets),
		column("used", "Budget taken up", unitShort, used),
		column("overflow", "Items without room", unitShort, overflow),
		column("overflowShare", "Share of rows as "+rum.Overflow, unitShare, other))
	if !budgeted {
		frame.AppendNotices(info("No sidecar told its budgets in this time range: none ran for a minute of it with this " +
			"app, or it is older than this plugin."))
	}
	return data.Frames{frame}, nil
}

func (q *question) countNames(ctx context.Context, conn driver.Conn, from table, all map[string]*nameCounts) error {
	of := q.ofTable(from)
	var columns []string
	var into []any
	var rowsSeen uint64
	for _, c := range countedNames {
		if c.from != from {
			continue
		}
		distinct, other := c.distinct, c.other
		if distinct == "" {
			d, err := dimensionByKey(from, c.key)
			if err != nil {
				return err
			}
			distinct, other = distinctOf(d.expr), otherOf(d.expr)
		}
		columns = append(columns, distinct+", "+other)
		all[c.key] = &nameCounts{}
		into = append(into, &all[c.key].distinct, &all[c.key].other)
	}
	var s statement
	sql := fmt.Sprintf("SELECT count(),\n  %s\nFROM %s\nWHERE %s", strings.Join(columns, ",\n  "), from,
		of.everybodys(&s, of.window))
	err := of.rows(ctx, conn, &s, sql, func(rows driver.Rows) error {
		return rows.Scan(append([]any{&rowsSeen}, into...)...)
	})
	for _, c := range countedNames {
		if c.from == from {
			all[c.key].rows = rowsSeen
		}
	}
	q.executed = of.executed
	return err
}

// everybodys is where without the condition that leaves bots and synthetic runs out.
func (q *question) everybodys(s *statement, w window) string {
	conditions := []string{"app = " + s.bind("app", "String", q.App)}
	if q.Environment != anyEnvironment {
		conditions = append(conditions, "environment = "+s.bind("environment", "String", q.Environment))
	}
	conditions = append(conditions, w.during(s))
	for _, f := range q.filters {
		if condition := f.condition(s); condition != "" {
			conditions = append(conditions, condition)
		}
	}
	return strings.Join(conditions, "\n  AND ")
}

// readBudgets reads what the sidecar last said of its budgets, and what overflowed in the time range. Several sidecars
// each have a budget of their own: the mean of them is told.
func (q *question) readBudgets(ctx context.Context, conn driver.Conn, all map[string]*nameCounts) error {
	var s statement
	budget, used := "budget", "distinct"
	sql := fmt.Sprintf(`SELECT toString(reason),
  sumIf(value, counter = %[1]s AND minute = last) / sumIf(value, counter = %[2]s AND minute = last),
  sumIf(value, counter = %[3]s AND minute = last) / sumIf(value, counter = %[4]s AND minute = last),
  sumIf(value, counter = %[5]s)
FROM (
  SELECT reason, counter, value, minute, maxIf(minute, counter = %[1]s) OVER (PARTITION BY reason) AS last
  FROM telemetry_1m
  WHERE %[6]s
)
GROUP BY reason
ORDER BY reason
LIMIT 100`, s.bind("budget", "String", budget), s.bind("budgets_read", "String", budget+rum.Observed),
		s.bind("distinct", "String", used), s.bind("distinct_read", "String", used+rum.Observed),
		s.bind("overflow", "String", "overflow"),
		q.countersWhere(&s, q.window, ofApp, budget, budget+rum.Observed, used, used+rum.Observed, "overflow"))
	return q.rows(ctx, conn, &s, sql, func(rows driver.Rows) error {
		var reason string
		var most, taken float64
		var spilt int64
		err := rows.Scan(&reason, &most, &taken, &spilt)
		if n := all[reason]; n != nil {
			n.budget, n.used, n.spilt = pointerIf(most > 0, most), pointerIf(most > 0, taken), pointerIf(true, float64(spilt))
		}
		return err
	})
}
