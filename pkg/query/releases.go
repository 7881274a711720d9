package query

import (
	"context"
	"fmt"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/grafana/grafana-plugin-sdk-go/data"
)

// releases answers whether a release is worse than the one before it. Both are weighed to have the same pages on the
// same devices at the same hours in the same proportions (stats.Overlap), so that who came, where to and when is not
// read as the release's doing. The first frame is a segment a row: the verdict with its reason, and what it rests on;
// the second the error groups that came, went or changed. {"metric": "verdict"} and {"metric": "errorGroups"} ask for
// one of the two.
//
// The newest release of the time range is held against the one before it. Filters with = on release choose one or both
// of them instead. With a comparison the earlier release is looked for in the window compared with, else both are
// looked for in the time range.
func askReleases(ctx context.Context, conn driver.Conn, q *question) (data.Frames, error) {
	if q.groupsBy("release") {
		return nil, badRequest("releases compares two of them in every row: group by other dimensions")
	}
	around, err := q.aroundDeploy(ctx, conn)
	if err != nil {
		return nil, err
	}
	r := &releasesOf{question: q, segments: map[string]*releaseSegment{}}
	said, err := r.pick(ctx, conn)
	if err != nil {
		return nil, err
	}
	r.tellSidesApart()
	r.oneIn = 1 + uint64(r.newer.views[0]+r.older.views[1])/mostReleaseViews
	if said == "" {
		for _, read := range []func(context.Context, driver.Conn) error{
			r.readHours, r.readVitals, r.readErrors, r.readGroups,
		} {
			if err := read(ctx, conn); err != nil {
				return nil, err
			}
		}
	}
	segments, cut := r.ranked()
	if err := r.leaveFewGroups(ctx, conn, segments); err != nil {
		return nil, err
	}
	r.judge(segments)
	var frames data.Frames
	if q.Metric != partErrorGroups {
		frames = append(frames, r.verdicts(segments))
	}
	if q.Metric != partVerdict {
		frames = append(frames, r.groupsFrame(segments))
	}
	frames[0].AppendNotices(around...)
	switch {
	case said != "":
		frames[0].AppendNotices(info("%s", said))
	default:
		frames[0].AppendNotices(info("%s", r.compared()))
	}
	if r.oneIn > 1 {
		frames[0].AppendNotices(info(
			"Vitals are those of one session in %d, so that the answer does not take long.", r.oneIn))
	}
	if cut {
		frames[0].AppendNotices(q.cutNotice("segments"))
	}
	return frames, nil
}

// The parts of the answer. A query's metric chooses one.
const (
	partVerdict     = "verdict"
	partErrorGroups = "errorGroups"
)

var releaseParts = []string{partVerdict, partErrorGroups}

// releasesOf is a question about two releases on its way to an answer.
type releasesOf struct {
	*question
	newer, older releaseTraffic
	all          [2]float64 // views of all releases, newer window first
	hours        hourMatch
	oneIn        uint64  // one in so many sessions is looked at for vitals
	matched      float64 // the share of the newer release's views whose page, device and hour the older one has, too
	segments     map[string]*releaseSegment
}

// releaseTraffic is a release with how many views it has, in the window of the newer and in that of the older release.
type releaseTraffic struct {
	release string
	began   int64 // Unix milliseconds
	views   [2]float64
}

// olderWindow is where the older release is looked for.
func (r *releasesOf) olderWindow() window {
	if r.baseline.empty() {
		return r.window
	}
	return r.baseline
}

// hull is the shortest window that covers both.
func (w window) hull(o window) window {
	if o.from.Before(w.from) {
		w.from = o.from
	}
	if o.to.After(w.to) {
		w.to = o.to
	}
	return w
}

// pick chooses the two releases, or says why there are none to compare.
func (r *releasesOf) pick(ctx context.Context, conn driver.Conn) (said string, err error) {
	chosen, err := r.chosen()
	if err != nil {
		return "", err
	}
	known, err := r.trafficByRelease(ctx, conn)
	if err != nil {
		return "", err
	}
	for _, t := range known {
		r.all[0], r.all[1] = r.all[0]+t.views[0], r.all[1]+t.views[1]
	}
	newer := -1
	for i, t := range known { // the latest first
		if t.views[0] > 0 && (len(chosen) == 0 || chosen[t.release]) {
			newer = i
			break
		}
	}
	if newer < 0 {
		return "No release had views in this time range.", nil
	}
	r.newer = known[newer]
	var most float64
	for _, t := range known[newer+1:] {
		most = max(most, t.views[1])
	}
	for _, t := range known[newer+1:] {
		if t.views[1] > 0 && (len(chosen) == 2 && chosen[t.release] || len(chosen) < 2 && t.views[1] >= straggler*most) {
			r.older = t
			return "", nil
		}
	}
	said = fmt.Sprintf("No release before %s had views in this time range: ", r.newer.release)
	if r.baseline.empty() {
		return said + `widen it, or compare with another time ("compare": "previous", "deploy" or {"from", "to"}).`, nil
	}
	return said + "choose another time to compare with.", nil
}

