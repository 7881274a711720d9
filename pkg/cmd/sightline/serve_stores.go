package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sightline-rum/sightline/pkg/ingest"
	"github.com/sightline-rum/sightline/pkg/rum"
	"github.com/sightline-rum/sightline/pkg/spool"
)

// checkStores makes sure that the DSN of every further store can be read, before anything is started.
func checkStores(config ingest.Config) error {
	for _, name := range slices.Sorted(maps.Keys(config.Stores)) {
		if _, err := clickHouse(config.Stores[name].ClickHouse, config.Stores[name].PasswordFile); err != nil {
			return fmt.Errorf("config: stores.%s: %w", name, err)
		}
		if err := clusterOf(config.Stores[name]).cluster().Check(); err != nil {
			return fmt.Errorf("config: stores.%s: %w", name, err)
		}
	}
	return nil
}

// openFurther opens the spools of the further stores that the configuration names. Each store has a lane of its own
// from the acknowledgement on: its spool, its dead letters and its drainer. So no beacon can end in another's, and one
// that is away holds up no other.
func (s *sidecar) openFurther() error {
	s.further = map[string]*sidecar{}
	for _, name := range slices.Sorted(maps.Keys(s.config.Stores)) {
		store := s.config.Stores[name]
		flags := *s.flags
		flags.Data = s.dataOf(name)
		flags.Clickhouse, flags.PasswordFile = store.ClickHouse, store.PasswordFile
		flags.clusterFlags = clusterOf(store)
		lane := &sidecar{
			flags: &flags, config: s.config, version: s.version, logger: s.logger.With("store", name),
			counters: s.counters, pipeline: s.pipeline, erasures: s.erasures, registry: s.registry, storeName: name,
		}
		var err error
		if lane.spool, err = spool.Open(filepath.Join(flags.Data, "spool"), lane.spoolOptions()); err != nil {
			s.closeFurther()
			return fmt.Errorf("store %s: %w", name, err)
		}
		lane.waitFor("it is starting")
		s.further[name] = lane
	}
	return nil
}

// dataOf is the folder of a store's spool and dead letters; the main store's name is "".
func (s *sidecar) dataOf(name string) string {
	if name == "" {
		return s.flags.Data
	}
	return filepath.Join(s.flags.Data, "stores", name)
}

const deadLetters = "dead-letters"

// deadLettersOf are the folders of the records that could not be stored, by store.
func (s *sidecar) deadLettersOf() map[string]string {
	folders := map[string]string{"": filepath.Join(s.dataOf(""), deadLetters)}
	for name := range s.config.Stores {
		folders[name] = filepath.Join(s.dataOf(name), deadLetters)
	}
	return folders
}

// forget has a store's spool free its files of what is drained.
func (s *sidecar) forget(name string) error {
	if name == "" {
		return s.spool.Forget()
	}
	if lane := s.further[name]; lane != nil {
		return lane.spool.Forget()
	}
	return nil
}

// erasedNow is Erased for what is being drained: a beacon that came late is not to stay in the spool's files either.
func (s *sidecar) erasedNow(b *rum.Beacon) bool {
	if !s.erasures.Erased(b) {
		return false
	}
	for name := range s.deadLettersOf() {
		if err := s.forget(name); err != nil {
			s.logger.Warn("a beacon of somebody who was erased stays in the spool until its files are full", "error", err)
		}
	}
	return true
}

func (s *sidecar) closeFurther() {
	for _, lane := range s.further {
		_ = lane.spool.Close()
	}
}

func (s *sidecar) spoolOptions() spool.Options {
	limits := s.config.Limits
	return spool.Options{Logger: s.logger, MaxBytes: limits.SpoolBytes, ReserveBytes: limits.ReserveBytes}
}

// destinations are the further stores as the HTTP side sees them.
func (s *sidecar) destinations() map[string]ingest.Destination {
	all := map[string]ingest.Destination{}
	for name, lane := range s.further {
		all[name] = ingest.Destination{Spool: lane.spool, Fill: lane.spool.Fill}
	}
	return all
}

// storeEverywhere drains every spool into its store until the context ends, or one fails for good.
func (s *sidecar) storeEverywhere(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	lanes := []*sidecar{s}
	for _, lane := range s.further {
		lanes = append(lanes, lane)
	}
	ended := make(chan error, len(lanes))
	for _, lane := range lanes {
		go func() {
			err := lane.store(ctx)
			if err != nil && lane.storeName != "" {
				err = fmt.Errorf("store %s: %w", lane.storeName, err)
			}
			ended <- err
		}()
	}
	var failed []error
	for range lanes {
		if err := <-ended; err != nil {
			failed = append(failed, err)
			stop()
		}
	}
	return errors.Join(failed...)
}

// waitDrained returns once what was accepted is stored, in those stores that are there.
func (s *sidecar) waitDrained(ctx context.Context) {
	lanes := []*sidecar{s}
	for _, lane := range s.further {
		lanes = append(lanes, lane)
	}
	for _, lane := range lanes {
		if lane.waiting.Load() != nil {
			continue
		}
		if err := lane.spool.Wait(ctx); err != nil {
			lane.logger.Info("what is left in the spool is stored after the next start", "records", lane.spool.Depth())
		}
	}
}

// registerer names the store in the metrics of its lane. Without further stores there is nothing to tell apart.
func (s *sidecar) registerer() prometheus.Registerer {
	if len(s.config.Stores) == 0 {
		return s.registry
	}
	return prometheus.WrapRegistererWith(prometheus.Labels{"store": s.storeName}, s.registry)
}
