// Package ingest is the sidecar's HTTP side: it decides who may send, reads what they send in each format, and
// acknowledges it once it is on disk.
//
// A request passes the gate first, cheapest question first, before a byte of its body is read: method and path, media
// type, declared size, key, origin, rate. Then the body is read up to its limit, decoded item by item into the normal
// form of pkg/rum, scrubbed, and appended to the spool.
package ingest

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/sightline-rum/sightline/pkg/enrich"
)

// Appender keeps a record: when Append returns nil, it is on disk. The record is the caller's again afterwards.
type Appender interface {
	Append(ctx context.Context, record []byte) error
}

// Options are what a Server is made of. All but Ready are required.
type Options struct {
	Config   Config
	Spool    Appender
	Pipeline *enrich.Pipeline
	Counters *Counters
	UserKey  []byte
	Logger   *slog.Logger
	Registry *prometheus.Registry

	// Ready says why beacons are taken but not stored yet, or nil.
	Ready func() error
}

// Server answers the sidecar's HTTP requests.
type Server struct {
	config   Config
	limits   Limits
	spool    Appender
	pipeline *enrich.Pipeline
	counters *Counters
	userKey  []byte
	logger   *slog.Logger
	registry *prometheus.Registry
	metrics  *metrics
	ready    func() error
	keys     *keyring
	told     *told
	repeats  *repeats
	headers  []string // the attributes that may hold a request id
}

// New prepares a server.
func New(o Options) (*Server, error) {
	switch {
	case o.Spool == nil, o.Pipeline == nil, o.Counters == nil, o.Logger == nil, o.Registry == nil:
		return nil, errors.New("ingest: a server needs a spool, a pipeline, counters, a logger and a registry")
	case len(o.UserKey) == 0:
		return nil, errors.New("ingest: a server needs a key to hash users with")
	}
	traced, headersTo := map[string]bool{}, map[string][]string{}
	for name, app := range o.Config.Apps {
		traced[name] = app.Traced
		if len(app.TraceHosts) > 0 {
			headersTo[name] = app.TraceHosts
		}
	}
	memory := newTold(traced)
	memory.headersTo = headersTo
	return &Server{
		config: o.Config, limits: o.Config.limits(), spool: o.Spool, pipeline: o.Pipeline, counters: o.Counters,
		userKey: o.UserKey, logger: o.Logger, registry: o.Registry, metrics: newMetrics(o.Registry), ready: o.Ready,
		keys: newKeyring(&o.Config), told: memory, repeats: newRepeats(),
		headers: headerAttributes(o.Config.requestIDHeaders()),
	}, nil
}

// Handler routes the sidecar's endpoints. Every answer carries CORS headers, also those to wrong paths and methods.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	endpoint := func(pattern, methods string, handle http.HandlerFunc) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			switch {
			case r.Method == http.MethodOptions:
				s.preflight(w, r, methods+", OPTIONS")
			case r.Method == methods, methods == http.MethodGet && r.Method == http.MethodHead:
				handle(w, r)
			default:
				w.Header().Set("Allow", methods+", OPTIONS")
				s.answerRefusal(w, r, "none", nil, refuse(http.StatusMethodNotAllowed, "method", "use "+methods))
			}
		})
	}
	endpoint("/collect", http.MethodPost, s.collect)
	endpoint("/collect/{app_key}", http.MethodPost, s.collect)
	endpoint("/v1/deploys", http.MethodPost, s.deploys)
	endpoint("/healthz", http.MethodGet, func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, []byte(`{"status":"ok"}`))
	})
	endpoint("/readyz", http.MethodGet, s.readyz)
	metrics := promhttp.HandlerFor(s.registry, promhttp.HandlerOpts{})
	endpoint("/metrics", http.MethodGet, metrics.ServeHTTP)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.answerRefusal(w, r, "none", nil, refuse(http.StatusNotFound, "path", "there is nothing here"))
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		cors(w, r)
		mux.ServeHTTP(w, r)
	})
}

// gate decides from the head of a request alone whether its body is read.
func (s *Server) gate(r *http.Request) (*grant, *refusal) {
	switch {
	case !jsonMediaType(r):
		return nil, refuse(http.StatusUnsupportedMediaType, "media type", "send application/json or text/plain")
	case !knownEncoding(r):
		return nil, refuse(http.StatusUnsupportedMediaType, "encoding", "send the body plain or packed with gzip")
	case r.ContentLength > s.limits.BodyBytes:
		return nil, refuse(http.StatusRequestEntityTooLarge, "too large", errTooLarge.Error())
	}
	g, refused := s.keys.find(r)
	switch {
	case refused != nil:
		return nil, refused
	case !allows(g.origins, r.Header.Get("Origin")):
		return g, refuse(http.StatusForbidden, "origin", "this site may not send with this key")
	}
	if g.limiter != nil && !g.limiter.Allow() {
		refused := refuse(http.StatusTooManyRequests, "rate", "too many beacons; wait as Retry-After says")
		refused.retryAfter = jittered(time.Duration(float64(time.Second) / float64(g.limiter.Limit())))
		return g, refused
	}
	return g, nil
}

func (s *Server) readyz(w http.ResponseWriter, _ *http.Request) {
	if s.ready != nil {
		if err := s.ready(); err != nil {
			http.Error(w, "not ready: "+err.Error(), http.StatusServiceUnavailable)
			return
		}
	}
	writeJSON(w, http.StatusOK, []byte(`{"status":"ready"}`))
}
