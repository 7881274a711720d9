package store

import (
	"context"
	"fmt"
	"time"
)

// ErrorGroup is a group of errors that a subject took part in, as it was before the erasure, and the subject's part.
type ErrorGroup struct {
	App          string    `json:"app"`
	Environment  string    `json:"environment"`
	Fingerprint  string    `json:"fingerprint"`
	FirstSeen    time.Time `json:"first_seen"`
	LastSeen     time.Time `json:"last_seen"`
	FirstRelease string    `json:"first_release"`
	Count        uint64    `json:"count"`
	Weight       uint64    `json:"weight"`
	Kind         string    `json:"kind"`
	Type         string    `json:"type"`

	Shard int `json:"shard,omitempty"` // which counts it: each shard counts its own rows

	Erased       uint64    `json:"erased"`
	ErasedWeight uint64    `json:"erased_weight"`
	ErasedFirst  time.Time `json:"erased_first"`
	ErasedLast   time.Time `json:"erased_last"`
}

// TouchedGroups returns the error groups that a subject took part in. It must be read before the rows are erased.
func (s *Store) TouchedGroups(ctx context.Context, of Subject) ([]ErrorGroup, error) {
	if of.All {
		return nil, nil // they go with all the rest
	}
	var all []ErrorGroup
	for i, shard := range s.Shards() {
		some, err := shard.touchedGroups(ctx, of)
		if err != nil {
			return nil, err
		}
		for _, one := range some {
			one.Shard = i
			all = append(all, one)
		}
	}
	return all, nil
}

func (s *Store) touchedGroups(ctx context.Context, of Subject) ([]ErrorGroup, error) {
	condition, arguments := of.where(erasableTable{"errors", "ts", true})
	rows, err := s.conn.Query(ctx, fmt.Sprintf(`
		SELECT g.app, g.environment, g.fingerprint, g.first, g.last, g.release, g.n, g.w, g.kinds, g.types,
		       own.n, own.w, own.first, own.last
		FROM (
		  SELECT app, environment, fingerprint, count() AS n, toUInt64(sum(weight)) AS w, min(ts) AS first, max(ts) AS last
		  FROM %s WHERE %s GROUP BY app, environment, fingerprint
		) AS own
		INNER JOIN (
		  SELECT app, environment, fingerprint, min(first_seen) AS first, max(last_seen) AS last,
		         argMinMerge(first_release) AS release, sum(count) AS n, sum(weight) AS w, max(kind) AS kinds, max(error_type) AS types
		  FROM %s GROUP BY app, environment, fingerprint
		) AS g USING (app, environment, fingerprint)`, s.layout.table("errors"), condition, s.layout.table("error_groups")),
		arguments...)
	if err != nil {
		return nil, fmt.Errorf("store: find the error groups to rebuild: %w", err)
	}
	defer rows.Close()
	var groups []ErrorGroup
	for rows.Next() {
		var g ErrorGroup
		err := rows.Scan(&g.App, &g.Environment, &g.Fingerprint, &g.FirstSeen, &g.LastSeen, &g.FirstRelease, &g.Count, &g.Weight,
			&g.Kind, &g.Type, &g.Erased, &g.ErasedWeight, &g.ErasedFirst, &g.ErasedLast)
		if err != nil {
			return nil, fmt.Errorf("store: find the error groups to rebuild: %w", err)
		}
		groups = append(groups, g)
	}
	return groups, rows.Err()
}

// RebuildGroups writes the groups anew without the subject's part, after its rows are gone. A group is kept longer than
// the errors it counts: so its counts are what they were less the subject's, and only its ends and its message are read
// from the errors that are left. It can be run again, with the same groups, as long as no error is inserted meanwhile.
func (s *Store) RebuildGroups(ctx context.Context, groups []ErrorGroup) error {
	shards := s.Shards()
	for _, g := range groups {
		if g.Shard >= len(shards) {
			return fmt.Errorf("store: rebuild error group %s: it is in shard %d of %d: add the shard again until its erasures "+
				"are verified", g.Fingerprint, g.Shard+1, len(shards))
		}
		if err := shards[g.Shard].rebuildGroup(ctx, g); err != nil {
			return fmt.Errorf("store: rebuild error group %s: %w", g.Fingerprint, err)
		}
	}
	if len(groups) == 0 {
		return nil
	}
	return onEvery(shards, func(shard *Store) error { return shard.applyMask(ctx, "error_groups") })
}

const ofGroup = "app = {app:String} AND environment = {environment:String} AND fingerprint = {fingerprint:String}"

func (s *Store) rebuildGroup(ctx context.Context, g ErrorGroup) error {
	group := []any{named("app", g.App), named("environment", g.Environment), named("fingerprint", g.Fingerprint)}
	var left uint64
	var first, last time.Time
	var release, message string
	err := s.conn.QueryRow(ctx, fmt.Sprintf("SELECT count(), min(ts), max(ts), argMin(toString(release), ts), max(message) "+
		"FROM %s WHERE %s", s.layout.table("errors"), ofGroup), group...).Scan(&left, &first, &last, &release, &message)
	if err != nil {
		return err
	}
	if err := s.hide(ctx, "error_groups", ofGroup, group); err != nil {
		return err
	}
	if g.Count <= g.Erased {
		return nil
	}
	if g.FirstSeen.Equal(g.ErasedFirst) && left > 0 {
		g.FirstSeen, g.FirstRelease = first, release
	}
	if g.LastSeen.Equal(g.ErasedLast) && left > 0 {
		g.LastSeen = last
	}
	return s.conn.Exec(plainInsert(ctx), fmt.Sprintf(`INSERT INTO %s
		(app, environment, fingerprint, first_seen, last_seen, first_release, count, weight, kind, error_type, message)
		SELECT {app:String}, {environment:String}, {fingerprint:String},
		  fromUnixTimestamp64Milli({first:Int64}, 'UTC') AS first, fromUnixTimestamp64Milli({last:Int64}, 'UTC'),
		  arrayReduce('argMinState', [{release:String}], [first]), {count:UInt64}, {weight:UInt64},
		  {kind:String}, {type:String}, {message:String}`, s.layout.table("error_groups")),
		append(group, named("first", g.FirstSeen.UnixMilli()), named("last", g.LastSeen.UnixMilli()), named("release", g.FirstRelease),
			named("count", g.Count-g.Erased), named("weight", g.Weight-min(g.Weight, g.ErasedWeight)),
			named("kind", g.Kind), named("type", g.Type), named("message", message))...)
}
