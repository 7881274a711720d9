package query

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/sightline-rum/sightline/pkg/query/stats"
	"github.com/sightline-rum/sightline/pkg/rum"
)

// onsetLead is how many windows before the first that stood out are searched for the onset: a burst that is small or
// rises slowly is seen late.
const onsetLead = burstLead / 2

// readOnsets finds when each burst began and whether it is over, in buckets of a fifth of a window.
func (q *question) readOnsets(ctx context.Context, conn driver.Conn, h *burstHistory, bursts []*burst) error {
	if len(bursts) == 0 {
		return nil
	}
	oldest, newest := 0, q.tiles.depth
	var keys [][]string
	for _, b := range bursts {
		oldest, newest = max(oldest, b.first+onsetLead), min(newest, max(0, b.last-1))
		keys = append(keys, b.group.key)
	}
	var s statement
	sql := fmt.Sprintf(`SELECT %[1]s%[2]s AS bucket, sum(weight)
FROM errors
WHERE %[3]s
  AND (%[4]s) IN (%[5]s)
%[6]s
LIMIT %[7]s`,
		q.selectGroups(), q.tiles.indexExpr(&s, "bucket", q.tiles.fine()), q.where(&s, q.tiles.span(oldest, newest)),
		q.groupExprs(), q.tuples(&s, keys), q.groupBy("bucket"), s.bind("most", "UInt64", maxCells))
	counts := map[string]map[int]float64{}
	err := q.rows(ctx, conn, &s, sql, func(rows driver.Rows) error {
		var bucket int64
		var weight uint64
		key, err := q.scanned(rows, &bucket, &weight)
		name := fmt.Sprintf("%q", key)
		if counts[name] == nil {
			counts[name] = map[int]float64{}
		}
		counts[name][int(bucket)] = float64(weight) / rum.FullWeight
		return err
	})
	if err != nil {
		return err
	}
	for _, b := range bursts {
		h.placeOnset(b, counts[fmt.Sprintf("%q", b.group.key)])
	}
	return nil
}

// placeOnset puts onset and end into the burst, from its group's counts by bucket (counted back from now).
func (h *burstHistory) placeOnset(b *burst, counts map[int]float64) {
	t := h.tiles
	oldest := (b.first+onsetLead+1)*fineBuckets - 1
	var series, expected []float64
	for window := b.first + onsetLead; window >= max(0, b.last-1); window-- {
		usual := h.expectIn(b, window).Count / fineBuckets
		for bucket := (window+1)*fineBuckets - 1; bucket >= window*fineBuckets; bucket-- {
			series, expected = append(series, counts[bucket]), append(expected, usual)
		}
	}
	from, to := onsetLead*fineBuckets, oldest-b.last*fineBuckets // of the windows that stood out
	if onset, ok := stats.FindOnset(series, expected, b.dispersion, len(series)-from); ok {
		from, to = onset.Start, onset.End
	}
	if b.kind == stats.New {
		// What was never seen before began when it was first seen.
		first := int(t.now.Add(-time.Millisecond).Sub(b.group.firstSeen) / t.fine())
		from = max(0, min(oldest-first, to))
	}
	for i := from; i <= to; i++ {
		b.count += series[i]
		b.expected += expected[i]
	}
	at := func(i int) time.Time { return t.now.Add(-time.Duration(oldest-i+1) * t.fine()) }
	b.onset, b.end = at(from), at(to+1)
	// At its own rate, three events or more would have been seen since with a chance of 19 in 20 (the rule of three).
	missing := t.now.Sub(b.end).Seconds() * b.count / b.end.Sub(b.onset).Seconds() / b.group.weight
	if b.ended = !b.goesOn() || missing > 3; !b.ended {
		b.end = t.now
	}
}

// tuples lists segments for an IN.
func (q *question) tuples(s *statement, keys [][]string) string {
	list := make([]string, 0, len(keys))
	for _, key := range keys {
		list = append(list, q.tuple(s, key))
	}
	return strings.Join(list, ", ")
}

func (q *question) tuple(s *statement, key []string) string {
	placeholders := make([]string, 0, len(key))
	for i, d := range q.groups {
		placeholders = append(placeholders, s.bind(d.key, "String", key[i]))
	}
	return "(" + strings.Join(placeholders, ", ") + ")"
}

// burstExpr is the number of the burst an error belongs to, or -1.
func (q *question) burstExpr(s *statement, bursts []*burst) string {
	var b strings.Builder
	for i, burst := range bursts {
		fmt.Fprintf(&b, "(%s) = %s AND ts >= %s AND ts < %s, %d, ", q.groupExprs(), q.tuple(s, burst.group.key),
			s.moment("onset", burst.onset), s.moment("end", burst.end), i)
	}
	return fmt.Sprintf("toInt64(multiIf(%s-1))", b.String())
}

// spanned is the time from the first onset to the last end.
func spanned(bursts []*burst) window {
	w := window{from: bursts[0].onset, to: bursts[0].end}
	for _, b := range bursts {
		if b.onset.Before(w.from) {
			w.from = b.onset
		}
		if b.end.After(w.to) {
			w.to = b.end
		}
	}
	return w
}
