package query

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend/gtime"

	"github.com/sightline-rum/sightline/pkg/query/stats"
)

// A query about bursts divides time into windows, counted back from now: window 0 is the one that ends now.
//
// Now is the end of the query's time range (or the present, when the range ends later) cut to the minute. An alert rule
// that is evaluated every minute so sees windows that overlap, each a minute later than the one before and all of them
// whole: a window that took in the present minute would lack what has not arrived yet. Beacons arrive within seconds,
// so a rule is a minute late at most. Only the end of a rule's time range matters, not how long it is.
const (
	defaultBurstWindow   = 5 * time.Minute
	defaultBurstBaseline = 24 * time.Hour

	longestBurstWindow    = 24 * time.Hour
	fewestBaselineWindows = 10
	mostBaselineWindows   = 5000

	// mostBurstWindows of a time range are judged one by one: a week of 5 minutes.
	mostBurstWindows = 2016

	// burstLead is how many windows lie between a window and its baseline, so that what begins slowly does not become
	// its own measure: an hour of the default 5 minutes.
	burstLead = 12

	// burstReach is how many windows a burst is kept out of its own baseline as it goes on, and so how far back its onset
	// is found: 12 hours of the default 5 minutes, and half the baseline at most. What lasts longer becomes usual.
	burstReach = 144

	// burstPause is how many calm windows a burst may have without being over, and how many windows may lie between the
	// first session that meets a new group and the second.
	burstPause = 2

	// fineBuckets is how many buckets a window is divided into when the onset is looked for.
	fineBuckets = 5

	// mostBursts are listed: nobody reads more, and each is a condition in the statements that tell about it.
	mostBursts = 200

	// sameHourDays is how many days back the same time of day is read, and enoughSameHour how many windows of it say
	// anything at all.
	sameHourDays   = 7
	enoughSameHour = 20
)

// period is a duration in the query JSON, as Grafana writes it: "5m", "24h", "1d".
type period time.Duration

func (p *period) UnmarshalJSON(b []byte) error {
	var text string
	if err := json.Unmarshal(b, &text); err != nil {
		return fmt.Errorf("%.40s is not a duration such as \"5m\"", b)
	}
	if text = strings.TrimSpace(text); text == "" {
		*p = 0
		return nil
	}
	d, err := gtime.ParseDuration(text)
	if err != nil {
		return fmt.Errorf("%.40q is not a duration such as \"5m\"", text)
	}
	*p = period(d)
	return nil
}

// tiling says how a query about bursts divides time.
type tiling struct {
	now      time.Time
	size     time.Duration
	baseline int  // windows of the unbroken baseline
	reach    int  // see burstReach
	within   int  // windows of the query's time range, at least 1
	cut      bool // its time range has more
	perDay   int  // windows a day; 0 when the same time of day is not asked for
	perHour  int  // windows of a day that count as the same time of day
	depth    int  // windows that are read
}

// readTiling checks window and baseline. A baseline of less than a day means just that: the same time on previous days
// is then left out, as it is for windows so long that a week of them says too little.
func (q *question) readTiling(Settings) error {
	if q.kind.name != "errorBursts" {
		return nil
	}
	if q.Window == 0 {
		q.Window = period(defaultBurstWindow)
	}
	if q.Baseline == 0 {
		q.Baseline = period(defaultBurstBaseline)
	}
	size, baseline := time.Duration(q.Window), time.Duration(q.Baseline)
	if size < time.Minute || size > longestBurstWindow || size%time.Minute != 0 {
		return badRequest("window %s: whole minutes, from 1m to 24h", size)
	}
	if windows := baseline / size; windows < fewestBaselineWindows || windows > mostBaselineWindows {
		return badRequest("baseline %s: from %d to %d times as long as the window, %s",
			baseline, fewestBaselineWindows, mostBaselineWindows, size)
	}
	t := tiling{now: q.window.to, size: size, baseline: int(baseline / size), within: 1}
	if present := time.Now().UTC(); t.now.After(present) && q.window.from.Before(present) {
		t.now = present
	}
	t.now = t.now.Truncate(time.Minute)
	t.reach = min(burstReach, t.baseline/2)
	if q.Format == formatSeries || q.Format == formatAnnotations {
		windows := t.now.Sub(q.window.from) / size
		t.within, t.cut = int(max(1, min(windows, mostBurstWindows))), windows > mostBurstWindows
	}
	if q.Format == formatTable || q.Format == formatAnnotations {
		q.Limit = min(q.Limit, mostBursts)
	}
	t.depth = burstLead + t.reach + t.baseline
	const day = 24 * time.Hour
	if perHour := int(time.Hour / size); perHour*sameHourDays >= enoughSameHour && day%size == 0 && baseline >= day {
		t.perHour, t.perDay = perHour, int(day/size)
		t.depth = max(t.depth, sameHourDays*t.perDay+perHour)
	}
	t.depth += t.within + t.reach
	q.tiles = t
	return nil
}

// start of a window, which is also the end of the one counted after it.
func (t tiling) start(window int) time.Time { return t.now.Add(-time.Duration(window+1) * t.size) }

// span from the start of one window to the end of another.
func (t tiling) span(first, last int) window {
	return window{from: t.start(first), to: t.start(last - 1)}.clamped()
}

// fine is how long a bucket is in which onsets are found.
func (t tiling) fine() time.Duration { return t.size / fineBuckets }

// indexExpr is the window (or bucket) of that size an event falls into, counted back from now.
func (t tiling) indexExpr(s *statement, name string, size time.Duration) string {
	return fmt.Sprintf("intDiv(%s - toUnixTimestamp64Milli(ts), %s)",
		s.bind("last", "Int64", t.now.UnixMilli()-1), s.bind(name, "Int64", size.Milliseconds()))
}

// before is what came before a window, with that many windows of a gap in between. Nothing before the app's own first
// hour is part of it, and no day's same hour before the group's first event: that it was not there yet says nothing of
// how often it is met.
func (t tiling) before(g *burstGroup, at, gap int) stats.History {
	h := stats.History{Window: t.size, Gap: time.Duration(gap) * t.size, Weight: g.weight}
	newest := at + 1 + gap
	if oldest := min(at+gap+t.baseline, g.appStart, len(g.counts)-1); oldest >= newest {
		h.Recent = make([]float64, 0, oldest-newest+1)
		for i := oldest; i >= newest; i-- {
			h.Recent = append(h.Recent, g.counts[i])
		}
	}
	if t.perDay == 0 {
		return h
	}
	for d := 1; d <= sameHourDays; d++ {
		oldest := at + d*t.perDay + t.perHour/2
		if newest := oldest - t.perHour + 1; oldest <= g.oldest && newest > at+gap {
			hour := slices.Clone(g.counts[newest : oldest+1])
			slices.Reverse(hour)
			h.SameHour = append(h.SameHour, hour)
		}
	}
	return h
}
