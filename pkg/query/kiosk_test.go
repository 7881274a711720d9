package query

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/rum"
	"github.com/sightline-rum/sightline/pkg/store"
)

// The kiosk is an app whose slow views have causes that are known, because they were planted: two days of views, the
// second of them with a script from an advertiser that makes one interaction in two poor where it runs. Everything that
// makes blaming hard is there: a script that is everywhere, one that is often there and harmless, a browser that does
// not tell what blocks, sampled sessions, bots, a second environment, metrics reported again, and vitals that come
// without their parts.
type kiosk struct {
	first, second []*rum.Beacon
	caused        map[string]bool // the views, by session and id, that only the advertiser's script made poor
}

const (
	everywhereScript = "https://tags.example/everywhere.js"
	harmlessScript   = "https://kiosk.example/app.js"
	guiltyScript     = "https://ads.example/slow.js"
)

var opened struct {
	sync.Once
	kiosk *kiosk
	err   error
}

// kioskDays are the day before the script came and the day it did.
func kioskDays() (before, after window) {
	day := seeded.today.Add(-6 * 24 * time.Hour)
	return window{day.Add(-24 * time.Hour), day}, window{day, day.Add(24 * time.Hour)}
}

// openKiosk stores the kiosk's beacons when the first test asks for them.
func openKiosk(t testing.TB) *kiosk {
	t.Helper()
	opened.Do(func() {
		opened.kiosk = newKiosk()
		opened.err = opened.kiosk.insert(context.Background(), seeder)
	})
	require.NoError(t, opened.err)
	return opened.kiosk
}

func (k *kiosk) insert(ctx context.Context, to *store.Store) error {
	for i, beacons := range [][]*rum.Beacon{k.first, k.second} {
		batch := store.NewBatch()
		for _, b := range beacons {
			batch.Add(b)
		}
		if err := to.Insert(ctx, fmt.Sprintf("kiosk:%d", i), batch); err != nil {
			return err
		}
	}
	return nil
}

func newKiosk() *kiosk {
	k := &kiosk{caused: map[string]bool{}}
	random := rand.New(rand.NewPCG(5, 9))
	before, after := kioskDays()
	for i := range 4200 {
		at := before.from.Add(time.Duration(random.Int64N(int64(after.to.Sub(before.from)) - int64(time.Minute))))
		c := rum.Context{App: "kiosk", Environment: "production", Release: "3.0", SessionID: fmt.Sprintf("kiosk-%04d", i/2),
			Browser: []string{"Chrome", "Chrome", "Safari"}[random.IntN(3)], Device: devices[random.IntN(2)],
			Traffic: rum.TrafficReal, Weight: rum.FullWeight, SDK: "faro"}
		switch {
		case i%20 == 0:
			c.Environment = "staging"
		case i%21 == 0:
			c.Traffic = rum.TrafficBot
		}
		if i%6 == 0 {
			c.Weight = 4000
		}
		k.view(random, c, at, !at.Before(after.from), i)
	}
	return k
}

