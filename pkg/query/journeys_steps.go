package query

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/sightline-rum/sightline/pkg/query/stats"
	"github.com/sightline-rum/sightline/pkg/rum"
)

// progress is how sessions of one segment fared at one step. All but the counts of sessions is by weight.
type progress struct {
	entered, running float64 // passed the step; may still pass the next
	completed        float64 // passed the next step too; at the last step, all that entered
	sessions         uint64
	settled          uint64  // of them not running, which is what rates rest on
	onward           uint64  // sessions that passed the next step too
	squares          float64 // sum of the squared weights of those
	errors           float64 // met between this step and the next, or after it
	affected         float64 // sessions that met one
}

func (f progress) abandoned() float64 { return max(0, f.entered-f.completed-f.running) }

// rate is the share that went on, of those of which it is known, with its 95 % interval.
func (f progress) rate() (rate, lower, upper float64) {
	known := f.completed + f.abandoned()
	n := stats.EffectiveSize(known*rum.FullWeight, f.squares)
	lower, upper = stats.Wilson(f.completed/known*n, n)
	return f.completed / known, lower, upper
}

// overall is the journey as one step: entered at the first, completed at the last, abandoned anywhere between.
func overall(steps []progress) progress {
	all := steps[0]
	last := steps[len(steps)-1]
	all.completed, all.onward, all.running, all.settled = last.entered, last.sessions, 0, steps[0].sessions
	for _, step := range steps {
		all.running += step.running
		all.settled -= step.sessions - step.settled
	}
	return all
}

// journeySums are the aggregates that a progress is made of, each an array with a value for every step.
const journeySums = `sumForEach(arrayMap(t -> if(t > 0, toUInt64(heaviest), 0), times)) AS entered,
  sumForEach(arrayMap((t, i) -> if(running AND i = reached AND i < length(times), toUInt64(heaviest), 0),
    times, arrayEnumerate(times))) AS going,
  sumForEach(arrayMap(t -> toUInt64(t > 0), times)) AS sessions,
  sumForEach(arrayMap((t, i) -> toUInt64(t > 0 AND NOT (running AND i = reached AND i < length(times))),
    times, arrayEnumerate(times))) AS settled,
  sumForEach(arrayMap((t, i) -> if(t > 0 AND NOT (running AND i = reached AND i < length(times)),
    toFloat64(heaviest) * heaviest, 0.), times, arrayEnumerate(times))) AS squares`

// sums are the same as the store answers them.
type sums struct {
	entered, going, sessions, settled []uint64
	squares                           []float64
}

func (a *sums) columns() []any {
	return []any{&a.entered, &a.going, &a.sessions, &a.settled, &a.squares}
}

func (a sums) progress(steps int) []progress {
	all := make([]progress, steps)
	for i := range min(steps, len(a.entered)) { // without any session the arrays are empty
		all[i] = progress{entered: float64(a.entered[i]) / rum.FullWeight, running: float64(a.going[i]) / rum.FullWeight,
			sessions: a.sessions[i], settled: a.settled[i], squares: a.squares[i]}
	}
	for i := range all {
		next := all[min(i+1, steps-1)]
		all[i].completed, all[i].onward = next.entered, next.sessions
	}
	return all
}

// travelled is one segment of one journey.
type travelled struct {
	key   []string
	steps []progress
	pages map[int]map[string]pageVital // by step and metric
}

// table has a row for each step of each journey, by segment: the segments that most sessions entered first.
func (p *paths) table(ctx context.Context, conn driver.Conn) (data.Frames, error) {
	var all []stepRow
	cut := false
	for _, j := range p.journeys {
		hidden, err := p.limitSessions(ctx, conn, j)
		if err != nil {
			return nil, err
		}
		if hidden {
			continue
		}
		segments, more, err := p.travelled(ctx, conn, j)
		if err != nil {
			return nil, err
		}
		cut = cut || more
		if err := p.readPageVitals(ctx, conn, j, segments); err != nil {
			return nil, err
		}
		for _, segment := range segments {
			p.running += overall(segment.steps).running
			for i, step := range j.steps {
				if p.shows(step) {
					all = append(all, stepRow{j, segment, i})
				}
			}
		}
	}
	if cut {
		p.notices = append(p.notices, p.cutNotice("segments of a journey"))
	}
	return p.put(data.Frames{p.stepsTable(all)}), nil
}

