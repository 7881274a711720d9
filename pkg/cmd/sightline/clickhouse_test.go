package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAPasswordInAFileGoesBeforeTheDSN(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "password")
	require.NoError(t, os.WriteFile(secret, []byte("from the file\n"), 0o600))

	config, err := clickHouse("clickhouse://sightline:from-the-dsn@db:9000/sightline", secret)
	require.NoError(t, err)
	require.Equal(t, "from the file", config.Password)
	require.Equal(t, "sightline", config.User)

	config, err = clickHouse("clickhouse://sightline:from-the-dsn@db:9000/sightline", "")
	require.NoError(t, err)
	require.Equal(t, "from-the-dsn", config.Password)

	_, err = clickHouse("clickhouse://sightline@db:9000/sightline", secret+".missing")
	require.ErrorContains(t, err, "read the password of ClickHouse")
}