// view is one page view: its route, its largest paint, its slowest interaction, its shifts, and what blocked.
func (k *kiosk) view(random *rand.Rand, c rum.Context, at time.Time, advertised bool, number int) {
	route := []string{"/", "/", "/list", "/pay"}[random.IntN(4)]
	ms := at.UnixMilli()
	item := rum.Item{TS: ms, ViewID: fmt.Sprintf("v%d", number%5), Route: route, Navigation: "navigate"}
	item.ViewID += fmt.Sprint(number)
	b := &rum.Beacon{ReceivedAt: ms + 9000, Context: c}
	again := &rum.Beacon{ReceivedAt: ms + 60_000, Context: c}
	add := func(v rum.Vital) {
		v.Item, v.ReportedAt = item, ms+5000
		v.MetricID = fmt.Sprintf("v5-%d-%s-%d", ms, v.Metric, number)
		b.Vitals = append(b.Vitals, v)
		if number%7 == 3 { // reported again, with another value and another target
			v.ReportedAt += 40_000
			times := 0.4 + random.Float64()
			v.Value *= times
			v.Target += ".late"
			v.Parts = maps.Clone(v.Parts)
			for name := range v.Parts {
				v.Parts[name] *= float32(times)
			}
			again.Vitals = append(again.Vitals, v)
		}
	}

	lcp := rum.Vital{Metric: "lcp", Value: 1500 + 1500*random.ExpFloat64(), Target: "main>h1"}
	split := []float64{0.1, 0.05, 0.05, 0.8}
	if route == "/" {
		lcp.Target, lcp.TargetURL, lcp.ThirdParty = "img.hero", "https://pictures.example/hero.jpg", true
		lcp.Value += 1500
		split = []float64{0.1, 0.6, 0.1 + 0.2*random.Float64(), 0}
		split[3] = 1 - split[0] - split[1] - split[2]
	}
	if number%9 > 0 {
		lcp.Parts = partsFor("lcp", lcp.Value, split)
	}
	add(lcp)

	if number%10 > 0 {
		interacted := rum.Vital{Metric: "inp", Target: []string{"#buy", "nav>a"}[random.IntN(2)], InteractionType: "pointer",
			Value: 60 + 120*random.ExpFloat64()}
		blamed := false
		if c.Browser == "Chrome" {
			blamed = advertised && random.Float64() < 0.3
			k.block(random, b, item, blamed)
		}
		switch poor := random.Float64() < 0.06; {
		case poor:
			interacted.Value = 501 + 300*random.ExpFloat64()
		case blamed && random.Float64() < 0.5:
			interacted.Value = 501 + 600*random.ExpFloat64()
			k.caused[c.SessionID+item.ViewID] = true
		}
		if c.Browser == "Chrome" && interacted.Value > 150 {
			interacted.ScriptURL, interacted.ScriptInvoker = harmlessScript, "BUTTON.onclick"
			if blamed && interacted.Value > 500 {
				interacted.ScriptURL, interacted.ScriptInvoker, interacted.ThirdParty = guiltyScript, "TimerHandler", true
			}
		}
		first := 0.2 + 0.1*random.Float64()
		interacted.Parts = partsFor("inp", interacted.Value, []float64{first, 0.6, 0.4 - first})
		add(interacted)
	}

	shifted := rum.Vital{Metric: "cls", Value: 0.15 * random.ExpFloat64(), Target: "footer"}
	if route == "/list" {
		shifted.Target, shifted.Value = "ul.goods", shifted.Value+0.1
	}
	if random.IntN(5) == 0 {
		shifted.Value = 0
	}
	if shifted.Value > 0 {
		share := 0.2 + 0.2*random.Float64()
		if route == "/list" {
			share += 0.5
		}
		shifted.Parts = map[string]float32{"largest_shift_value": float32(shifted.Value * share), "largest_shift_time": 900}
	}
	add(shifted)
	k.first, k.second = append(k.first, b), append(k.second, again)
}

// block adds what blocked in a view of a browser that tells. A script may be told of in two parts.
func (k *kiosk) block(random *rand.Rand, b *rum.Beacon, item rum.Item, guilty bool) {
	add := func(script, host string, third bool, invoker string, ms float64) {
		item.TS += int64(1000 * random.Float64())
		b.Blocking = append(b.Blocking, rum.Blocking{Item: item, ScriptURL: script, Host: host, ThirdParty: third,
			Invoker: invoker, Blocking: float32(int(ms*8)) / 8, Frames: 1})
	}
	add(everywhereScript, "tags.example", true, "TimerHandler", 20+30*random.ExpFloat64())
	if random.IntN(2) == 0 {
		add(harmlessScript, "kiosk.example", false, "BUTTON.onclick", 10+40*random.ExpFloat64())
		add(harmlessScript, "kiosk.example", false, "Window.onload", 5+10*random.ExpFloat64())
	}
	if guilty {
		add(guiltyScript, "ads.example", true, "TimerHandler", 80+90*random.ExpFloat64())
	}
}

// partsFor splits a value the way the SDK names its parts.
func partsFor(metric string, value float64, split []float64) map[string]float32 {
	names := map[string][]string{
		"lcp": {"time_to_first_byte", "resource_load_delay", "resource_load_duration", "element_render_delay"},
		"inp": {"input_delay", "processing_duration", "presentation_delay"},
	}[metric]
	parts := map[string]float32{"next_paint_time": 12345} // no part: a moment
	for i, share := range split {
		parts[names[i]] = float32(value * share)
	}
	return parts
}
