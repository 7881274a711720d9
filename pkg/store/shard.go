package store

import (
	"github.com/go-faster/city" // the CityHash of ClickHouse, which later versions of CityHash differ from
)

// shardingKey is how ClickHouse itself would choose a shard: Distributed tables carry it, so that a question about one
// session may leave out the shards that cannot hold it.
const shardingKey = "cityHash64(app, session_id)"

// ShardOf returns which of n shards the rows of a session are inserted into, counted from 0: the remainder of
// ClickHouse's cityHash64(app, session), as a Distributed table computes it for shards of equal weight. What belongs to
// no session lies with its app's rows without one, as if its session were "".
func ShardOf(app, session string, n int) int {
	if n <= 1 {
		return 0
	}
	hash := combineHashes(city.CH64([]byte(app)), city.CH64([]byte(session)))
	return int(hash % uint64(n))
}

// combineHashes is what cityHash64 of several arguments does with their hashes: CityHash 1.0.2's Hash128to64.
func combineHashes(low, high uint64) uint64 {
	const mul = 0x9ddfea08eb382d69
	a := (low ^ high) * mul
	a ^= a >> 47
	b := (high ^ a) * mul
	b ^= b >> 47
	return b * mul
}
