package enrich

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/rum"
)

var (
	received = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC).UnixMilli()
	minute   = time.Minute.Milliseconds()
	day      = 24 * 60 * minute
)

// corrected are the times of items after the clock, from when they were received; and what was counted.
func corrected(t *testing.T, sentAt int64, times ...int64) (after []int64, counted map[string]int64) {
	counted = map[string]int64{}
	p := pipeline(t, Config{Count: func(_, _, counter, reason string, n int64) { counted[counter+" "+reason] += n }})
	b := &rum.Beacon{ReceivedAt: received, SentAt: sentAt}
	for _, ts := range times {
		b.Events = append(b.Events, rum.Event{Item: rum.Item{TS: ts}})
	}
	p.AtAccept(b)
	for _, e := range b.Events {
		after = append(after, e.TS-received)
	}
	return after, counted
}

func TestAClockIsCorrectedOnlyWhereItIsKnownToBeWrong(t *testing.T) {
	after, counted := corrected(t, 0, received-6*day, received)
	require.Equal(t, []int64{-6 * day, 0}, after, "six days late is not skew")
	require.Empty(t, counted)

	after, counted = corrected(t, 0, received+109*minute+30_000, received+119*minute+30_000)
	require.Equal(t, []int64{-10*minute - 30_000, -30_000}, after, "two hours ahead, in whole minutes, all items alike")
	require.Equal(t, map[string]int64{"skewed clock ahead": 2}, counted)

	after, counted = corrected(t, received-3*day, received-3*day-minute)
	require.Equal(t, []int64{-minute}, after, "the client said it is three days behind")
	require.Equal(t, map[string]int64{"skewed send time": 1}, counted)

	after, _ = corrected(t, received+day+1, received+day-5*minute)
	require.Equal(t, []int64{-6 * minute}, after, "the client said it is a day ahead")

	after, counted = corrected(t, received-minute, received-2*day)
	require.Equal(t, []int64{-2 * day}, after, "a minute on the way is no skew, and the age is the item's own")
	require.Empty(t, counted)
}

func TestAnAbsurdTimeIsReplacedByTheArrival(t *testing.T) {
	after, counted := corrected(t, 0, 0, 12345, received+5*365*day, received-day)
	require.Equal(t, []int64{0, 0, 0, -day}, after)
	require.Equal(t, map[string]int64{"skewed absurd time": 3}, counted)

	after, _ = corrected(t, 77, received-minute)
	require.Equal(t, []int64{-minute}, after, "an absurd send time says nothing")

	p := pipeline(t, Config{})
	b := &rum.Beacon{ReceivedAt: received, Vitals: []rum.Vital{{Item: rum.Item{TS: received}, ReportedAt: 5}}}
	p.AtAccept(b)
	require.Equal(t, received, b.Vitals[0].ReportedAt)
}
