package store

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
)

// Cluster is how a store is spread over several servers. A name is enough where the DSN speaks the native protocol: the
// store then asks ClickHouse which servers the cluster has.
type Cluster struct {
	Name string // as remote_servers has it; "" is a single server

	// Shards are the addresses of each shard in the cluster's order, as the DSN would have them: its replicas, separated
	// by commas. They stand in for those of system.clusters, where these cannot be reached from here or speak HTTP.
	Shards []string

	// Unreplicated says that each shard is a single server, and that there need be no keeper.
	Unreplicated bool
}

// Check refuses what only a cluster has where none is named, and an unreplicated cluster whose servers are not.
func (c Cluster) Check() error {
	switch {
	case c.Name == "" && (len(c.Shards) > 0 || c.Unreplicated):
		return errors.New("store: shards belong to a cluster: name it with --cluster, as remote_servers does")
	case c.Unreplicated:
		for _, shard := range c.Shards {
			if strings.Contains(shard, ",") {
				return fmt.Errorf("store: cluster %s has replicas (%s), which need replicated tables and a keeper: leave out "+
					"--unreplicated", c.Name, shard)
			}
		}
	}
	return nil
}

// OnCluster returns the store with its tables laid out for a cluster. Which servers there are it learns when it is
// migrated.
func (s *Store) OnCluster(c Cluster) *Store {
	laidOut := *s
	laidOut.cluster = c
	laidOut.layout.Cluster, laidOut.layout.Unreplicated = c.Name, c.Unreplicated
	return &laidOut
}

// Shards are the shards of a cluster, in its order, once FindShards found them. A single server is its own only shard.
func (s *Store) Shards() []*Store {
	if s.shards == nil {
		return []*Store{s}
	}
	return s.shards
}

// FindShards learns which shards the cluster has. The order is that of their numbers, and ShardOf relies on it.
func (s *Store) FindShards(ctx context.Context) error {
	if s.layout.Cluster == "" || s.shards != nil {
		return nil
	}
	addresses := s.cluster.Shards
	if len(addresses) == 0 {
		var err error
		if addresses, err = s.askShards(ctx); err != nil {
			return err
		}
	}
	shards := make([]*Store, len(addresses))
	for i, address := range addresses {
		config := s.config
		config.Address = config.withPorts(address)
		shard, err := Open(config)
		if err != nil {
			return errors.Join(err, closeAll(shards[:i]))
		}
		shard.layout = s.layout
		shards[i] = shard
	}
	s.shards = shards
	return nil
}

// askShards reads the addresses from the server's own configuration.
func (s *Store) askShards(ctx context.Context) ([]string, error) {
	const instead = "; name each shard's addresses with --shards instead"
	if s.config.Protocol != ProtocolNative {
		return nil, fmt.Errorf("store: cluster %s: ClickHouse tells the native addresses of its shards, but the DSN speaks "+
			"HTTP%s", s.cluster.Name, instead)
	}
	config := s.config
	config.Database = "default" // ours may not be there yet
	other, err := Open(config)
	if err != nil {
		return nil, err
	}
	defer other.Close()
	rows, err := other.conn.Query(ctx, `SELECT shard_num, shard_weight, host_name, port FROM system.clusters
		WHERE cluster = {cluster:String} ORDER BY shard_num, replica_num`, named("cluster", s.cluster.Name))
	if err != nil {
		return nil, fmt.Errorf("store: find the shards of cluster %s: %w%s", s.cluster.Name, err, instead)
	}
	defer rows.Close()
	var found []replica
	for rows.Next() {
		var r replica
		if err := rows.Scan(&r.shard, &r.weight, &r.host, &r.port); err != nil {
			return nil, fmt.Errorf("store: find the shards of cluster %s: %w", s.cluster.Name, err)
		}
		found = append(found, r)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("store: find the shards of cluster %s: %w", s.cluster.Name, err)
	}
	return shardAddresses(s.cluster.Name, found)
}

// replica is one server of a cluster.
type replica struct {
	shard, weight uint32
	host          string
	port          uint16
}

// shardAddresses joins the replicas of each shard. They come in the order of their shards' numbers.
func shardAddresses(cluster string, replicas []replica) ([]string, error) {
	var addresses []string
	var last uint32
	for _, r := range replicas {
		if r.weight != replicas[0].weight {
			return nil, fmt.Errorf("store: cluster %s: its shards have different weights, but sessions are spread evenly: "+
				"give all shards the same weight in remote_servers", cluster)
		}
		address := net.JoinHostPort(r.host, strconv.Itoa(int(r.port)))
		if r.shard != last {
			addresses = append(addresses, address)
		} else {
			addresses[len(addresses)-1] += "," + address
		}
		last = r.shard
	}
	if len(addresses) == 0 {
		return nil, fmt.Errorf("store: no cluster %s is known to the server: name one of its remote_servers "+
			"(SELECT DISTINCT cluster FROM system.clusters)", cluster)
	}
	return addresses, nil
}

// withPorts adds the default port to those addresses that have none.
func (c Config) withPorts(addresses string) string {
	all := strings.Split(addresses, ",")
	for i, address := range all {
		all[i] = c.withPort(strings.TrimSpace(address))
	}
	return strings.Join(all, ",")
}

// onEvery does something on every shard, and stops at the first that cannot.
func onEvery(shards []*Store, do func(*Store) error) error {
	for _, shard := range shards {
		if err := do(shard); err != nil {
			return err
		}
	}
	return nil
}

// ofEvery gathers what the shards have, each thing once.
func ofEvery[T comparable](shards []*Store, read func(*Store) ([]T, error)) ([]T, error) {
	var all []T
	seen := map[T]bool{}
	for _, shard := range shards {
		found, err := read(shard)
		if err != nil {
			return nil, err
		}
		for _, one := range found {
			if !seen[one] {
				seen[one] = true
				all = append(all, one)
			}
		}
	}
	return all, nil
}

func closeAll(stores []*Store) error {
	var failed []error
	for _, s := range stores {
		failed = append(failed, s.Close())
	}
	return errors.Join(failed...)
}
