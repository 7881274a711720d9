package query

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/grafana/grafana-plugin-sdk-go/data"
)

// A long question need not read every row: pkg/rollup keeps, hour by hour, how many samples lie in each bucket of a
// histogram, for some combinations of dimensions. This file alone decides what is answered from them. A roll-up answers
//
//   - the kinds of answers below, when it knows all dimensions they are grouped by and filtered on,
//   - the hours for which it has taken in every row there is; rows answer for the rest, put into the same buckets,
//   - when it has so few cells for the rows it stands for that reading them is quicker.
//
// Samples, weights and ratings are then the same as from rows. A percentile is the middle of the bucket in which it
// lies: at most 1 % off, and never on the other side of a rating's threshold.

// plan is how the rows of one window are read.
type plan struct {
	window window
	step   time.Duration // of the series, which may be widened
	rollup *rollup       // nil when rows answer for all of the window
	rolled []window      // whole hours which the roll-up answers for
	rest   []window      // what rows answer for
	hours  time.Duration // how long rolled is, together
}

func (p *plan) rolls() bool { return p != nil && p.rollup != nil }

// longestFromRows is how long a window is that is read from rows without asking whether a roll-up would do: rows of so
// little time are read about as quickly as the hours are compared, and alert rules look at less.
const longestFromRows = 24 * time.Hour

// fewestRows is how many rows a window has at least for a roll-up to be worth the comparison of its hours. A variable,
// as rowsOfACell is, so that tests need not be that large.
var fewestRows uint64 = 200_000

// rowsOfACell is how many rows, of whatever kind, a cell that is read has to stand for, by the type of question. Of a
// page view's rows (about twenty) one is of each Web Vital and ten are requests. As BenchmarkGrowth measured it, a cell
// costs less than half of a vital, which is read twice and with FINAL, but as much as five requests in a series.
var rowsOfACell = map[string]uint64{"vitals": 20, "vitalsOverview": 4, "requests": 10, "errors": 1}

// mostStretches bounds how many separate stretches of time one statement reads from either side; its text names each.
const mostStretches = 12

// planned is how the question's rows of a window are read. It is decided once for each window, so that all statements
// of an answer agree about what is read from where.
func (q *question) planned(ctx context.Context, conn driver.Conn, w window) (*plan, error) {
	if p := q.planOf(w); p != nil {
		return p, nil
	}
	p := &plan{window: w, rest: []window{w}, step: q.step}
	candidates := q.rollups()
	if len(candidates) > 0 && w.length() > longestFromRows {
		covered, err := q.coverage(ctx, conn, candidates, w)
		if err != nil {
			return nil, err
		}
		for _, c := range covered {
			if better := c.plan(w, rowsOfACell[q.kind.name]); better != nil {
				p = better
				p.step = q.step
				break
			}
		}
	}
	q.plans = append(q.plans, p)
	return p, nil
}

// planOf is how a window is read, when that is decided.
func (q *question) planOf(w window) *plan {
	for _, p := range q.plans {
		if p.window == w && p.step == q.step {
			return p
		}
	}
	return nil
}

// rollups are the roll-ups that know everything the question asks for.
func (q *question) rollups() (candidates []*rollup) {
	switch {
	case q.few > 0:
		return nil // a roll-up does not know how many views a segment has
	case q.kind.name == "vitals" || q.kind.name == "vitalsOverview" || q.kind.name == "requests":
	case q.kind.name == "errors" && q.Format == formatSeries: // its tables count sessions
	default:
		return nil
	}
	for i := range rollups {
		if r := &rollups[i]; r.of == q.kind.table && r.answers(q) {
			candidates = append(candidates, r)
		}
	}
	return candidates
}

// answers says that the roll-up knows the question's dimensions and, in a series, its steps.
func (r *rollup) answers(q *question) bool {
	for _, d := range q.groups {
		if !slices.Contains(r.dimensions, d.key) {
			return false
		}
	}
	for _, f := range q.filters {
		if !slices.Contains(r.dimensions, f.key) {
			return false
		}
	}
	return q.Format != formatSeries || q.step%r.size == 0
}

// plan is how the window is read with this roll-up, or nil when rows alone are quicker.
func (c coverage) plan(w window, rowsOfACell uint64) *plan {
	rolled := c.stretches(w)
	if len(rolled) == 0 {
		return nil
	}
	p := &plan{window: w, rollup: c.rollup, rolled: rolled}
	at := w.from
	for _, stretch := range append(rolled, window{from: w.to}) {
		if at.Before(stretch.from) {
			p.rest = append(p.rest, window{at, stretch.from})
		}
		at = stretch.to
		p.hours += max(0, stretch.length())
	}
	rows := c.rowsIn(rolled)
	if rows < fewestRows || c.cells*rowsOfACell > rows {
		return nil
	}
	return p
}

// sayPlans tells people that an answer is not from rows alone.
func (q *question) sayPlans(frames data.Frames) {
	i := slices.IndexFunc(q.plans, (*plan).rolls)
	if i < 0 || len(frames) == 0 {
		return
	}
	p := q.plans[i]
	rest := ""
	if left := p.window.length() - p.hours; left > 0 {
		rest = ", from single rows for " + written(left)
	}
	frames[0].AppendNotices(info("Answered from hourly roll-ups (%d hours, %s)%s: percentiles are within 1 %%, counts and "+
		"ratings exact.", int(p.hours.Hours()), p.rollup.name, rest))
}

// inAny is the condition that a moment lies in one of some windows; at names a window's bounds in SQL.
func inAny(column string, windows []window, at func(time.Time) string) string {
	if len(windows) == 0 {
		return "0"
	}
	condition := ""
	for i, w := range windows {
		if i > 0 {
			condition += " OR "
		}
		condition += fmt.Sprintf("%[1]s >= %[2]s AND %[1]s < %[3]s", column, at(w.from), at(w.to))
	}
	return "(" + condition + ")"
}
