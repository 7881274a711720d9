package query

import (
	"context"
	"fmt"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/sightline-rum/sightline/pkg/rum"
)

// resources answers what pages are made of and whom it comes from: how many, how heavy, how slow, what holds up the
// first paint, what the cache saved. Its table is one row a host, kind and party unless the query groups by something
// else. Everything a page fetched counts, what scripts fetch included; its kind tells them apart.
func askResources(ctx context.Context, conn driver.Conn, q *question) (data.Frames, error) {
	if len(q.groups) == 0 {
		for _, key := range []string{"host", "kind", "party"} {
			d, err := q.dimension(key)
			if err != nil {
				return nil, err
			}
			q.groups = append(q.groups, d)
		}
	}
	around, err := q.aroundDeploy(ctx, conn)
	if err != nil {
		return nil, err
	}
	rows, err := q.resourceRows(ctx, conn, q.window)
	if err != nil {
		return nil, err
	}
	cut := len(rows) > q.limit()
	if cut {
		rows = rows[:q.limit()]
	}
	var before []*resources
	if !q.baseline.empty() && len(rows) > 0 {
		if before, err = q.resourceRows(ctx, conn, q.baseline); err != nil {
			return nil, err
		}
	}
	frame := q.resourcesTable(rows, before)
	frame.AppendNotices(around...)
	if cut {
		frame.AppendNotices(q.cutNotice("rows"))
	}
	return data.Frames{frame}, nil
}

// sizedResource is one whose client told its sizes and whether the cache had it. Browsers hide both of another origin's
// resource that does not send Timing-Allow-Origin: those zeros are not sizes, and say nothing about the cache
// (https://www.w3.org/TR/resource-timing/#dfn-timing-allow-check).
const sizedResource = "(cache != '' AND (transfer_size > 0 OR decoded_size > 0))"

// cachedResource came from the browser's own cache without a request. One that was only asked whether it still holds
// (a 304) was waited for, and does not count.
const cachedResource = sizedResource + " AND cache IN ('cache', 'hit')"

// resources is one row of the answer; counts and bytes are weighted.
type resources struct {
	ranked
	views float64 // page views that fetched any of it
}

// What a segment's facts are, in the order of resourceFacts.
const (
	factBytes = iota
	factBlocking
	factSizedSamples
	factSized
	factCached
	factThird
	factThirdBytes
)

var resourceFacts = []string{
	factBytes:        "sum(toUInt64(weight) * transfer_size)",
	factBlocking:     "sumIf(toUInt64(weight), render_blocking = 1)",
	factSizedSamples: "countIf(sized)",
	factSized:        "sumIf(toUInt64(weight), sized)",
	factCached:       "sumIf(toUInt64(weight), cached)",
	factThird:        "sumIf(toUInt64(weight), party = 'third')",
	factThirdBytes:   "sumIf(toUInt64(weight) * transfer_size, party = 'third')",
}

// amongTopResources keeps a statement to the segments of which most was fetched in the question's own window.
func (q *question) amongTopResources(s *statement) string {
	return q.amongTop(s, "requests", "sum(toUInt64(weight))", q.where)
}

// resourceRows reads the limit + 1 segments of which most was fetched, as they are in a window.
func (q *question) resourceRows(ctx context.Context, conn driver.Conn, w window) ([]*resources, error) {
	asked := ranking{
		from: "requests", value: "toFloat64(duration)",
		columns: []string{"transfer_size", "render_blocking", "party",
			sizedResource + " AS sized", cachedResource + " AS cached"},
		facts: resourceFacts, order: "total", limit: q.limit() + 1,
	}
	if w != q.window {
		asked.among = q.amongTopResources
	}
	all, err := q.ranks(ctx, conn, asked, w)
	if err != nil {
		return nil, err
	}
	among := q.amongTopResources
	if w == q.window && len(all) <= q.limit() { // there is nothing to leave out
		among = nil
	}
	views, err := q.resourceViews(ctx, conn, w, among)
	rows := make([]*resources, 0, len(all))
	for _, r := range all {
		rows = append(rows, &resources{ranked: r, views: views[fmt.Sprintf("%q", r.key)]})
	}
	return rows, err
}

