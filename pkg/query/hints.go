package query

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/grafana/grafana-plugin-sdk-go/data"
)

// hint says on an empty answer why it may be empty: no such app, no such environment, or nothing in this time range. It
// does its best: when the store does not answer this either, the answer stays as it is. An answer that already says
// something of its own is left alone.
func hint(ctx context.Context, conn driver.Conn, q *question, frames data.Frames) {
	if len(frames) == 0 || len(frames[0].Meta.Notices) > 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, hintTime)
	defer cancel()
	asked := question{Query: q.Query, limits: q.limits}
	asked.limits.MaxExecutionTime = hintTime
	if text := asked.whyEmpty(ctx, conn, q.window, q.allowed); text != "" {
		frames[0].AppendNotices(info("%s", text))
	}
}

// hintTime is what an explanation may take on top of the answer.
const hintTime = 3 * time.Second

// listed is how many names a hint lists.
const listed = 20

func (q *question) whyEmpty(ctx context.Context, conn driver.Conn, w window, allowed appList) string {
	hours, err := q.insertedHours(ctx, conn, w, allowed)
	if err != nil {
		return ""
	}
	var apps []string
	var of appHours
	for _, h := range hours {
		apps = append(apps, h.app)
		if h.app == q.App {
			of = h
		}
	}
	switch {
	case len(hours) == 0:
		return "no data yet: is the sidecar receiving beacons?"
	case of.app == "":
		return unknownOf("app", q.App, apps)
	}

	kept, err := q.keptEnvironments(ctx, conn, w)
	if err != nil {
		return ""
	}
	if len(kept) == 0 {
		return fmt.Sprintf("app '%s' is known, but nothing of it is kept any more; last beacon %s ago",
			q.App, lasted(time.Since(of.last)))
	}
	var environments []string
	for _, e := range kept {
		environments = append(environments, e.name)
	}
	all := q.keptOf(kept)
	whose := fmt.Sprintf("app '%s'", q.App)
	if q.Environment != anyEnvironment {
		whose += fmt.Sprintf(" in environment '%s'", q.Environment)
	}
	switch {
	case all.last.IsZero():
		return unknownOf("environment", q.Environment, environments)
	case all.within > 0:
		return fmt.Sprintf("%s has data in this time range, but none that matches the question and its filters", whose)
	case of.within && !all.first.IsZero() && !w.to.After(all.first):
		return fmt.Sprintf("no data in range: what %s sent then is no longer kept; the oldest kept is of %s",
			whose, all.first.Format(time.RFC3339))
	case !all.last.Before(w.to):
		return fmt.Sprintf("no data in range: %s has data of other times; last beacon %s ago",
			whose, lasted(time.Since(all.last)))
	}
	text := "no data in range"
	if !w.from.Before(time.Now()) {
		text += ", which is in the future"
	}
	return fmt.Sprintf("%s; last beacon of %s %s ago", text, whose, lasted(time.Since(all.last)))
}

// appHours is what is remembered of an app for over a year, long after its raw rows have expired.
type appHours struct {
	app    string
	last   time.Time // the end of the last hour it sent something of
	within bool      // it sent something of the time range
}

func (q *question) insertedHours(ctx context.Context, conn driver.Conn, w window, allowed appList) ([]appHours, error) {
	var s statement
	sql := fmt.Sprintf(`SELECT toString(app) AS a, max(hour), countIf(hour >= toStartOfHour(%s) AND hour < %s) > 0
FROM hour_inserts
GROUP BY a
ORDER BY a
LIMIT 1000`, s.moment("from", w.from), s.moment("to", w.to))
	var hours []appHours
	err := q.rows(ctx, conn, &s, sql, func(rows driver.Rows) error {
		var h appHours
		err := rows.Scan(&h.app, &h.last, &h.within)
		h.last = h.last.Add(time.Hour)
		if now := time.Now(); h.last.After(now) {
			h.last = now
		}
		if allowed.allow(h.app) {
			hours = append(hours, h)
		}
		return err
	})
	return hours, err
}

