package store

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// An error about a DSN goes to a terminal, a journal or a ticket.
func TestNoErrorAboutADSNHasItsPassword(t *testing.T) {
	const canary = "c4n4ry"
	failed := 0
	for _, dsn := range []string{
		"clickhouse://user:%s@host:port/db", "clickhouse://user:%s%%zz@host:9000/db", "clickhouse://user:%s@[::1/db",
		"clickhouse://user:%s@host:9000/db?dial_timeout=soon", "clickhouse://user:%s@host:9000/db?secure=perhaps",
		"clickhous://user:%s@host:9000/db", "user:%s@host:9000", "clickhouse://user:%s@/db",
		"clickhouse://user:%s@host:9000/d b",
		"clickhouse://user:%s@host:9000/db?compress=x", "http://user:%s@host:99999/db",
		"clickhouse://user:%s\x7f@host/db",
		"clickhouse://host:9000/db?password=%s&secure=maybe", "clickhouse://host:9000/db?username=a&password=%s%%zz",
		" clickhouse://user:%s@host:9000/db", "tcp://user:%s@host:9000/db?max_open_conns=many",
	} {
		config, err := ParseDSN(fmt.Sprintf(dsn, canary))
		if err == nil {
			_, err = Open(config)
		}
		if err != nil {
			failed++
			require.NotContains(t, err.Error(), canary, dsn)
		}
	}
	require.Greater(t, failed, 8)
}
