package query

import (
	"strings"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/sightline-rum/sightline/pkg/query/stats"
	"github.com/sightline-rum/sightline/pkg/rum"
)

// of is the share of all these sessions that are among it, with Wilson's interval. With too few sessions there is none.
func (part frequency) of(all frequency, least uint64) (share, lower, upper *float64) {
	enough := all.samples >= least && all.samples > 0
	n := stats.EffectiveSize(all.weight, all.squares)
	low, high := stats.Wilson(part.weight/all.weight*n, n)
	return pointerIf(enough, part.weight/all.weight), pointerIf(enough, low), pointerIf(enough, high)
}

// actionsTable is the whole story of each segment. Shares are of sessions and not of actions: somebody who clicks in
// anger clicks many times, and is one visit that went wrong.
func (q *question) actionsTable(rows []*actionRow) *data.Frame {
	var keys [][]string
	var samples, sessionSamples []int64
	var count, sessions, requests, failures []float64
	var value, lower, upper []*float64
	for _, r := range rows {
		d, enough := r.duration, r.duration.samples >= q.enough && r.duration.samples > 0
		keys, count = append(keys, r.key), append(count, r.count)
		sessions = append(sessions, r.sessions.weight/rum.FullWeight)
		sessionSamples = append(sessionSamples, int64(r.sessions.samples))
		samples = append(samples, int64(d.samples))
		value = append(value, pointerIf(enough, d.value))
		lower = append(lower, pointerIf(enough && d.boundedBelow, d.lower))
		upper = append(upper, pointerIf(enough && d.boundedAbove, d.upper))
		requests, failures = append(requests, r.requests), append(failures, r.failures)
	}
	fields := append(q.groupColumns(keys),
		column("count", "Actions", unitShort, count),
		column("sessions", "Sessions", unitShort, sessions),
		column("sessionSamples", "Session samples", unitShort, sessionSamples))
	fields = append(fields, q.shareColumns("frustrationRate", "Frustrated sessions", rows,
		func(r *actionRow) frequency { return r.frustrated })...)
	for _, kind := range frustrations {
		name := strings.ToUpper(kind[:1]) + kind[1:] + " clicks"
		var clicks []float64
		for _, r := range rows {
			clicks = append(clicks, r.counts[kind])
		}
		fields = append(fields, column(kind, name, unitShort, clicks))
		fields = append(fields, q.shareColumns(kind+"Share", "Sessions with "+kind+" clicks", rows,
			func(r *actionRow) frequency { return r.sessionsOf[kind] })...)
	}
	fields = append(fields,
		column("samples", "Samples with a duration", unitShort, samples),
		column("value", "Duration "+q.percentileName(), unitMilliseconds, value),
		column("lower", "Lower bound (95 %)", unitMilliseconds, lower),
		column("upper", "Upper bound (95 %)", unitMilliseconds, upper),
		column("requests", "Requests started", unitShort, requests),
		column("failedRequests", "Failed requests", unitShort, failures))
	for _, field := range fields[len(q.groups):] {
		field.Config.NoValue = "not enough data"
	}
	return newFrame(data.FrameTypeTable, fields...)
}

// shareColumns are a share of the sessions of each row, and its bounds.
func (q *question) shareColumns(field, name string, rows []*actionRow, part func(*actionRow) frequency) []*data.Field {
	var shares, lower, upper []*float64
	for _, r := range rows {
		share, low, high := part(r).of(r.sessions, q.enough)
		shares, lower, upper = append(shares, share), append(lower, low), append(upper, high)
	}
	return []*data.Field{
		column(field, name, unitShare, shares),
		column(field+"Lower", "Lower bound (95 %)", unitShare, lower),
		column(field+"Upper", "Upper bound (95 %)", unitShare, upper),
	}
}
