package query

import (
	"fmt"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/rum"
)

const galleryResources = `"queryType":"resources","app":"gallery"`

func viewOf[T any](one thing[T]) string {
	if one.ViewID == "" {
		return ""
	}
	return one.SessionID + "\x00" + one.ViewID
}

// carried is what these resources weigh, each counted by its weight.
func carried(all []thing[rum.Request]) (bytes float64) {
	for _, r := range all {
		bytes += float64(r.Weight) * float64(r.of.TransferSize) / rum.FullWeight
	}
	return bytes
}

func TestResourcesTableEqualsTheNaiveComputation(t *testing.T) {
	g := theGallery(t)
	duration := func(r rum.Request) float32 { return r.Duration }
	for _, c := range []struct{ groupBy, by []string }{
		{nil, []string{"host", "kind", "party"}}, {[]string{"party"}, []string{"party"}},
		{[]string{"route", "host"}, []string{"route", "host"}}, {[]string{"kind", "browser"}, []string{"kind", "browser"}},
	} {
		t.Run(fmt.Sprint(c.by), func(t *testing.T) {
			got := frames(t, fmt.Sprintf(`{%s,"minSamples":150,"compare":"previous","groupBy":%s}`, galleryResources,
				jsonOf(c.groupBy)), g.day())
			require.Len(t, got, 1)
			require.Equal(t, data.FrameTypeTable, got[0].Meta.Type)
			rows := rowsOf(got[0])
			requireRanked(t, rows, "count")
			segments := segmentsOf(g.fetched(g.day()), c.by...)
			earlier := segmentsOf(g.fetched(g.day().before()), c.by...)
			require.Len(t, rows, len(segments))
			for _, row := range rows {
				name := segmentName(row, c.by...)
				all, before := segments[name], earlier[name]
				third := only(all, func(r thing[rum.Request]) bool { return r.of.ThirdParty })
				sized := only(all, func(r thing[rum.Request]) bool {
					return r.of.Cache != "" && (r.of.TransferSize > 0 || r.of.DecodedSize > 0)
				})
				_, _, views := distinct(all, viewOf)
				count, perView := weighed(all, everything), carried(all)/views
				require.InDelta(t, count, row["count"], 1e-9)
				require.EqualValues(t, len(all), row["samples"])
				require.InDelta(t, views, row["views"], 1e-9)
				require.InDelta(t, carried(all), row["bytes"], 1e-3)
				require.InDelta(t, perView, row["bytesPerView"], 1e-6)
				require.InDelta(t, carried(third), row["thirdPartyBytes"], 1e-3)
				require.EqualValues(t, len(sized), row["sizedSamples"])
				if len(sized) < 150 {
					require.Nil(t, row["cacheShare"])
				} else {
					hits := weighed(sized, func(r thing[rum.Request]) bool { return r.of.Cache == "cache" })
					require.InDelta(t, hits/weighed(sized, everything), row["cacheShare"], 1e-9)
				}
				if len(all) < 150 {
					for _, field := range []string{"value", "blockingShare", "thirdPartyShare", "change", "bytesChange"} {
						require.Nil(t, row[field])
					}
					continue
				}
				require.Equal(t, percentileOf(all, 0.75, duration), row["value"])
				blocking := weighed(all, func(r thing[rum.Request]) bool { return r.of.RenderBlocking })
				require.InDelta(t, blocking/count, row["blockingShare"], 1e-9)
				require.InDelta(t, weighed(third, everything)/count, row["thirdPartyShare"], 1e-9)
				if len(before) < 150 {
					require.Nil(t, row["change"])
					continue
				}
				_, _, viewsBefore := distinct(before, viewOf)
				require.InDelta(t, percentileOf(all, 0.75, duration)/percentileOf(before, 0.75, duration)-1, row["change"], 1e-9)
				if carried(before) == 0 {
					require.Nil(t, row["bytesChange"])
				} else {
					require.InDelta(t, perView/(carried(before)/viewsBefore)-1, row["bytesChange"], 1e-9)
				}
			}
		})
	}
}

// Sizes that another origin hides are no cache hits, and what a trace tells of a call's size says nothing of the cache.
func TestWhatIsNotKnownOfTheCacheIsNotAHit(t *testing.T) {
	own, start := newOwnStore(t), hourAgo()
	of := func(host string, r rum.Request) rum.Request {
		r.Item, r.Host, r.Kind = rum.Item{TS: start.UnixMilli(), ViewID: "v"}, host, "script"
		return r
	}
	own.insert(&rum.Beacon{ReceivedAt: start.UnixMilli(),
		Context: rum.Context{App: "shop", Environment: "production", SessionID: "s", Traffic: rum.TrafficReal},
		Requests: []rum.Request{
			of("hidden", rum.Request{Cache: "fullLoad"}), of("hidden", rum.Request{Cache: "cache"}),
			of("traced", rum.Request{DecodedSize: 500}),
			of("own", rum.Request{Cache: "cache", DecodedSize: 500}),
			of("own", rum.Request{Cache: "fullLoad", TransferSize: 500}),
			of("own", rum.Request{Cache: "conditionalFetch", TransferSize: 100, DecodedSize: 500}),
			of("own", rum.Request{Cache: "hit", DecodedSize: 500}),
		}})
	shares := map[string]any{}
	for _, row := range own.rows(`{"queryType":"resources","groupBy":["host"]}`, around(start)) {
		shares[row["host"].(string)] = row["cacheShare"]
	}
	require.Equal(t, map[string]any{"hidden": nil, "traced": nil, "own": 0.5}, shares)
}

func TestChangesOfResourcesNeedSomethingBefore(t *testing.T) {
	g := theGallery(t)
	for _, field := range frames(t, `{`+galleryResources+`}`, g.day())[0].Fields {
		require.NotRegexp(t, `(?i)change$`, field.Name)
	}
	long := window{g.opened.Add(-24 * time.Hour), g.opened}
	for _, row := range rowsOf(frames(t, `{`+galleryResources+`,"compare":"previous"}`, long)[0]) {
		require.Nil(t, row["change"])
		require.Nil(t, row["bytesChange"])
		require.NotNil(t, row["value"])
	}
}

func TestResourcesBeyondTheLimit(t *testing.T) {
	g := theGallery(t)
	all := rowsOf(frames(t, `{`+galleryResources+`,"compare":"previous"}`, g.day())[0])
	got := frames(t, `{`+galleryResources+`,"compare":"previous","limit":3}`, g.day())[0]
	require.Equal(t, all[:3], rowsOf(got))
	require.Contains(t, got.Meta.Notices[0].Text, "Only the first 3 rows")
}
