package query

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/rum"
	"github.com/sightline-rum/sightline/pkg/store"
)

// The paths that people take in the planted data. One has a wildcard, a pattern with characters that LIKE would take
// for its own, an action in the middle and a route twice; another's second step is matched by its first as well.
var plantedPaths = map[string][]store.JourneyStep{
	"checkout": {
		{Name: "Basket", Kind: "route", Pattern: "/cart"},
		{Name: "Address", Kind: "route", Pattern: "/checkout/*"},
		{Name: "", Kind: "action", Pattern: "pay_now"},
		{Name: "Basket", Kind: "route", Pattern: "/cart"},
	},
	"search": {
		{Name: "Find", Kind: "route", Pattern: "/s*"},
		{Name: "Pick", Kind: "route", Pattern: "/search"},
	},
	"help": {{Name: "Ask", Kind: "route", Pattern: "/help"}},
}

const aboutPaths = `"queryType":"journeys","app":"paths"`

// names of the steps as answers have them.
var plantedNames = map[string][]string{
	"checkout": {"Basket", "Address", "pay_now", "Basket (4)"}, "search": {"Find", "Pick"}, "help": {"Ask"},
}

// walked is one thing somebody did.
type walked struct {
	at     time.Time
	action bool
	name   string // route or action
}

// walker is one session of the planted data.
type walker struct {
	context rum.Context
	walks   []walked
	errors  []time.Time
	last    time.Time
}

// plantWalkers makes sessions that wander about between routes and actions, some of them more than once, at the same
// millisecond, on either side of the window's edges, sampled at two rates, by bots, in two environments, and some until
// just now. Firefox users often meet an error at the address and give up.
func plantWalkers(now time.Time) (all []*walker) {
	random := rand.New(rand.NewPCG(5, 8))
	paths := []string{"/", "/cart", "/cart", "/checkout/address", "/checkout/ship", "/search", "/s", "/help", "/checkoutX",
		"!pay_now", "!payXnow", "!pay_now"}
	for i := range 1500 {
		// Most long ago, some within the last hour.
		start := now.Add(-time.Duration(2*60+random.IntN(12*60)) * time.Minute)
		if i%6 == 0 {
			start = now.Add(-time.Duration(random.IntN(70)) * time.Minute)
		}
		start = start.Add(time.Duration(random.IntN(60_000)) * time.Millisecond)
		w := &walker{context: rum.Context{App: "paths", Environment: "production", Release: "1",
			SessionID: fmt.Sprint("w", i), Browser: browsers[random.IntN(4)], BrowserVersion: "1", OS: "Linux",
			Device:  devices[random.IntN(3)],
			Traffic: rum.TrafficReal, Weight: rum.FullWeight, SDK: "faro"}}
		switch {
		case i%14 == 0:
			w.context.Environment = "staging"
		case i%11 == 0:
			w.context.Traffic = rum.TrafficBot
		}
		if i%3 == 0 {
			w.context.Weight = 2500
		}
		at := start
		for range 1 + random.IntN(9) {
			name := paths[random.IntN(len(paths))]
			if n := len(w.walks); n > 0 && strings.HasPrefix(w.walks[n-1].name, "/checkout/") && random.IntN(3) > 0 {
				name = "!pay_now"
			}
			w.walks = append(w.walks, walked{at, name[0] == '!', strings.TrimPrefix(name, "!")})
			unlucky := w.context.Browser == "Firefox" && strings.HasPrefix(name, "/checkout/")
			if unlucky && random.IntN(10) > 0 || random.IntN(12) == 0 {
				w.errors = append(w.errors, at.Add(time.Duration(random.IntN(3000))*time.Millisecond))
			}
			if unlucky && random.IntN(10) > 1 {
				break
			}
			at = at.Add(time.Duration(random.IntN(8)*random.IntN(20)) * time.Second) // often 0
		}
		for _, step := range w.walks {
			w.last = maxTime(w.last, step.at)
		}
		for _, at := range w.errors {
			w.last = maxTime(w.last, at)
		}
		// Not so near to half an hour ago that it hangs on how long this test takes whether the session is over.
		if idle := now.Sub(w.last); idle > 0 && (idle < 25*time.Minute || idle > 30*time.Minute) {
			all = append(all, w)
		}
	}
	return all
}

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func (w *walker) beacon() *rum.Beacon {
	b := &rum.Beacon{ReceivedAt: w.last.UnixMilli() + 900, Context: w.context}
	for i, step := range w.walks {
		item := rum.Item{TS: step.at.UnixMilli(), ViewID: fmt.Sprint(w.context.SessionID, "-", i), Route: "/"}
		if step.action {
			b.Actions = append(b.Actions, rum.Action{Item: item, Kind: "custom", Name: step.name})
			continue
		}
		item.Route = step.name
		b.Views = append(b.Views, rum.View{Item: item, Kind: rum.ViewLoad, Path: step.name})
		for m, metric := range []string{"lcp", "cls", "inp", "ttfb"} {
			id := fmt.Sprintf("v5-%d-%s-%d-%s", step.at.UnixMilli(), metric, i, w.context.SessionID)
			value := float64((len(w.context.SessionID)*i*977+m*331+int(step.at.Unix()))%3000) / []float64{1, 3000, 8, 2}[m]
			b.Vitals = append(b.Vitals,
				rum.Vital{Item: item, Metric: metric, MetricID: id, Value: value * 7, ReportedAt: item.TS + 5},
				rum.Vital{Item: item, Metric: metric, MetricID: id, Value: value, ReportedAt: item.TS + 90})
		}
	}
	for _, at := range w.errors {
		b.Errors = append(b.Errors, rum.Error{Item: rum.Item{TS: at.UnixMilli(), Route: "/"}, Kind: "exception",
			Type: "TypeError", Message: "no address", Fingerprint: "address"})
	}
	return b
}

