package traffic

import (
	"fmt"
	"strings"
	"time"
)

// Scenarios are what can be simulated: a shop without incident, and one whose release breaks the checkout.
var Scenarios = []string{"steady", "checkout-regression"}

// Deploy is a deploy marker, as POST /v1/deploys takes it.
type Deploy struct {
	App         string    `json:"app"`
	Environment string    `json:"environment"`
	Release     string    `json:"release"`
	Title       string    `json:"title"`
	URL         string    `json:"url"`
	At          time.Time `json:"at"`
}

// Incident is the truth about what goes wrong: who is hit, where, from when on, and how it shows.
type Incident struct {
	Onset        time.Time `json:"onset"`
	Release      string    `json:"release"`
	Before       string    `json:"before"` // the release before
	Route        string    `json:"route"`
	Browser      string    `json:"browser"` // as the SDK names it
	Device       string    `json:"device"`
	Target       string    `json:"target"` // what those hit click on in vain
	ErrorType    string    `json:"errorType"`
	ErrorMessage string    `json:"errorMessage"`
	ErrorShare   float64   `json:"errorShare"` // of the payments tried by those hit
	LCPFactor    float64   `json:"lcpFactor"`  // how many times slower
	INPFactor    float64   `json:"inpFactor"`

	// Script is the path of the guilty script. It is slower in every browser, if not as much as where the incident shows;
	// only Chromium, which reports long animation frames, can name it.
	Script       string  `json:"script"`
	ScriptFactor float64 `json:"scriptFactor"` // how many times slower interactions are with it elsewhere
}

const (
	releaseOld     = "2.4.0"
	releaseCurrent = "2.4.1"
	releaseBroken  = "2.5.0"

	onsetBeforeAnchor = 150 * time.Minute
)

// scenario is what changes over time: releases, and the incident.
type scenario struct {
	name     string
	deploys  []Deploy
	incident *Incident
}

func scenarioByName(name string, anchor time.Time) (scenario, error) {
	s := scenario{name: name}
	switch name {
	case "steady":
		return s, nil
	case "checkout-regression":
		s.incident = &Incident{
			Onset:        anchor.Add(-onsetBeforeAnchor),
			Release:      releaseBroken,
			Before:       releaseCurrent,
			Route:        "/checkout",
			Browser:      "Mobile Safari",
			Device:       "mobile",
			Target:       pages["/checkout"].clickTarget,
			ErrorType:    "TypeError",
			ErrorMessage: "undefined is not an object (evaluating 'wallets[name].token')",
			ErrorShare:   0.6,
			LCPFactor:    3.2,
			INPFactor:    4,
			Script:       "/assets/pay.js",
			ScriptFactor: 1.6,
		}
		return s, nil
	}
	return s, fmt.Errorf("simulate: no scenario %q; there are: %s", name, strings.Join(Scenarios, ", "))
}

// withDeploys fills in the markers, which need the app's name.
func (s scenario) withDeploys(app, environment string) scenario {
	if s.incident != nil {
		s.deploys = []Deploy{{
			App: app, Environment: environment, Release: s.incident.Release, Title: "Checkout: wallet payments",
			URL: "https://git.example/shop/releases/" + s.incident.Release, At: s.incident.Onset,
		}}
	}
	return s
}

// release is what a visit that begins now gets. A deploy reaches most browsers at once and the rest, which sit
// behind caches, within twenty minutes.
func (s scenario) release(d dice, at time.Time) string {
	late, old := d.Float64(), d.chance(0.06)
	if s.incident != nil && !at.Before(s.incident.Onset) {
		since := at.Sub(s.incident.Onset).Minutes()
		if late < 0.85+0.15*min(1, since/20) {
			return s.incident.Release
		}
	}
	if old {
		return releaseOld
	}
	return releaseCurrent
}

// slows is how many times slower than usual interactions are for this visitor on this route.
func (s scenario) slows(v *visitor, route string) float64 {
	switch i := s.incident; {
	case s.hits(v, route):
		return i.INPFactor
	case i != nil && v.release == i.Release && route == i.Route:
		return i.ScriptFactor
	default:
		return 1
	}
}

// hits tells whether the incident shows to this visitor on this route.
func (s scenario) hits(v *visitor, route string) bool {
	i := s.incident
	return i != nil && v.release == i.Release && route == i.Route && v.client.browser == i.Browser &&
		v.client.device == i.Device
}
