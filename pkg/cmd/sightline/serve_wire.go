package main

import (
	"cmp"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/sightline-rum/sightline/pkg/enrich"
	"github.com/sightline-rum/sightline/pkg/erase"
	"github.com/sightline-rum/sightline/pkg/ingest"
	"github.com/sightline-rum/sightline/pkg/quarantine"
	"github.com/sightline-rum/sightline/pkg/sourcemap"
	"github.com/sightline-rum/sightline/pkg/spool"
)

// sidecar is a running `sightline serve`.
type sidecar struct {
	flags   *serveCmd
	config  ingest.Config
	version uint64
	logger  *slog.Logger

	spool    *spool.Spool
	counters *ingest.Counters
	pipeline *enrich.Pipeline
	maps     *sourcemap.Store
	erasures *erase.Erasures
	rejected *quarantine.Quarantine
	registry *prometheus.Registry

	forwarder *ingest.Forwarder // nil where spans go nowhere else

	waiting atomic.Pointer[string] // what keeps beacons from being stored, or nil

	further   map[string]*sidecar // the lanes of further stores
	storeName string              // of such a lane; "" is the main one's
}

// open opens what is on disk and wires it together. What it opened is closed by close, also after an error.
func (s *sidecar) open() (err error) {
	if err := os.MkdirAll(s.flags.Data, 0o700); err != nil {
		return fmt.Errorf("data folder: %w", err)
	}
	if s.spool, err = spool.Open(filepath.Join(s.flags.Data, "spool"), s.spoolOptions()); err != nil {
		return err
	}
	s.counters = ingest.NewCounters()
	s.registry = prometheus.NewRegistry()
	s.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if s.maps, err = sourcemap.Open(filepath.Join(s.flags.Data, "sourcemaps"), s.config.SourceMapLimits()); err != nil {
		return err
	}
	s.rejected = quarantine.Open(filepath.Join(s.flags.Data, "quarantine"), quarantine.Options{Logger: s.logger,
		MaxBytes: s.config.Limits.QuarantineBytes, MaxAge: time.Duration(s.config.Limits.QuarantineDays) * 24 * time.Hour})
	retention, _ := s.config.KeptFor()
	s.erasures, err = erase.Open(erase.Options{
		Folder: filepath.Join(s.flags.Data, "erasures"), Stores: s.deadLettersOf(), Quarantine: s.rejected, AppDays: retention.Apps,
		Logger: s.logger, Count: s.counters.Add, Forget: s.forget,
	})
	if err != nil {
		return err
	}
	steps := s.config.Enrich(s.counters.Add)
	steps.SourceMaps, steps.Erased, steps.Registerer = s.maps, s.erasedNow, s.registry
	if s.pipeline, err = enrich.New(steps); err != nil {
		return err
	}
	s.waitFor("the store is starting")
	if err := s.openFurther(); err != nil {
		return err
	}
	s.registerMetrics()
	s.forwarder, err = s.newForwarder()
	return err
}

// close closes what open opened, in the opposite order.
func (s *sidecar) close() {
	s.closeFurther()
	if s.erasures != nil {
		if err := s.erasures.Close(); err != nil {
			s.logger.Warn("the next start will look through the store for what was erased", "error", err)
		}
	}
	if s.rejected != nil {
		_ = s.rejected.Close()
	}
	if s.spool != nil {
		_ = s.spool.Close()
	}
}

// answers is the HTTP side.
func (s *sidecar) answers() (*ingest.Server, error) {
	userKey, err := ingest.LoadUserKey(s.flags.Data)
	if err != nil {
		return nil, err
	}
	return ingest.New(ingest.Options{
		Config: s.config, Spool: s.spool, Pipeline: s.pipeline, Counters: s.counters, UserKey: userKey,
		Logger: s.logger, Registry: s.registry, Quarantine: s.rejected, Stores: s.destinations(), Fill: s.spool.Fill,
		Ready: s.ready, SourceMaps: s.maps, Erasures: s.erasures, Forwarder: s.forwarder,
	})
}

// newForwarder passes spans on where the flags or the config say so; else it is nil.
func (s *sidecar) newForwarder() (*ingest.Forwarder, error) {
	endpoint := cmp.Or(s.flags.ForwardTo, s.config.ForwardTraces)
	if endpoint == "" {
		return nil, nil
	}
	return ingest.NewForwarder(endpoint, s.counters, s.logger, s.registry)
}
