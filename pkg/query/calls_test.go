package query

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/query/stats"
	"github.com/sightline-rum/sightline/pkg/rum"
	"github.com/sightline-rum/sightline/pkg/store"
)

// call is one request as the store should see it, with its dimensions by key.
type call struct {
	at         time.Time
	dimensions map[string]string
	weight     uint32
	duration   float64
	server     float64
	failed     bool
}

// calls of the blog's environment "calls" on both days: sampled at two rates, some by bots, some of them images, with
// every way to fail, and server times from most but not all.
func (s *shop) calls() (beacons []*rum.Beacon, real []call) {
	random := rand.New(rand.NewPCG(3, 5))
	for i := range 2500 {
		at := s.today.Add(-24*time.Hour + time.Duration(random.Int64N(int64(48*time.Hour)))).Truncate(time.Millisecond)
		c := rum.Context{App: "blog", Environment: "calls", Release: "1.0.0", SessionID: fmt.Sprintf("caller-%d", i/3),
			Browser: browsers[random.IntN(4)], Traffic: rum.TrafficReal, Weight: rum.FullWeight, SDK: "faro"}
		if i%10 == 0 {
			c.Traffic = rum.TrafficBot
		}
		if i%4 == 0 {
			c.Weight = 5000
		}
		r := rum.Request{Item: rum.Item{TS: at.UnixMilli(), Route: routes[random.IntN(4)]}, Host: "api.blog", Kind: "fetch",
			Method: []string{"GET", "POST"}[random.IntN(2)], Endpoint: []string{"/posts/:id", "/pay", "/search"}[random.IntN(3)],
			Status: 200, Duration: float32(math.Round(100*random.ExpFloat64()) + 1)}
		if random.IntN(3) == 0 {
			r.Kind = "xhr"
		}
		if random.IntN(6) == 0 {
			r.Kind, r.ThirdParty, r.Host = "img", true, "cdn.example"
		}
		switch random.IntN(12) {
		case 0:
			r.Status = 503
		case 1:
			r.Status = 404
		case 2:
			r.Status, r.Failure = 0, "network"
		}
		if random.IntN(4) > 0 {
			r.Server = r.Duration * 0.4
		}
		beacons = append(beacons, &rum.Beacon{ReceivedAt: at.UnixMilli(), Context: c, Requests: []rum.Request{r}})
		if c.Traffic != rum.TrafficReal {
			continue
		}
		party, class := "first", fmt.Sprintf("%dxx", r.Status/100)
		if r.ThirdParty {
			party = "third"
		}
		if r.Status == 0 {
			class = r.Failure
		}
		real = append(real, call{at: at, weight: c.Weight, duration: float64(r.Duration), server: float64(r.Server),
			failed: r.Failure != "" || r.Status >= 400, dimensions: map[string]string{"method": r.Method,
				"endpoint": r.Endpoint, "host": r.Host, "kind": r.Kind, "party": party, "statusClass": class,
				"browser": c.Browser, "route": r.Route}})
	}
	return beacons, real
}

// deploys of the blog: one release goes out twice, another environment has its own, and one was set again with another
// title. The release 1.1.0 turns up in production without any.
func (s *shop) deploys() []rum.Deploy {
	at := func(hours int) int64 { return s.today.Add(time.Duration(hours) * time.Hour).UnixMilli() }
	return []rum.Deploy{
		{TS: at(-20), App: "blog", Environment: "production", Release: "1.0.0", Title: "wrong"},
		{TS: at(-20), App: "blog", Environment: "production", Release: "1.0.0", Title: "Blog <b>1.0</b>, at last",
			URL: "https://ci.example/1"},
		{TS: at(6), App: "blog", Environment: "production", Release: "1.0.0"},
		{TS: at(7), App: "blog", Environment: "staging", Release: "2.0.0", Title: "Staging"},
	}
}

// insertMore stores the calls and deploys.
func (s *shop) insertMore(ctx context.Context, to *store.Store) error {
	batch := store.NewBatch()
	beacons, _ := s.calls()
	for _, beacon := range beacons {
		batch.Add(beacon)
	}
	if err := to.Insert(ctx, "calls", batch); err != nil {
		return err
	}
	for i, deploy := range s.deploys() {
		batch := store.NewBatch()
		batch.AddDeploy(deploy)
		if err := to.Insert(ctx, fmt.Sprintf("deploy:%d", i), batch); err != nil {
			return err
		}
	}
	return nil
}

