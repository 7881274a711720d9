package query

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/query/stats"
	"github.com/sightline-rum/sightline/pkg/rum"
)

func TestImpactEqualsTheNaiveComputation(t *testing.T) {
	for _, c := range []struct {
		metric, measure string
		p               float64
	}{{"lcp", "percentile", 75}, {"inp", "percentile", 90}, {"cls", "poor", 75}, {"hero", "percentile", 50}} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			rows := rowsOf(frames(t, jsonOf(map[string]any{"queryType": "impact", "metric": c.metric, "measure": c.measure,
				"percentile": c.p, "minSamples": 20}))[0])
			now := kept(seeded.measured(), day(), production(c.metric))
			before := kept(seeded.measured(), day().before(), production(c.metric))
			q1, q0 := percentile(now, c.p/100), percentile(before, c.p/100)
			score := func(e event) float64 {
				if m, _ := rum.MetricByKey(c.metric); c.measure == "poor" {
					return map[bool]float64{true: 1}[e.value > m.Poor]
				}
				return stats.Score(e.value, min(q0, q1), max(q0, q1))
			}
			mean := func(events []event, keep func(event) bool) (mean, weight float64) {
				var all float64
				for _, e := range events {
					all += float64(e.weight)
					if keep(e) {
						weight += float64(e.weight)
						mean += float64(e.weight) * score(e)
					}
				}
				return mean / weight, weight / all
			}
			any := func(event) bool { return true }
			r1, _ := mean(now, any)
			r0, _ := mean(before, any)
			change := q1 - q0
			if c.measure == "poor" {
				change = r1 - r0
			}
			require.Equal(t, "whole", rows[0]["kind"])
			require.InDelta(t, change, rows[0]["contribution"], 1e-6)
			require.EqualValues(t, len(now), rows[0]["samples"])
			require.EqualValues(t, len(before), rows[0]["samplesBefore"])

			for _, key := range []string{"browser", "device", "route"} {
				var mix, real float64
				for _, events := range firstOf(bySegment(append(before[:len(before):len(before)], now...), key)) {
					same := func(e event) bool { return e.dimensions[key] == events[0].dimensions[key] }
					s1, m1 := mean(now, same)
					s0, m0 := mean(before, same)
					mix += (m1 - m0) * (s1 + s0) / 2
					real += (m1 + m0) / 2 * (s1 - s0)
				}
				row := rowsWith(rowsWith(rows, "kind", "dimension"), "segment", key)[0]
				require.InDelta(t, mix*change/(r1-r0), row["mix"], 1e-5, key)
				require.InDelta(t, real*change/(r1-r0), row["real"], 1e-5, key)
			}
			requireWhole(t, rows)
		})
	}
}

func firstOf(segments [][]event, _ [][]string) [][]event { return segments }

// requireWhole holds that the parts add up to the whole.
func requireWhole(t *testing.T, rows []map[string]any) {
	t.Helper()
	whole := rows[0]["contribution"].(float64)
	parts, named := 0.0, false
	for _, row := range rows[1:] {
		require.InDelta(t, row["contribution"], row["mix"].(float64)+row["real"].(float64), 1e-5)
		switch row["kind"] {
		case "dimension":
			require.InDelta(t, whole, row["contribution"], 1e-6, row["segment"])
		default:
			parts, named = parts+row["contribution"].(float64), true
		}
	}
	require.InDelta(t, whole, rows[0]["mix"].(float64)+rows[0]["real"].(float64), 1e-5)
	if named {
		require.InDelta(t, whole, parts, 1e-5)
	}
}

// plantedChange is two hours of visits, the second unlike the first.
type plantedChange struct {
	phones [2]float64 // share of phones in each hour; a phone takes twice as long
	slower float64    // what the second hour multiplies values of Firefox with the new release by
}

const plantedVisits = 12_000

