package query

import (
	"context"
	"fmt"
	"slices"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/sightline-rum/sightline/pkg/query/stats"
	"github.com/sightline-rum/sightline/pkg/rum"
)

// errorGroupChange is one error group in both releases: the visits that met it, how many of them and of its errors
// there were, and what is known of it.
type errorGroupChange struct {
	fingerprint        string
	hits               [2]stats.Grouped
	visits, errors     [2]float64
	kind               string
	difference         stats.Difference
	errorType, message string
	firstRelease       string
	views              [2]uint64 // page views that met it: below a threshold of them only
}

// mostErrorGroups of a segment are looked at, those met most first, and mostErrorsOfVisit of a visit are counted: a
// page that throws in a loop says no more with each.
const (
	mostErrorGroups   = 100
	mostErrorsOfVisit = 1000
)

// What a row of readErrors counts: all page visits, those that met any error, or those that met one group's.
const (
	visitsAll = iota
	visitsHit
	visitsOfGroup
)

// readErrors counts page visits: a session on one page within an hour, by whether it met an error. So a page that
// throws in a loop counts once, and a visit is weighed as its stratum is: not at all where the other release has none.
// Numbers of errors and visits are of all.
func (r *releasesOf) readErrors(ctx context.Context, conn driver.Conn) error {
	var s statement
	branch := func(from table, fingerprint string) string {
		asked := *r.question
		asked.kind = &queryType{table: from}
		of := *r
		of.question = &asked
		return fmt.Sprintf(`
        SELECT %[1]s%[2]s AS side, %[3]s AS stratum, %[4]s AS visitor, %[5]s AS name, weight
        FROM %[6]s
        WHERE %[7]s`, r.selectGroups(), r.side(&s), r.stratum(r.hours.expr), visitorHash, fingerprint, from,
			of.ofReleases(&s))
	}
	// First a row a visit, then a row a stratum, random group and error group: only these few have to be weighed.
	sql := fmt.Sprintf(`SELECT %[1]sside, what, name, groupArray(random), groupArray(weighed), sum(squared), sum(visits),
  sum(errors)
FROM (
  SELECT %[1]sside, random, what, name, sum(w * share) AS weighed, sum(ww * share * share) AS squared,
    sum(w) AS visits, sum(met) AS errors
  FROM (
    SELECT *, sumIf(w, side = 0 AND what = %[4]d) OVER (PARTITION BY stratum) AS newer,
      sumIf(w, side = 1 AND what = %[4]d) OVER (PARTITION BY stratum) AS older,
      if(newer > 0 AND older > 0, if(side = 0, older, newer) / (newer + older), 0) AS share
    FROM (
      SELECT %[1]sside, stratum, visitor %% %[5]d AS random, counted.1 AS what, counted.2 AS name,
        sum(heaviest) AS w, sum(toFloat64(heaviest) * heaviest) AS ww, sum(counted.3) AS met
      FROM (
        SELECT *, arrayJoin(arrayConcat([(%[4]d, '', views)], if(empty(names), [], [(%[6]d, '', arraySum(weights))]),
          arrayMap(x -> (%[7]d, x, arraySum((w, n) -> if(n = x, w, 0), weights, names)), arrayDistinct(names))
        )) AS counted
        FROM (
          SELECT %[1]sside, stratum, visitor, max(weight) AS heaviest, sumIf(weight, name = '') AS views,
            groupArrayIf(%[8]d)(name, name != '') AS names, groupArrayIf(%[8]d)(toUInt64(weight), name != '') AS weights
          FROM (%[2]s
            UNION ALL%[3]s
          )
          %[9]s
        )
      )
      %[10]s
    )
  )
  %[11]s
)
%[12]s
ORDER BY %[1]swhat, sum(visits) DESC, name, side
LIMIT %[13]s`, r.groupNames(), branch(tableViews, "''"), branch(tableErrors, "fingerprint"), visitsAll,
		stats.RandomGroups, visitsHit, visitsOfGroup, mostErrorsOfVisit, r.groupBy("side", "stratum", "visitor"),
		r.groupBy("side", "stratum", "random", "what", "name"), r.groupBy("side", "random", "what", "name"),
		r.groupBy("side", "what", "name"), s.bind("most", "UInt64", maxCells))
	return r.rows(ctx, conn, &s, sql, func(rows driver.Rows) error {
		var side, what uint8
		var name string
		var random []uint8
		var weights []float64
		var squared float64
		var visits, errors uint64
		key, err := r.scanned(rows, &side, &what, &name, &random, &weights, &squared, &visits, &errors)
		if err != nil {
			return err
		}
		segment, counts := r.of(key), grouped(random, weights)
		count := float64(errors) / rum.FullWeight
		switch of := &segment.errors[side]; what {
		case visitsAll:
			of.visits.All, of.views = counts, count
			of.visits.Squares = squared / rum.FullWeight / rum.FullWeight
		case visitsHit:
			of.visits.Hits, of.errors = counts, count
		default:
			group := segment.groups[name]
			if group == nil && len(segment.groups) == mostErrorGroups {
				return nil
			}
			if group == nil {
				group = &errorGroupChange{fingerprint: name}
				segment.groups[name] = group
			}
			group.hits[side], group.visits[side], group.errors[side] = counts, float64(visits)/rum.FullWeight, count
		}
		return nil
	})
}

// readGroups reads what the error groups are, and in which release each was first seen, whenever that was.
func (r *releasesOf) readGroups(ctx context.Context, conn driver.Conn) error {
	byName := map[string][]*errorGroupChange{}
	var names []string
	for _, segment := range r.segments {
		for name, group := range segment.groups {
			if byName[name] == nil {
				names = append(names, name)
			}
			byName[name] = append(byName[name], group)
		}
	}
	if len(names) == 0 {
		return nil
	}
	slices.Sort(names)
	var s statement
	scope := "app = " + s.bind("app", "String", r.App)
	if r.Environment != anyEnvironment {
		scope += " AND environment = " + s.bind("environment", "String", r.Environment)
	}
	sql := fmt.Sprintf(`SELECT fingerprint, max(error_type), max(message), argMinMerge(first_release)
FROM error_groups
WHERE %s AND has(%s, fingerprint)
GROUP BY fingerprint
LIMIT %s`, scope, s.bind("groups", "Array(String)", names), s.bind("limit", "UInt64", len(names)))
	return r.rows(ctx, conn, &s, sql, func(rows driver.Rows) error {
		var name, errorType, message, release string
		err := rows.Scan(&name, &errorType, &message, &release)
		for _, group := range byName[name] {
			group.errorType, group.message, group.firstRelease = errorType, message, release
		}
		return err
	})
}
