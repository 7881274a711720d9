package store

import (
	"context"
	"fmt"
	"time"
)

// Release is a release that a subject has views of, as it was before the erasure, and the subject's part.
type Release struct {
	App         string    `json:"app"`
	Environment string    `json:"environment"`
	Release     string    `json:"release"`
	FirstSeen   time.Time `json:"first_seen"`
	LastSeen    time.Time `json:"last_seen"`
	Views       uint64    `json:"views"`

	Shard int `json:"shard,omitempty"` // which counts it: each shard counts its own rows

	Erased      uint64    `json:"erased"`
	ErasedFirst time.Time `json:"erased_first"`
	ErasedLast  time.Time `json:"erased_last"`
}

// ofReleases is the condition on the views that the table of releases counts.
const ofReleases = "release != '' AND traffic = 'real'"

// TouchedReleases returns the releases whose views a subject's are among. It must be read before the rows are erased.
func (s *Store) TouchedReleases(ctx context.Context, of Subject) ([]Release, error) {
	if of.All {
		return nil, nil // they go with all the rest
	}
	var all []Release
	for i, shard := range s.Shards() {
		some, err := shard.touchedReleases(ctx, of)
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

func (s *Store) touchedReleases(ctx context.Context, of Subject) ([]Release, error) {
	condition, arguments := of.where(erasableTable{"views", "ts", true})
	rows, err := s.conn.Query(ctx, fmt.Sprintf(`
		SELECT r.app, r.environment, r.release, r.first, r.last, r.n, own.n, own.first, own.last
		FROM (
		  SELECT app, environment, toString(release) AS release, count() AS n, min(ts) AS first, max(ts) AS last
		  FROM %s WHERE %s AND %s GROUP BY app, environment, release
		) AS own
		INNER JOIN (
		  SELECT app, environment, release, min(first_seen) AS first, max(last_seen) AS last, sum(views) AS n
		  FROM %s GROUP BY app, environment, release
		) AS r USING (app, environment, release)`, s.layout.table("views"), condition, ofReleases, s.layout.table("releases")),
		arguments...)
	if err != nil {
		return nil, fmt.Errorf("store: find the releases to count anew: %w", err)
	}
	defer rows.Close()
	var releases []Release
	for rows.Next() {
		var r Release
		err := rows.Scan(&r.App, &r.Environment, &r.Release, &r.FirstSeen, &r.LastSeen, &r.Views,
			&r.Erased, &r.ErasedFirst, &r.ErasedLast)
		if err != nil {
			return nil, fmt.Errorf("store: find the releases to count anew: %w", err)
		}
		releases = append(releases, r)
	}
	return releases, rows.Err()
}

// RebuildReleases writes the releases anew without the subject's views, after those are gone. As with error groups, what
// is older than the views that are kept stays counted. It can be run again, with the same releases, as long as no view is
// inserted meanwhile.
func (s *Store) RebuildReleases(ctx context.Context, releases []Release) error {
	shards := s.Shards()
	for _, r := range releases {
		if r.Shard >= len(shards) {
			return fmt.Errorf("store: count release %s anew: it is in shard %d of %d: add the shard again until its erasures "+
				"are verified", r.Release, r.Shard+1, len(shards))
		}
		if err := shards[r.Shard].rebuildRelease(ctx, r); err != nil {
			return fmt.Errorf("store: count release %s anew: %w", r.Release, err)
		}
	}
	if len(releases) == 0 {
		return nil
	}
	return onEvery(shards, func(shard *Store) error { return shard.applyMask(ctx, "releases") })
}

const ofRelease = "app = {app:String} AND environment = {environment:String} AND release = {release:String}"

func (s *Store) rebuildRelease(ctx context.Context, r Release) error {
	release := []any{named("app", r.App), named("environment", r.Environment), named("release", r.Release)}
	var left uint64
	var first, last time.Time
	err := s.conn.QueryRow(ctx, fmt.Sprintf("SELECT count(), min(ts), max(ts) FROM %s WHERE %s AND %s",
		s.layout.table("views"), ofRelease, ofReleases), release...).Scan(&left, &first, &last)
	if err != nil {
		return err
	}
	if err := s.hide(ctx, "releases", ofRelease, release); err != nil {
		return err
	}
	if r.Views <= r.Erased {
		return nil
	}
	if r.FirstSeen.Equal(r.ErasedFirst) && left > 0 {
		r.FirstSeen = first
	}
	if r.LastSeen.Equal(r.ErasedLast) && left > 0 {
		r.LastSeen = last
	}
	return s.conn.Exec(plainInsert(ctx), fmt.Sprintf(`INSERT INTO %s (app, environment, release, first_seen, last_seen, views)
		SELECT {app:String}, {environment:String}, {release:String}, fromUnixTimestamp64Milli({first:Int64}, 'UTC'),
		  fromUnixTimestamp64Milli({last:Int64}, 'UTC'), {views:UInt64}`, s.layout.table("releases")),
		append(release, named("first", r.FirstSeen.UnixMilli()), named("last", r.LastSeen.UnixMilli()),
			named("views", r.Views-r.Erased))...)
}
