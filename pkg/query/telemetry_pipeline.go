package query

import (
	"context"
	"fmt"
	"slices"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/sightline-rum/sightline/pkg/rum"
)

// telemetryFact is one row of the pipeline's table.
type telemetryFact struct {
	name, reason string
	value        *float64
	unit         string
	explained    string
}

// pipeline is every counter in the time range as a row, in the order beacons meet them, with a row for each reason
// beside the total; then how late beacons come. A counter that nothing was counted of is 0; a gauge that was never read
// has no value.
func (q *question) pipeline(ctx context.Context, conn driver.Conn) (data.Frames, error) {
	reasons, err := q.reasons(ctx, conn)
	if err != nil {
		return nil, err
	}
	var facts []telemetryFact
	for _, c := range counters {
		var total reading
		var rows []telemetryFact
		for _, r := range reasons[c.key] {
			total.sum, total.readings = total.sum+r.sum, total.readings+r.readings
			if r.key[0] != "" {
				rows = append(rows, telemetryFact{name: c.key, reason: r.key[0], value: c.value(r.reading), unit: c.unitName(),
					explained: c.explained})
			}
		}
		if c.key != "distinct" { // a mean over dimensions means nothing
			facts = append(facts, telemetryFact{name: c.key, value: c.value(total), unit: c.unitName(), explained: c.explained})
		}
		facts = append(facts, rows...)
	}
	arrival, err := q.arrivals(ctx, conn)
	if err != nil {
		return nil, err
	}
	facts = append(facts, arrival...)
	erased, err := q.erasures(ctx, conn)
	if err != nil {
		return nil, err
	}
	facts = append(facts, erased...)

	cut := len(facts) > q.limit()
	if cut {
		facts = facts[:q.limit()]
	}
	frame := factsTable(facts)
	if cut {
		frame.AppendNotices(q.cutNotice("facts"))
	}
	if !slices.ContainsFunc(reasons["spoolRecords"], func(r keyedReading) bool { return r.readings > 0 }) {
		frame.AppendNotices(info("No sidecar told how its spool is in this time range: none ran for a minute of it, or " +
			"it is older than this plugin. Such a sidecar does not count consent, sampling and lag either."))
	}
	return data.Frames{frame}, nil
}

// unitName is what a fact is counted in, for people.
func (c counter) unitName() string {
	switch {
	case c.key == "refused":
		return "requests"
	case c.key == "deadLetters", c.key == "spoolRecords":
		return "records"
	case c.key == "distinct":
		return "names"
	case c.unit == unitShort:
		return "items"
	}
	return c.unit
}

// reasons are all counters by reason, by key, the largest first.
func (q *question) reasons(ctx context.Context, conn driver.Conn) (map[string][]keyedReading, error) {
	var stored []string
	for _, c := range counters {
		stored = append(stored, c.names()...)
	}
	var s statement
	sql := fmt.Sprintf(`SELECT toString(counter) AS name, toString(reason) AS why,
  sumIf(value, app != ''), sumIf(value, app = '')
FROM telemetry_1m
WHERE %s
GROUP BY name, why
ORDER BY sum(value) DESC, name, why
LIMIT %s`, q.countersWhere(&s, q.window, ofEither, stored...), s.bind("limit", "UInt64", q.limits.MaxRows))
	type sums struct{ app, sidecar int64 }
	read := map[[2]string]sums{}
	var whys []string
	err := q.rows(ctx, conn, &s, sql, func(rows driver.Rows) error {
		var name, why string
		var of sums
		err := rows.Scan(&name, &why, &of.app, &of.sidecar)
		read[[2]string{name, why}] = of
		if !slices.Contains(whys, why) {
			whys = append(whys, why)
		}
		return err
	})
	all := map[string][]keyedReading{}
	for _, c := range counters {
		of := func(name, why string) int64 {
			switch found := read[[2]string{name, why}]; c.whose {
			case ofApp:
				return found.app
			case ofSidecar:
				return found.sidecar
			default:
				return found.app + found.sidecar
			}
		}
		for _, why := range whys {
			r := reading{sum: of(c.stored, why)}
			if c.gauge {
				r.readings = of(c.stored+rum.Observed, why)
			}
			if r != (reading{}) {
				all[c.key] = append(all[c.key], keyedReading{[]string{why}, r})
			}
		}
	}
	return all, err
}

// arrivals are how long after it happened a page view was received: the browser waits for a page's last values before
// it sends them, and a phone without a network waits longer. Clocks that are wrong by minutes are corrected before.
func (q *question) arrivals(ctx context.Context, conn driver.Conn) ([]telemetryFact, error) {
	of := q.ofTable(tableViews)
	var s statement
	sql := fmt.Sprintf(`SELECT count(), quantileTDigest(0.5)(late), quantileTDigest(0.95)(late)
FROM (
  SELECT toFloat64(toUnixTimestamp64Milli(received_at) - toUnixTimestamp64Milli(ts)) AS late FROM views
  WHERE %s
)`, of.where(&s, q.window))
	var views uint64
	var half, most float32
	err := of.rows(ctx, conn, &s, sql, func(rows driver.Rows) error { return rows.Scan(&views, &half, &most) })
	q.executed = of.executed
	explained := "from a page view to its beacon's arrival, views of real users"
	return []telemetryFact{
		{name: "arrivalLag", reason: "p50", value: pointerIf(views > 0, float64(half)), unit: unitMilliseconds,
			explained: explained},
		{name: "arrivalLag", reason: "p95", value: pointerIf(views > 0, float64(most)), unit: unitMilliseconds,
			explained: explained},
	}, err
}

func factsTable(facts []telemetryFact) *data.Frame {
	var names, reasons, units, explained []string
	var values []*float64
	for _, f := range facts {
		names, reasons, units = append(names, f.name), append(reasons, f.reason), append(units, f.unit)
		values, explained = append(values, f.value), append(explained, f.explained)
	}
	return newFrame(data.FrameTypeTable,
		column("name", "Fact", unitNone, names),
		column("reason", "Reason", unitNone, reasons),
		column("value", "Value", unitNone, values),
		column("unit", "Unit", unitNone, units),
		column("explanation", "What it is", unitNone, explained))
}
