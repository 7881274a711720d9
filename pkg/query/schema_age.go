package query

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
)

// codeUnknownIdentifier is ClickHouse's for a column that a table does not have.
const codeUnknownIdentifier = 47

// schemaTime is what looking for the tables' version may take on top of an answer that failed.
const schemaTime = 3 * time.Second

// explainSchema says which of the two is older when the store lacks a table or a column that a statement names: the tables
// or this program. Anything else stays as it is, and so does the error when the store does not tell.
func (r *Runner) explainSchema(ctx context.Context, err error) error {
	var exception *clickhouse.Exception
	if r.Schema == 0 || !errors.As(err, &exception) {
		return err
	}
	switch exception.Code {
	case codeUnknownTable, codeUnknownIdentifier:
	default:
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, schemaTime)
	defer cancel()
	var found uint32
	if r.Conn.QueryRow(ctx, "SELECT max(version) FROM schema_versions").Scan(&found) != nil {
		return err
	}
	switch {
	case int(found) < r.Schema:
		return fmt.Errorf("the store's tables are at version %d and this plugin needs %d: run `sightline migrate`: %w", found, r.Schema, err)
	case int(found) > r.Schema:
		return fmt.Errorf("the store's tables are at version %d, newer than the %d this plugin knows: update the plugin in Grafana: %w",
			found, r.Schema, err)
	}
	return err
}
