package drain

import (
	"context"
	"fmt"

	"github.com/sightline-rum/sightline/pkg/rum"
	"github.com/sightline-rum/sightline/pkg/spool"
	"github.com/sightline-rum/sightline/pkg/store"
)

// shard is one of the servers (or sets of replicas) that a store's rows are spread over; most stores have one.
type shard struct {
	name  string // " into shard 2", for messages; empty where there is one
	store *store.Store
	batch *store.Batch // kept from batch to batch: its columns need not grow again
}

func newShards(all []*store.Store) []*shard {
	shards := make([]*shard, len(all))
	for i, into := range all {
		shards[i] = &shard{store: into, batch: store.NewBatch()}
		if len(all) > 1 {
			shards[i].name = fmt.Sprintf(" into shard %d", i+1)
		}
	}
	return shards
}

func (s *shard) fill(records []record) {
	s.batch.Reset()
	for _, r := range records {
		r.addTo(s.batch)
	}
}

// split parts a batch by the shards that its rows belong to. A batch that was begun before the cluster grew is parted as
// it was then: rows that are in the store already would be inserted again into another shard.
func (d *Drainer) split(ctx context.Context, batch spool.Batch, records []record) ([][]record, error) {
	if d.shards == nil {
		d.shards = newShards(d.store.Shards())
	}
	var among int
	err := d.retry(ctx, "choose shards", batch.Token, func() (err error) {
		among, err = d.among(batch)
		return err
	})
	if err != nil {
		return nil, err
	}
	if among == 1 {
		return [][]record{records}, nil
	}
	parts := make([][]record, among)
	for _, r := range records {
		for i, part := range r.split(among) {
			parts[i] = append(parts[i], part)
		}
	}
	return parts, nil
}

// among is how many shards a batch goes to.
func (d *Drainer) among(batch spool.Batch) (int, error) {
	begun, err := d.spool.Split()
	if err != nil {
		return 0, err
	}
	switch now := len(d.shards); {
	case batch.Again && begun > now:
		return 0, fmt.Errorf("a batch was begun with %d shards and there are %d: add the shards again until the spool is "+
			"empty, then remove them (docs/cluster.md)", begun, now)
	case batch.Again || begun == now:
		return begun, nil
	default:
		return now, d.spool.KeepSplit(now)
	}
}

// split parts a record by the shards its rows belong to: counters are of many apps.
func (r record) split(among int) map[int]record {
	parts := map[int]record{}
	part := func(app, session string, add func(*rum.Record)) {
		i := store.ShardOf(app, session, among)
		own, begun := parts[i]
		if !begun {
			own.index, own.Request = r.index, r.Request
		}
		add(&own.Record)
		parts[i] = own
	}
	if r.Beacon != nil {
		part(r.Beacon.Context.App, r.Beacon.Context.SessionID, func(own *rum.Record) { own.Beacon = r.Beacon })
	}
	if r.Deploy != nil {
		part(r.Deploy.App, "", func(own *rum.Record) { own.Deploy = r.Deploy })
	}
	for _, count := range r.Counts {
		part(count.App, "", func(own *rum.Record) { own.Counts = append(own.Counts, count) })
	}
	return parts
}
