package enrich

import (
	"time"

	"github.com/sightline-rum/sightline/pkg/rum"
)

// MaxAge is how old an item may be. Older ones are refused: the partition they belong to may be gone already, and a
// clock that is years behind cannot be told from a very late beacon.
const MaxAge = 7 * 24 * time.Hour

// MaxSkew is how far ahead of ours a client's clock may run before its times are corrected.
const MaxSkew = 5 * time.Minute

// maxAhead is how far ahead a clock may be to be believed at all. Phones whose clock is set to next year exist;
// beyond that a timestamp is more likely to be something else.
const maxAhead = 2 * 366 * 24 * time.Hour

// Plausible says whether an item's time can be used, and if not, why. Times are Unix milliseconds.
func Plausible(received, ts int64) (reason string) {
	switch {
	case ts < received-MaxAge.Milliseconds():
		return "the timestamp is more than 7 days old"
	case ts > received+maxAhead.Milliseconds():
		return "the timestamp is years in the future"
	default:
		return ""
	}
}

// clock corrects a client's clock that runs ahead. Nothing can happen after it was received, so the newest item tells
// the least the clock can be ahead. An item's age tells nothing: a page that was asleep reports late, not wrongly.
//
// The correction is in whole minutes and only above MaxSkew, so that two reports of the same metric, which carry the
// same time, still fall into the same hour.
func (p *Pipeline) clock(b *rum.Beacon) {
	newest := b.ReceivedAt
	eachItem(b, func(item *rum.Item) { newest = max(newest, item.TS) })
	for i := range b.Vitals {
		newest = max(newest, b.Vitals[i].ReportedAt)
	}
	ahead := newest - b.ReceivedAt
	if ahead <= MaxSkew.Milliseconds() {
		return
	}
	minute := time.Minute.Milliseconds()
	skew := (ahead + minute - 1) / minute * minute
	eachItem(b, func(item *rum.Item) { item.TS -= skew })
	for i := range b.Vitals {
		b.Vitals[i].ReportedAt -= skew
	}
	p.count(b.Context.App, b.Context.Environment, "skewed", "clock ahead", int64(b.Len()))
}
