// Package drain takes records from the spool and puts them into the store: decode, enrich, insert, done. A batch that
// cannot be inserted now is tried again for ever; a record that can never be inserted is set aside as a dead letter.
package drain

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/sightline-rum/sightline/pkg/rum"
	"github.com/sightline-rum/sightline/pkg/spool"
	"github.com/sightline-rum/sightline/pkg/store"
)

// Options of a drainer; the zero value takes every default.
type Options struct {
	Logger      *slog.Logger
	DeadLetters string                // folder for records that cannot be stored. Required
	Registerer  prometheus.Registerer // nil registers nothing

	// Count adds to one of the pipeline's own counters. It may be nil.
	Count func(app, environment, counter, reason string, n int64)

	InsertTimeout time.Duration // one try of one batch. Default 2 minutes
	FirstPause    time.Duration // between tries; it grows up to LongestPause. Default 100 ms
	LongestPause  time.Duration // Default 15 s
}

// Drainer drains one spool into one store, each shard of it by itself. A batch is done when every shard has its part: one
// that is away holds up all, and what comes meanwhile waits in the spool.
type Drainer struct {
	spool   *spool.Spool
	store   *store.Store
	enrich  func(*rum.Beacon)
	options Options
	metrics *metrics
	shards  []*shard      // where rows go, once the store knows them
	turn    chan struct{} // holds a token while nothing is being delivered
}

// New returns a drainer. enrich is called once on every beacon before it is inserted; nil leaves them as they are.
func New(s *spool.Spool, into *store.Store, enrich func(*rum.Beacon), options Options) *Drainer {
	if options.Logger == nil {
		options.Logger = slog.New(slog.DiscardHandler)
	}
	for option, value := range map[*time.Duration]time.Duration{
		&options.InsertTimeout: 2 * time.Minute,
		&options.FirstPause:    100 * time.Millisecond,
		&options.LongestPause:  15 * time.Second,
	} {
		if *option <= 0 {
			*option = value
		}
	}
	if options.Count == nil {
		options.Count = func(string, string, string, string, int64) {}
	}
	if enrich == nil {
		enrich = func(*rum.Beacon) {}
	}
	d := &Drainer{
		spool: s, store: into, enrich: enrich, options: options,
		metrics: newMetrics(s, options.Registerer),
		turn:    make(chan struct{}, 1),
	}
	d.turn <- struct{}{}
	return d
}

