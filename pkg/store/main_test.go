package store

import (
	"fmt"
	"os"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/engine"
	"github.com/sightline-rum/sightline/pkg/engine/enginetest"
)

var access engine.Access

func TestMain(m *testing.M) {
	var stop func()
	var err error
	cluster := enginetest.Cluster{Name: "main", Shards: 2, Database: "front"}
	if access, stop, err = enginetest.StartMainCluster(cluster); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	stop()
	os.Exit(code)
}

var databases atomic.Int32

// empty is a store with a database of its own name that does not exist yet.
func empty(t testing.TB) *Store {
	t.Helper()
	name := fmt.Sprintf("test_%d", databases.Add(1))
	s, err := Open(FromAccess(access.Address, name, access.Writer.User, access.Writer.Password))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// migrated is a store with empty tables.
func migrated(t testing.TB) *Store {
	t.Helper()
	s := empty(t)
	require.NoError(t, s.Migrate(t.Context()))
	return s
}

// ask returns the result of a query, a line a row, tabs between columns.
func ask(t testing.TB, s *Store, query string, arguments ...any) string {
	t.Helper()
	rows, err := s.Conn().Query(t.Context(), query, arguments...)
	require.NoError(t, err)
	defer rows.Close()
	var lines []string
	for rows.Next() {
		cells := make([]any, len(rows.ColumnTypes()))
		for i, c := range rows.ColumnTypes() {
			cells[i] = reflect.New(c.ScanType()).Interface()
		}
		require.NoError(t, rows.Scan(cells...))
		texts := make([]string, len(cells))
		for i, c := range cells {
			texts[i] = fmt.Sprint(reflect.ValueOf(c).Elem().Interface())
		}
		lines = append(lines, strings.Join(texts, "\t"))
	}
	require.NoError(t, rows.Err())
	return strings.Join(lines, "\n")
}
