package ingest

import (
	"encoding/json"
	"strings"
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

// setAside keeps the rejected items of a payload, for people to look at: those of Faro's protocol with what they were,
// scrubbed, so that they can be replayed; of the other formats where they stood and why they were rejected.
func (s *Server) setAside(f *format, payload []byte, d *reading) {
	if s.quarantine == nil || len(d.rejected) == 0 || d.refused {
		return
	}
	c := &d.parts[0].beacon.Context
	rejected := d.rejected[:min(len(d.rejected), maxTold)]
	if !s.quarantineRate.AllowN(time.Now(), len(rejected)) {
		s.counters.Add(c.App, c.Environment, "quarantine_dropped", "rate", int64(len(rejected)))
		return
	}
	one := func(rejection) json.RawMessage { return nil }
	if f.name == formatFaro {
		one = faroItems(payload)
	}
	for _, r := range rejected {
		kept := s.quarantine.Keep(quarantine.Entry{
			At: time.UnixMilli(d.received).UTC(), Format: f.name, App: c.App, Environment: c.Environment,
			Reason: r.Reason, List: r.List, Index: r.Index,
			UserKey: c.UserKey, SessionID: c.SessionID, UserAgent: enrich.CleanText(c.UserAgent), Country: c.Country,
			Region:    c.Region,
			Synthetic: c.Synthetic, Payload: one(r),
		})
		counter := "quarantined"
		if !kept {
			counter = "quarantine_dropped"
		}
		s.counters.Add(c.App, c.Environment, counter, f.name, 1)
		s.metrics.items.WithLabelValues(counter).Inc()
	}
}

// faroItems returns how to make a payload of one item of another payload, with what is known of its page. Only what the
// protocol knows is copied: anything else could be what nobody looked at.
func faroItems(payload []byte) func(rejection) json.RawMessage {
	var all map[string]json.RawMessage
	if json.Unmarshal(payload, &all) != nil {
		return func(rejection) json.RawMessage { return nil }
	}
	var meta any
	_ = json.Unmarshal(all["meta"], &meta)
	lists := map[string][]json.RawMessage{}
	return func(r rejection) json.RawMessage {
		if _, known := faroLists[r.List]; !known {
			return nil
		}
		list, read := lists[r.List]
		if !read {
			_ = json.Unmarshal(all[r.List], &list)
			lists[r.List] = list
		}
		if r.Index >= len(list) {
			return nil
		}
		var item any
		if json.Unmarshal(list[r.Index], &item) != nil {
			return nil
		}
		text, err := json.Marshal(map[string]any{"meta": faroMetaShape.clean(meta), r.List: []any{faroItemShape.clean(item)}})
		if err != nil {
			return nil
		}
		return text
	}
}

// shape is what of a JSON object is kept: its known fields, and the shapes of those that are objects or lists of them.
type shape map[string]shape

var (
	// plain is a text, a number or a truth value.
	plain = shape(nil)
	// free is an object whose fields an app chooses: all that are plain and whose name does not tell of a person.
	free = shape{}
)

var faroLists = map[string]struct{}{"measurements": {}, "exceptions": {}, "events": {}, "logs": {}}

var faroItemShape = shape{
	"timestamp": plain, "type": plain, "name": plain, "domain": plain, "value": plain, "message": plain, "level": plain,
	"fingerprint": plain, "fatal": plain, "context": free, "attributes": free, "values": free,
	"stacktrace": {"frames": {"filename": plain, "function": plain, "lineno": plain, "colno": plain, "module": plain}},
	"trace":      {"trace_id": plain, "span_id": plain},
	"action":     {"name": plain, "id": plain, "parentId": plain},
}

// faroMetaShape is without the user, who is known by a hash alone.
var faroMetaShape = shape{
	"sdk":     {"name": plain, "version": plain},
	"app":     {"name": plain, "namespace": plain, "release": plain, "version": plain, "environment": plain},
	"session": {"id": plain, "attributes": free},
	"page":    {"id": plain, "url": plain},
	"view":    {"name": plain},
	"browser": {"name": plain, "version": plain, "os": plain, "mobile": plain, "userAgent": plain, "language": plain,
		"viewportWidth": plain, "viewportHeight": plain},
}

// clean returns a JSON value with what is known of it, scrubbed. What has another type than it should keeps that type
// and loses its content: it is often the very mistake.
func (s shape) clean(value any) any {
	switch v := value.(type) {
	case map[string]any:
		kept := map[string]any{}
		switch {
		case s == nil:
		case len(s) == 0:
			for key, field := range v {
				if len(kept) < maxAttributes && !enrich.PrivateKey(key) {
					kept[cut(enrich.CleanText(key), maxName)] = plain.clean(field)
				}
			}
		default:
			for key, of := range s {
				if field, there := v[key]; there {
					kept[key] = of.clean(field)
				}
			}
		}
		return kept
	case []any:
		kept := []any{}
		if len(s) > 0 {
			for _, element := range v[:min(len(v), maxFrames)] {
				kept = append(kept, s.clean(element))
			}
		}
		return kept
	case string:
		return cleanString(v)
	default:
		return v
	}
}

// cleanString treats what may be an address as one: a query goes with its question mark, whatever is in it.
func cleanString(text string) string {
	text = cut(text, maxMessage)
	if strings.Contains(text, "://") && !strings.ContainsAny(text, " \n") || strings.HasPrefix(text, "/") {
		return cut(enrich.CleanURL(text), maxURL)
	}
	return enrich.CleanText(text)
}
