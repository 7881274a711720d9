package query

import (
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
)

// window is the time a statement reads: from, inclusive, to to, exclusive, in whole milliseconds.
type window struct{ from, to time.Time }

// The store's dates reach from 1970 to 2106; a range beyond is cut, as nothing can lie there.
var (
	firstMoment = time.Unix(0, 0).UTC()
	lastMoment  = time.Date(2105, 12, 31, 0, 0, 0, 0, time.UTC)
)

func windowOf(r backend.TimeRange) (window, error) {
	w := window{from: r.From.UTC(), to: r.To.UTC()}.clamped()
	if !w.from.Before(w.to) {
		return w, badRequest("the time range is empty: from %s to %s", r.From.UTC().Format(time.RFC3339),
			r.To.UTC().Format(time.RFC3339))
	}
	return w, nil
}

func (w window) clamped() window {
	clamp := func(t time.Time) time.Time {
		switch t = t.Truncate(time.Millisecond); {
		case t.Before(firstMoment):
			return firstMoment
		case t.After(lastMoment):
			return lastMoment
		default:
			return t
		}
	}
	return window{clamp(w.from), clamp(w.to)}
}

func (w window) length() time.Duration { return w.to.Sub(w.from) }

func (w window) empty() bool { return !w.from.Before(w.to) }

// before is the window of the same length that ends where this one begins.
func (w window) before() window {
	return window{from: w.from.Add(-w.length()), to: w.from}.clamped()
}

// steps of a time series that people can read off an axis.
var steps = []time.Duration{
	time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 15 * time.Second, 30 * time.Second,
	time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute,
	time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour,
	24 * time.Hour, 2 * 24 * time.Hour, 7 * 24 * time.Hour, 14 * 24 * time.Hour, 28 * 24 * time.Hour,
}

// maxPoints bounds a series whatever was asked for.
const (
	maxPoints     = 5000
	defaultPoints = 1000
)

// stepFor is the smallest readable step that is no finer than asked and gives no more points than asked.
func stepFor(w window, interval time.Duration, points int64) time.Duration {
	if points <= 0 {
		points = defaultPoints
	}
	least := max(min(interval, w.length()), w.length()/time.Duration(min(points, maxPoints)))
	for _, step := range steps {
		if step >= least {
			return step
		}
	}
	longest := steps[len(steps)-1]
	return (least + longest - 1) / longest * longest
}

// grid lists the starts of the steps that a window touches, as Unix milliseconds. Steps start at multiples of
// themselves, so that two answers share their times; the first and the last may lie only partly in the window.
func (w window) grid(step time.Duration) []int64 {
	size := step.Milliseconds()
	first := w.from.UnixMilli() / size * size
	times := make([]int64, 0, (w.to.UnixMilli()-first)/size+1)
	for at := first; at < w.to.UnixMilli(); at += size {
		times = append(times, at)
	}
	return times
}

// secondsOf is how long a step lies inside the window.
func (w window) secondsOf(start int64, step time.Duration) float64 {
	from, to := max(start, w.from.UnixMilli()), min(start+step.Milliseconds(), w.to.UnixMilli())
	return float64(to-from) / 1000
}
