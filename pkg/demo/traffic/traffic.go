// Package traffic simulates the visitors of a shop: the beacons the Grafana Faro Web SDK would send for them, byte for
// byte the same for the same seed and anchor, each with the ground truth of what is in it. Answers of the product can
// therefore be checked against an independent computation over what was sent.
package traffic

import (
	"container/heap"
	"errors"
	"iter"
	"math"
	"math/rand/v2"
	"time"
)

// Config describes the visitors. The zero value of every field but Anchor has a sensible meaning.
type Config struct {
	Seed     uint64
	Anchor   time.Time // the moment the simulation calls now; every time in every beacon is relative to it
	Scenario string    // one of Scenarios; "" means steady
	App      string    // "" means "shop"
	Environ  string    // environment; "" means "production"
	SiteURL  string    // the shop's origin; "" means "https://shop.example"

	// Backfill is how far before the anchor visits begin, Sessions how many there are in that time.
	Backfill time.Duration
	Sessions int

	// Rate is how many beacons a second visitors send from the anchor on, on average; 0 means none.
	Rate float64
	// Duration is how long they do so; 0 means without end.
	Duration time.Duration
}

// Traffic is a configured simulation. Its beacons can be drawn any number of times; each time they are the same.
type Traffic struct {
	config   Config
	scenario scenario
}

// Beacon is one request of one browser.
type Beacon struct {
	At     time.Time         // when the browser sends it
	Body   []byte            // JSON, as the SDK sends it
	Header map[string]string // besides Content-Type
	Truth  Truth
}

// New checks a configuration.
func New(config Config) (*Traffic, error) {
	if config.Anchor.IsZero() {
		return nil, errors.New("simulate: no anchor time, so beacons would have no times")
	}
	if config.Backfill < 0 || config.Sessions < 0 || config.Rate < 0 || config.Duration < 0 {
		return nil, errors.New("simulate: backfill, sessions, rate and duration cannot be negative")
	}
	if (config.Backfill > 0) != (config.Sessions > 0) {
		return nil, errors.New("simulate: a backfill needs a number of sessions, and sessions need a backfill to fall into")
	}
	config.Anchor = config.Anchor.UTC().Truncate(time.Millisecond)
	config.App = or(config.App, "shop")
	config.Environ = or(config.Environ, "production")
	config.SiteURL = or(config.SiteURL, "https://shop.example")
	scenario, err := scenarioByName(or(config.Scenario, Scenarios[0]), config.Anchor)
	if err != nil {
		return nil, err
	}
	return &Traffic{config: config, scenario: scenario.withDeploys(config.App, config.Environ)}, nil
}

// Incident tells what goes wrong in this scenario, nil when nothing does.
func (t *Traffic) Incident() *Incident { return t.scenario.incident }

// Deploys are the deploy markers of this scenario, oldest first.
func (t *Traffic) Deploys() []Deploy { return t.scenario.deploys }

// Continuing gives this simulation the scenario of an earlier one, with its deploys and its incident at their own times.
func (t *Traffic) Continuing(earlier *Traffic) *Traffic {
	return &Traffic{config: t.config, scenario: earlier.scenario}
}

// Anchor is the moment the simulation calls now.
func (t *Traffic) Anchor() time.Time { return t.config.Anchor }

// Past yields the beacons sent before the anchor, in the order they were sent.
func (t *Traffic) Past() iter.Seq[Beacon] {
	return func(yield func(Beacon) bool) {
		if t.config.Sessions == 0 {
			return
		}
		starts := func(index int) (time.Time, bool) {
			if index >= t.config.Sessions {
				return time.Time{}, false
			}
			// One session in each equal share of the day's visits: as random as visits are, but already in order.
			dice := t.newDice(streamStarts, uint64(index))
			share := (float64(index) + dice.Float64()) / float64(t.config.Sessions)
			return t.config.Anchor.Add(-quantileOfDay(share, t.config.Backfill)), true
		}
		for beacon := range t.merged(streamPast, starts, 1) {
			if beacon.At.After(t.config.Anchor) || !yield(beacon) {
				return
			}
		}
	}
}

// beaconsPerSession is what the average visit sends. It turns a rate of beacons into a rate of visits.
const beaconsPerSession = 12

