package query

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/query/stats"
	"github.com/sightline-rum/sightline/pkg/rum"
	"github.com/sightline-rum/sightline/pkg/store"
)

// gallery is the seeded data of an app of pictures: two days of page loads and route changes, of what they fetch from
// five hosts, and of what people do. It has what makes counting hard: sessions sampled at three rates, bots, a second
// environment, sessions and views without an id, loads without timings, phases that did not take place, sizes that
// other origins hide, actions without a duration, and calls that fail.
type gallery struct {
	opened  time.Time // the start of the second day
	beacons []*rum.Beacon
}

// hung is the gallery, stored when the first test asks about it. Its days lie before those of the other apps.
var hung = sync.OnceValues(func() (*gallery, error) {
	g := newGallery(seeded.today.Add(-5 * 24 * time.Hour))
	const size = 300
	for i := 0; i < len(g.beacons); i += size {
		batch := store.NewBatch()
		for _, b := range g.beacons[i:min(i+size, len(g.beacons))] {
			batch.Add(b)
		}
		if err := seeder.Insert(context.Background(), fmt.Sprintf("gallery:%d", i), batch); err != nil {
			return nil, err
		}
	}
	return g, nil
})

func theGallery(t testing.TB) *gallery {
	t.Helper()
	g, err := hung()
	require.NoError(t, err)
	return g
}

func (g *gallery) day() window { return window{g.opened, g.opened.Add(24 * time.Hour)} }

func newGallery(opened time.Time) *gallery {
	g := &gallery{opened: opened}
	random := rand.New(rand.NewPCG(17, 19))
	for i := range 1200 {
		start := opened.Add(-24*time.Hour + time.Duration(random.Int64N(int64(47*time.Hour)))).Truncate(time.Millisecond)
		c := rum.Context{App: "gallery", Environment: "production", Release: "3.0.0", SessionID: fmt.Sprintf("guest-%04d", i),
			Browser: browsers[random.IntN(4)], Device: devices[random.IntN(3)], Country: countries[random.IntN(3)],
			Traffic: rum.TrafficReal, Weight: []uint32{1000, 1000, 2500, 4000}[i%4], SDK: "faro"}
		switch {
		case i%13 == 0:
			c.Environment = "staging"
		case i%14 == 1:
			c.Traffic = rum.TrafficBot
		case i%15 == 2:
			c.SessionID = ""
		}
		if start.After(opened) {
			c.Release = "3.1.0"
		}
		g.visit(random, c, start)
	}
	return g
}

var paintings = []string{"/", "/rooms/:id", "/shop"}

func (g *gallery) visit(random *rand.Rand, c rum.Context, start time.Time) {
	b := &rum.Beacon{ReceivedAt: start.UnixMilli(), Context: c}
	for v := range 1 + random.IntN(3) {
		at := start.Add(time.Duration(v) * 30 * time.Second).UnixMilli()
		route := paintings[random.IntN(len(paintings))]
		item := func(offset int64) rum.Item {
			return rum.Item{TS: at + offset, ViewID: fmt.Sprintf("view-%d-%d", len(g.beacons), v), Route: route,
				Navigation: "navigate"}
		}
		view := rum.View{Item: item(0), Kind: rum.ViewLoad, Path: route}
		// As browsers tell them: mostly whole milliseconds, of which many are the same.
		took := func(mean float64) float32 { return float32(math.Round(mean * random.ExpFloat64())) }
		switch {
		case random.IntN(4) == 0:
			view.Kind, view.Duration, view.Navigation = rum.ViewRouteChange, took(300), rum.ViewRouteChange
		case random.IntN(10) == 0: // a client that tells no timings
		default:
			if v == 0 {
				view.DNS, view.TCP, view.TLS = took(30), took(40), took(50)
			}
			if random.IntN(6) == 0 {
				view.Redirect = took(90)
			}
			view.Request, view.Response, view.DOM, view.Load = took(200), took(40), took(900), took(8)
			view.TTFB = view.Redirect + view.DNS + view.TCP + view.TLS + view.Request
			view.Duration = 1 + view.TTFB + view.Response + view.DOM + view.Load
			if c.Release == "3.1.0" && route == "/shop" {
				view.DOM, view.Duration = 2*view.DOM, view.Duration+view.DOM
			}
			if random.IntN(3) > 0 {
				view.Server = view.Request * 0.7
			}
			if random.IntN(5) > 0 {
				view.TransferSize = uint32(5000 + random.IntN(20_000))
			}
		}
		b.Views = append(b.Views, view)
		g.fetch(random, b, item)
		g.act(random, b, item)
	}
	g.beacons = append(g.beacons, b)
}

