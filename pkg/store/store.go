// Package store is ClickHouse as Sightline uses it: connecting, the tables and how they come to be, and inserting
// batches exactly once. A server, a cluster and the embedded engine are the same to it.
package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// Store is safe for concurrent use.
type Store struct {
	config  Config
	layout  Layout
	cluster Cluster
	conn    driver.Conn
	shards  []*Store // of a cluster, once they were found
}

// Open checks the configuration; it does not dial.
func Open(config Config) (*Store, error) {
	options, err := config.options()
	if err != nil {
		return nil, err
	}
	conn, err := clickhouse.Open(options)
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	return &Store{config: config, conn: conn}, nil
}

// Conn is the connection pool, for queries. On a cluster they read every shard.
func (s *Store) Conn() driver.Conn { return s.conn }

// Local is where the rows of a table lie on the server that is asked: on a cluster, its own shard's table.
func (s *Store) Local(table string) string { return s.layout.table(table) }

// Replicated says that each shard's tables have replicas.
func (s *Store) Replicated() bool { return s.layout.replicated() }

// Ping asks the store to answer at all.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.conn.Ping(ctx); err != nil {
		return fmt.Errorf("store: %s does not answer: %w", s.config.Address, err)
	}
	return nil
}

// Close closes the pool, and those of the shards.
func (s *Store) Close() error { return errors.Join(closeAll(s.shards), s.conn.Close()) }
