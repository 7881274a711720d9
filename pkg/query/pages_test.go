package query

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/rum"
)

const galleryPages = `"queryType":"pages","app":"gallery"`

// enoughPages are the samples that these tests ask for.
const enoughPages = 20

func isLoad(v thing[rum.View]) bool  { return v.of.Kind == rum.ViewLoad }
func isTimed(v thing[rum.View]) bool { return isLoad(v) && v.of.Duration > 0 }

// measuredOf are the measures of a page load as a browser tells them.
var measuredOf = map[string]func(rum.View) float32{
	"duration": func(v rum.View) float32 { return v.Duration }, "redirect": func(v rum.View) float32 { return v.Redirect },
	"dns": func(v rum.View) float32 { return v.DNS }, "tcp": func(v rum.View) float32 { return v.TCP },
	"tls": func(v rum.View) float32 { return v.TLS }, "request": func(v rum.View) float32 { return v.Request },
	"response": func(v rum.View) float32 { return v.Response }, "dom": func(v rum.View) float32 { return v.DOM },
	"load":         func(v rum.View) float32 { return v.Load },
	"transferSize": func(v rum.View) float32 { return float32(v.TransferSize) },
}

func TestPagesTableEqualsTheNaiveComputation(t *testing.T) {
	g := theGallery(t)
	for _, c := range []struct {
		groupBy []string
		by      []string
		p       float64
		few     bool // some segments have too few samples
	}{
		{nil, []string{"route"}, 75, false}, {[]string{"browser"}, []string{"browser"}, 90, false},
		{[]string{"route", "device", "country"}, []string{"route", "device", "country"}, 75, true},
		{[]string{"navigationType"}, []string{"navigationType"}, 50, true},
	} {
		t.Run(fmt.Sprint(c.by), func(t *testing.T) {
			got := frames(t, fmt.Sprintf(`{%s,"format":"table","compare":"previous","minSamples":%d,"groupBy":%s,`+
				`"percentile":%v}`, galleryPages, enoughPages, jsonOf(c.groupBy), c.p), g.day())
			require.Len(t, got, 1)
			require.Equal(t, data.FrameTypeTable, got[0].Meta.Type)
			rows := rowsOf(got[0])
			requireRanked(t, rows, "count")
			segments := segmentsOf(g.views(g.day()), c.by...)
			earlier := segmentsOf(g.views(g.day().before()), c.by...)
			require.Len(t, rows, len(segments))
			few := 0
			for _, row := range rows {
				name := segmentName(row, c.by...)
				all, before := segments[name], only(earlier[name], isTimed)
				timed := only(all, isTimed)
				require.InDelta(t, weighed(all, everything), row["views"], 1e-9)
				require.InDelta(t, weighed(all, isLoad), row["count"], 1e-9)
				require.InDelta(t, weighed(all, func(v thing[rum.View]) bool { return !isLoad(v) }), row["routeChanges"], 1e-9)
				require.EqualValues(t, len(timed), row["samples"])
				for key, measured := range measuredOf {
					field, change := key, key+"Change"
					if key == "duration" {
						field, change = "value", "change"
					}
					if len(timed) < enoughPages {
						few++
						require.Nil(t, row[field])
						require.Nil(t, row[change])
						continue
					}
					now := percentileOf(timed, c.p/100, measured)
					require.Equal(t, now, row[field], "%s of %s", key, name)
					then := percentileOf(before, c.p/100, measured)
					if len(before) < enoughPages || then == 0 {
						require.Nil(t, row[change])
					} else {
						require.InDelta(t, now/then-1, row[change], 1e-9)
					}
				}
				if value, ok := row["value"].(float64); ok {
					lower, bounded := row["lower"].(float64)
					require.True(t, !bounded || lower <= value)
				}
				requireServerShare(t, timed, row)
			}
			require.Equal(t, c.few, few > 0)
		})
	}
}

func requireServerShare(t *testing.T, timed []thing[rum.View], row map[string]any) {
	t.Helper()
	var server, firstByte float64
	told := only(timed, func(v thing[rum.View]) bool { return v.of.Server > 0 && v.of.TTFB > 0 })
	for _, v := range told {
		server += float64(v.Weight) * float64(v.of.Server)
		firstByte += float64(v.Weight) * float64(v.of.TTFB)
	}
	require.EqualValues(t, len(told), row["serverSamples"])
	if len(told) < enoughPages {
		require.Nil(t, row["serverShare"])
	} else {
		require.InDelta(t, server/firstByte, row["serverShare"], 1e-9)
	}
}