// stepMatches is an independent reading of a pattern: piece by piece, without regular expressions or LIKE.
func stepMatches(s store.JourneyStep, w walked) bool {
	if (s.Kind == "action") != w.action || w.name == "" {
		return false
	}
	pieces := strings.Split(s.Pattern, "*")
	rest, found := strings.CutPrefix(w.name, pieces[0])
	if !found || len(pieces) == 1 {
		return found && rest == ""
	}
	return strings.HasSuffix(rest, pieces[1])
}

// replay walks a session through a journey, event by event in order of time.
func (w *walker) replay(steps []store.JourneyStep) (times []time.Time) {
	walks := slices.Clone(w.walks)
	slices.SortStableFunc(walks, func(a, b walked) int { return a.at.Compare(b.at) })
	for _, step := range walks {
		if len(times) == len(steps) {
			break
		}
		later := len(times) == 0 || step.at.After(times[len(times)-1])
		if later && stepMatches(steps[len(times)], step) {
			times = append(times, step.at)
		}
	}
	return times
}

// fared is the naive progress at one step.
type fared struct {
	entered, completed, abandoned, running, errors, affected float64
	sessions, settled                                        int
	known, squares                                           float64
}

// replayAll replays every session and counts, by segment, how they fared at each step.
func replayAll(
	all []*walker, w window, now time.Time, name string, keep func(*walker) bool, key func(*walker, time.Time) string,
) map[string][]fared {
	found := map[string][]fared{}
	steps := plantedPaths[name]
	for _, one := range all {
		times := one.replay(steps)
		if len(times) == 0 || times[0].Before(w.from) || !times[0].Before(w.to) || !keep(one) {
			continue
		}
		segment := key(one, times[0])
		if found[segment] == nil {
			found[segment] = make([]fared, len(steps))
		}
		weight := float64(one.context.Weight) / rum.FullWeight
		for i := range times {
			f := &found[segment][i]
			f.entered += weight
			f.sessions++
			last := i == len(times)-1
			switch {
			case !last || len(times) == len(steps):
				f.completed += weight
			case now.Sub(one.last) <= 30*time.Minute:
				f.running += weight
			default:
				f.abandoned += weight
			}
			if !last || len(times) == len(steps) || now.Sub(one.last) > 30*time.Minute {
				f.settled++
				f.known += weight
				f.squares += weight * weight
			}
			met := 0
			for _, at := range one.errors {
				if !at.Before(times[i]) && (last || at.Before(times[i+1])) {
					met++
				}
			}
			f.errors += float64(met) * weight
			if met > 0 {
				f.affected += weight
			}
		}
	}
	return found
}

// plantPaths stores the walkers and the definition of their journeys: of the checkout an older one as well, with more
// steps, which is no longer in force.
func plantPaths(t testing.TB, now time.Time) ([]*walker, *ownStore) {
	t.Helper()
	own := newOwnStore(t)
	own.runner.Settings.Apps = nil
	all := plantWalkers(now)
	var beacons []*rum.Beacon
	for _, w := range all {
		beacons = append(beacons, w.beacon())
	}
	for part := range slices.Chunk(beacons, 200) {
		own.insert(part...)
	}
	writePaths(t, own.writer, "paths")
	return all, own
}

func writePaths(t testing.TB, to *store.Store, app string) {
	t.Helper()
	var steps []store.JourneyStep
	for name, path := range plantedPaths {
		for i, step := range path {
			step.App, step.Journey, step.Step, step.Version = app, name, uint8(i+1), 7
			steps = append(steps, step)
		}
	}
	for i := range 6 {
		steps = append(steps, store.JourneyStep{App: app, Journey: "checkout", Step: uint8(i + 1), Name: "Old", Kind: "route",
			Pattern: "/old", Version: 6})
	}
	steps = append(steps, store.JourneyStep{App: "another", Journey: "secret", Step: 1, Kind: "route", Pattern: "/",
		Version: 9})
	require.NoError(t, to.WriteJourneys(t.Context(), steps))
	require.NoError(t, to.WriteJourneys(t.Context(), steps[:2]))
}

func realOnes(w *walker) bool {
	return w.context.Environment == "production" && w.context.Traffic == rum.TrafficReal
}
