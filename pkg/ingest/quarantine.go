package ingest

import (
	"encoding/json"
	"net/url"
	"time"

	"github.com/sightline-rum/sightline/pkg/enrich"
	"github.com/sightline-rum/sightline/pkg/quarantine"
)

// Rejected items are looked into one by one, which costs more than reading them did: a flood of them must not cost the
// good ones their time. What is over the rate is counted and not kept.
const (
	quarantinedPerSecond = 200
	quarantinedBurst     = 2000
)

// setAside keeps the rejected items of a payload, for people to look at: with what they were, scrubbed, so that they can
// be replayed, where the format can tell one item from the others; else where they stood and why they were rejected.
// Nothing is kept of those who did not consent, and nothing of those who were erased.
func (s *Server) setAside(f *format, p *payload, d *reading) {
	if s.quarantine == nil || len(d.rejected) == 0 || d.refused {
		return
	}
	c := &d.parts[0].beacon.Context
	rejected := d.rejected[:min(len(d.rejected), maxTold)]
	if !s.quarantineRate.AllowN(time.Now(), len(rejected)) {
		s.counters.Add(c.App, c.Environment, "quarantine_dropped", "rate", int64(len(rejected)))
		return
	}
	one, query := f.itemOf(p), keptQuery(p.query)
	for _, r := range rejected {
		c := &r.part.beacon.Context
		if s.erase != nil && s.erase.Erased(&r.part.beacon) {
			s.counters.Add(c.App, c.Environment, "erased", "", 1)
			continue
		}
		kept := s.quarantine.Keep(quarantine.Entry{
			At: time.UnixMilli(d.received).UTC(), Format: f.name, App: c.App, Environment: c.Environment,
			Reason: enrich.CleanText(r.Reason), List: r.List, Index: r.Index,
			UserKey: c.UserKey, SessionID: enrich.CleanID(c.SessionID), UserAgent: enrich.CleanAgent(c.UserAgent),
			Country: c.Country, Region: c.Region, Synthetic: enrich.CleanLabel(c.Synthetic),
			Query: query, Payload: one(r),
		})
		counter := "quarantined"
		if !kept {
			counter = "quarantine_dropped"
		}
		s.counters.Add(c.App, c.Environment, counter, f.name, 1)
		s.metrics.items.WithLabelValues(counter).Inc()
	}
}

// itemOf makes a payload of one rejected item, with what the payload it was in says of its page, in JSON and scrubbed;
// nil where that cannot be done.
type itemOf func(rejection) json.RawMessage

// keptQuery is what of an address is needed to replay what was sent to it: neither the key nor the user.
func keptQuery(query string) string {
	kept := url.Values{}
	eachField(query, maxFields, func(key, value string) {
		switch key {
		case "page":
			kept.Set(key, enrich.CleanURL(cut(value, maxURL)))
		case "session":
			kept.Set(key, enrich.CleanID(cut(value, maxName)))
		case "app", "release", "environment", "route", "sampling_rate", "consent", "synthetic":
			kept.Set(key, enrich.CleanLabel(cut(value, maxName)))
		}
	})
	return kept.Encode()
}

// raw is a value in JSON, or nil.
func raw(value any) json.RawMessage {
	text, err := json.Marshal(value)
	if err != nil {
		return nil
	}
	return text
}
