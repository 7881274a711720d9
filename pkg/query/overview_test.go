package query

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/rum"
)

// naiveOverview is what a segment's overview should say, from the events of all its metrics.
func naiveOverview(events []event, p float64, enough int) (pass string, count float64, metrics map[string][]event) {
	metrics = map[string][]event{}
	for _, e := range events {
		if _, ok := rum.MetricByKey(e.metric); ok {
			metrics[e.metric] = append(metrics[e.metric], e)
		}
	}
	good := map[string]bool{}
	for key, of := range metrics {
		_, sum, _ := samplesOf(of)
		count = max(count, sum/1000)
		m, _ := rum.MetricByKey(key)
		if len(of) >= enough {
			good[key] = percentile(of, p) <= m.Good
		}
	}
	lcp, lcpKnown := good["lcp"]
	cls, clsKnown := good["cls"]
	inp, inpKnown := good["inp"]
	switch {
	case lcpKnown && !lcp, clsKnown && !cls, inpKnown && !inp:
		pass = "fail"
	case lcpKnown && clsKnown:
		pass = "pass"
	default:
		pass = "not enough data"
	}
	return pass, count, metrics
}

func realOfShop(e event) bool {
	return e.within("shop", "production") && e.dimensions["traffic"] == rum.TrafficReal && e.metric != "hero"
}

func TestVitalsOverviewEqualsTheNaiveComputation(t *testing.T) {
	verdicts := map[any]int{}
	for _, c := range []struct {
		groupBy []string
		p       float64
		enough  int
	}{
		{nil, 75, 10}, {[]string{"route"}, 75, 10}, {[]string{"route", "browser", "device"}, 50, 14},
		{[]string{"route", "country"}, 20, 20},
	} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			got := frames(t, jsonOf(map[string]any{"queryType": "vitalsOverview", "groupBy": c.groupBy, "percentile": c.p,
				"minSamples": c.enough, "compare": "previous"}))
			require.Len(t, got, 1)
			rows := rowsOf(got[0])
			segments, names := bySegment(kept(seeded.measured(), day(), realOfShop), c.groupBy...)
			before, beforeNames := bySegment(kept(seeded.measured(), day().before(), realOfShop), c.groupBy...)
			require.Len(t, rows, len(segments))
			require.True(t, slices.IsSortedFunc(rows, func(a, b map[string]any) int {
				return cmp.Compare(b["count"].(float64), a["count"].(float64))
			}), "the most traffic first")
			for _, row := range rows {
				var name []string
				for _, key := range c.groupBy {
					name = append(name, row[key].(string))
				}
				same := func(n []string) bool { return strings.Join(n, "\x00") == strings.Join(name, "\x00") }
				pass, count, metrics := naiveOverview(segments[slices.IndexFunc(names, same)], c.p/100, c.enough)
				require.Equal(t, pass, row["pass"])
				require.InDelta(t, count, row["count"], 1e-9)
				verdicts[pass]++
				var earlier map[string][]event
				if i := slices.IndexFunc(beforeNames, same); i >= 0 {
					_, _, earlier = naiveOverview(before[i], c.p/100, c.enough)
				}
				for _, m := range rum.Metrics {
					events := metrics[m.Key]
					require.EqualValues(t, len(events), row[m.Key+"Samples"])
					if len(events) < c.enough {
						require.Nil(t, row[m.Key])
						require.Nil(t, row[m.Key+"Good"])
						require.Nil(t, row[m.Key+"Change"])
						continue
					}
					value := percentile(events, c.p/100)
					require.Equal(t, value, row[m.Key])
					_, sum, _ := samplesOf(events)
					shares := map[string]float64{}
					for _, e := range events {
						shares[m.Rating(e.value)] += float64(e.weight) / sum
					}
					require.InDelta(t, shares[rum.RatingGood], row[m.Key+"Good"], 1e-12)
					require.InDelta(t, shares[rum.RatingNeedsImprovement], row[m.Key+"NeedsImprovement"], 1e-12)
					require.InDelta(t, shares[rum.RatingPoor], row[m.Key+"Poor"], 1e-12)
					if was := earlier[m.Key]; len(was) >= c.enough {
						if base := percentile(was, c.p/100); base > 0 {
							require.InDelta(t, value/base-1, row[m.Key+"Change"], 1e-12)
						}
					} else {
						require.Nil(t, row[m.Key+"Change"])
					}
				}
			}
		})
	}
	require.Len(t, verdicts, 3, "the seed has segments of every verdict: %v", verdicts)
}

