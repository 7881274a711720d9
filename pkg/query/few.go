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

// A segment of few page views can be one person's visit. With minViews in the data source's settings, whoever may not
// see single sessions gets no cell of fewer page views: such segments are put together as fewName, in the statements
// themselves, so that percentiles are those of all of their samples. Where even these together are too few, they are
// left out; and so is an answer whose filters leave too few.
//
// The page views of a cell are those that have a row in it: of a table of errors, those in which such an error occurred.
// Rows without a view's id count as one view.

// fewName stands for all segments of too few page views.
const fewName = "(few)"

// thresholds are the types that can put segments together. All others below sessionRole are refused: they pick segments
// by themselves, or hold small ones against each other.
var thresholds = []string{"vitals", "vitalsOverview", "requests", "errors", "pages", "resources", "actions", "attribution"}

// unsegmented are the types that say nothing of visits by segment.
var unsegmented = []string{"deploys", "telemetry", "variable"}

// limitCells makes a question answer with no cell of too few page views, when its caller may not see such.
func (q *question) limitCells(caller Caller, settings Settings) error {
	if settings.MinViews < 1 || caller.SmallSegments || q.kind.sessionLevel {
		return nil
	}
	told := q.kind.name == "telemetry" && q.Section == sectionTraces
	if slices.Contains(unsegmented, q.kind.name) && !told {
		return nil
	}
	if !slices.Contains(thresholds, q.kind.name) {
		needed := "sessionRole"
		if settings.SessionRole != "" {
			needed += " (" + settings.SessionRole + ")"
		}
		return forbidden("%s tells apart segments of any size: with the data source's minViews (%d) it needs its %s",
			q.kind.name, settings.MinViews, needed)
	}
	q.few = uint64(settings.MinViews)
	q.enough = max(q.enough, q.few) // of a metric that only some of a segment's views have
	return nil
}

// mergesFew says that the statements put segments together. What blocks is read from two tables, of which only one
// knows the views: those rows are left out when they were read.
func (q *question) mergesFew() bool { return q.few > 0 && q.metric.Key != attributeBlocking }

// groupExpr is the expression of a dimension that the question groups by.
func (q *question) groupExpr(i int) string {
	if !q.mergesFew() {
		return q.groups[i].expr
	}
	return fmt.Sprintf("if(%s, toString(%s), '%s')", q.frequent(), q.groups[i].expr, fewName)
}

// frequent is the condition that a row's segment has enough page views.
func (q *question) frequent() string {
	var s statement
	exprs := q.rawGroups()
	return fmt.Sprintf("(%[1]s) IN (SELECT %[1]s FROM %[2]s WHERE %[3]s GROUP BY %[1]s HAVING %[4]s)",
		exprs, q.fewFrom(), q.fewScope(s.few()), q.enoughViews(s.few()))
}

func (q *question) rawGroups() string {
	exprs := make([]string, 0, len(q.groups))
	for _, d := range q.groups {
		exprs = append(exprs, d.expr)
	}
	return strings.Join(exprs, ", ")
}

// fewCondition leaves out what has too few page views even when it is put together.
func (q *question) fewCondition() string {
	var s statement
	rest := fmt.Sprintf("SELECT %s FROM %s WHERE %s", q.enoughViews(s.few()), q.fewFrom(), q.fewScope(s.few()))
	if len(q.groups) == 0 {
		return "(" + rest + ")"
	}
	return fmt.Sprintf("(%[1]s OR (%[2]s AND NOT (%[1]s)))", q.frequent(), rest)
}

// few makes a statement's parameters those of the threshold: rows adds them where a text holds them.
func (s *statement) few() *statement {
	s.prefix = "few_"
	return s
}

// fewFrom is the table whose rows are counted: that of the answer.
func (q *question) fewFrom() string {
	if q.kind.table == tableAttribution {
		return string(tableVitals)
	}
	return string(q.kind.table)
}

// fewScope is the condition of what the question is about, in both of its windows.
func (q *question) fewScope(s *statement) string {
	counted := *q
	counted.few = 0
	conditions := []string{counted.whereWhen(s, func(s *statement) string { return "(" + strings.Join(q.inWindows(s), " OR ") + ")" })}
	switch {
	case q.kind.name == "requests":
		if kinds := q.requestKinds(s); kinds != "" {
			conditions = append(conditions, kinds)
		}
	case q.fewFrom() == string(tableVitals) && q.metric.Key != "":
		conditions = append(conditions, "metric = "+s.bind("metric", "String", q.metric.Key))
	}
	return strings.Join(conditions, " AND ")
}

// inWindows are the conditions that a row is in one of the windows that the question reads.
func (q *question) inWindows(s *statement) []string {
	in := []string{q.window.within(s)}
	if !q.baseline.empty() {
		in = append(in, q.baseline.within(s))
	}
	return in
}

