package main

import (
	"github.com/sightline-rum/sightline/pkg/ingest"
	"github.com/sightline-rum/sightline/pkg/store"
)

// clusterFlags say how a store is spread over several servers.
type clusterFlags struct {
	Cluster      string   `help:"The tables are laid out for this cluster of ClickHouse servers." env:"SIGHTLINE_CLUSTER" placeholder:"NAME"`
	Shards       []string `help:"The addresses of each shard, in the cluster's order, where those that system.clusters tells cannot be reached from here: replicas separated by commas, shards by semicolons." sep:";" env:"SIGHTLINE_SHARDS" placeholder:"HOST:PORT,…"`
	Unreplicated bool     `help:"Each shard of the cluster is a single server: its tables are not replicated, and need no keeper." env:"SIGHTLINE_UNREPLICATED"`
}

func (c clusterFlags) cluster() store.Cluster {
	return store.Cluster{Name: c.Cluster, Shards: c.Shards, Unreplicated: c.Unreplicated}
}

// clusterOf is how a further store of the configuration is spread.
func clusterOf(s ingest.Store) clusterFlags {
	return clusterFlags{Cluster: s.Cluster, Shards: s.Shards, Unreplicated: s.Unreplicated}
}
