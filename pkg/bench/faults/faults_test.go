package faults

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheTableComesIntoItsPlaceAndCanBeMadeAgain(t *testing.T) {
	folder := t.TempDir()
	books, document := filepath.Join(folder, "books.jsonl"), filepath.Join(folder, "reliability.md")
	require.NoError(t, os.WriteFile(document, []byte("before\n"+begin+"old\n"+end+"after\n"), 0o600))
	require.NoError(t, Append(books, Case{Order: 2, Fault: "bad input", How: "thrown", Figures: "12 MiB"}))
	require.NoError(t, Append(books, Case{Order: 1, Fault: "kills", Sent: 9}))
	require.NoError(t, Append(books, Case{Order: 1, Fault: "kills", Sent: 10, Acknowledged: 9, Stored: 8, Lost: 1}))

	for range 2 {
		cases, err := Read(books)
		require.NoError(t, err)
		require.NoError(t, WriteInto(document, Table(cases)))
		text, err := os.ReadFile(document)
		require.NoError(t, err)
		require.Equal(t, "before\n"+begin+`
| fault | how | sent | acknowledged | stored | lost | doubled | besides |
|---|---|---|---|---|---|---|---|
| kills |  | 10 | 9 | 8 | 1 | 0 |  |
| bad input | thrown | | | | | | 12 MiB |

`+end+"after\n", string(text))
	}
}

func TestADocumentWithoutAPlaceForTheTableIsRefused(t *testing.T) {
	document := filepath.Join(t.TempDir(), "reliability.md")
	require.NoError(t, os.WriteFile(document, []byte("nothing"), 0o600))
	require.ErrorContains(t, WriteInto(document, "table"), "lacks the lines between which it belongs")
}