// Live yields the beacons sent from the anchor on, in the order they are sent; without end when no duration is set.
//
// The shop is not empty at the anchor: visits that began before are in progress. At high rates people hurry, so that
// those earlier visits are few enough to be worked out in a moment.
func (t *Traffic) Live() iter.Seq[Beacon] {
	return func(yield func(Beacon) bool) {
		if t.config.Rate == 0 {
			return
		}
		hurry := min(1, 20/t.config.Rate)
		warmUp := time.Duration(float64(10*time.Minute) * hurry)
		next := t.config.Anchor.Add(-warmUp)
		perSession := beaconsPerSession / t.config.Rate // seconds between visits
		starts := func(index int) (time.Time, bool) {
			dice := t.newDice(streamStarts+streamLive, uint64(index))
			next = next.Add(time.Duration(-math.Log(1-dice.Float64()) * perSession * float64(time.Second)))
			return next, true
		}
		for beacon := range t.merged(streamLive, starts, hurry) {
			if beacon.At.Before(t.config.Anchor) {
				continue
			}
			if t.config.Duration > 0 && beacon.At.Sub(t.config.Anchor) > t.config.Duration || !yield(beacon) {
				return
			}
		}
	}
}

// merged yields the beacons of many overlapping visits in the order they are sent. Visits must start in order.
func (t *Traffic) merged(stream uint64, starts func(index int) (time.Time, bool), hurry float64) iter.Seq[Beacon] {
	return func(yield func(Beacon) bool) {
		var queue beaconQueue
		start, more := starts(0)
		for index := 0; more || queue.Len() > 0; {
			for more && (queue.Len() == 0 || !queue.beacons[0].At.Before(start)) {
				for _, b := range t.visit(t.newDice(stream, uint64(index)), start, hurry) {
					queue.add(b)
				}
				index++
				start, more = starts(index)
			}
			if queue.Len() > 0 && !yield(heap.Pop(&queue).(queued).Beacon) {
				return
			}
		}
	}
}

// beaconQueue is a heap by time; beacons of the same millisecond keep the order they were added in.
type beaconQueue struct {
	beacons []queued
	added   int
}

type queued struct {
	Beacon
	order int
}

func (q *beaconQueue) add(b Beacon) {
	q.added++
	heap.Push(q, queued{b, q.added})
}

func (q *beaconQueue) Len() int { return len(q.beacons) }
func (q *beaconQueue) Less(i, j int) bool {
	if !q.beacons[i].At.Equal(q.beacons[j].At) {
		return q.beacons[i].At.Before(q.beacons[j].At)
	}
	return q.beacons[i].order < q.beacons[j].order
}
func (q *beaconQueue) Swap(i, j int) { q.beacons[i], q.beacons[j] = q.beacons[j], q.beacons[i] }
func (q *beaconQueue) Push(b any)    { q.beacons = append(q.beacons, b.(queued)) }
func (q *beaconQueue) Pop() any {
	last := q.beacons[len(q.beacons)-1]
	q.beacons = q.beacons[:len(q.beacons)-1]
	return last
}

func or(value, fallback string) string {
	if value == "" {
		return fallback
	}
	return value
}

// Streams keep the random numbers of different things apart, so that adding to one does not change the others.
const (
	streamStarts uint64 = iota + 1
	streamPast
	streamLive
	streamMoods
)

// dice are one visit's random numbers. Ids have their own, which depend on the anchor too: the same visits at another
// time are other visits, and a sidecar must not take them for the same beacons sent twice. So have moods, which came
// later and left everything else as it was.
type dice struct {
	*rand.Rand
	ids   *rand.Rand
	moods *rand.Rand
}

func (t *Traffic) newDice(stream, index uint64) dice {
	seed := t.config.Seed ^ stream<<56
	return dice{
		Rand:  rand.New(rand.NewPCG(seed, index+1)),
		ids:   rand.New(rand.NewPCG(seed^uint64(ms(t.config.Anchor))<<16, index+1)),
		moods: rand.New(rand.NewPCG(seed^streamMoods<<48, index+1)),
	}
}

func (d dice) chance(p float64) bool { return d.Float64() < p }

// logNormal draws from a log-normal distribution with this median; sigma is the spread of the logarithm.
func (d dice) logNormal(median, sigma float64) float64 {
	return median * math.Exp(sigma*d.NormFloat64())
}

// between draws evenly from [low, high).
func (d dice) between(low, high float64) float64 { return low + (high-low)*d.Float64() }

const (
	hexDigits = "0123456789abcdef"
	// shortAlphabet is the SDK's own for its short ids.
	shortAlphabet = "abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ0123456789"
)

func (d dice) letters(alphabet string, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = alphabet[d.ids.IntN(len(alphabet))]
	}
	return string(b)
}

func (d dice) hex(n int) string     { return d.letters(hexDigits, n) }
func (d dice) shortID(n int) string { return d.letters(shortAlphabet, n) }

// pick draws one of several by weight.
func pick[T any](d dice, choices []T, weight func(T) float64) T {
	total := 0.0
	for _, c := range choices {
		total += weight(c)
	}
	at := d.Float64() * total
	for _, c := range choices {
		if at -= weight(c); at < 0 {
			return c
		}
	}
	return choices[len(choices)-1]
}
