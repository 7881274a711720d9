package query

import (
	"context"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/sightline-rum/sightline/pkg/query/stats"
)

// Journeys below the threshold of page views (few.go): sessions are counted in their place, of which each has one or
// more. A segment needs as many sessions that entered, a step as many that passed it, a point as many that entered then.

// limitSessions makes the sessions that entered a journey those that are counted, and says whether too few did.
func (p *paths) limitSessions(ctx context.Context, conn driver.Conn, j journey) (hidden bool, err error) {
	if p.few == 0 {
		return false, nil
	}
	p.replays = func(s *statement) string { return "(" + p.replayed(s, j) + ")" }
	for i := range p.filters {
		p.filters[i].idle, p.filters[i].rare = false, nil // another journey has other sessions
	}
	hidden, err = p.limitFilters(ctx, conn)
	if err != nil || hidden {
		p.leftOut = p.leftOut || hidden
		return hidden, err
	}
	kept, err := p.keptOfAll(ctx, conn)
	if err != nil {
		return false, err
	}
	hidden = !kept.rest && len(kept.hashes) == 0
	p.leftOut = p.leftOut || hidden
	return hidden, nil
}

// stepFew says that too few sessions passed a step for anything to be told of them.
func (p *paths) stepFew(f progress) bool {
	few := p.hasFew(f.sessions)
	p.leftOut = p.leftOut || few
	return few
}

// pointsFew are the points of a line on which too few sessions entered.
func (p *paths) pointsFew(times []int64, values []progress) map[int64]bool {
	if p.few == 0 {
		return nil
	}
	var steps []stepViews
	for i, at := range times {
		steps = append(steps, stepViews{at, values[i].sessions})
	}
	few := p.fewSteps(steps)
	p.leftOut = p.leftOut || len(few) > 0
	return few
}

// commonOfMany leaves out what too few of those who gave up, or of those who went on, have in common, or all but too few.
func (p *paths) commonOfMany(values []stats.SegmentValue, total stats.SegmentValue) []stats.SegmentValue {
	if p.few == 0 {
		return values
	}
	var told []stats.SegmentValue
	for _, v := range values {
		if v.Burst >= float64(p.few) && !p.hasFew(uint64(total.Burst-v.Burst)) && !p.hasFew(uint64(v.Reference)) &&
			!p.hasFew(uint64(total.Reference-v.Reference)) {
			told = append(told, v)
		}
	}
	p.leftOut = p.leftOut || len(told) < len(values)
	return told
}