// enoughViews is the condition that there are enough page views, or none, in each window. uniq is exact below 65,536.
func (q *question) enoughViews(s *statement) string {
	var each []string
	for _, in := range q.inWindows(s) {
		each = append(each, fmt.Sprintf("(uniqIf((session_id, view_id), %[1]s) >= %[2]s OR countIf(%[1]s) = 0)", in,
			s.bind("views", "UInt64", q.few)))
	}
	return strings.Join(each, " AND ")
}

// fewParameters are those that the conditions above hold.
func (q *question) fewParameters(sql string) []driver.NamedValue {
	if q.few == 0 || !strings.Contains(sql, "{few_") {
		return nil
	}
	var s statement
	q.fewScope(s.few())
	q.enoughViews(s.few())
	return s.parameters
}

// tooFew says whether the filters leave fewer page views than the threshold.
func (q *question) tooFew(ctx context.Context, conn driver.Conn) (bool, error) {
	if q.few == 0 {
		return false, nil
	}
	alone := *q
	alone.groups, alone.baseline, alone.metric = nil, window{}, metric{}
	var s statement
	var views uint64
	sql := fmt.Sprintf("SELECT uniq(session_id, view_id) FROM %s WHERE %s", alone.fewFrom(), alone.fewScope(s.few()))
	counting := question{limits: q.limits}
	err := counting.rows(ctx, conn, &s, sql, func(rows driver.Rows) error { return rows.Scan(&views) })
	return views < q.few, err
}

// hideSteps leaves out the points of series that rest on too few page views. What did not happen stays: a 0 of no page
// views says nothing about anybody.
func (q *question) hideSteps(ctx context.Context, conn driver.Conn, frames data.Frames) error {
	if q.few == 0 || q.Format != formatSeries {
		return nil
	}
	var s statement
	views := map[string]map[int64]uint64{}
	sql := fmt.Sprintf("SELECT %s%s AS step, uniq(session_id, view_id) AS seen FROM %s WHERE %s %s HAVING seen < %s LIMIT %s",
		q.selectGroups(), q.stepExpr(&s), q.fewFrom(), q.where(&s, q.window), q.groupBy("step"),
		s.bind("views", "UInt64", q.few), s.bind("limit", "UInt64", maxCells))
	err := q.rows(ctx, conn, &s, sql, func(rows driver.Rows) error {
		var step int64
		var seen uint64
		key, err := q.scanned(rows, &step, &seen)
		name := fmt.Sprintf("%q", key)
		if views[name] == nil {
			views[name] = map[int64]uint64{}
		}
		views[name][step] = seen
		return err
	})
	if err != nil {
		return err
	}
	hidden := 0
	for _, frame := range frames {
		hidden += q.hideStepsOf(frame, views)
	}
	if hidden > 0 {
		frames[0].AppendNotices(info("%d points have fewer than %d page views (minViews) and are left out.", hidden, q.few))
	}
	return nil
}

func (q *question) hideStepsOf(frame *data.Frame, views map[string]map[int64]uint64) (hidden int) {
	if len(frame.Fields) < 2 {
		return 0
	}
	key := make([]string, len(q.groups))
	for i, d := range q.groups {
		key[i] = frame.Fields[1].Labels[d.key]
	}
	few := views[fmt.Sprintf("%q", key)]
	times := frame.Fields[0]
	for row := frame.Rows() - 1; row >= 0; row-- {
		at, ok := times.ConcreteAt(row)
		if !ok {
			continue
		}
		if _, small := few[at.(time.Time).UnixMilli()]; small {
			frame.DeleteRow(row)
			hidden++
		}
	}
	return hidden
}

// sayFew empties an answer of too few page views, or says what fewName is where there is such a segment.
func (q *question) sayFew(frames data.Frames, hidden bool) {
	if hidden {
		for _, frame := range frames {
			for frame.Rows() > 0 {
				frame.DeleteRow(frame.Rows() - 1)
			}
			frame.Meta.Notices = nil
		}
		frames[0].AppendNotices(info("Fewer than %d page views match (the data source's minViews): they are not shown.", q.few))
		return
	}
	for _, frame := range frames {
		if namesFew(frame) {
			frames[0].AppendNotices(info("%s is all segments of fewer than %d page views (the data source's minViews).", fewName, q.few))
			return
		}
	}
}

func namesFew(frame *data.Frame) bool {
	for _, field := range frame.Fields {
		for _, value := range field.Labels {
			if value == fewName {
				return true
			}
		}
		if field.Type() != data.FieldTypeString {
			continue
		}
		for i := range field.Len() {
			if field.At(i) == fewName {
				return true
			}
		}
	}
	return false
}
