package query

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/rum"
)

// slowCall is one request as plain Go sees it.
type slowCall struct {
	session, route, release, kind, trace string
	at                                   time.Time
	duration                             float32
	ranked                               bool // by somebody real, in production
}

// waits fills a store with visits whose calls are of every kind that counts for the ranking or does not.
func waits(own *ownStore, start time.Time) []slowCall {
	random := rand.New(rand.NewPCG(7, 11))
	var beacons []*rum.Beacon
	var all []slowCall
	for visit := range 300 {
		c := rum.Context{App: "shop", Environment: "production", SessionID: fmt.Sprintf("visit-%03d", visit),
			Traffic: rum.TrafficReal, Weight: rum.FullWeight, Release: []string{"1.0.0", "1.1.0"}[random.IntN(2)]}
		switch {
		case visit%11 == 0:
			c.Traffic = rum.TrafficBot
		case visit%13 == 0:
			c.Environment = "staging"
		}
		b := &rum.Beacon{ReceivedAt: start.UnixMilli(), Context: c}
		for n := range random.IntN(6) {
			at := start.Add(time.Duration(random.Int64N(int64(2*time.Hour))) - time.Hour).Truncate(time.Millisecond)
			r := rum.Request{Kind: []string{"fetch", "xhr", "img", "script"}[random.IntN(4)], Method: "GET", Status: 200,
				Host: "api.shop", Path: "/pay", Endpoint: "/pay", Duration: float32(1 + random.IntN(5000))}
			r.TS, r.ViewID, r.Route = at.UnixMilli(), fmt.Sprintf("%s-%d", c.SessionID, n), routes[random.IntN(len(routes))]
			trace := fmt.Sprintf("%032x", 1+random.Uint64())
			switch random.IntN(3) {
			case 0:
				r.TraceID = trace
			case 1:
				r.TraceID, r.Unsampled, trace = trace, true, ""
			default:
				trace = ""
			}
			b.Requests = append(b.Requests, r)
			all = append(all, slowCall{session: c.SessionID, route: r.Route, release: c.Release, kind: r.Kind, trace: trace,
				at: at, duration: r.Duration, ranked: c.Traffic == rum.TrafficReal && c.Environment == "production"})
		}
		beacons = append(beacons, b)
	}
	own.insert(beacons...)
	return all
}

func TestSessionsByTheirSlowestCallEqualTheNaiveComputation(t *testing.T) {
	own, start := newOwnStore(t), hourAgo()
	calls := waits(own, start)
	within := window{start.Add(-30 * time.Minute), start.Add(30 * time.Minute)}
	visited := func(session, route string) bool {
		return slices.ContainsFunc(calls, func(c slowCall) bool { return c.session == session && c.route == route })
	}
	for filters, keep := range map[string]func(slowCall) bool{
		``:                                       func(slowCall) bool { return true },
		`{"key":"route","values":["/checkout"]}`: func(c slowCall) bool { return c.route == "/checkout" },
		`{"key":"route","operator":"!=","values":["/checkout"]}`: func(c slowCall) bool {
			return !visited(c.session, "/checkout")
		},
		`{"key":"release","operator":"=~","values":["1\\.1.*"]}`: func(c slowCall) bool { return c.release == "1.1.0" },
	} {
		slowest := map[string]slowCall{}
		for _, c := range calls {
			if c.ranked && (c.kind == "fetch" || c.kind == "xhr") && !c.at.Before(within.from) && c.at.Before(within.to) &&
				keep(c) && c.duration > slowest[c.session].duration {
				slowest[c.session] = c
			}
		}
		want := make([]slowCall, 0, len(slowest))
		for _, c := range slowest {
			want = append(want, c)
		}
		slices.SortFunc(want, func(a, b slowCall) int { return cmp.Compare(b.duration, a.duration) })
		require.Greater(t, len(want), 20, filters)

		rows := own.rows(`{"queryType":"sessions","metric":"slowestRequest","limit":5000,"filters":[`+filters+`]}`, within)
		require.Len(t, rows, len(want), filters)
		for i, row := range rows {
			c := slowest[row["sessionId"].(string)]
			require.EqualValues(t, want[i].duration, row["slowestRequest"], "%s, place %d", filters, i)
			require.EqualValues(t, c.duration, row["slowestRequest"], filters)
			if c.trace == "" {
				require.Nil(t, row["traceId"], "no trace that was recorded")
			} else {
				require.Equal(t, c.trace, row["traceId"])
			}
		}

		cut := own.rows(`{"queryType":"sessions","metric":"slowestRequest","limit":5,"filters":[`+filters+`]}`, within)
		require.Equal(t, rows[:5], cut, filters)
	}
}

func TestTheSlowestCallIsAColumnOfItsOwnRankingAlone(t *testing.T) {
	own, start := newOwnStore(t), hourAgo()
	waits(own, start)
	require.NotContains(t, own.rows(`{"queryType":"sessions"}`, around(start))[0], "slowestRequest")
	require.Contains(t, own.rows(`{"queryType":"sessions","metric":"slowestRequest"}`, around(start))[0], "slowestRequest")
	got := own.ask(`{"queryType":"sessions","metric":"lcp"}`, around(start))
	require.ErrorContains(t, got.Error, `unknown metric "lcp"`)
	require.ErrorContains(t, got.Error, "score, slowestRequest")
}
