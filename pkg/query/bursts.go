package query

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/sightline-rum/sightline/pkg/query/stats"
)

// errorBursts answers which error groups stand out: new ones, ones that are back after a week, and ones that surge over
// what their baseline explains. It is always about groups, each divided further by what else the query groups by.
//
//   - table and numeric are about now, the window that ends with the query's time range;
//   - annotations and time series are about every window within it.
//
// What numeric and time series show is the weighted count in a window of a burst, and 0 in any other, so that an alert
// rule asks for more than 0. There is a row (or series) for every group that was met lately, and one without a
// fingerprint when none was: an alert rule never meets "no data" because nothing is wrong.
func askErrorBursts(ctx context.Context, conn driver.Conn, q *question) (data.Frames, error) {
	if err := q.groupByFingerprint(); err != nil {
		return nil, err
	}
	history, err := q.readBurstHistory(ctx, conn)
	if err != nil {
		return nil, err
	}
	var frames data.Frames
	switch q.Format {
	case formatNumeric:
		frames = data.Frames{q.burstsNumeric(history)}
	case formatSeries:
		frames = q.burstsSeries(history)
	default:
		if frames, err = q.burstsListed(ctx, conn, history); err != nil {
			return nil, err
		}
	}
	if history.cut {
		frames[0].AppendNotices(data.Notice{Severity: data.NoticeSeverityWarning, Text: fmt.Sprintf(
			"Only the %d error groups with the most sessions were judged. Add a filter.", len(history.groups))})
	}
	if q.tiles.cut {
		frames[0].AppendNotices(data.Notice{Severity: data.NoticeSeverityWarning, Text: fmt.Sprintf(
			"Only the last %d windows of %s are shown. Shorten the time range or lengthen the window.",
			q.tiles.within, q.tiles.size)})
	}
	if len(history.groups) == 0 && !empty(frames) {
		hint(ctx, conn, q, frames) // a row of zero is no empty answer, but the app may be misspelt all the same
	}
	return frames, nil
}

// groupByFingerprint puts the error group before the query's own dimensions.
func (q *question) groupByFingerprint() error {
	if q.groupsBy("fingerprint") {
		return nil
	}
	group, err := q.dimension("fingerprint")
	q.groups = append([]dimension{group}, q.groups...)
	return err
}

// burst is a run of windows in which a group stands out.
type burst struct {
	group       *burstGroup
	kind        stats.Kind
	first, last int         // windows, counted back from now: first is the larger
	since       int         // the window from which on the group's events are the burst's own and not its history
	dispersion  float64     // φ of the group's counts when it began
	shown       stats.Burst // the numbers of window 0, or of the window with the highest score

	onset, end time.Time
	ended      bool    // otherwise end is now, and it goes on
	count      float64 // weighted, from onset to end
	expected   float64 // in the same time
	facts      burstFacts
}

// goesOn says that it has not been calm for longer than a burst may pause.
func (b *burst) goesOn() bool { return b.last <= burstPause }

// burstsListed is the table of the bursts there are now, or the annotations of those within the time range.
func (q *question) burstsListed(ctx context.Context, conn driver.Conn, history *burstHistory) (data.Frames, error) {
	var bursts []*burst
	for _, g := range history.groups {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if q.Format == formatAnnotations {
			bursts = append(bursts, history.burstsWithin(g)...)
		} else if b := history.burstNow(g); b != nil {
			bursts = append(bursts, b)
		}
	}
	slices.SortFunc(bursts, func(a, b *burst) int {
		return cmp.Or(cmp.Compare(b.shown.Score, a.shown.Score), cmp.Compare(b.shown.Observed, a.shown.Observed),
			slices.Compare(a.group.key, b.group.key), cmp.Compare(b.first, a.first))
	})
	cut := len(bursts) > q.limit()
	if cut {
		bursts = bursts[:q.limit()]
	}
	if err := q.readOnsets(ctx, conn, history, bursts); err != nil {
		return nil, err
	}
	bursts, err := q.readBurstViews(ctx, conn, bursts)
	if err != nil {
		return nil, err
	}
	if err := q.readBurstFacts(ctx, conn, bursts); err != nil {
		return nil, err
	}
	var frame *data.Frame
	if q.Format == formatAnnotations {
		slices.SortStableFunc(bursts, func(a, b *burst) int { return a.onset.Compare(b.onset) })
		frame = q.burstsAnnotations(bursts)
	} else {
		if err := q.readOverrepresented(ctx, conn, bursts); err != nil {
			return nil, err
		}
		frame = q.burstsTable(bursts)
	}
	if cut {
		frame.AppendNotices(q.cutNotice("bursts"))
	}
	return data.Frames{frame}, nil
}
