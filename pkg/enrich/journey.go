package enrich

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/sightline-rum/sightline/pkg/rum"
)

// Journey is a path through the app that matters to its owner: buying, signing up, finding something.
type Journey struct {
	Name  string
	Steps []JourneyStep
}

// JourneyStep is reached by a view of a route, or by an action. Exactly one of Route and Action is set; "*" in them
// stands for any run of characters.
type JourneyStep struct {
	Name   string
	Route  string
	Action string

	match *regexp.Regexp
}

// journey marks the items that belong to a journey: those on the route of one of its steps, and the actions that are a
// step. Where journeys share a route, the first in the config has it.
func (p *Pipeline) journey(b *rum.Beacon) {
	journeys := p.apps[b.Context.App].Journeys
	if len(journeys) == 0 {
		return
	}
	last, of := "\x00", ""
	b.EachItem(func(item *rum.Item) {
		if item.Route != last {
			last, of = item.Route, journeyOf(journeys, item.Route, true)
		}
		item.Journey = of
	})
	for i := range b.Actions {
		a := &b.Actions[i]
		if a.Journey == "" {
			a.Journey = journeyOf(journeys, a.Name, false)
		}
	}
}

func journeyOf(journeys []Journey, value string, route bool) string {
	if value == "" {
		return ""
	}
	for i := range journeys {
		for j := range journeys[i].Steps {
			step := &journeys[i].Steps[j]
			if (step.Route != "") == route && step.match.MatchString(value) {
				return journeys[i].Name
			}
		}
	}
	return ""
}

func compileJourneys(app string, journeys []Journey) error {
	for i := range journeys {
		for j := range journeys[i].Steps {
			step := &journeys[i].Steps[j]
			if (step.Route == "") == (step.Action == "") {
				return fmt.Errorf("app %s: journey %s: step %d: give it a route or an action", app, journeys[i].Name, j+1)
			}
			parts := strings.Split(step.Route+step.Action, "*")
			for k := range parts {
				parts[k] = regexp.QuoteMeta(parts[k])
			}
			step.match = regexp.MustCompile("^" + strings.Join(parts, ".*") + "$")
		}
	}
	return nil
}
