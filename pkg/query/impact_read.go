package query

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/sightline-rum/sightline/pkg/query/stats"
)

// The bounds of what is looked at: mostValues of each dimension, those with the most samples, the rest together as
// otherValue, and mostCombinations of all dimensions. Where there are more of these, fewer values are told apart.
// Variables, so that tests can have more.
var (
	mostValues              = []int{20, 8, 4}
	mostCombinations uint64 = 200_000
)

const otherValue = "(other)"

// replacedDimensions are those whose new values replace old ones (stats.Dimension.Replaced).
var replacedDimensions = []string{"release", "browserVersion"}

// readValues reads each dimension's most frequent values in either window, and keeps the dimensions that have several. An
// outdated report counts here, too: which values are frequent does not depend on it, and FINAL would cost more.
func (m *impactOf) readValues(ctx context.Context, conn driver.Conn) error {
	var s statement
	var exprs, sets, numbers []string
	for i, d := range m.dimensions {
		exprs = append(exprs, fmt.Sprintf("toString(%s) AS d%d", d.expr, i))
		sets = append(sets, fmt.Sprintf("(d%d)", i))
		numbers = append(numbers, fmt.Sprintf("grouping(d%d) = 0, %d", i, i))
	}
	names := make([]string, 0, len(m.dimensions))
	for i := range m.dimensions {
		names = append(names, fmt.Sprintf("d%d", i))
	}
	sql := fmt.Sprintf(`SELECT multiIf(%[1]s, 99) AS place, [%[2]s][place + 1] AS name, sum(n) AS samples, count()
FROM (
  SELECT %[3]s, count() AS n
  FROM vitals
  WHERE %[4]s
  GROUP BY %[2]s
)
GROUP BY GROUPING SETS (%[5]s, ())
ORDER BY place, samples DESC, name
LIMIT %[6]s BY place`, strings.Join(numbers, ", "), strings.Join(names, ", "), strings.Join(exprs, ", "),
		m.impactWhere(&s), strings.Join(sets, ", "), s.bind("most", "UInt64", mostValues[0]+1))
	values := make([][]string, len(m.dimensions))
	err := m.question.rows(ctx, conn, &s, sql, func(rows driver.Rows) error {
		var place uint8
		var name string
		var n, combined uint64
		err := rows.Scan(&place, &name, &n, &combined)
		if int(place) < len(values) {
			values[place] = append(values[place], name)
		} else {
			m.combined = combined
		}
		return err
	})
	var several []dimension
	for i, d := range m.dimensions {
		if len(values[i]) > 1 {
			several, m.values = append(several, d), append(m.values, values[i])
		}
	}
	m.dimensions = several
	return err
}

// readCombinations reads the sums of every combination of values that occurs. When there are too many, fewer values are
// told apart, and the answer says so.
func (m *impactOf) readCombinations(ctx context.Context, conn driver.Conn) (cut string, err error) {
	for i, most := range mostValues {
		if i == 0 && m.combined > mostCombinations {
			cut = tooManyWays(mostValues[1])
			continue
		}
		m.population = stats.Population{}
		for d, values := range m.values {
			known := stats.Dimension{Values: slices.Sorted(slices.Values(values[:min(most, len(values))])), Rest: -1,
				Replaced: slices.Contains(replacedDimensions, m.dimensions[d].key)}
			if len(values) > most {
				known.Values = append(known.Values, otherValue)
				known.Rest = most
			}
			m.population.Dimensions = append(m.population.Dimensions, known)
		}
		many, err := m.combinations(ctx, conn, most)
		if err != nil || !many {
			return cut, err
		}
		if i == len(mostValues)-1 {
			return "", badRequest("impact: the dimensions' values combine in more than %d ways: add a filter or name the "+
				"dimensions to look at in groupBy", mostCombinations)
		}
		cut = tooManyWays(mostValues[i+1])
	}
	return cut, nil
}

func tooManyWays(most int) string {
	return fmt.Sprintf("The dimensions' values combine in more than %d ways, so only the %d most frequent of each were "+
		"told apart: add a filter, or name the dimensions to look at in groupBy.", mostCombinations, most)
}