// straggler is the share of the most frequent earlier release's views below which a release is not the one before: what
// old caches still serve may have been first seen later than what everybody had.
const straggler = 0.1

// chosen takes the filters that choose releases out of the question's.
func (r *releasesOf) chosen() (map[string]bool, error) {
	chosen := map[string]bool{}
	var others []filter
	for _, f := range r.filters {
		if f.key != "release" || f.operator != "=" {
			others = append(others, f)
			continue
		}
		for _, value := range f.values {
			chosen[value] = true
		}
	}
	if len(chosen) > 2 {
		return nil, badRequest("releases compares two releases: the filter names %d", len(chosen))
	}
	r.filters = others
	return chosen, nil
}

// trafficByRelease reads all releases of both windows, the latest first: since when is told by the last marker of its
// deploy, or by when it was first seen.
func (r *releasesOf) trafficByRelease(ctx context.Context, conn driver.Conn) ([]releaseTraffic, error) {
	var s statement
	now, before := r.window, r.olderWindow()
	scope := "app = " + s.bind("app", "String", r.App)
	if r.Environment != anyEnvironment {
		scope += " AND environment = " + s.bind("environment", "String", r.Environment)
	}
	views := *r.question
	views.kind = &queryType{table: tableViews}
	views.few = 0 // releases are not told apart yet
	sql := fmt.Sprintf(`SELECT release, toUnixTimestamp64Milli(began.at), now, before
FROM (
  SELECT toString(release) AS release, %[6]s AS now, %[7]s AS before
  FROM views
  WHERE %[3]s
    AND release != ''
  GROUP BY release
) AS seen
LEFT JOIN (
  SELECT release, max(at) AS at
  FROM (
    SELECT release, max(ts) AS at FROM deploys FINAL WHERE %[4]s AND ts < %[5]s GROUP BY release
    UNION ALL
    SELECT release, min(first_seen) AS at FROM releases WHERE %[4]s GROUP BY release
  )
  GROUP BY release
) AS began USING (release)
ORDER BY began.at DESC, release DESC
LIMIT 1000`, now.within(&s), before.within(&s), views.where(&s, now.hull(before)), scope, s.moment("until", now.to),
		r.weightOfMany(now.within(&s)), r.weightOfMany(before.within(&s)))
	var all []releaseTraffic
	err := r.rows(ctx, conn, &s, sql, func(rows driver.Rows) error {
		var t releaseTraffic
		var weights [2]uint64
		err := rows.Scan(&t.release, &t.began, &weights[0], &weights[1])
		for i, w := range weights {
			t.views[i] = float64(w) / 1000
		}
		if weights[0]+weights[1] > 0 {
			all = append(all, t)
		}
		return err
	})
	return all, err
}

// within is the condition that a row's time lies in the window, as one expression. Windows bind their own parameters.
func (w window) within(s *statement) string {
	return fmt.Sprintf("(ts >= %s AND ts < %s)", s.moment("from", w.from), s.moment("to", w.to))
}

// either is the condition that a row is of one of the two releases, in its window, and isNewer that it is of the newer.
func (r *releasesOf) either(s *statement) string {
	return fmt.Sprintf("(release = %s AND %s OR release = %s AND %s)",
		s.bind("newer", "String", r.newer.release), r.window.within(s),
		s.bind("older", "String", r.older.release), r.olderWindow().within(s))
}

func (r *releasesOf) isNewer(s *statement) string {
	return "release = " + s.bind("newer", "String", r.newer.release)
}

// ofReleases is the condition of every read of a raw table: the question's own, and the two releases.
func (r *releasesOf) ofReleases(s *statement) string {
	return r.where(s, r.window.hull(r.olderWindow())) + "\n    AND " + r.either(s) +
		r.amongTop(s, "views", "sum(weight)", r.where)
}
