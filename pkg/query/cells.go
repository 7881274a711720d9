package query

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/sightline-rum/sightline/pkg/rum"
)

// cells are what a planned answer is made of, whether they come from a roll-up or are made of rows as it would:
// samples, weight, and squares (the sum of the squared weights) of a segment, in one bucket where it is a key.
type cells struct {
	plan  *plan
	keys  []string // columns beside the question's dimensions
	sums  []cellSum
	step  bool                    // whether a cell's step of the series is needed
	among func(*statement) string // keeps to some segments; nil keeps all
}

// cellSum is a further column that is added up: what the roll-up has, and what a row adds to it.
type cellSum struct{ name, ofRow string }

// from is a statement's FROM: the roll-up's cells and, for the rest of the window, a cell a row. A cell of the roll-up
// is the sum of differences, which are not yet one row; squares come out exactly where all samples of a cell were kept
// at one sampling rate.
func (c cells) from(q *question, s *statement) string {
	at := fmt.Sprintf("toInt64(toUnixTimestamp(%s)) * 1000", c.plan.rollup.at)
	branches := []string{fmt.Sprintf(`
  SELECT %[1]s%[2]ssamples, weight,
    if(samples = 0, 0., toFloat64(weight) * weight / samples) AS squares%[3]s
  FROM %[4]s
  WHERE %[5]s`, c.columns(q), c.stepColumn(q, s, at), c.sumColumns(func(sum cellSum) string { return sum.name }),
		c.plan.rollup.name, c.where(q, s, c.plan.rollup.at, c.plan.rolled, s.second))}
	if len(c.plan.rest) > 0 {
		table := string(c.plan.rollup.of)
		if c.plan.rollup.of == tableVitals {
			table += " FINAL"
		}
		branches = append(branches, fmt.Sprintf(`
  SELECT %[1]s%[2]stoInt64(1) AS samples, toInt64(weight) AS weight,
    toFloat64(weight) * weight AS squares%[3]s
  FROM %[4]s
  WHERE %[5]s`, c.columns(q), c.stepColumn(q, s, "toUnixTimestamp64Milli(ts)"),
			c.sumColumns(func(sum cellSum) string { return sum.ofRow + " AS " + sum.name }),
			table, c.where(q, s, "ts", c.plan.rest, func(at time.Time) string { return s.moment("at", at) })))
	}
	return "(" + strings.Join(branches, "\n  UNION ALL") + "\n)"
}

func (c cells) columns(q *question) string {
	return q.selectGroups() + strings.Join(append(c.keys[:len(c.keys):len(c.keys)], ""), ", ")
}

func (c cells) stepColumn(q *question, s *statement, at string) string {
	if !c.step {
		return ""
	}
	size := s.bind("step", "Int64", q.step.Milliseconds())
	return fmt.Sprintf("intDiv(%s, %s) * %s AS step, ", at, size, size)
}

// summed are the sums of a statement that adds cells up.
func (c cells) summed() string {
	return c.sumColumns(func(sum cellSum) string { return fmt.Sprintf("sum(c.%[1]s) AS %[1]s", sum.name) })
}

func (c cells) sumColumns(of func(cellSum) string) string {
	var b strings.Builder
	for _, sum := range c.sums {
		b.WriteString(", " + of(sum))
	}
	return b.String()
}

// where is whereWhen for either side, with the condition that keeps to what the question is about.
func (c cells) where(q *question, s *statement, at string, windows []window, moment func(time.Time) string) string {
	condition := q.cellsOf(s, c.plan.rollup) + "\n    AND " +
		q.whereWhen(s, func(*statement) string { return inAny(at, windows, moment) })
	if c.among != nil {
		condition += c.among(s)
	}
	return condition
}

// amongTop is question.amongTop, with the segments ranked by their cells. It says GLOBAL itself, which one store makes
// nothing of: ClickHouse 26.7 turns an IN on Distributed tables into one once for each table in it, here two, and
// refuses the second.
func (c cells) amongTop(q *question, s *statement, rank string) string {
	if len(q.groups) == 0 {
		return ""
	}
	names := strings.TrimSuffix(q.groupNames(), ", ")
	return fmt.Sprintf(`
  AND (%[1]s) GLOBAL IN (
    SELECT %[2]s FROM (
      SELECT %[2]s, %[3]s AS n
      FROM %[4]s
      %[5]s ORDER BY n DESC, %[2]s LIMIT %[6]s))`,
		q.groupExprs(), names, rank, c.from(q, s), q.groupBy(), s.bind("top", "UInt64", q.limit()+1))
}

// middleOf is the value that stands for a bucket: the geometric middle of its bounds, from which no value in it is
// farther than 1 %. The first bucket begins at 0 and the last has no end: there it is the bound there is.
func middleOf(metric string, bucket int16) float64 {
	switch low, high := rum.BucketBounds(metric, bucket); {
	case low == 0:
		return high
	case math.IsInf(high, 1):
		return low
	default:
		return math.Sqrt(low * high)
	}
}
