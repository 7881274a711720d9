package query

import (
	"context"
	"fmt"
	"html"
	"slices"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/sightline-rum/sightline/pkg/rum"
)

// deploys answers what changed and when: the markers that people and pipelines set, and the releases that turned up in
// the traffic without one. As annotations they mark points in time; the table says more of each.
func askDeploys(ctx context.Context, conn driver.Conn, q *question) (data.Frames, error) {
	if len(q.groups) > 0 {
		return nil, badRequest("deploys lists single moments: groupBy is for other types, filters narrow it down")
	}
	deploys, err := q.deploysWithin(ctx, conn, q.window, q.limit()+1)
	if err != nil {
		return nil, err
	}
	cut := len(deploys) > q.limit()
	if cut {
		deploys = deploys[:q.limit()]
	}
	slices.Reverse(deploys)
	frame := q.deploysFrame(deploys)
	if cut {
		frame.AppendNotices(data.Notice{Severity: data.NoticeSeverityWarning, Text: fmt.Sprintf(
			"Only the latest %d deploys are shown. Raise the query's limit (the data source allows up to %d).",
			q.limit(), q.limits.MaxRows)})
	}
	return data.Frames{frame}, nil
}

// The kinds of a deploy, which are also the first of its tags.
const (
	kindMarker    = "deploy"
	kindFirstSeen = "first seen"
)

// deploy is one moment at which something new went out.
type deploy struct {
	at          time.Time
	environment string
	release     string
	kind        string
	title, url  string
	firstSeen   time.Time // of the release, in real traffic; zero when nobody has had it yet
}

// deploysWithin reads the latest deploys of a window, newest first. A release with a marker is known by that, however
// long before or after it was first seen: two lines for one deploy would only be in each other's way.
func (q *question) deploysWithin(ctx context.Context, conn driver.Conn, w window, limit int) ([]deploy, error) {
	var s statement
	scope := []string{"app = " + s.bind("app", "String", q.App)}
	if q.Environment != anyEnvironment {
		scope = append(scope, "environment = "+s.bind("environment", "String", q.Environment))
	}
	sql := fmt.Sprintf(`SELECT at, environment, release, marked, title, url, seen
FROM (
  SELECT markers.ts AS at, toString(markers.environment) AS environment, markers.release AS release,
    true AS marked, markers.title AS title, markers.url AS url, seen.first AS seen
  FROM (SELECT ts, environment, release, title, url FROM deploys FINAL WHERE %[1]s) AS markers
  LEFT JOIN (
    SELECT environment, release, min(first_seen) AS first FROM releases WHERE %[1]s GROUP BY environment, release
  ) AS seen ON seen.environment = markers.environment AND seen.release = markers.release
  UNION ALL
  SELECT min(first_seen) AS at, toString(environment) AS environment, release,
    false AS marked, '' AS title, '' AS url, at AS seen
  FROM releases
  WHERE %[1]s AND (environment, release) NOT IN (SELECT toString(environment), release FROM deploys WHERE %[1]s)
  GROUP BY environment, release
)
WHERE %[2]s
ORDER BY at DESC, environment, release, marked
LIMIT %[3]s`,
		strings.Join(scope, " AND "),
		strings.Join(append([]string{"at >= " + s.moment("from", w.from), "at < " + s.moment("to", w.to)},
			q.conditions(&s)...), "\n  AND "),
		s.bind("limit", "UInt64", limit))
	var all []deploy
	err := q.rows(ctx, conn, &s, sql, func(rows driver.Rows) error {
		var d deploy
		var marked bool
		if err := rows.Scan(&d.at, &d.environment, &d.release, &marked, &d.title, &d.url, &d.firstSeen); err != nil {
			return err
		}
		if d.kind = kindFirstSeen; marked {
			d.kind = kindMarker
		}
		if !rum.WebAddress(d.url) { // from before such a url was refused
			d.url = ""
		}
		if d.firstSeen.Unix() <= 0 {
			d.firstSeen = time.Time{} // the left join found none
		}
		all = append(all, d)
		return nil
	})
	return all, err
}

// name is the deploy in a few words.
func (d deploy) name() string {
	switch {
	case d.title != "":
		return d.title
	case d.kind == kindFirstSeen:
		return fmt.Sprintf("Release %s first seen", d.release)
	case d.release != "":
		return "Deploy of " + d.release
	default:
		return "Deploy"
	}
}

// text is what else is known of it. An annotation's text is HTML to Grafana, which would run lines together.
func (d deploy) text() string {
	facts := []string{"Environment " + d.environment}
	if d.release != "" && d.title != "" {
		facts = append(facts, "Release "+d.release)
	}
	switch {
	case d.kind == kindFirstSeen:
		facts = append(facts, "No deploy marker was set for it")
	case d.release == "":
	case d.firstSeen.IsZero():
		facts = append(facts, "Not yet seen in traffic")
	default:
		facts = append(facts, "First seen in traffic at "+d.firstSeen.UTC().Format(time.RFC3339))
	}
	if d.url != "" {
		facts = append(facts, d.url)
	}
	return strings.Join(facts, " · ")
}

// tags are separated by commas, as Grafana reads them from a frame; a comma within one would make two of it.
func (d deploy) tags() string {
	tags := []string{d.kind, d.environment}
	if d.release != "" {
		tags = append(tags, d.release)
	}
	for i, tag := range tags {
		tags[i] = strings.ReplaceAll(tag, ",", " ")
	}
	return strings.Join(tags, ",")
}

// id is the same whenever the same deploy is asked for.
func (d deploy) id(app string) string {
	return fmt.Sprintf("%s/%s/%s/%d", app, d.environment, d.release, d.at.UnixMilli())
}

// deploysFrame has the fields Grafana's annotations know (a deploy has no end), and in the table all others as well.
func (q *question) deploysFrame(deploys []deploy) *data.Frame {
	var at []time.Time
	var end, firstSeen []*time.Time
	var titles, texts, tags, ids, kinds, environments, releases, urls []string
	for _, d := range deploys {
		at, end = append(at, d.at), append(end, nil)
		title, text := d.name(), d.text()
		if q.Format == formatAnnotations { // which Grafana shows as HTML
			title, text = html.EscapeString(title), html.EscapeString(text)
		}
		titles, texts, tags = append(titles, title), append(texts, text), append(tags, d.tags())
		ids, kinds = append(ids, d.id(q.App)), append(kinds, d.kind)
		environments, releases, urls = append(environments, d.environment), append(releases, d.release), append(urls, d.url)
		var seen *time.Time
		if !d.firstSeen.IsZero() {
			seen = &d.firstSeen
		}
		firstSeen = append(firstSeen, seen)
	}
	fields := []*data.Field{
		column("time", "Time", unitNone, at),
		column("timeEnd", "End", unitNone, end),
		column("title", "Title", unitNone, titles),
		column("text", "Text", unitNone, texts),
		column("tags", "Tags", unitNone, tags),
		column("id", "Id", unitNone, ids),
	}
	if q.Format == formatTable {
		fields = append(fields,
			column("release", "Release", unitNone, releases),
			column("environment", "Environment", unitNone, environments),
			column("kind", "Kind", unitNone, kinds),
			column("firstSeen", "First seen", unitTime, firstSeen),
			column("url", "URL", unitNone, urls))
	}
	return newFrame(data.FrameTypeTable, fields...)
}
