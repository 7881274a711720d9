// Package enrich turns what a client reported into what can be asked: one step a file, and the order of the steps in
// one place, here.
//
// The steps before the acknowledgement are cheap and bounded, and they are the ones privacy needs: after them a beacon
// holds no query string, no e-mail address and no IP address, so that the spool on disk never does. Everything that
// costs more, or that an operator may want to change and replay, happens when the beacon is drained.
package enrich

import (
	"github.com/sightline-rum/sightline/pkg/rum"
)

// Config is what the steps need to know about the apps.
type Config struct {
	// Apps holds the rules of the configured apps; an app that is not in it gets the defaults.
	Apps map[string]App

	// RouteBudget and EndpointBudget are how many distinct names an app may have before the rest becomes
	// rum.Overflow. Zero means the default.
	RouteBudget    int
	EndpointBudget int

	// Count adds to one of the pipeline's own counters. It may be nil.
	Count func(app, environment, counter, reason string, n int64)
}

// App holds the rules of one app.
type App struct {
	Routes      []RouteRule
	RouteBudget int
	FirstParty  []string // further hosts or domains that belong to the app, besides the page's own
	Journeys    []Journey
}

// Defaults for the distinct names of one app. A person can still read a list of 500 routes, and a ClickHouse
// LowCardinality column stays cheap well beyond it.
const (
	DefaultRouteBudget    = 500
	DefaultEndpointBudget = 1000
)

// Pipeline is the steps with their caches. It is safe for concurrent use.
type Pipeline struct {
	apps      map[string]App
	agents    *agents
	parties   *parties
	routes    *budget
	endpoints *budget
	count     func(app, environment, counter, reason string, n int64)
}

// New prepares a pipeline. It fails only when a route rule or journey cannot be understood.
func New(config Config) (*Pipeline, error) {
	agents, err := newAgents()
	if err != nil {
		return nil, err
	}
	p := &Pipeline{
		apps:      map[string]App{},
		agents:    agents,
		parties:   newParties(),
		routes:    newBudget(orDefault(config.RouteBudget, DefaultRouteBudget)),
		endpoints: newBudget(orDefault(config.EndpointBudget, DefaultEndpointBudget)),
		count:     config.Count,
	}
	if p.count == nil {
		p.count = func(string, string, string, string, int64) {}
	}
	for name, app := range config.Apps {
		compiled, err := compileRules(name, app)
		if err != nil {
			return nil, err
		}
		p.apps[name] = compiled
		if app.RouteBudget > 0 {
			p.routes.limit(name, app.RouteBudget)
		}
	}
	return p, nil
}

// AtAccept does the steps that come before the spool.
func (p *Pipeline) AtAccept(b *rum.Beacon) {
	p.clock(b)
	p.scrub(b)
}

// AtDrain does the steps that come before the insert. The agent decides on traffic, traffic on which routes may be
// admitted, and the route on the journey.
func (p *Pipeline) AtDrain(b *rum.Beacon) {
	p.agent(b)
	p.traffic(b)
	p.party(b)
	p.route(b)
	p.journey(b)
	p.fingerprint(b)
}

// EachBudget tells how many distinct names each app has of a dimension, and how many it may have.
func (p *Pipeline) EachBudget(tell func(app, dimension string, names, most int)) {
	p.routes.each(func(app string, names, most int) { tell(app, "route", names, most) })
	p.endpoints.each(func(app string, names, most int) { tell(app, "endpoint", names, most) })
}

// eachItem visits what all kinds of item have in common.
func eachItem(b *rum.Beacon, visit func(*rum.Item)) {
	for i := range b.Views {
		visit(&b.Views[i].Item)
	}
	for i := range b.Vitals {
		visit(&b.Vitals[i].Item)
	}
	for i := range b.Requests {
		visit(&b.Requests[i].Item)
	}
	for i := range b.Blocking {
		visit(&b.Blocking[i].Item)
	}
	for i := range b.Errors {
		visit(&b.Errors[i].Item)
	}
	for i := range b.Actions {
		visit(&b.Actions[i].Item)
	}
	for i := range b.Events {
		visit(&b.Events[i].Item)
	}
}

func orDefault(value, standard int) int {
	if value > 0 {
		return value
	}
	return standard
}
