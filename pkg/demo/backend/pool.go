package backend

import (
	"context"
	"time"
)

// pool is the payment service's connections to its ledger. A payment that takes long keeps one for as long, so that slow
// payments make all others wait in the end: what saturation looks like.
type pool struct {
	telemetry *telemetry
	free      chan struct{}
	used      func(change float64)
	waiting   func(change float64)
}

const (
	ledgerPool        = "ledger"
	ledgerConnections = 8
)

func newPool(t *telemetry, m *metrics) *pool {
	used, idle := m.used.WithLabelValues(ledgerPool, "used"), m.used.WithLabelValues(ledgerPool, "idle")
	pending := m.pending.WithLabelValues(ledgerPool)
	m.most.WithLabelValues(ledgerPool).Set(ledgerConnections)
	idle.Set(ledgerConnections)
	used.Set(0)
	return &pool{telemetry: t, free: make(chan struct{}, ledgerConnections), waiting: pending.Add,
		used: func(change float64) { used.Add(change); idle.Add(-change) }}
}

// take waits for a connection, and returns what gives it back.
func (p *pool) take(ctx context.Context) (giveBack func(), err error) {
	select {
	case p.free <- struct{}{}:
	default:
		waiting, span := p.telemetry.step(ctx, "wait for a ledger connection")
		began := time.Now()
		defer func() {
			p.telemetry.logger.WarnContext(waiting, "Ledger connections all in use", "connections", ledgerConnections,
				"waited_ms", time.Since(began).Milliseconds())
			span.End()
		}()
		p.waiting(1)
		defer p.waiting(-1)
		select {
		case p.free <- struct{}{}:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	p.used(1)
	return func() { p.used(-1); <-p.free }, nil
}