// keptEnvironment is what rows there still are of an app's environment.
type keptEnvironment struct {
	name        string
	first, last time.Time
	within      uint64 // rows in the time range, at least
}

func (e *keptEnvironment) join(other keptEnvironment) {
	if e.first.IsZero() || other.first.Before(e.first) {
		e.first = other.first
	}
	if other.last.After(e.last) {
		e.last = other.last
	}
	e.within += other.within
}

// keptOf is what is kept of the environment that is asked about, or of all.
func (q *question) keptOf(kept []keptEnvironment) keptEnvironment {
	all := keptEnvironment{name: q.Environment}
	for _, e := range kept {
		if q.Environment == anyEnvironment || q.Environment == e.name {
			all.join(e)
		}
	}
	return all
}

// keptEnvironments reads the sessions, of which every environment has some and which are few. Of a site that names no
// sessions, and to be sure that there is nothing, it reads the raw rows too: those of the time range, and of the last
// hours before the last beacon.
func (q *question) keptEnvironments(ctx context.Context, conn driver.Conn, w window) ([]keptEnvironment, error) {
	var s statement
	app := s.bind("app", "String", q.App)
	from, to := s.moment("from", w.from), s.moment("to", w.to)
	sessions := fmt.Sprintf(`SELECT toString(environment) AS e, min(start) AS first, max(end) AS last,
    countIf(start < %s AND end >= %s) AS n FROM sessions WHERE app = %s GROUP BY e`, to, from, app)
	kept, err := q.environmentsIn(ctx, conn, &s, sessions)
	if err != nil || q.keptOf(kept).within > 0 {
		return kept, err
	}
	reads := []string{sessions}
	for _, t := range []table{tableViews, tableVitals, tableErrors, tableRequests} {
		reads = append(reads, fmt.Sprintf(`SELECT toString(environment) AS e, min(ts) AS first, max(ts) AS last,
    countIf(ts >= %[1]s AND ts < %[2]s) AS n FROM %[3]s
  WHERE app = %[4]s AND (ts >= %[1]s AND ts < %[2]s
    OR ts >= (SELECT max(hour) - 7200 FROM hour_inserts WHERE app = %[4]s)) GROUP BY e`, from, to, t, app))
	}
	return q.environmentsIn(ctx, conn, &s, strings.Join(reads, "\n  UNION ALL\n  "))
}

func (q *question) environmentsIn(
	ctx context.Context, conn driver.Conn, s *statement, reads string,
) ([]keptEnvironment, error) {
	sql := fmt.Sprintf(`SELECT e, min(first), max(last), sum(n)
FROM (
  %s
)
GROUP BY e
ORDER BY e
LIMIT 1000`, reads)
	var kept []keptEnvironment
	err := q.rows(ctx, conn, s, sql, func(rows driver.Rows) error {
		var e keptEnvironment
		err := rows.Scan(&e.name, &e.first, &e.last, &e.within)
		kept = append(kept, e)
		return err
	})
	return kept, err
}

// unknownOf says that there is no such app or environment, with the one most likely meant or those there are.
func unknownOf(what, name string, known []string) string {
	text := fmt.Sprintf("%s '%s' unknown: ", what, name)
	if near := nearest(name, known); near != "" {
		return text + fmt.Sprintf("did you mean '%s'?", near)
	}
	known = slices.Clone(known)
	for i, name := range known {
		if name == "" {
			known[i] = "(unnamed)"
		}
	}
	there := "there are "
	if len(known) == 1 {
		there = "there is "
	}
	if len(known) > listed {
		return fmt.Sprintf("%s%s%s and %d more", text, there, strings.Join(known[:listed], ", "), len(known)-listed)
	}
	return text + there + strings.Join(known, ", ")
}

// lasted is a duration as people say it, in its largest unit: 3 h, 2 days.
func lasted(d time.Duration) string {
	switch {
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(max(d, 0).Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	default:
		return fmt.Sprintf("%d days", int(d.Hours()/24))
	}
}
