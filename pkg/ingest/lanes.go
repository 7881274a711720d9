package ingest

import (
	"fmt"
	"slices"

	"github.com/sightline-rum/sightline/pkg/rum"
)

// Destination is where beacons of one store wait for it.
type Destination struct {
	Spool Appender
	Fill  func() float64 // as Options.Fill
}

// lane is a destination with its own pressure: one store that is behind makes nobody else's beacons fewer.
type lane struct {
	spool    Appender
	pressure *pressure
}

// lanes know which store is whose.
type lanes struct {
	main      *lane
	byApp     map[string]*lane
	byCountry map[string]*lane
}

func newLanes(o *Options) (*lanes, error) {
	l := &lanes{main: &lane{o.Spool, newPressure(o.Fill)}, byApp: map[string]*lane{}, byCountry: map[string]*lane{}}
	for name, store := range o.Config.Stores {
		to, ok := o.Stores[name]
		if !ok || to.Spool == nil {
			return nil, fmt.Errorf("ingest: the store %s has no spool", name)
		}
		one := &lane{to.Spool, newPressure(to.Fill)}
		for _, app := range store.Apps {
			l.byApp[app] = one
		}
		for _, country := range store.Countries {
			l.byCountry[country] = one
		}
	}
	return l, nil
}

// of is the one lane a beacon may go.
func (l *lanes) of(c *rum.Context) *lane {
	if own, ok := l.byApp[c.App]; ok {
		return own
	}
	country := c.Country
	if country == "" {
		country = UnknownCountry
	}
	if own, ok := l.byCountry[country]; ok {
		return own
	}
	return l.main
}

// ofApp is where what is known of an app and of none of its visitors goes: its counters. Nil is where all others go.
func (l *lanes) ofApp(app string) Appender {
	if own, ok := l.byApp[app]; ok {
		return own.spool
	}
	return nil
}

// everyOf lists the stores that may hold an app's beacons: where its deploys are to be seen.
func (l *lanes) everyOf(app string) []*lane {
	if own, ok := l.byApp[app]; ok {
		return []*lane{own}
	}
	all := []*lane{l.main}
	for _, country := range sortedKeys(l.byCountry) {
		if one := l.byCountry[country]; !slices.Contains(all, one) {
			all = append(all, one)
		}
	}
	return all
}
