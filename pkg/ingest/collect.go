package ingest

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/sightline-rum/sightline/pkg/rum"
)

const formatFaro = "faro"

// commitTimeout is how long a beacon may wait for the disk before the client is told to try again.
const commitTimeout = 10 * time.Second

// records are the encoded beacons on their way to the spool, which copies them.
var records = sync.Pool{New: func() any { return new([]byte) }}

// collect takes a beacon of the Faro protocol, which our own agent speaks too.
func (s *Server) collect(w http.ResponseWriter, r *http.Request) {
	g, refused := s.gate(r)
	if refused != nil {
		s.answerRefusal(w, r, formatFaro, g, refused)
		return
	}
	body := bodies.Get().(*bytes.Buffer)
	defer putBody(body)
	if err := readBody(r, body, s.limits.BodyBytes); err != nil {
		refused := refuse(http.StatusBadRequest, "unreadable", err.Error())
		if errors.Is(err, errTooLarge) {
			refused = refuse(http.StatusRequestEntityTooLarge, "too large", err.Error())
		}
		s.answerRefusal(w, r, formatFaro, g, refused)
		return
	}

	s.metrics.bytes.Add(float64(body.Len()))
	d := newFaroDecoder(s.limits, s.told)
	d.headers = s.headers
	defer d.release()
	if err := d.decode(body.Bytes(), time.Now().UnixMilli()); err != nil {
		s.answerRefusal(w, r, formatFaro, g, refuse(http.StatusBadRequest, "undecodable", err.Error()))
		return
	}
	if refused := s.identify(d, g, r); refused != nil {
		s.answerRefusal(w, r, formatFaro, g, refused)
		return
	}
	s.countRejected(d)
	if d.accepted == 0 {
		refused := refuse(http.StatusBadRequest, "nothing usable", "nothing in the beacon can be used")
		refused.rejected = d.rejected
		s.answerRefusal(w, r, formatFaro, g, refused)
		return
	}

	key := r.Header.Get("Idempotency-Key")
	if key == "" || len(key) > maxName {
		s.answerKept(w, r, g, d, s.keep(d))
		return
	}
	s.keepOnce(w, r, g, d, d.beacon.Context.App+"\x00"+key)
}

// keepOnce keeps a beacon unless one with the same key was kept, or is just being kept.
func (s *Server) keepOnce(w http.ResponseWriter, r *http.Request, g *grant, d *faroDecoder, key string) {
	for {
		own, earlier := s.repeats.begin(key)
		if own != nil {
			err := s.keep(d)
			accepted := d.accepted
			if err != nil {
				accepted = -1
			}
			s.repeats.finish(key, own, accepted)
			s.answerKept(w, r, g, d, err)
			return
		}
		select {
		case <-earlier.done:
		case <-r.Context().Done():
			return // nobody is left to answer
		}
		if earlier.accepted >= 0 {
			s.counters.Add(d.beacon.Context.App, d.beacon.Context.Environment, "repeated", "", int64(d.accepted))
			s.answerAccepted(w, formatFaro, earlier.accepted, d.rejected)
			return
		}
	}
}

// identify fills in the context that the key and the request decide: whose beacon it is, and from where.
func (s *Server) identify(d *faroDecoder, g *grant, r *http.Request) *refusal {
	d.context()
	c := &d.beacon.Context
	if c.App = g.app; c.App == "" {
		if c.App = strings.TrimSpace(known(d.meta.appName)); c.App == "" {
			return refuse(http.StatusBadRequest, "no app", "the beacon names no app: set meta.app.name")
		}
	}
	if c.Environment = strings.TrimSpace(known(d.meta.environment)); c.Environment == "" {
		c.Environment = g.environment
	}
	c.UserKey = HashUser(s.userKey, c.App, d.meta.userID)
	if c.UserAgent == "" {
		c.UserAgent = cut(r.UserAgent(), maxSelector)
	}
	if name := syntheticName(r.Header.Get("X-Sightline-Synthetic")); name != "" {
		c.Synthetic = name
	}
	s.locate(c, r)
	d.finish()
	return nil
}

