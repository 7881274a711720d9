package query

import (
	"github.com/grafana/grafana-plugin-sdk-go/data"
)

// pagesTable has, beside what was counted, the percentile of the load as a whole with its interval, and that of each
// phase under its own key; with a comparison the change of each as well. The percentiles of the phases do not add up to
// that of the whole: the slowest quarter of one phase are not the same loads as those of another.
func (q *question) pagesTable(rows []*pageRow) *data.Frame {
	var keys [][]string
	var views, loads, changes []float64
	var samples, serverSamples []int64
	var lower, upper, serverShare []*float64
	for _, r := range rows {
		enough := q.enoughTimes(r.now)
		keys = append(keys, r.key)
		views, loads, changes = append(views, r.loads+r.changes), append(loads, r.loads), append(changes, r.changes)
		samples, serverSamples = append(samples, int64(r.samples)), append(serverSamples, int64(r.serverSamples))
		lower = append(lower, pointerIf(enough && r.now.boundedBelow, r.now.lower))
		upper = append(upper, pointerIf(enough && r.now.boundedAbove, r.now.upper))
		serverShare = append(serverShare, pointerIf(r.serverSamples >= q.enough, min(1, r.serverTime/r.firstByte)))
	}
	share := column("serverShare", "Server share", unitShare, serverShare)
	share.Config.Description = "Of the time to the first byte, where Server-Timing says what the server took"
	fields := append(q.groupColumns(keys),
		column("views", "Page views", unitShort, views),
		column("count", "Page loads", unitShort, loads),
		column("routeChanges", "Route changes", unitShort, changes),
		column("samples", "Samples", unitShort, samples))
	for i, m := range pageMeasures {
		field, changeField := m.key, m.key+"Change"
		if m.key == "duration" {
			field, changeField = "value", "change"
		}
		fields = append(fields, q.pageColumns(i, field, changeField, rows)...)
		if m.key == "duration" {
			fields = append(fields,
				column("lower", "Lower bound (95 %)", m.unit, lower),
				column("upper", "Upper bound (95 %)", m.unit, upper))
		}
	}
	fields = append(fields, share, column("serverSamples", "Samples with server time", unitShort, serverSamples))
	for _, field := range fields[len(q.groups):] {
		field.Config.NoValue = "not enough data"
	}
	return newFrame(data.FrameTypeTable, fields...)
}

// enoughTimes says that so many page loads make numbers.
func (q *question) enoughTimes(t pageTimes) bool { return t.measured != nil && t.samples >= q.enough }

// pageColumns are a measure's percentile and, with a comparison, its change.
func (q *question) pageColumns(measure int, field, changeField string, rows []*pageRow) []*data.Field {
	var value, change []*float64
	for _, r := range rows {
		if !q.enoughTimes(r.now) {
			value, change = append(value, nil), append(change, nil)
			continue
		}
		now := r.now.measured[measure]
		value = append(value, pointerIf(true, now))
		if q.enoughTimes(r.before) {
			change = append(change, pointerIf(true, now/r.before.measured[measure]-1))
		} else {
			change = append(change, nil)
		}
	}
	m := pageMeasures[measure]
	fields := []*data.Field{column(field, m.name+" "+q.percentileName(), m.unit, value)}
	if !q.baseline.empty() {
		fields = append(fields, column(changeField, m.name+" change", unitShare, change))
	}
	return fields
}