// Hold waits until no batch is on its way into the store, and keeps the next from starting until release is called.
// What is delivered after is enriched after: so rows that were erased in between do not come back.
func (d *Drainer) Hold(ctx context.Context) (release func(), err error) {
	select {
	case <-d.turn:
		return func() { d.turn <- struct{}{} }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Run drains until ctx ends. Memory stays flat however long the store is away: one batch is held at a time.
func (d *Drainer) Run(ctx context.Context) error {
	for {
		var batch spool.Batch
		err := d.retry(ctx, "read the spool", "", func() (err error) {
			batch, err = d.spool.Next(ctx)
			return err
		})
		if err != nil {
			return err
		}
		release, err := d.Hold(ctx)
		if err != nil {
			return err
		}
		started := time.Now()
		err = d.deliver(ctx, batch)
		release()
		if err != nil {
			return err
		}
		if err := d.retry(ctx, "mark a batch as drained", batch.Token, func() error { return d.spool.Done(batch) }); err != nil {
			return err
		}
		d.options.Logger.Debug("drain: a batch is stored", "batch", batch.Token, "records", len(batch.Records),
			"took", time.Since(started).Round(time.Millisecond))
		d.metrics.batches.Inc()
		d.metrics.seconds.Observe(time.Since(started).Seconds())
	}
}

// Flush returns once everything appended to the spool before the call is in the store. Run must be running.
func (d *Drainer) Flush(ctx context.Context) error {
	if err := d.spool.Wait(ctx); err != nil {
		return fmt.Errorf("drain: wait for the spool to be drained: %w", err)
	}
	return nil
}

// deliver inserts a batch and sets aside what cannot be. It returns only when nothing of the batch is left to do, or
// when ctx ends.
func (d *Drainer) deliver(ctx context.Context, batch spool.Batch) error {
	records := make([]record, 0, len(batch.Records))
	for i, raw := range batch.Records {
		r, err := d.read(raw)
		if err != nil {
			letter := deadLetter{token: batch.Token, index: i, request: r.Request, reason: err, record: raw}
			if err := d.bury(ctx, letter); err != nil {
				return err
			}
			continue
		}
		r.index = i
		records = append(records, r)
	}
	d.logBegun(batch, records)
	parts, err := d.split(ctx, batch, records)
	if err != nil {
		return err
	}
	delivered := make(chan error, len(parts))
	for i, part := range parts {
		go func() { delivered <- d.deliverPart(ctx, d.shards[i], batch, part) }()
	}
	var failed []error
	for range parts {
		failed = append(failed, <-delivered)
	}
	if err := errors.Join(failed...); err != nil {
		return err
	}
	d.countLag(records)
	return nil
}

// deliverPart inserts what belongs to one shard.
func (d *Drainer) deliverPart(ctx context.Context, into *shard, batch spool.Batch, records []record) error {
	refused, err := d.insert(ctx, into, batch.Token, records)
	if err != nil {
		return err
	}
	for _, table := range refused {
		if err := d.bisect(ctx, into, batch, table, records); err != nil {
			return err
		}
	}
	if len(refused) > 0 {
		return d.markHours(ctx, into, batch.Token, records)
	}
	return nil
}

// countLag counts how long the beacons of each app took from being taken to being stored.
func (d *Drainer) countLag(records []record) {
	type lag struct{ sum, beacons int64 }
	lags := map[[2]string]lag{}
	now := time.Now().UnixMilli()
	for _, r := range records {
		if r.Beacon != nil {
			d.metrics.lag.Observe(max(0, float64(now-r.Beacon.ReceivedAt)/1000))
			of := [2]string{r.Beacon.Context.App, r.Beacon.Context.Environment}
			lags[of] = lag{lags[of].sum + max(0, now-r.Beacon.ReceivedAt), lags[of].beacons + 1}
		}
	}
	for of, l := range lags {
		d.options.Count(of[0], of[1], "store_lag", "", l.sum)
		d.options.Count(of[0], of[1], "store_lag"+rum.Observed, "", l.beacons)
	}
}

// insert inserts all tables of the records, for as long as it takes. It returns the tables that refused their rows.
func (d *Drainer) insert(
	ctx context.Context, into *shard, token string, records []record,
) (refused []string, err error) {
	into.fill(records)
	err = d.retry(ctx, "insert"+into.name, token, func() error {
		trying, cancel := context.WithTimeout(ctx, d.options.InsertTimeout)
		defer cancel()
		err := into.store.Insert(trying, token, into.batch)
		refused = refusedTables(err)
		if refused != nil {
			return nil
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	rows := into.batch.RowsByTable()
	d.logInserted(token, into, rows, refused...)
	d.count(rows, refused)
	return refused, nil
}

// count counts inserted rows; those of a table that refused are counted as they go in piece by piece.
func (d *Drainer) count(rows map[string]int, refused []string) {
	for _, table := range refused {
		delete(rows, table)
	}
	for table, n := range rows {
		d.metrics.rows.WithLabelValues(table).Add(float64(n))
	}
}

// refusedTables returns the tables of all RefusedErrors in a tree of errors, or nil if err is something else.
func refusedTables(err error) []string {
	var tables []string
	errs := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		errs = joined.Unwrap()
	}
	for _, err := range errs {
		if refused, ok := errors.AsType[*store.RefusedError](err); ok {
			tables = append(tables, refused.Table)
		}
	}
	return tables
}

// retry does something until it succeeds, with growing pauses. It fails only when ctx ends or the spool is closed. The
// log names the batch that it is done for, if any.
func (d *Drainer) retry(ctx context.Context, what, batch string, do func() error) error {
	pause := backoff.NewExponentialBackOff() // with its usual jitter of ±50 %
	pause.InitialInterval, pause.MaxInterval = d.options.FirstPause, d.options.LongestPause
	for try := 1; ; try++ {
		err := do()
		if err == nil {
			if try > 1 {
				d.options.Logger.Info("drain: works again", "what", what, "batch", batch, "tries", try)
			}
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if errors.Is(err, spool.ErrClosed) {
			return err
		}
		wait := pause.NextBackOff()
		d.metrics.retries.Inc()
		d.options.Logger.Warn("drain: failed, will try again", "what", what, "batch", batch, "error", err, "tries", try,
			"pause", wait.Round(time.Millisecond), "waiting", d.spool.Depth())
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
