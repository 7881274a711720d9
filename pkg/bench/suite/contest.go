package main

import (
	"context"
	"fmt"
	"time"

	"github.com/sightline-rum/sightline/pkg/bench"
)

// contestant takes beacons over HTTP and puts them into a store.
type contestant struct {
	name   string
	pid    int // whose processor time is counted
	engine int // the engine's, 0 for none
	url    string
	media  string
	body   func(payload) string
	stored func(ctx context.Context, rows int) error // waits for so many more items to be in the store
}

// contestColumns are what a contest measures.
var contestColumns = []bench.Column{{Name: "beacons per CPU-second"}, {Name: "items per CPU-second"},
	{Name: "of the engine: beacons per CPU-second"}, {Name: "acknowledged/s"}, {Name: "ack p50, ms", Decimals: 1},
	{Name: "ack p99, ms", Decimals: 1}, {Name: "memory at most, MB"}}

// turn sends a contestant so many beacons, waits until their items are stored, and adds what that took to the table.
func (c *contestant) turn(ctx context.Context, table *bench.Table, p payload, run string, n int) error {
	all := bodies(c.body(p), run, n)
	own, err := bench.CPUSeconds(c.pid)
	if err != nil {
		return err
	}
	engine, err := c.engineSeconds()
	if err != nil {
		return err
	}
	s, err := post(ctx, c.url, c.media, all)
	if err != nil {
		return fmt.Errorf("%s: %w", c.name, err)
	}
	if err := c.stored(ctx, n*p.items); err != nil {
		return fmt.Errorf("%s: %w", c.name, err)
	}
	ownAfter, err := bench.CPUSeconds(c.pid)
	if err != nil {
		return err
	}
	engineAfter, err := c.engineSeconds()
	if err != nil {
		return err
	}
	_, memory, err := bench.ResidentMB(c.pid)
	if err != nil {
		return err
	}
	table.Add(c.name, float64(n)/(ownAfter-own), float64(n*p.items)/(ownAfter-own), float64(n)/(engineAfter-engine),
		float64(n)/s.took.Seconds(), s.percentile(0.5), s.percentile(0.99), memory)
	return nil
}

// engineSeconds is the engine's processor time, 0 without one.
func (c *contestant) engineSeconds() (float64, error) {
	if c.engine == 0 {
		return 0, nil
	}
	return bench.CPUSeconds(c.engine)
}

// runName tells the visits of one turn from those of all others, of other runs, too.
func runName(parts ...any) string {
	return fmt.Sprintf("b%x-%s", time.Now().UnixNano(), fmt.Sprint(parts...))
}
