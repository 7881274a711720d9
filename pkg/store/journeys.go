package store

import (
	"context"
	"fmt"
	"slices"
)

// JourneyStep is one step of a journey as the plugin reads it. All steps of a journey carry the same version; the
// highest version of a journey is the one in force.
type JourneyStep struct {
	App     string
	Journey string
	Step    uint8 // counted from 1
	Name    string
	Kind    string // what the pattern is matched with: a route or an action
	Pattern string
	Version uint64
}

// WriteJourneys writes steps. Writing the same ones again changes nothing: they lie where what an app has without a
// session does.
func (s *Store) WriteJourneys(ctx context.Context, steps []JourneyStep) error {
	shards := s.Shards()
	for i, shard := range shards {
		own := slices.DeleteFunc(slices.Clone(steps), func(step JourneyStep) bool { return ShardOf(step.App, "", len(shards)) != i })
		if err := shard.writeJourneys(ctx, own); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) writeJourneys(ctx context.Context, steps []JourneyStep) error {
	if len(steps) == 0 {
		return nil
	}
	batch, err := s.conn.PrepareBatch(ctx, fmt.Sprintf("INSERT INTO %s (app, journey, step, name, kind, pattern, version)",
		s.layout.table("journeys")))
	if err != nil {
		return fmt.Errorf("store: write journeys: %w", err)
	}
	defer batch.Close()
	for _, step := range steps {
		err := batch.Append(step.App, step.Journey, step.Step, step.Name, step.Kind, step.Pattern, step.Version)
		if err != nil {
			return fmt.Errorf("store: write journey %s of %s: %w", step.Journey, step.App, err)
		}
	}
	if err := batch.Send(); err != nil {
		return fmt.Errorf("store: write journeys: %w", err)
	}
	return nil
}