// fetch adds what a view fetches: own files that the cache often has, an image host that tells its sizes, and third
// parties that mostly do not.
func (g *gallery) fetch(random *rand.Rand, b *rum.Beacon, item func(int64) rum.Item) {
	for i, r := range []rum.Request{
		{Host: "gallery.example", Kind: "script", RenderBlocking: true, DecodedSize: 90_000, TransferSize: 30_000},
		{Host: "gallery.example", Kind: "css", RenderBlocking: true, DecodedSize: 20_000, TransferSize: 7000},
		{Host: "images.example", Kind: "img", DecodedSize: 400_000, TransferSize: 400_300},
		{Host: "tags.example", Kind: "script", ThirdParty: true},
		{Host: "fonts.example", Kind: "font", ThirdParty: true, DecodedSize: 30_000, TransferSize: 30_200},
	} {
		if random.IntN(4) == 0 {
			continue
		}
		r.Item, r.Method, r.Path, r.Status, r.Cache = item(int64(20+i)), "GET", "/x", 200, "fullLoad"
		r.Duration = float32(math.Round(120 * random.ExpFloat64()))
		r.RenderBlocking = r.RenderBlocking && random.IntN(5) > 0
		if random.IntN(20) == 0 {
			r.ViewID = ""
		}
		switch {
		case r.DecodedSize == 0:
		case random.IntN(3) == 0:
			r.Cache, r.TransferSize = "cache", 0
		case random.IntN(6) == 0:
			r.Cache, r.TransferSize, r.Status = "conditionalFetch", 300, 304
		case random.IntN(10) == 0: // told by its trace alone: the size of the body, and nothing of the cache
			r.Cache, r.TransferSize = "", 0
		}
		b.Requests = append(b.Requests, r)
	}
}

// act adds what somebody does on a view, and the calls it starts.
func (g *gallery) act(random *rand.Rand, b *rum.Beacon, item func(int64) rum.Item) {
	for range random.IntN(5) {
		offset := int64(1000 + random.IntN(9000))
		a := rum.Action{Item: item(offset), Kind: "click",
			Target: []string{"button#buy", "a.next", "form#search"}[random.IntN(3)]}
		a.ActionID = fmt.Sprintf("%08x", random.Uint32())
		switch random.IntN(10) {
		case 0:
			a.Kind, a.Name = "custom", "zoom"
			if random.IntN(2) == 0 {
				a.Target = ""
			}
		case 1:
			a.Kind = "submit"
		case 2:
			a.Kind = "rage"
		case 3:
			a.Kind = "dead"
		case 4:
			a.Kind = "error"
		}
		if random.IntN(9) == 0 {
			a.ActionID = ""
		}
		if !slices.Contains(frustrations, a.Kind) {
			a.Duration = float32(math.Round(400 * random.ExpFloat64()))
		}
		b.Actions = append(b.Actions, a)
		for call := range random.IntN(3) {
			r := rum.Request{Item: item(offset + int64(call) + 1), Kind: []string{"fetch", "xhr", "img"}[random.IntN(3)],
				Method: "POST", Host: "api.gallery.example", Path: "/buy", Endpoint: "/buy", Status: 200,
				Duration: float32(math.Round(150 * random.ExpFloat64())), DecodedSize: 700, TransferSize: 900, Cache: "fullLoad"}
			r.ActionID = a.ActionID
			switch random.IntN(6) {
			case 0:
				r.Status = 500
			case 1:
				r.Status, r.Failure = 0, "network"
			}
			b.Requests = append(b.Requests, r)
		}
	}
}

// thing is an item of the gallery with whom it is of.
type thing[T any] struct {
	rum.Context
	rum.Item
	of         T
	dimensions map[string]string
}

