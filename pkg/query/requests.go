package query

import (
	"context"
	"slices"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/sightline-rum/sightline/pkg/query/stats"
	"github.com/sightline-rum/sightline/pkg/rum"
)

// requests answers how the calls a page makes go: how many, how fast, how many fail, and how much of the time is the
// server's. Its table is one row a method and endpoint unless the query groups by something else. Calls are what
// scripts fetch; images, scripts and the like come in when the query is about kind.
func askRequests(ctx context.Context, conn driver.Conn, q *question) (data.Frames, error) {
	if q.Format == formatSeries {
		return q.requestsSeries(ctx, conn)
	}
	if q.Format == formatTable && len(q.groups) == 0 {
		for _, key := range []string{"method", "endpoint"} {
			d, err := q.dimension(key)
			if err != nil {
				return nil, err
			}
			q.groups = append(q.groups, d)
		}
	}
	calls, err := q.requestRows(ctx, conn)
	if err != nil {
		return nil, err
	}
	cut := len(calls) > q.limit()
	if cut {
		calls = calls[:q.limit()]
	}
	frame := q.requestsTable(calls)
	if q.Format == formatNumeric {
		frame = q.requestsNumeric(calls)
	}
	if cut {
		frame.AppendNotices(q.cutNotice("rows"))
	}
	return data.Frames{frame}, nil
}

// callKinds are the kinds of request that scripts make on purpose.
var callKinds = []string{"fetch", "xhr"}

// failedCall is a request the page could not use: it broke, was given up, or the server said so.
const failedCall = "(failure != '' OR status >= 400)"

// requestsWhere is the condition of every read of the requests in question.
func (q *question) requestsWhere(s *statement, w window) string {
	if kinds := q.requestKinds(s); kinds != "" {
		return kinds + "\n  AND " + q.where(s, w)
	}
	return q.where(s, w)
}

// requestKinds keeps to calls unless the question filters on kind or groups by it.
func (q *question) requestKinds(s *statement) string {
	if q.groupsBy("kind") || slices.ContainsFunc(q.filters, func(f filter) bool { return f.key == "kind" }) {
		return ""
	}
	return s.among("kind", "kind", callKinds)
}

// calls is one row of the answer. Counts and times are weighted.
type calls struct {
	ranked
	failed                     float64
	serverSamples              uint64  // requests that told their server's time
	serverTime, serverDuration float64 // of those
}

// requestRows reads the limit + 1 segments with the most requests.
func (q *question) requestRows(ctx context.Context, conn driver.Conn) ([]calls, error) {
	all, err := q.ranks(ctx, conn, ranking{
		from: "requests", value: "toFloat64(duration)",
		columns: []string{failedCall + " AS failed", "server", "duration"},
		also:    q.requestKinds,
		facts: []string{
			"sumIf(toUInt64(weight), failed)", "countIf(server > 0)",
			"sumIf(toFloat64(weight) * server, server > 0)", "sumIf(toFloat64(weight) * duration, server > 0)",
		},
		order: "total", limit: q.limit() + 1, histogram: requestsHistogram(),
	}, q.window)
	rows := make([]calls, 0, len(all))
	for _, r := range all {
		rows = append(rows, calls{ranked: r, failed: r.facts[0], serverSamples: uint64(r.facts[1]),
			serverTime: r.facts[2], serverDuration: r.facts[3]})
	}
	return rows, err
}

func (c calls) count() float64 { return float64(c.weight) / rum.FullWeight }

func (c calls) errorRate() float64 { return c.failed / float64(c.weight) }

func (c calls) serverShare() float64 { return min(1, c.serverTime/c.serverDuration) }

// requestsTable is the whole story of each segment: the percentile of all durations, those of failed requests included,
// with its interval; the share that failed with Wilson's; and the server's share of the time of the requests that told.
func (q *question) requestsTable(rows []calls) *data.Frame {
	var keys [][]string
	var samples, serverSamples []int64
	var count, rate, failed []float64
	var value, lower, upper, errorRate, errorLower, errorUpper, serverShare []*float64
	for _, c := range rows {
		enough := c.samples >= q.enough
		low, high := stats.Wilson(c.errorRate()*c.effective(), c.effective())
		keys, samples = append(keys, c.key), append(samples, int64(c.samples))
		count, rate = append(count, c.count()), append(rate, c.count()/q.window.length().Seconds())
		failed = append(failed, c.failed/rum.FullWeight)
		value = append(value, pointerIf(enough, c.value))
		lower = append(lower, pointerIf(enough && c.boundedBelow, c.lower))
		upper = append(upper, pointerIf(enough && c.boundedAbove, c.upper))
		errorRate = append(errorRate, pointerIf(enough, c.errorRate()))
		errorLower, errorUpper = append(errorLower, pointerIf(enough, low)), append(errorUpper, pointerIf(enough, high))
		serverShare = append(serverShare, pointerIf(c.serverSamples >= q.enough, c.serverShare()))
		serverSamples = append(serverSamples, int64(c.serverSamples))
	}
	fields := append(q.groupColumns(keys),
		column("count", "Requests", unitShort, count),
		column("rate", "Rate", unitRate, rate),
		column("samples", "Samples", unitShort, samples),
		column("value", "Duration "+q.percentileName(), unitMilliseconds, value),
		column("lower", "Lower bound (95 %)", unitMilliseconds, lower),
		column("upper", "Upper bound (95 %)", unitMilliseconds, upper),
		column("failed", "Failed", unitShort, failed),
		column("errorRate", "Error rate", unitShare, errorRate),
		column("errorRateLower", "Lower bound (95 %)", unitShare, errorLower),
		column("errorRateUpper", "Upper bound (95 %)", unitShare, errorUpper),
		column("serverShare", "Server share", unitShare, serverShare),
		column("serverSamples", "Samples with server time", unitShort, serverSamples))
	for _, field := range fields[len(q.groups):] {
		field.Config.NoValue = "not enough data"
	}
	return newFrame(data.FrameTypeTable, fields...)
}
