package query

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/sightline-rum/sightline/pkg/query/stats"
)

// ranking describes what percentiles by segment are read from.
type ranking struct {
	from    string                  // the table, with FINAL where a later row replaces an earlier one
	value   string                  // a column or expression, never negative
	columns []string                // columns beside value and weight that keys and facts need
	also    func(*statement) string // a condition beside the question's own, or empty
	keys    []string                // columns a row of the answer has beside the question's dimensions
	facts   []string                // further aggregates over columns and weight
	order   string                  // the larger, the earlier a row comes: an expression over samples and total
	limit   int
	among   func(*statement) string // keeps to some segments; nil keeps all

	histogram *histogram // how the same is read from cells; nil when only rows tell
}

// ranked is one segment: the percentile, its 95 % interval, and how many it rests on.
type ranked struct {
	key                        []string // the question's dimensions, then the ranking's keys
	samples                    uint64
	weight                     uint64  // sum of the weights
	squares                    float64 // sum of the squared weights
	value, lower, upper        float64
	boundedBelow, boundedAbove bool // whether so many samples bound the percentile on that side at all
	facts                      []float64
}

// effective is how many unsampled samples these are worth.
func (r ranked) effective() float64 { return stats.EffectiveSize(float64(r.weight), r.squares) }

// ranks reads the percentile of each segment, exactly: the value at which the cumulated weight reaches the percentile's
// share, as stats.Percentile has it. Weights are whole thousandths, so that their sums are exact too.
//
// Sorting all values is what costs. So a sample says first between which two values the ranks that are looked for will
// lie; one pass over everything then adds up the weight below and collects, and sorts, only what lies between. When a
// sample misled (its rows may be outdated, or of a quieter time of day) the rank is not in between, which shows, and
// the question is asked again with everything sorted.
func (q *question) ranks(ctx context.Context, conn driver.Conn, r ranking, w window) ([]ranked, error) {
	if r.histogram != nil {
		p, err := q.planned(ctx, conn, w)
		switch {
		case err != nil:
			return nil, err
		case p.rolls():
			return q.ranksOfCells(ctx, conn, r, p)
		}
	}
	all, missed, err := q.ranksBetween(ctx, conn, r, w, true)
	if err == nil && missed {
		all, _, err = q.ranksBetween(ctx, conn, r, w, false)
	}
	return all, err
}

// A sample is every 32nd granule of 8192 rows, which are spread over the time of each part. It vouches for segments of
// which it has 200 values or more: between the sampled ranks four standard deviations and two points to either side.
// Other segments are rare enough to be sorted whole.
const (
	sampleRows  = 8192
	sampleEvery = 32
	sampleLeast = 200
)

func (q *question) ranksBetween(
	ctx context.Context, conn driver.Conn, r ranking, w window, sampled bool,
) (all []ranked, missed bool, err error) {
	var s statement
	level := s.bind("level", "Float64", q.level())
	names := q.groupNames() + strings.Join(append(r.keys[:len(r.keys):len(r.keys)], ""), ", ")
	sql := fmt.Sprintf(`%[1]sSELECT %[2]ssamples, total, squares, found[1], found[2], found[3],
  arrayExists((t, p) -> t <= below OR p = 0, targets, places)%[3]s
FROM (
  SELECT *,
    ceil(effective * %[4]s - spread) AS lowest, ceil(effective * %[4]s + spread) AS highest,
    arrayMap(t -> least(total, toUInt64(greatest(1, t))), [
      ceil(total * %[4]s), ceil(lowest * squares / total - 0.5), ceil(highest * squares / total - 0.5)]) AS targets,
    arraySort(near) AS sorted, arrayCumSum(arraySort((x, v) -> v, weights, near)) AS upto,
    arrayMap(t -> arrayFirstIndex(u -> u + below >= t, upto), targets) AS places,
    arrayMap(p -> sorted[p], places) AS found
  FROM (
    SELECT %[2]scount() AS samples, sum(toUInt64(weight)) AS total, sum(toFloat64(weight) * weight) AS squares,
      toFloat64(total) * total / squares AS effective,
      %[5]s * sqrt(effective * %[4]s * (1 - %[4]s)) AS spread,
      sumIf(toUInt64(weight), measured < low) AS below,
      groupArrayIf(measured, measured >= low AND measured <= high) AS near,
      groupArrayIf(weight, measured >= low AND measured <= high) AS weights,
      %[9]s AS standing%[6]s
    FROM (%[7]s
    )
    %[8]s
    HAVING total > 0
    ORDER BY standing DESC, %[2]ssamples
    LIMIT %[10]s
  )
)
ORDER BY standing DESC, %[2]ssamples`,
		q.sample(&s, r, w, sampled), names, r.factNames(), level, s.bind("z", "Float64", stats.Z95),
		selectFacts(r.facts), q.ranksSource(&s, r, w, sampled), q.groupBy(r.keys...), r.order,
		s.bind("limit", "UInt64", r.limit))

	err = q.rows(ctx, conn, &s, sql, func(rows driver.Rows) error {
		g := ranked{key: make([]string, len(q.groups)+len(r.keys)), facts: make([]float64, len(r.facts))}
		var outside bool
		into := make([]any, 0, len(g.key)+len(g.facts)+7)
		for i := range g.key {
			into = append(into, &g.key[i])
		}
		into = append(into, &g.samples, &g.weight, &g.squares, &g.value, &g.lower, &g.upper, &outside)
		for i := range g.facts {
			into = append(into, &g.facts[i])
		}
		err := rows.Scan(into...)
		low, high := stats.RankInterval(g.effective(), q.level())
		g.boundedBelow, g.boundedAbove = low >= 1, high <= g.effective()+1e-6
		all, missed = append(all, g), missed || outside
		return err
	})
	return all, missed, err
}

