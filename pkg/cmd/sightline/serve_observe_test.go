package main

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/enrich"
	"github.com/sightline-rum/sightline/pkg/ingest"
	"github.com/sightline-rum/sightline/pkg/rum"
	"github.com/sightline-rum/sightline/pkg/spool"
)

func TestTheSpoolAndTheBudgetsAreReadOnceAMinute(t *testing.T) {
	queue, err := spool.Open(t.TempDir(), spool.Options{})
	require.NoError(t, err)
	defer queue.Close()
	for range 3 {
		require.NoError(t, queue.Append(t.Context(), []byte("beacon")))
	}
	pipeline, err := enrich.New(enrich.Config{Budgets: map[string]int{enrich.DimensionRoute: 50}})
	require.NoError(t, err)
	pipeline.Seed("shop", enrich.DimensionRoute, "/cart")
	for n := range 2 * observedBudgets {
		pipeline.Seed(fmt.Sprint("invented ", n), enrich.DimensionRoute, "/")
	}
	pipeline.Seed("shop", enrich.DimensionRoute, "/checkout")
	s := &sidecar{spool: queue, counters: ingest.NewCounters(), pipeline: pipeline}
	s.observeOnce()
	require.NoError(t, s.counters.Flush(t.Context(), queue))
	batch, err := queue.Next(t.Context())
	require.NoError(t, err)
	var record rum.Record
	_, err = record.UnmarshalMsg(batch.Records[3])
	require.NoError(t, err)
	got := map[string]int64{}
	for _, c := range record.Counts {
		got[c.App+"|"+c.Counter+"|"+c.Reason] = c.Value
	}
	require.EqualValues(t, 3, got["|spool_records|"])
	require.EqualValues(t, 1, got["|spool_records_observed|"])
	require.Greater(t, got["|spool_bytes|"], int64(3*len("beacon")-1))
	require.Contains(t, got, "|spool_lag_observed|")
	require.EqualValues(t, 2, got["shop|distinct|route"])
	require.EqualValues(t, 50, got["shop|budget|route"])
	require.LessOrEqual(t, len(got), 6+4*observedBudgets, "invented apps do not crowd out what else is counted")
}
