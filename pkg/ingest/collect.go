package ingest

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/sightline-rum/sightline/pkg/enrich"
	"github.com/sightline-rum/sightline/pkg/rum"
	"github.com/sightline-rum/sightline/pkg/spool"
)

// commitTimeout is how long a beacon may wait for the disk before the client is told to try again.
const commitTimeout = 10 * time.Second

// records are the encoded beacons on their way to the spool, which copies them.
var records = sync.Pool{New: func() any { return new([]byte) }}

// collect takes the payloads of one format.
func (s *Server) collect(f *format) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		g, refused := s.gate(f, r)
		if refused != nil {
			s.refuseIn(f, w, r, g, refused)
			return
		}
		body := bodies.Get().(*bytes.Buffer)
		defer putBody(body)
		d := f.reader(s.limits, s.told)
		defer f.release(d)
		if refused := s.readInto(d, f, g, r, body); refused != nil {
			s.refuseIn(f, w, r, g, refused)
			return
		}
		read := d.result()
		read.request = requestID(w)
		key := idempotencyKey(r)
		if key == "" || len(key) > maxName {
			s.answerKept(f, w, r, g, read, s.keep(f, read))
			return
		}
		s.keepOnce(f, w, r, g, read, read.parts[0].beacon.Context.App+"\x00"+f.name+"\x00"+key)
	}
}

// idempotencyKey is what a client calls the beacon each time it sends it. A header of its own would cost a page on another
// origin a preflight, and sendBeacon has none: our agent says it in the query.
func idempotencyKey(r *http.Request) string {
	if key := r.Header.Get("Idempotency-Key"); key != "" {
		return key
	}
	return r.URL.Query().Get("idempotency_key")
}

// readInto reads a request's body into the normal form.
func (s *Server) readInto(d decoder, f *format, g *grant, r *http.Request, body *bytes.Buffer) *refusal {
	if err := readBody(r, body, s.limits.BodyBytes); err != nil {
		return refuseBody(err)
	}
	s.metrics.bytes.Add(float64(body.Len()))
	p := payload{body: body.Bytes(), query: r.URL.RawQuery, mediaType: mediaType(r), received: time.Now().UnixMilli()}
	read := d.result()
	read.reset(p.received, sentAt(r))
	read.forward, read.headers = s.forwarder != nil, s.headers
	if err := d.decode(&p); err != nil {
		return refuse(http.StatusBadRequest, "undecodable", err.Error())
	}
	s.identify(read, g, r)
	s.countRejected(read)
	s.setAside(f, &p, read)
	if read.accepted == 0 && (f.answer.empty == nil || read.total > 0) {
		refused := refuse(http.StatusBadRequest, "nothing usable", "nothing in the beacon can be used")
		if len(read.rejected) > 0 {
			refused.message += ": " + read.rejected[0].Reason
		}
		refused.rejected = read.rejected
		return refused
	}
	return nil
}

// keepOnce keeps a beacon unless one with the same key was kept, or is just being kept.
func (s *Server) keepOnce(f *format, w http.ResponseWriter, r *http.Request, g *grant, read *reading, key string) {
	for {
		own, earlier := s.repeats.begin(key)
		if own != nil {
			err := s.keep(f, read)
			accepted := read.accepted
			if err != nil {
				accepted = -1
			}
			s.repeats.finish(key, own, accepted)
			s.answerKept(f, w, r, g, read, err)
			return
		}
		select {
		case <-earlier.done:
		case <-r.Context().Done():
			return // nobody is left to answer
		}
		if earlier.accepted >= 0 {
			c := &read.parts[0].beacon.Context
			s.counters.Add(c.App, c.Environment, "repeated", "", int64(read.accepted))
			read.accepted = earlier.accepted
			s.answerAccepted(f, w, r, read)
			return
		}
	}
}

// identify fills in the contexts with what the key and the request decide: whose beacon it is, and from where.
func (s *Server) identify(d *reading, g *grant, r *http.Request) {
	for _, p := range d.parts {
		d.part = p
		d.context()
		c := &p.beacon.Context
		if c.App = g.app; c.App == "" {
			if c.App = strings.TrimSpace(enrich.CleanLabel(known(p.claims.appName))); c.App == "" {
				d.rejectPart("no app: " + p.claims.appHint)
				c.Environment = g.environment
				continue
			}
		}
		if c.Environment = strings.TrimSpace(enrich.CleanLabel(known(p.claims.environment))); c.Environment == "" {
			c.Environment = g.environment
		}
		c.UserKey = HashUser(s.userKey, c.App, p.claims.userID)
		if c.UserAgent == "" {
			c.UserAgent = cut(r.UserAgent(), maxSelector)
		}
		if name := syntheticName(r.Header.Get("X-Sightline-Synthetic")); name != "" {
			c.Synthetic = name
		}
		if c.PageURL == "" {
			c.PageURL = sameOriginPage(r)
		}
		if !s.pipeline.Consents(c) {
			d.rejectPart(enrich.NoConsent)
			d.refused = true
			d.told.forget(d.spans)
			continue
		}
		s.locate(c, r)
		d.finish()
	}
}

