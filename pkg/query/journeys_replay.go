package query

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sightline-rum/sightline/pkg/rum"
)

// mostPassages is how often one session's passages of one step, and its errors, are remembered: the earliest count.
// Somebody who reloads the basket a thousand times before paying is no buyer.
const mostPassages = 1000

// mark is a read of something else that happened to sessions: rows of a table, each as (what, which, its name).
type mark struct {
	from             table
	tuple, condition string // without a condition, every row is one
}

const noMark = "('', '', '')"

// marked are a session's marks with their times, the earliest first.
var marked = fmt.Sprintf("groupArraySortedIf(%d)((ms, mark), mark.1 != '')", mostPassages)

// replayed is a subquery with a row for each session that entered the journey within the time range. Its columns are
// the question's dimensions under the names they have in the raw tables, as they were when the session entered, and
//
//	heaviest  its weight
//	times     when it first passed each step later than the one before (Unix milliseconds), 0 from where it did not
//	reached   how many steps it passed
//	running   whether its last event is so recent that it may go on
//	marks     what else was asked for, as (Unix milliseconds, mark)
//
// Only rows that pass a step are read, and of a session only their times are kept.
func (p *paths) replayed(s *statement, j journey, marks ...mark) string {
	var branches []string
	facets := p.facets()
	for _, actions := range []bool{false, true} {
		each, some := j.passes(s, actions)
		if some == "" {
			continue
		}
		from := tableViews
		if actions {
			from = tableActions
		}
		branches = append(branches, p.rowsOf(s, from, facets, each, noMark, some))
	}
	never := slices.Repeat([]string{"0"}, len(j.steps))
	for _, m := range marks {
		branches = append(branches, p.rowsOf(s, m.from, facets, never, m.tuple, m.condition))
	}
	collected := "[]"
	if len(marks) > 0 {
		collected = marked
	}

	// Each step's time follows from the one before. Later means a later millisecond, so that nothing hangs on the order
	// of rows.
	times := []string{"minIf(ms, s1) AS t1"}
	names := []string{"t1"}
	for i := 2; i <= len(j.steps); i++ {
		times = append(times, fmt.Sprintf(
			"if(t%[1]d = 0, 0, arrayFirst(t -> t > t%[1]d, groupArraySortedIf(%[2]d)(ms, s%[3]d))) AS t%[3]d",
			i-1, mostPassages, i))
		names = append(names, fmt.Sprintf("t%d", i))
	}
	var entered, columns []string
	if len(facets) > 0 {
		entered = append(entered, "argMinIf(facets, (ms, facets), s1) AS entry")
	}
	for i, facet := range facets {
		columns = append(columns, fmt.Sprintf("entry.%d AS %s", i+1, facet))
	}
	key := "session"
	if p.Environment == anyEnvironment {
		key = "env, session"
	} else {
		// One of two keys that is always the same would make grouping a third dearer.
		entered = append(entered, s.bind("environment", "String", p.Environment)+" AS env")
	}
	entered = append(append(entered, times...), "max(weight) AS heaviest", collected+" AS marks")
	over := s.moment("over", p.seen().Add(-journeyOver))
	return fmt.Sprintf(`SELECT env AS environment, %[1]sheaviest, marks,
      [%[2]s] AS times, toUInt8(arrayCount(t -> t > 0, times)) AS reached,
      (env, session) IN (
        SELECT toString(environment), session_id FROM sessions
        WHERE app = %[3]s AND day >= toDate(%[4]s) AND end >= %[4]s) AS running
    FROM (
      SELECT %[5]s,
        %[6]s
      FROM (
        %[7]s
      )
      GROUP BY %[5]s
      HAVING t1 >= %[8]s AND t1 < %[9]s
    )`,
		strings.Join(append(columns, ""), ", "), strings.Join(names, ", "), s.bind("app", "String", p.App), over, key,
		strings.Join(entered, ",\n        "), strings.Join(branches, "\n        UNION ALL\n        "),
		s.bind("entered_from", "Int64", p.window.from.UnixMilli()), s.bind("entered_to", "Int64", p.window.to.UnixMilli()))
}

// facets are the columns that the question's dimensions and filters need of a session.
func (p *paths) facets() []string {
	var facets []string
	need := append(slices.Clone(p.groups), p.compared...)
	for _, f := range p.filters {
		need = append(need, f.dimension)
	}
	for _, d := range need {
		if d.key != "environment" && !slices.Contains(facets, d.expr) {
			facets = append(facets, d.expr)
		}
	}
	return facets
}

// asks whether the question is about a dimension.
func (p *paths) asks(key string) bool {
	return p.groupsBy(key) || slices.ContainsFunc(p.filters, func(f filter) bool { return f.key == key })
}

// atEntry are the question's filters, which hold for a session as it was when it entered.
func (p *paths) atEntry(s *statement) string {
	conditions := []string{"1"}
	if p.few > 0 {
		conditions = append(conditions, p.fewCondition())
	}
	for _, f := range p.filters {
		if condition := f.condition(s); condition != "" {
			conditions = append(conditions, condition)
		}
	}
	return strings.Join(conditions, "\n  AND ")
}

// rowsOf reads the rows of one raw table that matter, within reach of the time range. Bots and synthetic runs stay out
// unless the question is about traffic.
func (p *paths) rowsOf(s *statement, from table, facets, passes []string, mark, condition string) string {
	columns := []string{"session_id AS session", "toUnixTimestamp64Milli(ts) AS ms", "weight"}
	scope := []string{"app = " + s.bind("app", "String", p.App)}
	if p.Environment == anyEnvironment {
		columns = append(columns, "toString(environment) AS env")
	} else {
		scope = append(scope, "environment = "+s.bind("environment", "String", p.Environment))
	}
	if len(facets) > 0 {
		var values []string
		for _, facet := range facets {
			values = append(values, fmt.Sprintf("toString(%s)", facet))
		}
		columns = append(columns, fmt.Sprintf("tuple(%s) AS facets", strings.Join(values, ", ")))
	}
	for i, passed := range passes {
		columns = append(columns, fmt.Sprintf("toUInt8(%s) AS s%d", passed, i+1))
	}
	reach := window{p.window.from.Add(-journeyReach), p.window.to.Add(journeyReach)}.clamped()
	scope = append(scope, reach.during(s), "session_id != ''")
	if !p.asks("traffic") {
		scope = append(scope, "traffic = "+s.bind("traffic", "String", rum.TrafficReal))
	}
	if condition != "" {
		scope = append(scope, "("+condition+")")
	}
	return fmt.Sprintf(`SELECT %s, %s AS mark
        FROM %s
        WHERE %s`, strings.Join(columns, ", "), mark, from,
		strings.ReplaceAll(strings.Join(scope, "\n  AND "), "\n", "\n        "))
}
