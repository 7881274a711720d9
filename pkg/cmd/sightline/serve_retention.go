package main

import (
	"context"
	"time"

	"github.com/sightline-rum/sightline/pkg/store"
)

// expireEvery is how often the sidecar looks for a day that has become too old; it finds one once a day.
const expireEvery = time.Hour

// checkRetention says where the tables keep their rows for longer or shorter than the configuration says. Only new tables
// are made as it says: a mistake in a file must not delete what cannot be brought back.
func (s *sidecar) checkRetention(ctx context.Context, opened *store.Store, created bool) error {
	retention, said := s.config.KeptFor()
	if !said {
		return nil
	}
	changes, err := opened.RetentionChanges(ctx, retention)
	if err != nil {
		return err
	}
	if created {
		return opened.ApplyRetention(ctx, changes)
	}
	if len(changes) > 0 {
		s.logger.Warn("tables do not keep their rows as long as the configuration says: run `sightline migrate --config FILE`",
			"differences", len(changes), "first", changes[0].String())
	}
	return nil
}

// expire removes what the configuration keeps for shorter than its table's rows, until the context ends.
func (s *sidecar) expire(ctx context.Context, opened *store.Store) {
	retention, _ := s.config.KeptFor()
	if len(retention.Apps) == 0 && retention.Sensitive == 0 {
		return
	}
	ticker := time.NewTicker(expireEvery)
	defer ticker.Stop()
	for {
		removed, err := opened.Expire(ctx, retention, time.Now())
		for _, one := range removed {
			s.logger.Info("removed what was kept long enough", "what", one.String())
		}
		if err != nil && ctx.Err() == nil {
			s.logger.Error("what was kept long enough could not be removed and is tried again", "error", err, "again_in", expireEvery)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}
