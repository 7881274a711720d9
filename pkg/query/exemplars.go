package query

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/grafana/grafana-plugin-sdk-go/data"
)

// Exemplars are the worst samples of an answer, with the traces that tell why: of a series, one in each stretch of time
// and segment; of a table, one a row. A query asks for them ("exemplars": true), as they cost another statement or two.
//
// What Grafana draws as exemplars are the rows of a frame whose topic is annotations, by their columns Time and Value
// (TimeSeriesPanel's ExemplarsPlugin; tried in 10.1.5 alone); further columns stand in what a click opens, with their links.
// By their sources, newer versions also want the frame to be named exemplar, or draw its rows as annotations besides.
type exemplar struct {
	key                           []string
	step                          int64
	at                            time.Time
	value                         float64
	session, view, trace, request string
}

// How many exemplars there are at most: dots that touch cannot be clicked.
const (
	exemplarSteps = 40
	exemplarsMost = 200

	// exemplarTries are the worst samples of each stretch among which one with a trace is looked for, where samples
	// themselves have none: a vital's is that of its page load.
	exemplarTries = 5
)

// hasExemplars says whether a type's samples are single measurements with a visit behind them.
func (t *queryType) hasExemplars() bool { return t.name == "vitals" || t.name == "requests" }

// truth is a JSON truth value or the same as text.
type truth bool

func (f *truth) UnmarshalJSON(b []byte) error {
	switch strings.Trim(string(b), `"`) {
	case "true", "1":
		*f = true
	case "false", "0", "", "null":
		*f = false
	default:
		return fmt.Errorf("%.40s is neither true nor false", b)
	}
	return nil
}

func (q *question) readExemplars(Settings) error {
	q.Exemplars = q.Exemplars && truth(q.kind.hasExemplars() && (q.Format == formatSeries || q.Format == formatTable))
	return nil
}

// addExemplars puts them into an answer whose value is a single measurement's. Shares and counts have no worst sample.
func (q *question) addExemplars(ctx context.Context, conn driver.Conn, frames data.Frames) (data.Frames, error) {
	single := q.kind.name == "vitals" && q.vitalMeasure().rating == "" ||
		q.kind.name == "requests" && (q.Format == formatTable || q.requestMeasure().field == "value")
	switch {
	case !bool(q.Exemplars) || empty(frames):
		return frames, nil
	case !single:
		frames[0].AppendNotices(info("There are no exemplars of a share or a count: ask for the percentile."))
		return frames, nil
	}
	found, err := q.exemplars(ctx, conn)
	if err != nil {
		return nil, err
	}
	if q.Format == formatTable {
		q.exemplarColumns(frames[0], found)
		return frames, nil
	}
	if len(found) == 0 {
		frames[0].AppendNotices(info("No sample of this answer has a trace: the question traces says why."))
		return frames, nil
	}
	return append(frames, q.exemplarFrame(found)), nil
}

// exemplars reads them, the worst first.
func (q *question) exemplars(ctx context.Context, conn driver.Conn) ([]exemplar, error) {
	var all []exemplar
	var err error
	if q.kind.name == "requests" {
		all, err = q.worstSamples(ctx, conn, "requests", "toFloat64(duration)", q.requestsWhere, true)
	} else {
		all, err = q.worstSamples(ctx, conn, "vitals FINAL", "value", q.vitalsWhere, false)
		if err == nil {
			all, err = q.withTracesOfViews(ctx, conn, all)
		}
	}
	most := exemplarsMost
	if q.Format == formatTable {
		most = max(most, q.limit())
	}
	return all[:min(len(all), most)], err
}

// worstSamples reads the worst samples of each segment, and of each stretch of time in a series: the one worst with a
// trace or request id of its own, or several without.
func (q *question) worstSamples(
	ctx context.Context, conn driver.Conn, from, value string, where func(*statement, window) string, own bool,
) ([]exemplar, error) {
	var s statement
	step := "toInt64(0)"
	if q.Format == formatSeries {
		wide := question{step: max(q.step, stepFor(q.window, 0, exemplarSteps))}
		step = wide.stepExpr(&s)
	}
	tries, condition := exemplarTries, "session_id != '' AND view_id != ''"
	if own {
		tries, condition = 1, "(trace_id != '' AND trace_sampled > 0 OR request_id != '')"
	}
	rank := map[string]string{"requests": "sum(toUInt64(weight))", "vitals FINAL": "count()"}[from]
	sql := fmt.Sprintf(`SELECT %[1]s%[2]s AS step, ts, %[3]s AS measured, session_id, view_id,
  if(trace_sampled > 0, trace_id, '') AS trace, request_id
FROM %[4]s
WHERE %[5]s
  AND %[6]s%[7]s
ORDER BY measured DESC, ts, session_id, view_id, trace
LIMIT %[8]d BY %[9]s
LIMIT %[10]s`, q.selectGroups(), step, value, from, where(&s, q.window), condition,
		q.amongTop(&s, from, rank, where), tries, q.groupNames()+"step",
		s.bind("limit", "UInt64", tries*max(exemplarsMost, q.limit()+1)))
	var all []exemplar
	err := q.rows(ctx, conn, &s, sql, func(rows driver.Rows) (err error) {
		var x exemplar
		x.key, err = q.scanned(rows, &x.step, &x.at, &x.value, &x.session, &x.view, &x.trace, &x.request)
		all = append(all, x)
		return err
	})
	return all, err
}

