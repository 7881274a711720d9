package query

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/rum"
)

var viewer = Caller{Role: "Viewer"}

// least asks with a threshold of page views for cells.
func least(t testing.TB, views int, caller Caller, json string, windows ...window) backend.DataResponse {
	t.Helper()
	before := runner
	defer func() { runner = before }()
	runner = leastOf(views)
	return ask(t, caller, json, windows...)
}

// cellQuestions are questions that have cells by segment, of every type that puts small ones together.
var cellQuestions = []string{
	`{"queryType":"vitals","app":"shop","metric":"lcp","format":"table"%s}`,
	`{"queryType":"vitals","app":"shop","metric":"inp","format":"table","compare":"previous"%s}`,
	`{"queryType":"vitals","app":"shop","metric":"hero","format":"numeric"%s}`,
	`{"queryType":"vitals","app":"shop","metric":"lcp","format":"timeseries"%s}`,
	`{"queryType":"vitals","app":"shop","metric":"lcp","format":"distribution"%s}`,
	`{"queryType":"vitalsOverview","app":"shop","compare":"previous"%s}`,
	`{"queryType":"requests","app":"shop","format":"table"%s}`,
	`{"queryType":"requests","app":"shop","format":"numeric"%s}`,
	`{"queryType":"requests","app":"shop","format":"timeseries","metric":"rate"%s}`,
	`{"queryType":"errors","app":"shop","format":"table"%s}`,
	`{"queryType":"errors","app":"shop","format":"timeseries"%s}`,
	`{"queryType":"pages","app":"shop","format":"table","compare":"previous"%s}`,
	`{"queryType":"pages","app":"shop","format":"timeseries"%s}`,
	`{"queryType":"resources","app":"shop"%s}`,
	`{"queryType":"actions","app":"shop","format":"table"%s}`,
	`{"queryType":"actions","app":"shop","format":"timeseries"%s}`,
	`{"queryType":"attribution","app":"shop","metric":"lcp"%s}`,
	`{"queryType":"attribution","app":"shop"%s}`,
}

// With a threshold of one view nothing is too small, so that the answers must be those without a threshold.
func TestAThresholdOfOneViewChangesNothing(t *testing.T) {
	for _, question := range cellQuestions {
		for _, more := range []string{"", `,"groupBy":["route","browser"]`, `,"groupBy":["country"],"filters":[{"key":"device","operator":"=","values":["mobile"]}]`} {
			json := fmt.Sprintf(question, more)
			plain, limited := ask(t, viewer, json), least(t, 1, viewer, json)
			require.NoError(t, plain.Error, json)
			require.NoError(t, limited.Error, json)
			require.Equal(t, saidBy(plain.Frames), saidBy(limited.Frames), json)
		}
	}
}

// saidBy is what an answer says, without what it asked.
func saidBy(frames data.Frames) []string {
	var all []string
	for _, frame := range frames {
		for _, row := range rowsOf(frame) {
			all = append(all, fmt.Sprint(row, frame.Fields[len(frame.Fields)-1].Labels))
		}
	}
	return all
}

// cell is one of an answer: whose it is by dimension, and, of a series, when.
type cell struct {
	of   map[string]string
	from time.Time
	step time.Duration
}

// cellsOf finds the cells of an answer in its labels and in its columns.
func cellsOf(frames data.Frames, keys []string) (cells []cell) {
	for _, frame := range frames {
		for row := range frame.Rows() {
			c := cell{of: map[string]string{}}
			null := false
			for _, field := range frame.Fields {
				if slices.Contains(keys, field.Name) {
					c.of[field.Name] = field.At(row).(string)
				}
				for key, value := range field.Labels {
					c.of[key] = value
				}
				value, ok := field.ConcreteAt(row)
				if at, isTime := value.(time.Time); isTime && field.Name == "time" {
					c.from = at
				} else if frame.Meta.Type == data.FrameTypeTimeSeriesMulti {
					c.step = time.Duration(field.Config.Interval) * time.Millisecond
					null = !ok
				}
			}
			if !null {
				cells = append(cells, c)
			}
		}
	}
	return cells
}