func TestAnOverviewIsCutToTheSegmentsWithTheMostTraffic(t *testing.T) {
	all := rowsOf(frames(t, `{"queryType":"vitalsOverview","groupBy":["route","browser"]}`)[0])
	cut := frames(t, `{"queryType":"vitalsOverview","groupBy":["route","browser"],"limit":3}`)[0]
	require.Equal(t, all[:3], rowsOf(cut))
	require.Contains(t, cut.Meta.Notices[0].Text, "Only the first 3 segments")
}

func TestAVerdictNeedsLCPAndCLS(t *testing.T) {
	q := question{enough: 10}
	measured := func(value float64) ranked { return ranked{samples: 10, value: value} }
	few := ranked{samples: 9, value: 1e6}
	for name, c := range map[string]struct {
		vitals map[string]ranked
		want   string
	}{
		"all good": {
			map[string]ranked{"lcp": measured(2500), "inp": measured(200), "cls": measured(0.1)}, "pass"},
		"one bad": {
			map[string]ranked{"lcp": measured(2501), "inp": measured(200), "cls": measured(0.1)}, "fail"},
		"nobody interacted":      {map[string]ranked{"lcp": measured(2500), "cls": measured(0.1)}, "pass"},
		"too few interactions":   {map[string]ranked{"lcp": measured(2500), "inp": few, "cls": measured(0)}, "pass"},
		"no LCP":                 {map[string]ranked{"inp": measured(10), "cls": measured(0)}, "not enough data"},
		"no LCP and a bad CLS":   {map[string]ranked{"cls": measured(0.3)}, "fail"},
		"a bad FCP is no matter": {map[string]ranked{"lcp": measured(1), "cls": measured(0), "fcp": measured(9999)}, "pass"},
		"nothing":                {nil, "not enough data"},
	} {
		require.Equal(t, c.want, q.verdict(c.vitals), name)
	}
}

// The blog's last deploy is at 6:00: what came after it is held against as long before.
func TestComparingAroundADeploy(t *testing.T) {
	at := seeded.today.Add(6 * time.Hour)
	blog := func(metric string) func(event) bool {
		return func(e event) bool {
			return e.metric == metric && e.within("blog", "production") && e.dimensions["traffic"] == rum.TrafficReal
		}
	}
	for name, c := range map[string]struct{ asked, after window }{
		"a deploy in the window": {
			window{seeded.today, seeded.today.Add(24 * time.Hour)}, window{at, at.Add(18 * time.Hour)}},
		"a deploy before the window": {
			window{at.Add(3 * time.Hour), at.Add(15 * time.Hour)}, window{at, at.Add(12 * time.Hour)}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, query := range []string{`{"format":"table","metric":"ttfb"`, `{"queryType":"vitalsOverview"`} {
				frame := frames(t, query+`,"app":"blog","minSamples":1,"compare":"deploy"}`, c.asked)[0]
				row := rowsOf(frame)[0]
				value, change := row["value"], row["change"]
				if strings.Contains(query, "Overview") {
					value, change = row["ttfb"], row["ttfbChange"]
				}
				after := percentile(kept(seeded.measured(), c.after, blog("ttfb")), 0.75)
				before := percentile(kept(seeded.measured(), c.after.before(), blog("ttfb")), 0.75)
				require.Equal(t, after, value)
				require.InDelta(t, after/before-1, change, 1e-12)
				require.Contains(t, frame.Meta.Notices[0].Text, "Deploy of 1.0.0, "+at.Format(time.RFC3339))
			}
		})
	}
}

func TestComparingAroundAFirstSeenRelease(t *testing.T) {
	frame := frames(t, `{"format":"table","compare":"deploy"}`)[0]
	seen := firstSeen("shop", "production", "1.1.0")
	require.Contains(t, frame.Meta.Notices[0].Text, "Release 1.1.0 first seen, "+seen.Format(time.RFC3339))

	none := frames(t, `{"format":"table","compare":"deploy","environment":"nowhere"}`)[0]
	require.Contains(t, none.Meta.Notices[0].Text, "there is nothing to compare with")
}

func TestComparingWithAWindowOfItsOwn(t *testing.T) {
	before := window{seeded.today.Add(-10 * time.Hour), seeded.today.Add(-7 * time.Hour)}
	rows := rowsOf(frames(t, fmt.Sprintf(`{"queryType":"vitalsOverview","minSamples":1,"compare":{"from":%d,"to":"%s"}}`,
		before.from.UnixMilli(), before.to.Format(time.RFC3339)))[0])
	now := percentile(kept(seeded.measured(), day(), production("lcp")), 0.75)
	was := percentile(kept(seeded.measured(), before, production("lcp")), 0.75)
	require.InDelta(t, now/was-1, rows[0]["lcpChange"], 1e-12)
}
