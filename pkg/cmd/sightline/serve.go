package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/sightline-rum/sightline/pkg/drain"
	"github.com/sightline-rum/sightline/pkg/engine"
	"github.com/sightline-rum/sightline/pkg/enrich"
	"github.com/sightline-rum/sightline/pkg/erase"
	"github.com/sightline-rum/sightline/pkg/ingest"
	"github.com/sightline-rum/sightline/pkg/quarantine"
	"github.com/sightline-rum/sightline/pkg/sourcemap"
	"github.com/sightline-rum/sightline/pkg/spool"
	"github.com/sightline-rum/sightline/pkg/store"
)

type serveCmd struct {
	Data         string `help:"Data folder: the spool, the secret that users are hashed with, and the embedded engine's tables." default:"./data" env:"SIGHTLINE_DATA"`
	Listen       string `help:"Address to take beacons at." default:"127.0.0.1:8787" env:"SIGHTLINE_LISTEN"`
	AdminListen  string `help:"Answer admin endpoints and metrics at this address, and no longer at --listen." env:"SIGHTLINE_ADMIN_LISTEN" placeholder:"ADDR"`
	EngineListen string `help:"Address of the embedded engine's ClickHouse HTTP interface." default:"127.0.0.1:8123" env:"SIGHTLINE_ENGINE_LISTEN"`
	Clickhouse   string `help:"Store in this ClickHouse server instead of the embedded engine. Prefer the variable: a command line can be seen by others." env:"SIGHTLINE_CLICKHOUSE" placeholder:"DSN"`
	PasswordFile string `name:"clickhouse-password-file" help:"Read that server's password from this file, such as a secret, and not from the DSN." env:"SIGHTLINE_CLICKHOUSE_PASSWORD_FILE" placeholder:"FILE"`
	Cluster      string `help:"Lay the tables out for this cluster of ClickHouse servers." env:"SIGHTLINE_CLUSTER" placeholder:"NAME"`
	Config       string `help:"Configuration file (YAML); see docs/config.example.yaml." env:"SIGHTLINE_CONFIG" placeholder:"FILE"`
	ForwardTo    string `name:"forward-traces" help:"Pass the spans that pages report on to this OTLP/HTTP endpoint, such as Tempo's http://tempo:4318/v1/traces." env:"SIGHTLINE_FORWARD_TRACES" placeholder:"URL"`
	CheckConfig  bool   `help:"Check the configuration and exit."`
	LogFormat    string `help:"Log as text or json." enum:"text,json" default:"text" env:"SIGHTLINE_LOG_FORMAT"`
	LogLevel     string `help:"Least level logged: debug, info, warn or error." enum:"debug,info,warn,error" default:"info" env:"SIGHTLINE_LOG_LEVEL"`
}

// How long a stop may take: for requests in flight, for what is in the spool, and for the engine to close its tables.
// What is still in the spool then is stored after the next start.
const (
	finishRequests = 5 * time.Second
	finishDraining = 8 * time.Second
	finishEngine   = 12 * time.Second
)

func (c *serveCmd) Run(ctx context.Context) error {
	config, version, err := c.config()
	if err != nil {
		return err
	}
	if c.CheckConfig {
		fmt.Println("the configuration is valid")
		return nil
	}
	s := &sidecar{flags: c, config: config, version: version, logger: c.logger()}
	return s.run(ctx)
}

// config reads the configuration file, if there is one, and the environment. Its version is the file's time: journeys of the same file have
// the same version however often they are written.
func (c *serveCmd) config() (ingest.Config, uint64, error) {
	config, err := ingest.ReadConfig(c.Config, os.Environ(), flagVariables())
	if err != nil {
		return ingest.Config{}, 0, err
	}
	if err := checkStores(config); err != nil {
		return ingest.Config{}, 0, err
	}
	if c.Config == "" {
		return config, uint64(time.Now().UnixMilli()), nil
	}
	info, err := os.Stat(c.Config)
	if err != nil {
		return ingest.Config{}, 0, fmt.Errorf("read config: %w", err)
	}
	return config, uint64(info.ModTime().UnixMilli()), nil
}

func (c *serveCmd) logger() *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(c.LogLevel)) // one of the enum
	options := &slog.HandlerOptions{Level: level}
	if c.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(os.Stderr, options))
	}
	return slog.New(slog.NewTextHandler(os.Stderr, options))
}

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
	registry *prometheus.Registry

	waiting atomic.Pointer[string] // what keeps beacons from being stored, or nil

	further   map[string]*sidecar // the lanes of further stores
	storeName string              // of such a lane; "" is the main one's
}

