package query

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/sightline-rum/sightline/pkg/query/stats"
)

// Impact below the threshold of page views (few.go): a segment is named when it has enough in either window, or none,
// and what it leaves of the whole and of the other segments named has, too. What is not named is part of everything else.

// crowd are page views of both windows, by hash, of each no more than it takes to be enough.
type crowd [2]map[uint64]bool

// impactAtom are the page views that lie in the same of the segments in question.
type impactAtom struct {
	in    []uint8 // 1 for each segment that they lie in
	views crowd
}

// leaveFewSegments takes the segments out of an explanation that are too small to be named.
func (m *impactOf) leaveFewSegments(ctx context.Context, conn driver.Conn) error {
	if m.few == 0 {
		return nil
	}
	named, moved := m.found.Named, m.moved()
	var segments []stats.Segment
	for _, c := range named {
		segments = append(segments, c.Segment, c.Place)
	}
	for _, c := range moved {
		segments = append(segments, c.Segment)
	}
	if len(segments) == 0 {
		return nil
	}
	atoms, err := m.readAtoms(ctx, conn, segments)
	if err != nil {
		return err
	}
	var told []int // places among the segments
	tell := func(places ...int) bool {
		together := append(slices.Clone(told), places...)
		if !m.largeParts(atoms, together) {
			m.leftOut = true
			return false
		}
		told = together
		return true
	}
	m.found.Named = nil
	for i, c := range named {
		if c.Alike = nil; tell(2*i, 2*i+1) {
			m.found.Named = append(m.found.Named, c)
		} else {
			m.found.Rest += c.Real
		}
	}
	m.shifted = nil
	for i, c := range moved {
		if tell(2*len(named) + i) {
			m.shifted = append(m.shifted, c)
		}
	}
	return nil
}

// readAtoms reads the page views by the segments that they lie in.
func (m *impactOf) readAtoms(ctx context.Context, conn driver.Conn, segments []stats.Segment) (all []impactAtom, err error) {
	var s statement
	var in []string
	for _, segment := range segments {
		in = append(in, "toUInt8("+m.conditionOf(&s, segment)+")")
	}
	everybody := *m
	everybody.oneIn = 1
	some := func(when string) string {
		return fmt.Sprintf("groupUniqArrayIf(%d)(cityHash64(session_id, view_id), %s)", m.few, when)
	}
	sql := fmt.Sprintf("SELECT [%s] AS atom, %s, %s\nFROM vitals\nWHERE %s\nGROUP BY atom", strings.Join(in, ", "),
		some(m.window.within(&s)), some(m.baseline.within(&s)), everybody.impactWhere(&s))
	err = m.question.rows(ctx, conn, &s, sql, func(rows driver.Rows) error {
		var one impactAtom
		var views [2][]uint64
		err := rows.Scan(&one.in, &views[0], &views[1])
		for side := range views {
			one.views[side] = map[uint64]bool{}
			for _, view := range views[side] {
				one.views[side][view] = true
			}
		}
		all = append(all, one)
		return err
	})
	return all, err
}

// largeParts says whether all parts into which some segments divide the whole have enough page views, or none.
func (m *impactOf) largeParts(atoms []impactAtom, segments []int) bool {
	parts := map[string]crowd{}
	for _, atom := range atoms {
		var in strings.Builder
		for _, place := range segments {
			fmt.Fprint(&in, atom.in[place])
		}
		part, known := parts[in.String()]
		if !known {
			part = crowd{{}, {}}
			parts[in.String()] = part
		}
		for side, views := range atom.views {
			for view := range views {
				part[side][view] = true
			}
		}
	}
	for _, part := range parts {
		if m.hasFew(uint64(len(part[0]))) || m.hasFew(uint64(len(part[1]))) {
			return false
		}
	}
	return true
}
