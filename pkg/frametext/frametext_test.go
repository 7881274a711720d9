package frametext

import (
	"bytes"
	"encoding/json"
	"flag"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "rewrite the golden files from what is printed now")

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// vitalsTable is what a table of p75 by route looks like: the last segment has too few samples.
func vitalsTable() *data.Frame {
	value := data.NewField("value", nil, []*float64{ptr(3120.5), ptr(812), nil})
	value.Config = &data.FieldConfig{DisplayNameFromDS: "LCP p75", Unit: "ms", NoValue: "not enough data", Thresholds: &data.ThresholdsConfig{
		Mode: data.ThresholdsModeAbsolute,
		Steps: []data.Threshold{
			data.NewThreshold(math.Inf(-1), "green", ""),
			data.NewThreshold(2500, "yellow", ""),
			data.NewThreshold(4000, "red", ""),
		},
	}}
	good := data.NewField("good", nil, []*float64{ptr(0.4123), ptr(0.98), nil})
	good.Config = &data.FieldConfig{Unit: "percentunit"}
	frame := data.NewFrame("",
		data.NewField("route", nil, []string{"/checkout", "/products/{id}", "/account/orders/{order}/returns/{return}"}),
		value,
		data.NewField("samples", nil, []int64{12040, 310, 7}),
		good,
		data.NewField("lastSeen", nil, []time.Time{noon, noon.Add(-90 * time.Second), noon.Add(-time.Hour)}),
	)
	frame.Meta = &data.FrameMeta{Type: data.FrameTypeTable, Notices: []data.Notice{
		{Severity: data.NoticeSeverityWarning, Text: "Only the 3 largest of 12 segments are shown."},
	}}
	return frame
}

// lcpSeries is one series of a multi answer, with a gap in it and a last value that is missing.
func lcpSeries(browser string, values ...*float64) *data.Frame {
	times := make([]time.Time, len(values))
	for i := range times {
		times[i] = noon.Add(time.Duration(i) * time.Minute)
	}
	value := data.NewField("value", data.Labels{"browser": browser, "device": "mobile"}, values)
	value.Config = &data.FieldConfig{Unit: "ms"}
	frame := data.NewFrame("", data.NewField("time", nil, times), value)
	frame.Meta = &data.FrameMeta{Type: data.FrameTypeTimeSeriesMulti, Notices: []data.Notice{
		{Severity: data.NoticeSeverityInfo, Text: "Hours before 11:00 come from a roll-up."},
	}}
	return frame
}

func TestWrite(t *testing.T) {
	lcp := data.Frames{
		lcpSeries("Chrome", ptr(900), ptr(1200), nil, ptr(2400), ptr(1800)),
		lcpSeries("Safari", ptr(700), ptr(700), ptr(710), ptr(690), nil),
	}
	empty := data.NewFrame("", data.NewField("route", nil, []string{}), data.NewField("value", nil, []*float64{}))
	empty.Meta = &data.FrameMeta{Type: data.FrameTypeTable}

	for name, c := range map[string]struct {
		frames  data.Frames
		options Options
	}{
		"table":        {data.Frames{vitalsTable()}, Options{}},
		"table-narrow": {data.Frames{vitalsTable()}, Options{Width: 72}},
		"table-cut":    {data.Frames{wideTable()}, Options{Width: 80}},
		"table-colour": {data.Frames{vitalsTable()}, Options{Colour: true}},
		"series":       {lcp, Options{}},
		"series-zone":  {data.Frames{vitalsTable()}, Options{Location: time.FixedZone("CET", 3600)}},
		"mixed":        {append(data.Frames{vitalsTable()}, lcp...), Options{}},
		"nothing":      {data.Frames{empty}, Options{}},
		"no-frames":    {nil, Options{}},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			require.NoError(t, Write(&out, c.frames, c.options))
			golden(t, name, out.String())
		})
	}
}