// viewsOf counts the page views of a cell by a statement of its own. Those of fewName are of all segments that are not
// shown by themselves.
func viewsOf(t testing.TB, kind *queryType, metric string, keys []string, c cell, scope string, shown []cell) uint64 {
	from := string(kind.table)
	if kind.table == tableAttribution {
		from = string(tableVitals)
	}
	var exprs []string
	for _, key := range keys {
		d, err := dimensionByKey(kind.table, key)
		require.NoError(t, err)
		exprs = append(exprs, "toString("+d.expr+")")
	}
	if _, ok := rum.MetricByKey(metric); ok || metric == "hero" {
		scope += " AND metric = '" + metric + "'"
	}
	if kind.name == "requests" {
		scope += " AND kind IN ('fetch', 'xhr')"
	}
	in := "1"
	if c.step > 0 {
		in = fmt.Sprintf("ts >= fromUnixTimestamp64Milli(%d) AND ts < fromUnixTimestamp64Milli(%d)", c.from.UnixMilli(), c.from.Add(c.step).UnixMilli())
	}
	segment := "[" + strings.Join(exprs, ", ") + "]"
	written := func(c cell) string {
		want := make([]string, 0, len(keys))
		for _, key := range keys {
			want = append(want, "'"+strings.ReplaceAll(c.of[key], "'", "\\'")+"'")
		}
		return "[" + strings.Join(want, ", ") + "]"
	}
	condition := "segment = " + written(c)
	if len(keys) == 0 {
		segment, condition = "['']", "1"
	} else if c.of[keys[0]] == fewName {
		var names []string
		for _, one := range shown {
			names = append(names, written(one))
		}
		condition = "segment NOT IN (" + strings.Join(names, ", ") + ")"
	}
	var views uint64
	require.NoError(t, runner.Conn.QueryRow(context.Background(), fmt.Sprintf(`SELECT sum(n) FROM (
		SELECT %s AS segment, uniqExactIf((session_id, view_id), %s) AS n
		FROM %s WHERE %s GROUP BY segment) WHERE %s`, segment, in, from, scope, condition)).Scan(&views), condition)
	return views
}

// Questions, dimensions, thresholds, windows and filters are drawn at random, the same in every run.
func TestNoCellOfAnAnswerIsBelowTheThreshold(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 5))
	dimensions := []string{"route", "browser", "country", "device", "release"}
	checked, merged := 0, 0
	for i := range 2 * len(cellQuestions) {
		question := cellQuestions[i%len(cellQuestions)]
		random.Shuffle(len(dimensions), func(i, j int) { dimensions[i], dimensions[j] = dimensions[j], dimensions[i] })
		keys := slices.Clone(dimensions[:random.IntN(4)])
		threshold := []int{2, 5, 12, 40}[random.IntN(4)]
		w := window{from: seeded.today, to: seeded.today.Add(time.Duration(1+random.IntN(24)) * time.Hour)}
		scope := fmt.Sprintf("app = 'shop' AND environment = 'production' AND traffic = 'real' AND "+
			"ts >= fromUnixTimestamp64Milli(%d) AND ts < fromUnixTimestamp64Milli(%d)", w.from.UnixMilli(), w.to.UnixMilli())
		more := fmt.Sprintf(`,"groupBy":["%s"]`, strings.Join(keys, `","`))
		if random.IntN(2) == 0 {
			device := devices[random.IntN(len(devices))]
			more += `,"filters":[{"key":"device","operator":"=","values":["` + device + `"]}]`
			scope += " AND device = '" + device + "'"
		}
		json := fmt.Sprintf(question, more)
		got := least(t, threshold, viewer, json, w)
		require.NoError(t, got.Error, json)
		asked, err := read(backend.DataQuery{JSON: []byte(json), TimeRange: backend.TimeRange{From: w.from, To: w.to}}, runner.Settings)
		require.NoError(t, err)
		if asked.kind.name == "attribution" && asked.Metric == attributeAll {
			continue // its rows are of several metrics, each of which is asked about by itself
		}
		keys = byDefault(asked, keys)
		cells := cellsOf(got.Frames, keys)
		random.Shuffle(len(cells), func(i, j int) { cells[i], cells[j] = cells[j], cells[i] })
		for _, c := range cells[:min(len(cells), 12)] {
			n := viewsOf(t, asked.kind, asked.Metric, keys, c, scope, cells)
			if n == 0 && c.step > 0 {
				continue // nothing happened then
			}
			require.GreaterOrEqual(t, n, uint64(threshold), "%s: %v", json, c)
			checked++
			if len(keys) > 0 && c.of[keys[0]] == fewName {
				merged++
			}
		}
	}
	require.Greater(t, checked, 120)
	require.Positive(t, merged)
}