// withTracesOfViews keeps of each segment and stretch the worst sample whose page load has a trace, or a request id.
func (q *question) withTracesOfViews(ctx context.Context, conn driver.Conn, worst []exemplar) ([]exemplar, error) {
	if len(worst) == 0 {
		return nil, nil
	}
	var s statement
	views := make([]string, 0, len(worst))
	first, last := worst[0].at, worst[0].at
	for _, x := range worst {
		views = append(views, x.view)
		if x.at.Before(first) {
			first = x.at
		}
		if x.at.After(last) {
			last = x.at
		}
	}
	slices.Sort(views)
	views = slices.Compact(views)
	// A vital is stamped with when it began to be measured, which is a moment after the page's start.
	around := window{first.Add(-time.Hour), last.Add(time.Hour)}.clamped()
	sql := fmt.Sprintf(`SELECT session_id, view_id, argMax(if(trace_sampled > 0, trace_id, ''), (trace_sampled, ts)),
  max(request_id)
FROM views
WHERE app = %s AND %s
  AND view_id IN (%s) AND (trace_id != '' OR request_id != '')
GROUP BY session_id, view_id
LIMIT %s`, s.bind("app", "String", q.App), around.during(&s), s.bind("views", "Array(String)", views),
		s.bind("limit", "UInt64", 2*len(views)))
	type visit struct{ session, view string }
	type ids struct{ trace, request string }
	known := map[visit]ids{}
	err := q.rows(ctx, conn, &s, sql, func(rows driver.Rows) error {
		var v visit
		var of ids
		err := rows.Scan(&v.session, &v.view, &of.trace, &of.request)
		known[v] = of
		return err
	})
	seen := map[string]bool{}
	kept := worst[:0]
	for _, x := range worst {
		of := known[visit{x.session, x.view}]
		x.trace, x.request = cmp.Or(x.trace, of.trace), cmp.Or(x.request, of.request)
		place := fmt.Sprintf("%q %d", x.key, x.step)
		if x.trace == "" && x.request == "" || seen[place] {
			continue
		}
		seen[place] = true
		kept = append(kept, x)
	}
	return kept, err
}

// exemplarFrame is what Grafana draws over a series.
func (q *question) exemplarFrame(found []exemplar) *data.Frame {
	slices.SortStableFunc(found, func(a, b exemplar) int { return a.at.Compare(b.at) })
	var at []time.Time
	var values []float64
	var keys [][]string
	var sessions, traces, requests []*string
	for _, x := range found {
		at, values, keys = append(at, x.at), append(values, x.value), append(keys, x.key)
		sessions, traces = append(sessions, textIf(x.session)), append(traces, textIf(x.trace))
		requests = append(requests, textIf(x.request))
	}
	unit := unitMilliseconds
	if q.kind.vital {
		unit = q.metric.Unit
	}
	// Grafana puts a column's name before its value, and finds a segment's colour by its dimensions.
	fields := append([]*data.Field{
		data.NewField("Time", nil, at), column("Value", "", unit, values),
		column("traceId", "", unitNone, traces), column("sessionId", "", unitNone, sessions),
		column("requestId", "", unitNone, requests)}, q.groupColumns(keys)...)
	frame := newFrame(data.FrameTypeTable, fields...)
	frame.Name = "exemplar"
	frame.Meta.DataTopic = data.DataTopicAnnotations
	frame.Meta.Custom = map[string]any{"resultType": "exemplar"}
	return frame
}

// exemplarColumns are a table's: of each row its worst sample.
func (q *question) exemplarColumns(frame *data.Frame, found []exemplar) {
	of := map[string]exemplar{}
	for _, x := range found {
		of[fmt.Sprintf("%q", x.key)] = x
	}
	n := frame.Rows()
	sessions, traces, requests := make([]*string, n), make([]*string, n), make([]*string, n)
	worst := make([]*float64, n)
	for i := range n {
		key := make([]string, len(q.groups))
		for j := range key {
			key[j], _ = frame.Fields[j].At(i).(string)
		}
		if x, ok := of[fmt.Sprintf("%q", key)]; ok {
			sessions[i], traces[i], requests[i] = textIf(x.session), textIf(x.trace), textIf(x.request)
			worst[i] = pointerIf(true, x.value)
		}
	}
	unit := unitMilliseconds
	if q.kind.vital {
		unit = q.metric.Unit
	}
	frame.Fields = append(frame.Fields, column("worst", "Worst with a trace", unit, worst),
		column("traceId", "Its trace", unitNone, traces), column("sessionId", "Its session", unitNone, sessions),
		column("requestId", "Its request", unitNone, requests))
}
