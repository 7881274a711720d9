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

// Times outside of these are no times at all but a clock without a battery or a number of something else: items are
// then taken to have happened when they were received. A time a few weeks ago may well be true, and would be false
// anywhere else.
const (
	absurdBefore = 946_684_800_000 // 2000-01-01, in Unix milliseconds
	absurdAhead  = 2 * 366 * 24 * time.Hour
)

// Plausible says whether an item's time can be used, and if not, why. An absurd time can be: it is replaced later.
// now is when the client sent the item, by its own clock where it said so, else when it was received. All times are
// Unix milliseconds.
func Plausible(now, ts int64) (reason string) {
	if ts < now-MaxAge.Milliseconds() && ts >= absurdBefore {
		return "the timestamp is more than 7 days old"
	}
	return ""
}

// Absurd says whether a time, in Unix milliseconds, is no time at all, seen from now.
func Absurd(now, ts int64) bool {
	return ts < absurdBefore || ts > now+absurdAhead.Milliseconds()
}

// clock corrects a client's clock. Where the client said when it sent the beacon, by its clock, the difference to when
// we received it is how wrong the clock is. Else only a clock that runs ahead is known: nothing can happen after it was
// received, so the newest item tells the least the clock can be ahead. An item's age tells nothing: a page that was
// asleep reports late, not wrongly.
//
// The correction is in whole minutes and only above MaxSkew, so that two reports of the same metric, which carry the
// same time, still fall into the same hour.
func (p *Pipeline) clock(b *rum.Beacon) {
	p.clampTimes(b)
	ahead := int64(0)
	if b.SentAt > 0 && !Absurd(b.ReceivedAt, b.SentAt) {
		ahead = b.SentAt - b.ReceivedAt
	}
	reason := "send time"
	if max(ahead, -ahead) <= MaxSkew.Milliseconds() {
		ahead = newest(b) - b.ReceivedAt
		reason = "clock ahead"
		if ahead <= MaxSkew.Milliseconds() {
			return
		}
	}
	minute := time.Minute.Milliseconds()
	skew := ahead / minute * minute
	if ahead%minute > 0 {
		skew += minute // what is left may not lie in the future
	}
	b.EachItem(func(item *rum.Item) { item.TS -= skew })
	for i := range b.Vitals {
		b.Vitals[i].ReportedAt -= skew
	}
	p.count(b.Context.App, b.Context.Environment, "skewed", reason, int64(b.Len()))
}

// newest is the latest time in a beacon, and no earlier than when it was received.
func newest(b *rum.Beacon) int64 {
	latest := b.ReceivedAt
	b.EachItem(func(item *rum.Item) { latest = max(latest, item.TS) })
	for i := range b.Vitals {
		latest = max(latest, b.Vitals[i].ReportedAt)
	}
	return latest
}

// clampTimes gives items with an absurd time the time they were received, or were sent by the client's clock.
func (p *Pipeline) clampTimes(b *rum.Beacon) {
	now := b.ReceivedAt
	if b.SentAt > 0 && !Absurd(now, b.SentAt) {
		now = b.SentAt
	}
	clamped := int64(0)
	b.EachItem(func(item *rum.Item) {
		if Absurd(now, item.TS) {
			item.TS = now
			clamped++
		}
	})
	for i := range b.Vitals {
		if v := &b.Vitals[i]; Absurd(now, v.ReportedAt) {
			v.ReportedAt = now
		}
	}
	if clamped > 0 {
		p.count(b.Context.App, b.Context.Environment, "skewed", "absurd time", clamped)
	}
}
