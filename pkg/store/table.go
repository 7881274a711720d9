package store

import (
	"fmt"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/sightline-rum/sightline/pkg/rum"
)

// table is the rows of a batch that go into one table, column by column.
type table[T any] struct {
	name   string
	fields []field[T]
	rows   int
}

// rows is a table whatever its items are.
type rows interface {
	tableName() string
	count() int
	reset()
	columns() []clickhouse.ColumnNameAndType
	fill(driver.Batch, *handover) error
}

func (t *table[T]) add(b *rum.Beacon, items []T) {
	if len(items) == 0 {
		return
	}
	for i := range t.fields {
		t.fields[i].add(b, items)
	}
	t.rows += len(items)
}

func (t *table[T]) tableName() string { return t.name }
func (t *table[T]) count() int        { return t.rows }

func (t *table[T]) reset() {
	for i := range t.fields {
		t.fields[i].reset()
	}
	t.rows = 0
}

func (t *table[T]) columns() []clickhouse.ColumnNameAndType {
	columns := make([]clickhouse.ColumnNameAndType, len(t.fields))
	for i, f := range t.fields {
		columns[i] = clickhouse.ColumnNameAndType{Name: f.name, Type: f.chType()}
	}
	return columns
}

func (t *table[T]) fill(batch driver.Batch, h *handover) error {
	columns := batch.Columns()
	if len(columns) != len(t.fields) {
		return fmt.Errorf("the store has %d columns for %s, not %d", len(columns), t.name, len(t.fields))
	}
	for i, f := range t.fields {
		if err := f.fill(columns[i], h); err != nil {
			return fmt.Errorf("column %s.%s: %w", t.name, f.name, err)
		}
	}
	return nil
}

// insertStatement names every column: the order in the store is of no account.
func insertStatement(into string, columns []clickhouse.ColumnNameAndType) string {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.Name
	}
	return fmt.Sprintf("INSERT INTO %s (%s)", into, strings.Join(names, ", "))
}
