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

// widenFewSteps makes the steps of a series so wide that a point rests on twice the page views it needs, on average. Else
// most points would be left out, and a panel that adds them up would say 0.
func (q *question) widenFewSteps(ctx context.Context, conn driver.Conn) (widened bool, err error) {
	if q.few == 0 || q.Format != formatSeries || q.countsItself() {
		return false, nil
	}
	var s statement
	var views uint64
	sql := fmt.Sprintf("SELECT uniq%s FROM %s WHERE %s", theView, q.fewFrom(&s), q.fewScope(&s))
	err = q.counts(ctx, conn, &s, sql, func(rows driver.Rows) error { return rows.Scan(&views) })
	if err != nil {
		return false, fmt.Errorf("counting the page views of a series: %w", err)
	}
	step := stepFor(q.window, 0, max(1, int64(views/(2*q.few))))
	if step <= q.step {
		return false, nil
	}
	q.step = step
	return true, nil
}

// hideSteps leaves out the points of series that rest on too few page views. What did not happen stays: a 0 of no page
// views says nothing about anybody.
func (q *question) hideSteps(ctx context.Context, conn driver.Conn, frames data.Frames, widened bool) error {
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
	if widened {
		frames[0].AppendNotices(info("A point covers %s: narrower ones would seldom have %d page views (minViews).",
			lasted(q.step), q.few))
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
	if hidden > 0 && noneLeft(frame) {
		frame.Fields = nil // zeros alone, as no points at all, would add up to nothing having happened
	}
	return hidden
}

// noneLeft says that a series has no point beside zeros.
func noneLeft(frame *data.Frame) bool {
	for row := range frame.Rows() {
		if value, err := frame.Fields[1].FloatAt(row); err != nil || value != 0 {
			return false
		}
	}
	return true
}

// tooFewOf finds which of an answer's numbers of samples are left out: those that are too few, and where these are too
// few together the smallest of the others.
func (q *question) tooFewOf(samples []int64) map[int64]bool {
	if q.few == 0 {
		return nil
	}
	var all []stepViews
	for i, n := range samples {
		all = append(all, stepViews{int64(i), uint64(n)})
	}
	return q.fewSteps(all)
}
