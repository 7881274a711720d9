package query

import (
	"context"
	"fmt"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/sightline-rum/sightline/pkg/rum"
)

// countedNames are the dimensions whose distinct names are counted, with the table they are counted in.
var countedNames = []struct {
	key  string
	from table
}{
	{"route", tableViews}, {"endpoint", tableRequests}, {"release", tableViews}, {"journey", tableViews},
	{"browser", tableViews}, {"browserVersion", tableViews}, {"os", tableViews}, {"country", tableViews},
	{"region", tableViews}, {"host", tableRequests},
}

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
	for _, from := range []table{tableViews, tableRequests} {
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
		d, err := dimensionByKey(from, c.key)
		if err != nil {
			return err
		}
		columns = append(columns, fmt.Sprintf("uniqExactIf(%[1]s, %[1]s NOT IN ('', '%[2]s')), countIf(%[1]s = '%[2]s')",
			d.expr, rum.Overflow))
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