// run takes beacons as soon as the spool is open, whatever state the store is in, and stops in the opposite order.
func (s *sidecar) run(ctx context.Context) error {
	if err := os.MkdirAll(s.flags.Data, 0o700); err != nil {
		return fmt.Errorf("data folder: %w", err)
	}
	userKey, err := ingest.LoadUserKey(s.flags.Data)
	if err != nil {
		return err
	}
	listening, err := s.listen()
	if err != nil {
		return err
	}
	defer listening.close()
	s.spool, err = spool.Open(filepath.Join(s.flags.Data, "spool"), s.spoolOptions())
	if err != nil {
		return err
	}
	defer s.spool.Close()

	s.counters = ingest.NewCounters()
	s.registry = prometheus.NewRegistry()
	if s.maps, err = sourcemap.Open(filepath.Join(s.flags.Data, "sourcemaps"), s.config.SourceMapLimits()); err != nil {
		return err
	}
	rejected := quarantine.Open(filepath.Join(s.flags.Data, "quarantine"), quarantine.Options{Logger: s.logger,
		MaxBytes: s.config.Limits.QuarantineBytes, MaxAge: time.Duration(s.config.Limits.QuarantineDays) * 24 * time.Hour})
	defer rejected.Close()
	s.erasures, err = erase.Open(erase.Options{
		Folder: filepath.Join(s.flags.Data, "erasures"), Stores: s.deadLettersOf(), Quarantine: rejected,
		Logger: s.logger, Count: s.counters.Add,
	})
	if err != nil {
		return err
	}
	steps := s.config.Enrich(s.counters.Add)
	steps.SourceMaps, steps.Erased, steps.Registerer = s.maps, s.erasures.Erased, s.registry
	if s.pipeline, err = enrich.New(steps); err != nil {
		return err
	}
	s.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	s.waitFor("the store is starting")
	if err := s.openFurther(); err != nil {
		return err
	}
	defer s.closeFurther()
	forwarder, err := s.forwarder()
	if err != nil {
		return err
	}
	handler, err := ingest.New(ingest.Options{
		Config: s.config, Spool: s.spool, Pipeline: s.pipeline, Counters: s.counters, UserKey: userKey,
		Logger: s.logger, Registry: s.registry, Quarantine: rejected, Stores: s.destinations(), Fill: s.spool.Fill,
		Ready: s.ready, SourceMaps: s.maps, Erasures: s.erasures, Forwarder: forwarder,
	})
	if err != nil {
		return err
	}

	// Draining goes on while requests end, so it has a context of its own.
	draining, stopDraining := context.WithCancel(context.Background())
	defer stopDraining()
	stored := make(chan error, 1)
	go func() { stored <- s.storeEverywhere(draining) }()

	listening.serve(s, handler)
	flushing, stopFlushing := context.WithCancel(context.Background())
	defer stopFlushing()
	go s.counters.Run(flushing, s.spool, func(err error) { s.logger.Warn("counters are kept for the next flush", "error", err) })
	go s.observe(flushing)
	if forwarder != nil {
		go forwarder.Run(flushing)
	}
	s.announce(listening)

	var failure error
	select {
	case <-ctx.Done():
		s.logger.Info("stopping")
	case failure = <-stored:
		stored <- nil
	case failure = <-listening.failed:
	}

	requests, cancel := context.WithTimeout(context.Background(), finishRequests)
	defer cancel()
	if err := listening.shutdown(requests); err != nil {
		s.logger.Warn("requests were cut off", "error", err)
	}
	stopFlushing()
	last, cancel := context.WithTimeout(context.Background(), finishDraining)
	defer cancel()
	if err := s.counters.Flush(last, s.spool); err != nil {
		s.logger.Warn("the last counters are lost", "error", err)
	}
	if failure == nil {
		s.waitDrained(last)
	}
	stopDraining()
	if err := <-stored; failure == nil {
		failure = err
	}
	return failure
}

// announce prints where everything listens.
func (s *sidecar) announce(at *listeners) {
	fmt.Printf("sightline: takes beacons at http://%s/collect\n", at.beacons.Addr())
	if s.flags.Clickhouse == "" {
		fmt.Printf("           stores them in the embedded engine at http://%s (data in %s)\n", s.flags.EngineListen, s.flags.Data)
	} else {
		fmt.Printf("           stores them in ClickHouse at %s\n", withoutPassword(s.flags.Clickhouse))
	}
	fmt.Printf("           ready: http://%[1]s/readyz  metrics: http://%[1]s/metrics\n", at.operators())
}

// withoutPassword leaves of a DSN what may be printed: everything before the user, and everything after it up to the
// options.
func withoutPassword(dsn string) string {
	scheme, rest, _ := strings.Cut(dsn, "://")
	rest, _, _ = strings.Cut(rest, "?")
	return scheme + "://" + rest[strings.LastIndexByte(rest, '@')+1:]
}

// forwarder passes spans on where the flags or the config say so; else it is nil.
func (s *sidecar) forwarder() (*ingest.Forwarder, error) {
	endpoint := cmp.Or(s.flags.ForwardTo, s.config.ForwardTraces)
	if endpoint == "" {
		return nil, nil
	}
	return ingest.NewForwarder(endpoint, s.counters, s.logger, s.registry)
}

