package enrich

import (
	"strings"
	"sync"

	"github.com/sightline-rum/sightline/pkg/rum"
)

// Dimensions whose distinct names are bounded for each app. What finds no room becomes rum.Overflow.
const (
	DimensionRoute          = "route"
	DimensionRelease        = "release"
	DimensionEndpoint       = "endpoint"
	DimensionHost           = "host"
	DimensionTarget         = "target"
	DimensionMetric         = "metric"
	DimensionFingerprint    = "fingerprint"
	DimensionAttributeKey   = "attributeKey"
	DimensionAttributeValue = "attributeValue" // of each key
)

// DefaultBudgets is how many distinct names an app may have. A person can still read a list of 500 routes, and a
// LowCardinality column stays cheap up to some 10,000; targets and values are more because nobody reads them as a list.
var DefaultBudgets = map[string]int{
	DimensionRoute:          500,
	DimensionRelease:        300,
	DimensionEndpoint:       1000,
	DimensionHost:           300,
	DimensionTarget:         3000,
	DimensionMetric:         200,
	DimensionFingerprint:    2000,
	DimensionAttributeKey:   50,
	DimensionAttributeValue: 1000,
}

// budget holds each beacon to the names its app may have. Bots add none: scanners try thousands of paths that do not
// exist. What they use of the names that are known keeps its name.
func (p *Pipeline) budget(b *rum.Beacon) {
	c := &b.Context
	spilt := spill{pipeline: p, app: c.App, add: c.Traffic != rum.TrafficBot}
	spilt.hold(DimensionRelease, &c.Release)
	b.EachItem(func(item *rum.Item) {
		spilt.hold(DimensionRoute, &item.Route)
		spilt.attributes(item.Attributes)
	})
	spilt.attributes(c.Attributes)
	for i := range b.Vitals {
		v := &b.Vitals[i]
		if _, web := rum.MetricByKey(v.Metric); !web {
			spilt.hold(DimensionMetric, &v.Metric)
		}
		spilt.hold(DimensionTarget, &v.Target)
	}
	for i := range b.Requests {
		spilt.hold(DimensionEndpoint, &b.Requests[i].Endpoint)
		spilt.hold(DimensionHost, &b.Requests[i].Host)
	}
	for i := range b.Blocking {
		spilt.hold(DimensionHost, &b.Blocking[i].Host)
	}
	for i := range b.Errors {
		spilt.hold(DimensionFingerprint, &b.Errors[i].Fingerprint)
	}
	for i := range b.Actions {
		spilt.hold(DimensionTarget, &b.Actions[i].Target)
	}
	for dimension, items := range spilt.items {
		p.count(c.App, c.Environment, "overflow", dimension, items)
	}
}

// spill counts what of one beacon found no room.
type spill struct {
	pipeline *Pipeline
	app      string
	add      bool
	items    map[string]int64

	of, last string // what was asked for last, and had room: neighbours are often equal
}

func (s *spill) hold(dimension string, name *string) {
	if *name == "" || *name == s.last && dimension == s.of {
		return
	}
	if !s.pipeline.budgets[dimension].admit(s.app, *name, s.add) {
		*name = rum.Overflow
		s.count(dimension)
		return
	}
	s.of, s.last = dimension, *name
}

func (s *spill) count(dimension string) {
	if s.items == nil {
		s.items = map[string]int64{}
	}
	s.items[dimension]++
}

// attributes holds keys to the app's budget, and the values of each key to one of their own: an order number must not
// take the room of the plan a customer is on.
func (s *spill) attributes(all map[string]string) {
	for key, value := range all {
		if key == rum.Overflow {
			continue
		}
		if !s.pipeline.budgets[DimensionAttributeKey].admit(s.app, key, s.add) {
			delete(all, key)
			all[rum.Overflow] = rum.Overflow
			s.count(DimensionAttributeKey)
			continue
		}
		if !s.pipeline.values.admit(s.app, key, value, s.add) {
			all[key] = rum.Overflow
			s.count(DimensionAttributeValue)
		}
	}
}

// EachBudget tells how many distinct names each app has of a dimension, and how many it may have. Of attribute values
// it tells of the key that has most.
func (p *Pipeline) EachBudget(tell func(app, dimension string, names, most int)) {
	for dimension, names := range p.budgets {
		names.each(func(app string, n, most int) { tell(app, dimension, n, most) })
	}
	p.values.each(func(app string, n, most int) { tell(app, DimensionAttributeValue, n, most) })
}

// Seed admits a name that is in the store already, so that a restart does not hand its place to another. Call it with
// the most used names first.
func (p *Pipeline) Seed(app, dimension, name string) {
	if names := p.budgets[dimension]; names != nil && name != rum.Overflow {
		names.admit(app, name, true)
	}
}

// names holds the distinct names of each app, up to a limit. They are admitted in the order they come and stay for
// the life of the process; Seed brings back the most used ones after a restart.
type names struct {
	mu     sync.RWMutex
	size   int
	limits map[string]int
	known  map[string]map[string]struct{}
}

// maxApps bounds the apps that names are kept of: an open key takes any app name a client invents.
const maxApps = 1000

func newNames(size int) *names {
	return &names{size: size, limits: map[string]int{}, known: map[string]map[string]struct{}{}}
}

func (n *names) most(app string) int {
	if own, ok := n.limits[app]; ok {
		return own
	}
	return n.size
}

// each tells of every app that has names.
func (n *names) each(tell func(app string, names, most int)) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	for app, known := range n.known {
		tell(app, len(known), n.most(app))
	}
}

// admit says whether a name may be used, and remembers a new one if it may be added.
func (n *names) admit(app, name string, add bool) bool {
	n.mu.RLock()
	_, known := n.known[app][name]
	n.mu.RUnlock()
	if known || name == "" || name == rum.Overflow {
		return true
	}
	if !add {
		return false
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	all, ok := n.known[app]
	if !ok {
		if len(n.known) >= maxApps {
			return false
		}
		all = map[string]struct{}{}
		n.known[strings.Clone(app)] = all
	}
	if _, known := all[name]; !known && len(all) >= n.most(app) {
		return false
	}
	all[strings.Clone(name)] = struct{}{}
	return true
}

// values holds the distinct values of each attribute of each app. Which attributes there are is bounded before.
type values struct {
	mu   sync.Mutex
	size func(app string) int
	keys map[string]map[string]map[uint64]struct{} // app, key, hash of the value
}

func (v *values) admit(app, key, value string, add bool) bool {
	hash := hashOf(value)
	v.mu.Lock()
	defer v.mu.Unlock()
	known := v.keys[app][key]
	if _, ok := known[hash]; ok || value == rum.Overflow {
		return true
	}
	if !add || len(known) >= v.size(app) {
		return false
	}
	if known == nil {
		if v.keys[app] == nil {
			v.keys[strings.Clone(app)] = map[string]map[uint64]struct{}{}
		}
		known = map[uint64]struct{}{}
		v.keys[app][strings.Clone(key)] = known
	}
	known[hash] = struct{}{}
	return true
}

func (v *values) each(tell func(app string, names, most int)) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for app, keys := range v.keys {
		fullest := 0
		for _, known := range keys {
			fullest = max(fullest, len(known))
		}
		tell(app, fullest, v.size(app))
	}
}
