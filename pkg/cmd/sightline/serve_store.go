package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/sightline-rum/sightline/pkg/drain"
	"github.com/sightline-rum/sightline/pkg/engine"
	"github.com/sightline-rum/sightline/pkg/store"
)

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
	opened = opened.OnCluster(s.flags.cluster())
	defer opened.Close()
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