func (p plantedChange) insert(o *ownStore, start time.Time) {
	random := rand.New(rand.NewPCG(23, 29))
	var beacons []*rum.Beacon
	for i := range 2 * plantedVisits {
		hour := i % 2
		at := start.Add(time.Duration(hour)*time.Hour + time.Duration(random.Int64N(int64(time.Hour))))
		c := rum.Context{App: "shop", Environment: "production", Release: "1.0.0", SessionID: fmt.Sprintf("planted-%d", i),
			Browser: browsers[random.IntN(len(browsers))], Device: "desktop", Country: countries[random.IntN(len(countries))],
			Traffic: rum.TrafficReal, Weight: rum.FullWeight}
		slow := 1.0
		if random.Float64() < p.phones[hour] {
			c.Device, slow = "mobile", 2
		}
		if hour == 1 && random.IntN(20) > 0 {
			c.Release = "1.1.0"
			if c.Browser == "Firefox" {
				slow *= p.slower
			}
		}
		switch {
		case i%40 == 7:
			c.Traffic = rum.TrafficBot
		case i%40 == 9:
			c.Environment = "staging"
		case i%9 == 0:
			c.Weight = 2500
		}
		item := rum.Item{TS: at.UnixMilli(), ViewID: c.SessionID + "-v", Route: routes[random.IntN(len(routes))]}
		vital := rum.Vital{Item: item, Metric: "lcp", MetricID: c.SessionID, ReportedAt: item.TS,
			Value: 1500 * slow * math.Exp(0.4*random.NormFloat64())}
		first := vital
		first.ReportedAt, first.Value = item.TS-1, 60_000
		beacons = append(beacons, &rum.Beacon{ReceivedAt: item.TS, Context: c, Vitals: []rum.Vital{first, vital}})
	}
	o.insert(beacons...)
}

func TestThePlantedChangeIsExplained(t *testing.T) {
	start := hourAgo().Add(-3 * time.Hour).Truncate(time.Hour)
	later := window{start.Add(time.Hour), start.Add(2 * time.Hour)}
	for name, c := range map[string]struct {
		planted plantedChange
		mix     float64 // share of the change
		named   string
	}{
		"nothing":             {plantedChange{[2]float64{0.4, 0.4}, 1}, 0, ""},
		"traffic moves":       {plantedChange{[2]float64{0.2, 0.6}, 1}, 1, ""},
		"Firefox gets slower": {plantedChange{[2]float64{0.4, 0.4}, 2}, 0, "release=1.1.0, browser=Firefox"},
		"both":                {plantedChange{[2]float64{0.3, 0.5}, 2}, math.NaN(), "release=1.1.0, browser=Firefox"},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOwnStore(t)
			c.planted.insert(o, start)
			rows := o.rows(`{"queryType":"impact","compare":"previous"}`, later)
			requireWhole(t, rows)
			named := rowsWith(rows, "kind", "real")
			if c.named == "" {
				require.Empty(t, named)
			} else {
				require.Len(t, named, 1)
				require.Equal(t, c.named, named[0]["segment"])
				require.Greater(t, named[0]["lower"], 0.0)
				require.Greater(t, named[0]["value"], 1.5*named[0]["before"].(float64))
			}
			whole := rows[0]["contribution"].(float64)
			switch {
			case name == "nothing":
				require.Contains(t, rows[0]["reason"], "Within chance")
				require.Nil(t, rows[0]["share"])
				for _, row := range rows[1:] {
					require.Equal(t, "dimension", row["kind"])
					require.Equal(t, "Unaffected", row["reason"])
				}
			case name == "both":
				// Either alone, in either order, as counterfactual visits have it.
				require.InDelta(t, c.planted.mixOfChange(), rows[0]["mix"].(float64)/whole, 0.05)
			default:
				require.InDelta(t, c.mix, rows[0]["mix"].(float64)/whole, 0.05)
			}
			moved := rowsWith(rows, "kind", "mix")
			if c.planted.phones[0] == c.planted.phones[1] {
				require.Empty(t, moved)
			} else {
				require.Contains(t, []any{"device=mobile", "device=desktop"}, moved[0]["segment"])
			}
			country := rowsWith(rows, "segment", "country")[0]
			require.Equal(t, "Unaffected", country["reason"])
		})
	}
}

