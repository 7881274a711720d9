package query

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/rum"
)

// naiveStandardised weighs events of two releases by hand: each stratum's samples of one release by the share of the
// other. It returns both percentiles and how many samples have a counterpart.
func naiveStandardised(newer, older []event, stratum func(event) string) (values [2]float64, samples [2]int) {
	sides := [2][]event{newer, older}
	var totals [2]map[string]float64
	for i, events := range sides {
		totals[i] = map[string]float64{}
		for _, e := range events {
			totals[i][stratum(e)] += float64(e.weight)
		}
	}
	for i, events := range sides {
		slices.SortFunc(events, func(a, b event) int { return int(math.Copysign(1, a.value-b.value)) })
		weigh := func(e event) float64 {
			own, other := totals[i][stratum(e)], totals[1-i][stratum(e)]
			return float64(e.weight) * other / (own + other)
		}
		var total, reached float64
		for _, e := range events {
			if w := weigh(e); w > 0 {
				samples[i]++
				total += w
			}
		}
		for _, e := range events {
			if reached += weigh(e); reached >= 0.75*total {
				values[i] = e.value
				break
			}
		}
	}
	return values, samples
}

func TestReleasesEqualTheNaiveComputation(t *testing.T) {
	got := frames(t, `{"queryType":"releases","minSamples":20,"groupBy":"device"}`, whole())
	require.Len(t, got, 2)
	require.Equal(t, "verdict", got[0].Name)
	require.Contains(t, got[0].Meta.Notices[0].Text, "at the same hours of the day")
	rows := rowsOf(got[0])
	require.Len(t, rows, len(devices))

	ofRelease := func(metric, device, release string) []event {
		return kept(seeded.measured(), whole(), func(e event) bool {
			return production(metric)(e) && e.dimensions["device"] == device && e.dimensions["release"] == release
		})
	}
	stratum := func(e event) string { return fmt.Sprint(e.dimensions["route"], e.at.Hour()) }
	for _, row := range rows {
		require.Equal(t, "1.1.0", row["release"])
		require.Equal(t, "1.0.0", row["releaseBefore"])
		for _, m := range rum.Metrics {
			if !m.Core {
				require.NotContains(t, row, m.Key)
				continue
			}
			device := row["device"].(string)
			newer, older := ofRelease(m.Key, device, "1.1.0"), ofRelease(m.Key, device, "1.0.0")
			values, samples := naiveStandardised(newer, older, stratum)
			require.EqualValues(t, samples[0], row[m.Key+"Samples"])
			require.EqualValues(t, samples[1], row[m.Key+"SamplesBefore"])
			require.InEpsilon(t, values[0], row[m.Key], 0.021, "to the width of a histogram's cell")
			require.InEpsilon(t, values[1], row[m.Key+"Before"], 0.021)
			require.InDelta(t, row[m.Key].(float64)-row[m.Key+"Before"].(float64), row[m.Key+"Difference"], 1e-5)
			require.Less(t, row[m.Key+"Lower"], row[m.Key+"Difference"])
			require.Greater(t, row[m.Key+"Upper"], row[m.Key+"Difference"])
		}
	}
}

func TestErrorGroupsOfReleasesAreCountedByPageVisit(t *testing.T) {
	frame := frames(t, `{"queryType":"releases","metric":"errorGroups","compare":"previous"}`)[0]
	require.Contains(t, frame.Meta.Notices[0].Text, "at the same hours of the day")
	rows := rowsOf(frame)
	require.NotEmpty(t, rows)
	for _, row := range rows {
		var errors, visits [2]float64
		for i, w := range []window{day(), day().before()} {
			seen := map[string]float64{}
			for _, e := range kept(seeded.thrown(), w, func(e event) bool {
				return e.within("shop", "production") && e.dimensions["traffic"] == rum.TrafficReal &&
					e.dimensions["fingerprint"] == row["fingerprint"]
			}) {
				errors[i] += float64(e.weight) / rum.FullWeight
				seen[fmt.Sprint(e.session, e.dimensions["route"], e.at.Hour())] = float64(e.weight) / rum.FullWeight
			}
			for _, weight := range seen {
				visits[i] += weight
			}
		}
		require.InDelta(t, errors[0], row["count"], 1e-6)
		require.InDelta(t, errors[1], row["countBefore"], 1e-6)
		require.InDelta(t, visits[0], row["visits"], 1e-6)
		require.InDelta(t, visits[1], row["visitsBefore"], 1e-6)
	}
}

