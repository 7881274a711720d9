package query

import (
	"context"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/sightline-rum/sightline/pkg/query/stats"
)

// impact answers what makes up the change of a metric between two windows: how much of it is traffic that moved to
// slower or faster segments (mix), how much is segments that changed themselves (real), and which those are. It looks
// at every value of every dimension and at all pairs of them, or only at the dimensions the query groups by.
//
// "measure" says what of the metric: "percentile" (the default) or "poor", the share of poor samples. Percentiles do
// not add up; what is divided is a score that does and has the percentile's sign (stats.Score), and every part of it is
// shown as that part of the percentile's change.
func askImpact(ctx context.Context, conn driver.Conn, q *question) (data.Frames, error) {
	if !q.metric.rated {
		if err := q.knowCustomTiming(ctx, conn); err != nil {
			return nil, err
		}
	}
	around, err := q.aroundDeploy(ctx, conn)
	if err != nil {
		return nil, err
	}
	m := &impactOf{question: q, only: q.groups}
	if m.dimensions = m.only; len(m.only) == 0 {
		m.dimensions = dimensionsOf(tableVitals)
	}
	q.groups = nil // segments are rows of the answer, not dimensions of its statements
	var said []data.Notice
	if !q.baseline.empty() {
		if said, err = m.explain(ctx, conn); err != nil {
			return nil, err
		}
	}
	frame := m.table()
	frame.AppendNotices(append(around, said...)...)
	return data.Frames{frame}, nil
}

// impactOf is a question about a change on its way to an answer.
type impactOf struct {
	*question
	only       []dimension // those the query groups by; none means all
	dimensions []dimension // those that are looked at, and have more than one value
	values     [][]string  // of each dimension, those most met
	combined   uint64      // in how many ways values combine
	oneIn      uint64      // one in so many sessions is looked at
	now, then  ranked      // the whole metric in both windows
	population stats.Population
	found      stats.Explanation
	shifted    []stats.Contribution // whose traffic moved: they are told of
	rows       []impactRow
}

// explain reads both windows and finds what makes up the change, or says why it cannot.
func (m *impactOf) explain(ctx context.Context, conn driver.Conn) ([]data.Notice, error) {
	for _, side := range []struct {
		w    window
		into *ranked
	}{{m.window, &m.now}, {m.baseline, &m.then}} {
		ranking := m.vitalsRanking()
		ranking.limit = 1
		all, err := m.ranks(ctx, conn, ranking, side.w)
		if err != nil {
			return nil, err
		}
		if len(all) > 0 {
			*side.into = all[0]
		}
	}
	if m.few > 0 && max(m.now.samples, m.then.samples) == 0 {
		return nil, nil // which few.go explains
	}
	if min(m.now.samples, m.then.samples) < m.enough || m.then.samples == 0 || m.now.samples == 0 {
		return []data.Notice{info("Not enough data: %d samples against %d from %s to %s, and minSamples is %d.",
			m.now.samples, m.then.samples, m.baseline.from.Format(time.RFC3339), m.baseline.to.Format(time.RFC3339),
			m.enough)}, nil
	}
	m.oneIn = 1 + (m.now.samples+m.then.samples)/mostSamples
	if err := m.readValues(ctx, conn); err != nil {
		return nil, err
	}
	cut, err := m.readCombinations(ctx, conn)
	if err != nil {
		return nil, err
	}
	if err := m.readVisitors(ctx, conn); err != nil {
		return nil, err
	}
	m.found = stats.Explain(m.population)
	m.shifted = m.moved()
	if err := m.leaveFewSegments(ctx, conn); err != nil {
		return nil, err
	}
	m.rows = m.explained()
	if m.Measure == measurePercentile {
		if err := m.readMeasures(ctx, conn); err != nil {
			return nil, err
		}
	}
	looked := fmt.Sprintf("; %d segments were looked at", m.found.Looked)
	if m.few > 0 {
		looked = "" // most of them small
	}
	said := []data.Notice{info("%s to %s is compared with %s to %s%s.",
		m.window.from.Format(time.RFC3339), m.window.to.Format(time.RFC3339),
		m.baseline.from.Format(time.RFC3339), m.baseline.to.Format(time.RFC3339), looked)}
	if m.oneIn > 1 {
		said = append(said, info(
			"One session in %d was looked at, so that the answer does not take long; the whole is exact.", m.oneIn))
	}
	if cut != "" {
		said = append(said, data.Notice{Severity: data.NoticeSeverityWarning, Text: cut})
	}
	return said, nil
}

// value is the measure of a segment in one window.
func (m *impactOf) value(r ranked) float64 {
	if m.Measure == measurePoor {
		return r.facts[2] / float64(r.weight)
	}
	return r.value
}

// change is how much the measure changed, and perScore what a change of the mean score by 1 stands for in its unit.
func (m *impactOf) change() float64 { return m.value(m.now) - m.value(m.then) }

func (m *impactOf) perScore() float64 {
	if m.Measure == measurePoor {
		return 1
	}
	if m.found.Change == 0 {
		return 0
	}
	return m.change() / m.found.Change
}

// score is the SQL of a sample's score (stats.Score) had its value been this expression.
func (m *impactOf) score(s *statement, value string) string {
	low, high := m.then.value, m.now.value
	if low > high {
		low, high = high, low
	}
	if m.Measure == measurePoor {
		low = m.metric.Poor
		high = low
	}
	from := s.bind("low", "Float64", low)
	if low == high {
		return fmt.Sprintf("toFloat64(%s > %s)", value, from)
	}
	to := s.bind("high", "Float64", high)
	return fmt.Sprintf("least(1., greatest(0., (%s - %s) / (%s - %s)))", value, from, to, from)
}

// mostSamples are looked at, give or take; of more than that it is every second session, every third, and so on. Chance
// hides nothing of so many samples that would matter. A variable, so that tests can have more.
var mostSamples uint64 = 500_000

// impactWhere is the condition of every read: the metric in either window, of the sessions that are looked at.
func (m *impactOf) impactWhere(s *statement) string {
	where := "metric = " + s.bind("metric", "String", m.metric.Key) + "\n  AND " + m.where(s, m.window.hull(m.baseline)) +
		fmt.Sprintf("\n  AND (%s OR %s)", m.window.within(s), m.baseline.within(s))
	if m.oneIn > 1 {
		where += fmt.Sprintf("\n  AND cityHash64(%s) %% %s = 0", visitor, s.bind("oneIn", "UInt64", int(m.oneIn)))
	}
	return where
}

// visitor is whose a vital is; without a session every one stands for itself.
const visitor = "if(session_id = '', metric_id, session_id)"
