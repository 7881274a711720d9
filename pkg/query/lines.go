package query

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"
)

// line is one segment of an answer that has many values for each: over time, or by histogram cell.
type line[T any] struct {
	key    []string
	total  uint64 // samples or weight in all, which ranks the lines
	values []T
}

// lines are an answer's segments by their key.
type lines[T any] map[string]*line[T]

// of finds a segment's line, or begins it with n values.
func (ls lines[T]) of(key []string, n int) *line[T] {
	name := fmt.Sprintf("%q", key)
	if ls[name] == nil {
		ls[name] = &line[T]{key: key, values: make([]T, n)}
	}
	return ls[name]
}

// ranked sorts lines as amongTop does: the largest first, equals by name. The line beyond the limit is cut off.
func (ls lines[T]) ranked(limit int) (top []*line[T], cut bool) {
	for _, l := range ls {
		top = append(top, l)
	}
	slices.SortFunc(top, func(a, b *line[T]) int {
		return cmp.Or(cmp.Compare(b.total, a.total), slices.Compare(a.key, b.key))
	})
	if len(top) > limit {
		return top[:limit], true
	}
	return top, false
}

// stepExpr is the start of the step an event falls into, as Unix milliseconds.
func (q *question) stepExpr(s *statement) string {
	size := s.bind("step", "Int64", q.step.Milliseconds())
	return fmt.Sprintf("intDiv(toUnixTimestamp64Milli(ts), %s) * %s", size, size)
}

// segmentSeries is one segment's time series: a frame of its own, as FrameTypeTimeSeriesMulti wants it.
func (q *question) segmentSeries(times []int64, key []string, value *data.Field) *data.Frame {
	q.label(value, key)
	value.Config.Interval = float64(q.step.Milliseconds())
	return series(times, value)
}

// label names the segment a value field is about, for the alerting engine and for people.
func (q *question) label(value *data.Field, key []string) {
	if len(q.groups) == 0 || key == nil {
		return
	}
	value.Labels = data.Labels{}
	named := make([]string, 0, len(key))
	for i, d := range q.groups {
		value.Labels[d.key] = key[i]
		named = append(named, cmp.Or(key[i], "(unknown)"))
	}
	value.Config.DisplayNameFromDS = strings.Join(named, " · ")
}

func series(times []int64, value *data.Field) *data.Frame {
	at := make([]time.Time, 0, len(times))
	for _, ms := range times {
		at = append(at, time.UnixMilli(ms).UTC())
	}
	return newFrame(data.FrameTypeTimeSeriesMulti, data.NewField("time", nil, at), value)
}
