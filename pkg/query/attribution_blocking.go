package query

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/sightline-rum/sightline/pkg/query/stats"
	"github.com/sightline-rum/sightline/pkg/rum"
)

// A script that blocks in every view blocks in the poor ones, too. So a blocking script is judged by comparison: among
// the views that somebody interacted with, it is blamed when it blocks in those with a poor INP more often than in the
// good ones, beyond chance. It is responsible for the poor views that are more than there would be if the views it
// blocks in turned poor as often as the others of the same segment.
type exposure struct {
	poorWith, goodWith, with float64 // weights of the views it blocked in
	segment                  *blockedSegment
	lift                     float64
	blamed                   bool
}

// blockedSegment is all views of a segment whose browser tells what blocks, whatever blocked in them: weights, and the
// sums of their squares.
type blockedSegment struct {
	poor, good, all, poorSquares, goodSquares float64
}

// inPoor and inGood are the shares of the segment's poor and good views in which the script blocked.
func (e *exposure) inPoor() float64 { return min(1, e.poorWith/e.segment.poor) }
func (e *exposure) inGood() float64 { return min(1, e.goodWith/e.segment.good) }

// todo names what is usual to do about a script that is to blame.
func (e *exposure) todo(c *culprit) string {
	if !e.blamed {
		return ""
	}
	remedy := "own script: break up its long tasks, or run it later"
	if c.told.party == "third" {
		remedy = "third party: load it later, on demand, or not at all"
	}
	return fmt.Sprintf("%s (%.1f times as often in poor views as in good ones)", remedy, e.lift)
}

// mostBlocking is how many rows are judged: those in the most poor views.
const mostBlocking = 10_000

// viewLasts is how long after its view began a script's blocking may be told, and how far clocks may differ before.
const viewLasts = time.Hour

// blockingCulprits reads the segments and scripts, those responsible for the most poor views first.
func (q *question) blockingCulprits(ctx context.Context, conn driver.Conn) ([]*culprit, []data.Notice, error) {
	whole, err := q.poorInteractions(ctx, conn)
	if err != nil || whole.tell == 0 {
		return nil, nil, err
	}
	segments, err := q.blockedSegments(ctx, conn)
	if err != nil {
		return nil, nil, err
	}
	culprits, err := q.blockedViews(ctx, conn, q.window)
	if err != nil {
		return nil, nil, err
	}
	culprits = slices.DeleteFunc(culprits, func(c *culprit) bool { return c.samples < q.few })
	// Beacons arrive while the answers are read: a segment may be new since.
	culprits = slices.DeleteFunc(culprits, func(c *culprit) bool { return segments[q.segmentOf(c.key)] == nil })
	bySegment := map[*blockedSegment][]*culprit{}
	for _, c := range culprits {
		c.allPoor, c.allSeen = whole.poor, whole.poorSeen
		c.blocking.segment = segments[q.segmentOf(c.key)]
		bySegment[c.blocking.segment] = append(bySegment[c.blocking.segment], c)
	}
	for segment, of := range bySegment {
		segment.judge(of)
	}
	slices.SortStableFunc(culprits, func(a, b *culprit) int {
		return cmp.Or(cmp.Compare(b.poorViews, a.poorViews), cmp.Compare(b.poor, a.poor), slices.Compare(a.key, b.key))
	})
	culprits = culprits[:min(len(culprits), q.limit()+1)]
	if !q.baseline.empty() && len(culprits) > 0 {
		earlier, err := q.blockedViews(ctx, conn, q.baseline)
		if err != nil {
			return nil, nil, err
		}
		for _, before := range earlier {
			if c := culpritOf(culprits, before.key); c != nil {
				c.before = before
			}
		}
	}
	var notices []data.Notice
	if whole.tell < whole.all {
		notices = append(notices, info("Not every browser tells which scripts block: %.0f %% of the views with an "+
			"interaction are of browsers that do, and inPoor, inGood and lift are of those.", 100*whole.tell/whole.all))
	}
	return culprits, notices, nil
}

