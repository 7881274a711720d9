package ingest

import (
	"cmp"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/sightline-rum/sightline/pkg/rum"
)

// pressure samples beacons down when they arrive faster than the store takes them for so long that the spool fills.
// Until it is full, a share of every app's visits beats all of them for a while and then none: each beacon kept says
// for how many it stands, so that counts and percentiles stay right.
//
// Whole sessions are kept or left out, by the hash of their id, so that what is kept can be followed from the first
// view to the last. The apps that send most are sampled first: one site's flood costs the others nothing as long as
// theirs fits in.
type pressure struct {
	fill func() float64 // of the spool, 0 to 1
	now  func() time.Time

	mu      sync.Mutex
	decided time.Time
	apps    map[string]*appFlow
}

// appFlow is how much one app sends, and one in how many of its sessions is kept.
type appFlow struct {
	rate   float64 // items a second, averaged over the last few
	window float64 // items since the last decision
	oneIn  uint32
}

// Sampling starts at half a spool: below that, a backlog is what the spool is there for. From there on the share of all
// traffic that is kept falls by half with every sixth of the other half, down to 1 in maxOneIn.
const (
	pressureStart = 0.5
	maxOneIn      = 64
	// maxFlows bounds the memory that invented app names can take; the rest share one flow.
	maxFlows = 1000
	decide   = time.Second
)

func newPressure(fill func() float64) *pressure {
	return &pressure{fill: fill, now: time.Now, apps: map[string]*appFlow{}}
}

// oneIn notes a beacon of an app and returns in how many sessions one is kept at present: 1 without pressure.
func (p *pressure) oneIn(app string, items int) uint32 {
	if p == nil || p.fill == nil {
		return 1
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if since := p.now().Sub(p.decided); since >= decide || since < 0 {
		p.decide(since)
	}
	flow, ok := p.apps[app]
	if !ok {
		if len(p.apps) >= maxFlows {
			app = rum.Overflow
		}
		if flow, ok = p.apps[app]; !ok {
			flow = &appFlow{oneIn: 1}
			p.apps[strings.Clone(app)] = flow
		}
	}
	flow.window += float64(items)
	if p.fill() >= 1 {
		// Nothing can be kept, so nobody would stand for those left out: they are refused instead, and may come again.
		return 1
	}
	return flow.oneIn
}

// decide works out each app's share anew.
func (p *pressure) decide(since time.Duration) {
	p.decided = p.now()
	seconds := max(min(since.Seconds(), 10), decide.Seconds())
	total := 0.0
	for app, flow := range p.apps {
		flow.rate = 0.7*flow.rate + 0.3*flow.window/seconds
		flow.window = 0
		if flow.rate < 0.01 {
			delete(p.apps, app)
			continue
		}
		total += flow.rate
	}
	allowed := total * share(p.fill())
	most := fairBound(p.apps, allowed)
	for _, flow := range p.apps {
		flow.oneIn = 1
		// The nearest power of two, so that the sum is about right, too.
		for flow.rate > math.Sqrt2*most*float64(flow.oneIn) && flow.oneIn < maxOneIn {
			flow.oneIn *= 2
		}
	}
}

// share is how much of all traffic is kept at a fill of the spool.
func share(fill float64) float64 {
	if fill < pressureStart {
		return 1
	}
	sixths := math.Floor(6 * (fill - pressureStart) / (1 - pressureStart))
	return max(math.Exp2(-1-sixths), 1.0/maxOneIn)
}

// fairBound is the most that each app may send so that all of them together send what is allowed: those that send less
// are left alone, and what they leave over is divided among the others.
func fairBound(apps map[string]*appFlow, allowed float64) float64 {
	flows := make([]float64, 0, len(apps))
	for _, flow := range apps {
		flows = append(flows, flow.rate)
	}
	slices.SortFunc(flows, cmp.Compare)
	for i, rate := range flows {
		even := allowed / float64(len(flows)-i)
		if rate > even {
			return even
		}
		allowed -= rate
	}
	if len(flows) == 0 {
		return 0
	}
	return flows[len(flows)-1]
}

// errSampled is a beacon that is not kept because others stand for it.
var errSampled = errors.New("left out: the store is behind, and other sessions are kept in its place")

// sampled says whether a beacon is left out, and otherwise gives it the weight of those it stands for.
func (p *pressure) sampled(b *rum.Beacon) bool {
	oneIn := p.oneIn(b.Context.App, b.Len())
	if oneIn <= 1 {
		return false
	}
	// Powers of two make the choices nest: a session kept at 1 in 8 was kept at 1 in 4, too.
	if sessionHash(&b.Context)%uint64(oneIn) != 0 {
		return true
	}
	b.Context.Weight = cmp.Or(b.Context.Weight, rum.FullWeight) * oneIn
	return false
}

// leaveOut marks the parts that are not kept because others stand for them, and gives the rest their weight.
func (d *reading) leaveOut(lanes *lanes) (left []*part) {
	for _, p := range d.parts {
		if p.sampledOut = lanes.of(&p.beacon.Context).pressure.sampled(&p.beacon); p.sampledOut {
			left = append(left, p)
			d.sampled += len(p.taken)
		}
	}
	return left
}

// sessionHash spreads sessions evenly. A beacon without a session stands for itself.
func sessionHash(c *rum.Context) uint64 {
	if c.SessionID == "" {
		return rand.Uint64()
	}
	return xxhash.Sum64String(c.App + "\x00" + c.SessionID)
}
