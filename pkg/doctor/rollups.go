package doctor

import (
	"context"
	"fmt"
	"time"

	"github.com/sightline-rum/sightline/pkg/rollup"
	"github.com/sightline-rum/sightline/pkg/store"
)

// Rollups is what is to be compared: the roll-ups of a store with its rows.
type Rollups struct {
	Store    store.Config
	Cluster  store.Cluster
	Hours    rollup.Range
	AppDays  map[string]int                     // of apps whose rows go before those of their tables; may be nil
	Progress func(t rollup.Table, done, of int) // may be nil
}

// mostDifferences is how many hours that differ are told one by one.
const mostDifferences = 20

// Examine compares every hour, cell by cell, and changes nothing.
func (c *Rollups) Examine(ctx context.Context) *Report {
	r := &Report{}
	opened, err := store.Open(c.Store)
	if err != nil {
		r.problem("store", c.Store.Address, err.Error(), "correct the DSN: clickhouse://user:password@host:9000/sightline")
		return r
	}
	opened = opened.OnCluster(c.Cluster)
	defer opened.Close()
	if err := opened.CheckSchema(ctx); err != nil {
		r.problem("store", c.Store.Address, err.Error(), whyAway(err))
		return r
	}
	var found rollup.Checked
	err = opened.FindShards(ctx)
	for _, shard := range opened.Shards() {
		if err == nil {
			var some rollup.Checked
			some, err = rollup.Of(shard).KeepingApps(c.AppDays).Check(ctx, c.Hours, c.Progress)
			found.Add(some)
		}
	}
	if err != nil {
		r.problem("rollups", c.Store.Address, err.Error(), whyAway(err))
		return r
	}
	for _, d := range found.Differences[:min(len(found.Differences), mostDifferences)] {
		r.problem("rollups", d.Table.Name, d.String(), fmt.Sprintf("sightline rollup --again --app %s --from %s --to %s", d.App,
			d.Start.UTC().Format("2006-01-02T15:04"), d.Start.UTC().Add(time.Hour).Format("2006-01-02T15:04")))
	}
	if more := len(found.Differences) - mostDifferences; more > 0 {
		r.problem("rollups", "", fmt.Sprintf("%d more hours differ", more),
			"sightline rollup --again rolls all hours anew")
	}
	if found.Behind > 0 {
		r.warn("rollups", "", fmt.Sprintf("%d hours of a table are not rolled up yet, and are answered from the rows", found.Behind),
			"nothing, while the sidecar runs: the hour under way is always among them; sightline rollup does it at once")
	}
	if found.Exact > 0 || len(found.Differences) == 0 {
		r.ok("rollups", "", "%d hours of %d tables are equal to their rows, cell by cell", found.Exact, len(rollup.Tables))
	}
	return r
}
