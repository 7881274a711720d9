package query

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/sightline-rum/sightline/pkg/rum"
)

// counter is one of the pipeline's own numbers, as the sidecar counts them by minute; a query names it as its metric.
type counter struct {
	key, name, unit string
	stored          string // what the sidecar calls it
	whose           whose
	gauge           bool   // read once a minute: the mean of what was read. Else counted: the sum
	explained       string // for the table of facts
}

// whose is what a counter is counted by.
type whose int

const (
	ofApp     whose = iota // the app that sent it
	ofSidecar              // the sidecar as a whole, whichever app is asked about
	ofEither               // the app where it is known: a request with an unknown key is nobody's
)

// counters in the order they are listed; the first is the default. Items are views, vitals, requests, errors, actions
// and the like; a beacon holds several.
var counters = []counter{
	{key: "accepted", stored: "accepted", name: "Accepted", unit: unitShort,
		explained: "items of beacons that were taken and are on disk"},
	{key: "rejected", stored: "rejected", name: "Rejected", unit: unitShort,
		explained: "items of beacons that could not be used, by reason; the rest of the beacon was taken"},
	{key: "refused", stored: "refused", name: "Refused", unit: unitShort, whose: ofEither,
		explained: "requests that were not taken at all, by reason; those without a known key are of no app, and always " +
			"shown"},
	{key: "skipped", stored: "skipped", name: "Skipped", unit: unitShort,
		explained: "items left out on purpose, such as those told twice"},
	{key: "repeated", stored: "repeated", name: "Repeated", unit: unitShort,
		explained: "items sent again under the same Idempotency-Key, recognised and not stored twice"},
	{key: "sampled", stored: "sampled", name: "Sampled", unit: unitShort,
		explained: "accepted items of sessions that stand for more than themselves: others were sampled out by the browser"},
	{key: "bots", stored: "bots", name: "Bots", unit: unitShort,
		explained: "stored items whose user agent is a bot, by its name; answers leave them out"},
	{key: "synthetic", stored: "synthetic", name: "Synthetic", unit: unitShort,
		explained: "stored items of synthetic runs, by tool; answers leave them out"},
	{key: "consent", stored: "consent", name: "Consent", unit: unitShort,
		explained: "accepted items by the consent their page named"},
	{key: "overflow", stored: "overflow", name: "Overflow", unit: unitShort,
		explained: "items of which a name had no room in its budget and is stored as " + rum.Overflow + ", by dimension"},
	{key: "skewed", stored: "skewed", name: "Clock corrected", unit: unitShort,
		explained: "items whose time was corrected, because the client's clock is wrong or the time is none at all"},
	{key: "sourceMapped", stored: "source_mapped", name: "Source-mapped", unit: unitShort,
		explained: "errors whose stack was read with an uploaded source map"},
	{key: "erased", stored: "erased", name: "Dropped as erased", unit: unitShort,
		explained: "items that came after their visit or user was erased, and were not stored"},
	{key: "deadLetters", stored: "dead_letters", name: "Dead letters", unit: unitShort, whose: ofSidecar,
		explained: "records set aside because the store can never take them, by table"},
	{key: "spoolRecords", stored: "spool_records", name: "Spool depth", unit: unitShort, whose: ofSidecar, gauge: true,
		explained: "records on disk that are not in the store yet, mean of the readings"},
	{key: "spoolBytes", stored: "spool_bytes", name: "Spool size", unit: "bytes", whose: ofSidecar, gauge: true,
		explained: "bytes of the records on disk that are not in the store yet, mean of the readings"},
	{key: "spoolLag", stored: "spool_lag", name: "Spool lag", unit: unitMilliseconds, whose: ofSidecar, gauge: true,
		explained: "age of the oldest record that is not in the store yet, mean of the readings"},
	{key: "storeLag", stored: "store_lag", name: "Store lag", unit: unitMilliseconds, gauge: true,
		explained: "time from taking a beacon to having it in the store, mean of the beacons stored"},
	{key: "distinct", stored: "distinct", name: "Distinct names", unit: unitShort, gauge: true,
		explained: "names that take up the budget of a dimension, mean of the readings"},
}

func counterKeys() []string {
	var keys []string
	for _, c := range counters {
		keys = append(keys, c.key)
	}
	return keys
}

func (q *question) counter() counter {
	return counters[slices.IndexFunc(counters, func(c counter) bool { return c.key == q.Metric })]
}

// names of the counters that hold a gauge's readings: their sum, and how many there were.
func (c counter) names() []string {
	if c.gauge {
		return []string{c.stored, c.stored + rum.Observed}
	}
	return []string{c.stored}
}

// countersWhere is the condition on rows of telemetry_1m. What is counted before a beacon's environment is known has
// none, and counts for each.
func (q *question) countersWhere(s *statement, w window, whose whose, names ...string) string {
	app := s.bind("app", "String", q.App)
	switch whose {
	case ofSidecar:
		app = "''"
	case ofEither:
		app += ", ''"
	}
	conditions := []string{fmt.Sprintf("app IN (%s)", app), s.among("counter", "counter", names)}
	if q.Environment != anyEnvironment {
		conditions = append(conditions, fmt.Sprintf("environment IN (%s, '')",
			s.bind("environment", "String", q.Environment)))
	}
	conditions = append(conditions,
		"minute >= toStartOfMinute("+s.moment("from", w.from)+")", "minute < "+s.moment("to", w.to))
	return strings.Join(append(conditions, q.conditions(s)...), "\n  AND ")
}