// plantedRelease is an hour and more of visits to a shop of their own, with two releases at once.
type plantedRelease struct {
	visits  int
	slower  float64 // what the new release multiplies values by
	phones  float64 // share of phones among the new release's visits; the old has half of its
	failing float64 // share of visits with an error that only the new release throws
}

func (p plantedRelease) insert(o *ownStore, start time.Time) {
	random := rand.New(rand.NewPCG(17, uint64(p.visits)))
	// The old release was there before.
	old := rum.Item{TS: start.UnixMilli() - 1000, Route: "/"}
	beacons := []*rum.Beacon{{ReceivedAt: old.TS, Views: []rum.View{{Item: old, Kind: rum.ViewLoad}},
		Context: rum.Context{App: "shop", Environment: "production", Release: "1.0.0", Traffic: rum.TrafficReal,
			Weight: rum.FullWeight}}}
	for i := range 2 * p.visits {
		at := start.Add(time.Duration(random.Int64N(int64(2 * time.Hour))))
		c := rum.Context{App: "shop", Environment: "production", Release: "1.0.0", Browser: "Chrome", Device: "desktop",
			SessionID: fmt.Sprintf("planted-%d-%d", p.visits, i), Traffic: rum.TrafficReal, Weight: rum.FullWeight}
		phones, slow := 0.5, 1.0
		if i%2 == 0 {
			c.Release, phones, slow = "1.1.0", p.phones, p.slower
		}
		if random.Float64() < phones {
			c.Device, slow = "mobile", 2*slow
		}
		if i%10 < 2 {
			c.Weight = 4000
		}
		item := rum.Item{TS: at.UnixMilli(), ViewID: c.SessionID + "-v", Route: routes[random.IntN(len(routes))]}
		b := &rum.Beacon{ReceivedAt: at.UnixMilli(), Context: c, Views: []rum.View{{Item: item, Kind: rum.ViewLoad}}}
		for metric, typical := range map[string]float64{"lcp": 1200, "inp": 90, "cls": 0.05} {
			b.Vitals = append(b.Vitals, rum.Vital{Item: item, Metric: metric, MetricID: c.SessionID + metric,
				Value: typical * slow * math.Exp(0.4*random.NormFloat64()), ReportedAt: item.TS})
		}
		if c.Release == "1.1.0" && random.Float64() < p.failing {
			b.Errors = []rum.Error{{Item: item, Kind: "exception", Type: "TypeError", Message: "no basket",
				Fingerprint: "planted"}}
		}
		bot := *b
		bot.Context.Traffic, bot.Context.Release, bot.Context.SessionID = rum.TrafficBot, "1.1.0", "bot-"+c.SessionID
		bot.Vitals = nil
		beacons = append(beacons, b, &bot)
	}
	o.insert(beacons...)
}

