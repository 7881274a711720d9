package query

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/sightline-rum/sightline/pkg/rum"
	"github.com/sightline-rum/sightline/pkg/store"
)

// incident is the seeded data of a second app, the till: nine days of visits and usual errors, and an afternoon on
// which a release goes out and several things go wrong. What goes wrong, and since when, is written down here.
type incident struct {
	now     time.Time // when somebody asks
	deploy  time.Time
	beacons []*rum.Beacon
	random  *rand.Rand
	visits  int
}

// The error groups of the till.
const (
	usualGroup     = "usual"     // as always
	surgingGroup   = "surging"   // ten times as many for tillSurge
	newGroup       = "fresh"     // never before
	regressedGroup = "regressed" // nine days ago, and again
	loopGroup      = "loop"      // one visitor's page, over and over
	pastGroup      = "past"      // surged for 20 minutes three hours ago
	botGroup       = "bots"      // as many as surging, but from bots
	stagingGroup   = "staging"   // as many as surging, but in staging
)

const (
	tillSurge  = 22 * time.Minute // before now, as all of these
	tillNew    = 43 * time.Minute
	tillBack   = 9 * time.Minute
	tillDeploy = 25 * time.Minute
	tillPast   = 3 * time.Hour
	pastLasted = 20 * time.Minute

	oldTill, newTill = "5.0.0", "5.1.0"
)

func newIncident(now time.Time) *incident {
	n := &incident{now: now, deploy: now.Add(-tillDeploy), random: rand.New(rand.NewPCG(3, 5))}
	week := 8 * 24 * time.Hour
	n.every(now.Add(-week), now, 100*time.Second, usualGroup)
	n.every(now.Add(-week), now, 150*time.Second, surgingGroup)
	n.every(now.Add(-week), now, 300*time.Second, pastGroup)
	n.every(now.Add(-week-24*time.Hour), now.Add(-week-20*time.Hour), 10*time.Minute, regressedGroup)
	n.every(now.Add(-2*time.Hour), now, 20*time.Second, "")

	n.every(now.Add(-tillSurge), now, 15*time.Second, surgingGroup)
	n.every(now.Add(-tillNew), now, 40*time.Second, newGroup)
	n.every(now.Add(-tillBack), now, 50*time.Second, regressedGroup)
	n.every(now.Add(-tillPast), now.Add(-tillPast+pastLasted), 12*time.Second, pastGroup)
	n.every(now.Add(-tillSurge), now, 15*time.Second, botGroup)
	n.every(now.Add(-tillSurge), now, 15*time.Second, stagingGroup)
	loop := n.visit(now.Add(-4*time.Minute), loopGroup)
	for i := range 80 {
		again := loop.Errors[0]
		again.TS += int64(i) * 1000
		loop.Errors = append(loop.Errors, again)
	}
	return n
}

// every plants visits that meet an error (or none), at random times as often as that.
func (n *incident) every(from, to time.Time, apart time.Duration, group string) {
	for at := from; at.Before(to); at = at.Add(apart) {
		n.visit(at.Add(time.Duration(n.random.Int64N(int64(min(apart, to.Sub(at)))))), group)
	}
}

// visit is one session of one view. After the deploy four in five have the new release. The errors of the surge and of
// the new group come from Firefox and the payment page, the rest from anywhere.
func (n *incident) visit(at time.Time, group string) *rum.Beacon {
	n.visits++
	pick := func(from ...string) string { return from[n.random.IntN(len(from))] }
	b := &rum.Beacon{ReceivedAt: at.UnixMilli(), Context: rum.Context{
		App: "till", Environment: "production", Release: oldTill, SessionID: fmt.Sprintf("till-%05d", n.visits),
		Browser: pick("Chrome", "Chrome", "Chrome", "Safari", "Firefox"), OS: "Linux", Device: "desktop", Country: "DE",
		Traffic: rum.TrafficReal, Weight: rum.FullWeight, SDK: "faro",
	}}
	if at.After(n.deploy) && n.visits%5 > 0 {
		b.Context.Release = newTill
	}
	if n.visits%4 == 0 {
		b.Context.Weight = 2500
	}
	route := pick("/", "/items", "/pay")
	planted := (group == surgingGroup && at.After(n.now.Add(-tillSurge))) || group == newGroup
	switch {
	case planted:
		b.Context.Browser, route = "Firefox", "/pay"
	case group == botGroup:
		b.Context.Traffic = rum.TrafficBot
	case group == stagingGroup:
		b.Context.Environment = "staging"
	}
	item := rum.Item{TS: at.UnixMilli(), ViewID: b.Context.SessionID + "-v", Route: route, Navigation: "navigate"}
	b.Views = []rum.View{{Item: item, Kind: rum.ViewLoad, Path: route, Duration: 800}}
	if group != "" {
		b.Errors = []rum.Error{{Item: item, Kind: "exception", Type: "TypeError", Message: "no " + group + ", sorry",
			Fingerprint: group, Frames: []rum.Frame{{Function: "pay", File: "till.js", Line: 1, Column: 9}}}}
	}
	for i, endpoint := range []string{"/api/basket", "/api/pay"} {
		request := rum.Request{Item: item, Kind: "fetch", Method: "POST", Host: "api.till",
			Path: endpoint, Endpoint: endpoint, Status: 200,
			Duration: float32(80 + 20*i + n.random.IntN(40)), Server: float32(30 + 10*i)}
		request.TraceID = fmt.Sprintf("%032x", 2*n.visits+i+1)
		if planted && endpoint == "/api/pay" {
			request.Status, request.Failure, request.Duration, request.Server = 502, "http", 1500, 1200
		}
		b.Requests = append(b.Requests, request)
	}
	n.beacons = append(n.beacons, b)
	return b
}

// insert stores the till's beacons and the marker of its deploy.
func (n *incident) insert(ctx context.Context, to *store.Store) error {
	const size = 4000
	for i := 0; i < len(n.beacons); i += size {
		batch := store.NewBatch()
		for _, b := range n.beacons[i:min(i+size, len(n.beacons))] {
			batch.Add(b)
		}
		if i == 0 {
			batch.AddDeploy(rum.Deploy{TS: n.deploy.UnixMilli(), App: "till", Environment: "production", Release: newTill,
				Title: "Faster payments"})
		}
		if err := to.Insert(ctx, fmt.Sprintf("till:%d", i), batch); err != nil {
			return err
		}
	}
	return nil
}

// met are the errors of a group, in order, without those of bots and of other environments.
func (n *incident) met(group string, environment string) []event {
	var events []event
	for _, b := range n.beacons {
		for _, e := range b.Errors {
			if e.Fingerprint == group && b.Context.Traffic == rum.TrafficReal && b.Context.Environment == environment {
				events = append(events, event{at: time.UnixMilli(e.TS).UTC(), dimensions: dimensionsOfItem(b.Context, e.Item),
					session: b.Context.SessionID, weight: b.Context.Weight})
			}
		}
	}
	slices.SortFunc(events, func(a, b event) int { return a.at.Compare(b.at) })
	return events
}