func TestTheChangedPhaseIsTheOneThatChanged(t *testing.T) {
	g := theGallery(t)
	rows := rowsOf(frames(t, `{`+galleryPages+`,"format":"table","compare":"previous","minSamples":100}`, g.day())[0])
	for _, row := range rows {
		if slow := row["route"] == "/shop"; slow {
			require.Greater(t, row["domChange"], 0.5)
			require.Greater(t, row["change"], 0.3)
		} else {
			require.InDelta(t, 0, row["domChange"], 0.3)
		}
		require.InDelta(t, 0, row["requestChange"], 0.3)
	}
	for _, field := range frames(t, `{`+galleryPages+`,"format":"table"}`, g.day())[0].Fields {
		require.NotRegexp(t, `(?i)change$`, field.Name, "nothing to compare with")
	}
}

func TestPhasesOverTimeEqualTheNaiveComputation(t *testing.T) {
	g := theGallery(t)
	got := frames(t, `{`+galleryPages+`,"groupBy":["route"],"minSamples":8,"limit":24}`, g.day())
	require.Len(t, got, 8*len(paintings), "a frame a segment and phase")
	numbers, nulls := 0, 0
	for _, frame := range got {
		require.Equal(t, data.FrameTypeTimeSeriesMulti, frame.Meta.Type)
		require.Len(t, frame.Fields, 2, "alert rules take one value field")
		value := frame.Fields[1]
		require.Equal(t, "value", value.Name)
		require.Equal(t, "ms", value.Config.Unit)
		require.Len(t, value.Labels, 2)
		measured := measuredOf[value.Labels["phase"]]
		timed := only(segmentsOf(g.views(g.day()), "route")[value.Labels["route"]], isTimed)
		step := time.Duration(value.Config.Interval) * time.Millisecond
		for row := range frame.Rows() {
			at := frame.Fields[0].At(row).(time.Time)
			inside := only(timed, func(v thing[rum.View]) bool {
				when := time.UnixMilli(v.TS)
				return !when.Before(at) && when.Before(at.Add(step))
			})
			if len(inside) < 8 {
				require.Nil(t, value.At(row))
				nulls++
				continue
			}
			require.Equal(t, percentileOf(inside, 0.75, measured), *value.At(row).(*float64))
			numbers++
		}
	}
	require.Positive(t, numbers)
	require.Positive(t, nulls)
}

// What an alert rule on one phase gets: a series a segment, its labels the segment's alone.
func TestOneMeasureOfPageLoadsOverTime(t *testing.T) {
	g := theGallery(t)
	for metric, unit := range map[string]string{"duration": "ms", "dns": "ms", "transferSize": "decbytes"} {
		got := frames(t, `{`+galleryPages+`,"metric":"`+metric+`"}`, g.day())
		require.Len(t, got, 1)
		require.Empty(t, got[0].Fields[1].Labels)
		require.Equal(t, unit, got[0].Fields[1].Config.Unit)
		grouped := frames(t, `{`+galleryPages+`,"metric":"`+metric+`","groupBy":["device"]}`, g.day())
		require.Len(t, grouped, 3)
		for _, frame := range grouped {
			require.Equal(t, []string{"device"}, keysOf(frame.Fields[1].Labels))
		}
	}
	all := frames(t, `{`+galleryPages+`}`, g.day())
	require.Len(t, all, 8)
	require.Equal(t, "DNS", all[1].Fields[1].Config.DisplayNameFromDS)
	refused := ask(t, everyone, `{"queryType":"pages","metric":"lcp"}`)
	require.ErrorContains(t, refused.Error, "Valid: phases, duration, redirect, dns")
}

func keysOf(labels data.Labels) []string {
	var keys []string
	for key := range labels {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

func TestASegmentOfPhasesIsThereAsAWhole(t *testing.T) {
	g := theGallery(t)
	for limit, segments := range map[int]int{1: 1, 15: 1, 16: 2} {
		got := frames(t, fmt.Sprintf(`{%s,"groupBy":["route"],"limit":%d}`, galleryPages, limit), g.day())
		require.Len(t, got, 8*segments)
		require.Contains(t, got[0].Meta.Notices[0].Text, fmt.Sprintf("Only the first %d segments", segments))
	}
	rows := rowsOf(frames(t, `{`+galleryPages+`,"format":"table","limit":2}`, g.day())[0])
	require.Len(t, rows, 2)
	require.NotNil(t, rows[1]["value"])
}

func TestOnlyRouteChangesHaveNoPhases(t *testing.T) {
	g := theGallery(t)
	changes := `"filters":[{"key":"navigationType","values":["route-change"]}]`
	for _, row := range rowsOf(frames(t, `{`+galleryPages+`,"format":"table",`+changes+`}`, g.day())[0]) {
		require.Zero(t, row["count"])
		require.Positive(t, row["routeChanges"])
		require.Nil(t, row["value"])
		require.Nil(t, row["dom"])
	}
	got := frames(t, `{`+galleryPages+`,`+changes+`}`, g.day())
	require.Len(t, got, 1)
	require.Zero(t, got[0].Rows())
}
