package query

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/sightline-rum/sightline/pkg/query/stats"
	"github.com/sightline-rum/sightline/pkg/rum"
)

// releaseSegment is one segment with what is known of both releases: the newer first.
type releaseSegment struct {
	key     []string
	samples uint64 // of all metrics, which ranks the segments
	vitals  map[string]*[2]releaseVital
	errors  [2]releaseErrors
	groups  map[string]*errorGroupChange

	verdict stats.Verdict
	reason  string
	judged  map[string]judged
}

// releaseVital is the histogram of one metric, each sample weighed as its stratum is, and how many samples it has.
type releaseVital struct {
	samples uint64
	cells   []stats.Cell
}

// releaseErrors are the page visits (a session on one page within an hour) that met an error, and how many errors and
// views there were.
type releaseErrors struct {
	visits        stats.Share
	errors, views float64
}

func (r *releasesOf) of(key []string) *releaseSegment {
	name := fmt.Sprintf("%q", key)
	if r.segments[name] == nil {
		r.segments[name] = &releaseSegment{key: key, vitals: map[string]*[2]releaseVital{},
			groups: map[string]*errorGroupChange{}, judged: map[string]judged{}}
	}
	return r.segments[name]
}

// ranked are the segments with the most samples.
func (r *releasesOf) ranked() (all []*releaseSegment, cut bool) {
	for _, s := range r.segments {
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b *releaseSegment) int {
		return cmp.Or(cmp.Compare(b.samples, a.samples), slices.Compare(a.key, b.key))
	})
	if len(all) > r.limit() {
		return all[:r.limit()], true
	}
	return all, false
}

// side is 0 for the newer release, as everywhere.
func (r *releasesOf) side(s *statement) string { return "toUInt8(NOT (" + r.isNewer(s) + "))" }

// visitorHash tells visitors apart, and deals them into random groups (modulo stats.RandomGroups); without a session
// every view stands for itself.
const visitorHash = "cityHash64(if(session_id = '', view_id, session_id))"

// mostReleaseViews are looked at for vitals, give or take: of more it is every second session, every third, and so on.
// Errors are rare, and counted of all. A variable, so that tests can have more.
var mostReleaseViews uint64 = 1_000_000

// readVitals reads the Core Web Vitals as histograms by random group. Each sample counts for its weight times the other
// release's share of its stratum, which is what makes both releases alike in all but themselves.
func (r *releasesOf) readVitals(ctx context.Context, conn driver.Conn) error {
	var s statement
	var core []string
	for _, m := range rum.Metrics {
		if m.Core {
			core = append(core, m.Key)
		}
	}
	where := s.among("metric", "metric", core) + "\n    AND " + r.ofReleases(&s)
	if r.oneIn > 1 {
		// Not the remainder that deals into random groups: all that are left would be in a few of these.
		where += fmt.Sprintf("\n    AND intDiv(%s, %d) %% %s = 0", visitorHash, stats.RandomGroups,
			s.bind("oneIn", "UInt64", int(r.oneIn)))
	}
	stratum := r.stratum(r.hours.expr, "metric")
	sql := fmt.Sprintf(`SELECT %[1]sm, side, cell, sum(n), groupArray(random), groupArray(w)
FROM (
  SELECT %[1]sm, side, cell, random, count() AS n, sum(weight * share[2 - side]) AS w
  FROM (
    SELECT %[2]stoString(metric) AS m, %[3]s AS side, bucket AS cell, toUInt8(%[4]s %% %[10]d) AS random, weight,
      %[5]s AS stratum
    FROM vitals FINAL
    WHERE %[6]s
  ) AS samples
  INNER JOIN (
    SELECT %[5]s AS stratum, sumIf(weight, %[3]s = 0) AS newer, sumIf(weight, %[3]s = 1) AS older,
      [newer / (newer + older), older / (newer + older)] AS share
    FROM vitals FINAL
    WHERE %[6]s
    GROUP BY stratum
    HAVING newer > 0 AND older > 0
  ) AS strata USING (stratum)
  %[7]s
)
%[8]s
ORDER BY %[1]sm, side, cell
LIMIT %[9]s`, r.groupNames(), r.selectGroups(), r.side(&s), visitorHash, stratum, where,
		r.groupBy("m", "side", "cell", "random"), r.groupBy("m", "side", "cell"), s.bind("cells", "UInt64", maxCells),
		stats.RandomGroups)
	return r.rows(ctx, conn, &s, sql, func(rows driver.Rows) error {
		var metric string
		var side uint8
		var bucket int16
		var n uint64
		var random []uint8
		var weights []float64
		key, err := r.scanned(rows, &metric, &side, &bucket, &n, &random, &weights)
		if err != nil {
			return err
		}
		segment := r.of(key)
		segment.samples += n
		if segment.vitals[metric] == nil {
			segment.vitals[metric] = &[2]releaseVital{}
		}
		vital := &segment.vitals[metric][side]
		vital.samples += n
		cell := stats.Cell{Weight: grouped(random, weights)}
		cell.Low, cell.High = rum.BucketBounds(metric, bucket)
		vital.cells = append(vital.cells, cell)
		return nil
	})
}

// grouped puts weights into their random groups; they come in thousandths.
func grouped(random []uint8, weights []float64) (g stats.Grouped) {
	for i, w := range weights {
		g[random[i]] += w / rum.FullWeight
	}
	return g
}
