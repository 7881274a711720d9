package query

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/grafana/grafana-plugin-sdk-go/data"
)

// journeyMeasure is what a series of a journey is of; the query names it as its metric.
type journeyMeasure struct {
	key, name, unit string
	counts          bool // nobody is a real 0
	of              func(progress) float64
}

// journeyMeasures in the order they are listed; the first is the default.
var journeyMeasures = []journeyMeasure{
	{key: "completionRate", name: "Completion", unit: unitShare, of: func(f progress) float64 {
		return f.completed / (f.completed + f.abandoned())
	}},
	{key: "entered", name: "Entered", unit: unitShort, counts: true, of: func(f progress) float64 { return f.entered }},
	{key: "completed", name: "Completed", unit: unitShort, counts: true,
		of: func(f progress) float64 { return f.completed }},
	{key: "abandoned", name: "Abandoned", unit: unitShort, counts: true, of: progress.abandoned},
	{key: "running", name: "Still running", unit: unitShort, counts: true,
		of: func(f progress) float64 { return f.running }},
}

func journeyMeasureKeys() []string {
	var keys []string
	for _, m := range journeyMeasures {
		keys = append(keys, m.key)
	}
	return keys
}

func (p *paths) measure() journeyMeasure {
	i := slices.IndexFunc(journeyMeasures, func(m journeyMeasure) bool { return m.key == p.Metric })
	return journeyMeasures[i]
}

// values of a measure over time. A rate of fewer than minSamples sessions, running ones left out, is no number.
func (p *paths) values(m journeyMeasure, steps []progress, few *int) []*float64 {
	values := make([]*float64, 0, len(steps))
	for _, f := range steps {
		enough := m.counts || f.settled >= p.enough && f.settled > 0
		if !enough && f.sessions > 0 {
			*few++
		}
		values = append(values, pointerIf(enough, m.of(f)))
	}
	return values
}

// series is a measure over time by when sessions entered: of each journey as a whole or, with groupBy step (or a filter
// on it), of each of its steps but the last, which nobody can abandon. Without dimensions every journey has its series,
// of real zeros where nobody entered.
func (p *paths) series(ctx context.Context, conn driver.Conn) (data.Frames, error) {
	times := p.window.grid(p.step)
	m, named := p.measure(), p.named(p.byStep || p.asSteps.key != "")
	var frames data.Frames
	few, points, cut := 0, 0, false
	for _, j := range p.journeys {
		hidden, err := p.limitSessions(ctx, conn, j)
		if err != nil {
			return nil, err
		}
		if hidden {
			continue
		}
		segments, more, err := p.travelledOver(ctx, conn, j, times)
		if err != nil {
			return nil, err
		}
		cut = cut || more
		for _, segment := range segments {
			whole := make([]progress, len(times))
			for i, steps := range segment.values {
				whole[i] = overall(steps)
				p.running += whole[i].running
			}
			add := func(key []string, values []progress) {
				points += len(values)
				told := p.values(m, values, &few)
				left := p.pointsFew(times, values)
				for i, at := range times {
					if left[at] || m.key != "entered" && p.hasFew(values[i].onward) {
						told[i] = nil
					}
				}
				frames = append(frames, named.segmentSeries(times, append([]string{j.name}, key...),
					column(m.key, m.name, m.unit, told)))
			}
			if !p.byStep && p.asSteps.key == "" {
				add(segment.key, whole)
				continue
			}
			for i, step := range j.steps {
				if !p.shows(step) || i == len(j.steps)-1 && len(j.steps) > 1 && m.key != "entered" {
					continue
				}
				values := make([]progress, len(times))
				for at := range times {
					values[at] = segment.values[at][i]
				}
				add(append(slices.Clone(segment.key), step.name), values)
			}
		}
	}
	if len(frames) == 0 {
		frames = data.Frames{series(nil, column(m.key, m.name, m.unit, []*float64{}))}
	}
	if cut {
		p.notices = append(p.notices, p.cutNotice("segments of a journey"))
	}
	if few > 0 {
		p.notices = append(p.notices, info("%d of %d points have fewer than %d sessions (minSamples) and are left out.",
			few, points, p.enough))
	}
	return p.put(frames), nil
}

// seriesAtMost is how many segments of a journey become series, so that all of them stay within the question's limits.
func (p *paths) seriesAtMost(points int) int {
	steps := 0
	for _, j := range p.journeys {
		steps += len(j.steps)
	}
	return max(1, min(p.limit(), maxCells/(steps*points), p.limits.MaxRows/steps))
}

// travelledOver counts, by when they entered, the sessions of the segments that most entered.
func (p *paths) travelledOver(
	ctx context.Context, conn driver.Conn, j journey, times []int64,
) (all []*line[[]progress], cut bool, err error) {
	var s statement
	size := s.bind("step_size", "Int64", p.question.step.Milliseconds())
	sql := fmt.Sprintf(`SELECT %[1]sgroupArray(started), groupArray(entered), groupArray(going), groupArray(sessions),
  groupArray(settled)
FROM (
  SELECT %[2]sintDiv(times[1], %[3]s) * %[3]s AS started,
  %[4]s
  FROM (
    %[5]s
  )
  WHERE %[6]s
  %[7]s
)
%[8]s
ORDER BY arraySum(x -> x[1], groupArray(entered)) DESC%[9]s
LIMIT %[10]s`, p.groupNames(), p.selectGroups(), size, journeySums, p.replayed(&s, j),
		p.atEntry(&s), p.groupBy("started"), p.groupBy(),
		strings.TrimSuffix(", "+p.groupNames(), ", "), s.bind("limit", "UInt64", p.seriesAtMost(len(times))+1))
	lines := lines[[]progress]{}
	begin := func(key []string) *line[[]progress] {
		l := lines.of(key, len(times))
		for i := range l.values {
			l.values[i] = make([]progress, len(j.steps))
		}
		return l
	}
	err = p.rows(ctx, conn, &s, sql, func(rows driver.Rows) error {
		var started []int64
		var entered, going, sessions, settled [][]uint64
		key, err := p.scanned(rows, &started, &entered, &going, &sessions, &settled)
		if err != nil || len(started) == 0 {
			return err
		}
		l := begin(key)
		for n, at := range started {
			if i, ok := slices.BinarySearch(times, at); ok {
				l.total += entered[n][0]
				l.values[i] = sums{entered[n], going[n], sessions[n], settled[n], make([]float64, len(j.steps))}.
					progress(len(j.steps))
			}
		}
		return nil
	})
	if len(lines) == 0 && len(p.groups) == 0 {
		begin(nil)
	}
	all, cut = lines.ranked(p.seriesAtMost(len(times)))
	return all, cut, err
}
