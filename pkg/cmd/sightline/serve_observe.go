package main

import (
	"cmp"
	"context"
	"slices"
	"time"
)

// observe reads the gauges once a minute, so that how the spool was yesterday can still be asked about. The readings go
// the way of counters: through the spool into the store.
func (s *sidecar) observe(ctx context.Context) {
	ticker := time.NewTicker(time.Minute)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			s.observeOnce()
		}
	}
}

func (s *sidecar) observeOnce() {
	s.counters.Observe("", "", "spool_records", "", s.spool.Depth())
	s.counters.Observe("", "", "spool_bytes", "", s.spool.Bytes())
	s.counters.Observe("", "", "spool_lag", "", s.spool.Lag().Milliseconds())
	type use struct {
		app, dimension string
		names, most    int
	}
	var budgets []use
	s.pipeline.EachBudget(func(app, dimension string, names, most int) {
		budgets = append(budgets, use{app, dimension, names, most})
	})
	slices.SortFunc(budgets, func(a, b use) int { return cmp.Compare(b.names, a.names) })
	for _, b := range budgets[:min(len(budgets), observedBudgets)] {
		s.counters.Observe(b.app, "", "distinct", b.dimension, int64(b.names))
		s.counters.Observe(b.app, "", "budget", b.dimension, int64(b.most))
	}
}

// observedBudgets is how many budgets are told of, those with the most names: an open key lets clients invent apps,
// whose readings must not take the place of other counters.
const observedBudgets = 400
