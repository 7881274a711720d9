package bench

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "draw the pictures in docs/ anew")

func TestPicturesShowTheTablesAboveThem(t *testing.T) {
	docs := filepath.Join("..", "..", "docs")
	into := t.TempDir()
	if *update {
		into = filepath.Join(docs, "img")
	}
	files, err := Draw(docs, into)
	require.NoError(t, err)
	for _, file := range files {
		want, err := os.ReadFile(filepath.Join(docs, "img", filepath.Base(file)))
		require.NoError(t, err)
		got, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Equal(t, string(want), string(got), "%s is older than its table: go test ./pkg/bench -update", file)
	}
}
