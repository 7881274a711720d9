package query

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/grafana/grafana-plugin-sdk-go/data"
)

// stepViews are how many page views a step of a series rests on.
type stepViews struct {
	step  int64 // Unix milliseconds
	views uint64
}

// hideSteps leaves out the points of series that rest on too few page views. What did not happen stays: a 0 of no page
// views says nothing about anybody.
func (q *question) hideSteps(ctx context.Context, conn driver.Conn, frames data.Frames) error {
	if q.few == 0 || q.Format != formatSeries || q.countsItself() {
		return nil
	}
	var s statement
	all := map[string][]stepViews{}
	sql := fmt.Sprintf("SELECT %s%s AS step, uniq%s AS seen FROM %s WHERE %s %s LIMIT %s",
		q.selectGroups(), q.stepExpr(&s), theView, q.fewFrom(&s), q.where(&s, q.window), q.groupBy("step"),
		s.bind("limit", "UInt64", maxCells))
	err := q.rows(ctx, conn, &s, sql, func(rows driver.Rows) error {
		var one stepViews
		key, err := q.scanned(rows, &one.step, &one.views)
		name := fmt.Sprintf("%q", key)
		all[name] = append(all[name], one)
		return err
	})
	if err != nil {
		return err
	}
	few := map[string]map[int64]bool{}
	for name, steps := range all {
		few[name] = q.fewSteps(steps)
	}
	hidden := 0
	for _, frame := range frames {
		hidden += q.hideStepsOf(frame, few)
	}
	if hidden > 0 {
		frames[0].AppendNotices(info("%d points have fewer than %d page views (minViews) and are left out.", hidden, q.few))
	}
	return nil
}

// countsItself says that a type knows what its points rest on when it reads them.
func (q *question) countsItself() bool {
	return q.kind.name == "errorBursts" || q.kind.name == "journeys"
}

// fewSteps are the steps to be left out: those of too few page views, and where these are too few together the smallest
// of the others, as the sum of the points would tell theirs.
func (q *question) fewSteps(steps []stepViews) map[int64]bool {
	slices.SortFunc(steps, func(a, b stepViews) int {
		return cmp.Or(cmp.Compare(a.views, b.views), cmp.Compare(a.step, b.step))
	})
	few := map[int64]bool{}
	var together uint64
	for _, one := range steps {
		if one.views == 0 {
			continue
		}
		if one.views >= q.few && !q.hasFew(together) {
			break
		}
		few[one.step] = true
		together += one.views
	}
	return few
}

func (q *question) hideStepsOf(frame *data.Frame, few map[string]map[int64]bool) (hidden int) {
	if len(frame.Fields) < 2 {
		return 0
	}
	key := make([]string, len(q.groups))
	for i, d := range q.groups {
		key[i] = frame.Fields[1].Labels[d.key]
	}
	steps := few[fmt.Sprintf("%q", key)]
	times := frame.Fields[0]
	for row := frame.Rows() - 1; row >= 0; row-- {
		if at, ok := times.ConcreteAt(row); ok && steps[at.(time.Time).UnixMilli()] {
			frame.DeleteRow(row)
			hidden++
		}
	}
	return hidden
}