// sameOriginPage is the page that a request comes from, where the browser tells all of it: to its own origin only.
func sameOriginPage(r *http.Request) string {
	if r.Header.Get("Sec-Fetch-Site") != "same-origin" {
		return ""
	}
	return cut(r.Referer(), maxURL)
}

// keep scrubs the beacons of a payload and appends them to the spools of their stores. Where all of them were left out
// under pressure, that is said with errSampled; where one cannot be kept, the client sends all of them again.
func (s *Server) keep(f *format, d *reading) error {
	left := d.leaveOut(s.lanes)
	for _, p := range left {
		c := &p.beacon.Context
		s.counters.Add(c.App, c.Environment, "skipped", "sampled under pressure", int64(len(p.taken)))
		s.metrics.items.WithLabelValues("sampled").Add(float64(len(p.taken)))
	}
	if len(left) == len(d.parts) {
		d.told.forget(d.spans)
		return errSampled
	}
	if err := s.appendAll(d.request, d.parts); err != nil {
		d.told.forget(d.spans)
		c := &d.parts[0].beacon.Context
		s.counters.Add(c.App, c.Environment, "refused", "not kept", 1)
		return err
	}
	for _, p := range d.parts {
		if p.sampledOut {
			continue
		}
		c := &p.beacon.Context
		kept := int64(len(p.taken) - len(p.skipped))
		s.counters.Add(c.App, c.Environment, "accepted", f.name, kept)
		s.countSaid(c, kept)
		for _, reason := range p.skipped {
			s.counters.Add(c.App, c.Environment, "skipped", reason, 1)
		}
		s.metrics.items.WithLabelValues("accepted").Add(float64(kept))
		s.metrics.items.WithLabelValues("skipped").Add(float64(len(p.skipped)))
		s.logKept(f, d.request, p, kept)
	}
	if len(d.traces) > 0 && s.forwarder != nil {
		c := &d.parts[0].beacon.Context
		s.forwarder.offer(c.App, c.Environment, d.traces, d.protobuf)
	}
	return nil
}

// appendAll puts every beacon of a payload into the spool of its store. They share one fsync.
func (s *Server) appendAll(request string, parts []*part) error {
	if len(parts) == 1 {
		return s.append(request, parts[0])
	}
	failures := make([]error, len(parts))
	var group sync.WaitGroup
	for n, p := range parts {
		group.Go(func() { failures[n] = s.append(request, p) })
	}
	group.Wait()
	return errors.Join(failures...)
}

func (s *Server) append(request string, p *part) error {
	b := &p.beacon
	// All that was taken may have been told before, and then there is nothing to keep.
	if b.Len() == 0 || p.sampledOut {
		return nil
	}
	to := s.lanes.of(&b.Context).spool
	s.pipeline.AtAccept(b)
	buffer := records.Get().(*[]byte)
	defer records.Put(buffer)
	record := rum.Record{Request: request, Beacon: b}
	encoded, err := record.MarshalMsg((*buffer)[:0])
	*buffer = encoded[:0]
	if err != nil {
		return err
	}
	start := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), commitTimeout)
	defer cancel()
	err = to.Append(ctx, encoded)
	s.metrics.commit.Observe(time.Since(start).Seconds())
	return err
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

func (s *Server) answerKept(f *format, w http.ResponseWriter, r *http.Request, g *grant, d *reading, err error) {
	if err != nil && !errors.Is(err, errSampled) {
		s.complain(requestID(w), err)
		refused := refuse(http.StatusServiceUnavailable, "not kept", whyNotKept(err))
		refused.retryAfter = jittered(5 * time.Second)
		s.refuseIn(f, w, r, g, refused)
		return
	}
	s.answerAccepted(f, w, r, d)
}

// whyNotKept says as much of a failure to keep a beacon as its sender may know: nothing of paths.
func whyNotKept(err error) string {
	switch {
	case errors.Is(err, spool.ErrFull):
		return "too many beacons wait for the store; try again later"
	case errors.Is(err, spool.ErrNoSpace):
		return "the disk is nearly full; try again later"
	}
	return "the beacon could not be written to disk; try again later"
}

// countRejected counts items by the class of their reason.
func (s *Server) countRejected(d *reading) {
	c := &d.parts[0].beacon.Context
	for _, rejected := range d.rejected {
		s.counters.Add(c.App, c.Environment, "rejected", reasonClass(rejected.Reason), 1)
	}
	s.metrics.items.WithLabelValues("rejected").Add(float64(len(d.rejected)))
}
