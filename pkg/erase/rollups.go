package erase

import (
	"context"

	"github.com/sightline-rum/sightline/pkg/rollup"
	"github.com/sightline-rum/sightline/pkg/store"
)

// rollAgain counts the hours anew that erased rows were in. They must be marked: what a roller read before the rows went
// may be counted after, and only the mark makes that differ from what the hour has.
func (e *Erasures) rollAgain(ctx context.Context, in *store.Store, touched []store.TouchedHour) error {
	hours := make([]rollup.Hour, 0, len(touched))
	for _, h := range touched {
		hours = append(hours, rollup.Hour{App: h.App, Start: h.Hour.UTC()})
	}
	for _, shard := range in.Shards() {
		if err := rollup.Of(shard).KeepingApps(e.options.AppDays).RollHours(ctx, hours); err != nil {
			return err
		}
	}
	return nil
}