func TestThePlantedReleaseGetsItsVerdict(t *testing.T) {
	start := hourAgo().Add(-3 * time.Hour).Truncate(time.Hour)
	for name, c := range map[string]struct {
		planted plantedRelease
		want    string
		reason  string
	}{
		"worse":                   {plantedRelease{3000, 1.3, 0.5, 0}, "worse", "LCP p75"},
		"better":                  {plantedRelease{3000, 0.75, 0.5, 0}, "better", "is better"},
		"same":                    {plantedRelease{3000, 1, 0.5, 0}, "same", "is the same"},
		"same, with more phones":  {plantedRelease{4000, 1, 0.8, 0}, "same", "is the same"},
		"worse by a new error":    {plantedRelease{3000, 1, 0.5, 0.02}, "worse", "error group TypeError no basket is new"},
		"too few to tell":         {plantedRelease{20, 1.3, 0.5, 0}, "not enough data", "not enough data"},
		"few, and surely too few": {plantedRelease{100, 1.05, 0.5, 0}, "not enough data", "too uncertain to tell"},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOwnStore(t)
			c.planted.insert(o, start)
			rows := o.rows(`{"queryType":"releases","metric":"verdict","minSamples":50}`,
				window{start, start.Add(2 * time.Hour)})
			require.Len(t, rows, 1)
			require.Equal(t, c.want, rows[0]["verdict"], rows[0]["reason"])
			require.Contains(t, rows[0]["reason"], c.reason)
			require.InDelta(t, 0.5, rows[0]["share"], 0.01, "bots are nobody's visits")
		})
	}
}

func TestWhichReleasesAreCompared(t *testing.T) {
	o := newOwnStore(t)
	start := hourAgo().Add(-5 * time.Hour)
	// 0.9.0 is served to few, and first seen last of the three before 1.1.0.
	var beacons []*rum.Beacon
	for i, release := range []string{"0.8.0", "1.0.0", "0.9.0", "1.1.0"} {
		n := map[string]int{"0.9.0": 4}[release]
		if n == 0 {
			n = 60
		}
		for v := range n {
			at := start.Add(time.Duration(i)*time.Hour + time.Duration(v)*time.Minute/2)
			item := rum.Item{TS: at.UnixMilli(), Route: "/", ViewID: fmt.Sprint(release, v)}
			beacons = append(beacons, &rum.Beacon{ReceivedAt: item.TS, Views: []rum.View{{Item: item, Kind: rum.ViewLoad}},
				Context: rum.Context{App: "shop", Environment: "production", Release: release,
					SessionID: fmt.Sprint(release, "-", v),
					Traffic:   rum.TrafficReal, Weight: rum.FullWeight}})
		}
	}
	o.insert(beacons...)
	all := window{start, start.Add(5 * time.Hour)}
	for filters, want := range map[string][2]string{
		``: {"1.1.0", "1.0.0"},
		`,"filters":[{"key":"release","value":"1.0.0"}]`:                      {"1.0.0", "0.8.0"},
		`,"filters":[{"key":"release","values":["0.8.0","1.1.0"]}]`:           {"1.1.0", "0.8.0"},
		`,"filters":[{"key":"release","operator":"!=","values":["1.0.0"]}]`:   {"1.1.0", "0.8.0"},
		`,"filters":[{"key":"release","values":["0.9.0","1.1.0"]}],"limit":3`: {"1.1.0", "0.9.0"},
	} {
		got := o.ask(`{"queryType":"releases","metric":"verdict"`+filters+`}`, all)
		require.NoError(t, got.Error)
		require.Contains(t, got.Frames[0].Meta.Notices[0].Text,
			fmt.Sprintf("Release %s is compared with %s ", want[0], want[1]), filters)
	}
	require.Contains(t, o.notices(`{"queryType":"releases"}`, window{start.Add(3 * time.Hour), all.to})[0],
		"compare with another time")
	require.Contains(t, o.notices(`{"queryType":"releases","compare":"previous"}`,
		window{start.Add(3 * time.Hour), start.Add(5 * time.Hour)})[0], "Release 1.1.0 is compared with 1.0.0")

	for query, said := range map[string]string{
		`{"queryType":"releases","filters":[{"key":"release","values":["1","2","3"]}]}`: "names 3",
		`{"queryType":"releases","groupBy":"release"}`:                                  "group by other dimensions",
		`{"queryType":"releases","metric":"verdicts"}`:                                  `did you mean "verdict"`,
		`{"queryType":"impact","measure":"por"}`:                                        `did you mean "poor"`,
		`{"queryType":"impact","measure":"poor","metric":"hero"}`:                       "only Web Vitals are rated",
	} {
		require.ErrorContains(t, ask(t, everyone, query).Error, said)
	}
}
