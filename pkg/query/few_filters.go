package query

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// mostRare bounds how many rare values a filter may match: one that matches more is answered with nothing.
const mostRare = 1000

// limitFilters keeps filters from telling small segments apart. Rare values that a filter matches among others stay
// where they would be without it: = does not find them and != does not leave them out. A filter that takes too few page
// views from what the others leave is not applied: the answers with it and without would differ by somebody. And an
// answer for which the filters leave too few is hidden.
func (q *question) limitFilters(ctx context.Context, conn driver.Conn) (hidden bool, err error) {
	if !q.mergesFew() || q.kind.table == tableJourneys && q.replays == nil {
		return false, nil // sessions are filtered once it is known what they travel: journeys_few.go
	}
	if q.Environment == anyEnvironment && !slices.ContainsFunc(q.filters, filter.spansEnvironments) {
		d, err := dimensionByKey(tableViews, "environment")
		if err != nil {
			return false, err
		}
		q.filters = append(slices.Clone(q.filters), filter{dimension: d, operator: "=~", values: everyValue})
	}
	for _, of := range q.filteredTables() {
		for i := range of.filters {
			if err := of.readRare(ctx, conn, i); err != nil {
				return false, err
			}
		}
		few, err := of.leaveFilters(ctx, conn)
		if err != nil || few {
			return few, err
		}
		q.take(of.filters)
	}
	return false, nil
}

// everyValue makes a filter of all environments, so that rare ones are left out of them together.
var everyValue = []string{".*"}

func (f filter) spansEnvironments() bool {
	return f.key == "environment" && (f.operator == "=" || slices.Equal(f.values, everyValue))
}

// filteredTables is the question for each table that it filters: evidence puts three together, of which each takes the
// filters that it knows.
func (q *question) filteredTables() []*question {
	alone := *q
	alone.groups, alone.metric = nil, metric{}
	alone.filters = slices.Clone(q.filters)
	if q.kind.table != tableEvidence {
		return []*question{&alone}
	}
	tables := []*question{alone.ofTable(tableViews)}
	for _, t := range []table{tableErrors, tableRequests} {
		if of := alone.ofTable(t); len(of.filters) > len(tables[0].filters) {
			tables = append(tables, of)
		}
	}
	return tables
}

// take puts into the question's filters what was found out about them.
func (q *question) take(found []filter) {
	q.filters = slices.Clone(q.filters)
	for i := range q.filters {
		own := &q.filters[i]
		for _, f := range found {
			if f.key == own.key && f.operator == own.operator && slices.Equal(f.values, own.values) {
				own.idle, own.rare = own.idle || f.idle, append(slices.Clone(own.rare), f.rare...)
			}
		}
	}
}

// readRare finds the values of too few page views that a filter matches, when it matches several: those of a single
// value are all that it leaves.
func (q *question) readRare(ctx context.Context, conn driver.Conn, i int) error {
	f := &q.filters[i]
	if len(f.values) == 0 || len(f.values) == 1 && f.operator == "=" {
		return nil
	}
	var s statement
	matching := *f
	matching.operator = strings.TrimPrefix(f.operator, "!")
	if matching.operator == "" {
		matching.operator = "="
	}
	sql := fmt.Sprintf(`SELECT toString(%[1]s) AS one, %[2]s AS seen
FROM %[3]s
WHERE %[4]s
GROUP BY one
HAVING arrayExists(n -> n > 0 AND n < %[5]s, seen)
ORDER BY one
LIMIT %[6]s`, f.expr, q.viewsBySide(&s), q.fewFrom(&s),
		strings.Join(append([]string{q.unfiltered(&s), matching.condition(&s)}, q.conditionsBut(&s, i)...), " AND "),
		s.bind("views", "UInt64", q.few), s.bind("most", "UInt64", mostRare+1))
	err := q.counts(ctx, conn, &s, sql, func(rows driver.Rows) error {
		var one string
		var seen []uint64
		err := rows.Scan(&one, &seen)
		f.rare = append(f.rare, one)
		return err
	})
	if err != nil {
		return fmt.Errorf("counting the page views that the filter on %s matches: %w", f.key, err)
	}
	return nil
}

// leaveFilters says whether the filters together leave too few page views, after those that take too few are left out
// of use. Bots come in only for those who ask for them, so that a filter on traffic hides the answer instead.
func (q *question) leaveFilters(ctx context.Context, conn driver.Conn) (hidden bool, err error) {
	if slices.ContainsFunc(q.filters, func(f filter) bool { return len(f.rare) > mostRare }) {
		return true, nil
	}
	for {
		left, taken, err := q.filtered(ctx, conn)
		if err != nil || left < q.few {
			return true, err
		}
		i := slices.IndexFunc(taken, func(sides []uint64) bool { return slices.ContainsFunc(sides, q.hasFew) })
		if i < 0 {
			return false, nil
		}
		if q.filters[i].key == "traffic" {
			return true, nil
		}
		q.filters[i].idle = true
	}
}

// filtered counts the page views that the filters leave, and on each side those that each of them takes from what the
// others leave.
func (q *question) filtered(ctx context.Context, conn driver.Conn) (left uint64, taken [][]uint64, err error) {
	var s statement
	in := q.sidesIn(&s)
	columns := []string{"[" + q.viewsThat(strings.Join(append([]string{in[0]}, q.conditionsBut(&s, -1)...), " AND ")) + "]"}
	for i := range q.filters {
		var sides []string
		condition := q.filters[i].condition(&s)
		for _, side := range in {
			if condition == "" {
				condition = "1"
			}
			sides = append(sides, q.viewsThat(strings.Join(append([]string{side, "NOT (" + condition + ")"},
				q.conditionsBut(&s, i)...), " AND ")))
		}
		columns = append(columns, "["+strings.Join(sides, ", ")+"]")
	}
	sql := fmt.Sprintf("SELECT [%s] FROM %s WHERE %s", strings.Join(columns, ",\n  "), q.fewFrom(&s), q.unfiltered(&s))
	err = q.counts(ctx, conn, &s, sql, func(rows driver.Rows) error { return rows.Scan(&taken) })
	if err != nil {
		return 0, nil, fmt.Errorf("counting the page views that the filters leave: %w", err)
	}
	return taken[0][0], taken[1:], nil
}

// unfiltered is the condition of what the question would be about without its filters. Whether bots count depends on
// there being one on traffic.
func (q *question) unfiltered(s *statement) string {
	all := *q
	all.filters = slices.Clone(q.filters)
	for i := range all.filters {
		all.filters[i].values = nil
	}
	return all.fewScope(s)
}

// conditionsBut are the conditions of all filters but one.
func (q *question) conditionsBut(s *statement, but int) (all []string) {
	for i, f := range q.filters {
		if condition := f.condition(s); i != but && condition != "" {
			all = append(all, "("+condition+")")
		}
	}
	return all
}