// segmentsAtMost is how many segments a journey is shown of, so that all rows stay within what an answer may have.
func (p *paths) segmentsAtMost() int {
	steps := 0
	for _, j := range p.journeys {
		steps += len(j.steps)
	}
	return max(1, min(p.limit(), p.limits.MaxRows/max(1, steps)))
}

// travelled counts the sessions of the segments that most entered, and the errors they met at each step.
func (p *paths) travelled(ctx context.Context, conn driver.Conn, j journey) (all []travelled, cut bool, err error) {
	var s statement
	failures := mark{from: tableErrors, tuple: "('error', '', '')"}
	sql := fmt.Sprintf(`SELECT %[1]s%[2]s,
  sumForEach(arrayMap(n -> n * heaviest, met)) AS errors,
  sumForEach(arrayMap(n -> if(n > 0, toUInt64(heaviest), 0), met)) AS affected
FROM (
  SELECT *, arrayMap((t, next) -> toUInt64(if(t = 0, 0, arrayCount(m -> m.1 >= t AND (next = 0 OR m.1 < next), marks))),
    times, arrayPopFront(arrayPushBack(times, 0))) AS met
  FROM (
    %[3]s
  )
)
WHERE %[4]s
%[5]s
ORDER BY entered[1] DESC%[6]s
LIMIT %[7]s`, p.selectGroups(), journeySums, p.replayed(&s, j, failures), p.atEntry(&s),
		p.groupBy(), strings.TrimSuffix(", "+p.groupNames(), ", "), s.bind("limit", "UInt64", p.segmentsAtMost()+1))
	err = p.rows(ctx, conn, &s, sql, func(rows driver.Rows) error {
		var a sums
		var errors, affected []uint64
		key, err := p.scanned(rows, append(a.columns(), &errors, &affected)...)
		segment := travelled{key: key, steps: a.progress(len(j.steps))}
		for i := range errors {
			segment.steps[i].errors = float64(errors[i]) / rum.FullWeight
			segment.steps[i].affected = float64(affected[i]) / rum.FullWeight
		}
		all = append(all, segment)
		return err
	})
	if cut = len(all) > p.segmentsAtMost(); cut {
		all = all[:p.segmentsAtMost()]
	}
	return all, cut, err
}

// pageVital is a Web Vital of a step's pages.
type pageVital struct {
	samples uint64
	value   float64
}

// readPageVitals reads the percentile of LCP, INP and CLS on the routes of each step, within the time range and by
// segment. They are those of everybody who saw these pages, as the type vitals has them: how fast a page is does not
// hang on how its visitor came there. A step that is an action has no page.
func (p *paths) readPageVitals(ctx context.Context, conn driver.Conn, j journey, segments []travelled) error {
	of := p.ofTable(tableVitals)
	for i, d := range of.groups {
		found, err := dimensionByKey(tableVitals, d.key)
		if err != nil {
			return err
		}
		of.groups[i] = found
	}
	var s statement
	each, some := j.passes(&s, false)
	if some == "" || len(segments) == 0 {
		return nil
	}
	for i := range each {
		each[i] = fmt.Sprintf("if(%s, %d, 0)", each[i], i+1)
	}
	sql := fmt.Sprintf(`SELECT %[1]sstep, metric, count() AS samples, quantileExactWeighted(%[2]s)(value, weight)
FROM (
  SELECT %[3]stoString(metric) AS metric, value, weight, arrayJoin(arrayFilter(i -> i > 0, [%[4]s])) AS step
  FROM vitals FINAL
  WHERE %[5]s
    AND %[6]s
    AND (%[7]s)
)
%[8]s
ORDER BY samples DESC
LIMIT %[9]s`, of.groupNames(), s.bind("level", "Float64", of.level()), of.selectGroups(), strings.Join(each, ", "),
		s.among("vitals.metric", "metric", coreVitals()), of.where(&s, of.window), some, of.groupBy("step", "metric"),
		s.bind("limit", "UInt64", p.limits.MaxRows*len(coreVitals())))
	err := of.rows(ctx, conn, &s, sql, func(rows driver.Rows) error {
		var step uint8
		var metric string
		var v pageVital
		key, err := of.scanned(rows, &step, &metric, &v.samples, &v.value)
		i := slices.IndexFunc(segments, func(t travelled) bool { return slices.Equal(t.key, key) })
		if err != nil || i < 0 {
			return err
		}
		segment := &segments[i]
		if segment.pages == nil {
			segment.pages = map[int]map[string]pageVital{}
		}
		if segment.pages[int(step)-1] == nil {
			segment.pages[int(step)-1] = map[string]pageVital{}
		}
		segment.pages[int(step)-1][metric] = v
		return nil
	})
	p.executed = of.executed
	return err
}

