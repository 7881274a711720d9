package store

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2"
)

// ClickHouse's own codes.
const (
	codeUnknownTable    = 60
	codeUnknownDatabase = 81
)

// LatestVersion is the schema version this program works with.
func LatestVersion() int {
	all, err := Layout{}.migrations()
	if err != nil {
		panic(err) // the files are part of the program
	}
	return all[len(all)-1].version
}

// Statements returns all statements of a layout, for people who run them themselves.
func Statements(layout Layout) ([]string, error) {
	all, err := layout.migrations()
	if err != nil {
		return nil, err
	}
	statements := []string{layout.versionTable()}
	for _, m := range all {
		statements = append(statements, m.statements...)
		statements = append(statements, layout.record(m))
	}
	return statements, nil
}

// SchemaVersion is the version the tables are at, 0 when there are none.
func (s *Store) SchemaVersion(ctx context.Context) (int, error) {
	var version uint32
	err := s.conn.QueryRow(ctx, "SELECT max(version) FROM schema_versions").Scan(&version)
	if hasCode(err, codeUnknownTable) || hasCode(err, codeUnknownDatabase) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("store: read schema version: %w", err)
	}
	return int(version), nil
}

// CheckSchema says what to do when the tables are not those this program works with.
func (s *Store) CheckSchema(ctx context.Context) error {
	found, err := s.SchemaVersion(ctx)
	switch needed := LatestVersion(); {
	case err != nil:
		return err
	case found == 0:
		return fmt.Errorf("store: database %s has no tables yet: run `sightline migrate`", s.config.database())
	case found < needed:
		return fmt.Errorf("store: the tables are at version %d and this program needs %d: run `sightline migrate`",
			found, needed)
	case found > needed:
		return fmt.Errorf("store: the tables are at version %d, newer than the %d this program knows: "+
			"update this program to the version that the others run",
			found, needed)
	}
	return nil
}

// Migrate brings the tables up to date, and creates the database if need be. Every statement can be run again, so a
// migration that was interrupted, or that two programs run at once, ends the same. On a cluster the statements reach
// every server, and every shard notes the version: whichever is asked knows it.
func (s *Store) Migrate(ctx context.Context) error {
	if err := s.FindShards(ctx); err != nil {
		return err
	}
	if s.layout.replicated() {
		return s.migrate(ctx, s.Shards())
	}
	for _, shard := range s.Shards() {
		if err := shard.migrate(ctx, []*Store{shard}); err != nil {
			return err
		}
	}
	return nil
}

// migrate runs what is missing, and has it noted in some shards.
func (s *Store) migrate(ctx context.Context, noted []*Store) error {
	if err := s.createDatabase(ctx); err != nil {
		return err
	}
	if err := s.conn.Exec(ctx, s.layout.versionTable()); err != nil {
		return fmt.Errorf("store: create table of versions: %w", err)
	}
	found, err := lowestVersion(ctx, noted)
	if err != nil {
		return err
	}
	all, err := s.layout.migrations()
	if err != nil {
		return err
	}
	if found > LatestVersion() {
		return s.CheckSchema(ctx)
	}
	for _, m := range all {
		if m.version <= found {
			continue
		}
		for _, statement := range m.statements {
			if err := s.conn.Exec(ctx, statement); err != nil {
				return fmt.Errorf("store: migration %s: %s: %w", m.name, headline(statement), err)
			}
		}
		for _, shard := range noted {
			if err := shard.conn.Exec(ctx, shard.layout.record(m)); err != nil {
				return fmt.Errorf("store: record migration %s: %w", m.name, err)
			}
		}
	}
	return nil
}

// lowestVersion is the version that every shard is at: one that was added since is at 0.
func lowestVersion(ctx context.Context, shards []*Store) (int, error) {
	lowest := 0
	for i, shard := range shards {
		found, err := shard.SchemaVersion(ctx)
		if err != nil {
			return 0, err
		}
		if i == 0 || found < lowest {
			lowest = found
		}
	}
	return lowest, nil
}

// createDatabase creates the database if it is missing. Connecting to a missing one fails on some servers, so this
// goes through the database every server has.
func (s *Store) createDatabase(ctx context.Context) error {
	var found uint64
	err := s.conn.QueryRow(ctx, "SELECT count() FROM system.databases WHERE name = currentDatabase()").Scan(&found)
	if err == nil && found > 0 {
		return nil
	}
	if err != nil && !hasCode(err, codeUnknownDatabase) {
		return fmt.Errorf("store: connect to %s: %w", s.config.Address, err)
	}
	config := s.config
	config.Database = "default"
	other, err := Open(config)
	if err != nil {
		return err
	}
	defer other.Close()
	statement := "CREATE DATABASE IF NOT EXISTS " + quoteName(s.config.database()) + " " + s.layout.onCluster()
	if err := other.conn.Exec(ctx, statement); err != nil {
		return fmt.Errorf("store: create database %s: %w", s.config.database(), err)
	}
	return nil
}

func (l Layout) versionTable() string {
	return fmt.Sprintf(`CREATE TABLE IF NOT EXISTS schema_versions %s
(
    version    UInt32,
    name       String,
    applied_at DateTime64(3, 'UTC')
)
ENGINE = %s
ORDER BY version`, l.onCluster(), l.engine("ReplacingMergeTree"))
}

// record notes that a migration is done. Two programs may note the same one; the table keeps it once.
func (l Layout) record(m migration) string {
	return fmt.Sprintf("INSERT INTO schema_versions (version, name, applied_at) SELECT %d, %s, now64(3)",
		m.version, quoteText(m.name))
}

// headline is the first line of a statement that is not a comment.
func headline(statement string) string {
	for line := range strings.Lines(statement) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "--") {
			return line
		}
	}
	return statement
}

func hasCode(err error, code int32) bool {
	var exception *clickhouse.Exception
	return errors.As(err, &exception) && exception.Code == code
}
