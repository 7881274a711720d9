package bench

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestATableIsReadUnderItsHeading(t *testing.T) {
	text := "# All\n| x |\n|---|\n| no |\n\n## Growth\nWords.\n\n| what | ms |\n|---|---|\n| a | 1,450 ms |\n\n| other |\n"
	rows, err := TableUnder(text, "Growth")
	require.NoError(t, err)
	require.Equal(t, [][]string{{"what", "ms"}, {"a", "1,450 ms"}}, rows)
	_, err = TableUnder(text, "Shrinking")
	require.ErrorContains(t, err, `no heading "Shrinking"`)
	_, err = TableUnder("## Growth\nWords.\n## Next\n| a |\n", "Growth")
	require.ErrorContains(t, err, "no table")

	figure, err := Number("1,450 ms")
	require.NoError(t, err)
	require.EqualValues(t, 1450, figure)
	_, err = Number("fast")
	require.ErrorContains(t, err, `"fast" is no figure`)
}