// judge decides which scripts of a segment are to blame. Weights are scaled to as many unsampled views as they are
// worth, so that chance is not underrated.
func (segment *blockedSegment) judge(of []*culprit) {
	poor := stats.EffectiveSize(segment.poor, segment.poorSquares)
	good := stats.EffectiveSize(segment.good, segment.goodSquares)
	var offered []stats.SegmentValue
	for i, c := range of {
		e := c.blocking
		hits, others := poor*e.poorWith/max(segment.poor, 1), good*e.goodWith/max(segment.good, 1)
		e.lift, _ = stats.Lift(hits, poor, others, good)
		offered = append(offered, stats.SegmentValue{Value: strconv.Itoa(i), Burst: hits, Reference: others})
	}
	for _, found := range stats.OverrepresentedIn(offered, poor, good) {
		i, _ := strconv.Atoi(found.Value)
		e := of[i].blocking
		e.blamed = true
		of[i].poorViews = segment.poor * stats.Attributable(e.poorWith, e.with, max(0, segment.poor-e.poorWith),
			segment.all-e.with)
	}
}

// ofScript says that a dimension is the script's; all others are the view's.
func ofScript(d dimension) bool { return d.key == "script" || d.key == "party" }

// segmentOf is the part of a row's key that names the segment.
func (q *question) segmentOf(key []string) string {
	var segment []string
	for i, d := range q.groups {
		if !ofScript(d) {
			segment = append(segment, key[i])
		}
	}
	return fmt.Sprintf("%q", segment)
}

// dimensionsThat are the dimensions of the view or of the script as SELECT has them, and as GROUP BY does, each with a
// trailing comma.
func (q *question) dimensionsThat(scripts bool) (selected, names string) {
	for i, d := range q.groups {
		if ofScript(d) == scripts {
			selected += fmt.Sprintf("%s AS d%d, ", d.expr, i)
			names += fmt.Sprintf("d%d, ", i)
		}
	}
	return selected, names
}

// whereViews is the question's condition with only those of its filters that are the view's.
func (q *question) whereViews(s *statement, w window) string {
	views := *q
	views.filters = slices.DeleteFunc(slices.Clone(q.filters), func(f filter) bool { return ofScript(f.dimension) })
	return "metric = " + s.bind("metric", "String", "inp") + "\n  AND " + views.where(s, w)
}

// blockedScope is the condition of reading the scripts that blocked in a window's views.
func (q *question) blockedScope(s *statement, w window) string {
	conditions := []string{"app = " + s.bind("app", "String", q.App)}
	if q.Environment != anyEnvironment {
		conditions = append(conditions, "environment = "+s.bind("environment", "String", q.Environment))
	}
	return strings.Join(append(conditions, "ts >= "+s.moment("blockedFrom", w.from.Add(-viewLasts)),
		"ts < "+s.moment("blockedTo", w.to.Add(viewLasts)), "view_id != ''", "blocking > 0"), " AND ")
}

// tells is the condition that a view's browser tells what blocks: views of others would pass for free of blocking.
func (q *question) tells(s *statement, w window) string {
	return fmt.Sprintf("browser IN (SELECT browser FROM blocking WHERE %s GROUP BY browser)", q.blockedScope(s, w))
}

// interactions are the views with an INP whose browser tells, one row each: what they are called in view, how poor the
// worst of their INPs is, and their weight. A view that comes back from the cache has one for each time it is shown.
func (q *question) interactions(s *statement, w window) string {
	selected, names := q.dimensionsThat(false)
	return fmt.Sprintf(`views AS (
  SELECT %[1]scityHash64(session_id, view_id) AS view, max(value) AS inp, toUInt64(max(weight)) AS w
  FROM vitals FINAL
  WHERE %[2]s
  AND view_id != '' AND %[3]s
  GROUP BY %[4]sview
)`, selected, q.whereViews(s, w), q.tells(s, w), names)
}

// inpIs are the conditions that a view's INP is poor, and that it is good.
func inpIs(s *statement) (poor, good string) {
	inp, _ := rum.MetricByKey("inp")
	return "inp > " + s.bind("poor", "Float64", inp.Poor), "inp <= " + s.bind("good", "Float64", inp.Good)
}

// interactionsInAll is what there is of INP: all poor views, and how much of all views tells what blocks.
type interactionsInAll struct {
	poorSeen        uint64
	poor, all, tell float64
}

