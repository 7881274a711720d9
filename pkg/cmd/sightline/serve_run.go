package main

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// How long a stop may take: for requests in flight, for what is in the spool, and for the engine to close its tables.
// What is still in the spool then is stored after the next start.
const (
	finishRequests = 5 * time.Second
	finishDraining = 8 * time.Second
	finishEngine   = 12 * time.Second
)

// run takes beacons as soon as the spool is open, whatever state the store is in, and stops in the opposite order.
func (s *sidecar) run(ctx context.Context) error {
	listening, err := s.listen()
	if err != nil {
		return err
	}
	defer listening.close()
	defer s.close()
	if err := s.open(); err != nil {
		return err
	}
	answers, err := s.answers()
	if err != nil {
		return err
	}

	// Draining goes on while requests end, so it has a context of its own.
	draining, stopDraining := context.WithCancel(context.Background())
	defer stopDraining()
	stored := make(chan error, 1)
	go func() { stored <- s.storeEverywhere(draining) }()

	listening.serve(s, answers)
	flushing, stopFlushing := context.WithCancel(context.Background())
	defer stopFlushing()
	s.background(flushing)
	s.announce(listening)

	var failure error
	select {
	case <-ctx.Done():
		s.logger.Info("stopping")
	case failure = <-stored:
		stored <- nil
	case failure = <-listening.failed:
	}
	s.finishTaking(listening, stopFlushing, failure == nil)
	stopDraining()
	if err := <-stored; failure == nil {
		failure = err
	}
	return failure
}

// background does what goes on beside taking and storing, until the context ends.
func (s *sidecar) background(ctx context.Context) {
	go s.counters.Run(ctx, s.spool, func(err error) { s.logger.Warn("counters are kept for the next flush", "error", err) })
	go s.observe(ctx)
	if s.forwarder != nil {
		go s.forwarder.Run(ctx)
	}
}

// finishTaking ends the requests in flight, and waits a while for what they brought to be stored, where it still is.
func (s *sidecar) finishTaking(listening *listeners, stopFlushing func(), storing bool) {
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
	if storing {
		s.waitDrained(last)
	}
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
