package rollup

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// RollerOptions are what a roller is made of; the zero value takes every default.
type RollerOptions struct {
	Logger     *slog.Logger
	Registerer prometheus.Registerer // nil registers nothing

	Pause    time.Duration // between two looks at what is behind, give or take a fifth. Default 1 minute
	OpenHour time.Duration // between two rolls of an hour that is not over. Default 5 minutes
}

// Roller rolls what is behind, for as long as a sidecar runs. Several on one store do no harm: what one has rolled, the
// others find exact, and of rolls that race one is inserted.
type Roller struct {
	rollups *Rollups
	options RollerOptions
	metrics *metrics
	next    map[Hour]time.Time // when an hour that was rolled may be rolled again
	closed  time.Time          // when old hours were closed last
}

// NewRoller returns a roller of a store's roll-ups.
func NewRoller(r *Rollups, o RollerOptions) *Roller {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Pause <= 0 {
		o.Pause = time.Minute
	}
	if o.OpenHour <= 0 {
		o.OpenHour = 5 * time.Minute
	}
	return &Roller{rollups: r, options: o, metrics: newMetrics(o.Registerer), next: map[Hour]time.Time{}}
}

// Run rolls until ctx ends.
func (r *Roller) Run(ctx context.Context) {
	for {
		if err := r.round(ctx, time.Now()); err != nil && ctx.Err() == nil {
			r.metrics.failures.Inc()
			r.options.Logger.Warn("roll-ups are behind and will be tried again; until then answers are read from the rows",
				"error", err)
		}
		// Sidecars that started together would otherwise all roll the same hour at the same moment.
		pause := time.Duration(float64(r.options.Pause) * (0.8 + 0.4*rand.Float64()))
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// round rolls what is behind and due, the newest hours first.
func (r *Roller) round(ctx context.Context, now time.Time) error {
	if now.Sub(r.closed) >= closeEvery {
		if _, err := r.rollups.CloseOld(ctx, Range{}); err != nil {
			return err
		}
		r.closed = now
	}
	behind, err := r.rollups.Behind(ctx, Range{})
	if err != nil {
		return err
	}
	for h, at := range r.next {
		if !at.After(now) {
			delete(r.next, h)
		}
	}
	r.metrics.behind.Set(float64(len(behind)))
	var failed []error
	rolled, started := 0, time.Now()
	for i, h := range behind {
		if r.next[h.Hour].After(now) {
			continue
		}
		began := time.Now()
		err := r.rollups.rollAll(ctx, h)
		took := time.Since(began)
		r.metrics.seconds.Observe(took.Seconds())
		r.next[h.Hour] = began.Add(r.wait(h.Hour, took, began))
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			failed = append(failed, err)
			if len(failed) == mostFailures {
				break
			}
			continue
		}
		rolled++
		r.metrics.rolled.Inc()
		r.metrics.behind.Set(float64(len(behind) - i - 1))
		if err := rest(ctx, took); err != nil {
			return err
		}
	}
	if rolled > 0 {
		r.options.Logger.Debug("rolled up", "hours", rolled, "behind", len(behind)-rolled,
			"took", time.Since(started).Round(time.Millisecond))
	}
	return errors.Join(failed...)
}

// closeEvery is how often a year of hours is looked through for those that a late row has put behind.
const closeEvery = time.Hour

// mostFailures is after how many hours that could not be rolled a round ends: the store may be away.
const mostFailures = 3

// wait is how long an hour is left alone after a roll, which reads all of its rows again: beacons that come late and
// metrics that are reported again would otherwise have it rolled all the time. It takes a twentieth of the time at most.
func (r *Roller) wait(h Hour, took time.Duration, now time.Time) time.Duration {
	wait := 20 * took
	if h.Start.Add(time.Hour).After(now) {
		wait = max(wait, r.options.OpenHour)
	}
	return wait
}

// rest leaves the store to others for as long as an hour took to roll.
func rest(ctx context.Context, took time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(took):
		return nil
	}
}
