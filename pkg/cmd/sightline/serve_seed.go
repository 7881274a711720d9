package main

import (
	"context"
	"fmt"

	"github.com/sightline-rum/sightline/pkg/enrich"
	"github.com/sightline-rum/sightline/pkg/store"
)

// seeds are where the names of each budgeted dimension stand in the store, those of the last week by how often they
// were used. Attribute values are left out: there are many, and they are of use while their key is looked at.
var seeds = []struct{ dimension, sql string }{
	{enrich.DimensionRoute, "SELECT app, toString(route) AS name, count() AS n FROM views"},
	{enrich.DimensionRelease, "SELECT app, toString(release) AS name, count() AS n FROM views"},
	{enrich.DimensionAttributeKey, "SELECT app, arrayJoin(mapKeys(attributes)) AS name, count() AS n FROM views"},
	{enrich.DimensionEndpoint, "SELECT app, toString(endpoint) AS name, count() AS n FROM requests"},
	{enrich.DimensionHost, "SELECT app, toString(host) AS name, count() AS n FROM requests"},
	{enrich.DimensionMetric, "SELECT app, toString(metric) AS name, count() AS n FROM vitals"},
	{enrich.DimensionTarget, "SELECT app, target AS name, count() AS n FROM vitals"},
	{enrich.DimensionTarget, "SELECT app, target AS name, count() AS n FROM actions"},
	{enrich.DimensionFingerprint, "SELECT app, fingerprint AS name, count() AS n FROM errors"},
}

// seedNames gives the names that were used most this week their place in the budgets again.
func (s *sidecar) seedNames(ctx context.Context, opened *store.Store) error {
	for _, seed := range seeds {
		rows, err := opened.Conn().Query(ctx, seed.sql+`
		WHERE ts > now() - INTERVAL 7 DAY AND traffic != 'bot'
		GROUP BY app, name HAVING name != '' ORDER BY n DESC LIMIT 5000 BY app LIMIT 100000`)
		if err != nil {
			return fmt.Errorf("read the known names of %s: %w", seed.dimension, err)
		}
		for rows.Next() {
			var app, name string
			var n uint64
			if err := rows.Scan(&app, &name, &n); err != nil {
				return fmt.Errorf("read the known names of %s: %w", seed.dimension, err)
			}
			s.pipeline.Seed(app, seed.dimension, name)
		}
		if err := rows.Close(); err != nil {
			return fmt.Errorf("read the known names of %s: %w", seed.dimension, err)
		}
	}
	return nil
}
