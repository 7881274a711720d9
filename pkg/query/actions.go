package query

import (
	"context"
	"fmt"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/sightline-rum/sightline/pkg/rum"
)

// actions answers what people do and where it frustrates them: clicks, submits and what the site names itself, and
// among them rage, dead and error clicks. Its table is one row a target and route unless the query groups by something
// else; its series are counts over time, where nothing is a real 0.
func askActions(ctx context.Context, conn driver.Conn, q *question) (data.Frames, error) {
	if q.Format == formatSeries {
		return q.countsSeries(ctx, conn, "Actions")
	}
	if len(q.groups) == 0 {
		for _, key := range []string{"target", "route"} {
			d, err := q.dimension(key)
			if err != nil {
				return nil, err
			}
			q.groups = append(q.groups, d)
		}
	}
	rows, err := q.actionRows(ctx, conn)
	if err != nil {
		return nil, err
	}
	cut := len(rows) > q.limit()
	if cut {
		rows = rows[:q.limit()]
	}
	if len(rows) > 0 {
		// Only a cut answer has segments to leave out.
		var among func(*statement) string
		if cut {
			among = q.amongTopActions
		}
		if err := q.actionDurations(ctx, conn, rows, among); err != nil {
			return nil, err
		}
		if err := q.actionRequests(ctx, conn, rows, among); err != nil {
			return nil, err
		}
	}
	frame := q.actionsTable(rows)
	if cut {
		frame.AppendNotices(q.cutNotice("rows"))
	}
	return data.Frames{frame}, nil
}

// frustrations are the kinds of action that say that a page did not do what somebody expected: they clicked again and
// again, or nothing happened, or an error did.
var frustrations = []string{"rage", "dead", "error"}

// actionRow is one segment; counts are weighted.
type actionRow struct {
	key                []string
	count              float64
	sessions           frequency
	frustrated         frequency            // sessions in which any frustration happened
	counts             map[string]float64   // frustrations by kind
	sessionsOf         map[string]frequency // sessions in which each happened
	duration           ranked
	requests, failures float64 // calls they started
}

// frequency counts sessions: as they are, by weight, and by its square, as stats.EffectiveSize wants it.
type frequency struct {
	samples         uint64
	weight, squares float64
}

// amongTopActions keeps a statement to the segments that actionRows answers with.
func (q *question) amongTopActions(s *statement) string {
	return q.amongTop(s, "actions", "sum(weight)", q.where)
}

// actionRows counts the actions and sessions of the limit + 1 segments with the most actions. A session is recorded or
// left out as a whole, so all of it has one weight: sessions are counted by hash, apart for each weight, which takes a
// few bytes a session where grouping by session would take a hundred.
func (q *question) actionRows(ctx context.Context, conn driver.Conn) ([]*actionRow, error) {
	var s statement
	anyKind := "kind IN ('" + strings.Join(frustrations, "', '") + "')"
	counted := func(name, condition string) string {
		return fmt.Sprintf(",\n    uniqExactIf(cityHash64(session_id), session_id != ''%s) AS %s", condition, name)
	}
	inner, outer := counted("all_sessions", "")+counted("frustrated", " AND "+anyKind), ""
	groups := []string{"all_sessions", "frustrated"}
	for _, kind := range frustrations {
		inner += fmt.Sprintf(",\n    countIf(kind = '%[1]s') AS %[1]s_actions", kind)
		inner += counted(kind+"_sessions", fmt.Sprintf(" AND kind = '%s'", kind))
		outer += fmt.Sprintf(",\n  sum(toUInt64(weight) * %s_actions)", kind)
		groups = append(groups, kind+"_sessions")
	}
	for _, name := range groups {
		outer += fmt.Sprintf(",\n  sum(%[1]s), sum(toFloat64(weight) * %[1]s), sum(toFloat64(weight) * weight * %[1]s)",
			name)
	}
	sql := fmt.Sprintf(`SELECT %[1]ssum(toUInt64(weight) * n) AS total%[2]s
FROM (
  SELECT %[3]sweight, count() AS n%[4]s
  FROM actions
  WHERE %[5]s
  %[6]s
)
%[7]s
ORDER BY total DESC%[8]s
LIMIT %[9]s`,
		q.groupNames(), outer, q.selectGroups(), inner, q.where(&s, q.window), q.groupBy("weight"), q.groupBy(),
		strings.TrimSuffix(", "+q.groupNames(), ", "), s.bind("limit", "UInt64", q.limit()+1))

	var all []*actionRow
	err := q.rows(ctx, conn, &s, sql, func(rows driver.Rows) (err error) {
		r := actionRow{counts: map[string]float64{}, sessionsOf: map[string]frequency{}}
		var total uint64
		weights := make([]uint64, len(frustrations))
		sessions := make([]frequency, len(groups))
		into := []any{&total}
		for i := range weights {
			into = append(into, &weights[i])
		}
		for i := range sessions {
			into = append(into, &sessions[i].samples, &sessions[i].weight, &sessions[i].squares)
		}
		r.key, err = q.scanned(rows, into...)
		r.count, r.sessions, r.frustrated = float64(total)/rum.FullWeight, sessions[0], sessions[1]
		for i, kind := range frustrations {
			r.counts[kind], r.sessionsOf[kind] = float64(weights[i])/rum.FullWeight, sessions[i+2]
		}
		all = append(all, &r)
		return err
	})
	return all, err
}

// actionDurations adds how long actions took until what they caused had come to rest. Rage and dead clicks, and clients
// that do not measure it, have no duration.
func (q *question) actionDurations(
	ctx context.Context, conn driver.Conn, rows []*actionRow, among func(*statement) string,
) error {
	all, err := q.ranks(ctx, conn, ranking{
		from: "actions", value: "toFloat64(duration)", also: func(*statement) string { return "duration > 0" },
		order: "total", limit: q.limit() + 1, among: among,
	}, q.window)
	place := placesOf(rows)
	for _, r := range all {
		if row := place[fmt.Sprintf("%q", r.key)]; row != nil {
			row.duration = r
		}
	}
	return err
}

func placesOf(rows []*actionRow) map[string]*actionRow {
	place := make(map[string]*actionRow, len(rows))
	for _, r := range rows {
		place[fmt.Sprintf("%q", r.key)] = r
	}
	return place
}