// byDefault are the dimensions of an answer's cells: those that were asked for, or the type's own.
func byDefault(q *question, keys []string) []string {
	own := map[string][]string{"errors": {"fingerprint"}, "requests": {"method", "endpoint"}, "pages": {"route"},
		"resources": {"host", "kind", "party"}, "actions": {"target", "route"}}[q.kind.name]
	switch {
	case q.kind.name == "attribution" && len(keys) == 0:
		return []string{"route", "element"}
	case q.kind.name == "attribution":
		return append(keys, "element")
	case len(keys) == 0 && q.Format == formatTable:
		return own
	}
	return keys
}

// leastOf is the runner with a threshold of page views for cells.
func leastOf(views int) *Runner {
	limited := *runner
	limited.Settings.MinViews = views
	return &limited
}

func TestSmallSegmentsAreMergedIntoOneWithAPercentileOfItsOwn(t *testing.T) {
	json := `{"queryType":"vitals","app":"shop","metric":"lcp","format":"table","groupBy":["route","browser"]}`
	const threshold = 40
	plain := rowsOf(ask(t, viewer, json).Frames[0])
	got := least(t, threshold, viewer, json)
	require.NoError(t, got.Error)
	limited := rowsOf(got.Frames[0])
	samples, large := int64(0), 0
	for _, row := range plain {
		samples += row["samples"].(int64)
		if row["samples"].(int64) >= threshold {
			large++
		}
	}
	require.Positive(t, large)
	require.Less(t, large, len(plain), "the seed has small segments")
	require.Contains(t, []int{large, large + 1}, len(limited), "the smallest may have joined the small ones")
	merged := limited[slices.IndexFunc(limited, func(row map[string]any) bool { return row["route"] == fewName })]
	require.Equal(t, fewName, merged["browser"])
	for _, row := range limited {
		samples -= row["samples"].(int64)
	}
	require.Zero(t, samples, "nothing is lost")

	var value float64
	require.NoError(t, runner.Conn.QueryRow(t.Context(), fmt.Sprintf(`SELECT quantileExactWeighted(0.75)(value, weight) FROM vitals FINAL
		WHERE app = 'shop' AND environment = 'production' AND traffic = 'real' AND metric = 'lcp' AND toDate(ts) = '%[1]s'
		AND (route, browser) IN (SELECT route, browser FROM vitals WHERE app = 'shop' AND environment = 'production' AND traffic = 'real'
		  AND metric = 'lcp' AND toDate(ts) = '%[1]s' GROUP BY route, browser HAVING uniqExact(view_id) < %[2]d)`,
		seeded.today.Format(time.DateOnly), threshold)).Scan(&value))
	require.InDelta(t, value, merged["value"], 1e-9)
	require.Contains(t, got.Frames[0].Meta.Notices[len(got.Frames[0].Meta.Notices)-1].Text, "fewer than 40 page views")
}

func TestAFilterThatLeavesTooFewPageViewsIsAnsweredWithNothing(t *testing.T) {
	for _, question := range cellQuestions {
		json := fmt.Sprintf(question, `,"filters":[{"key":"device","operator":"=","values":["mobile"]},{"key":"route","operator":"=","values":["/cart"]}]`)
		got := least(t, 10_000, viewer, json)
		require.NoError(t, got.Error, json)
		require.NotEmpty(t, got.Frames, json)
		for _, frame := range got.Frames {
			require.Zero(t, frame.Rows(), json)
			require.NotEmpty(t, frame.Meta.Type, json)
		}
		require.Len(t, got.Frames[0].Meta.Notices, 1, json)
		require.Contains(t, got.Frames[0].Meta.Notices[0].Text, "Fewer than 10000 page views match", json)
	}
}

func TestWhoMaySeeSessionsSeesEveryCell(t *testing.T) {
	allowed := everyone
	allowed.SmallSegments = true
	for _, question := range cellQuestions {
		json := fmt.Sprintf(question, `,"groupBy":["route","browser"]`)
		require.Equal(t, saidBy(ask(t, allowed, json).Frames), saidBy(least(t, 10_000, allowed, json).Frames), json)
	}
}
