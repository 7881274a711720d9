package query

import (
	"context"
	"fmt"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/sightline-rum/sightline/pkg/query/stats"
)

// differing are the dimensions in which those who give up are held against those who go on. Errors and failed requests
// are added to them.
var differing = []string{"release", "browser", "browserVersion", "os", "device", "country", "connection"}

// mostFacetValues bounds what is compared at one step: the values (facets) that most of those who gave up have.
const mostFacetValues = 200

// difference is a value that those who gave up at a step have more often than those who went on.
type difference struct {
	journey, label                string
	step                          int
	name                          string
	abandonedTotal, completeTotal float64
	stats.Overrepresented
}

// differences has a row for each value of a dimension, each error group and each failed endpoint that is more frequent
// among the sessions that gave up at a step than among those that went on from it, beyond chance
// (stats.OverrepresentedIn, whose comparisons are those of one step). What went wrong counts from when the step was
// passed until the next one was, or until the session ended. Sessions are counted unweighted, as the test needs.
func (p *paths) differences(ctx context.Context, conn driver.Conn) (data.Frames, error) {
	for _, key := range differing {
		d, err := p.dimension(key)
		if err != nil {
			return nil, err
		}
		p.compared = append(p.compared, d)
	}
	var all []difference
	for _, j := range p.journeys {
		hidden, err := p.limitSessions(ctx, conn, j)
		if err != nil {
			return nil, err
		}
		if hidden {
			continue
		}
		found, err := p.differencesIn(ctx, conn, j)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	cut := len(all) > p.limit()
	if cut {
		all = all[:p.limit()]
	}
	frame := differencesTable(all)
	if cut {
		p.notices = append(p.notices, p.cutNotice("differences"))
	}
	if len(all) == 0 && len(p.notices) == 0 {
		p.notices = append(p.notices, info("Nothing is over-represented among the sessions that gave up, beyond chance."))
	}
	return p.put(data.Frames{frame}), nil
}

// What sessions have in common beside their dimensions.
const (
	differsInError   = "error"
	differsInRequest = "failedRequest"
)

func (p *paths) differencesIn(ctx context.Context, conn driver.Conn, j journey) ([]difference, error) {
	var s statement
	failures := mark{tableErrors, fmt.Sprintf("('%s', fingerprint, concat(toString(error_type), ': ', message))",
		differsInError), ""}
	calls := mark{tableRequests, fmt.Sprintf("('%s', concat(method, ' ', host, endpoint), '')", differsInRequest),
		s.among("kind", "kind", callKinds) + " AND " + failedCall}
	var pairs []string
	for _, d := range p.compared {
		pairs = append(pairs, fmt.Sprintf("('%s', %s, '')", d.key, d.expr))
	}
	sql := fmt.Sprintf(`SELECT step, pair.1 AS dimension, pair.2 AS one, max(pair.3) AS label,
  countIf(gone) AS abandoned, countIf(NOT gone) AS completed
FROM (
  SELECT step, gone, arrayJoin(arrayDistinct(arrayPushBack(arrayConcat(of_entry,
    arrayMap(m -> m.2, arrayFilter(m -> m.1 >= passed AND (next = 0 OR m.1 < next), marks))), %[1]s))) AS pair
  FROM (
    SELECT arrayJoin(range(1, length(times))) AS step, times[step] AS passed, times[step + 1] AS next,
      next = 0 AS gone, [%[2]s] AS of_entry, marks
    FROM (
      %[3]s
    )
    WHERE %[4]s
      AND passed > 0 AND NOT (gone AND running)
  )
)
WHERE one != ''
GROUP BY step, dimension, one
ORDER BY step, dimension = '%[5]s' DESC, abandoned DESC, dimension, one
LIMIT %[6]s BY step`, "('"+everybody+"', '"+everybody+"', '')", strings.Join(pairs, ", "),
		p.replayed(&s, j, failures, calls), p.atEntry(&s), everybody,
		s.bind("values_limit", "UInt64", mostFacetValues+1))
	values := make([][]stats.SegmentValue, len(j.steps))
	totals := make([]stats.SegmentValue, len(j.steps))
	labels := map[string]string{}
	err := p.rows(ctx, conn, &s, sql, func(rows driver.Rows) error {
		var step uint64
		var v stats.SegmentValue
		var label string
		var abandoned, completed uint64
		if err := rows.Scan(&step, &v.Dimension, &v.Value, &label, &abandoned, &completed); err != nil {
			return err
		}
		v.Burst, v.Reference = float64(abandoned), float64(completed)
		if v.Dimension == everybody {
			totals[step-1] = v
			return nil
		}
		values[step-1] = append(values[step-1], v)
		labels[v.Dimension+v.Value] = label
		return nil
	})
	if err != nil {
		return nil, err
	}
	var all []difference
	for i, step := range j.steps {
		if !p.shows(step) {
			continue
		}
		for _, o := range stats.OverrepresentedIn(p.commonOfMany(values[i], totals[i]), totals[i].Burst,
			totals[i].Reference) {
			all = append(all, difference{journey: j.name, step: i + 1, name: step.name, label: labels[o.Dimension+o.Value],
				abandonedTotal: totals[i].Burst, completeTotal: totals[i].Reference, Overrepresented: o})
		}
	}
	return all, nil
}

// differencesTable gives each share with its 95 % interval (Wilson).
func differencesTable(all []difference) *data.Frame {
	var journeys, names, dimensions, segments, labels []string
	var step, abandoned, completed []int64
	var shares [6][]float64
	var lift, atLeast []float64
	for _, d := range all {
		journeys, names, step = append(journeys, d.journey), append(names, d.name), append(step, int64(d.step))
		dimensions, segments = append(dimensions, d.Dimension), append(segments, d.Value)
		labels = append(labels, d.label)
		abandoned, completed = append(abandoned, int64(d.Burst)), append(completed, int64(d.Reference))
		low, high := stats.Wilson(d.Burst, d.abandonedTotal)
		least, most := stats.Wilson(d.Reference, d.completeTotal)
		for i, share := range []float64{d.BurstShare, low, high, d.ReferenceShare, least, most} {
			shares[i] = append(shares[i], share)
		}
		lift, atLeast = append(lift, d.Lift), append(atLeast, d.AtLeast)
	}
	return newFrame(data.FrameTypeTable,
		column("journey", "Journey", unitNone, journeys),
		column("step", "Step", unitNone, step),
		column("name", "Name", unitNone, names),
		column("dimension", "Dimension", unitNone, dimensions),
		column("segment", "Value", unitNone, segments),
		column("message", "Message", unitNone, labels),
		column("abandoned", "Sessions that gave up", unitShort, abandoned),
		column("abandonedShare", "Of those who gave up", unitShare, shares[0]),
		column("abandonedShareLower", "Lower bound (95 %)", unitShare, shares[1]),
		column("abandonedShareUpper", "Upper bound (95 %)", unitShare, shares[2]),
		column("completed", "Sessions that went on", unitShort, completed),
		column("completedShare", "Of those who went on", unitShare, shares[3]),
		column("completedShareLower", "Lower bound (95 %)", unitShare, shares[4]),
		column("completedShareUpper", "Upper bound (95 %)", unitShare, shares[5]),
		column("lift", "Times as frequent", unitNone, lift),
		column("atLeast", "At least", unitNone, atLeast))
}
