package query

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// keptSegments are those of enough page views, as an answer's statements are given them.
type keptSegments struct {
	hashes []uint64
	rest   bool // whether all others together have enough
}

// mostKept bounds how many segments are told apart, those of the most page views: their names go into every statement,
// and no answer is read that far.
const mostKept = 4000

// segmentHashes tells segments apart in the statements: names would have to be escaped, and are longer.
func (q *question) segmentHashes() string {
	exprs := make([]string, 0, len(q.groups))
	for _, d := range q.groups {
		exprs = append(exprs, "toString("+d.expr+")")
	}
	return "cityHash64(" + strings.Join(exprs, ", ") + ")"
}

// frequent is the condition that a row's segment has enough page views.
func (q *question) frequent() string { return q.segmentHashes() + " IN ({few_segments:Array(UInt64)})" }

// groupExpr is the expression of a dimension that the question groups by.
func (q *question) groupExpr(i int) string {
	if !q.mergesFew() {
		return q.groups[i].expr
	}
	return fmt.Sprintf("if(%s, toString(%s), '%s')", q.frequent(), q.groups[i].expr, fewName)
}

// fewCondition leaves out what has too few page views even when it is put together.
func (q *question) fewCondition() string {
	const rest = "{few_rest:UInt8} = 1"
	if len(q.groups) == 0 {
		return rest
	}
	return "(" + rest + " OR " + q.frequent() + ")"
}

// fewParameters are those that the conditions above hold. They are read when a statement first needs them, as only then
// it is certain what the question groups by and which windows it compares.
func (q *question) fewParameters(ctx context.Context, conn driver.Conn, sql string) ([]driver.NamedValue, error) {
	if q.few == 0 || !strings.Contains(sql, "{few_") {
		return nil, nil
	}
	kept, err := q.keptOfAll(ctx, conn)
	if err != nil {
		return nil, err
	}
	return []driver.NamedValue{{Name: "few_segments", Value: kept.hashes}, {Name: "few_rest", Value: kept.flag()}}, nil
}

func (k *keptSegments) flag() uint8 {
	if k.rest {
		return 1
	}
	return 0
}

// sideViews are how many page views a segment has on each side.
type sideViews struct {
	hash  uint64
	views []uint64
}

// keptOfAll finds the segments of enough page views, once for all statements that have the same.
func (q *question) keptOfAll(ctx context.Context, conn driver.Conn) (*keptSegments, error) {
	var s statement
	from, scope, seen := q.fewFrom(&s), q.fewScope(&s), q.viewsBySide(&s)
	sql := fmt.Sprintf(`SELECT %[1]s AS segment, %[2]s AS seen
FROM %[3]s
WHERE %[4]s
GROUP BY segment
HAVING arrayAll(n -> n = 0 OR n >= %[5]s, seen)
ORDER BY arraySum(seen) DESC, segment
LIMIT %[6]s`, q.segmentHashes(), seen, from, scope, s.bind("views", "UInt64", q.few),
		s.bind("most", "UInt64", mostKept))
	key := s.describe(sql, nil)
	if known := q.kept[key]; known != nil {
		return known, nil
	}
	var large []sideViews
	if len(q.groups) > 0 {
		err := q.counts(ctx, conn, &s, sql, func(rows driver.Rows) error {
			var one sideViews
			err := rows.Scan(&one.hash, &one.views)
			large = append(large, one)
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("counting the page views of segments: %w", err)
		}
	}

	var others statement
	from, scope, seen = q.fewFrom(&others), q.fewScope(&others), q.viewsBySide(&others)
	if len(large) > 0 {
		scope += fmt.Sprintf(" AND %s NOT IN (%s)", q.segmentHashes(), others.bind("large", "Array(UInt64)", hashesOf(large)))
	}
	var rest []uint64
	err := q.counts(ctx, conn, &others, fmt.Sprintf("SELECT %s FROM %s WHERE %s", seen, from, scope),
		func(rows driver.Rows) error { return rows.Scan(&rest) })
	if err != nil {
		return nil, fmt.Errorf("counting the page views of small segments: %w", err)
	}
	large, enough := q.joinRest(large, rest)
	kept := &keptSegments{hashes: hashesOf(large), rest: enough}
	q.kept[key] = kept
	return kept, nil
}

// joinRest gives up the smallest segment that is large enough for the sake of those that are not even together: else
// they were what is left of the whole when all that is shown is taken from it.
func (q *question) joinRest(large []sideViews, rest []uint64) (kept []sideViews, enough bool) {
	enough = true
	for side, views := range rest {
		if !q.hasFew(views) {
			continue
		}
		least := -1
		for i, one := range large {
			if one.views[side] >= q.few && (least < 0 || one.views[side] < large[least].views[side]) {
				least = i
			}
		}
		if least < 0 {
			enough = false
			continue
		}
		for other, views := range large[least].views {
			rest[other] += views
		}
		large = slices.Delete(large, least, least+1)
	}
	return large, enough
}

func hashesOf(segments []sideViews) []uint64 {
	hashes := make([]uint64, 0, len(segments))
	for _, one := range segments {
		hashes = append(hashes, one.hash)
	}
	return hashes
}
