package ingest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/sightline-rum/sightline/pkg/rum"
)

// Counters are the pipeline's own numbers by app, environment and minute. They go the way of beacons, through the
// spool into the store, so that what was refused yesterday can still be asked about.
type Counters struct {
	mu     sync.Mutex
	counts map[counterKey]int64

	routed func(app string) Appender // where an app's counts go, or nil for where all others do
}

type counterKey struct {
	minute                            int64
	app, environment, counter, reason string
}

// maxCounters bounds the memory that invented names can take between two flushes; what comes after is counted under
// rum.Overflow.
const maxCounters = 5000

// NewCounters starts at zero.
func NewCounters() *Counters {
	return &Counters{counts: map[counterKey]int64{}}
}

// Add to a counter of the current minute.
func (c *Counters) Add(app, environment, counter, reason string, n int64) {
	if n == 0 {
		return
	}
	key := counterKey{time.Now().Truncate(time.Minute).UnixMilli(), app, environment, counter, reason}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, known := c.counts[key]; !known {
		if len(c.counts) >= maxCounters {
			key.app, key.environment = rum.Overflow, ""
		}
		// A name may be part of a beacon's text, which must not live as long as the counter.
		key.app, key.environment, key.reason = strings.Clone(key.app), strings.Clone(key.environment), strings.Clone(key.reason)
	}
	c.counts[key] += n
}

// Observe adds a reading of a gauge, which is 0 as truly as anything else.
func (c *Counters) Observe(app, environment, gauge, reason string, value int64) {
	c.Add(app, environment, gauge, reason, value)
	c.Add(app, environment, gauge+rum.Observed, reason, 1)
}

// route sends each app's counts to a place of their own.
func (c *Counters) route(to func(app string) Appender) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.routed = to
}

// Flush appends what was counted since the last time. What could not be appended is kept for the next.
func (c *Counters) Flush(ctx context.Context, to Appender) error {
	c.mu.Lock()
	taken, routed := c.counts, c.routed
	c.counts = map[counterKey]int64{}
	c.mu.Unlock()
	parts := map[Appender]map[counterKey]int64{}
	for key, value := range taken {
		at := to
		if routed != nil {
			if own := routed(key.app); own != nil {
				at = own
			}
		}
		if parts[at] == nil {
			parts[at] = map[counterKey]int64{}
		}
		parts[at][key] = value
	}
	var failed []error
	for at, counts := range parts {
		failed = append(failed, c.flush(ctx, at, counts))
	}
	return errors.Join(failed...)
}

func (c *Counters) flush(ctx context.Context, to Appender, taken map[counterKey]int64) error {
	record := rum.Record{Counts: make([]rum.Count, 0, len(taken))}
	for key, value := range taken {
		record.Counts = append(record.Counts, rum.Count{
			Minute: key.minute, App: key.app, Environment: key.environment, Counter: key.counter, Reason: key.reason, Value: value,
		})
	}
	encoded, err := record.MarshalMsg(nil)
	if err == nil {
		err = to.Append(ctx, encoded)
	}
	if err == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for key, value := range taken {
		c.counts[key] += value
	}
	return fmt.Errorf("flush counters: %w", err)
}

// Run flushes every ten seconds until the context ends; the last flush is the caller's, once nothing counts any more.
func (c *Counters) Run(ctx context.Context, to Appender, failed func(error)) {
	ticker := time.NewTicker(10 * time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if err := c.Flush(ctx, to); err != nil && ctx.Err() == nil {
				failed(err)
			}
		}
	}
}