// locate takes country and region from the headers a trusted proxy sets, which win over what a client says of itself.
// The address itself is never looked at.
func (s *Server) locate(c *rum.Context, r *http.Request) {
	for _, name := range s.config.TrustedHeaders.Country {
		country := strings.ToUpper(strings.TrimSpace(r.Header.Get(name)))
		// XX and T1 are how Cloudflare says "unknown" and "Tor".
		if len(country) == 2 && isAlpha(country) && country != "XX" {
			if c.Country != country {
				c.Country, c.Region = country, ""
			}
			break
		}
	}
	for _, name := range s.config.TrustedHeaders.Region {
		if found := region(c.Country, r.Header.Get(name)); found != "" {
			c.Region = found
			break
		}
	}
}

// keep scrubs a beacon and appends it to the spool.
func (s *Server) keep(d *faroDecoder) error {
	c := &d.beacon.Context
	// All that was taken may have been told before, and then there is nothing to keep.
	if d.beacon.Len() > 0 {
		s.pipeline.AtAccept(&d.beacon)
		buffer := records.Get().(*[]byte)
		defer records.Put(buffer)
		record := rum.Record{Beacon: &d.beacon}
		encoded, err := record.MarshalMsg((*buffer)[:0])
		*buffer = encoded[:0]
		if err == nil {
			start := time.Now()
			ctx, cancel := context.WithTimeout(context.Background(), commitTimeout)
			err = s.spool.Append(ctx, encoded)
			cancel()
			s.metrics.commit.Observe(time.Since(start).Seconds())
		}
		if err != nil {
			d.told.forget(d.spans)
			s.counters.Add(c.App, c.Environment, "refused", "not kept", 1)
			return err
		}
	}
	s.counters.Add(c.App, c.Environment, "accepted", formatFaro, int64(d.accepted-len(d.skipped)))
	s.countSaid(c, int64(d.accepted-len(d.skipped)))
	for _, reason := range d.skipped {
		s.counters.Add(c.App, c.Environment, "skipped", reason, 1)
	}
	s.metrics.items.WithLabelValues("accepted").Add(float64(d.accepted - len(d.skipped)))
	s.metrics.items.WithLabelValues("skipped").Add(float64(len(d.skipped)))
	return nil
}

// countSaid counts what the page said of its user's consent, if anything, and what stands for visits sampled out.
func (s *Server) countSaid(c *rum.Context, items int64) {
	switch c.Consent {
	case "":
	case "required", "granted", "denied":
		s.counters.Add(c.App, c.Environment, "consent", c.Consent, items)
	default: // a client may write anything, and counters must stay few
		s.counters.Add(c.App, c.Environment, "consent", "other", items)
	}
	if c.Weight > rum.FullWeight {
		s.counters.Add(c.App, c.Environment, "sampled", "", items)
	}
}

func (s *Server) answerKept(w http.ResponseWriter, r *http.Request, g *grant, d *faroDecoder, err error) {
	if err != nil {
		s.logger.Error("a beacon could not be kept", "error", err)
		refused := refuse(http.StatusServiceUnavailable, "not kept", "the beacon could not be written to disk; try again later")
		refused.retryAfter = jittered(5 * time.Second)
		s.answerRefusal(w, r, formatFaro, g, refused)
		return
	}
	s.answerAccepted(w, formatFaro, d.accepted, d.rejected)
}

// countRejected counts items by the part of the reason before the colon, which is one of a few.
func (s *Server) countRejected(d *faroDecoder) {
	c := &d.beacon.Context
	for _, rejected := range d.rejected {
		reason, _, _ := strings.Cut(rejected.Reason, ":")
		s.counters.Add(c.App, c.Environment, "rejected", reason, 1)
	}
	s.metrics.items.WithLabelValues("rejected").Add(float64(len(d.rejected)))
}
