package query

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/grafana/grafana-plugin-sdk-go/data"
)

// hint says on an empty answer why it may be empty: no such app, no such environment, or nothing in this time range. It
// does its best: when the store does not answer this either, the answer stays as it is.
func hint(ctx context.Context, conn driver.Conn, q *question, frames data.Frames) {
	ctx, cancel := context.WithTimeout(ctx, hintTime)
	defer cancel()
	asked := question{Query: q.Query, limits: q.limits}
	asked.limits.MaxExecutionTime = hintTime
	if text := asked.whyEmpty(ctx, conn, q.window, q.allowed); text != "" && len(frames) > 0 {
		frames[0].AppendNotices(info("%s", text))
	}
}

// hintTime is what an explanation may take on top of the answer.
const hintTime = 3 * time.Second

func (q *question) whyEmpty(ctx context.Context, conn driver.Conn, w window, allowed appList) string {
	var s statement
	last := map[string]time.Time{}
	var apps []string
	err := q.rows(ctx, conn, &s, "SELECT app AS v, max(hour) FROM hour_inserts GROUP BY v ORDER BY v LIMIT 1000",
		func(rows driver.Rows) error {
			var app string
			var hour time.Time
			err := rows.Scan(&app, &hour)
			if allowed.allow(app) {
				apps, last[app] = append(apps, app), hour
			}
			return err
		})
	switch {
	case err != nil:
		return ""
	case len(apps) == 0:
		return "The store has no data yet: is the sidecar receiving beacons?"
	case last[q.App].IsZero():
		return missing("app", q.App, apps)
	}

	var environments []string
	var newest time.Time
	s = statement{}
	sql := fmt.Sprintf(`SELECT environment AS v, max(latest) FROM (
  SELECT environment, max(ts) AS latest FROM views WHERE app = %[1]s GROUP BY environment
  UNION ALL SELECT environment, max(ts) AS latest FROM vitals WHERE app = %[1]s GROUP BY environment
  UNION ALL SELECT environment, max(ts) AS latest FROM errors WHERE app = %[1]s GROUP BY environment
) GROUP BY v ORDER BY v LIMIT 1000`, s.bind("app", "String", q.App))
	err = q.rows(ctx, conn, &s, sql, func(rows driver.Rows) error {
		var environment string
		var latest time.Time
		err := rows.Scan(&environment, &latest)
		environments = append(environments, environment)
		if (q.Environment == anyEnvironment || q.Environment == environment) && latest.After(newest) {
			newest = latest
		}
		return err
	})
	switch {
	case err != nil:
		return ""
	case newest.IsZero():
		return missing("environment", q.Environment, environments)
	case newest.Before(w.from):
		return fmt.Sprintf("Nothing in this time range: the last beacon of %s came %s before it ends, at %s.",
			q.App, lasted(w.to.Sub(newest)), newest.Format(time.RFC3339))
	default:
		return fmt.Sprintf("%s has data up to %s, but nothing here matches the metric, filters and time range.",
			q.App, newest.Format(time.RFC3339))
	}
}

func missing(what, name string, known []string) string {
	text := fmt.Sprintf("There is no %s %q in the store", what, name)
	if near := nearest(name, known); near != "" {
		text += fmt.Sprintf(", did you mean %q?", near)
	} else {
		text += "."
	}
	const listed = 20
	if len(known) > listed {
		return fmt.Sprintf("%s Known: %s and %d more", text, strings.Join(known[:listed], ", "), len(known)-listed)
	}
	return text + " Known: " + strings.Join(known, ", ")
}

// lasted is a duration as people say it, in its largest unit: 3 h, 2 days.
func lasted(d time.Duration) string {
	switch {
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	default:
		return fmt.Sprintf("%d days", int(d.Hours()/24))
	}
}