// reading is what a counter says of one segment: the sum of it, and of a gauge how many readings that is of.
type reading struct{ sum, readings int64 }

func (c counter) value(r reading) *float64 {
	if !c.gauge {
		return pointerIf(true, float64(r.sum))
	}
	return pointerIf(r.readings > 0, float64(r.sum)/float64(r.readings))
}

// summed are the two sums a reading is made of.
func (c counter) summed(s *statement) string {
	if !c.gauge {
		return "sum(value) AS total, toInt64(0) AS readings"
	}
	names := c.names()
	return fmt.Sprintf("sumIf(value, counter = %s) AS total, sumIf(value, counter = %s) AS readings",
		s.bind("counter", "String", names[0]), s.bind("counter", "String", names[1]))
}

// counterSeries is a counter over time: zeros where nothing was counted, so that an alert rule can wait for them. A
// gauge that nobody read has no value. Counters are kept by the minute, so that no step is shorter.
func (q *question) counterSeries(ctx context.Context, conn driver.Conn) (data.Frames, error) {
	c := q.counter()
	q.step = max(q.step, time.Minute)
	times := q.window.grid(q.step)
	var s statement
	size := s.bind("step", "Int64", q.step.Milliseconds())
	where := func(s *statement, w window) string { return q.countersWhere(s, w, c.whose, c.names()...) }
	sql := fmt.Sprintf(`SELECT %[1]sintDiv(toInt64(toUnixTimestamp(minute)) * 1000, %[2]s) * %[2]s AS step, %[3]s
FROM telemetry_1m
WHERE %[4]s%[5]s
%[6]s
LIMIT %[7]s`, q.selectGroups(), size, c.summed(&s), where(&s, q.window),
		q.amongTop(&s, "telemetry_1m", "sum(value)", where), q.groupBy("step"),
		s.bind("limit", "UInt64", (q.limit()+1)*(len(times)+1)))
	lines := lines[reading]{}
	if len(q.groups) == 0 {
		lines.of(nil, len(times))
	}
	err := q.rows(ctx, conn, &s, sql, func(rows driver.Rows) error {
		var step int64
		var r reading
		key, err := q.scanned(rows, &step, &r.sum, &r.readings)
		l := lines.of(key, len(times))
		l.total += uint64(max(0, r.sum))
		if i, ok := slices.BinarySearch(times, step); ok {
			l.values[i].sum += r.sum
			l.values[i].readings += r.readings
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	top, cut := lines.ranked(q.limit())
	var frames data.Frames
	for _, l := range top {
		values := make([]*float64, 0, len(times))
		for _, r := range l.values {
			values = append(values, c.value(r))
		}
		frames = append(frames, q.segmentSeries(times, l.key, c.column(values)))
	}
	if len(frames) == 0 {
		frames = data.Frames{series(nil, c.column([]*float64{}))}
	}
	if cut {
		frames[0].AppendNotices(q.cutNotice("series"))
	}
	return frames, nil
}

// column is a counter's value field; values are []float64 or []*float64.
func (c counter) column(values any) *data.Field {
	name := "count"
	if c.gauge {
		name = "value"
	}
	if v, ok := values.([]float64); ok {
		return column(name, c.name, c.unit, v)
	}
	return column(name, c.name, c.unit, values.([]*float64))
}

// counterNumeric is a counter over the whole time range as one number a segment. Without dimensions nothing counted is
// a real 0, which an alert on a pipeline gone quiet waits for; a gauge that nobody read is absent.
func (q *question) counterNumeric(ctx context.Context, conn driver.Conn) (data.Frames, error) {
	c := q.counter()
	var keys [][]string
	var values []float64
	all, err := q.readings(ctx, conn, c)
	if err != nil {
		return nil, err
	}
	cut := len(all) > q.limit()
	if cut {
		all = all[:q.limit()]
	}
	for _, r := range all {
		if value := c.value(r.reading); value != nil {
			keys, values = append(keys, r.key), append(values, *value)
		}
	}
	if len(all) == 0 && len(q.groups) == 0 && !c.gauge {
		keys, values = [][]string{nil}, []float64{0}
	}
	frame := newFrame(data.FrameTypeNumericLong, append(q.groupColumns(keys), c.column(values))...)
	if cut {
		frame.AppendNotices(q.cutNotice("rows"))
	}
	return data.Frames{frame}, nil
}

// keyedReading is a segment's.
type keyedReading struct {
	key []string
	reading
}

// readings are a counter's sums in the time range, the largest first.
func (q *question) readings(ctx context.Context, conn driver.Conn, c counter) (all []keyedReading, err error) {
	var s statement
	sql := fmt.Sprintf(`SELECT %[1]s%[2]s
FROM telemetry_1m
WHERE %[3]s
%[4]s
ORDER BY total DESC%[5]s
LIMIT %[6]s`, q.selectGroups(), c.summed(&s), q.countersWhere(&s, q.window, c.whose, c.names()...), q.groupBy(),
		strings.TrimSuffix(", "+q.groupNames(), ", "), s.bind("limit", "UInt64", q.limit()+1))
	err = q.rows(ctx, conn, &s, sql, func(rows driver.Rows) error {
		var r keyedReading
		r.key, err = q.scanned(rows, &r.sum, &r.readings)
		all = append(all, r)
		return err
	})
	return all, err
}
