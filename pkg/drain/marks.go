package drain

import (
	"context"
	"time"

	"github.com/sightline-rum/sightline/pkg/rum"
	"github.com/sightline-rum/sightline/pkg/store"
)

// markHours has the hours of records rolled up again. The rows of a table that were inserted piece by piece came after
// the session's events, by which the rows of an hour are counted: a roll in between has counted the hour without them.
func (d *Drainer) markHours(ctx context.Context, in *shard, batch string, records []record) error {
	touched := map[store.TouchedHour]bool{}
	var hours []store.TouchedHour
	for _, r := range records {
		if r.Beacon == nil {
			continue
		}
		r.Beacon.EachItem(func(item *rum.Item) {
			h := store.TouchedHour{App: r.Beacon.Context.App, Hour: time.UnixMilli(item.TS).UTC().Truncate(time.Hour)}
			if !touched[h] {
				touched[h] = true
				hours = append(hours, h)
			}
		})
	}
	return d.retry(ctx, "mark hours", batch, func() error {
		trying, cancel := context.WithTimeout(ctx, d.options.InsertTimeout)
		defer cancel()
		return in.store.MarkHours(trying, hours)
	})
}
