package query

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/grafana/grafana-plugin-sdk-go/data"
)

// Releases below the threshold of page views (few.go): a release that fewer saw is none, a segment needs enough of each
// release or none, and an error group enough in one of them. Of the other its numbers are then left out.

// tellSidesApart makes the two releases what a segment's page views are counted in.
func (r *releasesOf) tellSidesApart() {
	r.sides = func(s *statement) []string {
		return []string{
			fmt.Sprintf("(release = %s AND %s)", s.bind("newer", "String", r.newer.release), r.window.within(s)),
			fmt.Sprintf("(release = %s AND %s)", s.bind("older", "String", r.older.release), r.olderWindow().within(s)),
		}
	}
}

// weightOfMany is the weight of a release's views on one side, 0 when they are too few.
func (r *releasesOf) weightOfMany(in string) string {
	weight := fmt.Sprintf("sumIf(weight, %s)", in)
	if r.few == 0 {
		return weight
	}
	return fmt.Sprintf("if(uniqIf(%s, %s) >= %d, %s, 0)", theView, in, r.few, weight)
}

// leaveFewGroups leaves out the error groups that too few page views met, and where these are too few together, the
// smallest of the others: all errors together are known.
func (r *releasesOf) leaveFewGroups(ctx context.Context, conn driver.Conn, segments []*releaseSegment) error {
	if r.few == 0 {
		return nil
	}
	var s statement
	asked := *r.question
	asked.kind = &queryType{table: tableErrors}
	of := *r
	of.question = &asked
	sql := fmt.Sprintf("SELECT %s%s AS side, fingerprint, uniq%s\nFROM errors\nWHERE %s\n%s\nLIMIT %s", r.selectGroups(),
		r.side(&s), theView, of.ofReleases(&s), r.groupBy("side", "fingerprint"), s.bind("most", "UInt64", maxCells))
	err := r.rows(ctx, conn, &s, sql, func(rows driver.Rows) error {
		var side uint8
		var fingerprint string
		var views uint64
		key, err := r.scanned(rows, &side, &fingerprint, &views)
		if group := r.of(key).groups[fingerprint]; group != nil {
			group.views[side] = views
		}
		return err
	})
	for _, segment := range segments {
		r.leaveFewGroupsOf(segment)
	}
	return err
}

func (r *releasesOf) leaveFewGroupsOf(segment *releaseSegment) {
	most := func(g *errorGroupChange) uint64 { return max(g.views[0], g.views[1]) }
	var groups []*errorGroupChange
	for _, g := range segment.groups {
		groups = append(groups, g)
	}
	slices.SortFunc(groups, func(a, b *errorGroupChange) int {
		return cmp.Or(cmp.Compare(most(a), most(b)), cmp.Compare(a.fingerprint, b.fingerprint))
	})
	var left [2]uint64
	for _, g := range groups {
		if most(g) >= r.few && !r.hasFew(left[0]) && !r.hasFew(left[1]) {
			break
		}
		left[0], left[1] = left[0]+g.views[0], left[1]+g.views[1]
		delete(segment.groups, g.fingerprint)
		r.leftOut = true
	}
}

// countOf writes how many there are, unless they are too few.
func (q *question) countOf(n uint64) string {
	if q.hasFew(n) {
		return fewName
	}
	return strconv.FormatUint(n, 10)
}

// samples is a column of numbers of samples, of which too few are left out.
func (q *question) samples(values []int64) func(name, people string) *data.Field {
	left := map[int64]bool{}
	for i, n := range values {
		left[int64(i)] = q.hasFew(uint64(n))
	}
	return q.samplesBut(values, left)
}

// samplesBut is a column of numbers of samples, of which some are left out by their place.
func (q *question) samplesBut(values []int64, left map[int64]bool) func(name, people string) *data.Field {
	return func(name, people string) *data.Field {
		if q.few == 0 {
			return column(name, people, unitShort, values)
		}
		told := make([]*int64, len(values))
		for i := range values {
			if !left[int64(i)] {
				told[i] = &values[i]
			}
		}
		return column(name, people, unitShort, told)
	}
}
