package engine_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/stretchr/testify/require"

	"github.com/sightline-rum/sightline/pkg/engine"
	"github.com/sightline-rum/sightline/pkg/engine/enginetest"
)

// shared is the engine that most tests of this package use.
var shared engine.Access

func TestMain(m *testing.M) {
	access, stop, err := enginetest.StartMain()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	shared = access
	code := m.Run()
	stop()
	os.Exit(code)
}

// client opens a clickhouse-go client as one of the engine's users.
func client(t testing.TB, access engine.Access, login engine.Login,
	compression clickhouse.CompressionMethod) driver.Conn {
	t.Helper()
	conn, err := clickhouse.Open(&clickhouse.Options{
		Protocol:    clickhouse.HTTP,
		Addr:        []string{access.Address},
		Auth:        clickhouse.Auth{Database: access.Database, Username: login.User, Password: login.Password},
		Compression: &clickhouse.Compression{Method: compression},
		DialTimeout: 10 * time.Second,
		ReadTimeout: time.Minute,
	})
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func writer(t testing.TB) driver.Conn {
	return client(t, shared, shared.Writer, clickhouse.CompressionLZ4)
}

func reader(t testing.TB) driver.Conn {
	return client(t, shared, shared.Reader, clickhouse.CompressionLZ4)
}