func TestSeriesAreNamedWhereLabelsDoNotTellThemApart(t *testing.T) {
	a, b := lcpSeries("Chrome", ptr(900), ptr(1000)), lcpSeries("Chrome", ptr(40), ptr(50))
	a.Fields[1].Config.DisplayNameFromDS, b.Fields[1].Config.DisplayNameFromDS = "LCP p75", "INP p75"
	var out bytes.Buffer
	require.NoError(t, Write(&out, data.Frames{a}, Options{}))
	require.NotContains(t, out.String(), "LCP p75")
	out.Reset()
	require.NoError(t, Write(&out, data.Frames{a, b}, Options{}))
	require.Contains(t, out.String(), "LCP p75")
	require.Contains(t, out.String(), "INP p75")
}

// wideTable has more columns than a terminal, and text that says more than its first words.
func wideTable() *data.Frame {
	fields := []*data.Field{
		data.NewField("kind", nil, []string{"new"}),
		data.NewField("message", nil, []string{"undefined is not an object (evaluating 'wallets[name].token')"}),
	}
	for _, name := range []string{"observed", "expected", "ratio", "score", "sessions", "release", "routes", "segments"} {
		fields = append(fields, data.NewField(name, nil, []int64{1234}))
	}
	return data.NewFrame("", fields...)
}

func TestLinesFitTheTerminal(t *testing.T) {
	frames := data.Frames{vitalsTable()}
	for range 60 {
		frames = append(frames, lcpSeries("Chrome", ptr(900), ptr(1200), nil, ptr(2400), ptr(1800)))
	}
	for _, width := range []int{72, 80, 100, 200} {
		var out bytes.Buffer
		require.NoError(t, Write(&out, frames, Options{Width: width, Colour: true}))
		for line := range strings.Lines(out.String()) {
			require.LessOrEqual(t, text.StringWidthWithoutEscSequences(strings.TrimRight(line, "\n")), width, line)
		}
	}
}

func TestUnits(t *testing.T) {
	for _, c := range []struct {
		number float64
		unit   string
		want   string
	}{
		{0, "ms", "0 ms"},
		{312.4, "ms", "312 ms"},
		{4.56789, "ms", "4.57 ms"},
		{3120.5, "ms", "3.12 s"},
		{180_000, "ms", "3 min"},
		{1.5, "s", "1.5 s"},
		{0.0834, "none", "0.0834"},
		{0.25, "", "0.25"},
		{12040, "short", "12,040"},
		{12040.7, "short", "12,041"},
		{0.4123, "percentunit", "41.2 %"},
		{41.23, "percent", "41.2 %"},
		{512, "bytes", "512 B"},
		{1_450_000, "bytes", "1.45 MB"},
		{12, "reqps", "12/s"},
	} {
		require.Equal(t, c.want, withUnit(c.number, c.unit), "%v %s", c.number, c.unit)
	}
}

func TestOddCellsStayOnOneShortLine(t *testing.T) {
	frame := data.NewFrame("",
		data.NewField("message", nil, []string{"TypeError:\n\tx is  undefined" + strings.Repeat(" at f", 100)}),
		data.NewField("stack", nil, []json.RawMessage{json.RawMessage("[{\"line\": 1}]")}),
		data.NewField("handled", nil, []bool{true}),
		data.NewField("release", nil, []*string{nil}),
		data.NewField("share", nil, []float64{math.NaN()}),
	)
	var out bytes.Buffer
	require.NoError(t, Write(&out, data.Frames{frame}, Options{}))
	require.Len(t, strings.Split(strings.TrimRight(out.String(), "\n"), "\n"), 2)
	require.Contains(t, out.String(), "TypeError: x is undefined")
	require.Contains(t, out.String(), "…")
	require.Contains(t, out.String(), "yes")
	require.Equal(t, 2, strings.Count(out.String(), missing))
}

func golden(t *testing.T, name, got string) {
	path := filepath.Join("testdata", name+".txt")
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}

func ptr(v float64) *float64 { return &v }