// callsBy sorts calls into segments, the heaviest first.
func callsBy(all []call, w window, keep func(call) bool, keys ...string) (segments [][]call, names [][]string) {
	found := map[string][]call{}
	for _, c := range all {
		if c.at.Before(w.from) || !c.at.Before(w.to) || !keep(c) {
			continue
		}
		var name []string
		for _, key := range keys {
			name = append(name, c.dimensions[key])
		}
		id := strings.Join(name, "\x00")
		found[id] = append(found[id], c)
	}
	weight := func(id string) (sum uint64) {
		for _, c := range found[id] {
			sum += uint64(c.weight)
		}
		return sum
	}
	var ids []string
	for id := range found {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b string) int { return cmp.Or(cmp.Compare(weight(b), weight(a)), cmp.Compare(a, b)) })
	for _, id := range ids {
		segments, names = append(segments, found[id]), append(names, strings.Split(id, "\x00"))
	}
	return segments, names
}

func scripted(c call) bool { return c.dimensions["kind"] == "fetch" || c.dimensions["kind"] == "xhr" }

// callsTold is what a naive computation says about calls.
type callsTold struct {
	count, failed, p75, errorRate, serverShare float64
	low, high                                  float64
	server                                     int
}

func tell(all []call) callsTold {
	var samples []stats.Sample
	var sum, squares, failed, serverTime, serverDuration float64
	var out callsTold
	for _, c := range all {
		w := float64(c.weight)
		samples = append(samples, stats.Sample{Value: c.duration, Weight: c.weight})
		sum, squares = sum+w, squares+w*w
		if c.failed {
			failed += w
		}
		if c.server > 0 {
			out.server++
			serverTime, serverDuration = serverTime+w*c.server, serverDuration+w*c.duration
		}
	}
	n := sum * sum / squares
	out.low, out.high = stats.Wilson(failed/sum*n, n)
	out.count, out.failed, out.errorRate = sum/1000, failed/1000, failed/sum
	out.p75, out.serverShare = stats.Percentile(samples, 0.75), serverTime/serverDuration
	return out
}

const blogCalls = `"queryType":"requests","app":"blog","environment":"calls"`

func TestRequestsTableEqualsTheNaiveComputation(t *testing.T) {
	_, all := seeded.calls()
	for _, c := range []struct {
		groupBy []string
		by      []string
		keep    func(call) bool
	}{
		{nil, []string{"method", "endpoint"}, scripted},
		{[]string{"endpoint"}, []string{"endpoint"}, scripted},
		{[]string{"statusClass", "host"}, []string{"statusClass", "host"}, scripted},
		{[]string{"kind", "party"}, []string{"kind", "party"}, func(call) bool { return true }},
		{[]string{"route", "browser"}, []string{"route", "browser"}, scripted},
	} {
		t.Run(fmt.Sprint(c.by), func(t *testing.T) {
			got := frames(t, fmt.Sprintf(`{%s,"format":"table","minSamples":30,"groupBy":%s}`, blogCalls, jsonOf(c.groupBy)))
			rows := rowsOf(got[0])
			segments, names := callsBy(all, day(), c.keep, c.by...)
			require.Len(t, rows, len(segments))
			for i, row := range rows {
				want := tell(segments[i])
				for j, key := range c.by {
					require.Equal(t, names[i][j], row[key])
				}
				require.EqualValues(t, len(segments[i]), row["samples"])
				require.InDelta(t, want.count, row["count"], 1e-9)
				require.InDelta(t, want.count/86400, row["rate"], 1e-12)
				require.InDelta(t, want.failed, row["failed"], 1e-9)
				require.EqualValues(t, want.server, row["serverSamples"])
				if len(segments[i]) < 30 {
					require.Nil(t, row["value"])
					require.Nil(t, row["errorRate"])
					require.Nil(t, row["serverShare"])
					continue
				}
				require.Equal(t, want.p75, row["value"])
				require.InDelta(t, want.errorRate, row["errorRate"], 1e-12)
				require.InDelta(t, want.low, row["errorRateLower"], 1e-12)
				require.InDelta(t, want.high, row["errorRateUpper"], 1e-12)
				if want.server < 30 {
					require.Nil(t, row["serverShare"])
				} else {
					require.InDelta(t, want.serverShare, row["serverShare"], 1e-9)
				}
			}
		})
	}
}