func (m *impactOf) combinations(ctx context.Context, conn driver.Conn, most int) (many bool, err error) {
	var s statement
	var places, exprs []string
	for i, d := range m.dimensions {
		places = append(places, fmt.Sprintf("d%d", i))
		told := m.population.Dimensions[i]
		known := make([]string, 0, most)
		for place, value := range told.Values {
			if place != told.Rest {
				known = append(known, s.bind(d.key, "String", value))
			}
		}
		exprs = append(exprs, fmt.Sprintf("toUInt8(transform(toString(%s), [%s], range(%d), %d)) AS d%d", d.expr,
			strings.Join(known, ", "), len(known), len(known), i))
	}
	if len(places) == 0 {
		places, exprs = []string{"d0"}, []string{"toUInt8(0) AS d0"}
	}
	var shifted []string
	for _, factor := range stats.Factors {
		shifted = append(shifted, m.score(&s, fmt.Sprintf("value * %g", factor)))
	}
	for _, step := range stats.Steps {
		shifted = append(shifted, m.score(&s, fmt.Sprintf("(value + %s)", s.bind("step", "Float64", step*m.then.value))))
	}
	sums := func(when string) string {
		return fmt.Sprintf("countIf(%[1]s), sumIf(w, %[1]s), sumIf(w * w, %[1]s), sumIf(w * y, %[1]s), "+
			"sumIf(w * y * y, %[1]s)", when)
	}
	sql := fmt.Sprintf(`SELECT [%[1]s] AS places,
  %[2]s,
  %[3]s,
  sumForEachIf(arrayMap(x -> w * x, shifted), before)
FROM (
  SELECT %[4]s,
    %[5]s AS now, %[6]s AS before, weight / 1000 AS w, %[7]s AS y,
    if(before, [%[8]s], []) AS shifted
  FROM vitals FINAL
  WHERE %[9]s
)
GROUP BY %[1]s
ORDER BY places
LIMIT %[10]s`, strings.Join(places, ", "), sums("now"), sums("before"), strings.Join(exprs, ",\n    "),
		m.window.within(&s), m.baseline.within(&s), m.score(&s, "value"), strings.Join(shifted, ",\n      "),
		m.impactWhere(&s), s.bind("most", "UInt64", int(mostCombinations)+1))
	err = m.question.rows(ctx, conn, &s, sql, func(rows driver.Rows) error {
		var places []uint8
		var c stats.Combination
		var samples [2]uint64
		var shifted []float64
		err := rows.Scan(&places, &samples[0], &c.Now.Weight, &c.Now.Squares, &c.Now.Score, &c.Now.Scores2,
			&samples[1], &c.Before.Weight, &c.Before.Squares, &c.Before.Score, &c.Before.Scores2, &shifted)
		c.Now.Samples, c.Before.Samples = float64(samples[0]), float64(samples[1])
		copy(c.Before.Shifted[:], shifted)
		for _, place := range places {
			c.Values = append(c.Values, uint16(place))
		}
		m.population.Combinations = append(m.population.Combinations, c)
		return err
	})
	return uint64(len(m.population.Combinations)) > mostCombinations, err
}

// readVisitors reads how much the samples of one session have in common: the variance of the sessions' scores against
// that of as many independent samples, and how many sessions there are, in weights as EffectiveSize has it.
func (m *impactOf) readVisitors(ctx context.Context, conn driver.Conn) error {
	var s statement
	sql := fmt.Sprintf(`SELECT now, sum(b), sum(b * b), sum(a * a), sum(a * b), sum(a), sum(ww), sum(wwy), sum(wwyy)
FROM (
  SELECT now, session, sum(w) AS b, sum(w * y) AS a, sum(w * w) AS ww, sum(w * w * y) AS wwy, sum(w * w * y * y) AS wwyy
  FROM (
    SELECT arrayJoin(arrayFilter(x -> if(x = 1, %[1]s, %[2]s), [1, 0])) AS now,
      cityHash64(%[5]s) AS session, weight / 1000 AS w, %[3]s AS y
    FROM vitals FINAL
    WHERE %[4]s
  )
  GROUP BY now, session
)
GROUP BY now`, m.window.within(&s), m.baseline.within(&s), m.score(&s, "value"), m.impactWhere(&s), visitor)
	var clustered, independent float64
	err := m.question.rows(ctx, conn, &s, sql, func(rows driver.Rows) error {
		var now uint8
		var b, bb, aa, ab, a, ww, wwy, wwyy float64
		err := rows.Scan(&now, &b, &bb, &aa, &ab, &a, &ww, &wwy, &wwyy)
		mean := a / b
		clustered += (aa - 2*mean*ab + mean*mean*bb) / (b * b)
		independent += (wwyy - 2*mean*wwy + mean*mean*ww) / (b * b)
		if now == 1 {
			m.population.VisitorsNow = stats.EffectiveSize(b, bb)
		} else {
			m.population.VisitorsThen = stats.EffectiveSize(b, bb)
		}
		return err
	})
	m.population.Design = 1
	if independent > 0 {
		m.population.Design = clustered / independent
	}
	return err
}

// conditionOf is the condition that a row is in a segment.
func (m *impactOf) conditionOf(s *statement, segment stats.Segment) string {
	conditions := []string{"1"}
	for _, c := range segment {
		d := m.dimensions[c.Dimension]
		value := m.population.Dimensions[c.Dimension].Values[c.Value]
		conditions = append(conditions, fmt.Sprintf("%s = %s", d.expr, s.bind(d.key, "String", value)))
	}
	return strings.Join(conditions, " AND ")
}

// readMeasures reads the percentile of each row's segment in both windows.
func (m *impactOf) readMeasures(ctx context.Context, conn driver.Conn) error {
	var s statement
	var columns []string
	var into []any
	for i := range m.rows {
		r := &m.rows[i]
		if r.of == nil {
			continue
		}
		percentile := fmt.Sprintf("quantileExactWeightedIf(%g)", m.level())
		columns = append(columns,
			fmt.Sprintf("%s(value, weight, %s AND %s)", percentile, m.window.within(&s), m.conditionOf(&s, r.of)),
			fmt.Sprintf("%s(value, weight, %s AND %s)", percentile, m.baseline.within(&s), m.conditionOf(&s, r.place)))
		into = append(into, &r.value, &r.before)
	}
	if len(columns) == 0 {
		return nil
	}
	everybody := *m
	everybody.oneIn = 1
	sql := fmt.Sprintf("SELECT %s\nFROM vitals FINAL\nWHERE %s", strings.Join(columns, ",\n  "),
		everybody.impactWhere(&s))
	return m.question.rows(ctx, conn, &s, sql, func(rows driver.Rows) error { return rows.Scan(into...) })
}
