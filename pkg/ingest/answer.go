package ingest

import (
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"github.com/go-faster/jx"
)

// refusal is a request that is not taken: the status, a short reason to count by, and what to tell the client.
type refusal struct {
	status     int
	reason     string
	message    string
	retryAfter time.Duration
	rejected   []rejection
}

func refuse(status int, reason, message string) *refusal {
	return &refusal{status: status, reason: reason, message: message}
}

// allowedHeaders are what Faro, our agent and other SDKs send along. Idempotency-Key and X-Faro-Session-Id are on every
// beacon of a current Faro.
const allowedHeaders = "Content-Type, Content-Encoding, X-Api-Key, X-Faro-Session-Id, Idempotency-Key, X-Sightline-Synthetic, " +
	"Authorization, Traceparent, Tracestate, Baggage"

// cors lets the page read the answer, whatever it is: a page that cannot read a 429 cannot honour it. The origin is
// repeated instead of "*" because navigator.sendBeacon always sends with credentials, which "*" does not cover; there
// are none here that could be misused.
func cors(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Add("Vary", "Origin")
	if origin := r.Header.Get("Origin"); origin != "" {
		h.Set("Access-Control-Allow-Origin", origin)
		h.Set("Access-Control-Allow-Credentials", "true")
		h.Set("Access-Control-Expose-Headers", "Retry-After, X-Faro-Session-Status")
	}
}

// preflight answers the question a browser asks before it sends JSON or headers of its own to another origin.
func (s *Server) preflight(w http.ResponseWriter, r *http.Request, methods string) {
	origin := r.Header.Get("Origin")
	origins := s.keys.origins
	if key := r.PathValue("app_key"); key != "" {
		if g, refusal := s.keys.find(r); refusal == nil {
			origins = g.origins
		}
	}
	if origin != "" && !allows(origins, origin) {
		s.answerRefusal(w, r, "preflight", nil, refuse(http.StatusForbidden, "origin", "this site may not send here"))
		return
	}
	h := w.Header()
	h.Set("Access-Control-Allow-Methods", methods)
	h.Set("Access-Control-Allow-Headers", allowedHeaders)
	h.Set("Access-Control-Max-Age", "7200")
	if r.Header.Get("Access-Control-Request-Private-Network") == "true" {
		h.Set("Access-Control-Allow-Private-Network", "true")
	}
	w.WriteHeader(http.StatusNoContent)
}

// answerStyle is how a format's clients want to be answered.
type answerStyle struct {
	// write sends the answer to a payload that was kept; r tells in which of the format's encodings.
	write func(w http.ResponseWriter, r *http.Request, d *reading) (status int)
	// refuse sends the body of a refusal.
	refuse func(w http.ResponseWriter, r *http.Request, refused *refusal)
	// empty is set where a payload without any item is as good as any other.
	empty *struct{}
}

// answerJSON is the sidecar's own way: 202 and what became of the items, or 204 where the client is an image.
var answerJSON = answerStyle{write: writeAccepted, refuse: writeRefusal}

// refuseIn refuses a request in a format's own way, and counts it.
func (s *Server) refuseIn(f *format, w http.ResponseWriter, r *http.Request, g *grant, refused *refusal) {
	s.countRefusal(w, r, f.name, g, refused)
	f.answer.refuse(w, r, refused)
}

// answerRefusal refuses a request that is in no format, and counts it.
func (s *Server) answerRefusal(w http.ResponseWriter, r *http.Request, format string, g *grant, refused *refusal) {
	s.countRefusal(w, r, format, g, refused)
	writeRefusal(w, r, refused)
}

func (s *Server) countRefusal(w http.ResponseWriter, r *http.Request, format string, g *grant, refused *refusal) {
	app, environment := "", ""
	if g != nil {
		app, environment = g.app, g.environment
	}
	s.counters.Add(app, environment, "refused", refused.reason, 1)
	s.metrics.requests.WithLabelValues(format, strconv.Itoa(refused.status)).Inc()
	s.metrics.refused.WithLabelValues(refused.reason).Inc()
	s.logRefusal(w, format, refused)
	drain(r)
	if refused.retryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(refused.retryAfter.Round(time.Second)/time.Second)))
	}
}

func writeRefusal(w http.ResponseWriter, _ *http.Request, refused *refusal) {
	e := jx.GetEncoder()
	defer jx.PutEncoder(e)
	e.Obj(func(e *jx.Encoder) {
		e.Field("error", func(e *jx.Encoder) { e.Str(refused.message) })
		if refused.rejected != nil {
			e.Field("accepted", func(e *jx.Encoder) { e.Int(0) })
			writeRejected(e, refused.rejected)
		}
	})
	writeJSON(w, refused.status, e.Bytes())
}

// answerAccepted acknowledges a payload that is on disk.
func (s *Server) answerAccepted(f *format, w http.ResponseWriter, r *http.Request, d *reading) {
	status := f.answer.write(w, r, d)
	s.metrics.requests.WithLabelValues(f.name, strconv.Itoa(status)).Inc()
}

func writeAccepted(w http.ResponseWriter, r *http.Request, d *reading) int {
	if r.Method == http.MethodGet {
		w.WriteHeader(http.StatusNoContent)
		return http.StatusNoContent
	}
	writeTaken(w, d.accepted-d.sampled, d.sampled, d.rejected)
	return http.StatusAccepted
}

// writeTaken tells a client of items left out under pressure, too: it is not to send them again.
func writeTaken(w http.ResponseWriter, accepted, sampled int, rejected []rejection) {
	e := jx.GetEncoder()
	defer jx.PutEncoder(e)
	e.Obj(func(e *jx.Encoder) {
		e.Field("accepted", func(e *jx.Encoder) { e.Int(accepted) })
		if sampled > 0 {
			e.Field("sampled", func(e *jx.Encoder) { e.Int(sampled) })
		}
		writeRejected(e, rejected)
	})
	writeJSON(w, http.StatusAccepted, e.Bytes())
}

// complain logs that beacons cannot be kept, once in a while: every client is told, and there may be thousands a second.
func (s *Server) complain(request string, err error) {
	s.complaints.Do(func() {
		s.logger.Error("beacons cannot be kept and are refused with 503", "request", request, "error", err)
	})
}

// maxTold is how many rejected items one answer lists; the counters have them all.
const maxTold = 100

func writeRejected(e *jx.Encoder, rejected []rejection) {
	e.Field("rejected", func(e *jx.Encoder) {
		e.Arr(func(e *jx.Encoder) {
			for _, r := range rejected[:min(len(rejected), maxTold)] {
				e.Obj(func(e *jx.Encoder) {
					e.Field("list", func(e *jx.Encoder) { e.Str(r.List) })
					e.Field("index", func(e *jx.Encoder) { e.Int(r.Index) })
					e.Field("reason", func(e *jx.Encoder) { e.Str(r.Reason) })
				})
			}
		})
	})
}

func writeJSON(w http.ResponseWriter, status int, body []byte) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// jittered spreads the clients that were all told to wait at the same moment.
func jittered(wait time.Duration) time.Duration {
	wait = max(wait, time.Second)
	return wait + time.Duration(rand.Int64N(int64(wait)+int64(4*time.Second)))
}
