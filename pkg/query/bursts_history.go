package query

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/sightline-rum/sightline/pkg/query/stats"
	"github.com/sightline-rum/sightline/pkg/rum"
)

// burstCells bounds groups × windows in memory (8 bytes each), mostBurstGroups what is judged: a window takes 0.1 ms.
const (
	burstCells      = 4_000_000
	mostBurstGroups = 1000
)

// burstGroup is one error group (and segment) with its weighted count in every window, window 0 first.
type burstGroup struct {
	key      []string
	counts   []float64
	sessions map[int]int // distinct sessions of the windows that have any
	weight   float64     // what one event counts for, Σw²/Σw
	oldest   int         // its oldest window with an event
	appStart int         // the app's oldest window
	lately   float64     // weighted count in the windows judged and shortly before
	views    map[int]int // page views of the windows that have any: below a threshold of them only

	// Of the group as a whole, whatever the query's filters and segments: a group is not new because it turned up
	// somewhere else.
	firstSeen time.Time
	release   string // in which it was first seen
	returns   []int  // windows in which it was met after a week without
}

// burstHistory is all that is needed to judge the groups.
type burstHistory struct {
	tiles  tiling
	groups []*burstGroup
	cut    bool
}

// readBurstHistory reads the groups that as many sessions met lately as a burst needs.
func (q *question) readBurstHistory(ctx context.Context, conn driver.Conn) (*burstHistory, error) {
	h := &burstHistory{tiles: q.tiles}
	start, err := q.readAppStart(ctx, conn)
	if err != nil {
		return nil, err
	}
	var s statement
	most := max(1, min(mostBurstGroups, burstCells/q.tiles.depth))
	viewsOfTile, viewsByTile := "", ""
	if q.few > 0 {
		viewsOfTile, viewsByTile = ", uniq"+theView+" AS views", ", groupArray(views)"
	}
	sql := fmt.Sprintf(`SELECT %[1]sgroupArray(tile), groupArray(w), groupArray(n), sum(w) AS total, sum(ww)%[11]s
FROM (
  SELECT %[2]s%[3]s AS tile, sum(weight) AS w, sum(toFloat64(weight) * weight) AS ww,
    uniqExactIf(session_id, session_id != '') AS n%[10]s
  FROM errors
  WHERE %[4]s
    AND (%[5]s) IN (%[6]s)
  %[7]s
)
%[8]s
LIMIT %[9]s`,
		q.groupNames(), q.selectGroups(), q.tiles.indexExpr(&s, "size", q.tiles.size),
		q.where(&s, q.tiles.span(q.tiles.depth-1, 0)), q.groupExprs(), q.metLately(&s, most+1), q.groupBy("tile"),
		q.groupBy(), s.bind("most", "UInt64", most+1), viewsOfTile, viewsByTile)
	err = q.rows(ctx, conn, &s, sql, func(rows driver.Rows) error {
		var tiles []int64
		var weights, sessions, views []uint64
		var total uint64
		var squares float64
		into := []any{&tiles, &weights, &sessions, &total, &squares}
		if q.few > 0 {
			into = append(into, &views)
		}
		key, err := q.scanned(rows, into...)
		if err != nil || slices.Contains(key, fewName) && q.few > 0 { // errors of all kinds together are no burst
			return err
		}
		g := &burstGroup{key: key, counts: make([]float64, q.tiles.depth), sessions: map[int]int{}, views: map[int]int{}, appStart: start,
			weight: squares / float64(max(1, total)) / rum.FullWeight}
		for i, tile := range tiles {
			at := int(tile)
			if at < 0 || at >= len(g.counts) {
				continue
			}
			g.counts[at], g.oldest = float64(weights[i])/rum.FullWeight, max(g.oldest, at)
			if sessions[i] > 0 {
				g.sessions[at] = int(sessions[i])
			}
			if q.few > 0 {
				g.views[at] = int(views[i])
			}
			if at < q.tiles.within+burstLead {
				g.lately += g.counts[at]
			}
		}
		h.groups = append(h.groups, g)
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(h.groups, func(a, b *burstGroup) int { return slices.Compare(a.key, b.key) })
	if h.cut = len(h.groups) > most; h.cut {
		h.groups = h.groups[:most]
	}
	if len(h.groups) == 0 {
		return h, nil
	}
	return h, q.readSightings(ctx, conn, h.groups)
}

// metLately selects the segments that enough sessions met in the windows judged or shortly before: a group stays in
// the answer for a while after its burst.
func (q *question) metLately(s *statement, limit int) string {
	names := strings.TrimSuffix(q.groupNames(), ", ")
	return fmt.Sprintf(`
      SELECT %[1]s FROM (
        SELECT %[2]suniqExactIf(session_id, session_id != '') AS met FROM errors
        WHERE %[3]s
        %[4]s HAVING met >= %[5]s ORDER BY met DESC, %[1]s LIMIT %[6]s)`,
		names, q.selectGroups(), q.where(s, q.tiles.lately()), q.groupBy(),
		s.bind("sessions", "UInt64", stats.BurstSessions), s.bind("most", "UInt64", limit))
}

// lately are the windows judged and the hour (of the default windows) before.
func (t tiling) lately() window { return t.span(t.within-1+burstLead, 0) }

// readAppStart is the app's oldest window: nobody could meet an error before.
func (q *question) readAppStart(ctx context.Context, conn driver.Conn) (int, error) {
	var s statement
	var first time.Time
	sql := fmt.Sprintf("SELECT min(hour) FROM hour_inserts\nWHERE app = %s", s.bind("app", "String", q.App))
	err := q.rows(ctx, conn, &s, sql, func(rows driver.Rows) error { return rows.Scan(&first) })
	return int(q.tiles.now.Sub(first)/q.tiles.size) - 1, err
}

// readSightings adds when each group was first seen ever, and when it came back after a week of silence.
func (q *question) readSightings(ctx context.Context, conn driver.Conn, groups []*burstGroup) error {
	place := slices.IndexFunc(q.groups, func(d dimension) bool { return d.key == "fingerprint" })
	of := map[string][]*burstGroup{}
	for _, g := range groups {
		of[g.key[place]] = append(of[g.key[place]], g)
	}
	scope := func(s *statement) string {
		conditions := "app = " + s.bind("app", "String", q.App)
		if q.Environment != anyEnvironment {
			conditions += " AND environment = " + s.bind("environment", "String", q.Environment)
		}
		return fmt.Sprintf(`%s AND fingerprint IN (
  SELECT fingerprint FROM errors
  WHERE %s
  GROUP BY fingerprint ORDER BY uniqExactIf(session_id, session_id != '') DESC LIMIT %s)`,
			conditions, q.where(s, q.tiles.lately()), s.bind("fingerprints", "UInt64", 10*mostBurstGroups))
	}
	var ever statement
	sql := fmt.Sprintf(`SELECT fingerprint, min(first_seen), argMinMerge(first_release)
FROM error_groups
WHERE %s
GROUP BY fingerprint`, scope(&ever))
	err := q.rows(ctx, conn, &ever, sql, func(rows driver.Rows) error {
		var fingerprint, release string
		var first time.Time
		err := rows.Scan(&fingerprint, &first, &release)
		for _, g := range of[fingerprint] {
			g.firstSeen, g.release = first, release
		}
		return err
	})
	if err != nil {
		return err
	}

	// Windows are counted back: in descending order each difference is, negative, the time since the window before.
	var s statement
	quiet := int(stats.Quiet / q.tiles.size)
	judged := q.tiles.within - 1 + q.tiles.reach + burstPause
	w := q.tiles.span(judged+quiet, 0)
	sql = fmt.Sprintf(`SELECT fingerprint, arrayReverseSort(groupUniqArray(%[1]s)) AS seen,
  arrayFilter((at, since) -> since <= -%[2]s, seen, arrayDifference(seen)), seen[1]
FROM errors
WHERE %[3]s
  AND ts >= %[4]s AND ts < %[5]s
GROUP BY fingerprint`, q.tiles.indexExpr(&s, "size", q.tiles.size), s.bind("quiet", "Int64", quiet), scope(&s),
		s.moment("since", w.from), s.moment("until", w.to))
	return q.rows(ctx, conn, &s, sql, func(rows driver.Rows) error {
		var fingerprint string
		var seen, back []int64
		var first int64
		err := rows.Scan(&fingerprint, &seen, &back, &first)
		if first <= int64(judged) {
			back = append(back, first) // there was a week to be seen in before it
		}
		for _, g := range of[fingerprint] {
			for _, at := range back {
				g.returns = append(g.returns, int(at))
			}
		}
		return err
	})
}