// things are the items that count: those of real people in production, within the window.
func things[T any](
	g *gallery, w window, items func(*rum.Beacon) []T, about func(T) (rum.Item, map[string]string),
) []thing[T] {
	var all []thing[T]
	for _, b := range g.beacons {
		for _, one := range items(b) {
			item, own := about(one)
			at := time.UnixMilli(item.TS)
			if b.Context.Environment != "production" || b.Context.Traffic != rum.TrafficReal ||
				at.Before(w.from) || !at.Before(w.to) {
				continue
			}
			dimensions := dimensionsOfItem(b.Context, item)
			for key, value := range own {
				dimensions[key] = value
			}
			all = append(all, thing[T]{b.Context, item, one, dimensions})
		}
	}
	return all
}

func (g *gallery) views(w window) []thing[rum.View] {
	return things(g, w, func(b *rum.Beacon) []rum.View { return b.Views },
		func(v rum.View) (rum.Item, map[string]string) { return v.Item, nil })
}

func (g *gallery) fetched(w window) []thing[rum.Request] {
	return things(g, w, func(b *rum.Beacon) []rum.Request { return b.Requests },
		func(r rum.Request) (rum.Item, map[string]string) {
			party := "first"
			if r.ThirdParty {
				party = "third"
			}
			return r.Item, map[string]string{"host": r.Host, "kind": r.Kind, "party": party, "method": r.Method}
		})
}

func (g *gallery) acted(w window) []thing[rum.Action] {
	return things(g, w, func(b *rum.Beacon) []rum.Action { return b.Actions },
		func(a rum.Action) (rum.Item, map[string]string) {
			return a.Item, map[string]string{"target": cmp.Or(a.Target, a.Name), "kind": a.Kind}
		})
}

// segmentsOf sorts things into segments, by name.
func segmentsOf[T any](all []thing[T], keys ...string) map[string][]thing[T] {
	found := map[string][]thing[T]{}
	for _, one := range all {
		var name []string
		for _, key := range keys {
			name = append(name, one.dimensions[key])
		}
		found[strings.Join(name, " · ")] = append(found[strings.Join(name, " · ")], one)
	}
	return found
}

// segmentName is what segmentsOf calls the segment of a row.
func segmentName(row map[string]any, keys ...string) string {
	var name []string
	for _, key := range keys {
		name = append(name, row[key].(string))
	}
	return strings.Join(name, " · ")
}

// weighed is how many things these stand for.
func weighed[T any](all []thing[T], keep func(thing[T]) bool) (sum float64) {
	for _, one := range all {
		if keep(one) {
			sum += float64(one.Weight) / rum.FullWeight
		}
	}
	return sum
}

func everything[T any](thing[T]) bool { return true }

// distinct is how many different ids these have: as they are, and by weight. An empty id is none.
func distinct[T any](all []thing[T], id func(thing[T]) string) (n, effective, sum float64) {
	seen, squares := map[string]bool{}, 0.0
	for _, one := range all {
		if name := id(one); name != "" && !seen[name] {
			seen[name] = true
			w := float64(one.Weight) / rum.FullWeight
			n, sum, squares = n+1, sum+w, squares+w*w
		}
	}
	return n, stats.EffectiveSize(sum, squares), sum
}

// percentileOf is the percentile of what is measured of these.
func percentileOf[T any](all []thing[T], p float64, measured func(T) float32) float64 {
	var samples []stats.Sample
	for _, one := range all {
		samples = append(samples, stats.Sample{Value: float64(measured(one.of)), Weight: one.Weight})
	}
	return stats.Percentile(samples, p)
}

func only[T any](all []thing[T], keep func(thing[T]) bool) []thing[T] {
	return slices.DeleteFunc(slices.Clone(all), func(one thing[T]) bool { return !keep(one) })
}

// requireRanked checks that the rows come in the order of a weight, equals by name.
func requireRanked(t *testing.T, rows []map[string]any, field string) {
	t.Helper()
	require.True(t, slices.IsSortedFunc(rows, func(a, b map[string]any) int {
		return cmp.Compare(b[field].(float64), a[field].(float64))
	}))
}