// mixOfChange is the share of the change that is mix, from many values drawn with only one of both causes at a time.
func (p plantedChange) mixOfChange() float64 {
	p75 := func(phones, slower float64) float64 {
		random := rand.New(rand.NewPCG(1, 2))
		var samples []stats.Sample
		for i := range 200_000 {
			slow := 1.0
			if random.Float64() < phones {
				slow = 2
			}
			if random.IntN(4) == 0 && i%20 > 0 {
				slow *= slower
			}
			samples = append(samples, stats.Sample{Value: 1500 * slow * math.Exp(0.4*random.NormFloat64()), Weight: 1})
		}
		return stats.Percentile(samples, 0.75)
	}
	neither, both := p75(p.phones[0], 1), p75(p.phones[1], p.slower)
	moved, slowed := p75(p.phones[1], 1), p75(p.phones[0], p.slower)
	return ((moved - neither) + (both - slowed)) / 2 / (both - neither)
}

func TestImpactWithoutAnythingToCompare(t *testing.T) {
	none := frames(t, `{"queryType":"impact","compare":"deploy","environment":"nowhere"}`)[0]
	require.Zero(t, none.Rows())
	require.Contains(t, none.Meta.Notices[0].Text, "there is nothing to compare with")

	few := frames(t, `{"queryType":"impact","minSamples":100000}`)[0]
	require.Zero(t, few.Rows())
	require.Contains(t, few.Meta.Notices[0].Text, "Not enough data")
}

// Where there are very many samples some sessions are left out. The whole is exact, and what is found is the same.
func TestOfVeryManySessionsSomeAreLookedAt(t *testing.T) {
	samples, views := mostSamples, mostReleaseViews
	mostSamples, mostReleaseViews = 10_000, 6_000
	t.Cleanup(func() { mostSamples, mostReleaseViews = samples, views })
	start := hourAgo().Add(-3 * time.Hour).Truncate(time.Hour)
	o := newOwnStore(t)
	plantedChange{[2]float64{0.4, 0.4}, 2}.insert(o, start)
	later := window{start.Add(time.Hour), start.Add(2 * time.Hour)}
	rows := o.rows(`{"queryType":"impact"}`, later)
	require.Contains(t, o.notices(`{"queryType":"impact"}`, later)[1], "One session in 3 was looked at")
	requireWhole(t, rows)
	vitals := o.rows(`{"queryType":"vitals","format":"table","compare":"previous"}`, later)[0]
	require.Equal(t, vitals["samples"], rows[0]["samples"])
	require.InDelta(t, vitals["value"], rows[0]["value"], 1e-6)
	named := rowsWith(rows, "kind", "real")
	require.Len(t, named, 1)
	require.Equal(t, "release=1.1.0, browser=Firefox", named[0]["segment"])

	start = start.Add(-3 * time.Hour)
	o = newOwnStore(t)
	plantedRelease{6000, 1.3, 0.5, 0.02}.insert(o, start)
	query, hours := `{"queryType":"releases","metric":"verdict"}`, window{start, start.Add(2 * time.Hour)}
	row := o.rows(query, hours)[0]
	require.Contains(t, o.notices(query, hours)[1], "Vitals are those of one session in")
	require.Equal(t, "worse", row["verdict"])
	require.Less(t, row["lcpSamples"], int64(4000))
	require.Equal(t, "worse", row["lcpVerdict"])
	require.Greater(t, row["errorRateSamples"], 2*row["lcpSamples"].(int64), "errors are counted of all")
}

// Too many values or combinations are counted together rather than left out, and what cannot be told apart is said.
func TestRareValuesAreCountedTogether(t *testing.T) {
	values, combinations := mostValues, mostCombinations
	t.Cleanup(func() { mostValues, mostCombinations = values, combinations })
	query := `{"queryType":"impact","groupBy":["route","browser","device"],"minSamples":20}`
	all := rowsOf(frames(t, query)[0])

	mostValues = []int{2, 1, 1}
	few := frames(t, query)[0]
	require.Equal(t, all[0]["contribution"], rowsOf(few)[0]["contribution"])
	requireWhole(t, rowsOf(few))
	require.Contains(t, few.Meta.ExecutedQueryString, "range(2), 2)")

	mostCombinations = 10 // of 4 × 4 × 3
	fewer := frames(t, query)[0]
	require.Contains(t, fewer.Meta.Notices[1].Text, "combine in more than 10 ways, so only the 1 most frequent")
	requireWhole(t, rowsOf(fewer))

	mostCombinations = 7 // of 2 × 2 × 2
	require.ErrorContains(t, ask(t, everyone, query).Error, "add a filter or name the dimensions")
}