func (s *sidecar) waitFor(what string) { s.waiting.Store(&what) }

// ready says what keeps beacons from being stored.
func (s *sidecar) ready() error {
	if what := s.waiting.Load(); what != nil {
		return errors.New(*what)
	}
	for name, lane := range s.further {
		if err := lane.ready(); err != nil {
			return fmt.Errorf("store %s: %w", name, err)
		}
	}
	return nil
}

// store brings up the store and drains the spool into it until the context ends.
func (s *sidecar) store(ctx context.Context) error {
	config, stop, err := s.reach(ctx)
	if stop != nil {
		defer stop()
	}
	if err != nil || ctx.Err() != nil {
		return err
	}
	opened, err := store.Open(config)
	if err != nil {
		return err
	}
	defer opened.Close()
	opened = opened.OnCluster(s.flags.Cluster)
	drainer := drain.New(s.spool, opened, s.pipeline.AtDrain, drain.Options{
		Logger: s.logger, DeadLetters: filepath.Join(s.flags.Data, deadLetters), Registerer: s.registerer(),
		Count: s.counters.Add,
	})
	if !s.prepare(ctx, opened) {
		return nil
	}
	s.waiting.Store(nil)
	s.logger.Info("ready")
	go s.erasures.Run(ctx, s.storeName, opened, drainer.Hold)
	if err := drainer.Run(ctx); ctx.Err() == nil {
		return err
	}
	return nil
}

// reach returns how to reach the store, and starts the embedded engine when no other is named.
func (s *sidecar) reach(ctx context.Context) (config store.Config, stop func(), err error) {
	if s.flags.Clickhouse != "" {
		config, err = clickHouse(s.flags.Clickhouse, s.flags.PasswordFile)
		return config, func() {}, err
	}
	if _, err := engine.FindLibrary(); err != nil {
		return config, nil, err
	}
	for started := time.Now(); ; {
		config, stop, err = s.startEngine(ctx)
		if err == nil || ctx.Err() != nil {
			return config, stop, nil
		}
		// After a crash the engine of the process before may still be closing its tables, and holds folder and port.
		if time.Since(started) > takeOver {
			return config, nil, err
		}
		s.logger.Warn("the engine does not start, trying again", "error", err)
		select {
		case <-ctx.Done():
			return config, nil, nil
		case <-time.After(500 * time.Millisecond):
		}
	}
}

// takeOver is how long a start waits for an engine that an earlier process left behind.
const takeOver = 20 * time.Second

func (s *sidecar) startEngine(ctx context.Context) (config store.Config, stop func(), err error) {
	executable, err := os.Executable()
	if err != nil {
		return config, nil, fmt.Errorf("start engine: %w", err)
	}
	supervisor, err := engine.Supervise(engine.Child{
		Executable: executable, Data: s.flags.Data, Listen: s.flags.EngineListen, Logger: s.logger,
	})
	if err != nil {
		return config, nil, err
	}
	stop = func() {
		closing, cancel := context.WithTimeout(context.Background(), finishEngine)
		defer cancel()
		if err := supervisor.Stop(closing); err != nil {
			s.logger.Warn("the engine did not stop in time", "error", err)
		}
	}
	access, err := supervisor.Ready(ctx)
	if err != nil {
		stop()
		return config, nil, err
	}
	return store.FromAccess(access.Address, access.Database, access.Writer.User, access.Writer.Password), stop, nil
}

// prepare brings the tables up to date, trying until it works: beacons are safe in the spool meanwhile. It returns
// false when the context ended first.
func (s *sidecar) prepare(ctx context.Context, opened *store.Store) bool {
	for pause := time.Second; ; pause = min(2*pause, 30*time.Second) {
		err := s.prepareOnce(ctx, opened)
		if err == nil {
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		s.waitFor(err.Error())
		s.logger.Error("the store is not ready; beacons wait in the spool", "error", err, "again_in", pause)
		select {
		case <-ctx.Done():
			return false
		case <-time.After(pause):
		}
	}
}

func (s *sidecar) prepareOnce(ctx context.Context, opened *store.Store) error {
	if err := opened.Migrate(ctx); err != nil {
		return err
	}
	if err := opened.WriteJourneys(ctx, s.journeys()); err != nil {
		return err
	}
	if err := s.erasures.Resume(ctx, s.storeName, opened); err != nil {
		return err
	}
	return s.seedNames(ctx, opened)
}

func (s *sidecar) journeys() []store.JourneyStep {
	var steps []store.JourneyStep
	for app, config := range s.config.Apps {
		for journey, all := range config.Journeys {
			for i, step := range all {
				one := store.JourneyStep{
					App: app, Journey: journey, Step: uint8(i + 1), Name: step.Name,
					Kind: "route", Pattern: step.Route, Version: s.version,
				}
				if step.Action != "" {
					one.Kind, one.Pattern = "action", step.Action
				}
				steps = append(steps, one)
			}
		}
	}
	return steps
}
