package query

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/grafana/grafana-plugin-sdk-go/data"
)

// A segment of few page views can be one person's visit. With minViews in the data source's settings, whoever may not
// see single sessions gets no cell of fewer page views: such segments are put together as fewName, in the statements
// themselves, so that percentiles are those of all of their samples (few_segments.go). Where even these together are too
// few, the smallest of the others joins them, so that what is shown taken from the whole leaves nobody alone. An answer
// whose filters leave too few is empty (few_filters.go).
//
// The page views of a cell are those that have a row in it: of a table of errors, those in which such an error occurred.
// Rows without a view's id count as one view. What is told of a cell may be of one in many: 1 of 500 requests failed.

// fewName stands for all segments of too few page views.
const fewName = "(few)"

// unsegmented are the types that say nothing of visits by segment.
var unsegmented = []string{"deploys", "telemetry"}

// limitCells makes a question answer with no cell of too few page views, when its caller may not see such.
func (q *question) limitCells(caller Caller, settings Settings) {
	if settings.MinViews < 1 || caller.SmallSegments || q.kind.sessionLevel {
		return
	}
	traced := q.kind.name == "telemetry" && q.Format == formatTable && q.Section == sectionTraces
	if slices.Contains(unsegmented, q.kind.name) && !traced {
		return
	}
	q.few = uint64(settings.MinViews)
	q.enough = max(q.enough, q.few) // of a metric that only some of a segment's views have
	q.kept = map[string]*keptSegments{}
}

// mergesFew says that the statements put segments together. What blocks is read from two tables, of which only one
// knows the views: those rows are left out when they were read, as are the names of a variable.
func (q *question) mergesFew() bool {
	return q.few > 0 && q.metric.Key != attributeBlocking && q.kind.name != "variable"
}

// hasFew says that so many page views are some, and too few.
func (q *question) hasFew(views uint64) bool { return 0 < views && views < q.few }

// fewFrom is the table whose rows are counted: that of the answer, or the views themselves where it has several.
func (q *question) fewFrom(s *statement) string {
	switch {
	case q.replays != nil:
		return q.replays(s)
	case q.kind.table == tableAttribution:
		return string(tableVitals)
	case q.kind.table == tableEvidence, q.kind.table == tableTelemetry, q.kind.name == "releases":
		return string(tableViews)
	}
	return string(q.kind.table)
}

// uncounted is the question as it would be without a threshold, about the table whose rows are counted.
func (q *question) uncounted() *question {
	counted := *q
	counted.few = 0
	if q.kind.table == tableEvidence {
		counted = *counted.ofTable(tableViews)
	}
	return &counted
}

// fewScope is the condition of what the question is about, in whatever it tells apart: its windows, or its releases.
func (q *question) fewScope(s *statement) string {
	if q.replays != nil {
		return "1"
	}
	counted := q.uncounted()
	conditions := []string{counted.whereWhen(s, func(s *statement) string {
		return "(" + strings.Join(q.sidesIn(s), " OR ") + ")"
	})}
	switch {
	case q.kind.name == "requests":
		if kinds := q.requestKinds(s); kinds != "" {
			conditions = append(conditions, kinds)
		}
	case q.metric.Key != "":
		conditions = append(conditions, "metric = "+s.bind("metric", "String", q.metric.Key))
	}
	return strings.Join(conditions, " AND ")
}

// sidesIn are the conditions that a row is of one of the sides that a cell has numbers of: each has to have enough page
// views, or none.
func (q *question) sidesIn(s *statement) []string {
	switch {
	case q.replays != nil:
		return []string{"1"}
	case q.sides != nil:
		return q.sides(s)
	case q.kind.name == "errorBursts":
		return []string{q.tiles.lately().within(s)}
	case q.baseline.empty() || q.kind.name == "evidence": // which leaves out the numbers of its other times
		return []string{q.window.within(s)}
	}
	return []string{q.window.within(s), q.baseline.within(s)}
}

// theView is what page views are counted by. uniq is exact below 65,536.
const theView = "(session_id, view_id)"

// viewsThat counts the page views that meet a condition. Of sessions that were replayed each has a row, and a page view
// or more.
func (q *question) viewsThat(condition string) string {
	if q.replays != nil {
		return fmt.Sprintf("countIf(%s)", condition)
	}
	return fmt.Sprintf("uniqIf(%s, %s)", theView, condition)
}

// viewsBySide counts the page views of each side.
func (q *question) viewsBySide(s *statement) string {
	var each []string
	for _, in := range q.sidesIn(s) {
		each = append(each, q.viewsThat(in))
	}
	return "[" + strings.Join(each, ", ") + "]"
}

// counts runs a statement about page views, which is not one of the answer's.
func (q *question) counts(
	ctx context.Context, conn driver.Conn, s *statement, sql string, scan func(driver.Rows) error,
) error {
	counting := question{limits: q.limits}
	return counting.rows(ctx, conn, s, sql, scan)
}

// sayFew empties an answer of too few page views, or says what fewName is where there is such a segment. It is the same
// for no page views and for nearly enough.
func (q *question) sayFew(frames data.Frames, hidden bool) {
	if q.kind.name == "variable" {
		return // a list has no room for it
	}
	if hidden {
		for _, frame := range frames {
			for frame.Rows() > 0 {
				frame.DeleteRow(frame.Rows() - 1)
			}
			frame.Meta.Notices = nil
		}
	}
	switch {
	case empty(frames):
		frames[0].AppendNotices(info("Fewer than %d page views match: they are not shown (the data source's minViews).", q.few))
		return
	case slices.ContainsFunc(frames, namesFew):
		frames[0].AppendNotices(info("%s is all segments of fewer than %d page views (the data source's minViews).", fewName, q.few))
	}
	for _, f := range q.filters {
		if f.idle {
			frames[0].AppendNotices(info("The filter on %s is not applied: it takes away fewer than %d page views (the data "+
				"source's minViews).", f.key, q.few))
		}
	}
	if q.leftOut {
		frames[0].AppendNotices(info("What rests on fewer than %d page views is left out (the data source's minViews).", q.few))
	}
}

// numbers is a column of numbers, of which below the threshold some may be left out.
func (q *question) numbers(name, people, unit string, values []float64) *data.Field {
	if q.few == 0 {
		return column(name, people, unit, values)
	}
	told := make([]*float64, 0, len(values))
	for _, value := range values {
		told = append(told, pointerIf(true, value))
	}
	return column(name, people, unit, told)
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
