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

// burstFacts is what is known of a burst beyond its counts.
type burstFacts struct {
	errorType, message string
	sessions           float64 // affected, by weight
	sessionID, traceID string  // one of them, with a trace when there is any
	over               []stats.Overrepresented
	others             float64 // sessions that did not meet it
	few                uint64  // sessions of which nothing is told: few.go
}

// readBurstFacts reads what happened between onset and end.
func (q *question) readBurstFacts(ctx context.Context, conn driver.Conn, bursts []*burst) error {
	if len(bursts) == 0 {
		return nil
	}
	var s statement
	sql := fmt.Sprintf(`SELECT burst, argMax(kind, latest), argMax(said, latest), sumIf(heaviest, session != ''),
  argMax(session, (session != '', trace != '', latest, session)) AS one,
  argMax(trace, (session != '', trace != '', latest, session))
FROM (
  SELECT %[1]s AS burst, session_id AS session, max(weight) AS heaviest, max(ts) AS latest,
    argMax(toString(error_type), ts) AS kind, argMax(message, ts) AS said,
    argMax(trace_id, (trace_id != '' AND trace_sampled > 0, trace_id != '', ts)) AS trace
  FROM errors
  WHERE %[2]s
    AND burst >= 0
  GROUP BY burst, session
)
GROUP BY burst`, q.burstExpr(&s, bursts), q.where(&s, spanned(bursts)))
	err := q.rows(ctx, conn, &s, sql, func(rows driver.Rows) error {
		var place int64
		var f burstFacts
		var affected uint64
		err := rows.Scan(&place, &f.errorType, &f.message, &affected, &f.sessionID, &f.traceID)
		f.sessions = float64(affected) / rum.FullWeight
		if err == nil {
			bursts[place].facts = f
		}
		return err
	})
	if err != nil || q.Format == formatAnnotations {
		return err
	}
	var without []string
	for _, b := range bursts {
		if b.facts.traceID == "" && b.facts.sessionID != "" {
			without = append(without, b.facts.sessionID)
		}
	}
	traces, err := q.tracesOf(ctx, conn, without, spanned(bursts))
	for _, b := range bursts {
		if b.facts.traceID == "" {
			b.facts.traceID = traces[b.facts.sessionID]
		}
	}
	return err
}

// tracesOf finds a trace of each session: of a failed request rather than of another, of a sampled one rather than of
// one that nobody kept, the latest. Whoever may not see ids has none looked for: the statement that answered is shown, too,
// and would name the sessions.
func (q *question) tracesOf(ctx context.Context, conn driver.Conn, sessions []string, w window) (
	map[string]string, error,
) {
	found := map[string]string{}
	if len(sessions) == 0 || !q.ids {
		return found, nil
	}
	var s statement
	names := make([]string, 0, len(sessions))
	for _, id := range sessions {
		names = append(names, s.bind("session", "String", id))
	}
	sql := fmt.Sprintf(`SELECT session_id, argMax(trace_id, (failed, trace_sampled, ts, trace_id))
FROM session_events
WHERE app = %s AND session_id IN (%s) AND trace_id != ''
  AND ts >= %s AND ts < %s
GROUP BY session_id`, s.bind("app", "String", q.App), strings.Join(names, ", "),
		s.moment("from", w.from), s.moment("to", w.to))
	err := q.rows(ctx, conn, &s, sql, func(rows driver.Rows) error {
		var session, trace string
		err := rows.Scan(&session, &trace)
		found[session] = trace
		return err
	})
	return found, err
}

// suspects are the dimensions in which a burst may differ from the other traffic.
var suspects = []string{"release", "route", "journey", "browser", "os", "device", "country", "connection"}

// referenceLead is how much traffic before the onset the others include: with a deploy that reached everybody at once,
// those without the error have the new release as well, but those of the hour before do not.
const referenceLead = time.Hour

