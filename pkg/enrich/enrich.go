// Package enrich turns what a client reported into what can be asked: one step a file, and the order of the steps in
// one place, here.
//
// The steps before the acknowledgement are cheap and bounded, and they are the ones privacy needs: after them a beacon
// holds no query string, no e-mail address and no IP address, so that the spool on disk never does. Everything that
// costs more, or that an operator may want to change and replay, happens when the beacon is drained.
package enrich

import (
	"fmt"
	"hash/maphash"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sightline-rum/sightline/pkg/rum"
	"github.com/sightline-rum/sightline/pkg/sourcemap"
)

// Config is what the steps need to know about the apps.
type Config struct {
	// Apps holds the rules of the configured apps; an app that is not in it gets the defaults.
	Apps map[string]App

	// Budgets is how many distinct names an app may have of a dimension, beside DefaultBudgets.
	Budgets map[string]int

	// Regions is where country and region are taken from. The zero value takes them from nowhere.
	Regions Regions

	// SourceMaps holds the maps that stacks are read with. It may be nil.
	SourceMaps *sourcemap.Store

	// Erased says whether a beacon belongs to somebody whose data was erased. It may be nil.
	Erased func(*rum.Beacon) bool

	// Count adds to one of the pipeline's own counters. It may be nil.
	Count func(app, environment, counter, reason string, n int64)

	// Registerer takes the measures of the steps. It may be nil.
	Registerer prometheus.Registerer
}

// App holds the rules of one app.
type App struct {
	Routes          []RouteRule
	Budgets         map[string]int // beside those of all apps
	FirstParty      []string       // further hosts or domains that belong to the app, besides the page's own
	Journeys        []Journey
	KeptParameters  []string // of the query of page addresses; all others are removed
	ConsentRequired bool     // nothing is taken of a page that does not say its user consented
}

// Pipeline is the steps with their caches. It is safe for concurrent use.
type Pipeline struct {
	apps     map[string]App
	agents   *agents
	cleaned  *cleanAgents
	parties  *parties
	budgets  map[string]*names
	values   *values
	regions  *regions
	maps     *sourcemap.Store
	erasures func(*rum.Beacon) bool
	count    func(app, environment, counter, reason string, n int64)
	accept   []step
	drain    []step
}

// New prepares a pipeline. It fails only when a rule or journey cannot be understood, or the region database cannot be
// read.
func New(config Config) (*Pipeline, error) {
	agents, err := newAgents()
	if err != nil {
		return nil, err
	}
	cleaned, err := newCleanAgents()
	if err != nil {
		return nil, err
	}
	regions, err := newRegions(config.Regions)
	if err != nil {
		return nil, err
	}
	p := &Pipeline{
		apps:     map[string]App{},
		agents:   agents,
		cleaned:  cleaned,
		parties:  newParties(),
		budgets:  map[string]*names{},
		regions:  regions,
		maps:     config.SourceMaps,
		erasures: config.Erased,
		count:    config.Count,
	}
	if p.count == nil {
		p.count = func(string, string, string, string, int64) {}
	}
	if err := p.setBudgets(config); err != nil {
		return nil, err
	}
	for name, app := range config.Apps {
		compiled, err := compileRules(name, app)
		if err != nil {
			return nil, err
		}
		p.apps[name] = compiled
	}
	measured := newMetrics(config.Registerer)
	p.accept, p.drain = measured.steps(atAccept()), measured.steps(atDrain())
	return p, nil
}

// atAccept are the steps before the spool: cheap, and those that privacy needs. Where a beacon came from is told apart
// from them (Locate), because it takes the request and not the beacon.
func atAccept() []step {
	return []step{
		{name: "clock", do: (*Pipeline).clock},
		{name: "scrub", do: (*Pipeline).scrub},
	}
}

// atDrain are the steps before the insert. The agent decides on traffic, traffic on who may add names, maps come before
// the fingerprint that is made of mapped frames, the route before the journey, and the budget after everything that
// makes names.
func atDrain() []step {
	return []step{
		{name: "erased", do: (*Pipeline).erased},
		{name: "agent", do: (*Pipeline).agent},
		{name: "traffic", do: (*Pipeline).traffic},
		{name: "party", do: (*Pipeline).party},
		{name: "route", do: (*Pipeline).route},
		{name: "sourcemap", do: (*Pipeline).sourcemap},
		{name: "fingerprint", do: (*Pipeline).fingerprint},
		{name: "budget", do: (*Pipeline).budget},
		{name: "journey", do: (*Pipeline).journey},
	}
}

// AtAccept does the steps that come before the spool.
func (p *Pipeline) AtAccept(b *rum.Beacon) { p.run(p.accept, b) }

// AtDrain does the steps that come before the insert.
func (p *Pipeline) AtDrain(b *rum.Beacon) { p.run(p.drain, b) }

func (p *Pipeline) setBudgets(config Config) error {
	valid := func(budgets map[string]int, of string) error {
		for dimension, size := range budgets {
			if _, known := DefaultBudgets[dimension]; !known {
				return fmt.Errorf("%s: there is no budget of %s", of, dimension)
			}
			if size < 0 {
				return fmt.Errorf("%s: the budget of %s cannot be negative", of, dimension)
			}
		}
		return nil
	}
	if err := valid(config.Budgets, "budgets"); err != nil {
		return err
	}
	for dimension, standard := range DefaultBudgets {
		p.budgets[dimension] = newNames(orDefault(config.Budgets[dimension], standard))
	}
	for name, app := range config.Apps {
		if err := valid(app.Budgets, "app "+name); err != nil {
			return err
		}
		for dimension, size := range app.Budgets {
			if size > 0 {
				p.budgets[dimension].limits[name] = size
			}
		}
	}
	// Values are counted for each key apart.
	perKey := p.budgets[DimensionAttributeValue]
	delete(p.budgets, DimensionAttributeValue)
	p.values = &values{size: perKey.most, keys: map[string]map[string]map[uint64]struct{}{}}
	return nil
}

var hashSeed = maphash.MakeSeed()

func hashOf(text string) uint64 { return maphash.String(hashSeed, text) }

func orDefault(value, standard int) int {
	if value > 0 {
		return value
	}
	return standard
}
