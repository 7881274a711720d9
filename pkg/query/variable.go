package query

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/grafana/grafana-plugin-sdk-go/data"
)

// metricDimension asks for the names of metrics, which are no dimension of anything.
const metricDimension = "metric"

// variable lists the values a template variable can take: of a dimension, or the metrics. Most frequent first, and
// releases newest first.
func askVariable(ctx context.Context, conn driver.Conn, q *question) (data.Frames, error) {
	var values []string
	var err error
	switch q.Dimension {
	case "app":
		values, err = q.apps(ctx, conn)
	case metricDimension:
		values, err = q.metrics(ctx, conn)
	default:
		values, err = q.dimensionValues(ctx, conn)
	}
	if err != nil {
		return nil, err
	}
	cut := len(values) > q.limit()
	if cut {
		values = values[:q.limit()]
	}
	frame := newFrame(data.FrameTypeTable, column("value", q.Dimension, unitNone, values))
	if cut {
		frame.AppendNotices(q.cutNotice("values"))
	}
	return data.Frames{frame}, nil
}

// listedTables are the raw tables with dimensions of their own whose values can be listed.
var listedTables = []table{tableErrors, tableRequests, tableActions}

// variableTable is the raw table that has a dimension: views stand for those that all of them have.
func variableTable(key string) table {
	for _, t := range listedTables {
		if slices.ContainsFunc(own[t], func(d dimension) bool { return d.key == key }) {
			return t
		}
	}
	return tableViews
}

// variableTable is the raw table whose values are listed: that of the question they are for if it has the dimension.
func (q *question) variableTable() table {
	if of, err := typeByName(q.Of); err == nil {
		if slices.ContainsFunc(own[of.table], func(d dimension) bool { return d.key == q.Dimension }) &&
			slices.Contains(listedTables, of.table) {
			return of.table
		}
	}
	return variableTable(q.Dimension)
}

// variableKeys are the dimensions whose values can be listed.
func variableKeys() []string {
	var keys []string
	for _, t := range []table{tableViews, tableRequests, tableErrors, tableActions} {
		for _, d := range dimensionsOf(t) {
			if !slices.Contains(keys, d.key) {
				keys = append(keys, d.key)
			}
		}
	}
	return append(keys, metricDimension)
}

// dimensionValues are the values seen in the window. A site that only sends vitals or errors has values too, so the
// common dimensions are read from all three tables.
func (q *question) dimensionValues(ctx context.Context, conn driver.Conn) ([]string, error) {
	d, err := q.dimension(q.Dimension)
	if err != nil {
		return nil, err
	}
	from := []table{q.variableTable()}
	if from[0] == tableViews {
		from = append(from, tableVitals, tableErrors)
	}
	order := "count() DESC"
	if q.Dimension == "release" {
		order = "min(at) DESC"
	}
	viewColumns := ""
	if q.few > 0 {
		viewColumns = ", session_id, view_id"
	}
	var s statement
	reads := make([]string, 0, len(from))
	for _, t := range from {
		reads = append(reads, fmt.Sprintf("  SELECT toString(%s) AS v, ts AS at%s FROM %s\n  WHERE %s",
			d.expr, viewColumns, t, q.where(&s, q.window)))
	}
	sql := fmt.Sprintf("SELECT v FROM (\n%s\n)\nWHERE v != ''\nGROUP BY v%s\nORDER BY %s, v\nLIMIT %s",
		strings.Join(reads, "\n  UNION ALL\n"), q.havingMany(&s), order, s.bind("limit", "UInt64", q.limit()+1))
	return q.list(ctx, conn, &s, sql)
}

// apps are those that sent anything in the window, and that this data source may answer for.
func (q *question) apps(ctx context.Context, conn driver.Conn) ([]string, error) {
	var s statement
	sql := fmt.Sprintf(`SELECT app AS v FROM hour_inserts
WHERE hour >= toStartOfHour(%s) AND hour < %s
GROUP BY v
ORDER BY sum(rows) DESC, v
LIMIT %s`, s.moment("from", q.window.from), s.moment("to", q.window.to), s.bind("limit", "UInt64", q.limits.MaxRows))
	found, err := q.list(ctx, conn, &s, sql)
	return slices.DeleteFunc(found, func(app string) bool { return !q.allowed.allow(app) }), err
}

// metrics are the Web Vitals, which every site has, and the custom timings sent in the window.
func (q *question) metrics(ctx context.Context, conn driver.Conn) ([]string, error) {
	var s statement
	sql := fmt.Sprintf("SELECT metric AS v FROM vitals\nWHERE %s\nGROUP BY v%s\nORDER BY count() DESC, v\nLIMIT %s",
		q.where(&s, q.window), q.havingMany(&s), s.bind("limit", "UInt64", q.limit()+1))
	found, err := q.list(ctx, conn, &s, sql)
	known := metricKeys()
	for _, name := range found {
		if !slices.Contains(known, name) {
			known = append(known, name)
		}
	}
	return known, err
}

// havingMany keeps to the values of enough page views, or to any for those who may see any: few.go.
func (q *question) havingMany(s *statement) string {
	if q.few == 0 {
		return ""
	}
	return fmt.Sprintf("\nHAVING uniq%s >= %s", theView, s.bind("views", "UInt64", q.few))
}

// list runs a statement with one text column.
func (q *question) list(ctx context.Context, conn driver.Conn, s *statement, sql string) ([]string, error) {
	var values []string
	err := q.rows(ctx, conn, s, sql, func(rows driver.Rows) error {
		var value string
		err := rows.Scan(&value)
		values = append(values, value)
		return err
	})
	return values, err
}
