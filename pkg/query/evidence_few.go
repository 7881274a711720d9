package query

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// Evidence below the threshold of page views (few.go): segments are told apart by their page views now, and the numbers
// of another time in which a segment had too few are left out, as are those of endpoints and error groups that too few
// page views met.

// leave is what takes the place of a number that is left out.
var leave = math.NaN()

// leaveFew leaves out a number of each time in which it rests on too few page views.
func (e *evidenceOf) leaveFew(views [3]uint64, numbers ...*threefold) {
	for i, n := range views {
		if !e.hasFew(n) {
			continue
		}
		e.leftOut = true
		for _, number := range numbers {
			number[i] = leave
		}
	}
}

// met says whether enough page views met something now for it to be told of.
func (e *evidenceOf) met(views [3]uint64) bool {
	e.leftOut = e.leftOut || e.hasFew(views[0])
	return views[0] >= e.few
}

// viewsIn counts page views in each of the three times, to be scanned into viewsInto.
func viewsIn(views *[3]uint64, condition string) (columns string, into []any) {
	for i, span := range inSpans {
		columns += fmt.Sprintf(", uniqIf(%s, %s AND %s)", theView, span, condition)
		into = append(into, &views[i])
	}
	return columns, into
}

// readSegmentViews counts the page views of each segment.
func (e *evidenceOf) readSegmentViews(ctx context.Context, conn driver.Conn) error {
	if e.few == 0 {
		return nil
	}
	var s statement
	var views [3]uint64
	columns, into := viewsIn(&views, "1")
	named := e.spans.named(&s)
	sql := fmt.Sprintf("%s\nSELECT %s%s\nFROM views\nWHERE %s AND %s\n%s\nLIMIT %s", named, e.selectGroups(),
		strings.TrimPrefix(columns, ", "), e.ofTable(tableViews).where(&s, e.spans.hull()), inAnySpan, e.groupBy(),
		s.bind("most", "UInt64", maxCells))
	return e.rows(ctx, conn, &s, sql, func(rows driver.Rows) error {
		key, err := e.scanned(rows, into...)
		e.of(key).views = views
		return err
	})
}

// leaveFewSegments leaves out what rests on too few page views. A time in which only these few are left out leaves out
// the next smallest segment, too: all segments together may be known.
func (e *evidenceOf) leaveFewSegments(all []*segmentEvidence) {
	if e.few == 0 {
		return
	}
	for i := range inSpans {
		bySize := slices.SortedFunc(slices.Values(all), func(a, b *segmentEvidence) int {
			return cmp.Or(cmp.Compare(a.views[i], b.views[i]), slices.Compare(a.key, b.key))
		})
		var together uint64
		for _, s := range bySize {
			switch n := s.views[i]; {
			case n == 0:
			case n < e.few || e.hasFew(together):
				together += n
				s.leaveOut(i)
				e.leftOut = true
			}
		}
	}
	for _, s := range all {
		e.leaveFew(s.hit, &s.affected)
	}
	e.leaveFewOnsets()
}

// leaveFewOnsets leaves out when something set in that too few page views met: it would be the moment of one of them.
func (e *evidenceOf) leaveFewOnsets() {
	for _, s := range e.segments {
		if e.hasFew(s.hit[0]) {
			s.onset, s.onsetFew = time.Time{}, true
		}
	}
}

// leaveOut leaves out all numbers of one of the three times.
func (s *segmentEvidence) leaveOut(i int) {
	numbers := []*threefold{&s.affected, &s.visitors, &s.errors, &s.phases.loads, &s.phases.took, &s.phases.server,
		&s.phases.network, &s.phases.browser}
	for _, x := range []*endpointEvidence{&s.requests, &s.failing, &s.slowest} {
		numbers = append(numbers, &x.calls, &x.rate, &x.p75)
	}
	for g := range s.groups {
		numbers = append(numbers, &s.groups[g].count)
	}
	for _, number := range numbers {
		number[i] = leave
	}
}
