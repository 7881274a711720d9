package erase

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/rollup"
)

const counted = `SELECT sum(samples), sum(calls), sum(errors) FROM (
	SELECT samples, 0 AS calls, 0 AS errors FROM hist_1h_route_device WHERE metric != ''
	UNION ALL SELECT 0, samples, 0 FROM hist_1h_endpoint_route WHERE kind != ''
	UNION ALL SELECT 0, 0, weight FROM errors_1m WHERE fingerprint != '')`

func TestAnErasureIsVerifiedOnceTheRollUpsAreWithoutTheErased(t *testing.T) {
	w := newWorld(t)
	w.running(func() {
		for n := range 6 {
			w.append(visit(n))
		}
		require.NoError(t, w.drainer.Flush(t.Context()))
		_, err := rollup.Of(w.store).Backfill(t.Context(), rollup.Range{}, false, func(rollup.Progress) {})
		require.NoError(t, err)
		require.Equal(t, "6\t6\t12000", w.ask(counted))
		w.erase(Request{App: "shop", Session: "session-3"})
	})
	require.Equal(t, "5\t5\t10000", w.ask(counted))
	found, err := rollup.Of(w.store).Check(t.Context(), rollup.Range{}, nil)
	require.NoError(t, err)
	require.Zero(t, found.Behind)
	require.Empty(t, found.Differences)
}
