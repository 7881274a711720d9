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
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/time/rate"

	"github.com/sightline-rum/sightline/pkg/agent"
	"github.com/sightline-rum/sightline/pkg/enrich"
	"github.com/sightline-rum/sightline/pkg/erase"
	"github.com/sightline-rum/sightline/pkg/quarantine"
	"github.com/sightline-rum/sightline/pkg/sourcemap"
)

// Appender keeps a record: when Append returns nil, it is on disk. The record is the caller's again afterwards.
type Appender interface {
	Append(ctx context.Context, record []byte) error
}

// Options are what a Server is made of. The pointers, functions and interfaces before
// Quarantine are required.
type Options struct {
	Config   Config
	Spool    Appender
	Pipeline *enrich.Pipeline
	Counters *Counters
	UserKey  []byte
	Logger   *slog.Logger
	Registry *prometheus.Registry

	// Quarantine keeps rejected items. Nil keeps none.
	Quarantine *quarantine.Quarantine

	// Stores are the spools of the further stores that the config names.
	Stores map[string]Destination

	// Fill is how full the spool is, from 0 to 1; above a half, beacons are sampled. Nil never samples.
	Fill func() float64

	// SourceMaps takes uploads; nil takes none.
	SourceMaps *sourcemap.Store

	// Erasures takes requests to erase a visit or a user; nil takes none.
	Erasures *erase.Erasures

	// Forwarder passes spans on to a trace store. It may be nil.
	Forwarder *Forwarder

	// Ready says why beacons are taken but not stored yet, or nil.
	Ready func() error
}

// Server answers the sidecar's HTTP requests.
type Server struct {
	config   Config
	limits   Limits
	pipeline *enrich.Pipeline
	counters *Counters
	userKey  []byte
	logger   *slog.Logger
	registry *prometheus.Registry
	metrics  *metrics
	maps     *sourcemap.Store
	erase    *erase.Erasures
	ready    func() error
	keys     *keyring
	told     *told
	repeats  *repeats
	headers  []string // the attributes that may hold a request id
	lanes    *lanes

	complaints *rate.Sometimes
	requests   requestIDs

	quarantine     *quarantine.Quarantine
	quarantineRate *rate.Limiter
	replaying      sync.Mutex // two replays at once would store an entry twice

	forwarder *Forwarder
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
	lanes, err := newLanes(&o)
	if err != nil {
		return nil, err
	}
	o.Counters.route(lanes.ofApp)
	return &Server{
		config: o.Config, limits: o.Config.limits(), pipeline: o.Pipeline, counters: o.Counters,
		userKey: o.UserKey, logger: o.Logger, registry: o.Registry, metrics: newMetrics(o.Registry), ready: o.Ready,
		maps: o.SourceMaps, erase: o.Erasures,
		keys: newKeyring(&o.Config), told: memory, repeats: newRepeats(),
		lanes: lanes, complaints: &rate.Sometimes{Interval: 10 * time.Second},
		quarantine: o.Quarantine, quarantineRate: rate.NewLimiter(quarantinedPerSecond, quarantinedBurst),
		headers:   headerAttributes(o.Config.requestIDHeaders()),
		forwarder: o.Forwarder, requests: newRequestIDs(),
	}, nil
}

// endpoint is one path that is answered.
type endpoint struct {
	pattern string // as http.ServeMux has it
	methods []string
	handle  http.HandlerFunc
}

// endpoints are all there are.
func (s *Server) endpoints() []endpoint {
	var all []endpoint
	for _, f := range formats {
		for _, path := range f.paths {
			all = append(all, endpoint{path, f.methods, s.collect(f)})
		}
	}
	page := []string{http.MethodGet, http.MethodHead}
	for _, name := range agent.Files {
		all = append(all, endpoint{"/" + name, page, agent.Handler(name)})
	}
	return append(all,
		endpoint{"/v1/deploys", []string{http.MethodPost}, s.deploys},
		endpoint{"/v1/sourcemaps/{app}/{release}/{file...}", []string{http.MethodPut}, s.takeSourceMap},
		endpoint{"/v1/erasures", []string{http.MethodPost}, s.erasures},
		endpoint{"/v1/erasures/{id}", []string{http.MethodGet}, s.erasure},
		endpoint{"/v1/quarantine/replay", []string{http.MethodPost}, s.replays},
		endpoint{"/healthz", page, healthz},
		endpoint{"/readyz", page, s.readyz},
		endpoint{"/metrics", page, promhttp.HandlerFor(s.registry, promhttp.HandlerOpts{}).ServeHTTP},
	)
}

// Handler routes the sidecar's endpoints. Every answer carries CORS headers, also those to wrong paths and methods; those
// for operators have none, or any page that one of them has open could read the metrics.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	for _, e := range s.endpoints() {
		allowed := strings.Join(e.methods, ", ") + ", OPTIONS"
		mux.HandleFunc(e.pattern, func(w http.ResponseWriter, r *http.Request) {
			switch {
			case r.Method == http.MethodOptions && forOperators(r):
				s.answerRefusal(w, r, "preflight", nil, refuse(http.StatusForbidden, "origin", noPages))
			case r.Method == http.MethodOptions:
				s.preflight(w, r, allowed)
			case slices.Contains(e.methods, r.Method):
				e.handle(w, r)
			default:
				w.Header().Set("Allow", allowed)
				s.answerRefusal(w, r, "none", nil, refuse(http.StatusMethodNotAllowed, "method", "use "+strings.Join(e.methods, " or ")))
			}
		})
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.answerRefusal(w, r, "none", nil, refuse(http.StatusNotFound, "path", "there is nothing here"))
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.nameRequest(w)
		if !forOperators(r) {
			cors(w, r)
		}
		mux.ServeHTTP(w, r)
	})
}

// gate decides from the head of a request alone whether its body is read.
func (s *Server) gate(f *format, r *http.Request) (*grant, *refusal) {
	switch {
	case r.Method != http.MethodGet && !f.takes(mediaType(r)):
		return nil, refuse(http.StatusUnsupportedMediaType, "media type", "send "+f.mediaTypes())
	case !knownEncoding(r):
		return nil, refuse(http.StatusUnsupportedMediaType, "encoding", "send the body plain or packed with gzip")
	case r.ContentLength > s.limits.BodyBytes:
		return nil, refuse(http.StatusRequestEntityTooLarge, "too large", errTooLarge.Error())
	}
	g, refused := s.keys.find(r)
	switch {
	case refused != nil:
		return nil, refused
	case !allows(g.origins, originOf(r)):
		return g, refuse(http.StatusForbidden, "origin", "this site may not send with this key")
	}
	if g.limiter != nil && !g.limiter.Allow() {
		refused := refuse(http.StatusTooManyRequests, "rate", "too many beacons; wait as Retry-After says")
		refused.retryAfter = jittered(time.Duration(float64(time.Second) / float64(g.limiter.Limit())))
		return g, refused
	}
	return g, nil
}

func healthz(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, []byte(`{"status":"ok"}`))
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
