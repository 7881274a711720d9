package query

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/sightline-rum/sightline/pkg/rum"
)

// isPoor is the condition that a vital is poor, and poorWeight the weight of those that are.
const (
	isPoor     = "rating = '" + rum.RatingPoor + "'"
	poorWeight = "sumIf(toUInt64(weight), " + isPoor + ")"
)

// vitalCulprits reads the limit + 1 causes with the most poor views of one Web Vital.
func (q *question) vitalCulprits(ctx context.Context, conn driver.Conn) ([]*culprit, error) {
	allSeen, allPoor, err := q.allPoorViews(ctx, conn)
	if err != nil || allSeen == 0 {
		return nil, err
	}
	rows, err := q.ranks(ctx, conn, q.culpritRanking(), q.window)
	if err != nil {
		return nil, err
	}
	var culprits []*culprit
	for _, r := range rows {
		if poor := r.facts[0]; poor > 0 {
			culprits = append(culprits, &culprit{ranked: r, metric: q.metric.Metric, groups: q.groups, poor: poor,
				poorViews: poor, allPoor: allPoor, allSeen: allSeen})
		}
	}
	if len(culprits) == 0 {
		return nil, nil
	}
	if err := q.tellPoorViews(ctx, conn, culprits); err != nil {
		return nil, err
	}
	if q.baseline.empty() {
		return culprits, nil
	}
	before := q.culpritRanking()
	before.among = q.amongTopCulprits
	earlier, err := q.ranks(ctx, conn, before, q.baseline)
	for _, r := range earlier {
		if c := culpritOf(culprits, r.key); c != nil {
			c.before = &culprit{ranked: r, poor: r.facts[0]}
		}
	}
	return culprits, err
}

func culpritOf(culprits []*culprit, key []string) *culprit {
	i := slices.IndexFunc(culprits, func(c *culprit) bool { return slices.Equal(c.key, key) })
	if i < 0 {
		return nil
	}
	return culprits[i]
}

// culpritRanking reads the percentile of each segment and cause, those with the most poor views first.
func (q *question) culpritRanking() ranking {
	return ranking{
		from: "vitals FINAL", value: "value", columns: []string{"rating"},
		also:  func(s *statement) string { return "metric = " + s.bind("metric", "String", q.metric.Key) },
		facts: []string{poorWeight}, order: poorWeight, limit: q.limit() + 1,
	}
}

// amongTopCulprits keeps a statement to the rows that culpritRanking answers with.
func (q *question) amongTopCulprits(s *statement) string {
	return q.amongTop(s, "vitals FINAL", poorWeight, q.vitalsWhere)
}

// allPoorViews counts the poor views that responsibility is a share of, and adds up their weight.
func (q *question) allPoorViews(ctx context.Context, conn driver.Conn) (seen uint64, weight float64, err error) {
	var s statement
	sql := fmt.Sprintf("SELECT count(), toFloat64(sum(toUInt64(weight)))\nFROM vitals FINAL\nWHERE %s\n  AND %s",
		q.causeless().vitalsWhere(&s, q.window), isPoor)
	err = q.rows(ctx, conn, &s, sql, func(rows driver.Rows) error { return rows.Scan(&seen, &weight) })
	return seen, weight, err
}

// tellPoorViews adds what the poor views of each row tell: how they split into sub-parts, and which script (or party)
// they name most often.
//
// A sub-part is its mean over the middle half of the poor views, those between the quartiles of their values. Unlike
// percentiles of each part, means of the same views add up; the poor views are those to be mended; and leaving out
// both ends keeps a page that loaded for ten minutes in a lift from speaking for all others.
//
// The rows are those of culpritRanking: both take the ones with the most poor weight, equals by name.
func (q *question) tellPoorViews(ctx context.Context, conn driver.Conn, culprits []*culprit) error {
	var s statement
	var exprs []string
	for _, p := range partsOf[q.metric.Key] {
		exprs = append(exprs, "toFloat64("+p.expr+")")
	}
	names := strings.TrimSuffix(q.groupNames(), ", ")
	sql := fmt.Sprintf(`WITH poor AS (
  SELECT %[1]svalue, weight, target, script_url, script_invoker, party,
    [%[2]s] AS split, %[3]s AS tells
  FROM vitals FINAL
  WHERE %[4]s
  AND %[5]s
)
SELECT %[6]scountIf(tells), toFloat64(sumIf(toUInt64(weight), tells)), sumIf(toFloat64(weight) * weight, tells),
  toFloat64(sumIf(toUInt64(weight), middle)), sumIf(value * weight, middle),
  sumForEachIf(arrayMap(p -> p * weight, split), middle),
  sumForEachIf(arrayMap(i -> if(i = indexOf(split, arrayMax(split)), toFloat64(weight), 0.), arrayEnumerate(split)),
    tells),
  sumMapIf(map(target, toUInt64(weight)), target != ''),
  sumMapIf(map(concat(party, ' ', script_url), toUInt64(weight)), party != '' OR script_url != ''),
  countIf(script_url != ''), toFloat64(sumIf(toUInt64(weight), script_url != '')),
  sumIf(toFloat64(weight) * weight, script_url != ''),
  sumMapIf(map(script_invoker, toUInt64(weight)), script_invoker != '')
FROM (
  SELECT *, tells AND value >= quartiles[1] AND value <= quartiles[2] AS middle
  FROM poor
  INNER JOIN (
    SELECT %[6]squantilesExactWeightedIf(0.25, 0.75)(value, weight, tells) AS quartiles
    FROM poor
    GROUP BY %[7]s
    ORDER BY sum(toUInt64(weight)) DESC, %[7]s
    LIMIT %[8]s
  ) AS halves USING (%[7]s)
)
GROUP BY %[7]s`,
		q.selectGroups(), strings.Join(exprs, ", "), tellsParts(q.metric.Key), q.vitalsWhere(&s, q.window), isPoor,
		q.groupNames(), names, s.bind("limit", "UInt64", q.limit()+1))
	return q.rows(ctx, conn, &s, sql, func(rows driver.Rows) error {
		var t poorTold
		var middle float64
		var sums, largest []float64
		var elements, named, invokers map[string]uint64
		key, err := q.scanned(rows, &t.parts.samples, &t.parts.weight, &t.parts.square, &middle, &t.parts.value, &sums,
			&largest, &elements, &named, &t.scriptSamples, &t.scriptWeight, &t.scriptSquare, &invokers)
		if err != nil {
			return err
		}
		t.parts.value /= middle
		for _, sum := range sums {
			t.parts.means = append(t.parts.means, sum/middle)
		}
		t.parts.largest = largest
		t.element, _ = mostOften(elements)
		t.invoker, _ = mostOften(invokers)
		blamed, share := mostOften(named)
		t.party, t.script, _ = strings.Cut(blamed, " ")
		if t.script != "" {
			t.scriptShare = share
		}
		if c := culpritOf(culprits, key); c != nil {
			c.told = t
		}
		return nil
	})
}

// tellsParts is the condition that a vital came with its sub-parts. The SDK leaves out those that are zero.
func tellsParts(metric string) string {
	if metric == "cls" {
		return "mapContains(parts, 'largest_shift_value')"
	}
	return "arraySum(split) > 0"
}

// mostOften is the name with the most weight, of equals the first, and its share of all.
func mostOften(weights map[string]uint64) (name string, share float64) {
	var most, all uint64
	for candidate, weight := range weights {
		all += weight
		if weight > most || weight == most && candidate < name {
			name, most = candidate, weight
		}
	}
	return name, float64(most) / float64(max(all, 1))
}
