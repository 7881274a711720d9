package ingest

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/rum"
)

// clocked is a pressure with a clock and a spool of the test's own.
type clocked struct {
	*pressure
	clock time.Time
	full  float64
}

func newClocked() *clocked {
	c := &clocked{clock: time.Unix(1e9, 0)}
	c.pressure = newPressure(func() float64 { return c.full })
	c.now = func() time.Time { return c.clock }
	return c
}

// flow sends so many beacons of one item a second for each app, for ten seconds.
func (c *clocked) flow(apps map[string]int) {
	for range 10 {
		c.clock = c.clock.Add(time.Second)
		for app, beacons := range apps {
			c.oneIn(app, beacons)
		}
	}
}

func beaconOf(app string, session int) *rum.Beacon {
	return &rum.Beacon{Context: rum.Context{App: app, SessionID: fmt.Sprint("s", session)}, Events: make([]rum.Event, 1)}
}

func TestWithoutPressureEveryBeaconIsKeptAsItIs(t *testing.T) {
	c := newClocked()
	c.full = 0.49
	c.flow(map[string]int{"shop": 1000})
	for n := range 1000 {
		b := beaconOf("shop", n)
		require.False(t, c.sampled(b))
		require.Zero(t, b.Context.Weight)
	}
	var none *pressure
	require.False(t, none.sampled(beaconOf("shop", 1)))
}

func TestUnderPressureWholeSessionsStayAndStandForTheRest(t *testing.T) {
	c := newClocked()
	c.full = 0.7 // 1 in 8
	c.flow(map[string]int{"shop": 1000})
	const sessions = 20_000
	kept, stoodFor := map[int]bool{}, 0
	for n := range sessions {
		first := beaconOf("shop", n)
		kept[n] = !c.sampled(first)
		second := beaconOf("shop", n)
		require.Equal(t, kept[n], !c.sampled(second), "a session's beacons share their fate")
		if kept[n] {
			stoodFor += int(first.Context.Weight)
		}
	}
	require.InEpsilon(t, sessions*rum.FullWeight, stoodFor, 0.1, "the weights make up for what is left out")

	c.full = 0.55 // 1 in 2
	c.flow(map[string]int{"shop": 1000})
	for n := range sessions {
		b := beaconOf("shop", n)
		b.Context.Weight = 4 * rum.FullWeight // the browser itself sends one session in four
		if kept[n] {
			require.False(t, c.sampled(b), "who is kept at 1 in 8 is kept at 1 in 2")
			require.EqualValues(t, 8*rum.FullWeight, b.Context.Weight)
		}
	}
}

func TestAnAppThatFloodsIsSampledBeforeTheOthers(t *testing.T) {
	c := newClocked()
	c.full = 0.55
	c.flow(map[string]int{"flood": 10_000, "shop": 100, "docs": 10})
	require.EqualValues(t, 1, c.oneIn("shop", 1))
	require.EqualValues(t, 1, c.oneIn("docs", 1))
	require.EqualValues(t, 2, c.oneIn("flood", 1))

	c.full = 0.99
	c.flow(map[string]int{"flood": 10_000, "shop": 100, "docs": 10})
	require.EqualValues(t, maxOneIn, c.oneIn("flood", 1))
	require.EqualValues(t, 1, c.oneIn("docs", 1))

	c.full = 0.1
	c.flow(map[string]int{"flood": 10_000})
	require.EqualValues(t, 1, c.oneIn("flood", 1), "relief ends it")
}

func TestTheShareFallsWithTheFill(t *testing.T) {
	before := 1.0
	for fill := 0.0; fill <= 1; fill += 0.01 {
		kept := share(fill)
		require.LessOrEqual(t, kept, before)
		require.GreaterOrEqual(t, kept, 1.0/maxOneIn)
		before = kept
	}
	require.InDelta(t, 1.0/maxOneIn, share(1), 1e-9)
}

func TestInventedAppsTakeNoMoreMemory(t *testing.T) {
	c := newClocked()
	for n := range 3 * maxFlows {
		c.oneIn(fmt.Sprint("app", n), 1)
	}
	require.LessOrEqual(t, len(c.apps), maxFlows+1)
	for range 60 {
		c.clock = c.clock.Add(time.Second)
		c.oneIn("shop", 1)
	}
	require.Len(t, c.apps, 1, "apps that went quiet are forgotten")
}

func TestASampledBeaconIsAnsweredAndCountedAndNotKept(t *testing.T) {
	s := start(t, "")
	c := newClocked()
	c.full = 0.99
	c.flow(map[string]int{"shop": 100})
	s.server.lanes.main.pressure = c.pressure
	kept, sampled := 0, 0
	for n := range 200 {
		a := s.do(call{body: fmt.Sprintf(`{"meta":{"app":{"name":"shop"},"session":{"id":"s%d"}},"events":[{"name":"x"},{}]}`, n)})
		require.Equal(t, 202, a.status)
		switch a.body {
		case `{"accepted":0,"sampled":1,"rejected":[{"list":"events","index":1,"reason":"an event without a name"}]}`:
			sampled++
		case `{"accepted":1,"rejected":[{"list":"events","index":1,"reason":"an event without a name"}]}`:
			kept++
		default:
			t.Fatal(a.body)
		}
	}
	require.Positive(t, sampled)
	records, _ := s.kept()
	require.Len(t, records, kept)
	for _, r := range records {
		require.EqualValues(t, maxOneIn*rum.FullWeight, r.Beacon.Context.Weight)
	}
	require.EqualValues(t, sampled, s.counted("skipped", "sampled under pressure"))
}

func TestWhatNobodyCanStandForIsNotLeftOut(t *testing.T) {
	c := newClocked()
	c.full = 1
	c.flow(map[string]int{"shop": 1000})
	for n := range 1000 {
		b := beaconOf("shop", n)
		require.False(t, c.sampled(b), "a spool that is full keeps none: its refusal is the honest answer")
		require.Zero(t, b.Context.Weight)
	}
	c.full = 0.99
	require.True(t, c.sampled(beaconOf("shop", 1)) || c.sampled(beaconOf("shop", 2)))
}