func TestRequestsAsNumbersAndOverTime(t *testing.T) {
	_, all := seeded.calls()
	for metric, c := range map[string]struct {
		field string
		of    func(callsTold, time.Duration) float64
		zero  bool
	}{
		"duration":    {"value", func(w callsTold, _ time.Duration) float64 { return w.p75 }, false},
		"errorRate":   {"errorRate", func(w callsTold, _ time.Duration) float64 { return w.errorRate }, false},
		"serverShare": {"serverShare", func(w callsTold, _ time.Duration) float64 { return w.serverShare }, false},
		"rate":        {"rate", func(w callsTold, d time.Duration) float64 { return w.count / d.Seconds() }, true},
		"count":       {"count", func(w callsTold, _ time.Duration) float64 { return w.count }, true},
	} {
		t.Run(metric, func(t *testing.T) {
			segments, names := callsBy(all, day(), scripted, "endpoint")
			number := frames(t, `{`+blogCalls+`,"format":"numeric","groupBy":["endpoint"],"metric":"`+metric+`"}`)[0]
			require.Equal(t, data.FrameTypeNumericLong, number.Meta.Type)
			for i, row := range rowsOf(number) {
				require.Equal(t, names[i][0], row["endpoint"])
				require.InDelta(t, c.of(tell(segments[i]), 24*time.Hour), row[c.field], 1e-9)
			}
			require.Equal(t, len(segments), number.Rows())

			// Half an hour in, so that the first step is cut.
			w := window{seeded.today.Add(30 * time.Minute), seeded.today.Add(24 * time.Hour)}
			series := frames(t, `{`+blogCalls+`,"groupBy":["endpoint"],"minSamples":5,"metric":"`+metric+`"}`, w)
			segments, _ = callsBy(all, w, scripted, "endpoint")
			require.Len(t, series, len(segments))
			for i, frame := range series {
				require.Equal(t, data.FrameTypeTimeSeriesMulti, frame.Meta.Type)
				require.Equal(t, c.field, frame.Fields[1].Name)
				require.Equal(t, 24, frame.Rows())
				for row := range frame.Rows() {
					at := frame.Fields[0].At(row).(time.Time)
					step := window{at, at.Add(time.Hour)}
					if at.Before(w.from) {
						step.from = w.from
					}
					got := frame.Fields[1].At(row).(*float64)
					inside, _ := callsBy(segments[i], step, func(call) bool { return true })
					if len(inside) == 0 {
						inside = [][]call{nil}
					}
					want := tell(inside[0])
					switch samples := len(inside[0]); {
					case c.zero && samples == 0:
						require.Zero(t, *got)
					case !c.zero && (samples < 5 || metric == "serverShare" && want.server < 5):
						require.Nil(t, got)
					default:
						require.InDelta(t, c.of(want, step.length()), *got, 1e-9)
					}
				}
			}
		})
	}
}

func TestNoRequestsAreARateOfZero(t *testing.T) {
	nothing := `,"filters":[{"key":"os","values":["BeOS"]}]}`
	for _, metric := range []string{"rate", "count"} {
		rows := rowsOf(frames(t, `{`+blogCalls+`,"format":"numeric","metric":"`+metric+`"`+nothing)[0])
		require.Equal(t, []map[string]any{{metric: 0.0}}, rows)
		got := frames(t, `{`+blogCalls+`,"metric":"`+metric+`"`+nothing)
		require.Equal(t, 24, got[0].Rows())
		require.Zero(t, rowsOf(got[0])[0][metric])
	}
	for _, metric := range []string{"duration", "errorRate", "serverShare"} {
		require.Zero(t, frames(t, `{`+blogCalls+`,"format":"numeric","metric":"`+metric+`"`+nothing)[0].Rows(),
			"a null would page people")
	}
}

func TestAMeasureOfRequestsThatIsNone(t *testing.T) {
	got := ask(t, everyone, `{"queryType":"requests","metric":"lcp"}`)
	require.ErrorContains(t, got.Error, "Valid: duration, errorRate, rate, count, serverShare")
}