func (q *question) poorInteractions(ctx context.Context, conn driver.Conn) (whole interactionsInAll, err error) {
	var s statement
	sql := fmt.Sprintf(`SELECT countIf(%[1]s), toFloat64(%[2]s), toFloat64(sum(toUInt64(weight))),
  toFloat64(sumIf(toUInt64(weight), %[3]s))
FROM vitals FINAL
WHERE %[4]s`, isPoor, poorWeight, q.tells(&s, q.window), q.causeless().whereViews(&s, q.window))
	err = q.rows(ctx, conn, &s, sql, func(rows driver.Rows) error {
		return rows.Scan(&whole.poorSeen, &whole.poor, &whole.all, &whole.tell)
	})
	return whole, err
}

// blockedSegments reads all views of each segment, by segmentOf.
func (q *question) blockedSegments(ctx context.Context, conn driver.Conn) (map[string]*blockedSegment, error) {
	var s statement
	poor, good := inpIs(&s)
	selected, names := q.dimensionsThat(false)
	grouped := ""
	if names != "" {
		grouped = "GROUP BY " + strings.TrimSuffix(names, ", ")
	}
	sql := fmt.Sprintf(`WITH %[1]s
SELECT %[2]stoFloat64(sumIf(w, %[3]s)), toFloat64(sumIf(w, %[4]s)), toFloat64(sum(w)),
  sumIf(toFloat64(w) * w, %[3]s), sumIf(toFloat64(w) * w, %[4]s)
FROM views
%[5]s`, q.interactions(&s, q.window), names, poor, good, grouped)
	segments := map[string]*blockedSegment{}
	err := q.rows(ctx, conn, &s, sql, func(rows driver.Rows) error {
		var segment blockedSegment
		key := make([]string, strings.Count(selected, " AS "))
		var into []any
		for i := range key {
			into = append(into, &key[i])
		}
		err := rows.Scan(append(into, &segment.poor, &segment.good, &segment.all, &segment.poorSquares,
			&segment.goodSquares)...)
		segments[fmt.Sprintf("%q", key)] = &segment
		return err
	})
	return segments, err
}

// blockedViews reads in which views each script blocked, and for how long: a script's milliseconds of a view are added
// up before anything is said about it.
func (q *question) blockedViews(ctx context.Context, conn driver.Conn, w window) ([]*culprit, error) {
	var s statement
	poor, good := inpIs(&s)
	selected, names := q.dimensionsThat(true)
	scope := []string{q.blockedScope(&s, w)}
	for _, f := range q.filters {
		if condition := f.condition(&s); condition != "" && ofScript(f.dimension) {
			scope = append(scope, condition)
		}
	}
	sql := fmt.Sprintf(`WITH %[1]s
SELECT %[2]scount(), sum(w), quantileExactWeighted(%[3]s)(ms, w),
  toFloat64(sumIf(w, %[4]s)) AS poor, toFloat64(sumIf(w, %[5]s)),
  sumMap(map(named, w)), sumMapIf(map(called, w), called != '')
FROM (
  SELECT %[6]scityHash64(session_id, view_id) AS view, sum(toFloat64(blocking)) AS ms,
    argMax(concat(party, ' ', script_url), blocking) AS named, argMax(invoker, blocking) AS called
  FROM blocking
  WHERE %[7]s
  GROUP BY %[8]sview
) AS blocked
INNER JOIN views USING (view)
%[9]s
ORDER BY poor DESC, %[2]spoor
LIMIT %[10]s`,
		q.interactions(&s, w), q.groupNames(), s.bind("level", "Float64", q.level()), poor, good, selected,
		strings.Join(scope, "\n    AND "), names, q.groupBy(), s.bind("limit", "UInt64", mostBlocking))
	var culprits []*culprit
	err := q.rows(ctx, conn, &s, sql, func(rows driver.Rows) (err error) {
		c := &culprit{metric: q.metric.Metric, groups: q.groups, blocking: new(exposure)}
		var named, called map[string]uint64
		c.key, err = q.scanned(rows, &c.samples, &c.weight, &c.value, &c.blocking.poorWith, &c.blocking.goodWith,
			&named, &called)
		blamed, _ := mostOften(named)
		c.told.party, c.told.script, _ = strings.Cut(blamed, " ")
		c.told.invoker, _ = mostOften(called)
		c.poor, c.blocking.with = c.blocking.poorWith, float64(c.weight)
		culprits = append(culprits, c)
		return err
	})
	return culprits, err
}
