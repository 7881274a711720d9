package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2"
)

// RefusedError says that a table refused its rows before any was written: some row is bad, and trying again will not
// help, but the same rows in smaller numbers may go in. Every other error of Insert is worth trying again as it is,
// with the same token, because rows may have been written.
type RefusedError struct {
	Table string
	Err   error
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("store: %s refused its rows: %v", e.Table, e.Err)
}
func (e *RefusedError) Unwrap() error { return e.Err }

// Insert inserts a batch exactly once however often it is tried, as long as token and batch stay the same: each table
// is one insert under the token "<token>:<table>", which the table and the targets of its views remember. The tables
// do not depend on each other: one that refuses its rows (RefusedError, possibly joined with others) does not keep
// the rest from being inserted.
func (s *Store) Insert(ctx context.Context, token string, batch *Batch) error {
	var refused []error
	for _, t := range batch.tables {
		if batch.inserted[t.tableName()] == token {
			continue
		}
		err := s.insert(ctx, token, t, &batch.handover)
		if _, isRefused := errors.AsType[*RefusedError](err); isRefused {
			refused = append(refused, err)
		} else if err != nil {
			return err
		} else {
			batch.inserted[t.tableName()] = token
		}
	}
	clear(batch.inserted)
	return errors.Join(refused...)
}

// InsertTable inserts the rows of one table of a batch.
func (s *Store) InsertTable(ctx context.Context, token, name string, batch *Batch) error {
	for _, t := range batch.tables {
		if t.tableName() == name {
			return s.insert(ctx, token, t, &batch.handover)
		}
	}
	return fmt.Errorf("store: no table %s in a batch", name)
}

func (s *Store) insert(ctx context.Context, token string, t rows, h *handover) error {
	if t.count() == 0 {
		return nil
	}
	if s.shards != nil {
		return fmt.Errorf("store: insert into %s: rows go into a shard of cluster %s (ShardOf), not into all of it",
			t.tableName(), s.layout.Cluster)
	}
	columns := t.columns()
	ctx = clickhouse.Context(ctx,
		clickhouse.WithColumnNamesAndTypes(columns), // spares a DESCRIBE each time over HTTP
		clickhouse.WithSettings(insertSettings(token+":"+t.tableName())))
	prepared, err := s.conn.PrepareBatch(ctx, insertStatement(s.layout.table(t.tableName()), columns))
	if err != nil {
		return fmt.Errorf("store: prepare insert into %s: %w", t.tableName(), err)
	}
	defer prepared.Close()
	for i, column := range prepared.Columns() {
		if i < len(columns) && string(column.Type()) != columns[i].Type {
			return fmt.Errorf("store: column %s.%s is %s, not %s: run `sightline migrate` with this version of the program",
				t.tableName(), columns[i].Name, column.Type(), columns[i].Type)
		}
	}
	if err := t.fill(prepared, h); err != nil {
		return &RefusedError{Table: t.tableName(), Err: err}
	}
	if err := prepared.Send(); err != nil {
		if refusesRows(err) {
			return &RefusedError{Table: t.tableName(), Err: err}
		}
		return fmt.Errorf("store: insert into %s: %w", t.tableName(), err)
	}
	return nil
}

// insertSettings make a retry harmless: the block is recognised by its token, in the table and behind every view.
func insertSettings(token string) clickhouse.Settings {
	return clickhouse.Settings{
		"insert_deduplicate":                                 1,
		"insert_deduplication_token":                         token,
		"deduplicate_blocks_in_dependent_materialized_views": 1,
		"async_insert":                                       0, // newer servers gather inserts by default, which breaks tokens
		"wait_end_of_query":                                  1, // an error of a view arrives as an error
	}
}

// refusing are ClickHouse's codes for rows it cannot read or convert.
var refusing = []int32{
	6,   // CANNOT_PARSE_TEXT
	26,  // CANNOT_PARSE_QUOTED_STRING
	27,  // CANNOT_PARSE_INPUT_ASSERTION_FAILED
	38,  // CANNOT_PARSE_DATE
	41,  // CANNOT_PARSE_DATETIME
	53,  // TYPE_MISMATCH
	70,  // CANNOT_CONVERT_TYPE
	72,  // CANNOT_PARSE_NUMBER
	117, // INCORRECT_DATA
	131, // TOO_LARGE_STRING_SIZE
	321, // VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE
}

// refusesRows is deliberately narrow: after an error of a view, a time-out or a lost connection some rows may be
// written, and cutting the batch would write them again under another token.
func refusesRows(err error) bool {
	var exception *clickhouse.Exception
	if !errors.As(err, &exception) {
		return false
	}
	if strings.Contains(exception.Message, "while pushing to view") {
		return false
	}
	return slices.Contains(refusing, exception.Code) || isTooManyPartitions(exception)
}

// isTooManyPartitions tells rows spread over too many days from a table with too many parts, which shares the code
// but passes by itself.
func isTooManyPartitions(exception *clickhouse.Exception) bool {
	return exception.Code == 252 && strings.Contains(exception.Message, "Too many partitions for single INSERT block")
}