// stepRow is one row of the table.
type stepRow struct {
	journey journey
	segment travelled
	step    int
}

// stepsTable has, for each step, completed + abandoned + running = entered.
func (p *paths) stepsTable(all []stepRow) *data.Frame {
	var keys [][]string
	var names []string
	var step, samples []int64
	var entered, completed, abandoned, running, errors, affected []float64
	var reached, rate, lower, upper []*float64
	for _, r := range all {
		f, first := r.segment.steps[r.step], r.segment.steps[0]
		last := r.step == len(r.journey.steps)-1
		keys = append(keys, append([]string{r.journey.name}, r.segment.key...))
		step, names = append(step, int64(r.step+1)), append(names, r.journey.steps[r.step].name)
		if p.stepFew(f) {
			f = progress{sessions: f.sessions, entered: leave, completed: leave, running: leave, errors: leave, affected: leave}
		}
		if p.hasFew(f.onward) { // and how many gave up would tell how many went on
			f.completed, f.running, f.settled = leave, leave, 0
			p.leftOut = true
		}
		samples = append(samples, int64(f.sessions))
		entered, completed = append(entered, f.entered), append(completed, f.completed)
		abandoned, running = append(abandoned, f.abandoned()), append(running, f.running)
		errors, affected = append(errors, f.errors), append(affected, f.affected)
		share, low, high := f.rate()
		known := f.settled >= p.enough && f.settled > 0 && !last
		rate = append(rate, pointerIf(known, share))
		lower, upper = append(lower, pointerIf(known, low)), append(upper, pointerIf(known, high))
		reached = append(reached, pointerIf(first.sessions >= p.enough && first.sessions > 0, f.entered/first.entered))
	}
	fields := append(p.named(false).groupColumns(keys),
		column("step", "Step", unitNone, step),
		column("name", "Name", unitNone, names),
		p.numbers("entered", "Entered", unitShort, entered),
		p.numbers("completed", "Went on", unitShort, completed),
		p.numbers("abandoned", "Abandoned", unitShort, abandoned),
		p.numbers("running", "Still running", unitShort, running),
		p.samples(samples)("samples", "Sessions seen"),
		column("completionRate", "Completion", unitShare, rate),
		column("completionRateLower", "Lower bound (95 %)", unitShare, lower),
		column("completionRateUpper", "Upper bound (95 %)", unitShare, upper),
		column("reached", "Of all who entered", unitShare, reached),
		p.numbers("errors", "Errors met", unitShort, errors),
		p.numbers("errorSessions", "Sessions with errors", unitShort, affected))
	for _, key := range coreVitals() {
		fields = append(fields, p.pageColumns(key, all)...)
	}
	for _, field := range fields[len(p.groups)+3:] {
		field.Config.NoValue = "not enough data"
	}
	return newFrame(data.FrameTypeTable, fields...)
}

func (p *paths) pageColumns(key string, all []stepRow) []*data.Field {
	var samples []int64
	var values []*float64
	for _, r := range all {
		v := r.segment.pages[r.step][key]
		samples, values = append(samples, int64(v.samples)), append(values, pointerIf(
			v.samples >= p.enough && v.samples > 0, v.value))
	}
	m, _ := rum.MetricByKey(key)
	value := column(key, strings.ToUpper(key)+" "+p.percentileName(), m.Unit, values)
	value.Config.Thresholds = metric{Metric: m, rated: true}.thresholds()
	value.Config.Description = m.Name + " of the step's pages, whoever saw them"
	return []*data.Field{value, p.samples(samples)(key+"Samples", strings.ToUpper(key)+" samples")}
}