// resourceViews counts the page views that fetched something of each segment. A visit is recorded or left out as a
// whole, so all of a view has one weight: views are counted by hash, apart for each weight, which takes a few bytes a
// view where grouping by view would take a hundred.
func (q *question) resourceViews(
	ctx context.Context, conn driver.Conn, w window, among func(*statement) string,
) (map[string]float64, error) {
	var s statement
	sql := fmt.Sprintf(`SELECT %[1]ssum(toUInt64(weight) * n)
FROM (
  SELECT %[2]sweight, uniqExactIf(cityHash64(session_id, view_id), view_id != '') AS n
  FROM requests
  WHERE %[3]s
  %[4]s
)
%[5]s
LIMIT %[6]s`,
		q.groupNames(), q.selectGroups(), q.whereAmong(&s, w, among), q.groupBy("weight"), q.groupBy(),
		s.bind("limit", "UInt64", q.limit()+1))
	views := map[string]float64{}
	err := q.rows(ctx, conn, &s, sql, func(rows driver.Rows) error {
		var weight uint64
		key, err := q.scanned(rows, &weight)
		views[fmt.Sprintf("%q", key)] = float64(weight) / rum.FullWeight
		return err
	})
	return views, err
}

func (r *resources) fact(i int) float64 { return r.facts[i] / rum.FullWeight }

// bytesPerView is how heavy a segment is for the page views that fetched any of it, whatever the traffic.
func (r *resources) bytesPerView() float64 { return r.fact(factBytes) / r.views }

// resourcesTable is the whole story of each segment. Its changes are those of the duration and of the bytes a view,
// which stay the same when there is more traffic.
func (q *question) resourcesTable(rows, before []*resources) *data.Frame {
	baseline := make(map[string]*resources, len(before))
	for _, r := range before {
		baseline[fmt.Sprintf("%q", r.key)] = r
	}
	var keys [][]string
	var samples, sizedSamples []int64
	var count, views, bytes, thirdBytes []float64
	var value, lower, upper, perView, blocking, cached, third, change, bytesChange []*float64
	for _, r := range rows {
		total, enough := float64(r.weight)/rum.FullWeight, r.samples >= q.enough
		keys, samples = append(keys, r.key), append(samples, int64(r.samples))
		sizedSamples = append(sizedSamples, int64(r.facts[factSizedSamples]))
		count, views = append(count, total), append(views, r.views)
		bytes, thirdBytes = append(bytes, r.fact(factBytes)), append(thirdBytes, r.fact(factThirdBytes))
		value = append(value, pointerIf(enough, r.value))
		lower = append(lower, pointerIf(enough && r.boundedBelow, r.lower))
		upper = append(upper, pointerIf(enough && r.boundedAbove, r.upper))
		perView = append(perView, pointerIf(true, r.bytesPerView()))
		blocking = append(blocking, pointerIf(enough, r.fact(factBlocking)/total))
		cached = append(cached, pointerIf(r.facts[factSizedSamples] >= float64(q.enough),
			r.fact(factCached)/r.fact(factSized)))
		third = append(third, pointerIf(enough, r.fact(factThird)/total))
		then := baseline[fmt.Sprintf("%q", r.key)]
		enough = enough && then != nil && then.samples >= q.enough
		if !enough {
			then = r
		}
		change = append(change, pointerIf(enough, r.value/then.value-1))
		bytesChange = append(bytesChange, pointerIf(enough, r.bytesPerView()/then.bytesPerView()-1))
	}
	cache := column("cacheShare", "From cache", unitShare, cached)
	cache.Config.Description = "Of the samples with sizes: what another origin hides cannot be told from a cache hit"
	fields := append(q.groupColumns(keys),
		column("count", "Resources", unitShort, count),
		column("views", "Page views affected", unitShort, views),
		column("bytes", "Transferred", unitBytes, bytes),
		column("bytesPerView", "Transferred a view", unitBytes, perView),
		column("samples", "Samples", unitShort, samples),
		column("value", "Duration "+q.percentileName(), unitMilliseconds, value),
		column("lower", "Lower bound (95 %)", unitMilliseconds, lower),
		column("upper", "Upper bound (95 %)", unitMilliseconds, upper),
		column("blockingShare", "Render blocking", unitShare, blocking),
		cache,
		column("sizedSamples", "Samples with sizes", unitShort, sizedSamples),
		column("thirdPartyShare", "Third party", unitShare, third),
		column("thirdPartyBytes", "Transferred from third parties", unitBytes, thirdBytes))
	if !q.baseline.empty() {
		fields = append(fields,
			column("change", "Duration change", unitShare, change),
			column("bytesChange", "Change of bytes a view", unitShare, bytesChange))
	}
	for _, field := range fields[len(q.groups):] {
		field.Config.NoValue = "not enough data"
	}
	return newFrame(data.FrameTypeTable, fields...)
}