// readOverrepresented finds what the sessions of a burst have in common that the others have not: those that viewed
// anything in the same time or the hour before and did not meet the error.
func (q *question) readOverrepresented(ctx context.Context, conn driver.Conn, bursts []*burst) error {
	if len(bursts) == 0 {
		return nil
	}
	var dimensions []dimension
	for _, key := range suspects {
		d, err := q.dimension(key)
		if err != nil {
			return err
		}
		if !q.groupsBy(key) {
			dimensions = append(dimensions, d)
		}
	}
	values := make([][]stats.SegmentValue, len(bursts))
	totals := make([]float64, len(bursts))
	var s statement
	sql := fmt.Sprintf(`SELECT burst, segment.1, segment.2, uniqExact(session_id) AS n
FROM (
  SELECT %[1]s AS burst, session_id, arrayJoin(%[2]s) AS segment
  FROM errors
  WHERE %[3]s
    AND burst >= 0 AND session_id != ''
)
WHERE segment.2 != ''
GROUP BY burst, segment.1, segment.2
ORDER BY n DESC, segment.1, segment.2
LIMIT 200 BY burst`, q.burstExpr(&s, bursts), segmentsExpr(dimensions), q.where(&s, spanned(bursts)))
	err := q.rows(ctx, conn, &s, sql, func(rows driver.Rows) error {
		var place int64
		var v stats.SegmentValue
		var n uint64
		if err := rows.Scan(&place, &v.Dimension, &v.Value, &n); err != nil {
			return err
		}
		if v.Burst = float64(n); v.Dimension == everybody {
			totals[place] = v.Burst
		} else {
			values[place] = append(values[place], v)
		}
		return nil
	})
	if err != nil {
		return err
	}

	others := map[[2]string]float64{}
	w := spanned(bursts)
	w.from = w.from.Add(-referenceLead)
	s = statement{}
	sql = fmt.Sprintf(`SELECT segment.1, segment.2, uniqExact(session_id) AS n
FROM (
  SELECT session_id, arrayJoin(%[1]s) AS segment
  FROM views
  WHERE %[2]s
    AND session_id != ''
)
GROUP BY segment.1, segment.2
ORDER BY n DESC, segment.1, segment.2
LIMIT 10000`, segmentsExpr(dimensions), q.ofTable(tableViews).where(&s, w.clamped()))
	err = q.rows(ctx, conn, &s, sql, func(rows driver.Rows) error {
		var segment [2]string
		var n uint64
		err := rows.Scan(&segment[0], &segment[1], &n)
		others[segment] = float64(n)
		return err
	})
	for i, b := range bursts {
		for j := range values[i] {
			v := &values[i][j]
			v.Reference = max(0, others[[2]string{v.Dimension, v.Value}]-v.Burst)
		}
		b.facts.others, b.facts.few = others[[2]string{everybody, everybody}]-totals[i], q.few
		b.facts.over = stats.OverrepresentedIn(q.commonOfMany(values[i], totals[i]), totals[i], b.facts.others)
	}
	return err
}

// everybody stands for a dimension all sessions share, which counts them.
const everybody = "*"

// segmentsExpr is a row's value in each dimension, as pairs.
func segmentsExpr(dimensions []dimension) string {
	pairs := []string{fmt.Sprintf("('%[1]s', '%[1]s')", everybody)}
	for _, d := range dimensions {
		pairs = append(pairs, fmt.Sprintf("('%s', toString(%s))", d.key, d.expr))
	}
	return "[" + strings.Join(pairs, ", ") + "]"
}

// ofTable is the question about another table, without the filters that table has no dimension for.
func (q *question) ofTable(t table) *question {
	other := *q
	if slices.ContainsFunc(q.groups, func(d dimension) bool { _, err := dimensionByKey(t, d.key); return err != nil }) {
		other.few = 0 // its rows are not told apart as the question's are
	}
	kind := *q.kind
	kind.table = t
	other.kind, other.filters = &kind, nil
	for _, f := range q.filters {
		if d, err := dimensionByKey(t, f.key); err == nil {
			f.dimension = d
			other.filters = append(other.filters, f)
		}
	}
	return &other
}

// most names the over-represented values of one dimension.
func (f burstFacts) most(key string) string {
	var named []string
	for _, o := range f.over {
		if o.Dimension == key {
			named = append(named, o.Value)
		}
	}
	return strings.Join(named, ", ")
}

// segments says what else is over-represented, and how much.
func (f burstFacts) segments() string {
	var named []string
	for _, o := range f.over {
		if o.Dimension != "release" && o.Dimension != "route" {
			named = append(named, fmt.Sprintf("%s %s (%.0f %%, of others %s)",
				o.Dimension, o.Value, 100*o.BurstShare, f.share(o.Reference, f.others, o.ReferenceShare)))
		}
	}
	return strings.Join(named, ", ")
}