// sample is the WITH clause that finds between which values each segment's ranks lie: brackets is (hashes of segments,
// lowest values, highest values).
func (q *question) sample(s *statement, r ranking, w window, sampled bool) string {
	if !sampled {
		return ""
	}
	level := s.bind("level", "Float64", q.level())
	return fmt.Sprintf(`WITH (
  SELECT (groupArray(segment), groupArray(lowest), groupArray(highest))
  FROM (
    SELECT %[1]s AS segment,
      arraySort(groupArray(%[2]s)) AS measured, length(measured) AS n,
      0.02 + 4 * sqrt(%[3]s * (1 - %[3]s) / n) AS margin,
      if(n * (%[3]s - margin) < 1, 0., measured[toUInt64(n * (%[3]s - margin))]) AS lowest,
      if(n * (%[3]s + margin) >= n, inf, measured[toUInt64(ceil(n * (%[3]s + margin)))]) AS highest
    FROM %[4]s
    PREWHERE intDiv(_part_offset, %[5]s) %% %[6]s = 0
    WHERE %[7]s
    GROUP BY segment
    HAVING n >= %[8]s
  )
) AS brackets
`,
		q.segmentHash(r), r.value, level, strings.TrimSuffix(r.from, " FINAL"),
		s.bind("sampleRows", "UInt64", sampleRows), s.bind("sampleEvery", "UInt64", sampleEvery),
		q.ranksWhere(s, r, w.during), s.bind("sampleLeast", "UInt64", sampleLeast))
}

// ranksSource is every row that counts, with the bracket of its segment. Days that lie in the window as a whole are
// chosen by their partition: their rows' times, which cost a quarter of such a pass, need not be read.
func (q *question) ranksSource(s *statement, r ranking, w window, sampled bool) string {
	bracket := "0. AS low, inf AS high"
	if sampled {
		bracket = fmt.Sprintf(`transform(%s,
          brackets.1, range(1, length(brackets.1) + 1), 0) AS place,
        arrayConcat([0.], brackets.2)[place + 1] AS low, arrayConcat([inf], brackets.3)[place + 1] AS high`,
			q.segmentHash(r))
	}
	var columns string
	for _, c := range r.columns {
		columns += c + ", "
	}
	branch := func(when func(*statement) string) string {
		return fmt.Sprintf(`
      SELECT %s%s%s AS measured, weight,
        %s
      FROM %s
      WHERE %s`, q.selectGroups(), columns, r.value, bracket, r.from, q.ranksWhere(s, r, when))
	}
	var branches []string
	before, days, after := w.wholeDays()
	if !before.empty() {
		branches = append(branches, branch(before.during))
	}
	if !days.empty() {
		branches = append(branches, branch(days.byPartition))
	}
	if !after.empty() {
		branches = append(branches, branch(after.during))
	}
	return strings.Join(branches, "\n      UNION ALL")
}

func (q *question) ranksWhere(s *statement, r ranking, when func(*statement) string) string {
	condition := q.whereWhen(s, when)
	if r.also != nil {
		if also := r.also(s); also != "" {
			condition = also + "\n  AND " + condition
		}
	}
	if r.among != nil {
		condition += r.among(s)
	}
	return condition
}

// segmentHash tells segments apart quickly enough to be computed for every row: each dimension is hashed once for all
// rows that share its value. Should two segments ever share a hash, their ranks are looked for in the wrong place and
// not found.
func (q *question) segmentHash(r ranking) string {
	parts := []string{"toUInt64(0)"}
	for i := range q.groups {
		parts = append(parts, fmt.Sprintf("%d * cityHash64(%s)", 2*i+1, q.groupExpr(i)))
	}
	for i, key := range r.keys {
		parts = append(parts, fmt.Sprintf("%d * cityHash64(%s)", 2*(len(q.groups)+i)+1, key))
	}
	return strings.Join(parts, " + ")
}

func selectFacts(facts []string) string {
	var b strings.Builder
	for i, fact := range facts {
		fmt.Fprintf(&b, ",\n      toFloat64(%s) AS fact%d", fact, i)
	}
	return b.String()
}

func (r ranking) factNames() string {
	var b strings.Builder
	for i := range r.facts {
		fmt.Fprintf(&b, ", fact%d", i)
	}
	return b.String()
}

// byPartition is the condition that a row lies in one of the window's days, which are whole.
func (w window) byPartition(s *statement) string {
	return fmt.Sprintf("_partition_id >= toString(toYYYYMMDD(%s))\n  AND _partition_id < toString(toYYYYMMDD(%s))",
		s.moment("firstDay", w.from), s.moment("lastDay", w.to))
}

// wholeDays splits a window into what comes before its first whole day, its whole days (UTC, as the store's partitions
// are), and what comes after; each may be empty.
func (w window) wholeDays() (before, days, after window) {
	const day = 24 * time.Hour
	first, last := w.from.Add(day-1).Truncate(day), w.to.Truncate(day)
	if !first.Before(last) {
		return w, window{}, window{}
	}
	return window{w.from, first}, window{first, last}, window{last, w.to}
}
