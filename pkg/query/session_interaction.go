package query

import (
	"context"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// sameInteraction is how far apart an interaction and the action that was noticed of it may begin: one is timed by the
// pointer going down, the other perhaps by its click, and the page's clock is not the action's.
const sameInteraction = 500 * time.Millisecond

// addInteractions finds which action each INP was measured of, unless the client said so: the nearest in its view. What
// that action started is then what the interaction started. INP is told when the page is left; when it happened is
// known from its attribution, as ms since the page's start, which the timeline does not hold.
func (q *question) addInteractions(ctx context.Context, conn driver.Conn, moments []happening) error {
	starts := map[string]time.Time{}
	var first, last time.Time
	for _, h := range moments {
		switch {
		case h.kind == kindView && starts[h.viewID].IsZero():
			starts[h.viewID] = h.at
		case h.kind == kindVital && h.name == "inp":
			if first.IsZero() {
				first = h.at
			}
			last = h.at
		}
	}
	if first.IsZero() {
		return nil
	}
	var s statement
	sql := fmt.Sprintf(`SELECT ts, view_id, argMax(parts['interaction_time'], (reported_at, value)) AS since
FROM vitals
WHERE %s AND metric = 'inp'
  AND ts >= %s AND ts < %s
GROUP BY ts, view_id, metric_id
HAVING since > 0
LIMIT %s`, q.scopeOfSession(&s), s.moment("from", first), s.moment("to", last.Add(time.Millisecond)),
		s.bind("limit", "UInt64", q.limit()+1))
	type place struct {
		ms   int64
		view string
	}
	since := map[place]float64{}
	err := q.rows(ctx, conn, &s, sql, func(rows driver.Rows) error {
		var at time.Time
		var p place
		var ms float32
		err := rows.Scan(&at, &p.view, &ms)
		p.ms = at.UnixMilli()
		since[p] = float64(ms)
		return err
	})
	for i := range moments {
		h := &moments[i]
		ms, known := since[place{h.at.UnixMilli(), h.viewID}]
		if start := starts[h.viewID]; h.kind == kindVital && h.name == "inp" && known && !start.IsZero() {
			h.happened = later(start, ms)
			if h.actionID == "" {
				h.actionID = nearestAction(moments, h.viewID, h.happened)
			}
		}
	}
	return err
}

// nearestAction is the id of the action of a view that began when an interaction did, or "".
func nearestAction(moments []happening, view string, at time.Time) string {
	nearest, distance := "", sameInteraction+1
	for _, h := range moments {
		if d := h.at.Sub(at).Abs(); h.kind == kindAction && h.viewID == view && h.actionID != "" && d < distance {
			nearest, distance = h.actionID, d
		}
	}
	return nearest
}
